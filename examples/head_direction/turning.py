"""How an animal turns: angular velocity, heading, and where they come from."""

import numpy as np


class Turning:
    """Angular velocity (degrees/s) that is linear between its `times` (s).

    Its integrals are exact: the heading, which starts at 0, and the way turned clockwise and
    counter-clockwise, V+ and -V- of Eqs. 22 and 23.
    """

    def __init__(self, times, velocity):
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
        """Degrees turned since the first time; not wrapped."""
        return self._turned(t, self.velocity)

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
    """A recording: a text file of two columns, time (s) and angle (degrees), with or without names.

    Samples that are not finite are left out; jumps of more than half a turn are wraps.
    """
    table = np.genfromtxt(path, delimiter=",", dtype=float)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(f"{path} must have two columns, time and angle, separated by a comma")
    table = table[np.isfinite(table[:, :2]).all(axis=1)]
    if len(table) < 3:
        raise ValueError(f"{path} must have at least 3 rows of two numbers, got {len(table)}")
    times, angles = table[:, 0], np.unwrap(table[:, 1], period=360)
    if not (np.diff(times) > 0).all():
        raise ValueError(f"the times of {path} must increase")
    return Turning(times - times[0], np.gradient(angles, times))
