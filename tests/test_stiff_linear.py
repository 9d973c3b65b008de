"""Flows with a stiff linear part (ETDRK4), and the Kuramoto-Sivashinsky equation."""

import pickle

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg

import lyapax as lx
from lyapax.kernels.phi_functions import phi_functions
from lyapax.systems import kuramoto_sivashinsky_of, library

from .helpers import spectrum

# First 10 at length 22 by Edson et al., ANZIAM J. 61 (2019), and by Cvitanovic, Davidchack and
# Siminos, SIAM J. Appl. Dyn. Syst. 9 (2010), as later authors quote both. The first have the mean
# of u among the variables, whose exponent is 0, and no errors.
EDSON = (0.043, 0.003, 0.002, -0.004, -0.008, -0.185, -0.253, -0.296, -0.309, -1.965)
CVITANOVIC = (0.048, 0.0, 0.0, -0.003, -0.189, -0.256, -0.290, -0.310, -1.963, -1.967)


def nothing(x, p):
    return 0 * x


def coupled(x, p):
    return p.a * np.sin(np.roll(x, 1)) * np.tanh(x)


RATES = -np.geomspace(0.3, 60, 10)


def stiff(**options):
    return lx.Flow(coupled, 10, {"a": 2.0}, linear=RATES, **options)


def test_phi_functions():
    z = np.array(
        [-1e4, -300.0, -30.0, -3.0, -1.0, -0.5, -0.1, -1e-9, 0.0, 1e-5, 0.3, 1.0, 4.0, 20.0]
    )
    found = phi_functions(z)
    with mpmath.workdps(60):
        for k in range(4):
            for at, value in enumerate(z):
                exact = mpmath.mpf(1) / mpmath.factorial(k)
                if value:
                    exact = mpmath.e**value
                    for j in range(k):
                        exact = (exact - 1 / mpmath.factorial(j)) / mpmath.mpf(value)
                assert abs(found[k][at] - float(exact)) <= 1e-15 * abs(float(exact)), (k, value)


def test_phi_functions_of_matrices():
    rng = np.random.default_rng(0)
    for size in (0.0, 0.01, 1.0, 30.0):
        z = size * rng.standard_normal((7, 7)) / np.sqrt(7) - size * np.eye(7)
        found = phi_functions(z)
        vectors, basis = np.linalg.eig(z)
        for k, of_numbers in enumerate(zip(*(phi_of(v) for v in vectors), strict=True)):
            expected = (basis * of_numbers) @ np.linalg.inv(basis)
            scale = np.linalg.cond(basis) * np.abs(expected).max()
            np.testing.assert_allclose(found[k], expected.real, rtol=0, atol=3e-15 * scale)


def phi_of(z):
    with mpmath.workdps(40):
        exact = mpmath.mpc(z)
        values = [mpmath.e**exact]
        for j in range(3):
            rest = values[-1] - 1 / mpmath.factorial(j)
            values.append(rest / exact if exact else mpmath.mpf(1) / mpmath.factorial(j + 1))
        return [complex(v) for v in values]


@pytest.mark.parametrize("dt", [0.01, 0.3, 2.7])
def test_exact_without_f(dt):
    """Whatever dt. A matrix keeps what decays fastest to rounding relative to what does slowest."""
    rates = np.array([0.4, 0.0, -1.0, -7.0, -55.0, -200.0])
    options = dict(duration=100, dt=dt)
    found = spectrum(lx.Flow(nothing, 6, linear=rates), initial_basis=np.eye(6), **options)
    np.testing.assert_allclose(found.exponents, rates, rtol=1e-12, atol=1e-12)
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0]
    rates = np.linspace(0.4, -2.0, 6)
    system = lx.Flow(nothing, 6, linear=rotation * rates @ rotation.T)
    found = spectrum(system, transient=100, **options)
    np.testing.assert_allclose(found.exponents, rates, rtol=0, atol=1e-12)


def test_exact_without_f_for_spirals():
    rates = np.array([[-0.1, 5.0], [-0.6, 40.0]])
    linear = scipy.linalg.block_diag(*([[a, b], [-b, a]] for a, b in rates))
    found = spectrum(lx.Flow(nothing, 4, linear=linear), duration=300, dt=0.7, transient=100)
    np.testing.assert_allclose(found.exponents, [-0.1, -0.1, -0.6, -0.6], rtol=0, atol=1e-12)


def test_runge_kutta_where_the_linear_part_is_zero():
    lorenz = library["lorenz63"]
    plain, zero, turned = (
        lx.Flow(lorenz.f, 3, lorenz.params, initial=lorenz.initial, **options)
        for options in ({}, {"linear": np.zeros(3)}, {"grid": (np.eye(3), np.eye(3))})
    )
    options = dict(duration=3, dt=0.01, rng=0, progress=False)
    expected = lx.sensitivity(plain, **options)
    for system in (zero, turned):
        found = lx.sensitivity(system, **options)
        np.testing.assert_allclose(found.states, expected.states, rtol=1e-10)
        np.testing.assert_allclose(found.vectors, expected.vectors, rtol=0, atol=1e-9)


@pytest.mark.parametrize("full", [False, True])
def test_fourth_order(full):
    rotation = np.linalg.qr(np.random.default_rng(2).standard_normal((10, 10)))[0]
    linear = rotation * RATES @ rotation.T / 3 if full else RATES / 3
    matrix = linear if full else np.diag(linear)
    start = np.random.default_rng(3).standard_normal(10)
    exact = scipy.integrate.solve_ivp(
        lambda t, x: matrix @ x + 2 * np.sin(np.roll(x, 1)) * np.tanh(x) + np.cos(t),
        (0, 2),
        start,
        "DOP853",
        rtol=1e-13,
        atol=1e-14,
    ).y[:, -1]
    system = lx.Flow(lambda x, p, t: coupled(x, p) + np.cos(t), 10, {"a": 2.0}, linear=linear)
    errors = []
    for steps in (160, 320, 640):
        options = dict(duration=2, dt=2 / steps, initial=start, save_every=steps, progress=False)
        errors.append(np.abs(lx.trajectory(system, **options).states[-1] - exact).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 1e-7
    assert (np.abs(orders - 4) < 0.1).all(), (errors, orders)


@pytest.mark.parametrize(
    "system", [stiff(), kuramoto_sivashinsky_of(22.0).system()], ids=["diagonal", "grid"]
)
def test_tangents_are_the_derivative_of_a_step(system):
    n, rng = system.dim, np.random.default_rng(4)
    propagator = system.propagator((1,), 0.1, 1, np.dtype(float))
    state, vector = 0.5 * rng.standard_normal((1, n)), rng.standard_normal((1, n, 1))

    def stepped(x):
        x = x.copy()
        propagator.tangent_steps(x, 0, 3, np.empty((1, n, 0)))
        return x[0]

    turned, here, small = vector.copy(), state.copy(), 1e-6
    propagator.tangent_steps(here, 0, 3, turned)
    difference = stepped(state + small * vector[..., 0]) - stepped(state - small * vector[..., 0])
    size = np.abs(turned).max()
    np.testing.assert_allclose(difference / (2 * small), turned[0, :, 0], rtol=0, atol=2e-9 * size)


@pytest.mark.parametrize(("n", "m", "q"), [(1, 1, 1), (1, 3, 2), (4, 1, 1), (4, 2, 1), (2, 5, 3)])
def test_grids_of_any_shape(n, m, q):
    rng = np.random.default_rng(8)
    read, write = rng.standard_normal((m, n)), rng.standard_normal((n, q))
    mixed = rng.standard_normal((q, m))
    linear = -np.arange(1.0, n + 1)
    on_grid = lx.Flow(lambda u, p: mixed @ np.tanh(u), n, linear=linear, grid=(read, write))
    direct = lx.Flow(lambda x, p: write @ (mixed @ np.tanh(read @ x)), n, linear=np.diag(linear))
    run = dict(duration=2, dt=0.1, initial=np.ones(n), progress=False)
    for signal in (lx.sensitivity, lx.adjoint):
        found, expected = signal(on_grid, **run), signal(direct, **run)
        np.testing.assert_allclose(found.states, expected.states, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.vectors, expected.vectors, rtol=1e-10, atol=1e-11)


def test_the_split_does_not_matter():
    """ETDRK4 with dt = 0.02 against RK4 of the whole right-hand side with a fifth of it."""
    start = np.random.default_rng(5).standard_normal(10)
    whole = lx.Flow(lambda x, p: coupled(x, p) + RATES * x, 10, {"a": 4.0})
    options = dict(duration=40, transient=20, initial=start)
    split = spectrum(stiff().with_params(a=4.0), dt=0.02, **options).exponents
    np.testing.assert_allclose(
        spectrum(whole, dt=0.004, **options).exponents, split, rtol=2e-4, atol=2e-5
    )


def test_the_linear_part_needs_no_small_step():
    whole = lx.Flow(lambda x, p: [-1000 * x[0] + x[1], -x[1]], 2)
    split = lx.Flow(lambda x, p: [x[1], 0], 2, linear=[-1000, -1])
    with pytest.warns(UserWarning, match="dt = 0.1 is too large for stability"):
        spectrum(whole, duration=1, dt=0.1)
    spectrum(split, duration=1, dt=0.1)  # a warning would be an error
    state = np.ones((1, 2))
    assert (whole.decay_rate(state), split.decay_rate(state)) == (1000.0, 0.0)
    # What is not linear counts, as far as the linear part does not damp it.
    for rate, least, most in ((0.0, 50.0, 50.0), (-1.0, 45.0, 50.0), (-1e3, 0.0, 2.8)):
        system = lx.Flow(lambda x, p: [-50 * x[0]], 1, linear=[rate])
        assert least <= system.decay_rate(np.ones((1, 1))) <= most


def test_learning_signals_and_orbits():
    mu = 3.0
    oscillator = library["van_der_pol"].system(mu=mu)
    split = lx.Flow(lambda x, p: [0, -mu * x[0] ** 2 * x[1]], 2, linear=[[0, 1], [-1, mu]])
    options = dict(initial=[2.0, 0.0], period=8.86, dt=0.01)
    one, two = lx.floquet(oscillator, **options), lx.floquet(split, **options)
    assert two.period == pytest.approx(one.period, rel=1e-7)
    np.testing.assert_allclose(np.abs(two.multipliers), np.abs(one.multipliers), atol=1e-7)
    run = dict(duration=5, dt=0.01, initial=[2.0, 0.1], progress=False)
    delta, psi = lx.sensitivity(split, **run), lx.adjoint(split, **run)
    product = psi.vectors.swapaxes(1, 2) @ delta.vectors
    np.testing.assert_allclose(product, np.broadcast_to(product[-1], product.shape), atol=1e-9)
    vectors = lx.covariant_vectors(split, duration=60, dt=0.02, rng=0, progress=False)
    np.testing.assert_allclose(
        vectors.exponents, spectrum(split, duration=60, dt=0.02).exponents, atol=0.1
    )


def test_parameters_batches_and_time():
    values = np.array([0.5, 2.0, 4.0])
    options = dict(duration=5, dt=0.05, transient=1, initial=np.full(10, 0.3), qr_every=4)
    batch = spectrum(stiff(), params={"a": values}, **options)
    for b, value in enumerate(values):
        alone = spectrum(stiff().with_params(a=value), **options)
        assert np.array_equal(batch.exponents[b], alone.exponents)
    driven = lx.Flow(lambda x, p, t: [np.cos(t)], 1, linear=[-1.0], initial=[0.5])
    path = lx.trajectory(driven, duration=7, dt=0.01, initial=[0.5], progress=False)
    exact = (np.cos(path.times) + np.sin(path.times)) / 2
    np.testing.assert_allclose(path.states[:, 0], exact, atol=1e-10)


def test_named_pickled_and_copied():
    linear, grid = RATES.copy(), (np.eye(10), np.eye(10))
    system = lx.Flow(coupled, 10, {"a": 2.0}, linear=linear, grid=grid)
    options = dict(duration=2, dt=0.1, transient=0)
    before = spectrum(system, **options)
    assert "ETDRK4" in repr(system)
    assert "ETDRK4" in before.system
    assert "ETDRK4" in str(before)
    for array in (linear, *grid):
        array[:] = np.nan
    again = pickle.loads(pickle.dumps(system))
    for same in (system, again, again.with_params(a=2.0)):
        assert np.array_equal(spectrum(same, **options).exponents, before.exponents)
    assert "ETDRK4" not in repr(lx.Flow(coupled, 10, {"a": 2.0}))


@pytest.mark.parametrize("linear", [[1e300, -1.0], [1e6, -1.0], [[1e6, 1.0], [0.0, -1.0]]])
def test_what_grows_beyond_numbers_diverges(linear):
    found = spectrum(lx.Flow(lambda x, p: [np.sin(x[0]), 0], 2, linear=linear), duration=3, dt=0.1)
    assert found.diverged


def test_jumps_are_seen():
    relay = lx.Flow(lambda x, p: [np.sign(x[1]), 0 * x[0]], 2, linear=[-1.0, -2.0])
    assert len(relay.jumps) == 1
    assert not stiff().jumps


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"linear": np.ones(9)}, ValueError, r"linear must have shape \(dim,\) = \(10,\)"),
        ({"linear": np.ones((10, 9))}, ValueError, r"linear must have shape \(dim,\) = \(10,\)"),
        (
            {"linear": np.ones((2, 10, 10))},
            ValueError,
            r"linear must have shape \(dim,\) = \(10,\)",
        ),
        ({"linear": 1.0}, ValueError, "linear must have at least 1 axes"),
        ({"linear": [np.nan] * 10}, ValueError, "linear must be finite"),
        ({"linear": [1j] * 10}, TypeError, "linear must be real numbers"),
        ({"grid": np.eye(10)}, TypeError, "grid must be two matrices"),
        ({"grid": (np.eye(10),)}, TypeError, "grid must be two matrices"),
        (
            {"grid": (np.eye(9), np.eye(10))},
            ValueError,
            r"grid\[0\] must have shape \(m, dim\) = \(m, 10\)",
        ),
        (
            {"grid": (np.eye(10), np.eye(9))},
            ValueError,
            r"grid\[1\] must have shape \(dim, q\) = \(10, q\)",
        ),
        ({"grid": (np.eye(10), np.ones((10, 9)))}, ValueError, "f must return 9 values"),
        ({"grid": (np.full((4, 10), np.inf), np.eye(10))}, ValueError, r"grid\[0\] must be finite"),
    ],
)
def test_bad_input(options, error, text):
    with pytest.raises(error, match=text):
        lx.Flow(coupled, 10, {"a": 2.0}, **options)


def test_refusals():
    with pytest.raises(TypeError, match="linear"):
        lx.Map(coupled, 10, {"a": 2.0}, linear=RATES)
    with pytest.raises(ValueError, match="ETDRK4 has no GPU kernels"):
        stiff().propagator((1,), 0.1, 1, np.dtype(float), [object()])


def right_hand_side(known, x):
    read, write = known.semilinear["grid"]
    return known.semilinear["linear"] * x + write @ known.f(read @ x, None)


@pytest.mark.parametrize("length", [22.0, 37.3])
def test_kuramoto_sivashinsky_is_its_equation(length):
    """Against derivatives by FFT on four times as many points: nothing is aliased."""
    known = kuramoto_sivashinsky_of(length)
    modes, points = known.dim // 2, 4 * known.dim
    amplitudes = np.random.default_rng(6).standard_normal(known.dim)
    hat = np.zeros(points // 2 + 1, complex)
    hat[1 : modes + 1] = points / 2 * (amplitudes[:modes] - 1j * amplitudes[modes:])
    wave = 2j * np.pi / length * np.arange(points // 2 + 1)
    u, slope = np.fft.irfft(hat), np.fft.irfft(wave * hat)
    rate = np.fft.rfft(-u * slope)[1 : modes + 1] - ((wave**2 + wave**4) * hat)[1 : modes + 1]
    expected = 2 / points * np.concatenate([rate.real, -rate.imag])
    found = right_hand_side(known, amplitudes)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_kuramoto_sivashinsky_contracts_as_its_linear_part():
    """What is not linear has no trace, so all exponents together are the trace of L."""
    known = kuramoto_sivashinsky_of(22.0, modes=8)
    found = spectrum(known.system(), duration=50, dt=0.01, transient=20).exponents
    assert found.sum() == pytest.approx(known.semilinear["linear"].sum(), rel=1e-6)


# The step moves exponents from the 11th on, by 0.003 and more.
@pytest.mark.filterwarnings("ignore:dt = 0.25 is too large")
def test_kuramoto_sivashinsky_exponents():
    known = kuramoto_sivashinsky_of(22.0)
    spec = spectrum(known.system(), k=12, duration=2000, transient=300, dt=0.25, members=8)
    mean, error = spec.exponents.mean(axis=0), np.sqrt((spec.stderr**2).mean(axis=0) / 8)
    assert (spec.status == 0).all()
    assert (error < 0.006).all()
    for j, (value, uncertainty) in enumerate(known.exponents):
        assert abs(mean[j] - value) < 4 * np.hypot(error[j], uncertainty) + 5e-3 * (j > 9), j
    assert (np.abs(mean[:10] - CVITANOVIC) < 4 * error[:10] + 5e-4).all()
    # Without one of the zeros, which is the mean's.
    others = np.delete(EDSON, 2)
    assert (np.abs(mean[:9] - others) < 4 * error[:9] + 5e-3).all()


@pytest.mark.filterwarnings("ignore:dt = 0.25 is too large")
def test_a_long_domain():
    """Exponents per length: 100 / 22 times as many, and the largest 0.08 to 0.1 (Edson et al.)."""
    known = kuramoto_sivashinsky_of(100.0)
    assert known.dim == 134
    spec = spectrum(known.system(), k=30, duration=150, transient=150, dt=0.25)
    assert 0.05 < spec.exponents[0] < 0.12
    assert 18 < spec.kaplan_yorke < 26  # 0.226 L - 0.160 = 22.4


@pytest.mark.parametrize(
    "options",
    [
        {"length": 0},
        {"length": np.nan},
        {"length": 1e300},
        {"length": 1e6},
        {"modes": 0},
        {"modes": 2.5},
        {"modes": 10**6},
    ],
)
def test_bad_domains(options):
    with pytest.raises((ValueError, TypeError), match=next(iter(options))):
        kuramoto_sivashinsky_of(**options)
