"""Flows, maps and networks with noise in their state."""

import numpy as np
import pytest
import scipy.sparse

import lyapax as lx
from lyapax.kernels.propagator import initial_carry
from lyapax.systems import library

from . import reference
from .helpers import spectrum

LORENZ = library["lorenz63"]
KEY = 2**62 + 12345


def keyed(system, key=KEY):
    """The system, its noise that of a key."""

    class Known:
        def integers(self, _):
            return key

    return system.seeded(Known())


def noisy_steps(rate, jacobian, amplitude, x, q, dt, member, steps):
    """RK4 of f + G xi/sqrt(dt), xi held for a step, and its derivative; dt = 0 is a map."""
    for step in range(steps):
        if callable(amplitude):
            m = len(x)
            xi = reference.noise(KEY, member, step, m) / np.sqrt(dt)
            f = lambda y, xi=xi: rate(y) + amplitude(y) * xi  # noqa: E731
            slope = lambda y, xi=xi: jacobian(y) + np.diag(amplitude(1.0 + 0 * y) * xi)  # noqa: E731
        else:
            xi = reference.noise(KEY, member, step, amplitude.shape[1])
            push = amplitude @ xi / np.sqrt(dt or 1.0)
            f, slope = lambda y, push=push: rate(y) + push, jacobian
        if q is None:  # the state alone
            x, _ = reference.step(
                f, lambda y: np.zeros((len(y), len(y))), x, np.zeros((len(x), 0)), dt
            )
            continue
        x, q = reference.step(f, slope, x, q, dt)
    return x, q


def lorenz(x):
    return np.array([10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]])


def lorenz_slope(x):
    return np.array([[-10, 10, 0], [28 - x[2], -1, -x[0]], [x[1], x[0], -8 / 3]])


MIXED = np.array([[1.0, 0.0], [0.5, -0.3], [0.0, 2.0]])


@pytest.mark.parametrize("batch", [1, 41])
@pytest.mark.parametrize(
    ("noise", "amplitude"),
    [
        (0.7, 0.7 * np.eye(3)),
        ([1.0, 0.5, 0.2], np.diag([1.0, 0.5, 0.2])),
        (MIXED, MIXED),
        (lambda x, p: [0.1 * x[0], 0.1 * x[1], 0.1 * x[2]], lambda y: 0.1 * y),
    ],
)
def test_noisy_lorenz_is_that_of_numpy(noise, amplitude, batch):
    """Chaos multiplies rounding by e^0.9 a unit of time: 1e-9 after 500 steps of .01."""
    system = keyed(lx.Flow(LORENZ.f, 3, LORENZ.params, noise=noise))
    propagator = system.propagator((batch,), 0.01, 3, np.dtype(float))
    start = np.array([1.0, 2.0, 20.0])
    carry = initial_carry(np.tile(start, (batch, 1)), np.tile(np.eye(3), (batch, 1, 1)))
    alone, pushed = carry.state.copy(), np.tile(np.eye(3), (batch, 1, 1))
    propagator.propagate(carry, 500, 1)
    propagator.tangent_steps(alone, 0, 20, pushed)
    for member in {0, batch - 1}:
        x, _ = noisy_steps(
            lorenz, lorenz_slope, amplitude, start, np.zeros((3, 0)), 0.01, member, 500
        )
        np.testing.assert_allclose(carry.state[member], x, rtol=0, atol=1e-9)
        x, q = noisy_steps(lorenz, lorenz_slope, amplitude, start, np.eye(3), 0.01, member, 20)
        np.testing.assert_allclose(alone[member], x, rtol=0, atol=1e-12)
        np.testing.assert_allclose(pushed[member], q, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", ["current", "rate"])
@pytest.mark.parametrize("kind", ["flow", "map"])
@pytest.mark.parametrize(("n", "sparse"), [(3, False), (13, False), (13, True), (40, False)])
def test_networks_are_those_of_numpy(form, kind, n, sparse):
    """Three units run in lanes, others as a network; the noise of units is outside of phi."""
    rng = np.random.default_rng(0)
    w, sigma = rng.standard_normal((n, n)) / np.sqrt(n), rng.random(n)
    tau = 1.0 + rng.random(n)
    bias = np.zeros(n)
    given = scipy.sparse.csr_array(w) if sparse else w
    system = keyed(lx.RateNetwork(given, tau=tau, form=form, kind=kind, noise=sigma))
    dt = 0.1 if kind == "flow" else 0.0
    propagator = system.propagator((9,), dt or 1.0, 2, np.dtype(float))
    carry = initial_carry(rng.standard_normal((9, n)), np.tile(np.eye(n, 2), (9, 1, 1)))
    start = carry.state.copy()
    alone = carry.copy()
    propagator.propagate(carry, 10, 2)
    propagator.advance(alone, 20)
    assert np.array_equal(carry.state, alone.state)
    f, slope = reference.network(w, bias, tau, form, kind)
    for member in (0, 8):
        x, _ = noisy_steps(f, slope, np.diag(sigma), start[member], np.eye(n, 2), dt, member, 20)
        np.testing.assert_allclose(carry.state[member], x, rtol=0, atol=1e-12)


def test_columns_are_those_of_lanes():
    """The same flow with more variables than lanes take, uncoupled ones beside it."""

    def beside(count):
        return lambda x, p: [*LORENZ.f(x, p), *[-x[i] for i in range(3, 3 + count)]]

    noise, start = np.r_[1.0, 0.5, 0.2, np.zeros(9)], np.r_[1.0, 2.0, 20.0, np.zeros(9)]
    options = dict(duration=5, dt=0.01, rng=3, progress=False)
    small = lx.Flow(beside(1), 4, LORENZ.params, noise=noise[:4])
    large = lx.Flow(beside(9), 12, LORENZ.params, noise=noise)
    few = lx.trajectory(small, initial=start[:4], **options)
    path = lx.trajectory(large, initial=start, **options)
    # The first four numbers are the same whatever follows.
    np.testing.assert_allclose(path.states[:, :3], few.states[:, :3], rtol=0, atol=1e-9)
    spec = spectrum(large, k=2, initial=start, duration=5, dt=0.01)
    carry = initial_carry(start[None].copy(), np.eye(12, 2)[None].copy())
    propagator = keyed(large).propagator((), 0.01, 2, np.dtype(float))
    propagator.propagate(carry, 50, 10)
    x, _ = noisy_steps(
        lambda x: np.r_[lorenz(x[:3]), -x[3:]], None, np.diag(noise), start, None, 0.01, 0, 500
    )
    np.testing.assert_allclose(carry.state[0], x, rtol=0, atol=1e-9)
    assert np.isfinite(spec.exponents).all()


def test_bits_depend_on_seed_and_member_alone():
    flow = lx.Flow(LORENZ.f, 3, LORENZ.params, noise=1.0)
    options = dict(duration=2, dt=0.01, transient=0, qr_every=4, initial=np.ones((5, 3)))
    whole = spectrum(flow, rng=1, **options)
    again = spectrum(flow, rng=1, **options)
    assert np.array_equal(whole.exponents, again.exponents)
    other = spectrum(flow, rng=2, **options)
    assert (other.exponents != whole.exponents).all()
    assert len(np.unique(whole.exponents[:, 0])) == 5
    first = spectrum(flow, rng=1, **{**options, "duration": 1})
    first.extend(1, progress=False)
    assert np.array_equal(first.extend(1, progress=False).exponents, whole.exponents)


def test_common_noise_brings_members_together():
    """Of a flow whose exponent is negative: one random sink, whatever the starts."""

    def phases(common):
        flow = lx.Flow(
            lambda x, p: [1.0 + 0 * x[0]], 1, noise=lambda x, p: [np.sin(x[0])], common_noise=common
        )
        return lx.trajectory(
            flow,
            duration=150,
            dt=0.02,
            initial=np.linspace(0, 3, 8)[:, None],
            rng=0,
            progress=False,
        ).states[:, -1, 0]

    together, apart = phases(True), phases(False)
    assert np.ptp(np.angle(np.exp(1j * (together - together[0])))) < 1e-6
    assert np.ptp(np.angle(np.exp(1j * (apart - apart[0])))) > 0.5


def test_ornstein_uhlenbeck():
    """The tangents of additive noise see nothing of it."""
    flow = lx.Flow(lambda x, p: [-x[0] / p.tau], 1, {"tau": [0.5, 2.0]}, noise=0.3)
    spec = spectrum(flow, duration=50, dt=0.002, rng=0)
    np.testing.assert_allclose(spec.exponents[:, 0], [-2.0, -0.5], rtol=0, atol=1e-9)
    options = dict(duration=4000, dt=0.02, transient=20, save_every=25)
    path = lx.trajectory(flow, **options, rng=0, progress=False)
    # sigma^2 tau / 2; independent pieces are 2 tau long.
    for states, tau in zip(path.states[..., 0], (0.5, 2.0), strict=True):
        exact = 0.09 * tau / 2
        assert abs(states.var() - exact) < 4 * exact * np.sqrt(2 * 2 * tau / 4000)
        assert abs(states.mean()) < 4 * np.sqrt(exact * 2 * tau / 4000)


@pytest.mark.parametrize("a", [-0.3, 0.2])
def test_multiplicative_noise_is_that_of_stratonovich(a):
    """dx = a x dt + s x o dW grows as e^(a t + s W): not a - s^2/2, which Ito's would."""
    flow = lx.Flow(lambda x, p: [p.a * x[0]], 1, {"a": a}, noise=lambda x, p: [0.6 * x[0]])
    spec = spectrum(flow, duration=200, dt=0.01, rng=0, members=256, initial=[1.0])
    mean = spec.exponents.mean()
    error = 0.6 / np.sqrt(200 * 256)
    assert abs(mean - a) < 4 * error
    assert 0.8 * error < spec.exponents.std() / 16 < 1.2 * error
    inside = np.abs(spec.exponents - a) < 2 * spec.stderr
    assert 0.9 < inside.mean() <= 1.0


def test_phase_oscillator_with_common_noise():
    """lambda = -(eps^2/2) <Z'^2> of dphi = omega dt + eps Z(phi) o dW, Z = sin."""
    eps = 0.3
    flow = lx.Flow(lambda x, p: [2.0 + 0 * x[0]], 1, noise=lambda x, p: [eps * np.sin(x[0])])
    spec = spectrum(flow, duration=2000, dt=0.02, rng=0, members=64)
    assert (spec.attractor == "random sink").mean() > 0.8
    mean, error = spec.exponents.mean(), spec.exponents.std() / 8
    # The next order of eps is smaller than the error.
    assert abs(mean + eps**2 / 4) < 4 * error + eps**4 / 8
    assert error < 0.002


def test_steps_have_their_order():
    """dx = sin x o dW has the solution tan(x/2) = tan(x(0)/2) e^W.

    With one noise and no drift a step is off by RK4's error of W^5 only, and these have random
    signs: paths are of second order.
    """
    errors = []
    for dt in (0.02, 0.005):
        flow = keyed(lx.Flow(lambda x, p: [0 * x[0]], 1, noise=lambda x, p: [np.sin(x[0])]))
        steps = round(1 / dt)
        propagator = flow.propagator((400,), dt, 1, np.dtype(float))
        state = np.full((400, 1), 1.0)
        propagator.tangent_steps(state, 0, steps, np.zeros((400, 1, 0)))
        members = np.arange(400)
        xi = np.array([reference.noise(KEY, members, s, 1) for s in range(steps)])
        w = xi.reshape(steps, 400).sum(axis=0) * np.sqrt(dt)
        exact = 2 * np.arctan(np.tan(0.5) * np.exp(w))
        errors.append(np.sqrt(np.mean((state[:, 0] - exact) ** 2)))
    assert errors[1] < 1e-5
    assert 1.7 < np.log(errors[0] / errors[1]) / np.log(4) < 2.3


def test_classes_and_results_under_noise(tmp_path):
    chaos = spectrum(lx.Flow(LORENZ.f, 3, LORENZ.params, noise=1.0), duration=300, dt=0.01, rng=0)
    assert chaos.attractor == "random strange attractor"
    assert abs(chaos.exponents[0] - 0.9) < 0.1
    assert abs(chaos.exponents.sum() + 41 / 3) < 1e-3  # a bias of the step
    sink = spectrum(lx.RateNetwork(0.5 * np.eye(2), noise=0.1), duration=50, dt=0.05, rng=0)
    assert sink.attractor == "random sink"
    assert np.isnan(chaos.step_bias).all()
    chaos.save(tmp_path / "noisy.npz")
    loaded = lx.LyapunovSpectrum.load(tmp_path / "noisy.npz")
    assert loaded.attractor == chaos.attractor


def test_errors_cover_the_truth_under_noise():
    """x' = x - x^3 + noise: lambda = <1 - 3 x^2> over the exact density e^(2V/s^2)."""
    s = 0.8
    x = np.linspace(-4, 4, 20001)
    weight = np.exp((x**2 - x**4 / 2) / s**2)
    exact = np.sum((1 - 3 * x**2) * weight) / weight.sum()
    flow = lx.Flow(lambda x, p: [x[0] - x[0] ** 3], 1, noise=s)
    spec = spectrum(flow, duration=400, dt=0.01, rng=0, members=200)
    inside = np.abs(spec.exponents[:, 0] - exact) < 2 * spec.stderr[:, 0]
    assert 0.9 < inside.mean() < 1.0
    assert abs(spec.exponents.mean() - exact) < 4 * spec.exponents.std() / np.sqrt(200)
    assert 0.7 < np.median(spec.stderr) / spec.exponents.std() < 1.5


def test_an_ensemble_has_noise_of_its_own():
    flow = lx.Flow(lambda x, p: [x[0] - x[0] ** 3], 1, noise=0.8)
    pooled = spectrum(flow, ensemble=True, tol=2e-3, dt=0.01)
    single = spectrum(flow, duration=20_000, dt=0.01)
    both = np.hypot(pooled.stderr, single.stderr)
    assert abs(pooled.exponents - single.exponents)[0] < 4 * both[0]
    shared = lx.Flow(lambda x, p: [-x[0]], 1, noise=0.8, common_noise=True)
    with pytest.raises(ValueError, match="ensemble must be False for driven systems"):
        spectrum(shared, ensemble=True, tol=1e-2, dt=0.01)


def test_amplitudes_are_a_parameter():
    flow = lx.Flow(lambda x, p: [-(x[0] ** 3)], 1, noise=0.1)
    spec = spectrum(flow, params={"noise": [0.1, 1.0]}, duration=100, dt=0.01, rng=0)
    assert spec.exponents[0, 0] > spec.exponents[1, 0]
    assert spec.axes[0][0] == "noise"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda f: lx.Flow(f, 2, noise=np.ones(3)), "noise must be a number"),
        (lambda f: lx.Flow(f, 2, noise=np.nan), "noise must be finite"),
        (lambda f: lx.Flow(f, 2, noise="loud"), "noise must be real numbers"),
        (lambda f: lx.Flow(f, 2, {"noise": 1.0}, noise=1.0), "params must not have the name noise"),
        (lambda f: lx.Flow(f, 2, noise=lambda x, p: [x[0]]), "noise must return dim = 2"),
        (lambda f: lx.Flow(f, 2, noise=lambda x, p: [0.0, 0.0]), "noise must not be zero"),
        (lambda f: lx.Flow(f, 2, common_noise=True), "common_noise must be left out"),
        (lambda f: lx.Flow(f, 2, linear=[1.0, 1.0], noise=1.0), "noise must be left out"),
        (lambda f: lx.RateNetwork(np.eye(2), noise=[1.0]), "noise must have shape"),
        (lambda f: lx.RateNetwork(np.eye(2), common_noise=True), "common_noise must be left out"),
        (
            lambda f: spectrum(lx.Flow(f, 2, noise=1.0), duration=1),
            "dt must be given for a flow with noise",
        ),
    ],
)
def test_bad_noise_is_named(make, said):
    with pytest.raises((ValueError, TypeError), match=said):
        make(lambda x, p: [-x[0], -x[1]])


def test_robustness_to_noise_along_the_run():
    """A limit cycle's zero becomes negative with the square of the noise."""
    turn = 1.5 * np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    net = lx.RateNetwork(turn, form="rate")
    spec = lx.robustness(
        net, [0.0, 0.1, 0.2], "S", draws=16, along=True, duration=1000, dt=0.1, rng=0,
        progress=False,
    )  # fmt: skip
    assert [name for name, _ in spec.axes] == ["scale", "draw"]
    mean, error = spec.exponents.mean(axis=1), spec.exponents.std(axis=1) / 4
    assert abs(mean[0, 0]) < 1e-3
    assert mean[2, 0] < mean[1, 0] - 4 * error[1, 0] < -4 * error[1, 0]
    assert (spec.attractor[2] == "random sink").mean() > 0.8
    assert len(np.unique(spec.exponents[1, :, 0])) == 16


@pytest.mark.parametrize("noise", [np.ones((2, 1)), lambda x, p: [[1.0], [1.0]]])
def test_one_source_for_all_variables(noise):
    flow = lx.Flow(lambda x, p: [-x[0], -x[1]], 2, noise=noise)
    path = lx.trajectory(flow, initial=[0.0, 0.0], duration=5, dt=0.05, rng=0, progress=False)
    assert np.ptp(path.states[:, 0]) > 0.1
    np.testing.assert_array_equal(path.states[:, 0], path.states[:, 1])


def test_noise_of_a_network_is_replaced_and_left_out():
    net = lx.RateNetwork(np.zeros((2, 2)), noise=0.2)
    options = dict(initial=np.zeros(2), members=3, duration=2, dt=0.05, rng=0, progress=False)
    together = lx.trajectory(net.with_params(common_noise=True), **options).states
    assert np.ptp(together, axis=0).max() == 0
    assert np.ptp(together, axis=1).max() > 0.1
    shared = lx.RateNetwork(np.zeros((2, 2)), noise=0.2, common_noise=True)
    assert (
        np.ptp(lx.trajectory(shared.with_params(common_noise=False), **options).states[:, -1]) > 0
    )
    quiet = shared.with_params(noise=None)
    assert not quiet.is_noisy
    assert (lx.trajectory(quiet, **options).states == 0).all()


def test_a_direction_that_noise_leaves_neutral():
    def hopf(x, p):
        r2 = x[0] ** 2 + x[1] ** 2
        return [x[0] - x[1] - x[0] * r2, x[0] + x[1] - x[1] * r2, -x[2]]

    flow = lx.Flow(hopf, 3, noise=[0.0, 0.0, 0.1], initial=[1.0, 0.0, 0.0])
    spec = spectrum(flow, duration=500, dt=0.05)
    assert spec.n_zero == 1
    assert spec.attractor == "undetermined"
    assert "leaves a direction neutral" in str(spec.evidence)


def test_planes_of_noisy_systems(tmp_path):
    net = lx.RateNetwork(0.5 * np.eye(2), noise=0.1)
    options = dict(duration=100, dt=0.1, qr_every=8, rng=0, progress=False)
    axes = {"noise": np.array([0.1, 0.2, 0.4, 0.8])}
    whole = lx.sweep(net, axes, store=tmp_path / "a.zarr", chunk=4, **options)
    single = lx.sweep(net, axes, store=tmp_path / "b.zarr", chunk=1, **options)
    assert np.array_equal(whole.exponents, single.exponents)
    meanings = whole.attractor.attrs["flag_meanings"].split()
    assert {meanings[code] for code in whole.attractor.values} == {"random_sink"}


def test_noise_and_delays_together():
    """A network of few units and a function of the same; and without noise the same without."""
    w = np.array([[0.0, -1.5], [1.2, 0.0]])
    net = lx.RateNetwork(w, delay=1.0, noise=0.3)
    flow = lx.Flow(lambda x, p, past: -x + w @ np.tanh(past(1.0)), 2, noise=0.3)
    options = dict(initial=[0.5, 0.1], duration=20, dt=0.1, rng=4, progress=False)
    found = [lx.trajectory(system, **options).states for system in (net, flow)]
    np.testing.assert_allclose(*found, rtol=0, atol=1e-12)
    plain = lx.trajectory(lx.RateNetwork(w, delay=1.0), **options).states
    assert np.abs(plain - found[0]).max() > 0.1
    many = spectrum(lx.RateNetwork(np.eye(20) * 0.1, noise=0.1), duration=10, dt=0.1, k=2)
    assert many.attractor == "random sink"
    with pytest.raises(ValueError, match="noise must be left out of a network of 20 units"):
        spectrum(lx.RateNetwork(np.eye(20), delay=1.0, noise=0.1), duration=10, dt=0.1, k=2)
