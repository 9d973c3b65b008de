"""What many members of one system say together: their mean, its error, and whether they differ."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ._check import Array
from ._run import Run
from ._statistics import standard_error

CLEAR = 4.5  # standard deviations; one in 300,000 by chance
IN_STEP = 3.0  # times the error of independent members: then they are not


@dataclass(frozen=True)
class Look:
    """Sums of M members: totals (M, ...) over `elapsed`, blocks (m, M, ...)."""

    totals: Array
    blocks: Array
    elapsed: float
    block: float

    @property
    def mean(self) -> Array:
        return np.asarray(self.totals.mean(axis=0) / self.elapsed)

    def mapped(self, combine: Callable[[Array], Array]) -> "Look":
        """Sums of a linear function of the exponents, which are the last axis."""
        return replace(self, totals=combine(self.totals), blocks=combine(self.blocks))

    def _halves(self) -> tuple[Array, Array, float]:
        """Sums over the first and the second half of the blocks, and the time of a half."""
        half = len(self.blocks) // 2
        first, second = self.blocks[:half], self.blocks[half : 2 * half]
        return first.sum(axis=0), second.sum(axis=0), max(half, 1) * self.block

    def stderr(self) -> Array:
        """Standard error of the mean, from the spread over members unless they drift together."""
        members = len(self.totals)
        error = self.totals.std(axis=0, ddof=1) / math.sqrt(members) / self.elapsed
        together, _ = standard_error(
            self.blocks.sum(axis=1),
            self.totals.sum(axis=0),
            members * self.elapsed,
            members * self.block,
        )
        # Members at one phase of a cycle, or at one fixed point, have errors in common.
        error = np.where(together > IN_STEP * error, together, error)
        first, second, time = self._halves()
        change = (second - first) / time
        drift = np.abs(change.mean(axis=0))
        noise = change.std(axis=0, ddof=1) / math.sqrt(members)
        return np.where(drift > CLEAR * noise, np.maximum(error, drift), error)

    def differ(self, tol: float) -> NDArray[np.bool_]:
        """Whether members keep apart by more than `tol`: what one half says holds in the other.

        On one attractor the halves of a run are independent, over the members, once a run is long.
        """
        members = len(self.totals)
        first, second, time = self._halves()
        a, b = first - first.mean(axis=0), second - second.mean(axis=0)
        scale = members * time**2
        shared = (a * b).sum(axis=0) / scale
        both = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0)) / scale
        alike = np.clip(shared / np.maximum(both, 1e-300), -1 + 1e-12, 1 - 1e-12)
        clear = np.arctanh(alike) * math.sqrt(members - 3) > CLEAR
        return np.asarray(clear & (np.sqrt(np.maximum(shared, 0.0)) > tol))

    def needed(self, tol: float) -> Array:
        """The time of each member that should bring the error to `tol`.

        The variance over members is a + c t, as seen over the whole and over the halves.
        """
        first, second, time = self._halves()
        half = (first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / 2
        whole = self.totals.var(axis=0, ddof=1)
        slope = np.clip((whole - half) / max(self.elapsed - time, 1e-300), 0, whole / self.elapsed)
        offset = whole - slope * self.elapsed
        with np.errstate(over="ignore"):
            p, q = (part / tol / tol / len(self.totals) for part in (slope, offset))
            return np.asarray(p / 2 + np.sqrt(p**2 / 4 + q))


def look(run: Run, members: int) -> Look:
    """Sums of a run of a batch (members x systems), as arrays (members, systems, k)."""
    now = run.now
    totals = now.totals()
    apart = (members, -1, totals.shape[-1])
    blocks = np.array(now.blocks) if now.blocks else np.zeros((0, *totals.shape))
    return Look(
        totals.reshape(apart),
        blocks.reshape(len(blocks), *apart),
        max(now.measured_steps, 1) * run.step_time,
        now.block_steps * run.step_time,
    )
