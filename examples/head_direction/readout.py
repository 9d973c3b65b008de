r"""The readout: delay lines around a ring, coincidences, averages over a cycle, Eqs. 27 and 28.

The axons of the + pair run clockwise around the ring, those of the - pair the other way (Fig. 6C),
each in half a period. At the place u (0 to 1 around the ring) the signal of L+ is u tau/2 late and
that of R- (1 - u) tau/2; R- fires half a period after L-, so the two coincide where u = Delta phi /
tau. Times and places are in periods and in turns.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SEGMENTS = 8  # of the ellipsoid body
GRID = 512  # points of a cycle


def gaussian(width):
    """h, a Gaussian of standard deviation `width`: of both synapse and membrane, symmetric."""
    return lambda t: np.exp(-0.5 * (t / width) ** 2) / (width * np.sqrt(2 * np.pi))


def exponential(width):
    """h of a synapse that rises at once and decays with the time constant `width`."""
    return lambda t: np.where(t >= 0, np.exp(-np.maximum(t, 0) / width) / width, 0.0)


def product(a, b):
    return a * b


def above_one_alone(a, b):
    """AND by a threshold: the sum, less what one input alone reaches at most."""
    return np.maximum(a + b - np.maximum(a.max(), b.max()), 0.0)


DEFAULT = gaussian(0.075)  # a bump of a quarter of a turn


@dataclass(frozen=True)
class Readout:
    """`h` filters spikes, `combine` is Phi of Eq. 27, of two arrays of filtered signals."""

    h: Callable = DEFAULT
    combine: Callable = product

    def filtered(self):
        """h * P over one cycle (GRID,), P one spike a period at phase 0."""
        t = np.arange(GRID) / GRID
        reach = range(-8, 9)  # periods whose spikes are still felt
        return sum(self.h(t + n) for n in reach)

    def coincidences(self, held, places):
        """f of Eq. 27 (..., places, GRID) over a cycle, where L+ is `held` degrees ahead of L-."""
        signal, t = self.filtered(), np.arange(GRID) / GRID
        held, places = np.asarray(held, float)[..., None, None] / 360, np.asarray(places)[:, None]
        late = places / 2, (1 - places) / 2 + 0.5  # R- comes half a period after L-
        plus, minus = (
            np.interp((t + ahead - by) % 1, np.append(t, 1.0), np.append(signal, signal[0]))
            for ahead, by in zip((held, 0.0), late, strict=True)
        )
        return self.combine(plus, minus)

    def tuning(self):
        r"""Eq. 28 as a function of Delta phi - place: (GRID,) values from 0 to 1 turn."""
        signal = self.filtered()
        late = np.arange(GRID)[:, None]
        shifted = signal[(np.arange(GRID) + late) % GRID]
        return self.combine(shifted, np.broadcast_to(signal, shifted.shape)).mean(axis=1)

    def segments(self, held, count=SEGMENTS):
        """Activity (..., count) of segments, each the average of the cycle's over its arc."""
        curve = self.tuning()
        held = np.asarray(held, float)[..., None, None] / 360
        within = (np.arange(32) + 0.5) / 32 - 0.5
        places = (np.arange(count)[:, None] + within) / count
        at = np.arange(GRID + 1) / GRID
        return np.interp((held - places) % 1, at, np.append(curve, curve[0])).mean(axis=-1)

    def of_spikes(self, spikes, t, places, resolution=1 / 64):
        """Eq. 27 of real spike trains, averaged over the cycle before each t: (times, places).

        `spikes` are those of four neurons (periods), as level 3 has them.
        """
        t = np.asarray(t, float)
        start = t.min() - 4.0
        count = int(np.ceil((t.max() - start) / resolution)) + 1
        grid = start + resolution * np.arange(count)
        plus, minus = (self._felt(spikes[n], grid) for n in (0, 3))
        cycle = round(1 / resolution)
        found = np.empty((len(t), len(places)))
        ends = np.round((t - start) / resolution).astype(int)
        for i, place in enumerate(places):
            late = (
                np.interp(grid - place / 2, grid, plus),
                np.interp(grid - (1 - place) / 2, grid, minus),
            )
            sums = np.concatenate([[0.0], np.cumsum(self.combine(*late))])
            found[:, i] = (sums[ends + 1] - sums[ends + 1 - cycle]) / cycle
        return found

    def _felt(self, times, grid):
        """h * P on a grid of times."""
        felt, reach = np.zeros(len(grid)), 4.0
        for spike in times[(times > grid[0] - reach) & (times < grid[-1] + reach)]:
            near = slice(*np.searchsorted(grid, [spike - reach, spike + reach]))
            felt[near] += self.h(grid[near] - spike)
        return felt


def half_width(curve):
    """The width of a bump (n,) around a circle, halfway from its lowest to its peak, in turns."""
    curve = np.asarray(curve)
    n = len(curve)
    centred = np.roll(curve, n // 2 - int(curve.argmax()))
    above = centred - (centred.max() + centred.min()) / 2
    up = np.flatnonzero((above[:-1] < 0) & (above[1:] >= 0))[0]
    down = np.flatnonzero((above[:-1] >= 0) & (above[1:] < 0))[-1]
    left = up + above[up] / (above[up] - above[up + 1])
    right = down + above[down] / (above[down] - above[down + 1])
    return (right - left) / n


def population_vector(activity):
    """The direction (..., degrees) of a bump over segments (..., n)."""
    n = activity.shape[-1]
    return np.degrees(np.angle(activity @ np.exp(2j * np.pi * np.arange(n) / n))) % 360


def best_match(activity, readout, alive=None, resolution=1.0):
    """The heading whose bump fits the activity (..., n) of the segments `alive` best."""
    candidates = np.arange(0, 360, resolution)
    templates = readout.segments(candidates, activity.shape[-1])
    alive = np.ones(activity.shape[-1], bool) if alive is None else np.asarray(alive)
    seen, known = activity[..., alive], templates[:, alive]
    distance = (known**2).sum(axis=1) - 2 * seen @ known.T
    return candidates[distance.argmin(axis=-1)]


def fisher_information(readout, held, noise, alive):
    """About the heading (1/degree^2), of segments `alive` with Gaussian noise of this size."""
    slope = (readout.segments(held + 0.5) - readout.segments(held - 0.5))[..., alive]
    return (slope**2).sum(axis=-1) / noise**2
