"""Tori: oscillators side by side, coupled weakly or locked, and phases that nobody wraps."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .batch import Batch, batch, flow

OMEGA = np.sqrt([1.0, 2.0, 0.43, 3.1, 5.3])  # no ratio of small whole numbers


def oscillators(m: int) -> Any:
    """m normal forms; each is pulled by p.e towards its neighbour's state."""

    def f(x, p):
        w = [p.w0, p.w1, p.w2, p.w3, p.w4]
        out = []
        for i in range(m):
            u, v = x[2 * i], x[2 * i + 1]
            g = 1.0 - u * u - v * v
            j = (i + 1) % m
            out += [
                p.g * u * g - w[i] * v + p.e * (x[2 * j] - u),
                p.g * v * g + w[i] * u + p.e * (x[2 * j + 1] - v),
            ]
        return out

    return f


def kuramoto(m: int) -> Any:
    """m phases; frequencies spread over p.spread around p.mean."""

    def f(x, p):
        out = []
        for i in range(m):
            # Unequal gaps, so that no two differences lock to each other.
            own = p.mean + p.spread * ((i / (m - 1)) ** 1.3 - 0.5)
            pull = 0.0
            for j in range(m):
                if j != i:
                    pull = pull + np.sin(x[j] - x[i])
            out.append(own + p.k / m * pull)
        return out

    return f


def batches() -> Iterator[Batch]:
    for m, several in ((2, 24), (3, 12), (4, 6), (5, 4)):
        index = np.arange(several)
        w = {f"w{i}": OMEGA[i] * (1 + 0.07 * index * (-1) ** i / several) for i in range(5)}
        start = np.tile([0.9, 0.2], m)
        for label, e in (("side by side", 0.0), ("weakly coupled", 0.01)):
            yield batch("tori", f"{m} oscillators {label}", flow(oscillators(m), 2 * m),
                        {**w, "g": np.resize([0.2, 0.5, 1.0], several), "e": e},
                        f"torus of dimension {m}", dt=0.05, initial=start)
    index = np.arange(12)
    locked = {"w0": 1.0, "w1": 1.0 + 0.012 * index, "w2": 0.0, "w3": 0.0, "w4": 0.0}
    yield batch("limit cycle", "two oscillators locked", flow(oscillators(2), 4),
                {**locked, "g": 1.0, "e": 0.3}, "limit cycle", dt=0.05,
                initial=[0.9, 0.2, 0.5, -0.4])
    # Two phases: the difference obeys phi' = spread - k sin phi, so they lock above k = spread.
    ratio = np.concatenate([np.linspace(0.05, 0.98, 14), np.linspace(1.02, 4, 10)])
    kinds = np.where(ratio < 1, "torus of dimension 2", "limit cycle")
    yield batch("phases", "two phases", flow(kuramoto(2), 2),
                {"mean": 1.3, "spread": 0.5, "k": 0.5 * ratio}, list(kinds), dt=0.1, unit=2.0,
                initial=[0.1, 0.7])
    for m in (3, 4, 5):
        k = np.array([0.01, 0.02, 0.05, 3.0, 4.0, 6.0])
        kinds = np.where(k < 1, f"torus of dimension {m}", "limit cycle")
        yield batch("phases", f"{m} phases", flow(kuramoto(m), m),
                    {"mean": 1.3, "spread": 1.0, "k": k}, list(kinds), dt=0.1, unit=2.0,
                    initial=np.linspace(0, 2, m) ** 2)
