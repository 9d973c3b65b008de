"""Does an orbit come back, grow without bound, or come to rest? From snapshots (m, B, r)."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ._check import Array

# A return: nearer to an earlier snapshot than this share of the way it had been from it. An orbit
# that only decays has no such pair, whatever the share.
NEAR = 0.4
PIECES = 8
MEMBERS = 256  # at a time
LEAST_POWER = 0.3  # of the time, with which an unbounded orbit grows; sqrt(t) has 0.5
EXPONENTIAL = 4.0  # a power above it is taken for an exponential
FAR = 1e3  # times its first size: an exponential growth that will saturate starts small
FALLEN = 0.8


def first_return(snapshots: Array) -> NDArray[np.int64]:
    """Snapshots between an orbit's shortest return, (B,); 0 where it does not return."""
    found = np.zeros(snapshots.shape[1], np.int64)
    for first in range(0, snapshots.shape[1], MEMBERS):
        part = slice(first, first + MEMBERS)
        found[part] = _first_return(np.asarray(snapshots[:, part], float))
    return found


def _first_return(points: Array) -> NDArray[np.int64]:
    m, members, _ = points.shape
    shortest = np.zeros(members, np.int64)
    with np.errstate(all="ignore"):
        for i in range(m - 2):
            distance = np.linalg.norm(points[i + 1 :] - points[i], axis=2)
            furthest = np.maximum.accumulate(distance, axis=0)
            back = distance[1:] < NEAR * furthest[:-1]
            lag = np.where(back.any(axis=0), back.argmax(axis=0) + 2, 0)
            better = (lag > 0) & ((shortest == 0) | (lag < shortest))
            shortest[better] = lag[better]
    return shortest


def grows(sizes: Array, times: Array, first: Array) -> NDArray[np.bool_]:
    """Whether |x| keeps growing like a power of the time, or faster.

    sizes (m, B) at times (m,) since time 0, when they were `first` (B,).
    """
    m = len(sizes)
    if m < 2 * PIECES:
        return np.zeros(sizes.shape[1], bool)
    edges = np.linspace(0, m, PIECES + 1).astype(int)
    largest = np.array([sizes[a:b].max(axis=0) for a, b in pairwise(edges)])
    at = times[edges[1:] - 1]
    with np.errstate(all="ignore"):
        monotonic = (np.diff(largest, axis=0) > 0).all(axis=0)
        middle = PIECES // 2 - 1
        early = np.log(largest[middle] / largest[0]) / np.log(at[middle] / at[0])
        late = np.log(largest[-1] / largest[middle]) / np.log(at[-1] / at[middle])
        steady = (late >= 0.9 * early) & (late > LEAST_POWER)
        far = (late < EXPONENTIAL) | (largest[-1] > FAR * np.maximum(first, 1e-300))
        return np.asarray(monotonic & steady & far & (largest[-1] > 2 * first))


def falls(distances: Array) -> NDArray[np.bool_]:
    """Whether distances (m, B) fall from quarter to quarter, to 0.8 of the first at least."""
    m = len(distances)
    if m < 8:
        return np.zeros(distances.shape[1], bool)
    edges = np.linspace(0, m, 5).astype(int)
    largest = np.array([distances[a:b].max(axis=0) for a, b in pairwise(edges)])
    with np.errstate(all="ignore"):
        # At rest they are of the size of rounding, and need not fall any more.
        lower = (np.diff(largest, axis=0) < 0) | (largest[1:] < 1e-6 * largest[0])
        return np.asarray(lower.all(axis=0) & (largest[-1] < FALLEN * largest[0]))


def decays(distances: Array, rate: Array) -> NDArray[np.bool_]:
    """Whether distances (m, B) fall steadily, by `rate` (B,) nats from one to the next."""
    if len(distances) < 8:
        return np.zeros(distances.shape[1], bool)
    with np.errstate(all="ignore"):
        fallen = np.log(distances[-1] / distances[0])
        expected = rate * (len(distances) - 1)
        steady = (np.diff(distances, axis=0) < 0).all(axis=0)
        return np.asarray(steady & (np.abs(fallen - expected) < 0.05 * np.abs(expected)))
