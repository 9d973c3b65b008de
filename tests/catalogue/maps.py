"""Maps: periodic windows, closed curves, chaos with and without theory."""

import math
from collections.abc import Iterator

import numpy as np

from .batch import MAP_STEPS, Batch, batch, map_of
from .flows import SEARCHED, poly
from .polynomial import coefficients, members, system

STEPS = {"unit": MAP_STEPS}


def logistic(x, r):
    return (r * x * (1 - x),)


def henon(x, y, a, b):
    return 1 - a * x**2 + y, b * x


def delayed_logistic(x, y, a):
    return a * x * (1 - y), x


def coupled_logistic(x, y, r, c):
    def f(u):
        return r * u * (1 - u)

    return (1 - c) * f(x) + c * f(y), (1 - c) * f(y) + c * f(x)


def cubic(x, a):
    return (a * x * (1 - x**2),)


def odd_cubic(x, b):
    """1 -> -1 -> 1 exactly, with the multiplier (2 b - 1)^2 of two steps."""
    return (b * x**3 - (1 + b) * x,)


def tent(x, p):
    """Slope +-p.s everywhere: the exponent is ln s."""
    return [p.s * np.minimum(x[0], 1.0 - x[0])]


def multiply(x, p):
    """x -> s x mod 1 in two independent copies: exponents ln s and ln t."""
    return [np.mod(p.s * x[0], 1.0), np.mod(p.t * x[1], 1.0)]


def multiply_contract(x, p):
    """The second variable contracts by p.t."""
    return [np.mod(p.s * x[0], 1.0), p.t * x[1] + 0.1 * np.sin(6.0 * x[0])]


def multiply_rotate(x, p):
    return [np.mod(p.s * x[0], 1.0), np.mod(x[1] + p.t, 1.0)]


def lozi(x, p):
    """A strange attractor where b < 1, 2 a + b < 4, a sqrt 2 > b + 2 (Misiurewicz 1980)."""
    return [1.0 - p.a * np.abs(x[0]) + x[1], p.b * x[0]]


def circle(x, p):
    return [np.mod(x[0] + p.w - p.k / (2.0 * np.pi) * np.sin(2.0 * np.pi * x[0]), 1.0)]


def sine(x, p):
    return [p.r * np.sin(np.pi * x[0])]


def gauss(x, p):
    return [np.exp(-p.a * x[0] * x[0]) + p.b]


def ricker(x, p):
    return [x[0] * np.exp(p.r * (1.0 - x[0]))]


def ikeda(x, p):
    turn = 0.4 - 6.0 / (1.0 + x[0] * x[0] + x[1] * x[1])
    c, s = np.cos(turn), np.sin(turn)
    return [1.0 + p.u * (x[0] * c - x[1] * s), p.u * (x[0] * s + x[1] * c)]


def turned(x, p):
    """Two tanh units after a rotation times p.a."""
    c, s = p.a * np.cos(p.theta), p.a * np.sin(p.theta)
    return [np.tanh(c * x[0] - s * x[1]), np.tanh(s * x[0] + c * x[1])]


def normal_form(x, p):
    """A circle of radius sqrt(g) that turns by w, with the multiplier 1 - 2 g."""
    r = 1.0 + p.g - x[0] * x[0] - x[1] * x[1]
    c, s = np.cos(2.0 * np.pi * p.w), np.sin(2.0 * np.pi * p.w)
    return [r * (c * x[0] - s * x[1]), r * (s * x[0] + c * x[1])]


def two_normal_forms(x, p):
    """Weakly coupled by p.e."""
    out = []
    for i, w in ((0, p.w), (2, p.v)):
        u, v = x[i], x[i + 1]
        r = 1.0 + p.g - u * u - v * v
        c, s = np.cos(2.0 * np.pi * w), np.sin(2.0 * np.pi * w)
        out += [r * (c * u - s * v), r * (s * u + c * v)]
    out[0] = out[0] + p.e * (x[2] - x[0])
    out[2] = out[2] + p.e * (x[0] - x[2])
    return out


def lattice(x, p):
    """Eight logistic maps in a ring."""
    y = [p.r * x[i] * (1.0 - x[i]) for i in range(8)]
    return [(1.0 - p.c) * y[i] + 0.5 * p.c * (y[i - 1] + y[(i + 1) % 8]) for i in range(8)]


def superstable(period: int, low: float, high: float) -> float:
    """r between low and high at which 1/2 returns to itself."""

    def off(r: float) -> float:
        x = 0.5
        for _ in range(period):
            x = r * x * (1 - x)
        return x - 0.5

    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if off(low) * off(middle) > 0 else (low, middle)
    return 0.5 * (low + high)


# Period, and r on both sides of a superstable one.
WINDOWS = (
    (2, 3.2, 3.3), (4, 3.49, 3.51), (8, 3.553, 3.556), (3, 3.83, 3.834), (5, 3.738, 3.7395),
    (5, 3.9055, 3.906), (5, 3.9901, 3.9904), (6, 3.6273, 3.6278), (7, 3.7015, 3.7018),
    (4, 3.9602, 3.9604),
)


# k of the circle map, and w with the rotation number of the golden and of the silver mean, to 1e-6,
# by bisection of runs of 2,000,000 steps.
NOBLE = (
    (0.2, 0.617425456), (0.2, 0.414638826), (0.4, 0.615713279), (0.4, 0.415748213),
    (0.6, 0.613169483), (0.6, 0.417093433), (0.8, 0.610074407), (0.8, 0.418161557),
)


def periodic() -> Iterator[Batch]:
    family = "periodic orbits of maps"
    r = [superstable(p, low, high) for p, low, high in WINDOWS]
    yield poly(family, "logistic, superstable", logistic, 1, 5,
               [f"periodic orbit ({p})" for p, _, _ in WINDOWS], {"r": np.array(r) + 1e-7},
               is_flow=False, initial=[0.37], **STEPS)
    yield poly(
        family,
        "logistic, period 2",
        logistic,
        1,
        5,
        "periodic orbit (2)",
        {"r": np.linspace(3.02, 3.44, 12)},
        is_flow=False,
        initial=[0.37],
        **STEPS,
    )
    yield poly(family, "logistic, scan", logistic, 1, 5, SEARCHED, {"r": np.linspace(3.46, 4, 150)},
               is_flow=False, initial=[0.37], search=1, **STEPS)
    yield poly(family, "logistic, period-3 window", logistic, 1, 5, SEARCHED,
               {"r": np.linspace(3.825, 3.858, 24)}, is_flow=False, initial=[0.37], search=1,
               **STEPS)
    yield poly(family, "Henon, scan", henon, 2, 2, SEARCHED,
               {"a": np.linspace(0.4, 1.4, 100), "b": 0.3}, is_flow=False, initial=[0.1, 0.1],
               search=2, **STEPS)
    # Half way into the tongues of k = .9, which are wide there.
    yield batch(family, "circle map, locked", map_of(circle, 1),
                {"w": [0.0, 0.5, 1 / 3 + 0.001, 0.05], "k": [0.9, 0.9, 0.95, 0.9]}, SEARCHED,
                initial=[0.2], f=circle, search=1, **STEPS)
    yield batch(family, "circle map, scan", map_of(circle, 1),
                {"w": np.linspace(0.11, 0.93, 48), "k": 0.98}, SEARCHED, initial=[0.2], f=circle,
                search=1, **STEPS)
    yield batch(
        family,
        "two tanh units, locked by symmetry",
        map_of(turned, 2),
        {"a": np.repeat([1.2, 1.6, 2.0], 2), "theta": np.tile([np.pi / 2, np.pi], 3)},
        ["periodic orbit (4)", "periodic orbit (2)"] * 3,
        initial=[0.3, 0.1],
        **STEPS,
    )


def curves() -> Iterator[Batch]:
    family, curve = "closed curves", "closed curve"
    w = np.sqrt([2, 3, 5, 6, 7, 10, 11, 13]) % 1
    # Without contraction it may as well be called quasi-periodic.
    either = f"{curve} | quasi-periodic (torus of dimension 1)"
    yield batch(family, "rotation", map_of(circle, 1), {"w": w, "k": 0.0}, either, initial=[0.2],
                **STEPS)
    yield batch(family, "circle map, noble rotation", map_of(circle, 1),
                {"w": [w for _, w in NOBLE], "k": [k for k, _ in NOBLE]}, curve,
                initial=[0.2], **STEPS)
    g, turn = (v.ravel() for v in np.meshgrid([0.005, 0.02, 0.1, 0.3], w[:6]))
    yield batch(family, "Neimark-Sacker normal form", map_of(normal_form, 2), {"g": g, "w": turn},
                curve, initial=0.7 * np.sqrt(g)[:, None] * [1.0, 0.3], **STEPS)
    a, theta = (v.ravel() for v in np.meshgrid([1.1, 1.3, 1.6, 1.9], np.linspace(0.15, 1.45, 12)))
    yield batch(family, "two tanh units, map", map_of(turned, 2), {"a": a, "theta": theta},
                SEARCHED, initial=[0.3, 0.1], f=turned, search=2, **STEPS)
    yield poly(family, "delayed logistic", delayed_logistic, 2, 2, SEARCHED,
               {"a": np.linspace(2.01, 2.26, 32)}, is_flow=False, initial=[0.5, 0.4], search=2,
               **STEPS)
    v = np.roll(w, 3)
    for label, e, several in (("", 0.0, 12), (", weakly coupled", 0.01, 8)):
        index = np.arange(several)
        yield batch("tori", f"two normal forms of maps{label}", map_of(two_normal_forms, 4),
                    {"g": np.resize([0.1, 0.2, 0.3], several), "w": w[index % 8],
                     "v": v[index % 8] / (1 + index // 8), "e": e},
                    "torus of dimension 2", initial=[0.3, 0.1, 0.2, 0.2], **STEPS)


def chaos() -> Iterator[Batch]:
    family = "chaos, maps"
    # Parameters at which the critical point falls on an unstable cycle: r = 4, and where bands
    # merge.
    yield poly(family, "logistic, Misiurewicz", logistic, 1, 5, "chaotic",
               {"r": [4.0, 3.678573510428322, 3.9277370017867516, 3.5925721841]}, is_flow=False,
               initial=[0.37], **STEPS)
    yield batch(family, "tent map", map_of(tent, 1), {"s": np.linspace(1.05, 1.97, 24)}, "chaotic",
                initial=[0.37], **STEPS)
    s, t = np.linspace(1.2, 3.7, 12), np.linspace(1.13, 2.9, 12)[::-1]
    yield batch("hyperchaos", "two multiplications", map_of(multiply, 2), {"s": s, "t": t},
                "hyperchaotic", initial=[0.37, 0.21], **STEPS)
    yield batch(family, "multiplication and contraction", map_of(multiply_contract, 2),
                {"s": s, "t": np.linspace(0.05, 0.98, 12)}, "chaotic", initial=[0.37, 0.21],
                **STEPS)
    yield batch(family, "multiplication and rotation", map_of(multiply_rotate, 2),
                {"s": s[:8], "t": np.sqrt([2, 3, 5, 6, 7, 10, 11, 13]) % 1}, "chaotic",
                initial=[0.37, 0.21], zeros=1, positives=1, **STEPS)
    a, b = (v.ravel() for v in np.meshgrid([1.72, 1.75, 1.78], [0.2, 0.3, 0.35, 0.4]))
    yield batch(family, "Lozi", map_of(lozi, 2), {"a": a, "b": b}, "chaotic", initial=[0.1, 0.1],
                **STEPS)
    yield poly(family, "logistic, intermittent", logistic, 1, 5, SEARCHED,
               {"r": 1 + math.sqrt(8) - np.geomspace(1e-5, 1e-2, 10)}, is_flow=False,
               initial=[0.37], search=1, **STEPS)
    yield poly(family, "cubic map", cubic, 1, 5, SEARCHED, {"a": np.linspace(2.05, 2.59, 32)},
               is_flow=False, initial=[0.37], search=1, **STEPS)
    for name, f, params in (
        ("sine map", sine, {"r": np.linspace(0.72, 0.999, 32)}),
        ("Gauss map", gauss, {"a": 6.2, "b": np.linspace(-0.9, 0.6, 32)}),
        ("Ricker map", ricker, {"r": np.linspace(1.2, 3.4, 40)}),
    ):
        yield batch(family, name, map_of(f, 1), params, SEARCHED, initial=[0.37], f=f, search=1,
                    **STEPS)
    yield batch(family, "Ikeda", map_of(ikeda, 2), {"u": np.linspace(0.6, 0.95, 24)}, SEARCHED,
                initial=[0.1, 0.1], f=ikeda, search=2, **STEPS)
    r, c = (v.ravel() for v in np.meshgrid([3.7, 3.8, 3.9, 3.97], [0.02, 0.05, 0.1, 0.3, 0.4]))
    yield poly(
        "hyperchaos",
        "coupled logistic maps",
        coupled_logistic,
        2,
        2,
        SEARCHED,
        {"r": r, "c": c},
        is_flow=False,
        initial=[0.37, 0.21],
        search=2,
        **STEPS,
    )
    r, c = (v.ravel() for v in np.meshgrid([3.6, 3.8, 3.9, 4.0], [0.05, 0.1, 0.2]))
    start = [0.37, 0.21, 0.5, 0.44, 0.72, 0.13, 0.6, 0.3]
    yield batch("hyperchaos", "ring of logistic maps", map_of(lattice, 8), {"r": r, "c": c},
                SEARCHED, initial=start, f=lattice, search=2, **STEPS)


def at_rest_unstably() -> Iterator[Batch]:
    family, rest = "unstable at rest", "unstable fixed point"
    yield poly(family, "logistic at 0", logistic, 1, 5, rest, {"r": np.linspace(1.1, 4, 16)},
               is_flow=False, initial=[0.0], **STEPS)
    yield poly(family, "logistic at 3/4", logistic, 1, 5, rest, {"r": 4.0}, is_flow=False,
               initial=[0.75], **STEPS)
    yield poly(family, "period 2 of an odd cubic", odd_cubic, 1, 5, "unstable periodic orbit (2)",
               {"b": [1.25, 1.5, 1.75, 2.0]}, is_flow=False, initial=[1.0], **STEPS)


def critical() -> Iterator[Batch]:
    family, slow = "critical", "critical fixed point"
    yield poly(family, "logistic at r = 1", logistic, 1, 5, slow, {"r": 1.0}, is_flow=False,
               initial=[[0.1], [0.3], [0.6]], **STEPS)
    yield poly(family, "logistic at r = 3", logistic, 1, 5, slow, {"r": 3.0}, is_flow=False,
               initial=[[0.1], [0.37], [0.6]], **STEPS)
    yield poly(family, "cubic map at a = 1", cubic, 1, 5, slow, {"a": 1.0}, is_flow=False,
               initial=[[0.1], [0.5], [-0.7]], **STEPS)
    yield batch(
        family,
        "Neimark-Sacker, at the point",
        map_of(normal_form, 2),
        {"g": 0.0, "w": np.sqrt([2, 3, 5]) % 1},
        slow,
        initial=[0.3, 0.1],
        **STEPS,
    )


def fixed() -> Iterator[Batch]:
    family, rest = "fixed points, maps", "fixed point"
    yield poly(family, "logistic below 3", logistic, 1, 5, rest, {"r": np.linspace(1.05, 2.95, 20)},
               is_flow=False, initial=[0.37], **STEPS)
    yield poly(family, "logistic below 1", logistic, 1, 5, rest, {"r": np.linspace(0.05, 0.97, 10)},
               is_flow=False, initial=[0.37], **STEPS)
    yield poly(family, "Henon, fixed", henon, 2, 2, rest,
               {"a": np.linspace(-0.1, 0.35, 12), "b": 0.3}, is_flow=False, initial=[0.1, 0.1],
               **STEPS)
    yield poly(
        family,
        "delayed logistic below 2",
        delayed_logistic,
        2,
        2,
        rest,
        {"a": np.linspace(1.1, 1.97, 12)},
        is_flow=False,
        initial=[0.5, 0.4],
        **STEPS,
    )
    r, c = (v.ravel() for v in np.meshgrid([0.2, 0.9, 0.99, 0.999], [0.0, 0.1, 0.7, 2.0]))
    matrix = np.zeros((len(r), 2, 3))
    # Monomials are 1, y, x: a rotation by c that shrinks by r.
    matrix[:, 0, 2], matrix[:, 0, 1] = r * np.cos(c), -r * np.sin(c)
    matrix[:, 1, 2], matrix[:, 1, 1] = r * np.sin(c), r * np.cos(c)
    yield batch(family, "shrinking rotation", system(2, 1, is_flow=False), {"c": matrix}, rest,
                initial=[1.0, 0.4], **STEPS)
    # diag(.999, .998, .5) and others.
    rates = [(0.999, 0.998, 0.5), (0.9995, 0.5, -0.5), (-0.999, 0.9, 0.1), (0.99, 0.99, 0.99)]
    diagonal = coefficients(
        lambda x, y, z, a, b, c: (a * x, b * y, c * z), 3, 1,
        members(a=[v[0] for v in rates], b=[v[1] for v in rates], c=[v[2] for v in rates]),
    )
    yield batch(family, "diagonal", system(3, 1, is_flow=False), {"c": diagonal}, rest,
                initial=[1.0, 0.4, -0.7], **STEPS)


def batches() -> Iterator[Batch]:
    for part in (periodic, curves, chaos, at_rest_unstably, critical, fixed):
        yield from part()
