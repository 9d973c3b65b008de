"""What several test files run: one system for each propagator, and a quiet driver."""

import numpy as np
import scipy.sparse

import lyapax as lx
from lyapax.systems import kuramoto_sivashinsky_of, library, lorenz96_of


def spectrum(system, **options):
    return lx.lyapunov_spectrum(system, **{"rng": 0, "progress": False, **options})


def network(n=12, of=lx.RateNetwork, **options):
    w = np.random.default_rng(0).standard_normal((n, n)) * 2 / np.sqrt(n)
    return of(w, **options)


def sparse_network(n=40):
    rng = np.random.default_rng(0)
    w = rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.2)
    return lx.RateNetwork(scipy.sparse.csr_array(w))


SYSTEMS = {
    "lanes": lambda: library["lorenz63"].system(),
    "columns": lambda: lorenz96_of(12).system(),
    "etdrk4": lambda: kuramoto_sivashinsky_of(22.0, modes=10).system(),
    "dense": network,
    "sparse": sparse_network,
}
