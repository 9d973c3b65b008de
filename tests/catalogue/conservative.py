"""Hamiltonian flows and maps that preserve volume: integrable ones, and ones told by long runs."""

from collections.abc import Iterator

import numpy as np

from .batch import MAP_STEPS, Batch, batch, flow, map_of
from .flows import SEARCHED, poly

FAMILY = "conservative"


def quasi(m: int) -> str:
    return f"quasi-periodic (torus of dimension {m})"


def pendulum(x, p):
    return [x[1], -p.g * np.sin(x[0])]


def oscillator(x, y, omega):
    return omega * y, -omega * x


def double_well(x, y, depth):
    return y, depth * x - x**3


def prey(x, y, a):
    return x * (1 - y), a * y * (x - 1)


def chain(n: int):
    """n masses between walls, with springs of strength p.s next to springs of strength 1."""

    def f(x, p):
        q = [0.0, *[x[i] for i in range(n)], 0.0]
        pull = [p.s * (q[i] - 2.0 * q[i + 1] + q[i + 2]) - q[i + 1] * (1.0 + 0.3 * i)
                for i in range(n)]
        return [*[x[n + i] for i in range(n)], *pull]

    return f


def kepler(x, p):
    r2 = x[0] * x[0] + x[1] * x[1]
    pull = -p.m / (r2 * np.sqrt(r2))
    return [x[2], x[3], pull * x[0], pull * x[1]]


def henon_heiles(x, p):
    return [x[2], x[3], -x[0] - 2.0 * p.c * x[0] * x[1],
            -x[1] - p.c * (x[0] * x[0] - x[1] * x[1])]


def toda(x, p):
    """Three particles of Toda's lattice in the frame of their centre of mass: integrable."""
    a = np.exp(2.0 * x[0] + 2.0 * np.sqrt(3.0) * x[1])
    b = np.exp(2.0 * x[0] - 2.0 * np.sqrt(3.0) * x[1])
    c = np.exp(-4.0 * x[0])
    return [x[2], x[3], -p.s * (a + b - 2.0 * c) / 12.0, -p.s * np.sqrt(3.0) * (a - b) / 12.0]


def quartics(x, p):
    """Two anharmonic oscillators side by side."""
    return [x[2], x[3], -x[0] - x[0] * x[0] * x[0], -p.s * x[1] - x[1] * x[1] * x[1]]


def double_pendulum(x, p):
    """Equal masses and lengths; two angles and their velocities."""
    d = x[0] - x[1]
    s, c = np.sin(d), np.cos(d)
    low = 2.0 - c * c
    u, v = x[2] * x[2], x[3] * x[3]
    a = (-s * (u * c + v) - p.g * (2.0 * np.sin(x[0]) - np.sin(x[1]) * c)) / low
    b = (s * (2.0 * u + v * c) + 2.0 * p.g * (np.sin(x[0]) * c - np.sin(x[1]))) / low
    return [x[2], x[3], a, b]


def three_bodies(x, p):
    out = [x[i] for i in range(6, 12)]
    for i in range(3):
        ax, ay = 0.0, 0.0
        for j in range(3):
            if j != i:
                dx, dy = x[2 * j] - x[2 * i], x[2 * j + 1] - x[2 * i + 1]
                r2 = dx * dx + dy * dy
                ax, ay = ax + p.m * dx / (r2 * np.sqrt(r2)), ay + p.m * dy / (r2 * np.sqrt(r2))
        out += [ax, ay]
    return out


def standard(x, p):
    y = x[1] + p.k * np.sin(x[0])
    return [np.mod(x[0] + y, 2.0 * np.pi), np.mod(y, 2.0 * np.pi)]


def quadratic_map(x, y, c, s):
    """Henon's map that preserves area: a rotation after a shear."""
    return c * x - s * (y - x**2), s * x + c * (y - x**2)


def section(energy: float, members: int, seed: int) -> np.ndarray:
    """Starts of Henon and Heiles' system on x = 0, of that energy."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < members:
        y, v = rng.uniform([-0.5, -0.6], [1.0, 0.6])
        rest = 2 * (energy - y**2 / 2 + y**3 / 3) - v**2
        if rest > 0 and y < 1:
            found.append([0.0, y, np.sqrt(rest), v])
    return np.array(found)


def still(values, dim: int, place: int) -> np.ndarray:
    """Starts that are 0 but for one variable."""
    start = np.zeros((len(values), dim))
    start[:, place] = values
    return start


def integrable() -> Iterator[Batch]:
    swings, turns = still(np.linspace(0.05, 3.1, 32), 2, 0), still(np.linspace(2.02, 5, 16), 2, 1)
    make = flow(pendulum, 2)
    yield batch(FAMILY, "pendulum, swinging", make, {"g": 1.0}, quasi(1), dt=0.05, initial=swings)
    yield batch(FAMILY, "pendulum, rotating", make, {"g": 1.0}, quasi(1), dt=0.05, initial=turns)
    yield batch(FAMILY, "pendulum, one exponent", make, {"g": 1.0}, quasi(1), dt=0.05,
                initial=swings[::3], k=1, open=True)
    yield poly(FAMILY, "harmonic oscillator", oscillator, 2, 3, quasi(1),
               {"omega": np.geomspace(0.2, 3, 8)}, dt=0.05, initial=[0.7, 0.1])
    start = still([0.2, 0.5, 0.9, 1.2, 1.39, 1.43, 1.6, 2.5], 2, 0)
    yield poly(FAMILY, "undamped Duffing", double_well, 2, 3, quasi(1), {"depth": np.ones(8)},
               dt=0.05, initial=start)
    start = np.stack([np.linspace(1.1, 3, 12), np.ones(12)], axis=1)
    yield poly(FAMILY, "Lotka-Volterra", prey, 2, 3, quasi(1), {"a": np.resize([1.0, 0.5], 12)},
               dt=0.02, initial=start)
    for n in (2, 3):
        yield batch(FAMILY, f"chain of {n} masses", flow(chain(n), 2 * n), {"s": [0.2, 0.5, 1.0]},
                    quasi(n), dt=0.05, initial=np.linspace(0.3, -0.6, 2 * n))
    e = np.linspace(0.05, 0.7, 12)
    start = np.stack([1 - e, 0 * e, 0 * e, np.sqrt((1 + e) / (1 - e))], axis=1)
    yield batch(FAMILY, "Kepler", flow(kepler, 4), {"m": 1.0}, quasi(2), dt=0.01, initial=start)
    rng = np.random.default_rng(3)
    start = rng.uniform(-0.35, 0.35, (16, 4)) * np.linspace(0.5, 2, 16)[:, None]
    yield batch(FAMILY, "Toda", flow(toda, 4), {"s": 1.0}, quasi(2), dt=0.02, initial=start)
    start = rng.uniform(0.2, 1.0, (12, 4))
    yield batch(FAMILY, "two quartic oscillators", flow(quartics, 4),
                {"s": np.linspace(0.4, 2.1, 12)}, quasi(2), dt=0.02, initial=start)
    a, b, u, v = 0.97000436, 0.24308753, 0.466203685, 0.43236573
    eight = [a, -b, -a, b, 0, 0, u, v, u, v, -2 * u, -2 * v]
    yield batch(FAMILY, "figure-eight", flow(three_bodies, 12), {"m": 1.0}, quasi(6), dt=0.01,
                initial=eight)


def at_rest() -> Iterator[Batch]:
    rest = "elliptic fixed point"
    yield batch(FAMILY, "pendulum at rest", flow(pendulum, 2), {"g": [0.5, 1.0, 2.0]}, rest,
                dt=0.05, initial=[0.0, 0.0])
    yield batch(FAMILY, "Henon-Heiles at rest", flow(henon_heiles, 4), {"c": [0.5, 1.0]}, rest,
                dt=0.05, initial=np.zeros(4))
    yield poly(FAMILY, "Lotka-Volterra at rest", prey, 2, 3, rest, {"a": [0.5, 1.0]}, dt=0.05,
               initial=[1.0, 1.0])
    yield batch(FAMILY, "standard map at rest", map_of(standard, 2), {"k": [-0.5, -1.0, -2.0]},
                rest, initial=[0.0, 0.0], unit=MAP_STEPS)
    repelling, unstable = "unstable at rest", "unstable fixed point"
    yield batch(
        repelling,
        "standard map at its saddle",
        map_of(standard, 2),
        {"k": [0.5, 1.0, 2.0, 5.0]},
        unstable,
        initial=[0.0, 0.0],
        unit=MAP_STEPS,
    )
    yield batch(repelling, "pendulum upside down", flow(pendulum, 2), {"g": [-0.3, -1.0, -2.0]},
                unstable, dt=0.05, initial=[0.0, 0.0])
    yield poly(repelling, "undamped Duffing at 0", double_well, 2, 3, unstable,
               {"depth": [0.3, 1.0, 2.0]}, dt=0.05, initial=[0.0, 0.0])


def told_by_long_runs() -> Iterator[Batch]:
    for i, energy in enumerate((1 / 24, 1 / 12, 1 / 8, 0.1666)):
        yield batch(FAMILY, f"Henon-Heiles at {energy:.4f}", flow(henon_heiles, 4), {"c": 1.0},
                    SEARCHED, dt=0.05, initial=section(energy, 24, i), f=henon_heiles, search=1,
                    preserving=2)
    rng = np.random.default_rng(9)
    for k in (0.5, 0.7, 0.9716, 1.2, 1.5):
        yield batch(FAMILY, f"standard map, k = {k}", map_of(standard, 2), {"k": k}, SEARCHED,
                    initial=rng.uniform(0, 2 * np.pi, (24, 2)), f=standard, search=1,
                    preserving=1, unit=MAP_STEPS)
    start = np.stack([np.linspace(0.05, 0.62, 24), np.zeros(24)], axis=1)
    yield poly(FAMILY, "Henon's area-preserving map", quadratic_map, 2, 2, SEARCHED,
               {"c": np.full(24, 0.24), "s": np.sqrt(1 - 0.24**2)}, is_flow=False, initial=start,
               search=1, preserving=1, unit=MAP_STEPS)
    swing = np.array([[a, b, 0.0, 0.0] for a in (0.3, 1.0, 1.8, 2.5, 3.0) for b in (0.5, 1.5, 2.6)])
    yield batch(FAMILY, "double pendulum", flow(double_pendulum, 4), {"g": 1.0}, SEARCHED, dt=0.02,
                initial=swing, f=double_pendulum, search=1, preserving=2)


def batches() -> Iterator[Batch]:
    for part in (integrable, at_rest, told_by_long_runs):
        yield from part()
