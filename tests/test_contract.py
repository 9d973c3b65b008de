"""Every propagator against plain NumPy: one row a propagator."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse

from lyapax import GRU, LSTM, RNN, Flow, Map, Network, RateNetwork
from lyapax.kernels.cuda.gemm import Gemm
from lyapax.kernels.forms import form_of
from lyapax.kernels.loops import Loops
from lyapax.kernels.propagator import initial_carry
from lyapax.systems import library, lorenz96_of

from . import reference
from .cuda_device import EMULATED, real
from .numpy_system import NumpyFlow, NumpyMap, NumpyNetwork


def numeric_jacobian(f, x):
    """Complex step: exact to rounding for analytic f."""
    n = len(x)
    step = 1e-30
    return np.array([np.imag(f(x + 1j * step * e)) / step for e in np.eye(n)]).T


def function_row(kind, f, dim, dt):
    class Empty:
        sigma, rho, beta, a, b, forcing = 10.0, 28.0, 8 / 3, 1.4, 0.3, 8.0

    plain = lambda x: np.asarray(f(x, Empty))  # noqa: E731
    names = {"lorenz63": ("sigma", "rho", "beta"), "henon": ("a", "b"), "lorenz96": ("forcing",)}
    params = {name: getattr(Empty, name) for name in names[f.__name__]}
    return kind(f, dim, params), plain, lambda x: numeric_jacobian(plain, x), dt


def long_row(n=27, dt=0.05):
    """A function of so many operations that it runs as loops."""
    omega = np.linspace(-1.0, 1.0, n)

    def f(x, p):
        pairs = [p.K * np.sin(b - a) for a in x for b in x]
        rates = [p.omega[i] + sum(pairs[i * n : (i + 1) * n]) for i in range(n)]
        return [*rates[:-1], -np.tanh(x[-1]) * x[0] + p.K**2]

    params = {"omega": omega, "K": 0.1}
    plain = lambda x: np.array(f(x, SimpleNamespace(**params)))  # noqa: E731
    system = Flow(f, n, params, shapes={"omega": (n,)})
    assert isinstance(form_of(system.graph), Loops)
    return system, plain, lambda x: numeric_jacobian(plain, x), dt


def linear_row(full, grid, n=13, dt=0.1):
    """Stiff: rates of up to 60 with dt = 0.1, beyond the reach of RK4."""
    rng = np.random.default_rng(7)
    linear = -np.geomspace(0.1, 60, n)
    if full:
        rotation = np.linalg.qr(rng.standard_normal((n, n)))[0]
        linear = rotation * linear @ rotation.T
    turn = lambda u, p: 1.5 * np.tanh(u) * np.roll(u, 1)  # noqa: E731
    read, write = np.eye(n), np.eye(n)
    if grid:
        read = rng.standard_normal((2 * n, n)) / np.sqrt(n)
        write = rng.standard_normal((n, 2 * n)) / np.sqrt(n)
    f = lambda x: write @ turn(read @ x, None)  # noqa: E731
    f.linear = linear if full else np.diag(linear)
    system = Flow(turn, n, linear=linear, grid=(read, write) if grid else None)
    return system, f, lambda x: numeric_jacobian(f, x), dt


def network_row(form, kind, sparse, n=13, dt=0.1, of=RateNetwork):
    rng = np.random.default_rng(5)
    w = rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.6)
    bias, tau = rng.standard_normal(n), rng.uniform(1.5, 2.0, n)
    # d(x/tau): rows of the Jacobian are divided by their own tau.
    base_f, base_j = reference.network(w, bias, 1.0, form, "flow")
    flow = lambda x: base_f(x) / tau  # noqa: E731
    jac = lambda x: base_j(x) / tau[:, None]  # noqa: E731
    if kind == "map":
        f, jacobian = (lambda x: x + flow(x)), (lambda x: np.eye(n) + jac(x))
    else:
        f, jacobian = flow, jac
    weights = scipy.sparse.csr_array(w) if sparse else w
    system = of(weights, bias, tau, form=form, kind=kind)
    return system, f, jacobian, dt if kind == "flow" else 0.0


def recurrent_row(kind, n, layers=1, flow=False, closed=False):
    rng = np.random.default_rng(6)
    gates, d = {"rnn": 1, "lstm": 4}.get(kind, 3), 3
    w_hh = [rng.standard_normal((gates * n, n)) / np.sqrt(n) for _ in range(layers)]
    w_ih = [rng.standard_normal((gates * n, n if i else d)) / 2 for i in range(layers)]
    b_hh, b_ih = rng.standard_normal((2, layers, gates * n))
    loop = {"readout": rng.standard_normal((d, n)) / n, "readout_bias": 0.3} if closed else {}
    options = {"kind": "flow" if flow else "map"} if "gru" in kind else {}
    if kind == "reset_gru":
        options["reset"] = "before"
    system = {"rnn": RNN, "lstm": LSTM}.get(kind, GRU)(
        w_hh, w_ih, list(b_hh), list(b_ih), **options, **loop
    )
    f = reference.recurrent(kind, w_hh, w_ih, b_hh, b_ih, flow, loop.get("readout"), 0.3)
    return system, f, lambda x: numeric_jacobian(f, x), 0.1 if flow else 0.0


def nodes_row(variables, road, sparse=False, kind="flow", n=13, dt=0.05):
    """Nodes of 1, 2 or 4 variables; "products" separate, "edges" do not."""
    rng = np.random.default_rng(8)
    w, v = (rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.5) for _ in range(2))
    omega, lag = rng.standard_normal(n), rng.standard_normal((n, n))
    pull = np.sin if road == "products" else np.tanh
    matrices = [scipy.sparse.csr_array(a) if sparse else a for a in (w, v)]
    if variables == 1:
        node = lambda x, s, p: [p.omega - 0.3 * x[0] + p.k * s[0]]  # noqa: E731
        couple = lambda x, y, p: [pull(y[0] - x[0] - p.lag)]  # noqa: E731
        params, matrices = {"omega": omega, "k": 0.7, "lag": lag}, matrices[0]

        def field(x):
            return omega - 0.3 * x + 0.7 * np.sum(w * pull(x[None] - x[:, None] - lag), axis=1)

    elif variables == 2:
        node = lambda x, s, p: [x[1] - x[0] ** 3 / 3 + s[0], p.omega - x[0] + s[1]]  # noqa: E731
        couple = lambda x, y, p: [y[0] - x[0], x[1] * pull(y[0]) if road == "products"  # noqa: E731
                                  else pull(y[0] * x[1])]  # fmt: skip
        params = {"omega": omega}

        def field(x):
            a, b = x.reshape(n, 2).T
            sent = b[:, None] * pull(a) if road == "products" else pull(b[:, None] * a)
            first = np.sum(w * (a[None] - a[:, None]), axis=1)
            rates = b - a**3 / 3 + first, omega - a + np.sum(v * sent, axis=1)
            return np.stack(rates, axis=1).ravel()

    else:
        node = lambda x, s, p: [-x[0] + s[0], x[0] * x[2], np.tanh(s[1] + x[3]), -x[1]]  # noqa: E731
        couple = lambda x, y, p: [x[1] * np.exp(-y[0]), pull(y[2] - x[3])]  # noqa: E731
        params = None

        def field(x):
            a, b, c, d = x.reshape(n, 4).T
            first = np.sum(w * b[:, None] * np.exp(-a), axis=1)
            second = np.sum(v * pull(c[None] - d[:, None]), axis=1)
            return np.stack([first - a, a * c, np.tanh(second + d), -b], axis=1).ravel()

    system = Network(node, couple, matrices, params, kind=kind)
    assert system.separable == (road == "products")
    f = field if kind == "flow" else lambda x: x + 0.1 * field(x)
    if kind == "map":
        slow = lambda x, s, p: [a + 0.1 * b for a, b in zip(x, node(x, s, p))]  # noqa: B905, E731
        system = Network(slow, couple, matrices, params, kind="map")
    return system, f, lambda x: numeric_jacobian(f, x), dt if kind == "flow" else 0.0


NODES = {
    f"{road} of {'sparse' if sparse else 'dense'} nodes of {m}, {kind}": (m, road, sparse, kind)
    for road in ("products", "edges")
    for sparse, kind in ((False, "flow"), (True, "flow"), (False, "map"))
    for m in (1, 2, 4)
}


def delayed_function_row(delays, dt=0.05):
    """Two variables that see each other late, and a forced sum that long code does not inline."""
    first, last = delays

    def f(x, p, past):
        return [
            -x[0] + 2 * np.tanh(past(first)[1] - p.a * past(p.late)[0]),
            x[0] * 0.5 - x[1] ** 3 - np.sin(past(p.late)[1]),
        ]

    def field(x, seen):
        a, b = seen
        return np.array(
            [-x[0] + 2 * np.tanh(a[1] - 0.7 * b[0]), x[0] * 0.5 - x[1] ** 3 - np.sin(b[1])]
        )

    system = Flow(f, 2, {"a": 0.7, "late": last})
    return system, reference.Delayed(field, delays, 2, dt), None, dt


def delayed_network_row(form, delay, n, sparse=False, dt=0.1):
    """Delays are a number, or one for each connection, of which some are 0."""
    rng = np.random.default_rng(2)
    w = rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.7) * 1.5 / np.sqrt(n)
    bias, tau = 0.1 * rng.standard_normal(n), 0.5 + rng.random(n)
    late = np.full((n, n), delay) if np.ndim(delay) == 0 else rng.choice(delay, (n, n))
    times = [t for t in np.unique(late) if t]

    def field(x, seen):
        act = np.tanh if form == "current" else lambda u: u
        states = {0.0: x, **dict(zip(times, seen, strict=True))}
        total = bias + sum((w * (late == t)) @ act(y) for t, y in states.items())
        return (-x + (total if form == "current" else np.tanh(total))) / tau

    given = scipy.sparse.csr_array(w) if sparse else w
    options = {"bias": bias, "tau": tau, "form": form}
    system = RateNetwork(given, delay=delay if np.ndim(delay) == 0 else late, **options)
    return system, reference.Delayed(field, times, n, dt), None, dt


DELAYED = {
    "delayed function, whole steps": lambda: delayed_function_row((0.05, 0.2)),
    "delayed function, parts of steps": lambda: delayed_function_row((0.062, 0.23)),
    "delayed network of 3": lambda: delayed_network_row("rate", [0.0, 0.13, 0.3], 3),
    **{
        f"delayed {'sparse' if sparse else 'dense'} {form} of {n}, {what}": (
            lambda form=form, delay=delay, n=n, sparse=sparse: delayed_network_row(
                form, delay, n, sparse
            )
        )
        for form in ("current", "rate")
        for what, delay in (("one delay", 0.23), ("many", [0.0, 0.1, 0.17, 0.3]))
        for n, sparse in ((13, False), (13, True), (70, False))
    },
}

RECURRENT = {
    "rnn map": ("rnn", 13),
    "rnn map of 2 layers": ("rnn", 13, 2),
    "rnn map in a loop": ("rnn", 13, 1, False, True),
    "gru map": ("gru", 37),
    "gru map of 2 units": ("gru", 2),
    "gru map of 3 layers": ("gru", 13, 3),
    "gru map of 2 layers in a loop": ("gru", 8, 2, False, True),
    "gru flow": ("gru", 13, 1, True),
    "gru flow of 2 units": ("gru", 2, 1, True),
    "gru flow of 2 layers in a loop": ("gru", 13, 2, True, True),
    "gru map, reset before": ("reset_gru", 13, 2),
    "gru flow, reset before": ("reset_gru", 37, 1, True),
    "gru flow of 2 units, reset before": ("reset_gru", 2, 1, True),
    "lstm map": ("lstm", 13),
    "lstm map of 2 units": ("lstm", 2),
    "lstm map of 2 layers": ("lstm", 9, 2),
    "lstm map in a loop": ("lstm", 13, 1, False, True),
}

ROWS = {
    **{name: lambda row=row: recurrent_row(*row) for name, row in RECURRENT.items()},
    **{name: lambda row=row: nodes_row(*row) for name, row in NODES.items()},
    "two nodes of 2, flow": lambda: nodes_row(2, "edges", n=2),
    "lanes flow": lambda: function_row(Flow, library["lorenz63"].f, 3, 0.01),
    "lanes map": lambda: function_row(Map, library["henon"].f, 2, 0.0),
    "columns of loops": long_row,
    "NumPy flow": lambda: function_row(NumpyFlow, library["lorenz63"].f, 3, 0.01),
    "NumPy map": lambda: function_row(NumpyMap, library["henon"].f, 2, 0.0),
    "NumPy network": lambda: network_row("current", "flow", False, of=NumpyNetwork),
    "NumPy network map": lambda: network_row("rate", "map", False, of=NumpyNetwork),
    "columns flow": lambda: function_row(Flow, lorenz96_of(12).f, 12, 0.01),
    **DELAYED,
    **{
        f"etdrk4 of a {'full' if full else 'diagonal'} linear part{' on a grid' if grid else ''}": (
            lambda full=full, grid=grid: linear_row(full, grid)
        )
        for full in (False, True)
        for grid in (False, True)
    },
    **{
        # 37 units: tangents in several strips of several widths, whatever the registers.
        f"{'sparse' if sparse else 'dense'} {form} {kind} of {n}": (
            lambda form=form, kind=kind, sparse=sparse, n=n: network_row(form, kind, sparse, n)
        )
        for form in ("current", "rate")
        for kind in ("flow", "map")
        for sparse in (False, True)
        for n in (13, 37)
    },
}


# Rows that a GPU runs too: here on the CPU by the emulator, and on a device with -m gpu. One row
# for each path through its kernels is enough where a test is about more than numbers.
ON_CPU = "columns", "etdrk4", "edges", "NumPy", "delayed"
ON_GPU = [name for name in ROWS if not name.startswith(ON_CPU)]
PATHS = [
    "lanes flow",
    "gru map of 2 units",
    "dense current flow of 13",
    "dense rate map of 37",
    "gru map",
    "gru flow, reset before",
    "lstm map of 2 layers",
    "sparse current flow of 37",
    "products of dense nodes of 4, flow",
    "products of sparse nodes of 2, flow",
]


def on_gpu(names):
    return [
        *(("emulated", name) for name in names),
        *(pytest.param("gpu", name, marks=pytest.mark.gpu) for name in names),
    ]


def cases(names):
    return [*(("cpu", name) for name in ROWS), *on_gpu(names)]


def devices_of(place):
    return {"cpu": lambda: [], "emulated": lambda: [EMULATED], "gpu": lambda: [real()]}[place]()


def started(system, batch, k, dt, dtype="float64", place="cpu"):
    rng = np.random.default_rng(1)
    n = system.tangent_dim(dt)
    state = 0.1 * rng.standard_normal((batch, n))
    basis = np.array([np.linalg.qr(rng.standard_normal((n, k)))[0] for _ in range(batch)])
    devices = devices_of(place)
    propagator = system.propagator((batch,), dt or 1.0, k, np.dtype(dtype), devices)
    return propagator, initial_carry(state, basis.astype(dtype))


@pytest.mark.parametrize(("place", "name"), cases(ON_GPU))
@pytest.mark.parametrize("batch", [1, 5])
def test_matches_reference(place, name, batch):
    system, f, jacobian, dt = ROWS[name]()
    # Small systems compile for each k, and tests below take 2.
    k = 2 if system.dim <= 3 else system.dim - 1
    propagator, carry = started(system, batch, k, dt, place=place)
    x, q = carry.state.copy(), carry.basis.copy()
    propagator.propagate(carry, 3, 2)
    for b in range(batch):
        expected = reference.propagate(f, jacobian, x[b], q[b], dt, 3, 2)
        np.testing.assert_allclose(carry.state[b], expected[0], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(carry.basis[b], expected[1], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(carry.log_sum[b], expected[2], rtol=1e-10, atol=1e-11)
    assert carry.step == 6
    assert not carry.status.any()


@pytest.mark.parametrize(("place", "name"), cases(ON_GPU))
def test_advance_follows_propagate(place, name):
    system, *_, dt = ROWS[name]()
    propagator, carry = started(system, 3, 2, dt, place=place)
    alone = carry.copy()
    propagator.propagate(carry, 3, 2)
    propagator.advance(alone, 6)
    assert np.array_equal(carry.state, alone.state)


@pytest.mark.parametrize(("place", "name"), cases(PATHS))
def test_calls_and_batches_do_not_change_bits(place, name):
    system, *_, dt = ROWS[name]()
    propagator, whole = started(system, 40, 2, dt, place=place)
    parts = whole.copy()
    single = whole.copy()
    propagator.propagate(whole, 6, 2)
    for _ in range(3):
        propagator.propagate(parts, 2, 2)
    assert np.array_equal(whole.log_sum, parts.log_sum)
    assert np.array_equal(whole.basis, parts.basis)
    if place == "gpu" and isinstance(propagator, Gemm):
        return  # cuBLAS picks its kernel by the batch
    alone, _ = started(system, 1, 2, dt, place=place)
    member = initial_carry(single.state[7:8].copy(), single.basis[7:8].copy())
    alone.propagate(member, 6, 2)
    assert np.array_equal(whole.log_sum[7], member.log_sum[0])
    assert np.array_equal(whole.state[7], member.state[0])


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("batch", [1, 41])  # the last of 41 is a group by itself
def test_tangent_and_cotangent_steps(name, batch):
    """Tangents are NumPy's, and cotangents their transpose: p' (M v) = (M' p)' v."""
    system, f, jacobian, dt = ROWS[name]()
    n, steps = system.tangent_dim(dt), 19
    rng = np.random.default_rng(1)
    state = 0.1 * rng.standard_normal((batch, n))
    v, p = rng.standard_normal((2, batch, n, min(n, 5)))
    propagator = system.propagator((batch,), dt or 1.0, 1, np.dtype(float))
    after, pushed, pulled = state.copy(), v.copy(), p.copy()
    propagator.tangent_steps(after, 0, steps, pushed)
    if name not in DELAYED:  # which have no transposed step
        propagator.cotangent_steps(state, 0, steps, pulled)
    # The same in intervals, whose tangents are each interval's own: the bits of single calls.
    here, ends = state.copy(), np.empty((3, batch, n))
    several = np.stack([v, 2 * v, p])
    propagator.tangent_intervals(here, 4, 5, several, ends)
    there = state.copy()
    for i, own in enumerate([v, 2 * v, p]):
        own = own.copy()
        propagator.tangent_steps(there, 4 + 5 * i, 5, own)
        assert np.array_equal(own, several[i])
        assert np.array_equal(there, ends[i])
    assert np.array_equal(here, there)
    bare = np.empty((3, batch, n))
    propagator.tangent_intervals(state.copy(), 4, 5, np.empty((3, batch, n, 0)), bare)
    assert np.array_equal(bare, ends)
    for b in {0, batch - 1}:
        x, q = state[b], v[b]
        for _ in range(steps):
            x, q = reference.step(f, jacobian, x, q, dt)
        np.testing.assert_allclose(after[b], x, rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(pushed[b], q, rtol=1e-9, atol=1e-11 * np.abs(q).max())
    if name in DELAYED:
        return
    left, right = pulled.swapaxes(1, 2) @ v, p.swapaxes(1, 2) @ pushed
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-13 * np.abs(right).max())


@pytest.mark.parametrize(
    "name",
    [
        "NumPy network",
        "NumPy network map",
        "dense current flow of 13",
        "dense rate map of 37",
        "sparse rate flow of 37",
        "products of dense nodes of 2, flow",
        "edges of sparse nodes of 4, flow",
        "columns flow",
        "etdrk4 of a full linear part on a grid",
        "gru map of 3 layers",
        "gru flow, reset before",
        "lstm map of 2 layers",
    ],
)
def test_float32_tangents(name):
    """On the CPU states stay float64."""
    system, f, jacobian, dt = ROWS[name]()
    propagator, carry = started(system, 2, 4, dt, "float32")
    x, q = carry.state[0].copy(), carry.basis[0].astype(float)
    propagator.propagate(carry, 3, 2)
    expected = reference.propagate(f, jacobian, x, q, dt, 3, 2)
    np.testing.assert_allclose(carry.state[0], expected[0], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(carry.log_sum[0], expected[2], atol=1e-5)
    assert np.abs(carry.log_sum[0] - expected[2]).max() > 0


@pytest.mark.parametrize(("place", "name"), on_gpu(PATHS))
def test_float32_on_a_gpu(place, name):
    """There states are float32 too."""
    system, f, jacobian, dt = ROWS[name]()
    k = min(4, system.dim)
    propagator, carry = started(system, 2, k, dt, "float32", place)
    x, q = carry.state[0].copy(), carry.basis[0].astype(float)
    propagator.propagate(carry, 3, 2)
    expected = reference.propagate(f, jacobian, x, q, dt, 3, 2)
    np.testing.assert_allclose(carry.state[0], expected[0], rtol=0, atol=3e-6)
    np.testing.assert_allclose(carry.log_sum[0], expected[2], rtol=0, atol=1e-4)
    assert np.abs(carry.log_sum[0] - expected[2]).max() > 0


@pytest.mark.parametrize(("place", "name"), cases(PATHS))
def test_a_diverged_member_leaves_its_neighbours_alone(place, name):
    system, *_, dt = ROWS[name]()
    propagator, carry = started(system, 9, 2, dt, place=place)
    spoiled = carry.copy()
    spoiled.state[4, 0] = np.nan
    propagator.propagate(carry, 3, 2)
    propagator.propagate(spoiled, 3, 2)
    others = np.arange(9) != 4
    assert (spoiled.status[4] == 1).all()
    assert np.array_equal(carry.log_sum[others], spoiled.log_sum[others])
