r"""Noise in the state: what decays and what diffuses
=================================================

Noise that pushes the state along the way (S-type of Park, Sagodi and Sokol, 2023) is forgotten in
contracting directions: there its variance settles. Along a neutral direction nothing pulls back,
and the phase of an oscillation diffuses. How fast follows from the adjoint: with the neutral
covector Z of the cycle, Z . f = 1, a push dx changes the phase by Z . dx, so its mean square grows
as :math:`\sigma^2 \langle |Z|^2 \rangle t`. Half a minute:
``python examples/noise_in_the_state.py``

What one sees: 4000 paths of two units that oscillate, and the line of that slope; across the cycle
the distance stays as small as it was after one turn.

.. image:: /noise_in_the_state.png
   :alt: mean-square phase against time with the adjoint's slope, and mean-square distance
   :width: 100%
"""

# sphinx_gallery_thumbnail_path = "noise_in_the_state.png"

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import lyapax as lx

ALPHA, THETA, SIGMA = 1.5, 0.5, 0.02
TURN = ALPHA * np.array([[np.cos(THETA), -np.sin(THETA)], [np.sin(THETA), np.cos(THETA)]])
PATHS, DURATION, DT, EVERY = 4000, 400.0, 0.05, 40


def rate(x):
    """The right-hand side of dx/dt = -x + tanh(W x)."""
    return np.tanh(x @ TURN.T) - x


def cycle():
    """A state on the cycle, the period, and sigma^2 <|Z|^2> along it for sigma = 1."""
    network = lx.RateNetwork(TURN, form="rate")
    path = lx.trajectory(
        network, duration=60, dt=DT, transient=200, initial=[0.3, 0.1], progress=False
    )
    period = lx.floquet(network, initial=path.states[0], dt=DT).period
    # Backwards over a few periods any covector becomes the neutral one.
    found = lx.adjoint(network, duration=20 * period, dt=DT, initial=path.states[0], progress=False)
    steps = round(period / DT)
    states, covectors = found.states[:steps], found.directions[:steps, :, 0]
    z = covectors / np.sum(covectors * rate(states), axis=1)[:, None]
    return path.states[0], period, np.mean(np.sum(z**2, axis=1))


def diffusion(start, period):
    """Times, mean-square phases in units of time, and mean-square deviations from the cycle."""
    noisy = lx.RateNetwork(TURN, form="rate", noise=SIGMA)
    path = lx.trajectory(
        noisy, duration=DURATION, dt=DT, initial=np.tile(start, (PATHS, 1)), save_every=EVERY,
        rng=0, progress=False,
    )  # fmt: skip
    clean = lx.trajectory(
        lx.RateNetwork(TURN, form="rate"), duration=period, dt=DT, initial=start, progress=False
    )
    # Phase as a function of the angle, from one turn without noise.
    angle = np.unwrap(np.angle(clean.states @ [1, 1j]))
    radius = np.abs(clean.states @ [1, 1j])
    z = path.states @ [1, 1j]
    turned = np.unwrap(np.angle(z), axis=1)
    turned += angle[0] - turned[:, :1]
    sign = np.sign(angle[-1] - angle[0])
    whole = np.floor(sign * (turned - angle[0]) / (2 * np.pi))
    within = sign * (turned - angle[0]) - 2 * np.pi * whole
    phase = period * whole + np.interp(within, sign * (angle - angle[0]), clean.times)
    late = phase - path.times
    across = np.abs(z) - np.interp(within, sign * (angle - angle[0]), radius)
    return path.times, np.mean(late**2, axis=0), np.mean(across**2, axis=0)


def main(out=Path("noise_in_the_state.png")):
    """Measure, compare with the adjoint's slope, and draw."""
    start, period, spread = cycle()
    times, phase, across = diffusion(start, period)
    slope = SIGMA**2 * spread
    measured = np.sum(phase * times) / np.sum(times**2)
    print(f"period {period:.3f}, phase diffuses by {measured:.4g} a unit of time")
    print(f"the adjoint says {slope:.4g}")
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    axes[0].plot(times, phase, label=f"{PATHS} paths")
    axes[0].plot(times, slope * times, "--", label=r"$\sigma^2 \langle |Z|^2 \rangle\, t$")
    axes[0].set(xlabel="t", ylabel="mean-square phase", title="along the cycle")
    axes[0].legend()
    axes[1].plot(times, across, color="C2")
    axes[1].set(
        xlabel="t", ylabel="mean-square distance", title="across it", ylim=(0, 1.4 * across.max())
    )
    figure.savefig(out, dpi=150)
    return measured, slope, times, across


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
