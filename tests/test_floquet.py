"""Floquet multipliers, gradient horizons, robustness to noise."""

import numpy as np
import pytest
from scipy.special import ellipk

import lyapax as lx
from lyapax.systems import library

from .catalogue.conservative import three_bodies
from .helpers import network, spectrum
from .numpy_system import NumpyNetwork
from .right_hand_sides import duffing, square

TURN = 1.5 * np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])


@pytest.mark.parametrize("dt", [0.05, 0.02])
def test_van_der_pol(dt):
    cycle = lx.floquet(library["van_der_pol"].system(), dt=dt, transient=50, rng=0)
    assert cycle.period == pytest.approx(6.663287, abs=1e-5)
    assert cycle.exponents[1] == pytest.approx(-1.059377, abs=1e-5)
    assert abs(cycle.trivial - 1) < 1e-8
    assert cycle.flow_error < 0.05 * dt**4 / 0.05**4 * 1e-4
    assert cycle.dt <= 1.05 * dt
    np.testing.assert_allclose(cycle.orbit[0], cycle.orbit[-1], atol=1e-11)
    assert cycle.multipliers[1].real == pytest.approx(np.exp(-1.059377 * 6.663287), rel=1e-4)


def test_stuart_landau_is_exact():
    cycle = lx.floquet(library["stuart_landau"].system(), dt=0.05, transient=20, rng=0)
    np.testing.assert_allclose(cycle.exponents, [0.0, -2.0], atol=1e-6)
    assert cycle.period == pytest.approx(2 * np.pi, abs=1e-6)


def test_strong_contraction_and_pairs():
    """A cycle that drives modes which decay by 1e-43 to 1e-260 a period, and a pair that turns."""

    def f(x, p):
        r2 = x[0] ** 2 + x[1] ** 2
        return [
            x[0] - x[1] - r2 * x[0],
            x[0] + x[1] - r2 * x[1],
            -0.2 * x[2] - 0.3 * x[3] + x[0],
            0.3 * x[2] - 0.2 * x[3],
            -16 * x[4] + x[1],
        ]

    cycle = lx.floquet(lx.Flow(f, 5), dt=0.01, transient=60, rng=0)
    # The step's own error grows with the fifth power of the rate.
    np.testing.assert_allclose(cycle.exponents, [0, -0.2, -0.2, -2.0, -16.0], rtol=1e-5, atol=1e-6)
    pair = np.exp((-0.2 + 0.3j) * 2 * np.pi)
    np.testing.assert_allclose(
        sorted(cycle.multipliers[1:3], key=np.imag), [pair.conj(), pair], atol=1e-6
    )
    assert abs(cycle.multipliers[4]) < 1e-43


@pytest.mark.parametrize("mu", [3.0, 6.0, 8.0])
def test_stiff_van_der_pol(mu):
    """The second exponent is the mean divergence, exp(-120) of a multiplier or not."""
    cycle = lx.floquet(
        library["van_der_pol"].system(mu=mu), dt=0.002, transient=60, rng=0, max_period=30.0
    )
    divergence = mu * (1 - cycle.orbit[:-1, 0] ** 2)
    assert cycle.exponents[1] == pytest.approx(divergence.mean(), rel=1e-4)
    assert abs(cycle.trivial - 1) < 1e-8
    assert cycle.dt <= 0.002 * (1 + 1e-9)


def test_networks_and_maps():
    net = lx.RateNetwork(TURN, form="rate")
    cycle = lx.floquet(net, dt=0.05, transient=60, rng=0)
    spec = spectrum(net, duration=2000, dt=0.05, transient=100)
    np.testing.assert_allclose(cycle.exponents, spec.exponents, atol=2e-3)
    logistic = library["logistic"].system(r=3.5)
    orbit = lx.floquet(logistic, transient=2000, initial=[0.3])
    assert orbit.period == 4
    expected = np.prod(3.5 * (1 - 2 * orbit.orbit[:4, 0]))
    np.testing.assert_allclose(orbit.multipliers, expected, rtol=1e-9)
    short = lx.floquet(
        library["logistic"].system(r=3.2), transient=900, initial=[0.3], max_period=2
    )
    assert short.period == 2
    gone = lx.floquet(lx.RNN(np.zeros((2, 2)), bias_ih=np.ones(2)), period=1, initial=[0.5, 0.5])
    assert np.isneginf(gone.exponents).all()
    # An unstable fixed point, from a guess.
    fixed = lx.floquet(logistic, period=1, initial=[0.7])
    np.testing.assert_allclose(fixed.state, 1 - 1 / 3.5, atol=1e-12)
    np.testing.assert_allclose(fixed.multipliers, 2 - 3.5, atol=1e-10)


def test_no_period_says_what_was_seen():
    with pytest.raises(ValueError, match="at rest"):
        lx.floquet(library["lorenz63"].system(rho=0.5), dt=0.01, transient=50, initial=[1, 1, 1.0])
    with pytest.raises(ValueError, match="nearest return"):
        lx.floquet(library["lorenz63"].system(), dt=0.01, transient=50, rng=0, max_period=1.0)
    with pytest.raises(ValueError, match="rest"):
        lx.floquet(library["van_der_pol"].system(), 6.6, dt=0.05, initial=[0.0, 0.0])
    with pytest.raises(ValueError, match="Newton"):
        lx.floquet(library["lorenz63"].system(), 0.013, dt=0.01, initial=[5.0, 3.0, 20.0])


def pendulum(x, p):
    return [x[1], -np.sin(x[0])]


@pytest.mark.parametrize("dt", [0.1, 0.01])
@pytest.mark.parametrize(
    ("f", "start", "period"),
    [
        (pendulum, [1.0, 0.0], 4 * ellipk(np.sin(0.5) ** 2)),
        (lambda x, p: [x[1], -x[0]], [1.0, 0.0], 2 * np.pi),
        # Lotka and Volterra's; the period is DOP853's, at relative tolerance 1e-12.
        (lambda x, p: [x[0] * (1 - x[1]), x[1] * (x[0] - 1)], [2.0, 1.0], 6.60848267),
    ],
    ids=["pendulum", "oscillator", "lotka_volterra"],
)
def test_conservative_orbits(f, start, period, dt):
    """The steps lose or win energy of the order of dt^5 a period, so nothing closes exactly."""
    cycle = lx.floquet(lx.Flow(f, 2), dt=dt, initial=start)
    assert cycle.period == pytest.approx(period, rel=2 * dt**4 + 1e-6)
    np.testing.assert_allclose(cycle.state, start, atol=0.03 * dt**2 + 1e-5)  # the nearest
    # A pair of 1 in one Jordan block is known to the root of the step's error.
    np.testing.assert_allclose(cycle.multipliers, 1.0, atol=3e-3 * dt**2.5 + 1e-6)
    assert 0 < cycle.residual < 0.1 * dt**5 + 1e-11


def test_figure_eight_of_three_bodies():
    """Chenciner and Montgomery's choreography, which is linearly stable."""
    x1, v3 = np.array([0.97000436, -0.24308753]), np.array([-0.93240737, -0.86473146])
    start = np.concatenate([x1, -x1, [0, 0], -v3 / 2, -v3 / 2, v3])
    cycle = lx.floquet(lx.Flow(three_bodies, 12, {"m": 1.0}), 6.32591398, dt=0.01, initial=start)
    assert cycle.period == pytest.approx(6.32591398, abs=1e-7)
    np.testing.assert_allclose(cycle.state, start, atol=1e-6)
    np.testing.assert_allclose(np.abs(cycle.multipliers), 1.0, atol=2e-5)
    # Eight are 1, of energy, angular momentum, momentum and centre; two pairs turn: Simo's values.
    turning = cycle.multipliers[np.abs(cycle.multipliers - 1) > 1e-3]
    angles = np.sort(np.abs(np.angle(turning)))[::2]
    np.testing.assert_allclose(angles / (2 * np.pi), [0.00842272, 0.29809253], atol=1e-5)
    assert len(turning) == 4


def test_phases_close_up_to_whole_turns():
    turning = lx.floquet(lx.Flow(pendulum, 2), dt=0.02, initial=[0.0, 3.0], wrap={0: 2 * np.pi})
    assert turning.period == pytest.approx(4 / 3 * ellipk(4 / 9), abs=1e-6)
    assert turning.orbit[-1, 0] - turning.orbit[0, 0] == pytest.approx(2 * np.pi, abs=1e-9)
    assert turning.residual < 1e-9
    phase = lx.Flow(lambda x, p: [2.0 - np.sin(x[0])], 1)
    cycle = lx.floquet(phase, dt=0.02, initial=[50.0], wrap={0: 2 * np.pi})
    assert cycle.period == pytest.approx(2 * np.pi / np.sqrt(3), abs=1e-8)
    assert cycle.trivial == pytest.approx(1.0, abs=1e-12)
    with pytest.raises(ValueError, match="no period was found"):
        lx.floquet(phase, dt=0.02, initial=[50.0])
    with pytest.raises(ValueError, match=r"wrap\[0\] = 6 must be a period"):
        lx.floquet(phase, dt=0.02, initial=[50.0], wrap={0: 6.0})
    for wrap, error in (({2: 1.0}, ValueError), ({0: -1.0}, ValueError), (6.28, TypeError)):
        with pytest.raises(error, match="wrap"):
            lx.floquet(phase, dt=0.02, initial=[50.0], wrap=wrap)


def mathieu():
    return lx.Flow(
        lambda x, p, t: [x[1], -(p.a + p.b * np.cos(2 * t)) * x[0]], 2, {"a": 1.0, "b": 0.2}
    )


@pytest.mark.parametrize(
    ("a", "b", "trace", "stable"),  # traces: DOP853 at relative tolerance 1e-13
    [(1.0, 0.2, -2.0246669154, False), (0.5, 0.2, -1.2467429401, True)],
)
def test_linear_system_with_periodic_coefficients(a, b, trace, stable):
    rest = lx.floquet(mathieu(), np.pi, dt=0.013, params={"a": a, "b": b}, rng=0)
    np.testing.assert_allclose(rest.state, 0.0, atol=1e-12)
    assert rest.period == np.pi
    assert rest.dt <= 0.013
    assert np.prod(rest.multipliers) == pytest.approx(1.0, abs=1e-8)
    assert rest.multipliers.sum() == pytest.approx(trace, abs=1e-7)
    assert (rest.exponents[0] < 1e-9) == stable
    assert np.isnan(rest.flow_error)


def test_driven_systems_have_the_period_of_their_drive():
    driven = lx.Flow(duffing, 2, {"drive": 0.1}, initial=[1.0, 0.0])
    # DOP853 and Newton's method. The transient ends within a period and is rounded up.
    for transient in (0.0, 100.0):
        cycle = lx.floquet(driven, 2 * np.pi, dt=0.02, transient=transient, rng=0)
        np.testing.assert_allclose(cycle.state, [1.09728968, 0.02364956], atol=1e-7)
        np.testing.assert_allclose(
            sorted(cycle.multipliers, key=np.imag),
            -0.41237961 + np.array([-1j, 1j]) * 0.3384562,
            atol=1e-7,
        )
    assert np.prod(cycle.multipliers) == pytest.approx(np.exp(-0.4 * np.pi), abs=1e-7)
    # Two periods of the drive are a period too.
    double = lx.floquet(driven, 4 * np.pi, dt=0.02)
    np.testing.assert_allclose(double.state, cycle.state, atol=1e-8)
    np.testing.assert_allclose(
        sorted(double.multipliers, key=np.imag),
        sorted(cycle.multipliers**2, key=np.imag),
        atol=1e-8,
    )
    for system, start in ((driven, [1.0, 0.0]), (mathieu(), [0.0, 0.0])):
        with pytest.raises(ValueError, match="period must be a period of the system in time"):
            lx.floquet(system, 3.0, dt=0.02, initial=start)
    alternating = lx.Map(lambda x, p, m: [x[0] * (1 + 0.5 * np.cos(np.pi * m)) + 1], 1)
    orbit = lx.floquet(alternating, 2, initial=[0.3])
    # x -> 1.5 x + 1 -> 0.5 (1.5 x + 1) + 1
    np.testing.assert_allclose(orbit.state, 6.0, atol=1e-12)
    np.testing.assert_allclose(orbit.multipliers, 0.75, atol=1e-14)


def test_inputs_repeat_after_the_period():
    w, rows = np.array([[0.5, 0.3], [-0.2, 0.4]]), np.array([[1.0, 0.0], [0.0, 2.0], [3.0, -1.0]])
    net = NumpyNetwork(w, phi="linear", kind="map", inputs=rows)
    orbit = lx.floquet(net, 3, rng=0)
    expected = np.linalg.eigvals(np.linalg.matrix_power(w, 3))
    np.testing.assert_allclose(
        sorted(orbit.multipliers, key=np.imag), sorted(expected, key=np.imag), atol=1e-13
    )
    np.testing.assert_allclose(orbit.orbit[3], orbit.orbit[0], atol=1e-13)
    assert np.abs(orbit.orbit[1] - orbit.orbit[0]).max() > 0.1
    with pytest.raises(ValueError, match="inputs must have one row a step"):
        lx.floquet(net, 4, rng=0)
    with pytest.raises(ValueError, match="whole number of dt"):
        lx.floquet(NumpyNetwork(w, inputs=rows), 0.25, dt=0.1, rng=0)


def test_a_right_hand_side_that_jumps_is_refused():
    relay = lx.Flow(lambda x, p: [x[1], -0.1 * x[1] - x[0] + np.sign(x[1])], 2)
    with pytest.raises(
        ValueError, match=r"flow error\): the right-hand side jumps.*dt is too large"
    ):
        lx.floquet(relay, dt=0.02, transient=200, initial=[1.0, 0.0])


def test_local_exponents():
    system = network(of=NumpyNetwork)
    run = {"dt": 0.1, "rng": 0, "progress": False, "k": 3}
    found = lx.local_exponents(system, window=5, windows=60, transient=50, members=2, **run)
    assert found.shape == (2, 60, 3)
    spec = spectrum(system, duration=300, dt=0.1, transient=100, k=3)
    assert abs(found[0, :, 0].mean() - spec.exponents[0]) < 0.05
    whole = lx.local_exponents(
        system, window=300, windows=1, alignment=50, transient=50, members=2, **run
    )
    np.testing.assert_allclose(whole[:, 0], found.mean(axis=1), atol=1e-9)
    late = lx.local_exponents(
        lx.Map(square, 1), window=2, windows=8, alignment=0, initial=[1.1], progress=False
    )
    assert np.isfinite(late[0]).all()
    assert np.isnan(late[-1]).all()
    dead = lx.local_exponents(lx.RNN(np.zeros((3, 3))), window=2, windows=3, progress=False)
    assert np.isneginf(dead).all()


def test_horizon():
    spec = spectrum(library["lorenz63"].system(), duration=500, dt=0.01, transient=20)
    horizon = lx.gradient_horizon(spec)
    assert (horizon.exploding, horizon.persistent, horizon.vanishing) == (1, 1, 1)
    assert horizon.time[0] == pytest.approx(np.log(3.4028235e38) / spec.exponents[0])
    assert (horizon.earliest <= horizon.time).all()
    assert (horizon.time <= horizon.latest).all()
    assert horizon.latest[1] == np.inf
    dead = lx.gradient_horizon(lx.RNN(np.zeros((3, 3))), duration=20, rng=0, progress=False)
    assert (dead.time == 0).all()
    assert dead.vanishing == 3


def test_a_line_attractor_loses_its_zero_and_a_limit_cycle_keeps_it():
    line = lx.RateNetwork([[0.0, -1.0], [-1.0, 0.0]], bias=1.0, phi="relu", form="rate")
    run = {"duration": 400, "dt": 0.05, "rng": 0, "progress": False, "initial": [0.4, 0.6]}
    for system, kept in ((line, False), (lx.RateNetwork(TURN, form="rate"), True)):
        spec = lx.robustness(system, [0.0, 0.1], draws=6, **run)
        assert spec.shape == (2, 6)
        assert [name for name, _ in spec.axes] == ["scale", "draw"]
        assert (spec.n_zero[0] == 1).all()
        assert (spec.n_zero[1] == 1).all() == kept


def test_noise_in_the_state_leaves_a_line_attractor_its_zero_until_the_line_ends():
    line = lx.RateNetwork([[0.0, -1.0], [-1.0, 0.0]], bias=1.0, phi="relu", form="rate")
    spec = lx.robustness(
        line,
        [0.0, 0.05, 10.0],
        "S",
        draws=16,
        initial=[0.4, 0.6],
        duration=400,
        dt=0.05,
        rng=0,
        progress=False,
    )
    assert spec.shape == (3, 16)
    # x_1 - x_2 does not change, and the line ends where it is 1: starts have it at 0.2 +- 0.07 and
    # at 0.2 +- 14.
    assert (spec.n_zero[:2] == 1).all()
    assert (spec.n_zero[2] == 0).sum() > 8
    np.testing.assert_array_equal(spec.exponents[0], spec.exponents[0, :1].repeat(16, axis=0))


def test_noise_is_where_the_weights_are():
    w = np.array([[0.0, 2.0], [0.0, 0.0]])
    noisy, none = lx.perturb(lx.RateNetwork(w), scale=0.1, draws=1000, rng=0)
    assert none is None
    assert not noisy.W[:, w == 0].any()
    assert noisy.W[:, 0, 1].std() == pytest.approx(0.2, rel=0.1)
    gru, _ = lx.perturb(
        lx.GRU([np.ones((9, 3))] * 2, [np.ones((9, 2)), np.ones((9, 3))]), scale=0.0, draws=2, rng=0
    )
    assert gru.batch_shape == (2,)
    same, starts = lx.perturb(network(), "S", scale=0.5, draws=7, rng=0)
    assert starts.shape == (7, 12)
    assert same.dim == 12


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lx.floquet(network(), dt=0.1, period="a"), TypeError, "period"),
        (lambda: lx.floquet(network(), dt=0.1, period=-2.0), ValueError, "period"),
        (lambda: lx.floquet(lx.RateNetwork(np.zeros((2, 2, 2))), dt=0.1), ValueError, "single"),
        (lambda: lx.floquet(library["henon"].system(), period=1.5, initial=[0.1, 0.1]),
         ValueError, "whole"),
        (lambda: lx.floquet(lx.RNN(np.eye(2), np.ones((2, 1)), inputs=np.ones((2000, 1)))),
         ValueError, "driven"),
        (lambda: lx.floquet(mathieu(), dt=0.1), ValueError, "period must be given"),
        (lambda: lx.floquet(network(), 1e15, dt=0.1), ValueError,
         "memory would be needed for the states of period = 1e"),
        (lambda: lx.floquet(network(), dt=0.1, max_period=1e15), ValueError,
         "memory would be needed for the states of max_period = 1e"),
        (lambda: lx.floquet(network(), dt=1e-300, period=1.0), ValueError,
         "period must be at most .* of dt = 1e-300"),
        (lambda: lx.floquet(network(of=NumpyNetwork), dt=0.1, initial=np.ones((2, 12))), ValueError,
         r"initial must be of a single orbit, got a batch of shape \(2,\)"),
        (lambda: lx.floquet(library["van_der_pol"].system(), 6.66, dt=1e300, initial=[2.0, 0.0]),
         ValueError, "misses itself by inf .* or a smaller dt"),
        (lambda: lx.floquet(lx.Flow(square, 1), dt=0.1, transient=50,
                            initial=[1.0]), ValueError, "diverged"),
        (lambda: lx.gradient_horizon(network(), low=2.0, duration=1, dt=0.1), ValueError, "low"),
        (lambda: lx.local_exponents(network(), window=1, windows=0, dt=0.1), ValueError, "windows"),
        (lambda: lx.local_exponents(network(), window=-1, windows=2, dt=0.1), ValueError, "window"),
        (lambda: lx.local_exponents(
            NumpyNetwork(np.eye(3), kind="map", inputs=np.ones((100, 3))), window=10, windows=10,
            alignment=0, qr_every=4), ValueError, "inputs"),
        (lambda: lx.local_exponents(library["henon"].system(), window=40, windows=9, qr_every=20,
                                    rng=0, progress=False), ValueError, "qr_every"),
        (lambda: lx.robustness(network(), [0.1], "S", initial=np.ones((2, 12)), duration=1, dt=0.1),
         ValueError, r"initial must have shape \(12,\), got 2 states"),
        (lambda: lx.robustness(network(), [0.1], "S", initial=np.ones(3), duration=1, dt=0.1),
         ValueError, "initial"),
        (lambda: lx.robustness(network(), [0.1], along=True, duration=1, dt=0.1),
         ValueError, "along must be False"),
        (lambda: lx.robustness(network(), [0.1], members=2, duration=1, dt=0.1),
         ValueError, "members"),
        (lambda: lx.perturb(network(), "X", scale=1.0), ValueError, "kind"),
        (lambda: lx.perturb(network(), scale=-1.0), ValueError, "scale"),
        (lambda: lx.perturb(library["henon"].system(), scale=1.0), TypeError, "system"),
        (lambda: lx.perturb(lx.RateNetwork(np.zeros((2, 3, 3))), scale=1.0), ValueError, "single"),
        (lambda: lx.robustness(network(), 0.1, duration=1, dt=0.1), ValueError, "scales"),
    ],
)  # fmt: skip
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
