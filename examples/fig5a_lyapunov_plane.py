"""Exponents of two-unit blocks over a plane
=========================================

Fig. 5A of Park, Sagodi and Sokol (2023): both Lyapunov exponents of a two-unit block over theta and
alpha, in discrete and continuous time, and a GRU's block beside it. About a minute for 256 x 256
points each: ``python examples/fig5a_lyapunov_plane.py``

What one sees: where the first exponent is zero (yellow) the block oscillates. In continuous time it
does so in all of the region between the borders; in discrete time tongues of locked blocks cut
through it.

.. image:: /fig5a.png
   :alt: exponents over theta and alpha for the tanh map, the tanh flow and the GRU map
   :width: 100%
"""

# sphinx_gallery_thumbnail_path = "fig5a.png"

import sys
import warnings
from pathlib import Path

import numpy as np
from tqdm import tqdm

import lyapax as lx
from lyapax import pta

PLANES = (("tanh", "discrete", 10.0), ("tanh", "continuous", 10.0), ("gru", "discrete", 10.0))
TRANSIENT, DURATION, DT = 500, 2000, 0.1  # steps of a map, units of time of a flow
ZERO = 2e-3


def plane(cell, time, top, points):
    """theta, alpha and exponents (alpha, theta, 2)."""
    theta = np.linspace(0, np.pi, points)
    alpha = np.linspace(0.5, top, points)
    system = pta.block_system(alpha[:, None], theta, cell, time)
    flow = time == "continuous"
    # A saturated map forgets a direction within a few steps: a QR every ten loses exponent 2.
    with warnings.catch_warnings():
        # By 3 % of the exponent where blocks contract fastest, which no colour shows.
        warnings.filterwarnings("ignore", message="dt = 0.1 is too large")
        spectrum = lx.lyapunov_spectrum(
            system,
            transient=TRANSIENT,
            duration=DURATION,
            dt=DT if flow else None,
            qr_every=10 if flow else 1,
            initial=[0.3, 0.1],
            progress=False,
        )
    return theta, alpha, spectrum.exponents


def draw(results, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        2, len(results), figsize=(4 * len(results), 6.4), sharex=True, layout="constrained"
    )
    for column, (cell, time, theta, alpha, exponents) in zip(axes.T, results, strict=True):
        for index, ax in enumerate(column):
            value = exponents[..., index]
            image = ax.pcolormesh(
                theta, alpha, value, cmap="RdBu_r", vmin=-0.5, vmax=0.5, rasterized=True
            )
            pta.Region(cell, time, alpha=(alpha[0], alpha[-1])).plot(ax)
            ax.set_ylim(alpha[0], alpha[-1])
            ax.set_title(f"{cell}, {time} time: exponent {index + 1}", fontsize=9)
            if index == 0:
                zero = np.abs(value) < ZERO
                ax.contourf(theta, alpha, zero, levels=[0.5, 1.5], colors="gold", alpha=0.6)
    figure.colorbar(image, ax=axes, label="per step, or per unit time", shrink=0.6)
    figure.savefig(path, dpi=110)


def main(points=256, path=None):
    path = path or Path(__file__).parents[1] / "docs" / "fig5a.png"
    results = []
    for cell, time, top in tqdm(PLANES, desc="planes"):
        theta, alpha, exponents = plane(cell, time, top, points)
        results.append((cell, time, theta, alpha, exponents))
        grid_alpha, grid_theta = np.meshgrid(alpha, theta, indexing="ij")
        where = pta.Region(cell, time, alpha=(0.5, top))
        inside = where.contains(grid_alpha, grid_theta)
        zero = np.abs(exponents[..., 0]) < ZERO
        tqdm.write(
            f"{cell}, {time} time: {zero[inside].mean():.1%} of the region has a zero exponent, "
            f"{zero[~inside].mean():.1%} of the rest"
        )
    draw(results, path)
    tqdm.write(f"picture: {path}")


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:2]])
