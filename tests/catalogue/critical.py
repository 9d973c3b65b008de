"""Flows exactly at a bifurcation: they settle like a power of time, and an exponent is 0."""

from collections.abc import Iterator

import numpy as np

import lyapax as lx

from .batch import MAP_STEPS, Batch, batch
from .flows import poly

FAMILY, SLOW = "critical", "critical fixed point"


def line(x, c1, c2, c3, c5):
    return (c1 * x + c2 * x**2 + c3 * x**3 + c5 * x**5,)


def plane(x, y, b, d):
    """Pitchfork or saddle-node beside a fast variable."""
    return -b * x**2 - (1 - b) * x**3 + 0.3 * x * y, -d * y


def hopf(x, y, omega):
    r2 = x**2 + y**2
    return -omega * y - r2 * x, omega * x - r2 * y


def batches() -> Iterator[Batch]:
    shapes = [(0, 0, -1, 0), (0, -1, 0, 0), (0, 0, 0, -1), (0, 0, -0.1, 0), (0, -0.2, -0.2, 0),
              (0, 0, -1, -1), (0, 0, -7, 0), (0, -3, 0, 0)]
    c1, c2, c3, c5 = np.array(shapes, float).T
    yield poly(FAMILY, "on a line", line, 1, 5, SLOW, {"c1": c1, "c2": c2, "c3": c3, "c5": c5},
               dt=0.1, initial=[0.5])
    yield poly(FAMILY, "beside a fast variable", plane, 2, 3, SLOW,
               {"b": [0.0, 0.0, 1.0, 1.0], "d": [1.0, 0.1, 1.0, 0.1]}, dt=0.1,
               initial=[0.5, 0.3])
    yield poly(FAMILY, "Hopf, at the point", hopf, 2, 3, SLOW, {"omega": [0.3, 1.0, 2.0, 4.0]},
               dt=0.05, initial=[0.5, 0.3])
    rng = np.random.default_rng(23)
    for n in (1, 5, 20, 60):
        W = rng.standard_normal((4, n, n)) if n > 1 else np.ones((4, 1, 1))
        symmetric = (W + np.swapaxes(W, 1, 2)) / 2
        symmetric /= np.linalg.eigvalsh(symmetric).max(axis=1)[:, None, None]
        yield batch(FAMILY, f"{n} tanh units, largest eigenvalue 1", lx.RateNetwork,
                    {"W": symmetric}, SLOW, dt=0.1)
        W = W / np.abs(np.linalg.eigvals(W)).max(axis=1)[:, None, None]
        yield batch(FAMILY, f"{n} tanh units, spectral radius 1, map", lx.RNN, {"weight_hh": W},
                    SLOW, unit=MAP_STEPS)
