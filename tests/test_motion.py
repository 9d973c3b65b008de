"""How a state moves decides what zero exponents mean: rest, return, growth, and changes."""

import numpy as np
import pytest

import lyapax as lx
from lyapax import _drift as drift
from lyapax import _recurrence as recurrence
from lyapax._equilibrium import _eigen
from lyapax.systems import library

from .catalogue.fixed_points import lotka
from .numpy_system import NumpyFlow, NumpyMap, NumpyNetwork

QUIET = {"progress": False, "rng": 0}


def linear(x, p):
    return [p.c + p.a * x[0], -x[1]]


def plane(a, c=0.0, **options):
    flow = lx.Flow(linear, 2, {"a": a, "c": c})
    return lx.lyapunov_spectrum(flow, dt=0.05, initial=[1.0, 1.0], **QUIET, **options)


def test_slow_decay_is_a_fixed_point_with_exact_exponents():
    """Zero within the resolution of the run, and moving: two signs of a limit cycle."""
    rates = np.array([-0.02, -0.002, -0.001, -0.0005])
    spec = plane(rates, duration=500)
    assert list(spec.attractor) == ["fixed point"] * 4
    np.testing.assert_allclose(spec.exponents[:, 0], rates, rtol=0, atol=1e-9)
    assert (np.abs(spec.exponents[:, 0] - rates) <= 2 * spec.stderr[:, 0]).all()
    assert (spec.stderr < 1e-6).all()


def test_motion_without_bound_has_no_dimension():
    spec = plane([0.1, 0.0, 1.5], c=[0.0, 1.0, 0.0], duration=200)
    assert list(spec.attractor) == ["unbounded"] * 3
    assert np.isnan(spec.kaplan_yorke).all()
    assert np.isnan(spec.entropy).all()
    np.testing.assert_allclose(spec.exponents[:, 0], [0.1, 0.0, 1.5], atol=1e-6)
    bounded = plane(-0.1, c=1.0, duration=200)
    assert bounded.attractor == "fixed point"
    assert bounded.entropy == 0.0


def test_a_step_that_is_too_long_is_named():
    """At dt = 0.1 this cycle has no zero exponent, and used to be a fixed point at speed 1."""
    W = np.random.default_rng(4).standard_normal((6, 6)) * 1.2
    network = lx.RateNetwork(W, bias=1.0, phi="relu", form="rate")
    with pytest.warns(UserWarning, match="dt = 0.1 is too large: it moves exponent 1"):
        spec = lx.lyapunov_spectrum(network, duration=500, dt=0.1, **QUIET)
    assert spec.attractor in ("limit cycle", "undetermined")
    chosen = lx.lyapunov_spectrum(network, duration=500, **QUIET)
    assert chosen.attractor == "limit cycle"
    assert chosen.dt < 0.07


def test_units_do_not_matter():
    """A limit cycle at a rate of 1e-7 moves by less than rounding in a time unit."""

    def slow(x, p):
        grow = 1 - x[0] ** 2 - x[1] ** 2
        return [p.rate * (grow * x[0] - x[1]), p.rate * (x[0] + grow * x[1])]

    flow = lx.Flow(slow, 2, {"rate": [1e-7, 1.0]})
    fast = lx.lyapunov_spectrum(flow.with_params(rate=1.0), duration=300, dt=0.05, **QUIET)
    slow_ = lx.lyapunov_spectrum(flow.with_params(rate=1e-7), duration=300e7, dt=0.05e7, **QUIET)
    assert fast.attractor == slow_.attractor == "limit cycle"


def test_a_heteroclinic_cycle_is_undetermined():
    """Between three saddles, ever longer at each."""
    flow = lx.Flow(lotka, 3, {"a": 0.8, "b": 1.3}, initial=[0.5, 0.3, 0.2])
    for duration in (500, 20000):
        assert lx.lyapunov_spectrum(flow, duration=duration, dt=0.1, **QUIET).attractor == (
            "undetermined"
        )


def lattice(x, p):
    """Eight coupled Henon maps."""
    u, v = x[:8], x[8:]
    mixed = [u[i] + 0.05 * (u[i - 1] - 2 * u[i] + u[(i + 1) % 8]) for i in range(8)]
    return [1 - 1.4 * m**2 + w for m, w in zip(mixed, v, strict=True)] + [0.3 * m for m in mixed]


def test_transient_chaos_is_told_from_chaos():
    """Some 1000 chaotic steps, then an orbit of 46: a mean over both has no meaning."""
    coupled = NumpyMap(lattice, 16)
    starts = 0.1 * np.random.default_rng(3).standard_normal((12, 16))
    with pytest.warns(UserWarning, match="changed its behaviour in .* at step"):
        spec = lx.lyapunov_spectrum(
            coupled, duration=6000, transient=10, alignment=20, initial=starts, **QUIET
        )
    changed = np.isfinite(spec.changed_at)
    assert changed.any()
    assert (spec.attractor[changed] == "undetermined").all()
    assert "longer transient" in spec.evidence[changed][0]
    late = (spec.changed_at[changed] > 100) & (spec.changed_at[changed] < 6030)
    assert late.all()


def test_noise_is_no_change_and_a_step_is_one():
    rng = np.random.default_rng(0)
    noise = 5.0 + rng.standard_normal((96, 3000))
    correlated = noise.copy()
    for i in range(1, 96):
        correlated[i] = 5.0 + 0.7 * (correlated[i - 1] - 5.0) + noise[i] - 5.0
    assert not drift.changes(noise)[0].any()
    assert drift.changes(correlated)[0].mean() < 5e-3
    noise[40:] -= 8.0
    changed, at, before, after = drift.changes(noise)
    assert changed.all()
    assert (np.abs(at - 40) <= 1).all()
    assert np.abs(before - 5).max() < 1
    assert np.abs(after + 3).max() < 1


def test_returns_and_growth_by_hand():
    time = np.linspace(100.0, 1000.0, 65)
    circle = np.stack([np.cos(time), np.sin(time)], axis=1)
    decay = np.stack([np.exp(-time / 900), np.exp(-time / 300)], axis=1)
    spiral = circle * np.exp(-time / 100)[:, None]
    points = np.stack([circle, decay, spiral], axis=1)
    assert list(recurrence.returns(points)) == [True, False, False]

    sizes = np.stack(
        [
            time,
            np.sqrt(time),
            np.exp(time / 50),
            1 - np.exp(-time / 500),
            2 + np.sin(time),
            np.log(time),
        ],
        axis=1,
    )
    first = np.array([1.0, 1.0, 1.0, 0.1, 1.0, 1.0])
    assert list(recurrence.grows(sizes, time, first)) == [True, True, True, False, False, False]


def kuramoto(x, p):
    return [p.w[i] + 0.2 * (np.sin(x[1 - i] - x[i])) for i in range(2)]


def test_angles_are_found():
    phases = lx.Flow(kuramoto, 2, {"w": [1.0, 1.7]}, shapes={"w": (2,)})
    np.testing.assert_allclose(phases.turns, 2 * np.pi)
    assert not library["lorenz63"].system().turns.any()
    assert not lx.Flow(linear, 2, {"a": 0.0, "c": 1.0}).turns.any()
    circle = lx.Map(lambda x, p: [x[0] + 0.3 - 0.1 * np.sin(2 * np.pi * x[0])], 1)
    assert circle.turns == [1.0]
    spec = lx.lyapunov_spectrum(phases, duration=500, dt=0.05, **QUIET)
    assert spec.attractor == "torus of dimension 2"


@pytest.mark.parametrize("n", [1, 6, 40])
def test_exponents_at_rest_are_eigenvalues(n):
    """Near-degenerate ones too, for which a run is never long enough."""
    rng = np.random.default_rng(n)
    W = rng.standard_normal((n, n)) / np.sqrt(max(n, 2)) * 0.5
    W = (W + W.T) / 2
    W[0, 0] += 1e-4
    spec = lx.lyapunov_spectrum(lx.RateNetwork(W), duration=200, dt=0.05, **QUIET)
    truth = np.sort(np.linalg.eigvals(W - np.eye(n)).real)[::-1]
    assert spec.attractor == "fixed point"
    assert (np.abs(spec.exponents - truth) <= 2 * spec.stderr).all()
    assert spec.stderr.max() < 1e-5


def test_fixed_points_have_the_same_bits_beside_one_that_turns():
    """Eigenvectors are complex where a neighbour's are, and rounded as complex numbers are."""
    slopes = np.random.default_rng(0).standard_normal((200, 2, 2))
    slopes[0] = [[0.0, -1.0], [1.0, 0.0]]
    together = _eigen(slopes, np.ones(200))
    for i in range(200):
        alone = _eigen(slopes[i : i + 1], np.ones(1))
        for ours, theirs in zip(together, alone, strict=True):
            np.testing.assert_array_equal(ours[i], theirs[0])


def test_a_basis_of_ones_own_is_measured():
    """Its exponents need not be the leading ones."""
    network = NumpyNetwork(np.diag([0.5, -0.5]))
    spec = lx.lyapunov_spectrum(
        network, duration=10, dt=0.05, k=1, transient=1, initial_basis=[[0.0], [1.0]], **QUIET
    )
    assert spec.exponents[0] == pytest.approx(-1.5, abs=0.02)


def test_a_flip_that_underflows_is_a_fixed_point():
    """Rounding turns -0.95 x into -x where x is the smallest number that there is."""
    flip = lx.Map(lambda x, p: [-0.95 * x[0]], 1, {})
    spec = lx.lyapunov_spectrum(flip, duration=30_000, initial=[0.1], **QUIET)
    assert spec.attractor == "fixed point"
    np.testing.assert_allclose(spec.exponents, np.log(0.95), rtol=1e-9)


def cubic(x, p):
    return [-(x[0] ** 3), -x[1]]


@pytest.mark.parametrize("start", [1.0, 0.1, 0.01])
def test_a_critical_point_is_named_however_little_the_state_moves(start):
    """x' = -x^3 from x0: the mean exponent is -3 <x^2>, and where the state ends up it is 0."""
    spec = lx.lyapunov_spectrum(
        lx.Flow(cubic, 2, {}), dt=0.05, duration=200, initial=[start, 0.1], **QUIET
    )
    assert spec.attractor == "critical fixed point"
    assert (np.abs(spec.exponents - [0.0, -1.0]) <= 2 * spec.stderr + 1e-12).all()
    assert (spec.stderr < 1e-6).all()


def test_means_of_a_state_on_its_way_are_in_doubt_by_their_distance_from_the_fixed_point():
    """A focus without linear damping: r' = -r^3, so that its exponents go to 0 like 1/t."""

    def focus(x, p):
        r2 = x[0] ** 2 + x[1] ** 2
        return [-r2 * x[0] - p.w * x[1], p.w * x[0] - r2 * x[1]]

    w = np.array([0.004, 0.01, 1.0])  # turns by little in the run, or often
    spec = lx.lyapunov_spectrum(
        lx.Flow(focus, 2, {"w": w}), dt=0.05, duration=200, initial=[0.3, 0.0], **QUIET
    )
    assert set(spec.attractor) <= {"critical fixed point", "undetermined"}
    assert (np.abs(spec.exponents) <= 2 * spec.stderr + 1e-12).all()
    assert (spec.stderr < 0.1).all()


def test_at_rest_on_a_centre():
    """Turning is told from a line of fixed points, though all exponents that matter are zero."""

    def hopf(x, p):
        r2 = x[0] ** 2 + x[1] ** 2
        return [-r2 * x[0] - x[1], x[0] - r2 * x[1], -x[2]]

    rest = {"duration": 100, "initial": np.zeros(3), **QUIET}
    assert lx.lyapunov_spectrum(NumpyFlow(hopf, 3, {}), dt=0.05, **rest).attractor == (
        "critical fixed point"
    )
    line = NumpyFlow(lambda x, p: [0.0 * x[0], -x[1], -2 * x[2]], 3, {})
    assert lx.lyapunov_spectrum(line, dt=0.05, **rest).attractor == "continuum of fixed points"
    turn = NumpyMap(
        lambda x, p: [p.c * x[0] - p.s * x[1], p.s * x[0] + p.c * x[1]],
        2,
        {"c": np.cos([0.3, 2.0]), "s": np.sin([0.3, 2.0])},
    )
    spec = lx.lyapunov_spectrum(turn, duration=200, initial=np.zeros(2), **QUIET)
    assert list(spec.attractor) == ["elliptic fixed point"] * 2


@pytest.mark.parametrize("alpha", [0.75, 0.8, 0.88, 0.95])
def test_a_state_that_has_decayed_to_nothing_is_at_rest(alpha):
    """It goes on decaying by its own scale, from 1e-46 to 1e-250 of where it began."""
    block = lx.pta.block_system(alpha, 1.0, "tanh", "discrete")
    options = {"duration": 1000, "transient": 500, "qr_every": 1, "rng": 0, "progress": False}
    spec = lx.lyapunov_spectrum(block, **options)
    assert spec.attractor == "fixed point"
    np.testing.assert_allclose(spec.exponents, np.log(alpha), rtol=1e-9)


@pytest.mark.parametrize(("alpha", "theta"), [(4.5, 1.3), (4.7, 1.85)])
def test_an_exponent_below_a_negative_one_is_negative(alpha, theta):
    """Whatever its error: eigenvalues of a period lie too far apart to know the second one well."""
    block = lx.pta.block_system(alpha, theta, "tanh", "discrete")
    options = {"duration": 1000, "transient": 500, "qr_every": 1, "rng": 0, "progress": False}
    spec = lx.lyapunov_spectrum(block, **options)
    assert spec.stderr[1] > 1.0
    assert list(spec.sign) == [-1, -1]
    assert spec.attractor == "periodic orbit (4)"
