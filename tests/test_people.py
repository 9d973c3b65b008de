"""What people see: files, pictures, labelled arrays, the command line, the documents."""

import doctest
import io
import json
import re
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from click.testing import CliRunner

import lyapax as lx
from lyapax import _compiling, _progress
from lyapax._weights import read, read_weights
from lyapax.cli import commands, main
from lyapax.kernels.background import COMPILING
from lyapax.kernels.cpu.team import interruptible

from .catalogue.maps import multiply
from .test_interrupt import AFTER_A_BLOCK, IN_A_KERNEL

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def network():
    w = np.random.default_rng(0).standard_normal((12, 12)) * 2 / np.sqrt(12)
    net = lx.RateNetwork(w)
    return lx.lyapunov_spectrum(net, duration=20.0, dt=0.05, rng=0, progress=False)


@pytest.fixture(scope="module")
def plane():
    system = lx.systems.library["henon"].system(
        a=np.linspace(1.0, 1.4, 4)[:, None], b=np.linspace(0.1, 0.3, 3)
    )
    return lx.lyapunov_spectrum(system, duration=2000, rng=0, progress=False)


def test_save_and_load(tmp_path, network):
    network.save(tmp_path / "a.npz")
    again = lx.LyapunovSpectrum.load(tmp_path / "a.npz")
    assert np.array_equal(again.exponents, network.exponents)
    assert np.array_equal(again.history[1], network.history[1])
    assert repr(again) == repr(network)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    with pytest.raises(ValueError, match="cannot be extended"):
        again.extend(1.0)


def test_damaged_and_foreign_results_are_refused(tmp_path, network, monkeypatch):
    network.save(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:200])
    np.savez(tmp_path / "c.npz", x=np.zeros(3))
    for name in ("b.npz", "c.npz"):
        with pytest.raises(ValueError, match="not a lyapax result"):
            lx.LyapunovSpectrum.load(tmp_path / name)
    monkeypatch.setattr("lyapax._files.FORMAT", 99)
    with pytest.raises(ValueError, match="result format 1, this lyapax reads 99"):
        lx.LyapunovSpectrum.load(tmp_path / "a.npz")


def test_a_failed_write_leaves_nothing(tmp_path, network, monkeypatch):
    (tmp_path / "a.npz").write_bytes(b"old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        network.save(tmp_path / "a.npz")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.npz", b"old")]


def test_labelled_arrays(network, plane):
    data = plane.to_xarray()
    assert data.exponents.dims == ("a", "b", "exponent")
    assert data.sel(a=1.4, b=0.3).attractor == "chaotic"
    assert data.exponents.shape == (4, 3, 2)
    assert data.attrs["unit"] == "1/step"
    assert str(data.attractor.values[3, 2]) == "chaotic"
    assert network.to_xarray().attrs["unit"] == "1/time"


def test_pictures_show_the_numbers(network, plane):
    ax = network.plot()
    (bars,) = ax.containers
    np.testing.assert_allclose(bars.lines[0].get_ydata(), network.exponents)
    (_, _, (segments,)) = bars.lines
    heights = np.diff([segment[:, 1] for segment in segments.get_segments()], axis=1)
    np.testing.assert_allclose(heights.ravel(), 4 * network.stderr)
    lines = network.plot(kind="history").lines
    np.testing.assert_allclose(lines[-1].get_ydata(), network.history[1][:, -1])
    ax = plane.plot()
    np.testing.assert_allclose(ax.collections[0].get_array(), plane.exponents[..., 0])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("b", "a")
    assert ax.get_ylim()[0] < 1.0 < 1.4 < ax.get_ylim()[1] < 1.5
    with pytest.raises(ValueError, match="kind must be one of"):
        network.plot(kind="pie")
    with pytest.raises(ValueError, match="batch of 1 or 2 axes"):
        network.plot(kind="plane")
    plt.close("all")


def test_tables(network, plane):
    text = repr(network)
    assert "12 exponents per unit time, measured over 20" in text
    assert f"{network.exponents[0]:.5f}" in text
    assert network.attractor in text
    assert "batch (4, 3)" in repr(plane)
    growing = lx.Map(multiply, 2, {"s": 2.0, "t": 3.0})
    whole = lx.lyapunov_spectrum(growing, duration=20, progress=False)
    assert "dimension     2.0000" in repr(whole)
    assert ">= 1, not reached by 1 exponents" in repr(
        lx.lyapunov_spectrum(growing, duration=20, k=1, progress=False)
    )


def invoke(*arguments):
    done = CliRunner().invoke(commands, [*arguments, "--quiet"])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".mtx", "sparse.npz"])
def test_weights_from_every_kind_of_file(tmp_path, suffix, network):
    w = np.random.default_rng(0).standard_normal((12, 12)) * 2 / np.sqrt(12)
    path = tmp_path / f"w{suffix}"
    if suffix == ".npy":
        np.save(path, w)
    elif suffix == ".npz":
        np.savez(path, w=w)
    elif suffix == ".csv":
        np.savetxt(path, w, delimiter=",", fmt="%.18e")
    elif suffix == ".mtx":
        scipy.io.mmwrite(path, w, precision=17)
    else:
        scipy.sparse.save_npz(path, scipy.sparse.csr_matrix(w))
    run = ["--duration", "20", "--dt", "0.05", "--seed", "0", "--json"]
    found = json.loads(invoke("spectrum", str(path), *run))
    np.testing.assert_allclose(found["exponents"], network.exponents, atol=1e-9)


TABLE = np.array([[0.5, -1.25, 0.0], [2.0, 0.125, 3.0], [0.0, -0.75, 1.5]])


def table(top=None, left=None, corner="", matrix=TABLE):
    rows = [
        [*([name] if left else []), *map(repr, row.tolist())]
        for name, row in zip(left or [None] * len(matrix), matrix, strict=True)
    ]
    if top:
        rows.insert(0, [*([corner] if left and corner is not None else []), *top])
    return "".join(",".join(row) + "\n" for row in rows)


COUNTED = ["0", "1", "2"]
BOTH, FIRST_ROW = "first row and first column read as labels", "first row read as labels"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (table(), ""),
        ("# saved by NumPy\n\n" + table(), ""),
        (table(COUNTED, COUNTED), BOTH),
        (table(["1", "2", "3"], ["1", "2", "3"]), BOTH),
        (table(COUNTED, COUNTED, corner="unit"), BOTH),
        (table(["a", "b", "c"], ["a", "b", "c"]), BOTH),
        ("\ufeff" + table(["a", "b", "c"], ["a", "b", "c"], corner="name"), BOTH),
        (table(['"a, x"', '"b"', '"c"'], ['"a, x"', '"b"', '"c"'], corner='""'), BOTH),
        (table(["a", "b", "c"], COUNTED), BOTH),  # pandas, without an index of its own
        (table(["a", "b", "c"], ["a", "b", "c"], corner=None), BOTH),  # R's write.table
        (table(COUNTED), FIRST_ROW),
        (table(["1", "2", "3"]), FIRST_ROW),
        (table(["0.0", "1.0", "2.0"]), FIRST_ROW),
        (table(["a", "b", "c"]), FIRST_ROW),
        (table(None, COUNTED), "first column read as labels"),
        (table(None, ["a", "b", "c"]), "first column read as labels"),
    ],
)
def test_labels_of_a_csv_are_not_weights(tmp_path, text, note):
    path = tmp_path / "w.csv"
    path.write_text(text, "utf-8")
    found = read(path)
    assert np.array_equal(found.matrix, TABLE)
    assert found.notes == ([f"w.csv: {note}"] if note else [])


@pytest.mark.parametrize("labels", [COUNTED, ["1", "2", "3"]])
def test_labels_that_could_be_weights_are_refused(tmp_path, labels):
    path = tmp_path / "w.csv"
    path.write_text(table(labels, labels, corner="0"))
    with pytest.raises(ValueError, match=rf"count {labels[0]}, {labels[1]}, .*--no-labels"):
        read_weights(path)
    assert np.array_equal(read_weights(path, labels=True), TABLE)
    assert read_weights(path, labels=False).shape == (4, 4)
    # The distances along a ring begin with 0, 1, 2 too, and two units with one connection each way.
    path.write_text(table(matrix=np.array([[0.0, 1.0], [1.0, 0.0]])))
    assert read_weights(path).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (table(["a", "b", "c"], ["a", "c", "b"]), "labels of its rows and of its columns differ"),
        # Four columns with names above, of which three rows are kept: not square.
        (table(["a", "b", "c", "d"], matrix=np.ones((3, 4))), "no number"),
        (table().replace("3.0", "n.a."), "row 2, column 3 is 'n.a.'"),
    ],
)
def test_a_table_that_is_no_matrix(tmp_path, text, words):
    path = tmp_path / "w.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_weights(path)


@pytest.fixture
def run_main(monkeypatch, capsys):
    """Runs the command in this process; gives the exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["lyapax", *map(str, arguments)])
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main sets its own
        code = 0
        try:
            main()
        except SystemExit as left:
            code = left.code
        return code, *capsys.readouterr()

    return run


def test_a_csv_with_labels_on_the_command_line(tmp_path, run_main):
    (tmp_path / "w.csv").write_text(table(["a", "b", "c"], ["a", "b", "c"], matrix=TABLE / 10))
    run = ["--map", "--phi", "linear", "--duration", "50", "--json", "--quiet"]
    code, out, said = run_main("spectrum", tmp_path / "w.csv", *run)
    assert (code, said) == (0, f"lyapax: w.csv: {BOTH}\n")
    found = json.loads(out)["exponents"]
    assert sum(found) == pytest.approx(np.log(abs(np.linalg.det(TABLE / 10))), abs=1e-9)
    np.save(tmp_path / "w.npy", TABLE)
    code, _, said = run_main("spectrum", tmp_path / "w.npy", "--labels")
    assert code == 2
    assert "--labels is for tables" in said


def test_dead_units_of_sparse_weights():
    """SciPy 1.11 gives the largest of each column as a row."""
    w = scipy.sparse.csr_array([[0.5, 0.0, 0.2], [0.0, 0.0, 0.3], [0.1, 0.0, 0.0]])
    assert lx.RateNetwork(w, kind="map").nullity == 1
    assert lx.RateNetwork(w.toarray(), kind="map").nullity == 1


def test_json_has_null_where_there_is_no_number(tmp_path):
    """Two units that nothing reaches die at once: -inf, which JSON does not know."""
    np.save(tmp_path / "w.npy", np.diag([0.5, 0.0, 0.0]))
    text = invoke(
        "spectrum",
        str(tmp_path / "w.npy"),
        "--map",
        "--phi",
        "linear",
        "--duration",
        "50",
        "--json",
    )

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    found = json.loads(text[text.index("{") :], parse_constant=refuse)
    assert found["exponents"][0] == pytest.approx(np.log(0.5), abs=1e-12)
    assert found["exponents"][1:] == [None, None]
    assert found["status"] == [["OK", "RANK_LOST", "RANK_LOST"]]


def test_spectrum_command_writes_picture_and_result(tmp_path):
    np.save(tmp_path / "w.npy", np.diag(np.full(9, 0.5)))
    picture, result = tmp_path / "p.png", tmp_path / "r.npz"
    text = invoke(
        "spectrum", str(tmp_path / "w.npy"), "--map", "--phi", "linear", "--tau", "1", "-k", "4",
        "--duration", "100", "--plot", str(picture), "--out", str(result),
    )  # fmt: skip
    assert "fixed point" in text
    assert picture.read_bytes()[:4] == b"\x89PNG"
    loaded = lx.LyapunovSpectrum.load(result)
    np.testing.assert_allclose(loaded.exponents, np.log(0.5), atol=1e-12)


def test_system_command_sweeps():
    found = json.loads(
        invoke("system", "henon", "--param", "a=1.0:1.4:3", "--duration", "500", "--json")
    )
    assert np.shape(found["exponents"]) == (3, 2)
    assert found["attractor"][-1] == "chaotic"


def test_info_command():
    done = CliRunner().invoke(commands, ["info"])
    assert done.exit_code == 0
    for word in ("cpu", "threads", "blas", "gpu", "kernels", "cache", lx.__version__):
        assert word in done.output


def test_info_compiles_ahead(monkeypatch):
    monkeypatch.setattr(_compiling, "RUNS", (_compiling.functions,))
    done = CliRunner().invoke(commands, ["info", "--compile"])
    assert done.exit_code == 0
    assert re.search(r"^compiled in \d+ s$", done.output, re.M)


@pytest.mark.slow
def test_all_that_is_compiled_ahead():
    names = {run.__name__.replace("_", " ") for run in _compiling.RUNS}
    assert set(_compiling.compiled(2)) == names


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["spectrum", "garbage.npy"], "garbage.npy cannot be read"),
        (["spectrum", "missing.npy"], "missing.npy"),
        (["spectrum", "wide.npy"], "square"),
        (["spectrum", "square.npy", "--phi", "tan"], "softplus"),
        (["spectrum", "square.npy", "--dt", "-1"], "dt"),
        (["spectrum", "square.npy", "--plot", "picture"], ".png, .pdf, .svg"),
        (["spectrum", "square.npy", "--out", "nowhere/a.npz"], "cannot be written to"),
        (["system", "lorenz64"], "lorenz63"),
        (["system", "lorenz63", "--param", "rho"], "name=value"),
        (["system", "lorenz63", "--param", "ro=1"], "rho"),
    ],
)
def test_command_line_errors_are_one_line(tmp_path, arguments, words):
    (tmp_path / "garbage.npy").write_bytes(b"garbage")
    np.save(tmp_path / "wide.npy", np.zeros((3, 4)))
    np.save(tmp_path / "square.npy", np.eye(3))
    done = subprocess.run(
        [sys.executable, "-c", "from lyapax.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 1 + ("3 units" in lines[0])
    assert words in lines[-1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        *[([f"--{name}", value], f"{name} must be")
          for name in ("duration", "dt", "transient", "tol")
          for value in ("nan", "inf", "-1", "0") if (name, value) != ("transient", "0")],
        (["--duration", "1e308"], "lyapax: "),
        *[(["-k", value], "k must be from 1 to 3") for value in ("0", "-1", "1" + 20 * "0")],
        (["-k", "nan"], "-k"),
        (["--seed", "-1"], "--seed"),
        (["--seed", "1e18"], "--seed"),
        (["--dtype", "float16"], "float64, float32"),
        (["--device", "cuda:nan"], "cuda"),
        *[(["--param", f"rho={value}"], "rho") for value in
          ("nan", "inf", "nan:1:3", "0:1:0", "0:1:-1", "0:1:nan", "0:1:inf", "0:1:2.5",
           "0:1")],
        (["--param", "rho=0:1:1" + 17 * "0"], "lyapax: "),
    ],
)  # fmt: skip
def test_odd_numbers_are_one_line(options, words, run_main):
    run = [] if "--duration" in options else ["--duration", "5"]
    code, out, said = run_main("system", "lorenz63", "--quiet", *run, *options)
    assert (code, out) == (2, "")
    assert said.count("\n") == 1
    assert words in said


@pytest.mark.parametrize(
    ("measured", "code", "words", "hook"),
    [
        ("1e7", 0, "lyapax: interrupted: measured over", AFTER_A_BLOCK),
        ("1", 130, "lyapax: interrupted", IN_A_KERNEL),
    ],
)
def test_interrupted_command(tmp_path, measured, code, words, hook):
    """What is measured is printed and saved; Ctrl-C in a transient leaves nothing."""
    transient = "1e7" if code else "0"
    program = (
        "import signal, lyapax as lx; from lyapax.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"{hook}\nmain()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, "system", "lorenz63", "--duration", measured,
         "--transient", transient, "--out", "a.npz"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)  # against a hang, not a bound on speed
    assert process.returncode == code
    assert err.count("\n") == 1
    assert words in err
    assert ("attractor     chaotic" in out) == (code == 0)
    assert (tmp_path / "a.npz").exists() == (code == 0)


def test_readme_snippets():
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert tried > 5
    assert failed == 0


def test_a_long_preparation_says_what_it_does(monkeypatch):
    """After three polls, on the bar that a terminal gets; what ends before says nothing."""
    seen, said = [], threading.Event()

    class Bar:
        def refresh(self):
            said.set()

        def close(self):
            seen.append("closed")

    def bar(total, unit, progress, bar_format):
        seen.append((progress, bar_format))
        return Bar()

    monkeypatch.setattr(_progress, "plain_bar", bar)
    system = lx.Flow(lambda x, p: [p.a * np.sin(x[0] - 1.0)], 1, {"a": 1.0})
    assert system.preparing == "compiling 3 operations"
    wait = _progress.Waiting(system.preparing, True)
    assert wait(lambda: "at once") == "at once"
    assert seen == []
    assert wait(said.wait) is True  # returns when something is shown
    assert seen == [(True, "compiling 3 operations: {elapsed}"), "closed"]
    assert lx.RateNetwork(np.eye(3)).preparing == "compiling"


def test_kernels_that_are_compiled_for_a_call_are_told_of(monkeypatch):
    """But not with progress=False; and afterwards nobody is told."""
    told, before = [], COMPILING.get()

    class Waiting(_progress.Waiting):
        def __call__(self, function, *args):
            told.append((self.words, self.progress, self.patient))
            return function(*args)

    monkeypatch.setattr(_progress, "Waiting", Waiting)
    net = lx.RateNetwork(np.zeros((20, 20)))
    for progress in (True, False):
        monkeypatch.setattr(interruptible, "READY", set())
        lx.trajectory(net, duration=1, dt=0.1, progress=progress)
    words, asked, polls = zip(*told, strict=True)
    assert set(words) == {"compiling for this machine, once"}
    assert asked[0] is True
    assert asked[-1] is False
    assert set(polls) == {7}
    assert COMPILING.get() is before


def test_a_large_flow_in_which_all_is_coupled_says_what_starts_sooner():
    def kuramoto(x, p):
        return [sum(np.sin(a - b) for a in x) for b in x]

    assert "(an lx.Network would" in lx.Flow(kuramoto, 16).preparing
    assert "Network" not in lx.Flow(kuramoto, 5).preparing
    assert "Network" not in lx.systems.lorenz96_of(40).system().preparing


def test_tracing_that_takes_long_is_told_of(monkeypatch):
    """On a terminal, from a moment on; elsewhere nothing is written."""
    from lyapax._telling import told_of

    told = threading.Event()

    class Terminal(io.StringIO):
        terminal = True

        def isatty(self):
            return self.terminal

        def write(self, text):
            if "tracing f, once" in text:
                told.set()
            return super().write(text)

    monkeypatch.setattr(sys, "stderr", Terminal())
    with told_of("tracing f, once", after=0.0):
        assert told.wait(60)
    told.clear()
    monkeypatch.setattr(Terminal, "terminal", False)
    begun = []
    monkeypatch.setattr("lyapax._telling.threading.Thread.start", begun.append)
    with told_of("tracing f, once", after=0.0):
        pass
    assert not begun
    assert not told.is_set()
