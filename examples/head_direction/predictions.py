"""The predictions M1 to M5 of Section 2.10, as runs with numbers."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

import lyapax as lx

from . import oscillators, readout, rings, spikes
from .phases import PERIOD, apart, heading
from .readout import population_vector
from .turning import steady

CHANCE = 360 / np.sqrt(12)  # root mean square error (degrees) of a guess
ANGLES = 7.5 + np.arange(0, 360, 15.0)


def rms(errors, axis=None):
    return np.sqrt(np.mean(np.square(errors), axis=axis))


@dataclass(frozen=True)
class Curve:
    """What was measured at `x`, and what was predicted there."""

    x: np.ndarray
    measured: np.ndarray
    predicted: np.ndarray


def decoding(trials=400, *, recorded=0.02, jitter=5e-4, windows=(1, 2, 4, 8, 16, 32, 64, 128, 256)):
    """M1: degrees of error when a window of n periods of one trial is decoded.

    Spike times are recorded with the error `recorded`, which averages out, while the memory itself
    moves by the `jitter` of firing: variance recorded^2 / n + 4 jitter^2 n / 3 (periods^2).
    """
    windows, rng = np.array(windows), np.random.default_rng(1)
    periods = windows.max() + 4
    errors = np.empty((trials, len(windows)))
    for trial, held in enumerate(rng.uniform(0, 360, trials)):
        circuit = spikes.Circuit(jitter=jitter, rng=rng)
        trains = circuit.run(periods, held=held)
        now = spikes.phases([train[train < periods - 1] for train in trains], periods - 1.0)
        seen = [train + recorded * rng.standard_normal(len(train)) for train in trains]
        for i, n in enumerate(windows):
            decoded = _mean_phases(seen, periods - 1 - n, periods - 1)
            errors[trial, i] = apart(decoded, heading(now))
    predicted = 360 * np.sqrt(recorded**2 / windows + 4 * jitter**2 * windows / 3)
    return Curve(windows, rms(errors, axis=0), predicted)


def _mean_phases(trains, start, end):
    """The heading that spikes between two times hold: circular means of the pairs' phases."""
    means = []
    for pair in range(2):
        left, right = (train[(train >= start) & (train < end)] for train in trains[2 * pair :][:2])
        means.append(np.exp(-2j * np.pi * np.concatenate([left, right - 0.5])).mean())
    return np.degrees(np.angle(means[0] / means[1]))


def resetting(durations=(0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0), strength=100.0):
    """M2: degrees between memories after a reset that lasts so many periods.

    A rhythm common to all neurons holds them with the rate `strength` (per period), then lets go.
    What travels in the axons survives the neurons' own reset: it takes half a period, the longest
    delay. Measured are the mean distance from the old heading, over all phases of the rhythm
    (chance is 90 degrees), and the root mean square distance of memories that were all around the
    circle from their mean: 0 where nothing is left of them.
    """
    durations = np.array(durations)
    shape = len(durations), 8, len(ANGLES)
    held = np.broadcast_to(ANGLES, shape)
    ahead = (np.arange(8) / 8)[:, None]
    flow = oscillators.circuit(
        held=held, ahead=ahead, hold=strength, release=durations[:, None, None]
    )
    _, pair = oscillators.run(flow, 30, every=2400)
    after = heading(pair[..., -1])
    distance = np.abs(apart(after, held)).mean(axis=(1, 2))
    mean = np.degrees(np.angle(np.exp(1j * np.radians(after)).mean(axis=-1, keepdims=True)))
    spread = rms(apart(after, mean), axis=(1, 2))
    return Curve(durations, distance, np.full(len(durations), 90.0)), spread


def pulse_response(size, phases=24, held=40.0):
    """M3: degrees by which a pulse into L+ moves the memory, against the phase at which it comes.

    `size` is the push of the state relative to its radius. To first order the pair moves by
    -size sin(phase) / (2 (1 + K tau/2)): half, since the partner was not pushed, and less, since
    what was sent before holds it back.
    """
    width, count = 0.02, np.arange(phases) / phases
    radius = oscillators.radius()
    current = size * radius / (width * np.sqrt(2 * np.pi))
    flow = oscillators.circuit(
        held=held, pulse=current, pulse_width=width, pulse_time=2 + count - held / 360
    )
    _, found = oscillators.run(flow, 30, every=2400)
    moved = apart(heading(found[..., -1]), held)
    smooth = np.exp(-0.5 * (2 * np.pi * width) ** 2)
    predicted = -size * np.sin(2 * np.pi * count) * smooth / (2 * oscillators.gain())
    return Curve(count, moved, np.degrees(predicted))


def spike_response(size=0.01, phases=24, held=40.0):
    """M3 at level 3: one velocity spike at any phase brings the memory forward by the same."""
    count, moved = np.arange(phases) / phases, []
    for phase in count:
        trains = spikes.Circuit().run(12, [(2 + phase, 0, size)], held)
        late = spikes.phases(trains, np.array([10.3]))
        moved.append(apart(heading(late), held)[0])
    return Curve(count, np.array(moved), np.full(phases, 360 * size))


def desynchronisation(velocities=(0, 50, 100, 200, 300, 400, 500), window=0.25):
    """M4: locking of the two pairs, |mean exp(i Delta phi)| over a window (s) while turning.

    At V degrees/s Delta phi turns at a constant rate, so it is |sinc(V window / 360)|. Also
    returned is the locking over a window after each turn: 1.
    """
    velocities = np.array(velocities, float)
    way, rest = 0.7, 0.4  # s, the same at all velocities
    drive = oscillators.bent(
        np.array([0, 0.1, way - 0.1, way]), velocities[:, None] * np.array([0.0, 1, 1, 0])
    )
    flow = oscillators.circuit(held=np.zeros(len(velocities)), **drive)
    times, pair = oscillators.run(flow, (way + rest) / PERIOD, every=8)
    turning = np.exp(2j * np.pi * (pair[0] - pair[1]))

    def locking(start):
        within = (times * PERIOD >= start) & (times * PERIOD < start + window)
        return np.abs(turning[:, within].mean(axis=1))

    predicted = np.abs(np.sinc(velocities * window / 360))
    return Curve(velocities, locking(0.25), predicted), locking(way + rest - window - 0.01)


@dataclass(frozen=True)
class Lesions:
    """Root mean square errors (degrees) against the number of segments removed."""

    removed: np.ndarray
    memory: float  # of the oscillators, to which nothing leads back from the readout
    matched: np.ndarray  # decoded by the bump that fits what is left best
    bound: np.ndarray  # Cramer and Rao's, at most that of a guess
    vector: np.ndarray  # decoded by the population vector, as if nothing was missing
    ring: dict  # name: of a ring attractor some time after it lost the same share of its units


def lesions(removed=range(7), noise=0.02, repeats=3, time=200.0):
    """M5: q of 8 segments are removed from the readout, or the same share of a ring's units."""
    removed, rng = np.array(removed), np.random.default_rng(2)
    eye = readout.Readout()
    clean = eye.segments(ANGLES)
    size = noise * clean.max()
    matched, vector, bound = [], [], []
    for q in removed:
        errors, naive, information = [], [], []
        for gone in combinations(range(8), int(q)):
            alive = np.ones(8, bool)
            alive[list(gone)] = False
            seen = clean + size * rng.standard_normal((repeats, *clean.shape))
            errors.append(apart(readout.best_match(seen, eye, alive, 0.25), ANGLES))
            naive.append(apart(population_vector(seen * alive), ANGLES))
            information.append(readout.fisher_information(eye, ANGLES, size, alive))
        matched.append(rms(errors))
        vector.append(rms(naive))
        least = 1 / np.maximum(np.array(information), 1e-12)
        bound.append(np.sqrt(np.mean(np.minimum(least, CHANCE**2))))
    pair = spikes.phases(spikes.Circuit().run(20, held=40.0), np.array([15.25]))
    memory = rms(apart(heading(pair), 40.0))
    kept = {
        ring.name: [ring_after_lesion(ring, q / 8, time) for q in removed]
        for ring in (rings.cosine_ring(), rings.local_ring())
    }
    return Lesions(removed, memory, *map(np.array, (matched, bound, vector)), kept)


def ring_after_lesion(ring, share, time=200.0):
    """Error (degrees) of a ring's memory some time after that share of it, an arc, has died.

    It is read by the population vector of the units that are left. One of less than a fifth of the
    intact one's length is no bump any more, and its error that of a guess.
    """
    dead = rings.angles(ring.n) < 2 * np.pi * share - 1e-9
    W = ring.W * ~dead * ~dead[:, None]
    starts = ring.bumps(ANGLES)
    live = replace(ring, W=W)
    path = lx.trajectory(
        live.network(), duration=time, dt=0.1, save_every=round(time / 0.1), initial=starts,
        progress=False,
    )  # fmt: skip
    left = path.states[:, -1] * ~dead
    errors = apart(population_vector(left), ANGLES)
    gone = rings.length(left) < rings.length(starts) / 5
    return float(rms(np.where(gone, CHANCE, errors)))


def integration(turns=10, velocity=500.0, step=1.0):
    """Errors (degrees) of levels 2 and 3 beside level 1: at rest after `turns`, and on the way.

    Level 3 hears of velocity by spikes, one for each `step` degrees.
    """
    given = steady(turns, velocity)
    smooth = oscillators.resampled(given)
    periods = np.floor(given.duration / PERIOD)
    times, pair = oscillators.run(oscillators.circuit(turning=smooth), periods)
    two = apart(heading(pair), smooth.heading(times * PERIOD))
    trains = spikes.Circuit().run(periods, spikes.pushes(given, step))
    t = np.arange(5.0, periods, 0.25)
    pair = spikes.phases(trains, t)
    three = apart(heading(pair), given.heading(t * PERIOD))
    return {"oscillators": (two[-1], np.abs(two).max()), "spikes": (three[-1], np.abs(three).max())}


def random_spikes(turns=10, velocity=500.0, step=1.0, trials=40):
    """Measured and predicted error (degrees) when velocity cells fire at random: Poisson."""
    given, rng = steady(turns, velocity), np.random.default_rng(3)
    periods, way = given.duration / PERIOD, abs(360 * turns)
    errors = np.empty(trials)
    for trial in range(trials):
        count = rng.poisson(way / step)
        # As many by the time t as the way turned by then says: uniform in the way.
        at = np.interp(np.sort(rng.uniform(0, way, count)), *_way(given))
        cells = [at, []] if velocity > 0 else [[], at]
        trains = spikes.Circuit().run(periods, spikes.pushes(given, step, times=cells))
        last = [np.r_[train[-1:]] for train in trains]
        pair = spikes.phases(last, np.array([periods]))
        whole = np.round((count * step - way) / 360)
        errors[trial] = apart(np.sign(velocity) * heading(pair)[0], way) + 360 * whole
    return rms(errors), np.sqrt(way * step)


def _way(given):
    """The way turned on a fine grid of times, and the times."""
    t = np.linspace(0, given.duration, 4001)
    return given.sides(t).sum(axis=0), t
