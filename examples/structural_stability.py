"""Zero exponents and noise
========================

Section 2.6 of Park, Sagodi and Sokol (2023): which zero exponents survive noise in the weights
(D-type, in all of them, those that are zero included), and which noise in the state (S-type, here
in the starts). A minute: ``python examples/structural_stability.py``

What one sees: a learning signal that persists because a parameter is tuned just so, as in a line or
a ring of fixed points, is lost as soon as weights change a little; noise in the state leaves it.
One along a limit cycle survives both. Of a bank of oscillators each keeps one under noise in the
state, but not under any noise in the weights: new connections couple them, so that they lock or
become chaotic, and the more of them, the less noise that takes.

.. image:: /structural_stability.png
   :alt: zero exponents against noise in the weights and in the starts, and size of the first
   :width: 100%
"""

# sphinx_gallery_thumbnail_path = "structural_stability.png"

import sys
from pathlib import Path

import numpy as np

import lyapax as lx
from lyapax import pta

SCALES = np.array([0.0, 0.003, 0.01, 0.03, 0.1])  # of noise in the weights, relative to them
SHIFTS = np.array([0.0, 0.03, 0.1, 0.3, 1.0])  # of noise in the starts; activities lie in -1 to 1
DRAWS, DURATION, DT = 12, 1500, 0.05
OSCILLATORS = (1, 2, 4, 8)
MARKERS = "os^Dvp"


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


def study(kind, system, initial):
    """Spectra (scales, draws) against noise of one kind."""
    start = {} if initial is None else {"initial": initial}
    return lx.robustness(
        system,
        SCALES if kind == "D" else SHIFTS,
        kind,
        draws=DRAWS,
        zeros=True,
        rng=0,
        duration=DURATION,
        transient=500,
        dt=DT,
        k=min(system.dim, 10),
        progress=False,
        **start,
    )


def mean(values):
    """Over the draws, and two standard errors of it."""
    return values.mean(axis=1), 2 * values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])


def draw(results, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(13, 4.4), layout="constrained")
    # No noise has no place on a logarithmic axis: it stands at the left end.
    weights, states = np.maximum(SCALES, 1e-3), np.maximum(SHIFTS, 1e-2)
    for (name, noisy), marker in zip(results["D"].items(), MARKERS, strict=False):
        style = {"marker": marker, "ms": 4, "capsize": 2, "label": name}
        axes[0].errorbar(weights, *mean(noisy.n_zero), **style)
        axes[1].errorbar(states, *mean(results["S"][name].n_zero), **style)
        size, error = mean(np.abs(noisy.exponents[..., 0]))
        size = np.maximum(size, 1e-7)
        below = np.minimum(error, 0.8 * size)  # a logarithmic axis has no zero
        axes[2].errorbar(weights, size, [below, error], **style)
    axes[0].set(title="noise in the weights (D-type)", ylabel="zero exponents")
    axes[1].set(title="noise in the starts (S-type)", ylabel="zero exponents")
    axes[2].set(
        title="noise in the weights (D-type)",
        ylabel="mean size of the first exponent",
        yscale="log",
        ylim=(1e-7, 1),
    )
    axes[2].axhline(2 / DURATION, color="k", ls=":", lw=1)
    axes[2].text(weights[0], 2.4 / DURATION, "2/T", fontsize=9)
    for panel, what in zip(axes, ("weights", "activities", "weights"), strict=True):
        panel.set(xscale="log", xlabel=f"noise relative to {what} (left end: none)")
    for panel in axes[:2]:
        panel.set_ylim(-0.3, max(OSCILLATORS) + 0.5)
    names = axes[0].get_legend_handles_labels()
    figure.legend(*names, loc="outside lower center", ncols=len(names[0]), fontsize=9)
    figure.savefig(path, dpi=110)


def main(path=None):
    path = path or Path(__file__).parents[1] / "docs" / "structural_stability.png"
    results = {"D": {}, "S": {}}
    for name, (system, initial, zeros) in systems().items():
        print(f"{name}: {zeros} zero exponents", flush=True)
        for kind, scales in (("D", SCALES), ("S", SHIFTS)):
            results[kind][name] = study(kind, system, initial)
            kept = results[kind][name].n_zero.mean(axis=1)
            print(f"  {kind}-type noise of {scales[1:]}: {kept[1:].round(2)}", flush=True)
    draw(results, path)
    print(f"picture: {path}")
    return results


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
