"""Flows at rest, from fast nodes to ones slower than the run, and what never comes to rest."""

from collections.abc import Iterator

import numpy as np

from .batch import Batch, batch, flow
from .flows import brusselator, fitzhugh_nagumo, lorenz, poly, saddle_node_cycle

FAMILY, REST = "fixed points", "fixed point"


def focus(x, y, a, w):
    return -a * x - w * y, w * x - a * y


def node(x, y, a, b):
    return -a * x + 0.3 * y, -b * y


def cubic(x, y, r, d):
    """Pitchfork: rests at 0 for r < 0, at +-sqrt(r) above."""
    return r * x - x**3, -d * y


def well(x, y, d):
    return y, x - x**3 - d * y


def van_der_pol(x, y, mu):
    return y, mu * (1 - x**2) * y - x


def damped(x, p):
    return [x[1], -np.sin(x[0]) - p.d * x[1]]


def slow(x, c):
    return (-c * x,)


def bowl(x, y, a, b):
    """A circle of points at rest when b = 0: a radius, no rotation."""
    r2 = x**2 + y**2
    return a * x * (1 - r2) - b * y, a * y * (1 - r2) + b * x


def line(x, y, a):
    return a * y, -y


def lotka(x, p):
    """May and Leonard 1975: an orbit stays longer and longer near each of three saddles."""
    total = [x[i] + p.a * x[(i + 1) % 3] + p.b * x[(i + 2) % 3] for i in range(3)]
    return [x[i] * (1.0 - total[i]) for i in range(3)]


def rolls(x, p):
    """Guckenheimer and Holmes 1988, cubic, with the same cycle."""
    squares = [x[i] * x[i] for i in range(3)]
    return [
        x[i] * (1.0 - squares[i] - p.a * squares[(i + 1) % 3] - p.b * squares[(i + 2) % 3])
        for i in range(3)
    ]


def at_rest() -> Iterator[Batch]:
    a, w = (v.ravel() for v in np.meshgrid(np.geomspace(0.01, 1, 8), [0.1, 0.6, 2.0, 5.0]))
    yield poly(FAMILY, "foci", focus, 2, 3, REST, {"a": a, "w": w}, dt=0.02, initial=[1.0, 0.3])
    a, b = (v.ravel() for v in np.meshgrid(np.geomspace(0.01, 1, 8), [0.011, 0.1, 1.01, 3.0]))
    yield poly(FAMILY, "nodes", node, 2, 3, REST, {"a": a, "b": b}, dt=0.05, initial=[1.0, 0.3])
    # |lambda| T from 0.2 to 41: a run of 2048 cannot tell the first ones from no decay at all.
    c = np.array([1e-4, 2e-4, 5e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2])
    yield poly(FAMILY, "slow", slow, 1, 5, REST, {"c": c}, dt=0.1, initial=[1.0],
               open=list(c * 2048 < 10))
    yield poly(FAMILY, "slow beside fast", node, 2, 3, REST, {"a": c, "b": 1.0}, dt=0.1,
               initial=[1.0, 1.0], open=list(c * 2048 < 10))
    yield poly(FAMILY, "slow foci", focus, 2, 3, REST, {"a": c, "w": 1.0}, dt=0.05,
               initial=[1.0, 1.0], open=list(c * 2048 < 10))
    r = np.array([-2, -1, -0.5, -0.1, -0.03, 0.02, 0.1, 0.3, 1.0, 2.0])
    yield poly(FAMILY, "pitchfork", cubic, 2, 3, REST, {"r": r, "d": 1.0}, dt=0.05,
               initial=[0.4, 0.2])
    yield poly(FAMILY, "double well", well, 2, 3, REST, {"d": np.geomspace(0.05, 3, 16)}, dt=0.05,
               initial=[0.3, 0.5])
    yield poly(FAMILY, "van der Pol, damped", van_der_pol, 2, 3, REST,
               {"mu": -np.geomspace(0.05, 2, 8)}, dt=0.05, initial=[0.3, 0.2])
    yield poly(
        FAMILY,
        "Brusselator at rest",
        brusselator,
        2,
        3,
        REST,
        {"a": 1.0, "b": np.linspace(0.5, 1.9, 12)},
        dt=0.02,
        initial=[1.2, 1.0],
    )
    yield poly(FAMILY, "FitzHugh-Nagumo at rest", fitzhugh_nagumo, 2, 3, REST,
               {"current": [0.0, 0.1, 0.2, 0.25, 1.5, 1.7, 2.0]}, dt=0.05, unit=5.0,
               initial=[-1.0, -0.5])
    yield batch(FAMILY, "damped pendulum", flow(damped, 2), {"d": np.geomspace(0.05, 3, 12)}, REST,
                dt=0.05, initial=[2.0, 0.0])
    yield poly(FAMILY, "Lorenz at the origin", lorenz, 3, 2, REST,
               {"s": 10.0, "b": 8 / 3, "r": np.array([0.1, 0.3, 0.5, 0.8, 0.95])}, dt=0.01,
               initial=[1.0, 2.0, 1.0])
    yield poly(FAMILY, "Lorenz, convection", lorenz, 3, 2, REST,
               {"s": 10.0, "b": 8 / 3, "r": np.linspace(1.2, 12, 16)}, dt=0.01,
               initial=[1.0, 2.0, 1.0])
    yield batch(
        FAMILY,
        "below a saddle-node on a cycle",
        flow(saddle_node_cycle, 2),
        {"w": [0.1, 0.5, 0.9, 0.99, 0.999]},
        REST,
        dt=0.05,
        initial=[0.8, 0.1],
    )
    for label, rate in (("1e-7", 1e-7), ("1e5", 1e5)):
        yield poly(FAMILY, f"pitchfork, rate {label}", cubic, 2, 3, REST,
                   {"r": -rate * np.array([0.1, 1.0]), "d": rate}, dt=0.05 / rate, unit=1 / rate,
                   initial=[4e-4 * rate, 0.2])


def unstable() -> Iterator[Batch]:
    family, kind = "unstable at rest", "unstable fixed point"
    r = np.array([1.5, 5.0, 15.0, 28.0, 60.0])
    for label, start in (("resting at 0", [0.0, 0, 0]), ("on its axis", [0.0, 0, 10])):
        yield poly(family, f"Lorenz {label}", lorenz, 3, 2, kind, {"s": 10.0, "b": 8 / 3, "r": r},
                   dt=0.01, initial=start)
    yield poly(family, "van der Pol at 0", van_der_pol, 2, 3, kind, {"mu": [0.1, 0.5, 1.0, 3.0]},
               dt=0.02, initial=[0.0, 0.0])
    yield poly(family, "double well at 0", well, 2, 3, kind, {"d": [0.1, 0.5, 1.0, 2.0]}, dt=0.05,
               initial=[0.0, 0.0])


def continua() -> Iterator[Batch]:
    family, kind = "continua of fixed points", "continuum of fixed points"
    yield poly(family, "a circle at rest", bowl, 2, 3, kind, {"a": [0.1, 0.3, 1.0, 3.0], "b": 0.0},
               dt=0.05, initial=[0.4, 0.3])
    yield poly(family, "a line at rest", line, 2, 3, kind, {"a": [0.0, 0.5, 2.0]}, dt=0.05,
               initial=[0.4, 0.3])


def heteroclinic() -> Iterator[Batch]:
    start = [0.5, 0.3, 0.2]
    # Saddles attract each other where a + b > 2 (a < 1 < b).
    yield batch("heteroclinic", "May-Leonard", flow(lotka, 3),
                {"a": [0.5, 0.6, 0.8, 0.7], "b": [1.8, 1.6, 1.5, 2.0]}, "undetermined", dt=0.05,
                initial=start)
    yield batch("heteroclinic", "Guckenheimer-Holmes", flow(rolls, 3),
                {"a": [0.5, 0.6, 0.8, 0.7], "b": [1.8, 1.6, 1.5, 2.0]}, "undetermined", dt=0.05,
                initial=start)


def batches() -> Iterator[Batch]:
    for part in (at_rest, unstable, continua, heteroclinic):
        yield from part()
