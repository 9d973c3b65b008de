"""Zero exponents against coupling, and a learning signal against delay.

Two predictions of Park, Sagodi and Sokol (2023). L5: oscillators that synchronise lose zero
exponents, down to one, and with them directions in which learning signals persist. L3: a signal
that persists is (quasi-)periodic in its delay, so at some delays it points against what is to be
learned. Half a minute: python examples/synchrony.py
"""

import sys
from pathlib import Path

import numpy as np

import lyapax as lx
from lyapax import pta

COUNT = 4
THETA = np.array([0.50, 0.52, 0.54, 0.56])
COUPLING = np.linspace(0.0, 0.2, 41)
DURATION, DT = 3000, 0.1
DELAY = 200.0


def network(coupling):
    """Oscillators, the first units of which excite each other; one network for each coupling."""
    weights = np.broadcast_to(
        pta.bank(np.full(COUNT, 1.5), THETA, 2 * COUNT), (len(coupling), 2 * COUNT, 2 * COUNT)
    ).copy()
    between = np.zeros((2 * COUNT, 2 * COUNT))
    between[::2, ::2] = (1 - np.eye(COUNT)) / (COUNT - 1)
    return lx.RateNetwork(weights + np.asarray(coupling)[:, None, None] * between, form="rate")


def learning_signal(coupling):
    """Delays, and what a loss on the first unit now says of its state then: d x_1(T) / d x_1(t)."""
    system = network([coupling])
    now = np.zeros(2 * COUNT)
    now[0] = 1.0
    psi = lx.adjoint(
        system, now, duration=DELAY, dt=DT, save_every=2, transient=500, rng=0, progress=False
    )
    delay = psi.times[-1] - psi.times
    return delay, psi.vectors[0, :, 0, 0]


def draw(spectrum, signals, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(14, 3.8), layout="constrained")
    axes[0].plot(COUPLING, spectrum.n_zero, "k.-")
    axes[0].set(xlabel="coupling", ylabel="zero exponents", ylim=(0, COUNT + 0.3))
    axes[1].plot(COUPLING, spectrum.exponents[:, :COUNT])
    axes[1].set(xlabel="coupling", ylabel="leading exponents, per time")
    for label, (delay, signal) in signals.items():
        axes[2].plot(delay, signal, lw=0.9, label=label)
    axes[2].axhline(0, color="k", lw=0.6)
    axes[2].set(xlabel="delay", ylabel="learning signal at a unit")
    axes[2].legend(fontsize=8)
    figure.savefig(path, dpi=110)


def main(path=None):
    path = path or Path(__file__).parents[1] / "docs" / "synchrony.png"
    spectrum = lx.lyapunov_spectrum(
        network(COUPLING), duration=DURATION, transient=1000, dt=DT, rng=0, progress=False
    )
    signals = {f"coupling {c:g}": learning_signal(c) for c in (0.01, 0.2)}
    for c in (0, 10, 20, 40):
        print(f"coupling {COUPLING[c]:.3f}: {spectrum.n_zero[c]} zero exponents")
    for label, (_, signal) in signals.items():
        print(f"{label}: the signal lies between {signal.min():.2f} and {signal.max():.2f}")
    draw(spectrum, signals, path)
    print(f"picture: {path}")
    return spectrum, signals


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
