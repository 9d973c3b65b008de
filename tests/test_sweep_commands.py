"""Planes on the command line: measured, explained, resumed, and looked at."""

import re
import shutil
import subprocess

import numpy as np
import pytest
import xarray
from click.testing import CliRunner

import lyapax as lx
from lyapax._sweep.page import page
from lyapax._sweep.points import key
from lyapax.cli import commands

FUNCTIONS = """
import numpy as np
import lyapax as lx
from constants import WEIGHTS

def network(g, tau=1.0):
    return lx.RateNetwork(g * WEIGHTS, tau=tau)

def lorenz(x, p):
    return [p.sigma * (x[1] - x[0]), x[0] * (p.rho - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]

def logistic(x, p):
    return [p.r * x[0] * (1 - x[0])]

number = 3
"""
CONSTANTS = "import numpy as np\nWEIGHTS = np.diag([0.5, 0.2, -0.3])\n"


def run(*command):
    """What a command prints; its errors are raised."""
    return CliRunner().invoke(commands, list(map(str, command)), catch_exceptions=False).output


@pytest.fixture
def file(tmp_path):
    (tmp_path / "mine.py").write_text(FUNCTIONS)
    (tmp_path / "constants.py").write_text(CONSTANTS)
    return tmp_path / "mine.py"


@pytest.fixture(scope="module")
def henon(tmp_path_factory):
    store = tmp_path_factory.mktemp("planes") / "plane.zarr"
    axes = ["--param", "a=0.9:1.4:6", "--param", "b=0.1:0.3:5"]
    text = run("sweep", "henon", *axes, "--duration", 1000, "--quiet", "--store", store)
    return store, text


def test_a_plane_goes_on_and_is_shown(henon):
    store, text = henon
    assert "Map(henon, dim=2): 30 points" in text
    assert "a: 6 values from 0.9 to 1.4" in text
    assert re.search(r"^ +\d+  chaotic$", text, re.M)
    assert run("show", store) == text
    axes = ["--param", "a=0.9:1.4:6", "--param", "b=0.1:0.3:5", "--store", store, "--quiet"]
    assert run("sweep", "henon", *axes, "--duration", 1000) == text
    for options, words in [
        (["--duration", 0], "duration must be"),
        (["--duration", 999], "another duration"),
        (["--refine", "boundaries", "--duration", 1000], "another refine"),
        (["--refine", "some"], "refine must be"),
        (["--param", "q=1:2:3"], "got 'q'"),
        (["--dim", 3], "--dim and --map are for"),
        (["--param", "a=1"], "--param must give a once"),
    ]:
        with pytest.raises(ValueError, match=words):
            run("sweep", "henon", *axes, *options)
    with pytest.raises(ValueError, match="--param must give an axis"):
        run("sweep", "henon", "--param", "a=1.4", "--store", store)
    assert "--store is needed" in run("sweep", "henon", "--param", "a=1:2:3")


def test_explain_measures_nothing_but_a_sample(tmp_path):
    axes = ["--param", "rho=10:100:300", "--param", "sigma=5:15:200"]
    text = run("sweep", "lorenz63", *axes, "--duration", 20, "--dt", 0.01, "--explain")
    points, times, store = text.splitlines()
    assert re.fullmatch(r"points  60,000 in [\d,]+ chunks of at most [\d,]+", points)
    assert re.fullmatch(
        r"time    [\d.e+]+ (s|min|h|days) in one process on this machine, .*", times
    )
    assert float(store.split()[1]) == 60_000 * (3 * 18 + 47) / 1e6
    assert not list(tmp_path.iterdir())


def test_functions_of_a_file(file, tmp_path):
    text = run("spectrum", f"{file}:network", "--param", "g=2", "--duration", 60, "--quiet")
    assert "RateNetwork(n=3" in text
    assert "-0.60000" in text  # tanh units at rest decay by 2 w - 1 at a fixed point at 0
    text = run("spectrum", f"{file}:logistic", "--dim", 1, "--map", "--param", "r=4",
               "--duration", 20000, "--quiet")  # fmt: skip
    assert abs(float(re.search(r"1 +(0\.\d+)", text)[1]) - np.log(2)) < 0.02
    store = tmp_path / "g.zarr"
    text = run("sweep", f"{file}:network", "--param", "g=0:1.5:4", "--param", "tau=2",
               "--duration", 60, "--dt", 0.1, "--quiet", "--store", store)  # fmt: skip
    plane = xarray.open_zarr(store, consolidated=False)
    np.testing.assert_allclose(plane.exponents[:, 0], (plane.g * 0.5 - 1) / 2, atol=1e-6)
    text = run("sweep", f"{file}:lorenz", "--dim", 3, "--param", "rho=20:30:3", "--param",
               "sigma=10", "--duration", 50, "--quiet", "--store", tmp_path / "l.zarr")  # fmt: skip
    assert "Flow(lorenz, dim=3): 3 points" in text


def test_weights_of_a_file(tmp_path):
    np.save(tmp_path / "w.npy", np.diag([0.5, 0.1]))
    run("sweep", tmp_path / "w.npy", "--param", "tau=1:2:3", "--duration", 40, "--dt", 0.1,
        "--quiet", "--store", tmp_path / "p.zarr")  # fmt: skip
    plane = xarray.open_zarr(tmp_path / "p.zarr", consolidated=False)
    np.testing.assert_allclose(plane.exponents[:, 0], -0.5 / plane.tau, atol=1e-6)


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        ("none.py:network", [], "there is no file .*none.py"),
        ("mine.py:nothing", [], "mine.py has no function 'nothing'"),
        ("mine.py:number", [], "mine.py has no function 'number'"),
        ("mine.py:network", [], "network must be a function of nothing .* argument: 'g'"),
        ("mine.py:network", ["--param", "q=1"], "network must be a function of q "),
        ("mine.py:lorenz", ["--param", "x=1", "--param", "p=1"], "lorenz cannot be built: "),
        ("mine.py:lorenz", ["--dim", "0"], "--dim"),
        ("broken.py:f", [], "broken.py cannot be run: ZeroDivisionError: division by zero"),
        ("syntax.py:f", [], "syntax.py cannot be run: SyntaxError"),
        ("none.npy", [], "there is no file"),
        ("w.npy", ["--dim", "3"], "--param and --dim are for FILE.py:FUNCTION"),
    ],
)
def test_bad_targets(file, target, options, words):
    folder = file.parent
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "syntax.py").write_text("def f(:\n")
    np.save(folder / "w.npy", np.eye(2))
    with pytest.raises(ValueError, match=words):
        run("spectrum", folder / target, *options)


def test_show_refuses_what_is_no_plane(tmp_path):
    with pytest.raises(ValueError, match=r"store .*none.zarr is not there"):
        run("show", tmp_path / "none.zarr")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="exists and is no sweep"):
        run("show", tmp_path / "other")
    assert "cannot be written to" in run("show", tmp_path, "--plot", tmp_path / "no" / "p.png")
    lx.sweep(
        lx.systems.library["henon"].system(),
        {"a": [1.0, 1.4], "member": [0, 1], "b": [0.1, 0.3]},
        store=tmp_path / "three.zarr",
        duration=100,
        progress=False,
    )
    for option, name in (("--plot", "p.png"), ("--html", "p.html")):
        with pytest.raises(ValueError, match="needs one or two axes, got a, member, b"):
            run("show", tmp_path / "three.zarr", option, tmp_path / name)


def test_weights_beside_another_target(file, tmp_path):
    np.save(tmp_path / "w.npy", np.eye(2))
    for target in (f"{file}:network", tmp_path / "w.npy"):
        with pytest.raises(ValueError, match="--weights is for NAME of a known network"):
            run("sweep", target, "--weights", tmp_path / "w.npy", "--param", "g=1:2:3",
                "--store", tmp_path / "p.zarr")  # fmt: skip


def test_a_plane_that_has_just_begun_and_one_with_a_failed_chunk(tmp_path):
    from lyapax._sweep.planning import planned
    from lyapax._sweep.store import opened

    henon = lx.systems.library["henon"].system()
    axes = {"a": np.linspace(1.0, 1.4, 4), "b": np.array([0.1, 0.3])}
    plan = planned(henon, axes, 0, {"duration": 64.0, "qr_every": 1}, 2, {})
    store = opened(tmp_path / "plane.zarr", plan.settings, plan.task.axes, plan.chunks)
    assert "8  not measured" in run("show", store.path, "--plot", tmp_path / "plane.png")
    store.fail(1, "WorkerCrashedError: it died")
    text = run("show", store.path, "--html", tmp_path / "plane.html")
    assert "chunk 1 failed: WorkerCrashedError: it died" in text


def test_pictures(henon, tmp_path):
    run("show", henon[0], "--plot", tmp_path / "plane.png")
    assert (tmp_path / "plane.png").stat().st_size > 20_000
    store = tmp_path / "line.zarr"
    run("sweep", "henon", "--param", "a=1:1.4:9", "--duration", 500, "--quiet", "--store", store)
    run("show", store, "--plot", tmp_path / "line.svg")
    assert (tmp_path / "line.svg").read_text().count("<path") > 10


CLICK = """<script>
function press(kind, target, x, y) {
  target.dispatchEvent(new MouseEvent(kind, {bubbles: true, cancelable: true, view: window,
                                             clientX: x, clientY: y, buttons: 1}));
}
setTimeout(() => {
  const area = document.querySelector("#plane .nsewdrag"), box = area.getBoundingClientRect();
  const x = box.left + box.width * 0.9, y = box.top + box.height * 0.05;
  press("mousemove", area, x, y);
  setTimeout(() => { press("mousedown", area, x, y); press("mouseup", area, x, y); }, 300);
}, 1500);
</script></body>"""


def test_a_page_that_is_clicked(henon, tmp_path):
    """The last point of both axes: its class, its spectrum, and the line that runs it again."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium here")
    run("show", henon[0], "--html", tmp_path / "plane.html")
    text = (tmp_path / "plane.html").read_text()
    assert not re.search(r"<(script|link)[^>]+(src|href)=", text)
    (tmp_path / "clicked.html").write_text(text.replace("</body>", CLICK))
    found = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1300,900",
         "--virtual-time-budget=8000", "--dump-dom", f"file://{tmp_path}/clicked.html"],
        capture_output=True, text=True, check=True, timeout=120,
    ).stdout  # fmt: skip
    plane = xarray.open_zarr(henon[0], consolidated=False)
    assert '<p id="point">a = 1.4, b = 0.3: chaotic</p>' in found
    (line,) = re.findall(r'<code id="rerun">(.*?)</code>', found)
    assert len(re.findall(r'class="point"', found)) >= 2
    system = lx.systems.library["henon"].system()
    spec = eval(line, {"lx": lx, "np": np, "system": system})
    np.testing.assert_array_equal(spec.exponents, plane.exponents[-1, -1])


def test_the_line_of_a_page(henon):
    plane = xarray.open_zarr(henon[0], consolidated=False)
    line = re.search(r'"line": "(.*?)"[,}]', page(plane))[1]
    assert line.startswith("lx.lyapunov_spectrum(system.with_params(a={0}, b={1}), initial=")
    assert f"[{key(0)}, {{number}}]" in line
