"""Motion that leaves every bound without overflowing while it is looked at."""

from collections.abc import Iterator

import numpy as np

import lyapax as lx

from .batch import MAP_STEPS, Batch, batch, flow
from .flows import poly

FAMILY, GONE = "unbounded", "unbounded"


def line(x, c0, c1):
    return (c0 + c1 * x,)


def plane(x, y, a, b, c, d, e, f):
    return a * x + b * y + e, c * x + d * y + f


def runaway(x, y, z, a):
    """The first variable grows through a product of bounded ones and a drift."""
    return a + y**2, z, -y


def powers(x, p):
    """x ~ t^(1 / (1 + p.s)): faster or slower than a straight line."""
    return [(1.0 + x[0] * x[0]) ** (-0.5 * p.s) + 0.3, -x[1] + 0.1 * x[0]]


def root(x, p):
    """x ~ sqrt(2 t)."""
    return [p.a / (1.0 + x[0]), -x[1]]


def batches() -> Iterator[Batch]:
    # Polynomials of degree 1: a cube of the state would overflow long before the state does.
    yield poly(
        FAMILY,
        "a constant speed",
        line,
        1,
        1,
        GONE,
        {"c0": [1.0, -0.3, 5.0, 1e-2], "c1": 0.0},
        dt=0.1,
        initial=[0.5],
    )
    yield poly(
        FAMILY,
        "growing exponentially",
        line,
        1,
        1,
        GONE,
        {"c0": 0.0, "c1": [0.005, 0.02, 0.1, 0.25]},
        dt=0.1,
        initial=[0.5],
    )
    saddles = {
        "a": [0.01, 0.05, 0.1, 0.2, 0.05, 0.1, 0.0, 0.0, 0.02, 0.2],
        "b": [0.0, 0.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0, 0.0, 0.2],
        "c": [0.0, 0.0, 0.0, 0.0, -1.0, -2.0, 0.0, 0.0, 0.0, 0.2],
        "d": [-1.0, -0.3, -0.5, 0.1, 0.05, 0.1, 0.0, -1.0, -0.02, -0.4],
        "e": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        "f": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0],
    }
    yield poly(FAMILY, "linear in the plane", plane, 2, 1, GONE, saddles, dt=0.05,
               initial=[0.5, 0.3])
    yield poly(FAMILY, "drift along a rotation", runaway, 3, 2, GONE, {"a": [0.0, 0.1, 1.0]},
               dt=0.05, initial=[0.0, 0.5, 0.3])
    yield batch(FAMILY, "powers of time", flow(powers, 2), {"s": [0.2, 0.5, 1.0, 2.0]}, GONE,
                dt=0.1, initial=[1.0, 0.3])
    yield batch(FAMILY, "square root of time", flow(root, 2), {"a": [0.5, 1.0, 3.0]}, GONE,
                dt=0.1, initial=[1.0, 0.3])
    rng = np.random.default_rng(11)
    # May and Wigner's random communities beyond the edge, linear.
    exploding = rng.standard_normal((6, 30, 30)) / np.sqrt(30)
    largest = np.linalg.eigvals(exploding).real.max(axis=1)
    goal = np.linspace(0.02, 0.2, 6)
    exploding *= ((1 + goal) / largest)[:, None, None]
    yield batch(FAMILY, "May-Wigner", lambda W: lx.RateNetwork(W, phi="linear"), {"W": exploding},
                GONE, dt=0.1)
    bias = rng.uniform(0.1, 1.0, (4, 6))
    identity = np.broadcast_to(np.eye(6), (4, 6, 6))
    yield batch(FAMILY, "identity ReLU network", _relu, {"W": identity, "bias": bias}, GONE,
                unit=MAP_STEPS)
    growing = np.array([1.002, 1.01, 1.02])[:, None, None] * np.eye(4)
    yield batch(FAMILY, "growing ReLU network", _relu,
                {"W": growing, "bias": 0.1 + np.zeros((3, 4))},
                GONE, unit=MAP_STEPS)


def _relu(W, bias):
    return lx.RNN(W, bias_hh=bias, nonlinearity="relu")
