"""Chaos and synchrony on a connectome
===================================

Kuramoto oscillators, one for each of 94 brain regions, coupled through a matrix of connections:
:math:`\\dot x_i = \\omega_i + K \\sum_j W_{ij} \\sin(x_j - x_i)`.
All exponents against the coupling K. ``python examples/connectome.py`` makes a connectome at
random (clustered regions on two hemispheres, weights that fall with distance);
``python examples/connectome.py W.npy`` takes yours. Three minutes.

What one sees: without coupling every phase keeps its own zero exponent. Weak coupling makes a few
of them positive and the others negative: phase chaos, strongest where the regions begin to
synchronise. Strong coupling leaves one zero, by the symmetry under a common phase, and everything
else decays.

.. image:: /connectome.png
   :alt: exponents, Kaplan-Yorke dimension and order parameter against the coupling
   :width: 100%
"""

# sphinx_gallery_thumbnail_path = "connectome.png"

import sys
from pathlib import Path

import numpy as np

import lyapax as lx

REGIONS = 94
COUPLING = np.linspace(0.0, 3.0, 25)
DURATION, TRANSIENT, DT = 400.0, 200.0, 0.05


def connectome(n=REGIONS, seed=0):
    """Weights (n, n) of regions in clusters on two hemispheres; each row adds up to 1."""
    rng = np.random.default_rng(seed)
    hemisphere = np.arange(n) % 2
    cluster = rng.standard_normal((6, 3))[rng.integers(0, 6, n)]
    place = cluster + 0.5 * rng.standard_normal((n, 3)) + 4.0 * hemisphere[:, None] * [1, 0, 0]
    distance = np.linalg.norm(place[:, None] - place, axis=-1)
    strength = np.exp(-distance) * rng.lognormal(0.0, 1.0, (n, n))
    weights = np.tril(strength, -1)
    weights = weights + weights.T
    return weights / weights.sum(axis=1, keepdims=True)


def network(weights, coupling):
    """Kuramoto oscillators with frequencies of unit spread; a batch over the coupling."""
    n = len(weights)
    omega = np.random.default_rng(1).standard_normal(n)
    known = lx.systems.networks["kuramoto"]
    return known.system(weights, omega=omega, K=coupling, shapes={"omega": (n,), "K": ()})


def study(weights, coupling):
    """The spectra, and the mean order parameter |mean of exp(i x)| of each coupling."""
    system = network(weights, coupling)
    run = {"dt": DT, "transient": TRANSIENT, "rng": 0, "progress": False}
    spectrum = lx.lyapunov_spectrum(system, duration=DURATION, **run)
    path = lx.trajectory(system, duration=DURATION, save_every=20, **run)
    order = np.abs(np.exp(1j * path.states[..., 0]).mean(axis=-1)).mean(axis=-1)
    return spectrum, order


def draw(coupling, spectrum, order, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 1, figsize=(7.5, 8), sharex=True, layout="constrained")
    colors = plt.get_cmap("viridis")(np.linspace(0, 1, spectrum.exponents.shape[1]))
    for exponent, color in zip(spectrum.exponents.T, colors, strict=True):
        axes[0].plot(coupling, exponent, color=color, lw=0.7)
    axes[0].axhline(0, color="k", lw=0.6)
    axes[0].set(ylabel="exponents, per unit time", ylim=(-1.0, 0.2))
    axes[0].set_title(f"all {len(colors)} exponents", fontsize=10)
    error = 2 * spectrum.kaplan_yorke_stderr
    axes[1].errorbar(coupling, spectrum.kaplan_yorke, error, fmt=".-", lw=1)
    axes[1].set(ylabel="Kaplan-Yorke dimension", ylim=(0, None))
    axes[2].plot(coupling, order, ".-")
    axes[2].set(ylabel="order parameter", xlabel="coupling K", ylim=(0, 1))
    figure.savefig(path, dpi=110)


def main(path=None, weights=None):
    path = path or Path(__file__).parents[1] / "docs" / "connectome.png"
    weights = connectome() if weights is None else np.load(weights)
    spectrum, order = study(weights, COUPLING)
    for i in np.linspace(0, len(COUPLING) - 1, 5).astype(int):
        print(
            f"K = {COUPLING[i]:.2f}: largest {spectrum.exponents[i, 0]:.4f} +- "
            f"{spectrum.stderr[i, 0]:.4f}, dimension {spectrum.kaplan_yorke[i]:.1f}, order "
            f"{order[i]:.2f}, {spectrum.attractor[i]}"
        )
    draw(COUPLING, spectrum, order, path)
    print(f"picture: {path}")
    return spectrum, order


if __name__ == "__main__":
    main(weights=sys.argv[1] if len(sys.argv) > 1 else None)
