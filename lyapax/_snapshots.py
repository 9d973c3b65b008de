"""States at the ends of blocks, in few numbers: what tells whether an orbit comes back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._check import Array
from .kernels.propagator import Propagator

COORDINATES = 16  # that are kept of a state; distances of random projections are right to a quarter


@dataclass(frozen=True)
class Observed:
    """Coordinates of states (B, n) as (B, r) in float32.

    An angle becomes a point on a circle: whole turns do not count. Of more than 16 numbers, 16
    projections are kept.
    """

    turns: Array  # (n,): the length of a turn of the variables that are angles, else 0
    projection: Array | None  # (numbers, 16)

    def __call__(self, state: Array) -> NDArray[np.float32]:
        with np.errstate(all="ignore"):  # members may have diverged
            seen = self.whole(state)
            kept = seen if self.projection is None else seen @ self.projection
            return np.asarray(kept, np.float32)

    def whole(self, state: Array) -> Array:
        """Before projection."""
        angles = self.turns > 0
        if not angles.any():
            return state
        phase = 2 * np.pi * (state[:, angles] / self.turns[angles] % 1.0)
        return np.concatenate([state[:, ~angles], np.cos(phase), np.sin(phase)], axis=1)

    def apart(self, after: Array, before: Array) -> Array:
        """Differences of states (..., n), of angles without whole turns."""
        difference = after - before
        if not (self.turns > 0).any():
            return difference
        turn = np.where(self.turns > 0, self.turns, 1.0)
        whole = np.where(self.turns > 0, turn * np.round(difference / turn), 0.0)
        return np.asarray(difference - whole)

    @property
    def linear(self) -> bool:
        """Whether coordinates are the state itself."""
        return self.projection is None and not (self.turns > 0).any()


def observed(turns: Array | None, dim: int, propagator: Propagator) -> Observed:
    """What is kept of a propagator's states; turns: of the `dim` variables that a person sees."""
    lengths = np.zeros(dim) if turns is None else np.asarray(turns, float)
    lengths = propagator.lifted(lengths[None])[0]
    numbers = len(lengths) + int((lengths > 0).sum())
    if numbers <= COORDINATES:
        return Observed(lengths, None)
    random = np.random.default_rng(0).standard_normal((numbers, COORDINATES))
    return Observed(lengths, random / np.sqrt(COORDINATES))
