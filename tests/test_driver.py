"""The driver and the result: determinism, statuses, bad input, files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import lyapax as lx
from lyapax.cli import commands
from lyapax.systems import library


def spectrum(system, **options):
    return lx.lyapunov_spectrum(system, **{"rng": 0, "progress": False, **options})


def network(n=12, **options):
    w = np.random.default_rng(0).standard_normal((n, n)) * 2 / np.sqrt(n)
    return lx.RateNetwork(w, **options)


@pytest.mark.parametrize("name", ["lanes", "dense"])
def test_extend_is_one_longer_run(name):
    system = library["lorenz63"].system() if name == "lanes" else network()
    options = dict(dt=0.02, transient=5.0, qr_every=3)
    extended = spectrum(system, duration=31.0, **options).extend(47.0, progress=False)
    whole = spectrum(system, duration=extended.duration, **options)
    assert np.array_equal(extended.exponents, whole.exponents)
    assert np.array_equal(extended.stderr, whole.stderr)


def test_threads_do_not_change_bits():
    code = (
        "import numpy as np, lyapax as lx;"
        "w = np.random.default_rng(0).standard_normal((2, 90, 90)) / 5;"
        "a = lx.lyapunov_spectrum(lx.RateNetwork(w), duration=2, dt=.05, rng=0, progress=False);"
        "s = lx.systems.library['lorenz63'].system(rho=np.linspace(20, 30, 99));"
        "b = lx.lyapunov_spectrum(s,"
        "duration=2, dt=.01, rng=0, progress=False, qr_every=5);"
        "print(a.exponents.tobytes().hex()[:4000], b.exponents.tobytes().hex()[:4000])"
    )
    import os

    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "NUMBA_NUM_THREADS": threads},
            capture_output=True, text=True, check=True,
        ).stdout
        for threads in ("1", "2")
    }  # fmt: skip
    assert len(outputs) == 1


def test_batch_shape_follows_broadcasting():
    plane = spectrum(
        library["lorenz63"].system(),
        params=dict(rho=np.array([10.0, 28.0]), sigma=np.array([[10.0], [12.0], [14.0]])),
        duration=20.0, dt=0.01,
    )  # fmt: skip
    assert plane.exponents.shape == (3, 2, 3)
    assert (plane.exponents[:, 0, 0] < 0).all()
    assert plane.attractor.shape == (3, 2)


def test_divergence_is_a_status():
    flow = lx.Flow(lambda x, p: [p.a * x[0] ** 3], 1, {"a": [1.0, -1.0]}, initial=[1.0])
    spec = spectrum(flow, duration=10.0, dt=0.01)
    assert np.isnan(spec.exponents[0, 0])
    assert spec.status[0, 0] == lx.Status.DIVERGED
    assert np.isfinite(spec.exponents[1, 0])
    with pytest.raises(RuntimeError, match="1 of 2"):
        spectrum(flow, duration=10.0, dt=0.01, errors="raise")


def test_tol_stops_early_and_is_kept():
    spec = spectrum(
        library["lorenz63"].system(), tol=0.02, max_duration=1e5, dt=0.01, transient=20.0
    )
    assert (spec.stderr < 0.02).all()
    assert spec.duration < 1e4


def test_save_and_load(tmp_path):
    spec = spectrum(network(), duration=20.0, dt=0.05)
    spec.save(tmp_path / "a.npz")
    again = lx.LyapunovSpectrum.load(tmp_path / "a.npz")
    assert np.array_equal(again.exponents, spec.exponents)
    assert repr(again) == repr(spec)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:200])
    with pytest.raises(ValueError, match="not a lyapax result"):
        lx.LyapunovSpectrum.load(tmp_path / "b.npz")
    with pytest.raises(ValueError, match="cannot be extended"):
        again.extend(1.0)


def test_drive_and_user_phi():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((400, 9))
    driven = network(9, kind="map", inputs=inputs, phi=lambda u: u / np.sqrt(1 + u**2))
    spec = spectrum(driven, duration=300, transient=20)
    assert np.isfinite(spec.exponents).all()
    with pytest.raises(ValueError, match="one row a step"):
        spectrum(driven, duration=3000)


def test_line_attractor_is_no_limit_cycle():
    flow = lx.Flow(lambda x, p: [0 * x[0], -x[1]], 2)
    assert spectrum(flow, duration=200.0, dt=0.05).attractor == "continuum of fixed points"


def test_locked_block_is_a_periodic_orbit():
    spec = spectrum(library["logistic"].system(r=3.5), duration=4000)
    assert spec.attractor == "periodic orbit (4)"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lx.RateNetwork(np.zeros((3, 4))), ValueError, "square"),
        (lambda: lx.RateNetwork([[np.nan]]), ValueError, "finite"),
        (lambda: lx.RateNetwork([["a"]]), TypeError, "real"),
        (lambda: lx.RateNetwork([[1j]]), TypeError, "real"),
        (lambda: lx.RateNetwork(np.zeros((0, 3, 3))), ValueError, "empty"),
        (lambda: lx.RateNetwork(np.eye(3), tau=-1.0), ValueError, "tau"),
        (lambda: lx.RateNetwork(np.eye(3), phi="tan"), ValueError, "softplus"),
        (lambda: lx.RateNetwork(np.eye(3), bias=np.zeros(4)), ValueError, "bias"),
        (lambda: spectrum(network(), duration=1.0, dt=0.0), ValueError, "dt"),
        (lambda: spectrum(network(), duration=1.0), ValueError, "dt"),
        (lambda: spectrum(network(), duration=-1.0, dt=0.1), ValueError, "duration"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, k=13), ValueError, "k must"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, k=1.5), TypeError, "k must"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, qr_every=0), ValueError, "qr_every"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, initial="a"), TypeError, "initial"),
        (lambda: spectrum("lorenz", duration=1.0, dt=0.1), TypeError, "system"),
        (lambda: lx.Flow(lambda x, p: [x[0]], 2), ValueError, "dim = 2"),
        (lambda: lx.Flow(lambda x, p: [x[0] if x[0] > 0 else 0], 1), TypeError, "np.where"),
        (lambda: lx.Flow(lambda x, p: [np.cbrt(x[0])], 1), TypeError, "cbrt"),
        (lambda: lx.Flow(lambda x: x, 1), ValueError, "arguments"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_unstable_step_warns_with_the_bound():
    with pytest.warns(UserWarning, match=r"0\.0278"):
        spectrum(network(tau=0.01), duration=0.1, dt=0.05)


def test_command_line(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "w.npy", rng.standard_normal((10, 10)))
    run = CliRunner()
    arguments = ["spectrum", str(tmp_path / "w.npy"), "--duration", "20", "--json", "--quiet"]
    done = run.invoke(commands, [*arguments, "--plot", str(tmp_path / "p.png")])
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.output)["exponents"]) == 10
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    done = run.invoke(commands, ["system", "henon", "--duration", "500", "--quiet"])
    assert "chaotic" in done.output


def test_command_line_errors_are_one_line(tmp_path):
    (tmp_path / "w.npy").write_bytes(b"garbage")
    done = subprocess.run(
        [sys.executable, "-c", "from lyapax.cli import main; main()", "spectrum",
         str(tmp_path / "w.npy")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "WEIGHTS" in done.stderr


def test_readme_snippets():
    import doctest

    failed, tried = doctest.testfile(
        str(Path(__file__).parents[1] / "README.md"), module_relative=False
    )
    assert tried > 5
    assert failed == 0


def test_docstring_examples():
    import doctest

    import lyapax.spectrum
    import lyapax.systems.function
    import lyapax.systems.rate

    for module in (lyapax.spectrum, lyapax.systems.function, lyapax.systems.rate):
        failed, tried = doctest.testmod(module)
        assert tried > 2
        assert failed == 0


def test_kernels_are_one_package():
    assert "kernels" not in sys.modules
