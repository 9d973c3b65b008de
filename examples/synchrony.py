"""Learning signals and synchrony
==============================

Two predictions of Park, Sagodi and Sokol (2023). L5: learning across long delays is hardest at both
ends of a U against the strength of oscillations. L3: a learning signal that persists is
(quasi-)periodic in its delay. Under a minute: ``python examples/synchrony.py``

What one sees: below the Hopf point nothing oscillates and no exponent is zero; weakly coupled
oscillators keep one each; those that synchronise share a single one. A signal that persists turns
with the oscillators, so at some delays it points against what is to be learned.

.. image:: /synchrony.png
   :alt: zero exponents against gain, coupling and strength of the field, and learning signals
   :width: 100%
"""

# sphinx_gallery_thumbnail_path = "synchrony.png"

import sys
from pathlib import Path

import numpy as np

import lyapax as lx
from lyapax import pta

THETA = np.array([0.50, 0.52, 0.54, 0.56])
COUNT, UNITS = len(THETA), 2 * len(THETA)
HOPF = 1 / np.cos(THETA)  # the gain from which a block of angle theta oscillates
BANKS, JITTER = 8, 0.005  # as many banks, the angles of which differ by that much
WEAK, STRONG = 0.02, 0.2  # couplings
GAIN = 1.5
DURATION, DT = 2000, 0.1
DELAY = 200.0
# From no oscillation to independent ones (the gain grows), and on to a common one (the coupling).
RISING, COUPLING = np.linspace(1.0, GAIN, 26), np.linspace(0.0, STRONG, 41)


def network(gain, coupling, theta):
    """Oscillators (..., COUNT), the first units of which excite each other."""
    between = np.zeros((UNITS, UNITS))
    between[::2, ::2] = (1 - np.eye(COUNT)) / (COUNT - 1)
    gain, coupling = np.broadcast_arrays(gain, coupling)
    banks = [
        pta.bank(np.full(COUNT, a), t, UNITS) + c * between
        for a, c, t in zip(gain, coupling, theta, strict=True)
    ]
    return lx.RateNetwork(np.array(banks), form="rate")


def measure(gain, coupling):
    """Spectra (banks, points), and the strength of the field: what the mean activity varies by."""
    gain, coupling = np.broadcast_arrays(gain, coupling)
    noise = np.random.default_rng(0).uniform(-JITTER, JITTER, (BANKS, 1, COUNT))
    theta = np.broadcast_to(THETA + noise, (BANKS, len(gain), COUNT))
    system = network(np.tile(gain, BANKS), np.tile(coupling, BANKS), theta.reshape(-1, COUNT))
    run = {"transient": 1000, "dt": DT, "rng": 0, "progress": False}
    spectrum = lx.lyapunov_spectrum(system, duration=DURATION, k=COUNT + 1, **run)
    seen = lx.trajectory(system, duration=500, save_every=5, **run)
    field = seen.states[..., ::2].mean(axis=-1).std(axis=-1)
    return spectrum, field.reshape(BANKS, -1)


def learning_signal(gain, coupling):
    """Delays, and what a loss on the first unit now says of its state then: d x_1(T) / d x_1(t)."""
    now = np.zeros(UNITS)
    now[0] = 1.0
    psi = lx.adjoint(
        network([gain], coupling, THETA[None]),
        now,
        duration=DELAY,
        dt=DT,
        save_every=2,
        transient=500,
        rng=0,
        progress=False,
    )
    delay = psi.times[-1] - psi.times
    return delay, psi.vectors[0, :, 0, 0]


def zeros(spectrum):
    """Mean over the banks and two standard errors of it, (points,); an undetermined one is none."""
    count = spectrum.n_zero.reshape(BANKS, -1)
    return count.mean(axis=0), 2 * count.std(axis=0, ddof=1) / np.sqrt(BANKS)


def draw(sides, signals, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(12, 6.4), layout="constrained")
    for column, (name, (swept, spectrum, field)) in enumerate(sides.items()):
        color, (mean, error) = f"C{column}", zeros(spectrum)
        above, below = axes[:, column]
        above.fill_between(swept, mean - error, mean + error, color=color, alpha=0.3, lw=0)
        above.plot(swept, mean, ".-", color=color)
        axes[0, 2].errorbar(field.mean(axis=0), mean, error, fmt=".", color=color, lw=1, label=name)
        # Of one bank: exponents of several do not change at the same place.
        size = len(swept)
        for value, error in zip(
            spectrum.exponents[:size, :COUNT].T, 2 * spectrum.stderr[:size, :COUNT].T, strict=True
        ):
            (line,) = below.plot(swept, value)
            below.fill_between(
                swept, value - error, value + error, color=line.get_color(), alpha=0.3, lw=0
            )
        below.axhline(0, color="k", lw=0.6)
        below.set(xlabel=name, ylabel="4 leading exponents, per time")
        above.set(xlabel=name, ylabel="zero exponents", ylim=(-0.2, COUNT + 0.4))
        above.set_title(f"mean of {BANKS} banks, two standard errors", fontsize=9)
        below.set_title("one bank, two standard errors", fontsize=9)
    axes[0, 2].set_title("both against the strength of oscillations", fontsize=9)
    axes[1, 2].set_title("a loss, on its way back", fontsize=9)
    for panel in axes[:, 0]:
        panel.axvspan(HOPF[0], HOPF[-1], color="0.85", zorder=0)
    axes[0, 0].text(HOPF[0] - 0.01, COUNT, "Hopf points", ha="right", fontsize=9)
    axes[0, 2].set(
        xlabel="strength of the field (rms of mean activity)",
        ylabel="zero exponents",
        ylim=(-0.2, COUNT + 0.4),
    )
    axes[0, 2].legend(
        loc="lower center", fontsize=8, title="changed along the points", title_fontsize=8
    )
    for label, (delay, signal) in signals.items():
        axes[1, 2].plot(delay, signal, lw=0.9, label=label)
    axes[1, 2].axhline(0, color="k", lw=0.6)
    axes[1, 2].set(xlabel="delay", ylabel="learning signal at a unit")
    axes[1, 2].set_ylim(-1.8, 3.3)
    axes[1, 2].legend(fontsize=8, loc="upper right")
    figure.savefig(path, dpi=110)


def main(path=None):
    path = path or Path(__file__).parents[1] / "docs" / "synchrony.png"
    sides = {
        f"gain (coupling {WEAK})": (RISING, *measure(RISING, WEAK)),
        f"coupling (gain {GAIN})": (COUPLING, *measure(GAIN, COUPLING)),
    }
    signals = {
        f"gain {gain:g}, coupling {coupling:g}: {what}": learning_signal(gain, coupling)
        for gain, coupling, what in (
            (1.1, WEAK, "at rest"),
            (GAIN, WEAK, "oscillators"),
            (GAIN, STRONG, "one common cycle"),
        )
    }
    for name, (swept, spectrum, field) in sides.items():
        print(name)
        mean, error = zeros(spectrum)
        for at in np.linspace(0, len(swept) - 1, 6).astype(int):
            print(
                f"  {swept[at]:.3f}: {mean[at]:.2f} +- {error[at]:.2f} zero exponents, "
                f"field {field[:, at].mean():.3f}"
            )
    for label, (delay, signal) in signals.items():
        print(f"{label}: a signal of {np.abs(signal[delay > DELAY - 20]).max():.4f} is left")
    draw(sides, signals, path)
    print(f"picture: {path}")
    return sides, signals


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
