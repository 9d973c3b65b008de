"""Delays of a system, as numbers: which there are, what step they allow, how the past begins."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._check import Array, flat_batch, real_array
from ..kernels.delays import History

# A function of time that people give is differentiated by differences of fourth order over this
# share of its distance from the next step.
REACH = 0.02


@dataclass(frozen=True)
class Delays:
    """`times` (..., D) of members; past values of variable `units` and delay `which` are seen."""

    times: Array
    which: NDArray[np.int64]
    units: NDArray[np.int64]
    n: int

    def __post_init__(self) -> None:
        good = (self.times > 0) & np.isfinite(self.times)
        if not good.all():
            raise ValueError(f"delays must be > 0 and finite, got {self.times[~good][0]:g}")

    @property
    def longest(self) -> float:
        return float(self.times.max())

    def history(self, dt: float) -> History:
        times = self.times.reshape(-1, self.times.shape[-1])
        return History(self.n, times, self.longest, dt)

    def largest_step(self, k: int) -> float:
        """Of which the shortest delay has one at least, and the longest as many as k needs."""
        points = int(np.ceil((k / self.n - 1) / 2))
        return min(float(self.times.min()), self.longest / max(1, points))

    def of(self, shape: tuple[int, ...]) -> Array:
        """(B or 1, D) for a batch of this shape."""
        return flat_batch(self.times, shape, 1)


@dataclass(frozen=True)
class Beginning:
    """`history` (t) is the state (..., n) at times t <= 0."""

    function: Callable[[float], ArrayLike]
    n: int

    @classmethod
    def of(cls, given: object, n: int) -> "tuple[Beginning | None, Array | None]":
        """(a function of time, the state at time 0) from what a user gave."""
        if given is None:
            return None, None
        if not callable(given):
            constant = real_array(given, "history", ndim_min=1)
            if constant.shape[-1] != n:
                raise ValueError(
                    f"history must have shape ({n},) or (..., {n}), or be a function of t, got "
                    f"{constant.shape}"
                )
            return None, constant
        found = cls(given, n)
        return found, found.at(0.0)

    def at(self, t: float) -> Array:
        found = real_array(self.function(t), f"history({t:g})", ndim_min=1)
        if found.shape[-1:] != (self.n,):
            raise ValueError(
                f"history must return ({self.n},) or (..., {self.n}) values, got shape "
                f"{found.shape} at t = {t:g}"
            )
        return found

    def past(self, history: History, shape: tuple[int, ...]) -> Array:
        """(B or 1, numbers of a state): values and slopes on the grid, less the value at 0."""
        now, pairs = self.at(0.0), []
        reach = REACH * history.dt
        for point in range(history.points, 0, -1):
            t = -point * history.dt
            far, near = (self.at(t + a * reach) - self.at(t - a * reach) for a in (2, 1))
            pairs += [self.at(t) - now, (8 * near - far) / (12 * reach)]
        whole = np.concatenate([*pairs, np.zeros_like(now)], axis=-1)
        return flat_batch(whole, shape, 1)
