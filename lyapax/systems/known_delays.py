"""Known systems with delays, with references and leading exponents as data."""

import numpy as np

from .known_systems import KnownSystem
from .past import Past
from .trace import Parameters
from .traced import Traceable


def mackey_glass(x: Traceable, p: Parameters, past: Past) -> Traceable:
    late = past(p.tau)[0]
    return [p.beta * late / (1 + late**10) - p.gamma * x[0]]


def ikeda_delay(x: Traceable, p: Parameters, past: Past) -> Traceable:
    return [-x[0] + p.mu * np.sin(past(p.tau)[0] - p.offset)]


def delayed_roessler_pair(x: Traceable, p: Parameters, past: Past) -> Traceable:
    late = past(p.tau)
    rates = []
    for first, other, omega in ((0, 3, p.omega1), (3, 0, p.omega2)):
        a, b, c = x[first], x[first + 1], x[first + 2]
        rates += [
            -omega * b - c + p.coupling * (late[other] - a),
            omega * a + 0.15 * b,
            0.2 + c * (a - 10),
        ]
    return rates


def delayed_kuramoto(x: Traceable, p: Parameters, past: Past) -> Traceable:
    late, n = past(p.tau), len(x)
    spread = np.linspace(-1.0, 1.0, n)
    pull = [sum(np.sin(late[j] - x[i]) for j in range(n) if j != i) for i in range(n)]
    return [p.omega + p.spread * spread[i] + p.coupling / n * pull[i] for i in range(n)]


def delayed_oscillators(x: Traceable, p: Parameters, past: Past) -> Traceable:
    late = past(p.tau)
    rates = []
    for a, b, omega in ((0, 2, p.omega1), (2, 0, p.omega2)):
        u, v = x[a], x[a + 1]
        r2 = u**2 + v**2
        rates += [
            (1 - r2) * u - omega * v + p.coupling * (late[b] - u),
            (1 - r2) * v + omega * u + p.coupling * (late[b + 1] - v),
        ]
    return rates


_SYSTEMS = (
    KnownSystem(
        "mackey_glass", mackey_glass, 1, {"beta": 0.2, "gamma": 0.1, "tau": 17.0},
        "Mackey & Glass, Science 197 (1977)", (1.2,),
        ((0.0052, 0.0001), (0.0, 0.0), (-0.0389, 0.0002), (-0.0528, 0.0002), (-0.0695, 0.0003)),
        0.1, 20000.0, "chaotic", k=5,
    ),
    KnownSystem(
        "ikeda_delay", ikeda_delay, 1, {"mu": 6.0, "offset": float(np.pi / 3), "tau": 2.0},
        "Ikeda & Matsumoto, Physica D 29 (1987)", (1.0,),
        ((0.208, 0.003), (0.089, 0.003), (0.0, 0.0), (-0.115, 0.003), (-0.317, 0.004)),
        0.02, 2000.0, "hyperchaotic", k=6,
    ),
    KnownSystem(
        "delayed_roessler_pair", delayed_roessler_pair, 6,
        {"omega1": 1.015, "omega2": 0.985, "coupling": 0.05, "tau": 1.0},
        "Shahverdiev & Shore, Phys. Rev. E 71 (2005); Rosenblum, Pikovsky & Kurths, Phys. Rev. "
        "Lett. 76 (1996)", (1.0, 1.0, 0.0, -1.0, 2.0, 0.0),
        ((0.0508, 0.004), (0.026, 0.003), (0.0, 0.0), (-0.0445, 0.0015)), 0.05, 4000.0,
        "hyperchaotic", k=6,
    ),
    KnownSystem(
        "delayed_kuramoto", delayed_kuramoto, 6,
        {"omega": 1.0, "spread": 0.1, "coupling": 1.0, "tau": 0.8},
        "Yeung & Strogatz, Phys. Rev. Lett. 82 (1999)", (0.0, 0.5, 1.0, 1.5, 2.0, 2.5),
        ((0.0, 0.0), (-1.0065, 1e-4), (-1.0442, 1e-4), (-1.0783, 1e-4)), 0.05,
        1000.0, "limit cycle", k=6,
    ),
    KnownSystem(
        "delayed_oscillators", delayed_oscillators, 4,
        {"omega1": 1.0, "omega2": 1.2, "coupling": 0.3, "tau": 1.0},
        "Reddy, Sen & Johnston, Phys. Rev. Lett. 80 (1998)", (1.0, 0.0, 0.0, 1.0),
        ((0.0, 0.0), (-0.75854, 1e-4)), 0.05,
        1000.0, "limit cycle", k=4,
    ),
)  # fmt: skip

DELAYED: dict[str, KnownSystem] = {known.name: known for known in _SYSTEMS}
