"""The driver and the result: determinism, statuses, bad input, files."""

import multiprocessing
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import lyapax as lx
from lyapax import _run as run_module
from lyapax.kernels import generated
from lyapax.kernels.cpu.team import interruptible
from lyapax.kernels.propagator import initial_carry
from lyapax.systems import library

from .helpers import SYSTEMS, network, spectrum
from .numpy_system import NumpyFlow, NumpyNetwork
from .right_hand_sides import cube, diagonal


@pytest.mark.parametrize("name", SYSTEMS)
def test_extend_is_one_longer_run(name):
    options = dict(dt=0.02, transient=5.0, qr_every=3)
    extended = spectrum(SYSTEMS[name](), duration=31.0, **options).extend(47.0, progress=False)
    whole = spectrum(SYSTEMS[name](), duration=extended.duration, **options)
    assert np.array_equal(extended.exponents, whole.exponents)
    assert np.array_equal(extended.stderr, whole.stderr)


def test_threads_do_not_change_bits():
    """Also eight members of one run, which must not share a buffer."""
    code = (
        "import numpy as np, lyapax as lx; from tests.helpers import SYSTEMS, spectrum\n"
        "from lyapax.kernels.cpu.team import interruptible\n"
        "interruptible.cores = lambda: 3  # whatever this machine has\n"
        "for name in SYSTEMS:\n"
        "    spec = spectrum(SYSTEMS[name](), duration=3, dt=.02, qr_every=5, members=40)\n"
        "    print(spec.exponents.tobytes().hex())\n"
        "w = np.random.default_rng(0).standard_normal((2, 90, 90)) / 5\n"
        "# Two members, one in strips, one of a single strip whose state runs ahead.\n"
        "for part in (w, w[0], w[1, :13, :13]):\n"
        "    spec = spectrum(lx.RateNetwork(part), duration=2, dt=.05)\n"
        "    print(spec.exponents.tobytes().hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "LYAPAX_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2", "3")
    }
    assert len(outputs) == 1


def squeezing_map(slowest, n=10):
    """Linear maps with one direction that shrinks by `slowest` a step, and log|det| of each."""
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))[0]
    scale = np.geomspace(1.0, 0.5, n) * np.ones((len(slowest), 1))
    scale[:, -1] = slowest
    return NumpyNetwork(turn * scale[:, None, :], phi="linear", kind="map"), np.log(scale).sum(1)


@pytest.mark.parametrize("qr_every", ["auto", 1])
def test_float32_falls_back_to_float64_for_the_members_that_need_it(qr_every):
    system, volume = squeezing_map([0.4, 1e-6, 0.3])
    # A basis of one's own keeps the eigenvalues of the state at rest out of it.
    options = {"duration": 300, "qr_every": qr_every, "initial_basis": np.eye(10)}
    single = spectrum(system, dtype="float32", **options)
    double = spectrum(system, **options)
    assert np.abs(single.exponents[1] - double.exponents[1]).max() < 1e-9
    assert 0 < np.abs(single.exponents[0] - double.exponents[0]).max() < 1e-4
    assert not single.status.any()
    np.testing.assert_allclose(single.exponents.sum(axis=1), volume, atol=1e-4)


@pytest.mark.parametrize("qr_every", ["auto", 1, 5])
def test_dead_directions_are_proven(qr_every):
    """A zero column of W is dead at any cadence; 1e-4 a step only looks dead after four."""
    w = 0.4 * np.random.default_rng(0).standard_normal((9, 9))
    w[:, 4] = 0.0
    net = NumpyNetwork(w, kind="map")
    spec = spectrum(net, duration=300, qr_every=qr_every)
    assert spec.status[-1] == lx.Status.RANK_LOST
    assert np.isneginf(spec.exponents[-1])
    assert np.isfinite(spec.exponents[:-1]).all()
    system, volume = squeezing_map([1e-4])
    spec = spectrum(system, duration=300, qr_every=qr_every)
    if qr_every == 5:
        assert spec.status[0, -1] == lx.Status.UNRESOLVED
        assert np.isnan(spec.exponents[0, -1])
    else:
        np.testing.assert_allclose(spec.exponents.sum(axis=1), volume, atol=1e-6)


def test_growth_beyond_float64_is_unresolved():
    system, _ = squeezing_map([1e-9])
    spec = spectrum(system, duration=300, initial_basis=np.eye(10))
    assert (spec.status[0, :-1] == lx.Status.OK).all()
    assert spec.status[0, -1] == lx.Status.UNRESOLVED
    assert spec.cancellation[0, -1] > 1e7


@pytest.mark.parametrize("name", ["columns", "dense", "sparse"])
def test_float32_tangents_move_no_exponent(name):
    options = dict(dt=0.02, transient=10.0, duration=100.0, qr_every=5)
    double = spectrum(SYSTEMS[name](), **options)
    single = spectrum(SYSTEMS[name](), dtype="float32", **options)
    assert (single.status == lx.Status.OK).all()
    moved = np.abs(single.exponents - double.exponents).max()
    assert 0 < moved < 1e-4 * np.ptp(double.exponents)


def test_a_lost_state_counts_however_finite_its_tangents():
    """Where a ReLU's input is no number, its slope is 0 in straight-line code."""
    net = lx.RateNetwork(np.full((4, 4), 1e3), 10.0, phi="relu", form="rate", kind="map")
    spec = spectrum(net, duration=100, transient=200)
    assert spec.diverged
    assert np.isnan(spec.exponents).all()


def test_a_second_process_compiles_nothing():
    code = (
        "import lyapax as lx; from numba.core import event; from tests.helpers import SYSTEMS\n"
        "seen = event.RecordingListener()\n"
        "with event.install_listener('numba:compile', seen):\n"
        "    for name in SYSTEMS:\n"
        "        lx.lyapunov_spectrum(SYSTEMS[name](), duration=1, dt=.02, progress=False)\n"
        "print(len(seen.buffer))"
    )
    counts = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert counts[1] == "0\n"


def test_generated_code_is_not_taken_from_strangers(tmp_path, monkeypatch):
    monkeypatch.setenv("LYAPAX_CACHE_DIR", str(tmp_path / "own"))
    assert generated.folder().stat().st_mode & 0o777 == 0o700
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("LYAPAX_CACHE_DIR", str(tmp_path / "open"))
    with pytest.raises(OSError, match="only you own"):
        generated.folder()


def test_the_first_basis_is_not_counted():
    """Not its length, not its skewness, and it moves through the alignment."""
    flow = NumpyFlow(lambda x, p: [-x[0], -3 * x[1], -2 * x[2]], 3)
    skew = 100 * np.array([[1.0, 0.5, 0], [0, 1, 0.5], [0, 0, 1]])
    spec = spectrum(flow, duration=0.5, dt=0.01, transient=0.0, initial_basis=np.eye(3) * 7)
    np.testing.assert_allclose(spec.exponents, [-1, -2, -3], atol=1e-6)
    spec = spectrum(flow, duration=0.5, dt=0.01, alignment=30.0, initial_basis=skew)
    np.testing.assert_allclose(spec.exponents, [-1, -2, -3], atol=1e-6)
    assert spec.exponents.tolist() == sorted(spec.exponents, reverse=True)


@pytest.mark.parametrize("duration", [0.3, 0.333, 1.0, 7.77])
@pytest.mark.parametrize("qr_every", [1, 7])
def test_elapsed_time_is_exact(duration, qr_every):
    flow = NumpyFlow(lambda x, p: [-x[0]], 1)
    spec = spectrum(flow, duration=duration, dt=0.01, qr_every=qr_every, transient=0.0)
    assert spec.exponents[0] == pytest.approx(-1.0, abs=1e-9)
    assert duration - 1e-9 <= spec.duration < duration + 0.01 * (qr_every + 1)
    assert spec.duration / 0.01 == pytest.approx(round(spec.duration / 0.01), abs=1e-9)


def test_the_tangent_step_is_the_derivative_of_the_state_step():
    """Not with the Jacobian frozen at the start of the step: dt is large here."""
    system = network(5)
    system.propagator((1,), 0.5, 5, np.dtype(float))
    start, step, dt = np.linspace(-1, 1, 5), 1e-6, 0.5

    def moved(x):
        carry = initial_carry(x[None].copy(), np.eye(5)[None].copy())
        propagator = system.propagator((1,), dt, 5, np.dtype(float))
        propagator.propagate(carry, 1, 1)
        return carry

    columns = [
        (moved(start + step * e).state[0] - moved(start - step * e).state[0]) / (2 * step)
        for e in np.eye(5)
    ]
    q, r = np.linalg.qr(np.array(columns).T)
    carry = moved(start)
    np.testing.assert_allclose(carry.log_sum[0], np.log(np.abs(np.diag(r))), atol=1e-8)
    np.testing.assert_allclose(carry.basis[0], q * np.sign(np.diag(r)), atol=1e-8)


def test_regular_orbits_of_a_volume_preserving_map_are_neutral():
    regular = library["standard_map"].system(kick=0.3)
    spec = spectrum(regular, initial=[np.pi, 0.5], duration=20000)
    assert spec.n_zero == 2
    assert spec.attractor == "quasi-periodic (torus of dimension 1)"
    assert spectrum(library["standard_map"].system(), duration=20000).attractor == "chaotic"


@pytest.mark.parametrize("phi", ["tanh", "relu", "sigmoid", "softplus", "erf", "linear"])
@pytest.mark.parametrize("form", ["current", "rate"])
def test_lanes_and_dense_networks_agree(phi, form):
    """Two units alone, in lanes, and beside ten that nothing connects, in the dense kernel."""
    rng = np.random.default_rng(1)
    w, bias, start = rng.standard_normal((2, 2)) / 2, rng.standard_normal(2), rng.standard_normal(2)
    options = dict(duration=5.0, dt=0.05, transient=0.0, qr_every=4)
    small = spectrum(
        lx.RateNetwork(w, bias, phi=phi, form=form),
        initial=start,
        initial_basis=np.eye(2),
        **options,
    )
    large = spectrum(
        lx.RateNetwork(np.pad(w, (0, 10)), np.pad(bias, (0, 10)), phi=phi, form=form),
        initial=np.pad(start, (0, 10)),
        initial_basis=np.eye(12)[:, :2],
        k=2,
        **options,
    )
    np.testing.assert_allclose(small.exponents, large.exponents, atol=1e-10)


def test_batch_shape_follows_broadcasting():
    plane = spectrum(
        library["lorenz63"].system(),
        params=dict(rho=np.array([10.0, 28.0]), sigma=np.array([[10.0], [12.0], [14.0]])),
        duration=20.0,
        dt=0.01,
    )
    assert plane.exponents.shape == (3, 2, 3)
    assert (plane.exponents[:, 0, 0] < 0).all()
    assert plane.attractor.shape == (3, 2)


def test_divergence_is_a_status():
    flow = NumpyFlow(cube, 1, {"a": [1.0, -1.0]}, initial=[1.0])
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


def test_drive_and_user_phi():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((400, 9))
    driven = network(9, kind="map", inputs=inputs, phi=lambda u: u / np.sqrt(1 + u**2))
    spec = spectrum(driven, duration=300, transient=20)
    assert np.isfinite(spec.exponents).all()
    with pytest.raises(ValueError, match="one row a step"):
        spectrum(driven, duration=3000)


@pytest.mark.parametrize("qr_every", ["auto", 1, 7])
@pytest.mark.parametrize("rows", [10, 290, 300])
def test_inputs_are_used_once(rows, qr_every):
    """Rounding up to whole intervals must not start them anew, nor may `extend`."""
    inputs = np.random.default_rng(0).standard_normal((rows, 9))
    third = rows // 3
    spec = spectrum(
        network(9, kind="map", inputs=inputs),
        duration=rows - third,
        transient=third,
        alignment=0,
        qr_every=qr_every,
    )
    assert 0 <= rows - third - spec.duration < 8
    with pytest.raises(ValueError, match="used up"):
        extended_for_ever(spec, rows)


def extended_for_ever(spec, rows):
    while True:
        assert spec._continuation.run.now.carry.step <= rows
        spec = spec.extend(100, progress=False)


def test_line_attractor_is_no_limit_cycle():
    flow = NumpyFlow(diagonal, 2, {"a": 0.0, "b": -1.0})
    assert spectrum(flow, duration=200.0, dt=0.05).attractor == "continuum of fixed points"


def test_locked_block_is_a_periodic_orbit():
    spec = spectrum(library["logistic"].system(r=3.5), duration=4000)
    assert spec.attractor == "periodic orbit (4)"


def test_unstable_step_warns_with_the_bound():
    with pytest.warns(UserWarning, match=r"0\.0278"):
        spectrum(network(tau=0.01), duration=0.1, dt=0.05)


def test_kernels_are_one_package():
    assert "kernels" not in sys.modules


def _spectrum_of_child(queue):
    queue.put(_small_spectrum())


def _small_spectrum():
    w = np.random.default_rng(0).standard_normal((30, 30)) / 4
    return lx.lyapunov_spectrum(
        lx.RateNetwork(w), duration=20, dt=0.05, rng=0, progress=False
    ).exponents


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_computes_too():
    """As a worker of a data loader does, also when the parent is in the middle of a kernel."""
    expected = _small_spectrum()
    context = multiprocessing.get_context("fork")
    held = interruptible.CALL_LOCK.lock
    with held:
        queue = context.Queue()
        child = context.Process(target=_spectrum_of_child, args=(queue,))
        child.start()
    found = queue.get(timeout=120)
    child.join()
    np.testing.assert_array_equal(found, expected)


def skewed(steep):
    """Slopes 2 on half and `steep` on a quarter: a bit or two of the state go at each step."""
    return lx.Map(
        lambda x, p: [np.where(x[0] < 0.5, 2 * x[0], steep * (x[0] % 0.25))], 1, initial=[0.3]
    )


def test_a_state_that_rounding_put_on_an_unstable_orbit():
    """Slopes of 2 and 4: the state is 0 after some 30 steps, and its exponent ln 2."""
    with pytest.warns(UserWarning, match="1 of 1 members ended exactly .* powers of two"):
        spec = spectrum(skewed(4.0), duration=5000)
    assert spec.attractor == "unstable fixed point"
    # By the invariant density, which is uniform: ln 2 / 2 + ln 4 / 2.
    spec = spectrum(skewed(4.0 - 1e-12), duration=50_000)
    assert spec.attractor == "chaotic"
    assert abs(spec.exponents[0] - 1.0397) < 4 * spec.stderr[0]
    assert spec.stderr[0] < 0.01


def test_a_start_on_an_unstable_orbit_is_no_chaos():
    logistic = library["logistic"].system(r=4.0)
    assert spectrum(logistic, initial=[0.75], duration=100, transient=0).attractor == (
        "unstable fixed point"
    )
    lorenz = library["lorenz63"].system()
    spec = spectrum(lorenz, initial=[0.0, 0.0, 0.0], duration=20, dt=0.01)
    assert spec.attractor == "unstable fixed point"
    assert spec.n_positive == 1


@pytest.mark.filterwarnings(
    "ignore:dt = 0.0045 is too large"
)  # to be right, but it does not diverge
def test_what_diverged_says_when_and_why():
    """van der Pol's stiff orbit: stable at half the step, and the step's own doing at this one."""
    stiff = library["van_der_pol"].system(mu=100.0)
    options = dict(initial=[2.2, 0.0], transient=2.0, duration=20.0)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        spec = spectrum(stiff, dt=0.009, **options)
    stability, why = (str(warning.message) for warning in seen)
    assert "must stay below 0.00725" in stability  # where it starts, not where it went
    assert "half the step, 0.0045, it stays finite: dt is too large" in why
    assert spec.diverged
    assert spec.finer_step_survives is True
    path = lx.trajectory(stiff, initial=[2.2, 0.0], duration=20, dt=0.009, progress=False)
    assert spec.diverged_at == pytest.approx(path.diverged_at)
    last = path.states[round(float(spec.diverged_at) / 0.009) - 1]
    assert spec.last_size == pytest.approx(np.abs(last).max())
    assert "dt is too large" in repr(spec)
    assert spectrum(stiff, dt=0.0045, **options).exponents[0] < 0.1


def test_the_time_of_divergence_does_not_depend_on_the_calls(monkeypatch):
    """Members that blow up at 1/(2 a), which no step helps, whatever the calls were."""
    rates = np.array([1.0, 2.0, 4.0, -1.0])
    flow = NumpyFlow(cube, 1, {"a": rates}, initial=[1.0])
    found = []
    for steps in (1, 7, 1000):
        monkeypatch.setattr(run_module.Run, "_affordable", lambda self, steps=steps: steps)
        spec = spectrum(flow, duration=10.0, dt=0.01, transient=1.0)
        found.append((spec.diverged_at, spec.last_size))
        assert spec.finer_step_survives is False
    for times, sizes in found[1:]:
        np.testing.assert_array_equal(times, found[0][0])
        np.testing.assert_array_equal(sizes, found[0][1])
    np.testing.assert_allclose(found[0][0], [0.5, 0.25, 0.125, np.nan], atol=0.03)


def test_jumps_are_said_and_refused():
    relay = lx.Flow(lambda x, p: [x[1], -np.sign(x[0]) - 0.1 * x[1]], 2, initial=[1.0, 0.0])
    with pytest.warns(UserWarning, match="jumps by 2 where x0 = 0"):
        spectrum(relay, duration=5.0, dt=0.01)
    with pytest.raises(ValueError, match="must not jump"):
        spectrum(relay, duration=5.0, dt=0.01, strict=True)
    steps = network(9, phi=lambda u: np.where(u > 0.1, 1.0, 0.0))
    with pytest.raises(ValueError, match=r"phi jumps by 1 where u - 0\.1 = 0"):
        spectrum(steps, duration=1.0, dt=0.01, strict=True)
    kinked = network(9, phi=lambda u: np.maximum(u, 0.1 * u))
    assert np.isfinite(spectrum(kinked, duration=1.0, dt=0.01, strict=True).exponents).all()
