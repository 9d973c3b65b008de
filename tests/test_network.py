"""Networks of nodes: what separates and what does not, laws of their spectra, and known numbers."""

import numpy as np
import pytest
import scipy.sparse
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import lyapax as lx
from lyapax.kernels import generated
from lyapax.systems import networks
from lyapax.systems.coupling import Sides, separated

from .helpers import spectrum
from .numpy_system import NumpyNetwork

X, Y, P, E = sympy.symbols("x0 y0 p0 p1", real=True)
SIDES = Sides(frozenset({X, P}), frozenset({E}), frozenset({Y}))


@pytest.mark.parametrize(
    ("coupling", "products"),
    [
        (Y - X, 1),
        (sympy.sin(Y - X), 2),
        (sympy.sin(Y - X - E), 4),
        (sympy.sin(Y - X - P), 2),
        ((Y - X) ** 3, 3),
        (sympy.exp(Y - 2 * X), 1),
        ((P - X) / (1 + sympy.exp(-Y)), 1),
        (sympy.cos(2 * (Y - X)) * Y + X, 2),
        (E * X * Y, 1),
        (X**2, 0),
    ],
)
def test_couplings_separate(coupling, products):
    terms = separated(coupling, SIDES)
    assert sum(bool(t.there.free_symbols & SIDES.there) for t in terms) == products
    for term in terms:
        assert term.here.free_symbols <= SIDES.here
        assert term.edge.free_symbols <= SIDES.edge
        assert term.there.free_symbols <= SIDES.there
    total = sum(t.here * t.edge * t.there for t in terms)
    at = {X: 0.3, Y: -1.1, P: 0.7, E: 0.2}
    assert abs(float((total - coupling).subs(at))) < 1e-12


@pytest.mark.parametrize(
    "coupling", [sympy.tanh(Y - X), 1 / (1 + X * Y), sympy.sin(X * Y), sympy.tanh(P * Y), Y**E]
)
def test_couplings_that_do_not(coupling):
    assert separated(coupling, SIDES) is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-3, 3)] * 4), min_size=1, max_size=4), st.integers(0, 3))
def test_sums_of_products_always_separate(terms, power):
    coupling = (
        sum(a * X ** abs(b) * sympy.sin(c * Y + b * X) * Y ** abs(d) for a, b, c, d in terms)
        + (X + Y) ** power
    )
    found = separated(sympy.sympify(coupling), SIDES)
    assert found is not None
    total = sum(t.here * t.edge * t.there for t in found)
    at = {X: 0.37, Y: -1.21}
    assert abs(float((total - coupling).subs(at))) < 1e-9


def kuramoto(W, omega, K=1.5):
    return networks["kuramoto"].system(W, omega=omega, K=K)


def pulling(pull, W, omega=0.0, K=1.0, leak=0.1, **lags):
    """Nodes that pull each other by a function of differences, less p.scale p.lag if given."""
    node = lambda x, s, p: [p.omega + p.K * s[0] - p.leak * x[0]]  # noqa: E731
    params = {"omega": omega, "K": K, "leak": leak, **lags}
    if lags:
        coupling = lambda x, y, p: [pull(y[0] - x[0] - p.scale * p.lag)]  # noqa: E731
    else:
        coupling = lambda x, y, p: [pull(y[0] - x[0])]  # noqa: E731
    return lx.Network(node, coupling, W, params)


def test_a_rate_network_written_as_one_has_its_exponents():
    rng = np.random.default_rng(0)
    W = rng.standard_normal((20, 20)) * 1.5 / np.sqrt(20)
    options = {"duration": 20, "dt": 0.05, "transient": 2, "initial": rng.standard_normal(20)}
    expected = spectrum(NumpyNetwork(W), **options)
    written = lx.Network(lambda x, s, p: [-x[0] + s[0]], lambda x, y, p: [np.tanh(y[0])], W)
    found = spectrum(written, **options)
    np.testing.assert_allclose(found.exponents, expected.exponents, atol=1e-10)


def test_a_common_phase_is_a_zero_exponent():
    rng = np.random.default_rng(1)
    net = kuramoto(rng.random((12, 12)) / 12, rng.normal(0, 0.2, 12))
    spec = spectrum(net, duration=200, dt=0.05, transient=50)
    assert (net.turns == 2 * np.pi).all()
    assert spec.n_zero == 1
    assert (spec.exponents[1:] < 0).all()


@pytest.mark.parametrize("pull", [np.sin, np.tanh])
@pytest.mark.parametrize("sparse", [False, True])
def test_blocks_are_the_union_of_networks(pull, sparse):
    """Uncoupled parts have the exponents that they have alone; and sums are traces."""
    rng = np.random.default_rng(2)
    parts = [rng.random((n, n)) / n for n in (5, 8)]
    both = scipy.sparse.block_diag(parts, format="csr")
    start = rng.standard_normal(13)

    def exponents(W, initial):
        net = pulling(pull, W, leak=0.5)
        return spectrum(net, duration=300, dt=0.05, transient=50, initial=initial).exponents

    alone = [exponents(parts[0], start[:5]), exponents(parts[1], start[5:])]
    union = exponents(both if sparse else both.toarray(), start)
    np.testing.assert_allclose(union, np.sort(np.concatenate(alone))[::-1], atol=2e-3)


@pytest.mark.parametrize(
    "coupling", [lambda x, y, p: [y[0] - x[0]], lambda x, y, p: [np.arctan(y[0] - x[0])]]
)
def test_the_sum_is_the_mean_trace(coupling):
    """Nodes x' = -x + v, v' = -0.3 v - x^3 + s: the trace is -1.3 a node whatever the coupling."""
    W = np.random.default_rng(3).random((6, 6)) * (1 - np.eye(6))
    net = lx.Network(lambda x, s, p: [x[1] - x[0], -0.3 * x[1] - x[0] ** 3 + s[0]], coupling, W / 6)
    spec = spectrum(net, duration=40, dt=0.02, transient=5)
    assert abs(spec.exponents.sum() + 6 * 1.3) < 1e-5


def test_coupled_maps_at_full_synchrony():
    """Diffusively coupled logistic maps, all to all: ln 2 and ln 2 + ln|1 - eps| n - 1 times."""
    n, eps = 5, 0.7
    net = lx.Network(
        lambda x, s, p: [(1 - p.eps) * 4 * x[0] * (1 - x[0]) + p.eps * s[0]],
        lambda x, y, p: [4 * y[0] * (1 - y[0])],
        np.ones((n, n)) / n,
        params={"eps": eps},
        kind="map",
    )
    spec = spectrum(net, duration=20000, transient=100, initial=np.full(n, 0.3))
    expected = np.log(2) + np.log(1 - eps) * (np.arange(n) > 0)
    assert (np.abs(spec.exponents - expected) < 4 * spec.stderr + 1e-12).all()
    assert (spec.stderr < 0.02).all()


def test_per_node_per_edge_and_batches_agree_with_single_networks():
    rng = np.random.default_rng(4)
    n, B = 6, 3
    W, lag = rng.random((n, n)) / n, rng.standard_normal((n, n))
    omega, K = rng.standard_normal((B, n)), rng.random(B)
    options = {"duration": 5, "dt": 0.05, "transient": 1, "initial": rng.standard_normal((n, 1))}
    for pull in (np.sin, np.tanh):

        def build(omega, K, pull=pull):
            return pulling(pull, W, omega, K, lag=lag, scale=1.0)

        together = spectrum(build(omega, K), **options)
        for b in range(B):
            alone = spectrum(build(omega[b], K[b]), **options)
            np.testing.assert_allclose(together.exponents[b], alone.exponents, atol=1e-12)


@pytest.mark.parametrize("pull", [np.sin, np.tanh])
@pytest.mark.parametrize("kind", ["flow", "map"])
def test_few_nodes_as_one_function_are_the_same_network(pull, kind, monkeypatch):
    rng = np.random.default_rng(9)
    W, V = rng.standard_normal((2, 2, 2))
    lag, omega = rng.standard_normal((2, 2)), rng.standard_normal((5, 2))
    net = lx.Network(
        lambda x, s, p: [p.a * x[1] + 0.3 * s[0], p.omega - 0.5 * x[0] + 0.2 * s[1]],
        lambda x, y, p: [pull(y[0] - x[0] - p.lag), y[1] * x[0]],
        [W, scipy.sparse.csr_array(V)],
        {"a": 0.4, "omega": omega, "lag": lag},
        kind=kind,
    )
    unit = {"dt": 0.05} if kind == "flow" else {}
    options = {"duration": 20 * unit.get("dt", 1), "transient": 0, "k": 3, **unit}
    small = spectrum(net, **options)
    monkeypatch.setattr("lyapax.systems.routes.LANES_WORK", 0)
    large = spectrum(net, **options)
    assert small.shape == large.shape == (5,)
    np.testing.assert_allclose(small.exponents, large.exponents, atol=1e-9)


@pytest.mark.parametrize("pull", [np.sin, np.tanh])
@pytest.mark.parametrize("sparse", [False, True])
def test_numbers_beside_parameters_of_edges_and_batches_of_matrices(pull, sparse):
    rng = np.random.default_rng(10)
    W, lag = rng.random((2, 6, 6)) / 6, rng.standard_normal((6, 6))
    weights = scipy.sparse.csr_array(W[0]) if sparse else W
    options = {"duration": 5, "dt": 0.05, "transient": 1, "initial": rng.standard_normal((6, 1))}

    def exponents(W, scale, lag):
        return spectrum(pulling(pull, W, lag=lag, scale=scale), **options).exponents

    together = exponents(weights, [0.5, 2.0], lag)
    for b, scale in enumerate((0.5, 2.0)):
        alone = exponents(W[0] if sparse else W[b], 1.0, scale * lag)
        np.testing.assert_allclose(together[b], alone, atol=1e-12)


def test_inputs_are_what_a_node_gets():
    rng = np.random.default_rng(5)
    W, inputs = rng.standard_normal((4, 4)) / 2, rng.standard_normal((60, 4))
    driven = NumpyNetwork(W, kind="map", inputs=inputs)
    expected = spectrum(driven, duration=60, transient=0, initial=np.zeros(4))
    for couple, separable in (
        (lambda x, y, p: [np.tanh(y[0])], True),
        (lambda x, y, p: [np.tanh(np.where(x[0] * y[0] > 99.0, 0.0, y[0]))], False),
    ):
        net = lx.Network(lambda x, s, p: [s[0] + p.input], couple, W, kind="map", inputs=inputs)
        assert net.separable == separable
        found = spectrum(net, duration=60, transient=0, initial=np.zeros(4))
        np.testing.assert_allclose(found.exponents, expected.exponents, atol=1e-12)


def test_time_reaches_the_node():
    """x' = -x + cos t + s with s = 0: exponents -1, and the state follows the drive."""
    net = lx.Network(
        lambda x, s, p, t: [np.cos(t) - x[0] + 0 * s[0]], lambda x, y, p: [y[0]], np.zeros((2, 2))
    )
    path = lx.trajectory(net, duration=30, dt=0.01, initial=np.zeros((2, 1)), progress=False)
    t = path.times
    expected = (np.cos(t) + np.sin(t) - np.exp(-t)) / 2
    assert path.states.shape == (len(t), 2, 1)
    np.testing.assert_allclose(path.states[:, 0, 0], expected, atol=1e-8)


def test_another_network_of_the_same_functions_compiles_nothing():
    rng = np.random.default_rng(6)
    spectrum(kuramoto(rng.random((7, 7)), np.zeros(7)), duration=1, dt=0.1)
    before = generated.started.cache_info().misses
    net = kuramoto(rng.random((31, 31)), rng.standard_normal(31), K=0.2)
    spectrum(net, duration=1, dt=0.1)
    assert generated.started.cache_info().misses == before


def test_threads_and_batches_do_not_change_bits(monkeypatch):
    rng = np.random.default_rng(7)
    W, start = rng.random((40, 40)) / 40, rng.standard_normal((40, 1))
    found = []
    for threads in ("1", "2"):
        monkeypatch.setenv("LYAPAX_NUM_THREADS", threads)
        for pull in (np.sin, np.tanh):
            net = pulling(pull, W, omega=0.3)
            spec = spectrum(net, duration=3, dt=0.05, transient=0, initial=start)
            found.append(spec.exponents.tobytes())
    assert found[:2] == found[2:]


def node(x, s, p):
    return [p.omega + s[0]]


def couple(x, y, p):
    return [np.sin(y[0] - x[0])]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"W": np.ones((3, 4))}, ValueError, "W must be square"),
        ({"W": [np.eye(3), np.eye(4)]}, ValueError, "W must be matrices of one size"),
        ({"W": [np.eye(3), np.eye(3)]}, ValueError, "W must have one matrix for each of the 1"),
        ({"W": [[np.nan]]}, ValueError, "W must be finite"),
        ({"coupling": lambda x, y, p, t: [y[0]]}, ValueError, "coupling must take"),
        ({"coupling": lambda x, y, p: [y[0] * np.nan]}, TypeError, "coupling cannot be traced"),
        ({"coupling": lambda x, y, p: y[0] > x[0] and 1}, TypeError, "coupling cannot be traced"),
        ({"node": lambda x, s, p: [x[1] + s[0]]}, ValueError, "node must return a value for each"),
        ({"node": lambda x, s, p: [s[1]]}, TypeError, "node cannot be traced"),
        ({"node": lambda x, s, p: [p.K]}, TypeError, "K is not in params"),
        ({"node": lambda x, s: [s[0]]}, ValueError, "node must take the arguments"),
        ({"params": {"omega": np.ones((3, 2))}, "shapes": {"omega": (3,)}}, ValueError, "omega"),
        ({"params": {"omega": np.ones(3)}, "shapes": {"K": ()}}, ValueError, "shapes names 'K'"),
        ({"params": {"omega": 1.0}, "shapes": {"omega": (2,)}}, ValueError, "shapes"),
        ({"variables": -1}, ValueError, "variables"),
        ({"variables": 2}, ValueError, "variables must be the number of values"),
        ({"variables": 10**18}, ValueError, "variables must be from 1 to 64"),
        ({"inputs": np.ones((4, 2))}, ValueError, "inputs must have shape"),
        ({"initial": np.ones((2, 1))}, ValueError, "initial must have shape"),
        ({"kind": "ode"}, ValueError, "kind"),
    ],
)
def test_bad_input_is_named(change, error, words):
    good = {"node": node, "coupling": couple, "W": np.eye(3), "params": {"omega": 1.0}}
    with pytest.raises(error, match=words):
        lx.Network(**{**good, **change})


def test_variables_may_be_unpacked():
    def node(x, s, p):
        v, w = x
        return [v - v**3 - w + s[0], v - w]

    def couple(x, y, p):
        (v, _), (u, _) = x, y
        return [u - v]

    assert lx.Network(node, couple, np.eye(3)).variables == 2


def test_jumps_are_told():
    net = lx.Network(lambda x, s, p: [np.where(x[0] > 0.3, -1.0, 1.0) + s[0]], couple, np.eye(3))
    assert len(net.jumps) == 1
    assert "node's output 0" in net.jumps[0]
