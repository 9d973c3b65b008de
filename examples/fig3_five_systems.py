"""Five stereotypical systems
==========================

Fig. 3 of Park, Sagodi and Sokol (2023): a single fixed point, two fixed points, a line attractor,
chaos and a limit cycle, with the systems of its section S1.1. Time is in units of tau. Half a
minute: ``python examples/fig3_five_systems.py``

What one sees: only the line attractor and the limit cycle keep a learning signal, and only they
have a zero exponent without a positive one. Beside the converged exponents (blue) stand those of
the paper's own method (red), a forward Euler step for the tangents and an accurate one for the
state: at its step of 0.4 tau it makes a chaotic network look more chaotic, and at 0.2 tau a limit
cycle chaotic. The seeds of the random networks are from a search of the first eighty.

.. image:: /fig3.png
   :alt: orbits, activity, adjoint and exponents of five systems
   :width: 100%
"""

# sphinx_gallery_thumbnail_path = "fig3.png"

import sys
from pathlib import Path

import numpy as np

import lyapax as lx

GAIN, DENSITY = 1.8, 0.1
CHAOS, CYCLE = 25, 6  # seeds
SHOWN = 60.0  # time that is drawn
TRIALS = 10


def random_weights(n, seed):
    """Eq. S3, without self-connections."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((n, n)) * GAIN / np.sqrt(DENSITY * n)
    weights *= rng.random((n, n)) < DENSITY
    np.fill_diagonal(weights, 0.0)
    return weights


def pair(own, rest):
    """Eq. S1: two units that inhibit each other, and four beside them."""
    weights = np.diag([own, own, *rest])
    weights[0, 1] = weights[1, 0] = -1.0
    return lx.RateNetwork(weights, bias=1.0, phi="relu", form="rate")


def systems():
    """(name, system, spread of starts, Euler step of the paper)."""
    rng = np.random.default_rng(0)
    stable = rng.standard_normal((6, 6)) / 3
    return [
        ("single fixed point", lx.RateNetwork(stable, phi="linear"), 1.0, 0.2),
        ("two fixed points", pair(0.35, [-0.01, -0.02, -0.03, -0.01]), 1.0, 0.2),
        ("line attractor", pair(0.0, [-2.0] * 4), 1.0, 0.2),
        ("chaos", lx.RateNetwork(random_weights(100, CHAOS)), 1e-4, 0.4),
        ("limit cycle", lx.RateNetwork(random_weights(20, CYCLE)), 1.0, 0.2),
    ]


def starts(system, spread, rng):
    """Ten random initial values; of the chaotic network all near one."""
    centre = rng.uniform(0.1, 0.9, system.dim) if system.phi == "relu" else 0.0
    if spread < 1:
        centre, spread = rng.standard_normal(system.dim), spread
        return centre + spread * rng.standard_normal((TRIALS, system.dim))
    scale = 0.4 if system.phi == "relu" else 1.0
    return centre + scale * rng.standard_normal((TRIALS, system.dim))


def euler_exponents(system, initial, dt, steps):
    """The paper's method: QR of (1 + J dt) Q at every sample of an accurate orbit."""
    path = lx.trajectory(
        system,
        duration=steps * dt,
        dt=dt / 8,
        save_every=8,
        initial=initial,
        transient=200,
        progress=False,
    ).states
    w, n = system.W, system.dim
    q, total = np.eye(n), np.zeros(n)
    for x in path[:-1]:
        if system.form == "rate":
            u = w @ x + system.bias
            jacobian = (u > 0)[:, None] * w - np.eye(n)
        else:
            slope = np.ones(n) if system.phi == "linear" else 1 / np.cosh(x) ** 2
            jacobian = w * slope - np.eye(n)
        q, r = np.linalg.qr(q + dt * jacobian @ q)
        total += np.log(np.abs(np.diag(r)))
    return np.sort(total / (steps * dt))[::-1]


def converged(system, initial):
    """The spectrum from one start."""
    chaotic, small = system.dim == 100, system.dim == 6
    # The small ones to six digits: exponents -1 and -1.01 take long to align, and -3 small steps.
    return lx.lyapunov_spectrum(
        system,
        duration=4000 if chaotic else 1000,
        transient=1000 if chaotic else 300,
        alignment=3000 if small else None,
        dt=0.02 if small else 0.05,
        initial=initial,
        rng=0,
        progress=False,
    )


def study(system, spread, euler_dt):
    rng = np.random.default_rng(1)
    initial = starts(system, spread, rng)
    transient = 200.0 if system.dim > 6 else 0.0
    run = {"dt": 0.05, "initial": initial, "progress": False}
    trials = lx.trajectory(system, duration=SHOWN, transient=transient, save_every=2, **run)
    covector = rng.standard_normal(system.dim)
    psi = lx.adjoint(
        system,
        covector / np.linalg.norm(covector),
        duration=SHOWN,
        save_every=2,
        transient=transient,
        **{**run, "initial": initial[0]},
    )
    euler = euler_exponents(system, initial[0], euler_dt, 5000)
    return trials, psi, converged(system, initial[0]), euler


def draw(results, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(5, 5, figsize=(15, 13), layout="constrained")
    titles = (
        "orbits, principal components",
        "activity, one orbit",
        "one unit, ten orbits",
        "adjoint, one covector",
        "leading exponents, per tau",
    )
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize=10)
    for row, (name, (trials, psi, spectrum, euler)) in zip(axes, results, strict=True):
        flat = trials.states.reshape(-1, trials.states.shape[-1])
        _, _, main = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
        for orbit in (trials.states - flat.mean(axis=0)) @ main[:2].T:
            row[0].plot(*orbit.T, lw=0.7)
            row[0].plot(*orbit[0], ".", color="grey", ms=3)
        row[0].set_ylabel(name)
        row[1].plot(trials.times, trials.states[0, :, :20], lw=0.7)
        row[2].plot(trials.times, trials.states[:, :, 0].T, lw=0.7)
        row[3].plot(psi.times, psi.directions[:, :20, 0], lw=0.5)
        twin = row[3].twinx()
        twin.plot(psi.times, psi.log_norms[:, 0] / np.log(10), "k", lw=1.5)
        twin.set_ylabel("log10 norm", fontsize=8)
        count = min(8, spectrum.k)
        number = np.arange(1, count + 1)
        row[4].errorbar(
            number,
            spectrum.exponents[:count],
            2 * spectrum.stderr[:count],
            fmt="o",
            ms=4,
            label="converged",
        )
        row[4].plot(number, euler[:count], "x", color="tab:red", label="Euler tangents")
        row[4].axhline(0, color="k", lw=0.7)
    axes[3, 4].legend(fontsize=8)
    for ax in axes[-1, 1:4]:
        ax.set_xlabel("time / tau")
    axes[-1, 4].set_xlabel("exponent number")
    figure.savefig(path, dpi=90)


def main(path=None):
    path = path or Path(__file__).parents[1] / "docs" / "fig3.png"
    results = []
    for name, system, spread, euler_dt in systems():
        found = study(system, spread, euler_dt)
        results.append((name, found))
        spectrum, euler = found[2:]
        print(
            f"{name}: {spectrum.attractor}; largest {spectrum.exponents[0]:.5f} +- "
            f"{spectrum.stderr[0]:.1g}, {spectrum.n_positive} positive and {spectrum.n_zero} zero; "
            f"Euler tangents: {(euler > 2 * spectrum.resolution).sum()} positive",
            flush=True,
        )
    draw(results, path)
    print(f"picture: {path}")
    return results


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
