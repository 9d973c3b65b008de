"""Oscillators beside ring attractors: noise in the state (S-type) and in the weights (D-type).

Time is in time constants of the rings' units and in periods of the oscillators, which are equal
(10 ms). Noise in the state is white noise in each variable; `sigma` is its amplitude, times the
root of time, relative to the root mean square of the system's own variables. Noise in the weights
multiplies each weight that is there by 1 + epsilon N(0, 1).
"""

from dataclasses import dataclass

import numpy as np

import lyapax as lx

from . import oscillators, rings, spikes
from .phases import apart, heading
from .predictions import rms
from .readout import population_vector

STARTS = 7.5 + np.arange(0, 360, 30.0)


@dataclass(frozen=True)
class Diffusion:
    """Mean-square error (degrees^2) of trials against time, and its predicted slope."""

    name: str
    times: np.ndarray
    errors: np.ndarray  # (trials, times), degrees
    slope: float

    @property
    def measured(self):
        """Degrees^2 a unit of time, and its standard error, from the times after a tenth."""
        first = len(self.times) // 10
        moved = self.errors[:, -1] - self.errors[:, first]
        per_time = np.mean(moved**2) / (self.times[-1] - self.times[first])
        return per_time, per_time * np.sqrt(2 / len(moved))


def diffusion_of_ring(ring, sigma=0.02, trials=200, duration=200.0):
    """The bump of a noisy ring; its slope is s^2 |v|^2, s the noise and v the left null vector."""
    size = sigma * rms(ring.bump)
    _, left = ring.neutral
    path = lx.trajectory(
        ring.network(noise=size), duration=duration, dt=0.1, save_every=20, rng=0,
        initial=np.tile(ring.bump, (trials, 1)), progress=False,
    )  # fmt: skip
    errors = apart(population_vector(path.states), 0.0)
    return Diffusion(ring.name, path.times, errors, np.degrees(1) ** 2 * size**2 * left @ left)


def diffusion_of_oscillators(sigma=0.02, trials=200, duration=200.0):
    """Delta phi of noisy oscillators; its slope is (s / (|z| (1 + K tau/2)))^2, s the noise.

    The phase of one neuron gets s / |z|, and its pair half of it, divided by 1 + K tau/2.
    """
    radius = oscillators.radius()
    size = sigma * radius / np.sqrt(2)
    flow = oscillators.circuit(held=np.zeros(trials), noise=size)
    times, pair = oscillators.run(flow, duration, every=160, rng=0)
    errors = apart(heading(pair), 0.0)
    slope = (np.degrees(size / radius) / oscillators.gain()) ** 2
    return Diffusion("oscillators", times, errors, slope)


def diffusion_of_spikes(jitter=0.001, trials=200, duration=200):
    """Delta phi of neurons whose spikes jitter: four of them a period, (360 jitter)^2 each."""
    times, rng = np.arange(1, duration + 1, 2.0), np.random.default_rng(4)
    errors = np.empty((trials, len(times)))
    for trial in range(trials):
        trains = spikes.Circuit(jitter=jitter, rng=rng).run(duration + 2, held=180.0)
        pair = spikes.phases(trains, times)
        errors[trial] = apart(heading(pair), 180.0)
    return Diffusion("spikes", times, errors, 4 * (360 * jitter) ** 2)


def by_units(sigma=0.02, counts=(8, 16, 32, 64), duration=3000.0):
    """Of cosine rings: units, predicted slope (degrees^2), and how far unperturbed bumps move.

    A ring of few units is no continuum: without any noise its bump goes to the nearest of some
    angles. Then the slope is that of a ring that does not exist.
    """
    found = []
    for n in counts:
        ring = rings.cosine_ring(n)
        path = lx.trajectory(
            ring.network(), duration=duration, dt=0.1, save_every=round(duration / 0.1),
            initial=ring.bumps(STARTS + 3), progress=False,
        )  # fmt: skip
        moved = np.abs(apart(*population_vector(path.states).T)).max()
        size, left = sigma * rms(ring.bump), ring.neutral[1]
        found.append((n, np.degrees(1) ** 2 * size**2 * left @ left, moved))
    return found


@dataclass(frozen=True)
class Drift:
    """Errors (draws, starts, times) in degrees of memories whose circuit was changed once."""

    name: str
    times: np.ndarray
    errors: np.ndarray
    first: float  # root mean square of the predicted first speed, degrees a unit of time

    @property
    def rms(self):
        return rms(self.errors, axis=(0, 1))

    @property
    def speed(self):
        """Root mean square of the measured first speed."""
        return float(rms(self.errors[..., 1]) / self.times[1])


def changed(weights, epsilon, draws, rng):
    """(draws, n, n): weights that each draw multiplies by 1 + epsilon N(0, 1)."""
    noise = np.random.default_rng(rng).standard_normal((draws, *weights.shape))
    return weights * (1 + epsilon * noise)


def drift_of_ring(ring, epsilon=0.03, draws=10, duration=400.0):
    W = changed(ring.W, epsilon, draws, 5)
    path = lx.trajectory(
        ring.network(W[:, None]), duration=duration, dt=0.1, save_every=20, progress=False,
        initial=np.broadcast_to(ring.bumps(STARTS), (draws, len(STARTS), ring.n)),
    )  # fmt: skip
    # The bump takes its new shape at once, which is no drift: errors are counted from then on.
    settled = 5
    headings = population_vector(path.states)[..., settled:]
    errors = apart(headings, headings[..., :1])
    predicted = rms([rings.drift(ring, one, STARTS) for one in W])
    return Drift(ring.name, path.times[settled:] - path.times[settled], errors, predicted)


def wells(ring, epsilon=0.03, rng=6, starts=72, duration=6000.0):
    """Where bumps settle (degrees) when the weights are changed: predicted, and found by a run.

    Predicted are the zeros at which the first-order drift falls from + to -.
    """
    W = changed(ring.W, epsilon, 1, rng)[0]
    fine = np.arange(0, 360, 0.5)
    speed = rings.drift(ring, W, fine)
    falls = (speed > 0) & (np.roll(speed, -1) <= 0)
    begin = np.arange(starts) * 360 / starts
    path = lx.trajectory(
        ring.network(W), duration=duration, dt=0.2, save_every=round(duration / 0.2),
        initial=ring.bumps(begin), progress=False,
    )  # fmt: skip
    ends = np.sort(population_vector(path.states[:, -1]))
    first = np.abs(apart(ends, np.roll(ends, 1))) > 1.0  # of bumps that ended together
    return fine[falls] + 0.25, ends[first] if first.any() else ends[:1]


def well_counts(ring, epsilon=0.03, draws=30):
    """How many wells each draw of changed weights has, by the first-order drift: (draws,)."""
    fine = np.arange(0, 360, 1.0)
    speeds = [rings.drift(ring, W, fine) for W in changed(ring.W, epsilon, draws, 8)]
    return np.array([((v > 0) & (np.roll(v, -1) <= 0)).sum() for v in speeds])


KINDS = "weights", "weights off rhythm", "shared delay", "own frequencies", "own delays"


def drift_of_oscillators(kind, epsilon=0.03, draws=10, duration=400.0):
    r"""What is changed in the circuit is one of KINDS.

    Of a pair whose own frequency changes by a, and its delay by b, both relative, the frequency
    changes by (a - b K tau/2) / (1 + K tau/2). So weights change no period, unless the neurons' own
    rhythm and the delay do not fit: "weights off rhythm" is noise in the weights where all four
    neurons are faster by epsilon.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    rng = np.random.default_rng(7)
    noise = 1 + epsilon * rng.standard_normal((draws, 1, 2))
    held, base = np.broadcast_to(STARTS, (draws, len(STARTS))), 2 * np.pi
    share, offset = 1 / oscillators.gain(), base * np.full(2, 1 + epsilon)
    W = changed(oscillators.coupled(), epsilon, draws, 5)[:, None]
    # The share of a pair's own weights, of which the mean counts.
    shares = 1 / (1 + np.stack([W[..., 0, 1] + W[..., 1, 0], W[..., 2, 3] + W[..., 3, 2]]) / 4)
    params, share = {
        "weights": ({"W": W}, 0.0),
        "weights off rhythm": ({"W": W, "frequency": offset}, share),
        "shared delay": ({"delay": oscillators.DELAY * noise[..., [0, 0]]}, 0.0),
        "own frequencies": ({"frequency": base * noise}, share),
        "own delays": ({"delay": oscillators.DELAY * noise}, 1 - share),
    }[kind]
    predicted = 360 * rms(noise[..., 0] - noise[..., 1]) * share
    if kind == "weights off rhythm":
        predicted = 360 * epsilon * rms(shares[0] - shares[1])
    flow = oscillators.circuit(held=held, **params)
    times, pair = oscillators.run(flow, duration, every=160)
    settled = 5
    found = heading(pair)[..., settled:]
    errors = apart(found, found[..., :1])
    return Drift(f"oscillators, {kind}", times[settled:] - times[settled], errors, predicted)
