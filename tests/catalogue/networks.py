"""Rate networks with classes from linear algebra, contraction or an energy."""

from collections.abc import Iterator

import numpy as np

import lyapax as lx

from .batch import MAP_STEPS, Batch, batch

REST = "fixed point"


def gaussian(rng, members: int, n: int) -> np.ndarray:
    return rng.standard_normal((members, n, n)) / np.sqrt(n)


def radius(W: np.ndarray) -> np.ndarray:
    return np.abs(np.linalg.eigvals(W)).max(axis=-1)[:, None, None]


def scaled(W: np.ndarray, goal) -> np.ndarray:
    """With these spectral radii."""
    return W * np.asarray(goal)[:, None, None] / radius(W)


def symmetric(W: np.ndarray) -> np.ndarray:
    return (W + np.swapaxes(W, 1, 2)) / np.sqrt(2)


def at_rest() -> Iterator[Batch]:
    rng = np.random.default_rng(5)
    family = "networks at rest"
    for n, several in ((2, 8), (4, 8), (10, 8), (40, 6), (100, 4)):
        goal = np.linspace(0.1, 0.95, several)
        k = min(n, 12)
        # All singular values below 1: the origin attracts everything.
        W = gaussian(rng, several, n)
        W *= (goal / np.linalg.norm(W, 2, axis=(1, 2)))[:, None, None]
        yield batch(family, f"{n} units, contracting", lx.RateNetwork, {"W": W}, REST, dt=0.1, k=k)
        W = symmetric(gaussian(rng, several, n))
        W *= (np.linspace(1.2, 5, several) / np.abs(np.linalg.eigvalsh(W)).max(axis=1))[
            :, None, None
        ]
        # Hopfield 1984: with symmetric weights an energy falls, so every start comes to rest.
        yield batch(family, f"{n} units, symmetric and saturated", lx.RateNetwork, {"W": W}, REST,
                    dt=0.1, k=k)
        if n == 2:
            continue
        # Strictly feed-forward: all eigenvalues of the linearisation are -1, far from normal.
        W = 2.0 * np.triu(rng.standard_normal((several, n, n)), 1) / np.sqrt(n)
        yield batch(
            family,
            f"{n} units, feed-forward",
            lx.RateNetwork,
            {"W": W, "bias": rng.standard_normal((several, n))},
            REST,
            dt=0.1,
            k=k,
        )
    W = symmetric(gaussian(rng, 6, 20))
    edge = np.linalg.eigvalsh(W).max(axis=1)
    goal = np.array([0.98, 0.985, 0.99, 0.992, 0.994, 0.995])  # slower than 2 / T at the end
    yield batch(family, "20 units, near the edge", lx.RateNetwork,
                {"W": W * (goal / edge)[:, None, None]}, REST, dt=0.1)
    # Many equal exponents: eigenvalues of W in tight clusters.
    q = np.linalg.qr(rng.standard_normal((4, 20, 20)))[0]
    values = np.concatenate([np.full(7, 0.6), 0.6 - 1e-3 * np.arange(6), np.full(7, -0.4)])
    yield batch(family, "20 units, clustered eigenvalues", lx.RateNetwork,
                {"W": q @ (values[:, None] * np.swapaxes(q, 1, 2))}, REST, dt=0.1)
    family = "reservoirs at rest"
    for n in (5, 30, 100):
        goal = np.array([0.3, 0.6, 0.8, 0.9, 0.95, 0.98])
        W = gaussian(rng, 6, n)
        W *= (goal / np.linalg.norm(W, 2, axis=(1, 2)))[:, None, None]
        yield batch(family, f"{n} units, norm below 1, map", lx.RNN, {"weight_hh": W}, REST,
                    unit=MAP_STEPS, k=min(n, 12))
        W = symmetric(gaussian(rng, 6, n))
        W *= (goal / np.abs(np.linalg.eigvalsh(W)).max(axis=1))[:, None, None]
        yield batch(family, f"{n} units, symmetric, map", lx.RNN, {"weight_hh": W}, REST,
                    unit=MAP_STEPS, k=min(n, 12))


def unstable() -> Iterator[Batch]:
    """Networks without bias that start at 0, where they stay though it repels."""
    rng = np.random.default_rng(6)
    for n, several in ((3, 8), (10, 8), (50, 6)):
        W = scaled(gaussian(rng, several, n), np.ones(several))
        # By their largest real part, which counts for flows.
        right = np.linalg.eigvals(W).real.max(axis=1)
        W = W * (np.linspace(1.1, 4, several) / np.maximum(right, 0.2))[:, None, None]
        yield batch("unstable at rest", f"{n} tanh units at 0", lx.RateNetwork, {"W": W},
                    "unstable fixed point", dt=0.05, initial=np.zeros(n), k=min(n, 10))
    W = scaled(gaussian(rng, 6, 20), np.linspace(1.1, 3, 6))
    yield batch("unstable at rest", "20 tanh units at 0, map", lx.RNN, {"weight_hh": W},
                "unstable fixed point", initial=np.zeros(20), unit=MAP_STEPS)


def continua() -> Iterator[Batch]:
    """Linear networks with integrators: an eigenvalue of W is exactly 1, so a line is at rest."""
    rng = np.random.default_rng(7)
    for m in (1, 2, 3):
        q = np.linalg.qr(rng.standard_normal((4, 8, 8)))[0]
        values = np.concatenate([np.ones(m), np.linspace(-0.5, 0.7, 8 - m)])
        yield batch("continua of fixed points", f"{m} integrators", _linear,
                    {"W": q @ (values[:, None] * np.swapaxes(q, 1, 2))},
                    "continuum of fixed points", dt=0.1)


def _linear(W):
    return lx.RateNetwork(W, phi="linear")


def chaotic() -> Iterator[Batch]:
    """Sompolinsky, Crisanti and Sommers 1988: far above g = 1 large networks are chaotic."""
    rng = np.random.default_rng(8)
    yield batch("networks, chaotic", "200 units", lx.RateNetwork,
                {"W": 6.0 * gaussian(rng, 2, 200)}, "chaotic | hyperchaotic", dt=0.1, k=4,
                open=True)


def batches() -> Iterator[Batch]:
    for part in (at_rest, unstable, continua, chaotic):
        yield from part()
