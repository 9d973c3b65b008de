"""Which zero exponents survive noise in the weights.

Section 2.6 of Park, Sagodi and Sokol (2023): a learning signal that persists because a parameter is
tuned just so, as in a line or a ring of fixed points, is lost as soon as weights change a little
(D-type noise, in all weights, those that are zero included). One along a limit cycle is not, and a
bank of them keeps one for each as long as the new connections do not synchronise them. Half a
minute: python examples/structural_stability.py
"""

import sys
from pathlib import Path

import numpy as np

import lyapax as lx
from lyapax import pta

SCALES = np.array([0.0, 0.003, 0.01, 0.03, 0.1])
DRAWS, DURATION, DT = 12, 1500, 0.05
OSCILLATORS = (1, 2, 4, 8)


def ring(n=32, gain=2.0):
    """Cosine connections: activity may settle at any angle."""
    angle = 2 * np.pi * np.arange(n) / n
    weights = 2 * gain / n * np.cos(angle[:, None] - angle)
    return lx.RateNetwork(weights, form="rate")


def bank(count):
    """Independent oscillators of different frequencies."""
    theta = np.linspace(0.45, 0.75, count)
    return lx.RateNetwork(pta.bank(np.full(count, 1.5), theta, 2 * count), form="rate")


def systems():
    """name: (system, initial state, zeros without noise)."""
    line = lx.RateNetwork([[0.0, -1.0], [-1.0, 0.0]], bias=1.0, phi="relu", form="rate")
    found = {"line attractor": (line, [0.4, 0.6], 1), "ring of 32 units": (ring(), None, 1)}
    for count in OSCILLATORS:
        name = "limit cycle" if count == 1 else f"{count} oscillators"
        found[name] = bank(count), None, count
    return found


def study(system, initial):
    """Mean number of zeros, and leading exponents (scales, draws, k), against the noise."""
    spec = lx.robustness(
        system, SCALES, draws=DRAWS, zeros=True, rng=0, duration=DURATION, transient=500, dt=DT,
        k=min(system.dim, 10), initial=initial, progress=False,
    )  # fmt: skip
    return spec.n_zero.mean(axis=1), spec.exponents


def draw(results, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    shown = np.maximum(SCALES, 1e-3)
    for name, (zeros, exponents) in results.items():
        axes[0].semilogx(shown, zeros, "o-", label=name)
        size = np.abs(exponents[..., 0]).mean(axis=1)
        axes[1].loglog(shown, np.maximum(size, 1e-7), "o-", label=name)
    axes[0].set(xlabel="noise in the weights, relative (left end: none)", ylabel="zero exponents")
    axes[1].set(xlabel="noise in the weights, relative (left end: none)",
                ylabel="mean size of the first exponent")  # fmt: skip
    axes[1].axhline(2 / DURATION, color="k", ls=":", lw=1)
    axes[1].legend(fontsize=8)
    figure.savefig(path, dpi=110)


def main(path=None):
    path = path or Path(__file__).parents[1] / "docs" / "structural_stability.png"
    results = {}
    for name, (system, initial, zeros) in systems().items():
        results[name] = study(system, initial)
        kept = results[name][0]
        print(f"{name}: {zeros} zero exponents; with noise of {SCALES[1:]}: {kept[1:]}", flush=True)
    draw(results, path)
    print(f"picture: {path}")
    return results


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
