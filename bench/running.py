"""One propagator, warm, for the benchmarks: no driver, no statistics."""

import numpy as np

import lyapax as lx
from lyapax.kernels.propagator import initial_carry
from lyapax.systems import library

DT = 0.05
INTERVAL = 16  # steps between two QRs


def network(n, density=None, kind="flow", seed=1):
    """A chaotic tanh network."""
    rng = np.random.default_rng(seed)
    if density is None:
        return lx.RateNetwork(rng.standard_normal((n, n)) * 2 / np.sqrt(n), kind=kind)
    import scipy.sparse

    scale = 2 / np.sqrt(density * n)
    w = scipy.sparse.random_array(
        (n, n), density=density, rng=rng, data_sampler=lambda size: rng.normal(0, scale, size)
    )
    return lx.RateNetwork(w.tocsr(), kind=kind)


def known(name):
    return library[name].system()


class Running:
    """`propagate(steps)` moves a carry on; steps are rounded up to whole intervals."""

    def __init__(self, system, k=None, members=1, dtype="float64", dt=DT, interval=INTERVAL):
        rng = np.random.default_rng(0)
        self.members, self.interval = members, interval
        self.k = k or system.dim
        step = dt if system.is_flow else 1.0
        self.propagator = system.propagator((members,), step, self.k, np.dtype(dtype))
        n = self.propagator.dim
        basis = np.empty((members, n, self.k), self.propagator.dtype)
        basis[:] = np.linalg.qr(rng.standard_normal((n, self.k)))[0]
        state = self.propagator.lifted(system.start((members,), rng))
        self.carry = initial_carry(state, basis)
        self.propagate(1)

    def propagate(self, steps):
        self.propagator.propagate(self.carry, -(-steps // self.interval), self.interval)


def step_flops(n, k, stages=4):
    """Of one step of a dense network: the products alone."""
    return stages * 2 * n * n * (k + 1)


def gemm_rate(n=1024, repeats=40):
    """Flops a second of NumPy's product on all cores, once these are awake."""
    import time

    a = np.random.default_rng(0).standard_normal((n, n))
    for _ in range(repeats // 4):
        a @ a
    started = time.perf_counter()
    for _ in range(repeats):
        a @ a
    return repeats * 2 * n**3 / (time.perf_counter() - started)
