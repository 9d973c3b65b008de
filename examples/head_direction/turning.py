"""How an animal turns: angular velocity, heading, and where they come from."""

import csv

import numpy as np

LEAST = 0.2  # s, of what can be shown


class Turning:
    """Angular velocity (degrees/s) that is linear between its `times` (s).

    Its integrals are exact: the heading, which begins at `start` (degrees), and the way turned
    clockwise and counter-clockwise, V+ and -V- of Eqs. 22 and 23.
    """

    def __init__(self, times, velocity, start=0.0):
        times, velocity = np.asarray(times, float), np.asarray(velocity, float)
        if times.ndim != 1 or times.shape != velocity.shape or len(times) < 2:
            raise ValueError(
                f"times and velocity must be two vectors of one length of at least 2, got "
                f"{times.shape} and {velocity.shape}"
            )
        if not (np.isfinite(times).all() and np.isfinite(velocity).all()):
            raise ValueError("times and velocity must be finite")
        if not (np.diff(times) > 0).all():
            raise ValueError("times must increase")
        self.start, self.knots = float(start), (times, velocity)
        # Where the velocity changes its sign there is a knot, so that between knots each side is
        # linear, too.
        first, last = velocity[:-1], velocity[1:]
        crosses = np.flatnonzero(first * last < 0)
        share = first[crosses] / (first[crosses] - last[crosses])
        zeros = times[crosses] + share * np.diff(times)[crosses]
        order = np.argsort(np.concatenate([times, zeros]), kind="stable")
        self.times = np.concatenate([times, zeros])[order]
        self.velocity = np.concatenate([velocity, np.zeros(len(zeros))])[order]
        self.duration = self.times[-1] - self.times[0]

    def velocity_at(self, t):
        return np.interp(t, self.times, self.velocity)

    def heading(self, t):
        """Degrees, not wrapped."""
        return self.start + self._turned(t, self.velocity)

    def sides(self, t):
        """(2, times): degrees turned clockwise (+) and counter-clockwise (-), both growing."""
        return np.stack([self._turned(t, side) for side in self._sides()])

    def _sides(self):
        return np.maximum(self.velocity, 0), np.maximum(-self.velocity, 0)

    def _sums(self, velocity):
        steps = np.diff(self.times) * (velocity[1:] + velocity[:-1]) / 2
        return np.concatenate([[0.0], np.cumsum(steps)])

    def _turned(self, t, velocity):
        t = np.clip(t, self.times[0], self.times[-1])
        i = np.clip(np.searchsorted(self.times, t, side="right") - 1, 0, len(self.times) - 2)
        into = t - self.times[i]
        slope = (velocity[i + 1] - velocity[i]) / (self.times[i + 1] - self.times[i])
        return self._sums(velocity)[i] + into * (velocity[i] + slope * into / 2)

    def spikes(self, step):
        """Two vectors of times (s): a velocity cell of each side fires after each `step` degrees.

        It fires the first time after half a step, so that the count is the nearest one.
        """
        return [self._crossed(side, step) for side in self._sides()]

    def _crossed(self, velocity, step):
        sums = self._sums(velocity)
        marks = step * (np.arange(int(np.floor(sums[-1] / step + 0.5))) + 0.5)
        i = np.clip(np.searchsorted(sums, marks, side="right") - 1, 0, len(self.times) - 2)
        left, v = marks - sums[i], velocity[i]
        slope = (velocity[i + 1] - v) / (self.times[i + 1] - self.times[i])
        root = np.sqrt(np.maximum(v**2 + 2 * slope * left, 0))
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.times[i] + np.where(left > 0, 2 * left / (v + root), 0.0)


def walk(duration, rng, *, rms=150.0, memory=0.4, largest=500.0, step=0.15):
    """A synthetic animal: velocities of an Ornstein-Uhlenbeck process, clipped to `largest`.

    A fly or a mouse turns at up to some 500 degrees/s; `memory` is the correlation time (s).
    """
    if not LEAST <= duration < np.inf:
        raise ValueError(f"a walk must take at least {LEAST} s, got {duration:g}")
    rng = np.random.default_rng(rng)
    count = int(np.ceil(duration / step)) + 1
    keep = np.exp(-step / memory)
    velocity = np.empty(count)
    velocity[0] = 0.0
    for i, kick in enumerate(rng.standard_normal(count - 1)):
        velocity[i + 1] = keep * velocity[i] + rms * np.sqrt(1 - keep**2) * kick
    return Turning(np.linspace(0, duration, count), np.clip(velocity, -largest, largest))


def steady(turns, velocity, *, rest=0.1):
    """`turns` whole turns at one velocity, ramped up and down within 0.1 s, and `rest` s after."""
    ramp = 0.1
    plateau = abs(360 * turns / velocity) - ramp
    if plateau < 0:
        raise ValueError(f"velocity must be at most {abs(3600 * turns):g} degrees/s for its ramps")
    knots = np.cumsum([0, ramp, plateau, ramp, rest])
    return Turning(knots, [0, velocity, velocity, 0, 0])


def recorded(path):
    """A recording: a file of two columns, time (s) and angle (degrees), with or without names.

    Jumps of more than half a turn are wraps. Samples that are not finite are left out, and what is
    left is interpolated at equal times: between samples at unequal ones central differences do not
    add up to the way turned.
    """
    times, angles = np.array(_rows(path)).T
    angles = np.unwrap(angles, period=360)
    steps = np.diff(times)
    if not (steps > 0).all():
        row = int(np.argmin(steps > 0)) + 2
        raise ValueError(f"{path}: times must increase, sample {row} is at {times[row - 1]:g} s")
    if times[-1] - times[0] < LEAST:
        raise ValueError(f"{path} must last at least {LEAST} s, got {times[-1] - times[0]:g}")
    count = round((times[-1] - times[0]) / np.median(steps)) + 1
    even = np.linspace(times[0], times[-1], max(count, 3))
    smooth = np.interp(even, times, angles)
    return Turning(even - even[0], np.gradient(smooth, even), smooth[0])


def _rows(path):
    """(time, angle) of the lines of a file, of which the first may be names."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line]
    except UnicodeDecodeError:
        raise ValueError(f"{path} must be a text file in UTF-8") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if len(line) != 2:
            raise ValueError(
                f"{path} must have two columns, time (s) and angle (degrees), separated by a "
                f"comma; line {number} is {','.join(line)!r:.60}"
            )
        try:
            row = float(line[0]), float(line[1])
        except ValueError:
            if number == 1:  # names
                continue
            raise ValueError(f"{path}: line {number} is no two numbers: {line!r:.60}") from None
        if np.isfinite(row).all():
            rows.append(row)
    if len(rows) < 3:
        raise ValueError(f"{path} must have at least 3 rows of two numbers, got {len(rows)}")
    return rows
