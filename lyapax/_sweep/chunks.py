"""Chunks: boxes of neighbouring points, each a task of its own."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from .._check import Integers


@dataclass(frozen=True)
class Chunks:
    shape: tuple[int, ...]  # of all points
    box: tuple[int, ...]  # of a chunk, but for those at the ends

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(-(-n // b) for n, b in zip(self.shape, self.box, strict=True))

    def __len__(self) -> int:
        return int(np.prod(self.counts, dtype=int))

    def region(self, number: int) -> tuple[slice, ...]:
        """The points of a chunk, as an index of arrays of all points."""
        place = np.unravel_index(number, self.counts)
        return tuple(
            slice(int(i) * b, min((int(i) + 1) * b, n))
            for i, b, n in zip(place, self.box, self.shape, strict=True)
        )

    def points(self, number: int) -> Integers:
        """Numbers of its points, in C order of all points."""
        ranges = [np.arange(part.start, part.stop) for part in self.region(number)]
        return np.ravel_multi_index(np.ix_(*ranges), self.shape).ravel()

    def size(self, number: int) -> tuple[int, ...]:
        return tuple(part.stop - part.start for part in self.region(number))


def of_about(shape: tuple[int, ...], points: int) -> Chunks:
    """Chunks of at most so many points: whole last axes, as far as they fit."""
    box, left = [], max(1, points)
    for n in reversed(shape):
        box.append(min(n, left))
        left = max(1, left // n) if left >= n else 1
    return Chunks(shape, tuple(reversed(box)))


def stratified(shape: tuple[int, ...], most: int) -> Integers:
    """Numbers of at most so many points, spread over all axes alike."""
    total = int(np.prod(shape, dtype=int))
    if total <= most:
        return np.arange(total)
    each = [min(n, max(1, round(most ** (1 / len(shape))))) for n in shape]
    while np.prod(each) > most:
        each[int(np.argmax(each))] -= 1
    places = [
        np.unique(np.linspace(0, n - 1, count).round().astype(int))
        for n, count in zip(shape, each, strict=True)
    ]
    return np.array([np.ravel_multi_index(place, shape) for place in product(*places)])
