"""Are the errors and the classes honest? Coverage over many runs, classes of known cases."""

from pathlib import Path

import numpy as np
import pytest

from lyapax import Flow, RateNetwork, lyapunov_spectrum
from lyapax._statistics import standard_error
from lyapax.systems import library, lorenz96_of

from .right_hand_sides import oscillators, spiral

CHAOTIC_50 = np.load(Path(__file__).parent / "data" / "chaotic50.npy")

# Means of 128 runs of 16 times the length, at the same dt, with other seeds; their errors are
# below a twentieth of the standard errors that are tested.
RUNS = {
    "lorenz63": (library["lorenz63"].system, 2048, 0.01, 100, (0.90559, 0.0, -14.57215)),
    "henon": (library["henon"].system, 4096, None, 1000, (0.41938, -1.62335)),
    "network": (
        lambda: RateNetwork(CHAOTIC_50),
        2048,
        0.1,
        300,
        (0.12396, 0.0, -0.07023, -0.23709),
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_two_standard_errors_cover_the_truth(name):
    build, duration, dt, transient, truth = RUNS[name]
    spec = lyapunov_spectrum(
        build(),
        duration=duration,
        dt=dt,
        transient=transient,
        k=len(truth),
        members=200 if name == "network" else 2000,
        rng=1,
        progress=False,
    )
    covered = (np.abs(spec.exponents - truth) < 2 * spec.stderr).mean(axis=0)
    for j, value in enumerate(truth):
        if value == 0.0:
            assert covered[j] >= 0.95
            assert np.median(spec.stderr[:, j]) * duration < 5
        else:
            assert 0.90 <= covered[j] <= 0.98, (name, j, covered)


def test_error_of_a_bounded_sum_does_not_grow_with_time():
    """Batch means would give sqrt(T): several times too much for a zero exponent."""
    for blocks in (64, 127):
        steps = np.arange(blocks + 1)
        running = np.sin(1.7 * steps)
        stderr, spread = standard_error(np.diff(running), np.array(running[-1]), blocks, 1.0)
        assert 0.5 < stderr * blocks < 2.5
        assert 1.5 < spread < 3.2


def test_error_of_white_noise_is_that_of_the_mean():
    rng = np.random.default_rng(0)
    sums = rng.standard_normal((96, 400))
    stderr, _ = standard_error(sums, sums.sum(axis=0), 96.0, 1.0)
    assert 1.0 < np.median(stderr) * np.sqrt(96) < 1.5
    covered = np.abs(sums.mean(axis=0)) < 2 * stderr
    assert 0.92 < covered.mean() < 0.99


# Saddle-node curve of the two-unit block, x = tanh(alpha R(theta) x).
LOCKED_BELOW = {1.1: 0.03404, 1.25: 0.08056, 1.5: 0.14782, 2.0: 0.25246, 3.0: 0.38512, 5.0: 0.51361}


def block_flows(rng):
    for alpha, locked in LOCKED_BELOW.items():
        hopf = np.arccos(1 / alpha)
        for theta in rng.uniform(0.0, np.pi / 2, 15):
            if min(abs(theta - locked), abs(theta - hopf)) > 0.02 * max(theta, 0.1):
                inside = locked < theta < hopf
                yield (alpha, theta, 1 if inside else 0, "limit cycle" if inside else "fixed point")


def block_maps(rng):
    """(alpha, theta, leading exponent) by 100,000 steps of plain NumPy with one tangent."""
    alpha, theta = rng.uniform(1.05, 2.0, 70), rng.uniform(0.0, np.pi / 2, 70)
    turn = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    w = np.moveaxis(alpha * turn, 2, 0)
    x, v = rng.standard_normal((2, 70, 2, 1))
    total = np.zeros(70)
    for step in range(102_000):
        x = np.tanh(w @ x)
        v = (1 - x**2) * (w @ v)
        norm = np.sqrt((v**2).sum(axis=(1, 2)))
        v /= norm[:, None, None]
        total += np.log(norm) * (step >= 2000)
    return alpha, theta, total / 100_000


def judged(spec, n_zero, attractor):
    """Outcomes "right", "wrong" or "undetermined", one a member."""
    kinds, zeros = np.atleast_1d(spec.attractor), np.atleast_1d(spec.n_zero)
    return [
        "undetermined"
        if kind == "undetermined"
        else "right"
        if kind.startswith(expected) and zero == zeros_expected
        else f"wrong: {kind}, {zero} for {expected}, {zeros_expected}"
        for kind, zero, expected, zeros_expected in zip(
            kinds, zeros, attractor, n_zero, strict=True
        )
    ]


def known_cases(rng):
    """Some 300 members as (spectrum, n_zero, class)."""
    measure = dict(duration=512.0, progress=False, rng=int(rng.integers(1000)))
    alpha, theta, zero, kind = zip(*block_flows(rng), strict=True)
    plane = library["pta_flow"].system(alpha=np.array(alpha), theta=np.array(theta))
    yield lyapunov_spectrum(plane, dt=0.05, **measure), zero, kind

    alpha, theta, leading = block_maps(rng)
    clear = (leading > -1e-4) | (leading < -5e-3)
    plane = library["pta_map"].system(alpha=alpha[clear], theta=theta[clear])
    zero = (leading[clear] > -1e-4).astype(int)
    # A locked block is a fixed point or a periodic orbit; which one is not the exponent's to say.
    spec = lyapunov_spectrum(plane, **{**measure, "duration": 5120})
    kind = [
        "closed curve" if z else k if k.startswith(("fixed", "periodic")) else "locked"
        for z, k in zip(zero, spec.attractor, strict=True)
    ]
    yield spec, zero, kind

    for m in range(1, 6):
        omega = rng.uniform(0.5, 2.0, (6, m))
        torus = Flow(oscillators(m), 2 * m, {"omega": omega}, shapes={"omega": (m,)})
        kind = "limit cycle" if m == 1 else f"torus of dimension {m}"
        yield lyapunov_spectrum(torus, dt=0.05, **measure), [m] * 6, [kind] * 6

    rate = np.concatenate([np.geomspace(0.01, 1.0, 30)])
    fixed = Flow(
        lambda x, p: [-p.a * x[0] + x[1] - x[0] ** 3, -p.b * x[1], -p.c * x[2] + x[0] * x[1]],
        3,
        {"a": rate, "b": rng.uniform(0.5, 1, 30), "c": rng.uniform(0.02, 1, 30)},
    )
    yield lyapunov_spectrum(fixed, dt=0.05, **measure), [0] * 30, ["fixed point"] * 30
    focus = Flow(spiral, 2, {"a": rate, "w": rng.uniform(0.2, 3, 30)})
    yield lyapunov_spectrum(focus, dt=0.05, **measure), [0] * 30, ["fixed point"] * 30

    # Up to 60: beyond, some values of rho hit a window of periodic orbits.
    lorenz = library["lorenz63"].system(rho=rng.uniform(25, 60, 30))
    yield lyapunov_spectrum(lorenz, dt=0.005, **measure), [1] * 30, ["chaotic"] * 30
    for name, kind, members in (("roessler", "chaotic", 10), ("hyperroessler", "hyperchaotic", 10)):
        known = library[name]
        # The time constant of these is their period, 6.
        options = {**measure, "duration": 6 * 512.0, "members": members}
        spec = lyapunov_spectrum(known.system(), dt=known.dt, **options)
        yield spec, [1] * members, [kind] * members
    for n, forcing in ((5, 8.0), (8, 8.0), (10, 12.0)):
        known = lorenz96_of(n, forcing)
        spec = lyapunov_spectrum(known.system(), dt=0.02, members=10, **measure)
        yield spec, [1] * 10, [{5: "chaotic"}.get(n, "hyperchaotic")] * 10


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_classes_of_known_cases(seed):
    outcomes = []
    for spec, n_zero, attractor in known_cases(np.random.default_rng(seed)):
        outcomes += judged(spec, n_zero, attractor)
    assert len(outcomes) > 290
    assert not [outcome for outcome in outcomes if outcome.startswith("wrong")]
    assert outcomes.count("right") >= 0.99 * len(outcomes)


@pytest.mark.parametrize("duration", [512, pytest.param(2048, marks=pytest.mark.slow)])
def test_a_chaotic_network_is_seldom_misread(duration):
    spec = lyapunov_spectrum(
        RateNetwork(CHAOTIC_50),
        duration=duration,
        dt=0.1,
        transient=300,
        k=6,
        members=100,
        rng=5,
        progress=False,
    )
    outcomes = judged(spec, [1] * 100, ["chaotic"] * 100)
    assert sum(outcome.startswith("wrong") for outcome in outcomes) <= 2
    if duration == 2048:
        assert outcomes.count("right") >= 90
