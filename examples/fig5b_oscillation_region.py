"""Oscillations in trajectories and in exponents
=============================================

Fig. 5B of Park, Sagodi and Sokol (2023), in continuous and discrete time. The trajectories are
plain NumPy and know nothing of exponents: a block counts as oscillating if it keeps turning around
the origin, at a frequency and an amplitude, and (in discrete time) never comes back to where it
was, as a locked one does. The other judge is lyapax: the first exponent is zero. Half a
minute for 256 x 256 points each: ``python examples/fig5b_oscillation_region.py``

What one sees: the two agree on more than 99 % of the blocks; they differ where an oscillation is
born, and at the edges of narrow tongues.

.. image:: /fig5b.png
   :alt: frequency and amplitude of blocks that oscillate, and where the two judges differ
   :width: 100%
"""

# sphinx_gallery_thumbnail_path = "fig5b.png"

import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

import lyapax as lx
from lyapax import pta

# Time step, transient, and how long to look: a map near a tongue locks within thousands of steps.
TIMES = {"continuous": (0.1, 200, 300), "discrete": (1, 4000, 1000)}
TOP = 3.0  # of alpha: further up nearly all maps are locked
STILL, TURNS, RETURN, LONGEST = 0.01, 1.0, 1e-5, 256
ZERO = 2e-3


def field(x, alpha, theta):
    y = alpha * np.exp(1j * theta) * x
    return np.tanh(y.real) + 1j * np.tanh(y.imag)


def step(x, alpha, theta, dt, time):
    """One step of the complex state x1 + i x2 of every block."""
    if time == "discrete":
        return field(x, alpha, theta)
    rates = []
    for reach in (0.0, dt / 2, dt / 2, dt):
        at = x + reach * rates[-1] if rates else x
        rates.append(field(at, alpha, theta) - at)
    return x + dt / 6 * (rates[0] + 2 * rates[1] + 2 * rates[2] + rates[3])


def observe(alpha, theta, time):
    """(oscillates, frequency, amplitude) of every block, from its trajectory."""
    dt, transient, window = TIMES[time]
    x = np.full(np.broadcast_shapes(alpha.shape, theta.shape), 0.3 + 0.1j)
    for _ in tqdm(range(round(transient / dt)), desc=f"{time} time, transient"):
        x = step(x, alpha, theta, dt, time)
    turned, low, high = np.zeros(x.shape), x.real.copy(), x.real.copy()
    start, nearest = x.copy(), np.full(x.shape, np.inf)
    for s in tqdm(range(round(window / dt)), desc=f"{time} time, observed"):
        after = step(x, alpha, theta, dt, time)
        turned += np.angle(after * np.conj(x))
        x = after
        np.minimum(low, x.real, out=low)
        np.maximum(high, x.real, out=high)
        if time == "discrete" and s < LONGEST:
            np.minimum(nearest, np.abs(x - start), out=nearest)
    turned = np.abs(turned) / (2 * np.pi)
    amplitude = (high - low) / 2
    oscillates = (amplitude > STILL) & (turned > TURNS)
    if time == "discrete":
        oscillates &= nearest > RETURN
    return oscillates, turned / window, amplitude


def first_exponent(alpha, theta, time):
    flow, (dt, transient, _) = time == "continuous", TIMES[time]
    return lx.lyapunov_spectrum(
        pta.block_system(alpha, theta, "tanh", time),
        transient=transient,
        duration=2000,
        k=1,
        dt=dt / 2 if flow else None,
        qr_every=20 if flow else 1,
        initial=[0.3, 0.1],
        progress=False,
    ).exponents[..., 0]


def draw(results, theta, alpha, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        len(results),
        3,
        figsize=(12, 3.4 * len(results)),
        sharex=True,
        sharey=True,
        layout="constrained",
    )
    for row, (time, (oscillates, frequency, amplitude), zero) in zip(axes, results, strict=True):
        # White: no oscillation. Blues and reds are where the two judges differ.
        apart = np.where(oscillates & ~zero, 1.0, np.where(zero & ~oscillates, -1.0, 0.0))
        shown = (
            (
                "turns per unit time or step",
                np.where(oscillates, frequency, np.nan),
                "viridis",
                (0, 0.5),
            ),
            ("amplitude", np.where(oscillates, amplitude, np.nan), "magma", (0, 1)),
            ("seen only (red), zero only (blue)", apart, "bwr", (-1, 1)),
        )
        for ax, (title, value, colors, limits) in zip(row, shown, strict=True):
            image = ax.pcolormesh(
                theta, alpha, value, cmap=colors, vmin=limits[0], vmax=limits[1], rasterized=True
            )
            pta.Region("tanh", time, alpha=(alpha[0], alpha[-1])).plot(ax)
            ax.set_ylim(alpha[0], alpha[-1])
            ax.set_title(f"{time} time: {title}", fontsize=9)
            if colors != "bwr":
                figure.colorbar(image, ax=ax, shrink=0.8)
    figure.savefig(path, dpi=110)


def main(points=256, path=None):
    path = path or Path(__file__).parents[1] / "docs" / "fig5b.png"
    theta, alpha = np.linspace(0.0, np.pi, points), np.linspace(0.8, TOP, points)
    results = []
    for time in TIMES:
        seen = observe(alpha[:, None], theta, time)
        zero = np.abs(first_exponent(alpha[:, None], theta, time)) < ZERO
        inside = pta.Region("tanh", time, alpha=(alpha[0], TOP)).contains(alpha[:, None], theta)
        tqdm.write(
            f"{time} time: trajectories and exponents agree on {(seen[0] == zero).mean():.2%} of "
            f"the blocks, trajectories and the region's borders on {(seen[0] == inside).mean():.2%}"
        )
        results.append((time, seen, zero))
    draw(results, theta, alpha, path)
    tqdm.write(f"picture: {path}")


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:2]])
