"""Limit cycles and chaos of autonomous flows."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .batch import Batch, batch, flow
from .long_runs import polynomial
from .polynomial import coefficients, members, monomials, system

SEARCHED = "?"


def poly(
    family: str, name: str, f: Callable[..., Any], dim: int, degree: int, expected: Any,
    params: dict[str, Any], *, is_flow: bool = True, **how: Any,
) -> Batch:
    """A batch of polynomial systems: all of a dimension and degree share compiled code."""
    c = coefficients(f, dim, degree, members(**params))
    if how.get("search"):
        how |= {"f": polynomial, "order": monomials(dim, degree)}
    return batch(family, name, system(dim, degree, is_flow=is_flow), {"c": c}, expected, **how)


# Planar oscillators.
def van_der_pol(x, y, mu):
    return y, mu * (1 - x**2) * y - x


def hopf(x, y, growth, omega, rate):
    """Normal form: a cycle of radius sqrt(growth), multiplier exponent -2 growth."""
    r2 = x**2 + y**2
    return rate * (growth * x - omega * y - r2 * x), rate * (omega * x + growth * y - r2 * y)


def brusselator(x, y, a, b):
    return a + x**2 * y - (b + 1) * x, b * x - x**2 * y


def fitzhugh_nagumo(x, y, current):
    return x - x**3 / 3 - y + current, (x + 0.7 - 0.8 * y) / 12.5


def selkov(x, y, b):
    return -x + 0.08 * y + x**2 * y, b - 0.08 * y - x**2 * y


def rosenzweig(x, p):
    """Rosenzweig and MacArthur's prey and predator: a cycle above k = 1 + 2 m / (1 - m)."""
    eaten = x[0] / (1.0 + x[0]) * x[1]
    return [x[0] * (1.0 - x[0] / p.k) - eaten, eaten - p.m * x[1]]


def saddle_node_cycle(x, p):
    """On the unit circle the angle obeys theta' = w - sin theta: period 2 pi / sqrt(w^2 - 1)."""
    grow = 1.0 - x[0] * x[0] - x[1] * x[1]
    turn = p.w - x[1] / np.sqrt(x[0] * x[0] + x[1] * x[1])
    return [x[0] * grow - x[1] * turn, x[1] * grow + x[0] * turn]


def wilson_cowan(x, p):
    u = 16.0 * x[0] - 12.0 * x[1] + p.drive
    v = 15.0 * x[0] - 3.0 * x[1]
    e = 1.0 / (1.0 + np.exp(-1.3 * (u - 4.0))) - 1.0 / (1.0 + np.exp(1.3 * 4.0))
    i = 1.0 / (1.0 + np.exp(-2.0 * (v - 3.7))) - 1.0 / (1.0 + np.exp(2.0 * 3.7))
    return [-x[0] + (1.0 - x[0]) * e, -x[1] + (1.0 - x[1]) * i]


def repressilator(x, p):
    """Three genes in a ring, protein only."""
    return [
        p.a / (1.0 + x[2] ** 4) - x[0], p.a / (1.0 + x[0] ** 4) - x[1],
        p.a / (1.0 + x[1] ** 4) - x[2],
    ]


def turned(x, p):
    """Two tanh units, coupled by a rotation times p.a: a cycle inside a known region."""
    c, s = p.a * np.cos(p.theta), p.a * np.sin(p.theta)
    return [np.tanh(c * x[0] - s * x[1]) - x[0], np.tanh(s * x[0] + c * x[1]) - x[1]]


def cycles() -> Iterator[Batch]:
    family, cycle = "limit cycle", "limit cycle"
    one = np.array([0.5, 0.3])
    yield poly(family, "van der Pol", van_der_pol, 2, 3, cycle, {"mu": np.geomspace(0.05, 6, 32)},
               dt=0.02, initial=one)
    yield poly(family, "van der Pol, relaxation", van_der_pol, 2, 3, cycle,
               {"mu": np.geomspace(8, 30, 12)}, dt=0.002, initial=one)
    growth, omega = (a.ravel() for a in np.meshgrid([0.01, 0.03, 0.1, 0.3, 1.0],
                                                     [0.3, 0.7, 1.3, 2.9]))
    normal = {"growth": growth, "omega": omega}
    start = 0.7 * np.sqrt(growth)[:, None] * [1.0, 0.5]
    for label, rate in (("", 1.0), (", rate 1e-7", 1e-7), (", rate 1e5", 1e5)):
        yield poly(family, f"Hopf normal form{label}", hopf, 2, 3, cycle, {**normal, "rate": rate},
                   dt=0.03 / rate, unit=1 / rate, initial=start)
    yield poly(family, "Brusselator", brusselator, 2, 3, cycle,
               {"a": 1.0, "b": np.linspace(2.2, 4.4, 16)}, dt=0.01, initial=[1.2, 2.0])
    yield poly(
        family,
        "FitzHugh-Nagumo",
        fitzhugh_nagumo,
        2,
        3,
        cycle,
        {"current": np.linspace(0.4, 1.3, 16)},
        dt=0.05,
        unit=5.0,
        initial=[2.0, 0.0],
    )
    yield poly(family, "Selkov", selkov, 2, 3, SEARCHED, {"b": np.linspace(0.4, 0.8, 12)},
               dt=0.02, initial=[0.7, 1.1], search=2)
    m, k = (a.ravel() for a in np.meshgrid([0.3, 0.4, 0.5], [1.3, 1.6, 2.0, 2.5]))
    yield batch(family, "Rosenzweig-MacArthur", flow(rosenzweig, 2),
                {"m": m, "k": k * (1 + m) / (1 - m)}, cycle, dt=0.05, unit=3.0,
                initial=[1.0, 1.0])
    for e in (1e-4, 1e-3, 1e-2, 0.1, 1.0):
        w = 1 + e * np.array([0.7, 1.0, 1.6, 2.5])
        longest = 1 / np.sqrt(w[0] ** 2 - 1)
        yield batch(family, f"saddle-node on a cycle, {e:g} above", flow(saddle_node_cycle, 2),
                    {"w": w}, cycle, dt=0.05, unit=longest, initial=[0.8, 0.1])
    yield batch(
        family,
        "Wilson-Cowan",
        flow(wilson_cowan, 2),
        {"drive": np.linspace(0.2, 2.6, 16)},
        SEARCHED,
        dt=0.05,
        unit=2.0,
        initial=[0.2, 0.1],
        f=wilson_cowan,
        search=2,
    )
    yield batch(
        family,
        "repressilator",
        flow(repressilator, 3),
        {"a": np.geomspace(1.0, 30, 16)},
        SEARCHED,
        dt=0.05,
        initial=[1.0, 1.2, 0.7],
        f=repressilator,
        search=2,
    )
    a, theta = (v.ravel() for v in np.meshgrid([1.2, 1.4, 1.7, 2.0, 3.0, 5.0],
                                               [0.1, 0.25, 0.4, 0.6, 0.9, 1.2]))
    yield batch(family, "two tanh units", flow(turned, 2), {"a": a, "theta": theta}, SEARCHED,
                dt=0.05, initial=[0.5, 0.1], f=turned, search=2)
    yield poly(
        "stiff",
        "van der Pol 100, small step",
        van_der_pol,
        2,
        3,
        cycle,
        {"mu": [80.0, 100.0, 120.0]},
        dt=0.001,
        unit=10.0,
        times=512,
        initial=one,
    )
    yield poly("stiff", "van der Pol 100, large step", van_der_pol, 2, 3, cycle,
               {"mu": [80.0, 100.0, 120.0]}, dt=0.006, unit=10.0, times=512, initial=one,
               open=True)


# Chaos in three dimensions; quadratic ones share a compiled function.
def lorenz(x, y, z, s, r, b):
    return s * (y - x), x * (r - z) - y, x * y - b * z


def roessler(x, y, z, a, b, c):
    return -y - z, x + a * y, b + z * (x - c)


def chen(x, y, z, c):
    return 35 * (y - x), (c - 35) * x - x * z + c * y, x * y - 3 * z


def lu(x, y, z, c):
    return 36 * (y - x), -x * z + c * y, x * y - 3 * z


def rucklidge(x, y, z, k):
    return -k * x + 6.7 * y - y * z, x, -z + y**2


def halvorsen(x, y, z, a):
    return (
        -a * x - 4 * y - 4 * z - y**2, -a * y - 4 * z - 4 * x - z**2, -a * z - 4 * x - 4 * y - x**2
    )


def genesio(x, y, z, a):
    return y, z, -x - 1.1 * y - a * z + x**2


def lorenz84(x, y, z, f, g):
    return -(y**2) - z**2 - x / 4 + f / 4, x * y - 4 * x * z - y + g, 4 * x * y + x * z - z


def rikitake(x, y, z, m):
    return -m * x + z * y, -m * y + (z - 5) * x, 1 - x * y


def chua_cubic(x, y, z, a):
    return a * (y - x**3 / 16 + x / 6), x - y + z, -14 * y


SPROTT: dict[str, Callable[..., Any]] = {
    "B": lambda x, y, z, none: (y * z, x - y, 1 - x * y),
    "C": lambda x, y, z, none: (y * z, x - y, 1 - x**2),
    "D": lambda x, y, z, none: (-y, x + z, x * z + 3 * y**2),
    "E": lambda x, y, z, none: (y * z, x**2 - y, 1 - 4 * x),
    "F": lambda x, y, z, none: (y + z, -x + y / 2, x**2 - z),
    "G": lambda x, y, z, none: (0.4 * x + z, x * z - y, -x + y),
    "H": lambda x, y, z, none: (-y + z**2, x + y / 2, x - z),
    "I": lambda x, y, z, none: (-0.2 * y, x + z, x + y**2 - z),
    "J": lambda x, y, z, none: (2 * z, -2 * y + z, -x + y + y**2),
    "K": lambda x, y, z, none: (x * y - z, x - y, x + 0.3 * z),
    "L": lambda x, y, z, none: (y + 3.9 * z, 0.9 * x**2 - y, 1 - x),
    "M": lambda x, y, z, none: (-z, -(x**2) - y, 1.7 + 1.7 * x + y),
    "N": lambda x, y, z, none: (-2 * y, x + z**2, 1 + y - 2 * z),
    "O": lambda x, y, z, none: (y, x - z, x + x * z + 2.7 * y),
    "P": lambda x, y, z, none: (2.7 * y + z, -x + y**2, x + y),
    "Q": lambda x, y, z, none: (-z, x - y, 3.1 * x + y**2 + z / 2),
    "R": lambda x, y, z, none: (0.9 - y, 0.4 + z, x * y - z),
    "S": lambda x, y, z, none: (-x - 4 * y, x + z**2, 1 + x),
}


def thomas(x, p):
    return [np.sin(x[1]) - p.b * x[0], np.sin(x[2]) - p.b * x[1], np.sin(x[0]) - p.b * x[2]]


def chua(x, p):
    """Piecewise linear."""
    g = -5.0 / 7.0 * x[0] - 1.5 / 7.0 * (np.abs(x[0] + 1.0) - np.abs(x[0] - 1.0))
    return [p.a * (x[1] - x[0] - g), x[0] - x[1] + x[2], -100.0 / 7.0 * x[1]]


def four_wings(x, p):
    """A hyperchaotic extension of Roessler's system."""
    return [-x[1] - x[2], x[0] + 0.25 * x[1] + x[3], p.b + x[0] * x[2], 0.05 * x[3] - 0.5 * x[2]]


def lorenz96(x, p):
    n = 8
    return [(x[(i + 1) % n] - x[i - 2]) * x[i - 1] - x[i] + p.forcing for i in range(n)]


def pair_of_lorenz(x, p):
    c = 8.0 / 3.0
    return [
        10.0 * (x[1] - x[0]) + p.c * (x[3] - x[0]), x[0] * (p.r - x[2]) - x[1],
        x[0] * x[1] - c * x[2],
        10.0 * (x[4] - x[3]), x[3] * (p.r + 2.0 - x[5]) - x[4], x[3] * x[4] - c * x[5],
    ]


def chaos() -> Iterator[Batch]:
    def quadratic(name: str, f: Any, params: dict[str, Any], start: Any, dt: float, **how: Any):
        return poly("chaos, flows", name, f, 3, 2, SEARCHED, params, initial=start, dt=dt,
                    **{"search": 2, **how})

    usual = {"s": 10.0, "b": 8 / 3}
    yield quadratic("Lorenz", lorenz, {**usual, "r": np.linspace(25, 120, 40)}, [1.0, 1, 20], 0.01)
    yield quadratic("Lorenz, high", lorenz, {**usual, "r": np.linspace(125, 350, 16)},
                    [1.0, 1, 20], 0.002, unit=0.5)
    for a, lowest, highest in ((0.2, 2.2, 14.0), (0.1, 4.0, 18.0)):
        yield quadratic(f"Roessler {a}", roessler,
                        {"a": a, "b": a, "c": np.linspace(lowest, highest, 40)},
                        [1.0, 1, 0], 0.02)
    yield quadratic(
        "Roessler, b varied",
        roessler,
        {"a": 0.2, "b": np.linspace(0.15, 1.8, 32), "c": 5.7},
        [1.0, 1, 0],
        0.02,
    )
    yield quadratic("Chen", chen, {"c": np.linspace(20.5, 28.5, 12)}, [1.0, 1, 10], 0.002, unit=0.5)
    yield quadratic("Lu", lu, {"c": np.linspace(13, 22, 12)}, [1.0, 1, 10], 0.002, unit=0.5)
    yield quadratic("Rucklidge", rucklidge, {"k": np.linspace(1.4, 2.4, 12)}, [1.0, 0, 4.5], 0.01)
    yield quadratic("Halvorsen", halvorsen, {"a": np.linspace(1.27, 1.9, 16)}, [-5.0, 0, 0], 0.005)
    yield quadratic("Genesio-Tesi", genesio, {"a": np.linspace(0.42, 0.5, 12)}, [0.1, 0.1, 0.1],
                    0.02)
    yield quadratic("Lorenz-84", lorenz84, {"f": np.linspace(6.5, 8, 12), "g": 1.0},
                    [1.0, 1, 0], 0.01)
    yield quadratic("Rikitake", rikitake, {"m": np.linspace(1, 3, 8)}, [1.0, 0, 1], 0.01)
    for letter, f in SPROTT.items():
        yield quadratic(f"Sprott {letter}", f, {"none": 0.0},
                        [0.05, 0.05, 0.05], 0.01)
    yield poly(
        "chaos, flows",
        "Chua, cubic",
        chua_cubic,
        3,
        3,
        SEARCHED,
        {"a": np.linspace(9.0, 10.6, 12)},
        initial=[0.1, 0.1, 0.1],
        dt=0.01,
        search=2,
    )
    yield batch(
        "chaos, flows",
        "Thomas",
        flow(thomas, 3),
        {"b": np.linspace(0.05, 0.4, 36)},
        SEARCHED,
        dt=0.05,
        unit=2.0,
        initial=[1.0, 0.2, 0.1],
        f=thomas,
        search=2,
    )
    yield batch("chaos, flows", "Chua, piecewise linear", flow(chua, 3),
                {"a": np.linspace(8.2, 9.6, 16)}, SEARCHED, dt=0.005, initial=[0.1, 0.1, 0.1],
                f=chua, search=2, open=True)
    short = quadratic(
        "Roessler, short run",
        roessler,
        {"a": 0.2, "b": 0.2, "c": [5.5, 5.7, 9.0, 12.5]},
        [1.0, 1, 0],
        0.01,
    )
    for times in (20, 40, 80):
        yield batch(
            "short runs",
            f"Roessler for {times}",
            short.make,
            {"c": short.params["c"]},
            "chaotic",
            dt=0.01,
            times=times,
            initial=short.initial,
            open=True,
        )
    quick = coefficients(lorenz, 3, 2, members(**usual, r=[28.0, 35, 40, 45]))
    for times in (4, 8, 16):
        yield batch("short runs", f"Lorenz for {times}", system(3, 2), {"c": quick}, "chaotic",
                    dt=0.01, times=times, initial=[1.0, 1, 20], open=True)
    yield batch("hyperchaos", "hyperchaotic Roessler", flow(four_wings, 4),
                {"b": np.linspace(2.6, 3.4, 8)}, SEARCHED, dt=0.01, initial=[-10.0, -6, 0, 10],
                f=four_wings, search=2)
    yield batch(
        "hyperchaos",
        "Lorenz-96",
        flow(lorenz96, 8),
        {"forcing": np.linspace(1, 10, 16)},
        SEARCHED,
        dt=0.02,
        initial=[3.0, 3.1, 3, 3, 2.8, 3, 3, 3.3],
        f=lorenz96,
        search=2,
    )
    r, c = (v.ravel() for v in np.meshgrid(np.linspace(28, 45, 6), [0.0, 0.1, 0.5]))
    yield batch(
        "hyperchaos",
        "pair of Lorenz systems",
        flow(pair_of_lorenz, 6),
        {"r": r, "c": c},
        SEARCHED,
        dt=0.01,
        initial=[1.0, 1, 20, -3, 1, 25],
        f=pair_of_lorenz,
        search=2,
    )


def batches() -> Iterator[Batch]:
    yield from cycles()
    yield from chaos()
