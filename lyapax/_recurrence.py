"""Does an orbit come back, grow without bound, or come to rest? From snapshots (m, B, r)."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ._check import Array

# A return: nearer to an earlier snapshot than this share of the furthest that it had been from it.
# Where every coordinate only decays there is no such pair whatever the share; on a torus of five
# dimensions an eighth of all pairs are.
NEAR = 0.6
SHRUNK = 0.5  # size of the second half's last part beside its first: an orbit that dies away
PIECES = 8  # of the run, for how an orbit's extent changes: four on each side of its middle
MEMBERS = 16384  # in one call of compiled code, so that Ctrl-C is answered in between
LEAST_POWER = 0.3  # of the time, with which an unbounded orbit grows; sqrt(t) has 0.5
EXPONENTIAL = 4.0  # a power above it is taken for an exponential
STEADILY = 0.8  # of its earlier rate that an exponential keeps; of a power of the time it is 0.4
FAR = 1e3  # times its first size: an exponential growth that will saturate starts small
FALLEN = 0.8  # of its first extent, below which an orbit that shrinks steadily is dying away
CREPT = 1e-5  # of a distance: float32 knows a hundredth of that


def returns(snapshots: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether an orbit comes back within the second half of its snapshots, and does not shrink."""
    found = np.zeros(snapshots.shape[1], bool)
    half = snapshots[len(snapshots) // 2 :]
    if len(half) >= 4:
        from .kernels.cpu.returning import returns as _returns  # loads Numba: 0.2 s

        for first in range(0, len(found), MEMBERS):
            part = slice(first, first + MEMBERS)
            _returns(np.ascontiguousarray(half[:, part], np.float32), NEAR, SHRUNK, found[part])
    return found


def grows(sizes: Array, times: Array, first: Array) -> NDArray[np.bool_]:
    """Whether |x| keeps growing like a power of the time, or faster.

    sizes (m, B) at times (m,) since time 0, when they were `first` (B,).
    """
    m = len(sizes)
    if m < 2 * PIECES:
        return np.zeros(sizes.shape[1], bool)
    edges = np.linspace(0, m, PIECES + 1).astype(int)
    largest = _largest(sizes, PIECES)
    at = times[edges[1:] - 1]
    with np.errstate(all="ignore"):
        monotonic = (np.diff(largest, axis=0) > 0).all(axis=0)
        middle = PIECES // 2 - 1
        early = np.log(largest[middle] / largest[0]) / np.log(at[middle] / at[0])
        late = np.log(largest[-1] / largest[middle]) / np.log(at[-1] / at[middle])
        steady = (late >= 0.9 * early) & (late > LEAST_POWER)
        rates = [
            np.log(largest[b] / largest[a]) / (at[b] - at[a])
            for a, b in ((0, middle), (middle, -1))
        ]
        # Over times that do not even double a power and an exponential look the same.
        keeps = (rates[1] >= STEADILY * rates[0]) & (at[-1] > 2 * at[0])
        power = (late < EXPONENTIAL) & ~keeps
        far = power | (largest[-1] > FAR * np.maximum(first, 1e-300))
        return np.asarray(monotonic & steady & far & (largest[-1] > 2 * first))


def _largest(values: Array, pieces: int) -> Array:
    """The largest of values (m, B) in each of so many pieces that follow each other."""
    edges = np.linspace(0, len(values), pieces + 1).astype(int)
    return np.array([values[a:b].max(axis=0) for a, b in pairwise(edges)])


def falls(distances: Array) -> NDArray[np.bool_]:
    """Whether distances (m, B) fall from quarter to quarter, to 0.8 of the first at least."""
    if len(distances) < 8:
        return np.zeros(distances.shape[1], bool)
    largest = _largest(distances, 4)
    with np.errstate(all="ignore"):
        # At rest they are of the size of rounding, and need not fall any more.
        lower = (np.diff(largest, axis=0) < 0) | (largest[1:] < 1e-6 * largest[0])
        return np.asarray(lower.all(axis=0) & (largest[-1] < FALLEN * largest[0]))


def creeps(distances: Array) -> NDArray[np.bool_]:
    """Whether distances (m, B) fall without a pause, however little that is in all."""
    m = len(distances)
    if m < 8:
        return np.zeros(distances.shape[1], bool)
    largest = _largest(distances, 4)
    late = distances[m // 2 :]
    with np.errstate(all="ignore"):
        # Snapshots are float32, so that a fall from one to the next may be none.
        steady = (np.diff(late, axis=0) <= 1e-7 * late[:-1]).all(axis=0)
        steady &= late[-1] < (1 - CREPT) * late[0]
        return np.asarray(steady & (np.diff(largest, axis=0) < 0).all(axis=0))


def decays(distances: Array, rate: Array) -> NDArray[np.bool_]:
    """Whether distances (m, B) fall steadily, by `rate` (B,) nats from one to the next."""
    if len(distances) < 8:
        return np.zeros(distances.shape[1], bool)
    with np.errstate(all="ignore"):
        fallen = np.log(distances[-1] / distances[0])
        expected = rate * (len(distances) - 1)
        steady = (np.diff(distances, axis=0) < 0).all(axis=0)
        return np.asarray(steady & (np.abs(fallen - expected) < 0.05 * np.abs(expected)))
