"""Networks of nodes beside plain NumPy and, where it is installed, JAX: milliseconds a step of RK4.

    python -m bench.networks [NAME ...]     # writes bench/results/networks.md if all are run

Each takes the same steps with the same tangents and a QR every ten of them: NumPy by tangents that
are written by hand, JAX by `jax.linearize` of a compiled step, in the form in which one writes it.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

import lyapax as lx
from lyapax.kernels.propagator import initial_carry

from .machine import processor
from .running import gemm_rate

EVERY = 10  # steps from one QR to the next
RESULT = Path(__file__).parent / "results" / "networks.md"


@dataclass
class Case:
    """A network; its field f(np, x), x (n, m), and tangents (x, v) -> J v, v (n, m, k)."""

    network: lx.Network
    k: int
    dt: float
    field: Any
    tangents: Any
    steps: int

    def start(self):
        rng = np.random.default_rng(0)
        x = rng.uniform(0.1, 0.5, (self.network.n, self.network.variables))
        if self.network.initial is not None:
            x = self.network.initial.reshape(x.shape) + 0.1 * x
        return x, np.linalg.qr(rng.standard_normal((self.network.dim, self.k)))[0]


def kuramoto(n, k, steps):
    rng = np.random.default_rng(1)
    W, omega = rng.random((n, n)) / n, rng.normal(0, 0.5, n)
    network = lx.Network(
        lambda x, s, p: [p.omega + p.K * s[0]],
        lambda x, y, p: [np.sin(y[0] - x[0])],
        W,
        params={"omega": omega, "K": 2.0},
    )

    def field(np, x):
        phase = x[:, 0]
        return (omega + 2.0 * np.sum(W * np.sin(phase[None] - phase[:, None]), axis=1))[:, None]

    def tangents(x, v):
        phase = x[:, 0]
        slopes = 2.0 * W * np.cos(phase[None] - phase[:, None])
        return (slopes @ v[:, 0] - slopes.sum(axis=1)[:, None] * v[:, 0])[:, None]

    return Case(network, k, 0.05, field, tangents, steps)


def swing(n=4941, lines=6594, k=20):
    rng = np.random.default_rng(2)
    ends = rng.integers(0, n, (2, lines))
    one = scipy.sparse.coo_array((np.ones(lines), ends), shape=(n, n))
    W = scipy.sparse.csr_array(one + one.T)
    power, i, j = rng.choice([-1.0, 1.0], n), *W.nonzero()
    network = lx.Network(
        lambda x, s, p: [x[1], p.power - 0.1 * x[1] + 8.0 * s[0]],
        lambda x, y, p: [np.sin(y[0] - x[0])],
        W,
        params={"power": power},
    )

    def field(np, x):
        flow = W.data * np.sin(x[j, 0] - x[i, 0])
        if np.__name__ == "jax.numpy":
            total = np.zeros(n).at[i].add(flow)
        else:
            total = np.bincount(i, flow, n)
        return np.stack([x[:, 1], power - 0.1 * x[:, 1] + 8.0 * total], axis=1)

    def tangents(x, v):
        slopes = 8.0 * W.data * np.cos(x[j, 0] - x[i, 0])
        own = np.bincount(i, slopes, n)[:, None]
        pull = scipy.sparse.csr_array((slopes, W.indices, W.indptr), shape=(n, n))
        return np.stack([v[:, 1], pull @ v[:, 0] - own * v[:, 0] - 0.1 * v[:, 1]], axis=1)

    return Case(network, k, 0.01, field, tangents, 60)


def lotka_volterra(n=838, k=50):
    rng = np.random.default_rng(3)
    W, r = rng.random((n, n)) / n, 1.0 + rng.random(n)
    network = lx.Network(
        lambda x, s, p: [x[0] * (p.r - x[0] - s[0])], lambda x, y, p: [y[0]], W, params={"r": r}
    )

    def field(np, x):
        return x * (r[:, None] - x - W @ x)

    def tangents(x, v):
        left = r[:, None] - 2 * x - W @ x
        return (left * v[:, 0] - x * (W @ v[:, 0]))[:, None]

    return Case(network, k, 0.02, field, tangents, 60)


def fitzhugh_nagumo(n=1000, k=20):
    rng = np.random.default_rng(4)
    W = scipy.sparse.csr_array(scipy.sparse.random_array((n, n), density=0.01, rng=rng))
    degree, i, j = W.sum(axis=1), *W.nonzero()
    network = lx.Network(
        lambda x, s, p: [
            x[0] - x[0] ** 3 / 3 - x[1] + 0.5 + 0.1 * s[0],
            0.08 * (x[0] + 0.7 - 0.8 * x[1]),
        ],
        lambda x, y, p: [y[0] - x[0]],
        W,
    )

    def field(np, x):
        a, b = x[:, 0], x[:, 1]
        if np.__name__ == "jax.numpy":
            sent = np.zeros(n).at[i].add(W.data * a[j])
        else:
            sent = W @ a
        rate = a - a**3 / 3 - b + 0.5 + 0.1 * (sent - degree * a)
        return np.stack([rate, 0.08 * (a + 0.7 - 0.8 * b)], axis=1)

    def tangents(x, v):
        own = (1 - x[:, 0] ** 2 - 0.1 * degree)[:, None]
        first = own * v[:, 0] - v[:, 1] + 0.1 * (W @ v[:, 0])
        return np.stack([first, 0.08 * (v[:, 0] - 0.8 * v[:, 1])], axis=1)

    return Case(network, k, 0.05, field, tangents, 200)


def hodgkin_huxley(n=200, k=10):
    rng = np.random.default_rng(5)
    W = rng.random((n, n)) / n
    network = lx.systems.networks["hodgkin_huxley"].system(W)

    def linear(np, u):
        return u / (1 - np.exp(-u))

    def gates(np, v):
        """Rates at which each gate opens and closes."""
        opening = (
            linear(np, (v + 40) / 10),
            0.07 * np.exp(-(v + 65) / 20),
            0.1 * linear(np, (v + 55) / 10),
        )
        closing = (
            4 * np.exp(-(v + 65) / 18),
            1 / (1 + np.exp(-(v + 35) / 10)),
            0.125 * np.exp(-(v + 65) / 80),
        )
        return opening, closing

    def field(np, x):
        v, m, h, g = x.T
        opening, closing = gates(np, v)
        ionic = 120 * m**3 * h * (v - 50) + 36 * g**4 * (v + 77) + 0.3 * (v + 54.387)
        sums = W @ (0.5 + 0.5 * np.tanh(v / 4))
        rates = [a * (1 - u) - b * u for a, b, u in zip(opening, closing, (m, h, g), strict=True)]
        return np.stack([10.0 - ionic - 0.1 * v * sums, *rates], axis=1)

    def tangents(x, w):
        v, m, h, g = x.T[..., None]
        opening, closing = gates(np, v)

        def slope(u):
            e = np.exp(-u)
            return 1 / (1 - e) - u * e / (1 - e) ** 2

        half = closing[1]
        opens = slope((v + 40) / 10) / 10, -opening[1] / 20, slope((v + 55) / 10) / 100
        closes = -closing[0] / 18, half * (1 - half) / 10, -closing[2] / 80
        open_synapses = 0.5 + 0.5 * np.tanh(v / 4)
        sent = (0.5 * open_synapses * (1 - open_synapses)) * w[:, 0]
        own = -(120 * m**3 * h + 36 * g**4 + 0.3) - 0.1 * (W @ open_synapses)
        first = own * w[:, 0] - 0.1 * v * (W @ sent)
        first -= 360 * m**2 * h * (v - 50) * w[:, 1] + 120 * m**3 * (v - 50) * w[:, 2]
        first -= 144 * g**3 * (v + 77) * w[:, 3]
        rows = [first]
        for i, u in enumerate((m, h, g)):
            through = opens[i] * (1 - u) - closes[i] * u
            rows.append(through * w[:, 0] - (opening[i] + closing[i]) * w[:, i + 1])
        return np.stack(rows, axis=1)

    return Case(network, k, 0.01, field, tangents, 200)


CASES = {
    "Kuramoto, n = 94, dense": lambda: kuramoto(94, 94, 200),
    "Kuramoto, n = 256, dense": lambda: kuramoto(256, 256, 40),
    "Kuramoto, n = 2000, dense": lambda: kuramoto(2000, 5, 20),
    "swing equation, 4941 nodes, 6594 lines": swing,
    "Lotka-Volterra, 838 species": lotka_volterra,
    "FitzHugh-Nagumo, 1000 nodes, 1 % connected": fitzhugh_nagumo,
    "Hodgkin-Huxley, 200 nodes, dense": hodgkin_huxley,
}


def ours(case):
    x, q = case.start()
    propagator = case.network.propagator((), case.dt, case.k, np.dtype(float))
    carry = initial_carry(x.reshape(1, -1).copy(), q[None].copy())
    return best(lambda: propagator.propagate(carry, 1, EVERY), case.steps)


def in_numpy(case):
    (x, q), (n, m) = case.start(), case.network.state_shape
    state = [x, q.reshape(n, m, -1)]

    def slope(x, v):
        return case.field(np, x), case.tangents(x, v)

    def interval():
        x, v = state
        for _ in range(EVERY):
            total, (a, b) = [0.0, 0.0], (x, v)
            for weight, reach in ((1, 0.5), (2, 0.5), (2, 1.0), (1, 0.0)):
                f, g = slope(a, b)
                total = [total[0] + weight * f, total[1] + weight * g]
                a, b = x + reach * case.dt * f, v + reach * case.dt * g
            x, v = x + case.dt / 6 * total[0], v + case.dt / 6 * total[1]
        state[:] = x, np.linalg.qr(v.reshape(n * m, -1))[0].reshape(v.shape)

    return best(interval, EVERY)


def in_jax(case):
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    (x, q), shape, dt = case.start(), case.network.state_shape, case.dt

    def f(y):
        return case.field(jax.numpy, y.reshape(shape)).ravel()

    def step(y):
        a = f(y)
        b = f(y + 0.5 * dt * a)
        c = f(y + 0.5 * dt * b)
        return y + dt / 6 * (a + 2 * b + 2 * c + f(y + dt * c))

    def one(carry, _):
        y, along = jax.linearize(step, carry[0])
        return (y, jax.vmap(along, 1, 1)(carry[1])), None

    @jax.jit
    def interval(y, v):
        (y, v), _ = jax.lax.scan(one, (y, v), None, length=EVERY)
        return y, jax.numpy.linalg.qr(v)[0]

    state = [jax.numpy.array(x.ravel()), jax.numpy.array(q)]

    def run():
        state[:] = jax.block_until_ready(interval(*state))

    return best(run, EVERY)


def best(interval, steps, repeats=5):
    """Seconds a step: the best of some runs of `steps`, after one that compiles."""
    interval()
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        for _ in range(max(1, steps // EVERY)):
            interval()
        found.append((time.perf_counter() - started) / (max(1, steps // EVERY) * EVERY))
    return min(found)


def row(name):
    case = CASES[name]()
    seconds, plain, jax = ours(case), in_numpy(case), in_jax(case)
    note = ""
    if not scipy.sparse.issparse(case.network.matrices[0]):
        n, products = case.network.n, case.network.products
        rate = 4 * products * 2 * n * n * case.k / seconds
        note = f"{rate / gemm_rate():.2f}"
    cells = [
        f"{1e3 * seconds:.3g}",
        f"{plain / seconds:.0f}",
        f"{jax / seconds:.1f}" if jax else "-",
    ]
    return f"| {name} | {case.k} | {' | '.join(cells)} | {note} |"


def main(names):
    head = [
        "# Networks of nodes",
        "",
        f"`python -m bench.networks` on {processor()}, {time.strftime('%Y-%m-%d')}. Milliseconds "
        "a step of RK4, with its share of a QR every ten steps, all cores; how many times longer "
        "NumPy (its own products of matrices) and JAX take; of dense networks the rate of the "
        "products alone, in units of that of NumPy's product of two matrices of 1024.",
        "",
        "| network | exponents | ms a step | NumPy | JAX | of GEMM |",
        "|---|---|---|---|---|---|",
    ]
    print("\n".join(head))
    rows = []
    for name in names or CASES:
        rows.append(row(name))
        print(rows[-1], flush=True)
    if not names:
        RESULT.write_text("\n".join([*head, *rows, ""]))


if __name__ == "__main__":
    main(sys.argv[1:])
