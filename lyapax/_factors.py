"""QR factors along an orbit, J_i Q_i = Q_{i+1} R_i, of many intervals in one call."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ._check import Array
from ._orbit import Orbit
from ._run import CANCELLATION_BOUND
from .kernels.background import in_background
from .kernels.propagator import rank_unit

# Of small systems all n columns of J_i go along, many intervals a call: a call takes 100 us, a step
# of 4 variables 1. Of larger ones only the k columns of J_i Q_i do, an interval a call.
SMALL, SHARE = 64, 4
PIECE = 2**19  # numbers of the matrices of a call: 4 MB


def factors_along(members: int, *arrays: Any) -> None:
    """The kernel of this name; Numba is loaded where it is needed."""
    from .kernels.cpu.qr.covariant import factors_along as kernel
    from .kernels.cpu.team.interruptible import call, threads_for

    call(kernel, threads_for(members), *arrays)


def vectors_back(members: int, *arrays: Any) -> None:
    """The kernel of this name."""
    from .kernels.cpu.qr.covariant import vectors_back as kernel
    from .kernels.cpu.team.interruptible import call, threads_for

    call(kernel, threads_for(members), *arrays)


class Factors(NamedTuple):
    """I intervals: state (I, B, n) and transposed basis (I, B, k, n) where each begins, and R."""

    states: Array
    bases: Array
    r: Array  # (I, B, k, k), upper triangles


def diagonals(found: Factors) -> Array:
    return np.diagonal(found.r, axis1=2, axis2=3)


@dataclass
class FactorsAlong:
    """An orbit with transposed bases (B, k, n)."""

    orbit: Orbit
    basis: Array
    every: int  # steps of an interval
    whole: bool = True  # whether all columns of J_i may go along

    @classmethod
    def of(cls, orbit: Orbit, k: int, every: int, rng: np.random.Generator) -> "FactorsAlong":
        """Random orthonormal bases."""
        basis = in_background(np.linalg.qr, rng.standard_normal((*orbit.state.shape, k)))[0]
        return cls(orbit, np.ascontiguousarray(basis.swapaxes(1, 2)), every)

    def copy_of_present(self) -> tuple[Array, int, Array]:
        return self.orbit.state.copy(), self.orbit.step, self.basis.copy()

    def return_to(self, state: Array, step: int, basis: Array) -> None:
        self.orbit.state, self.orbit.step, self.basis = state, step, basis

    def forwards(self, intervals: int, bar: tqdm) -> None:
        """Through so many intervals."""
        while intervals:
            done = len(self._piece(intervals).r)
            intervals -= done
            bar.update(done)

    def kept(self, intervals: int) -> Factors:
        """The same, and what there is on the way."""
        pieces = []
        while intervals:
            pieces.append(self._piece(intervals))
            intervals -= len(pieces[-1].r)
        return Factors(*map(np.concatenate, zip(*pieces, strict=True)))

    def _piece(self, most: int) -> Factors:
        """The next intervals, at most so many."""
        batch, k, n = self.basis.shape
        if not self.whole or n > min(SMALL, SHARE * k):
            return self._of_columns()
        begin = self.copy_of_present()
        count = min(most, max(1, PIECE // (batch * n * n)))
        maps = np.broadcast_to(np.eye(n), (count, batch, n, n)).copy()
        found, norms = self._factors(maps, False)
        # Rounding of all of J reaches every direction of J Q: where R is far smaller, only the
        # columns J Q themselves, along which errors stay in their directions, will do.
        with np.errstate(over="ignore", invalid="ignore"):
            size = np.linalg.norm(maps, axis=(2, 3))[..., None]
            far = size > CANCELLATION_BOUND["float64"] * diagonals(found)
        if far.any():
            self.whole = False  # from here on
            self.return_to(*begin)
            return self._of_columns()
        self._check(norms, diagonals(found))
        return found

    def _of_columns(self) -> Factors:
        """One interval."""
        maps = np.ascontiguousarray(self.basis.swapaxes(1, 2))[None]
        found, norms = self._factors(maps, True)
        self._check(norms, diagonals(found))
        return found

    def _factors(self, maps: Array, moved: bool) -> tuple[Factors, Array]:
        """Of intervals whose tangents `maps` (I, B, n, m) go along; `moved` if these are Q."""
        count, (batch, k, n) = len(maps), self.basis.shape
        states = np.empty((count + 1, batch, n))
        states[0] = self.orbit.state
        self.orbit.tangent_intervals(maps, self.every, states[1:])
        found = Factors(states[:-1], np.empty((count, batch, k, n)), np.zeros((count, batch, k, k)))
        norms = np.empty((count, batch, k))
        factors_along(batch, maps, moved, self.basis, found.bases, found.r, norms)
        return found, norms

    def _check(self, norms: Array, diagonal: Array) -> None:
        lost = np.flatnonzero(~np.isfinite(norms).all(axis=(1, 2)))
        if len(lost):
            step = self.orbit.step - (len(norms) - 1 - lost[0]) * self.every
            raise ValueError(f"system diverged before a time of {step * self.orbit.step_time:g}")
        if self.every > 1 and (norms > CANCELLATION_BOUND["float64"] * diagonal).any():
            raise ValueError(
                f"qr_every must be less than {self.every}: rounding reaches the last directions"
            )
        if (diagonal <= rank_unit(self.basis.shape[2], self.basis.dtype) * norms).any():
            raise ValueError("k must leave out directions that die within a step (R_jj = 0)")
