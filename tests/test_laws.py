"""Laws and exact values that hold for any correct implementation."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from lyapax import Flow, RateNetwork
from lyapax.systems import library, lorenz96_of

from .helpers import spectrum
from .right_hand_sides import oscillators, spiral


def rk4_rate(eigenvalue, dt):
    z = eigenvalue * dt
    return np.log(abs(1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24)) / dt


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_linear_flow_has_the_real_parts_of_its_eigenvalues(seed, n):
    rng = np.random.default_rng(seed)
    rates = -np.cumsum(rng.uniform(0.3, 0.6, n))
    basis = scipy.linalg.qr(rng.standard_normal((n, n)))[0] + 0.1 * rng.standard_normal((n, n))
    a = basis @ np.diag(rates) @ np.linalg.inv(basis)
    flow = Flow(lambda x, p: p.a @ x, n, {"a": a}, shapes={"a": (n, n)})
    spec = spectrum(flow, duration=50.0, dt=0.02, alignment=120.0)
    expected = [rk4_rate(r, 0.02) for r in rates]
    np.testing.assert_allclose(spec.exponents, expected, atol=1e-6)
    assert spec.attractor == "fixed point"


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", ["flow", "map"])
def test_linear_networks_have_the_spectrum_of_their_matrix(kind, sparse):
    """Real parts for a flow, log moduli for a map, in the network kernels."""
    n, dt = 12, 0.02
    turn = scipy.linalg.qr(np.random.default_rng(4).standard_normal((n, n)))[0]
    eigenvalues = np.linspace(0.9, -0.2, n) if kind == "flow" else 0.95 * 0.8 ** np.arange(n)
    w = turn @ np.diag(eigenvalues) @ turn.T
    net = RateNetwork(scipy.sparse.csr_array(w) if sparse else w, phi="linear", kind=kind)
    if kind == "flow":
        spec = spectrum(net, duration=50.0, dt=dt, alignment=200.0)
        expected = [rk4_rate(e - 1, dt) for e in eigenvalues]
    else:
        spec = spectrum(net, duration=500, alignment=200)
        expected = np.log(eigenvalues)
    np.testing.assert_allclose(spec.exponents, expected, atol=1e-6)


def test_complex_pair_mean():
    flow = Flow(spiral, 2, {"a": 0.1, "w": 1.0})
    spec = spectrum(flow, duration=500.0, dt=0.01)
    assert spec.exponents.mean() == pytest.approx(rk4_rate(-0.1 + 1j, 0.01), abs=1e-6)
    ((first, last, mean, error),) = spec.groups
    assert (first, last) == (0, 2)
    assert abs(mean - rk4_rate(-0.1 + 1j, 0.01)) < 1e-6
    assert error <= spec.stderr.max()


def test_lorenz_trace_halves_by_sixteen():
    def defect(dt):
        spec = spectrum(library["lorenz63"].system(), duration=200.0, dt=dt, qr_every=2)
        return abs(spec.exponents.sum() + 41 / 3)

    # Longer than the attractor's decorrelation, so that the ratio is that of the RK4 error.
    ratio = defect(0.02) / defect(0.01)
    assert 16 * 0.85 < ratio < 16 * 1.15


def test_henon_determinant_and_cat_map():
    spec = spectrum(library["henon"].system(), duration=5000)
    assert spec.exponents.sum() == pytest.approx(np.log(0.3), abs=1e-9)
    spec = spectrum(library["cat_map"].system(), duration=5000)
    golden = np.log((3 + np.sqrt(5)) / 2)
    np.testing.assert_allclose(spec.exponents, [golden, -golden], atol=1e-9)


@pytest.mark.parametrize("kernel", ["lanes", "dense", "sparse"])
def test_network_trace_is_minus_n_over_tau(kernel):
    n, tau = 12, 0.5
    rng = np.random.default_rng(2)
    w = rng.standard_normal((n, n)) * 2 / np.sqrt(n)
    np.fill_diagonal(w, 0.0)
    if kernel == "lanes":
        system = Flow(lambda x, p: (-x + w[:6, :6] @ np.tanh(x)) / tau, 6)
    else:
        system = RateNetwork(scipy.sparse.csr_array(w) if kernel == "sparse" else w, tau=tau)
    spec = spectrum(system, duration=20.0, dt=0.002)
    assert spec.exponents.sum() == pytest.approx(-system.dim / tau, abs=1e-7)


def test_dense_blocks_are_the_union_of_lane_blocks():
    rng = np.random.default_rng(3)
    blocks = [rng.standard_normal((3, 3)) * 2 for _ in range(4)]
    whole = RateNetwork(scipy.linalg.block_diag(*blocks))
    start = rng.standard_normal(12)
    options = dict(duration=20.0, dt=0.02, transient=2.0, qr_every=4)
    full = spectrum(whole, initial=start, initial_basis=np.eye(12), **options)
    parts = []
    for i, w in enumerate(blocks):
        flow = Flow(lambda x, p: -x + p.w @ np.tanh(x), 3, {"w": w}, shapes={"w": (3, 3)})
        part = spectrum(flow, initial=start[3 * i : 3 * i + 3], initial_basis=np.eye(3), **options)
        parts.append(part.exponents)
    np.testing.assert_allclose(full.exponents, -np.sort(-np.concatenate(parts)), atol=1e-9)


def test_zero_weights_and_dead_columns():
    spec = spectrum(RateNetwork(np.zeros((9, 9)), tau=2.0), duration=20.0, dt=0.01)
    np.testing.assert_allclose(spec.exponents, rk4_rate(-0.5, 0.01), atol=1e-12)
    w = np.random.default_rng(0).standard_normal((10, 10))
    w[:, 4] = 0.0
    spec = spectrum(RateNetwork(w, kind="map"), duration=300)
    assert np.isneginf(spec.exponents[-1])
    assert spec.status[-1] == 2
    assert np.isfinite(spec.exponents[:-1]).all()


@pytest.mark.parametrize("sparse", [False, True])
def test_a_unit_that_nothing_reads_decays_by_itself(sparse):
    """Column j of W zero, current form: e_j is an invariant direction with rate -1/tau."""
    n, j, tau, dt = 11, 3, 0.5, 0.01
    w = np.random.default_rng(6).standard_normal((n, n)) * 3 / np.sqrt(n)
    w[:, j] = 0.0
    first = np.roll(np.eye(n), -j, axis=1)  # e_j leads, so that nothing mixes into it
    net = RateNetwork(scipy.sparse.csr_array(w) if sparse else w, tau=tau)
    spec = spectrum(net, duration=30.0, dt=dt, initial_basis=first)
    assert np.abs(spec.exponents - rk4_rate(-1 / tau, dt)).min() < 1e-9
    assert np.abs(spec.exponents + 1 / tau).max() > 0.1


@pytest.mark.parametrize(("alpha", "theta"), [(0.7, 0.3), (1.5, 1.2), (3.0, 1.45)])
def test_a_block_below_the_hopf_line_decays(alpha, theta):
    """alpha cos(theta) < 1: the origin is stable, both exponents are -1 + alpha cos(theta)."""
    dt = 0.02
    known = library["pta_flow"].system(alpha=alpha, theta=theta)
    spec = spectrum(known, duration=2000.0, dt=dt, transient=1000.0)
    rate = rk4_rate(-1 + alpha * np.exp(1j * theta), dt)
    np.testing.assert_allclose(spec.exponents, rate, atol=1e-9)
    assert rate == pytest.approx(-1 + alpha * np.cos(theta), abs=1e-6)


def test_time_has_no_unit_of_its_own():
    w = np.random.default_rng(8).standard_normal((12, 12))
    basis = scipy.linalg.qr(w)[0]
    options = dict(initial=basis[0], initial_basis=basis, qr_every=4)
    slow = spectrum(RateNetwork(w, tau=1.0), duration=40.0, dt=0.05, **options)
    fast = spectrum(RateNetwork(w, tau=2.0**-7), duration=40.0 / 128, dt=0.05 / 128, **options)
    np.testing.assert_allclose(fast.exponents, 128 * slow.exponents, rtol=1e-12)
    np.testing.assert_allclose(fast.stderr, 128 * slow.stderr, rtol=1e-9)


@settings(max_examples=5, deadline=None)
@given(st.floats(0.1, 3.0))
def test_an_orthogonal_change_of_basis_changes_nothing(angle):
    """On a limit cycle, where two orbits that differ by rounding stay together."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s], [s, c]])
    vdp = library["van_der_pol"].f
    plain = Flow(vdp, 2, {"mu": 1.0})
    turned = Flow(
        lambda x, p: p.turn @ np.stack(vdp(p.turn.T @ x, p)),
        2,
        {"mu": 1.0, "turn": turn},
        shapes={"turn": (2, 2)},
    )
    start = np.array([1.0, 0.5])
    options = dict(duration=100.0, dt=0.02, transient=20.0)
    one = spectrum(plain, initial=start, initial_basis=np.eye(2), **options)
    two = spectrum(turned, initial=turn @ start, initial_basis=turn, **options)
    np.testing.assert_allclose(two.exponents, one.exponents, atol=1e-9)


def test_order_of_the_batch_does_not_change_bits():
    rho = np.linspace(10.0, 60.0, 45)
    mixed = np.random.default_rng(0).permutation(45)
    options = dict(duration=20.0, dt=0.01, qr_every=3, initial=[1.0, 1.0, 20.0])
    plain = spectrum(library["lorenz63"].system(rho=rho), **options)
    permuted = spectrum(library["lorenz63"].system(rho=rho[mixed]), **options)
    assert np.array_equal(plain.exponents[mixed], permuted.exponents)
    w = np.random.default_rng(1).standard_normal((5, 9, 9))
    options = dict(duration=5.0, dt=0.05, qr_every=3, initial=np.ones(9))
    assert np.array_equal(
        spectrum(RateNetwork(w), **options).exponents[::-1],
        spectrum(RateNetwork(w[::-1]), **options).exponents,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("g", "mean_field"), [(3.0, 0.2355), (5.0, 0.434)])
def test_large_random_networks_approach_mean_field(g, mean_field):
    """n -> infinity from below: 5 to 18 % are missing at n = 1000."""
    found = []
    for seed in range(3):
        w = np.random.default_rng(seed).standard_normal((1000, 1000)) * g / np.sqrt(1000)
        spec = spectrum(RateNetwork(w), duration=200.0, dt=0.1, transient=50.0, k=1)
        assert spec.stderr[0] < 0.02
        found.append(spec.exponents[0])
    assert 0.80 < np.mean(found) / mean_field < 0.97


def test_orthogonal_linear_map_is_neutral():
    w = scipy.linalg.qr(np.random.default_rng(1).standard_normal((20, 20)))[0]
    spec = spectrum(RateNetwork(w, phi="linear", kind="map"), duration=2000)
    np.testing.assert_allclose(spec.exponents, 0.0, atol=1e-12)
    assert spec.n_zero == 20


def test_uncoupled_stuart_landau_is_a_torus():
    omega = np.sqrt([1.0, 2.0, 3.0])
    torus = Flow(oscillators(3), 6, {"omega": omega}, shapes={"omega": (3,)})
    spec = spectrum(torus, duration=1000.0, dt=0.02)
    assert spec.n_zero == 3
    assert spec.attractor == "torus of dimension 3"
    np.testing.assert_allclose(spec.exponents[3:].mean(), -2.0, atol=1e-6)
    assert spec.kaplan_yorke == 3.0


def test_stable_lorenz_is_not_zero():
    """A stable fixed point's exponents, which adaptive codes print as 0 (rho = 20)."""
    start = [np.sqrt(8 / 3 * 19), np.sqrt(8 / 3 * 19), 19.0]
    spec = spectrum(library["lorenz63"].system(rho=20.0), initial=start, duration=500.0, dt=0.005)
    np.testing.assert_allclose(spec.exponents[2], -13.357, atol=2e-3)
    np.testing.assert_allclose(spec.exponents[:2].mean(), -0.1548, atol=2e-4)
    assert spec.attractor == "fixed point"


def test_leading_exponents_are_those_of_the_full_run():
    system = lorenz96_of(10).system()
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((10, 10)))[0]
    options = dict(duration=50.0, dt=0.01, qr_every=5, initial=system.initial)
    full = spectrum(system, initial_basis=basis, **options)
    part = spectrum(system, k=4, initial_basis=basis[:, :4], **options)
    np.testing.assert_allclose(part.exponents, full.exponents[:4], atol=1e-11)
    assert full.exponents.sum() == pytest.approx(-10.0, abs=1e-5)


def test_cadence_does_not_matter():
    """The orbit is the same to the bit, so only rounding, eps * growth, is left."""
    henon, lorenz = library["henon"].system(), library["lorenz63"].system()
    by_cadence = {}
    for m in (1, 5, 10, 20):
        by_cadence[m] = spectrum(lorenz, duration=400, dt=0.01, qr_every=m).exponents
        np.testing.assert_allclose(by_cadence[m], by_cadence[1], atol=1e-11)
    one, five, ten = (spectrum(henon, duration=4000, qr_every=m).exponents for m in (1, 5, 10))
    np.testing.assert_allclose(five, one, atol=1e-11)
    np.testing.assert_allclose(ten, one, atol=1e-7)


def test_reference_numbers_within_their_errors():
    assert len(library) >= 12
    for name, known in library.items():
        k = len(known.exponents)
        spec = spectrum(known.system(), duration=known.duration, dt=known.dt, members=8, k=k)
        mean = spec.exponents.mean(axis=0)
        error = np.sqrt((spec.stderr**2).mean(axis=0) / 8)
        assert k == known.dim or name == "kuramoto_sivashinsky"
        for j, (value, uncertainty) in enumerate(known.exponents):
            gap, allowed = abs(mean[j] - value), 4 * np.hypot(error[j], uncertainty) + 2e-4
            assert gap < allowed, (name, j, gap, allowed)
            assert error[j] < 0.02 + 0.01 * abs(value), (name, j, error[j])
        if known.attractor:
            assert (spec.attractor == known.attractor).all(), (name, spec.attractor)


def test_logistic_map_is_ln_2():
    spec = spectrum(library["logistic"].system(r=4.0), duration=50000)
    assert abs(spec.exponents[0] - np.log(2)) < 4 * spec.stderr[0] < 0.02
