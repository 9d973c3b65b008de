"""A plane of a million maps, of which a sixth is measured
========================================================

Classes of two-unit tanh maps over alpha and theta, the plane of Fig. 5A of Park, Sagodi and Sokol
(2023), by `lyapax.sweep` with ``refine="boundaries"``: a coarse grid first, then only cells whose
corners differ. A minute on two cores: ``python examples/refined_plane.py``

What one sees: on the left the region of oscillations, closed curves cut by tongues of periodic
orbits, between fixed points and orbits of two and four steps. On the right the points that were
measured, in black: the borders and what is as fine as the grid.

.. image:: /refined.png
   :alt: classes of two-unit maps over alpha and theta, and the points that were measured
   :width: 100%
"""

# sphinx_gallery_thumbnail_path = "refined.png"

import sys
from pathlib import Path

import numpy as np

import lyapax as lx
from lyapax import pta

TRANSIENT, DURATION = 500, 1000  # steps


def plane(points):
    """The refined sweep, labelled."""
    axes = {"alpha": np.linspace(0.5, 10, points), "theta": np.linspace(0, np.pi, points)}
    system = pta.block_system(1.0, 0.5, "tanh", "discrete")
    # A saturated map forgets a direction within a few steps: a QR every ten loses exponent 2.
    options = {"duration": DURATION, "transient": TRANSIENT, "qr_every": 1}
    return lx.sweep(system, axes, refine="boundaries", **options)


def draw(found, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    names = found.attractor.attrs["flag_meanings"].split()
    codes, places = np.unique(found.attractor.values, return_inverse=True)
    colors = plt.get_cmap("Set2", len(codes))
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 5.2), sharex=True, sharey=True, layout="constrained"
    )
    x, y = found.theta.values, found.alpha.values
    shape = found.attractor.shape
    left.pcolormesh(x, y, places.reshape(shape), cmap=colors, rasterized=True)
    handles = [
        Patch(color=colors(i), label=names[code].replace("_", " ")) for i, code in enumerate(codes)
    ]
    left.legend(handles=handles, fontsize=7, loc="upper right")
    left.set(xlabel="theta", ylabel="alpha", title="class")
    right.pcolormesh(x, y, found.measured.values, cmap="gray_r", rasterized=True)
    share = float(found.measured.mean())
    right.set(xlabel="theta", title=f"measured: {share:.1%} of {found.attractor.size:,} points")
    figure.savefig(path, dpi=110)


def main(points=1024, path=None):
    path = path or Path(__file__).parents[1] / "docs" / "refined.png"
    found = plane(points)
    draw(found, path)
    print(f"{float(found.measured.mean()):.1%} of {found.attractor.size:,} points measured")
    print(f"picture: {path}")
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
