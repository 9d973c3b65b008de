"""The narrow waist: what every backend offers to the driver, and nothing else."""

from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OK, DIVERGED, RANK_LOST = 0, 1, 2  # plain integers for compiled code; lyapax.Status for people


@dataclass
class Carry:
    """Everything that changes while a batch of B members runs; kernels update it in place.

    Running sums live here and not in the kernel, so that cutting a run into calls anywhere
    leaves every bit the same.
    """

    state: Array  # (B, n), float64 always
    basis: NDArray[np.floating]  # (B, n, k), float64 or float32
    log_sum: Array  # (B, k): sum of log R_jj since the last reset
    compensation: Array  # (B, k): low part of log_sum
    cancellation: Array  # (B, k): largest |a_j| / R_jj since the last reset
    status: NDArray[np.int64]  # (B, k): OK, DIVERGED, RANK_LOST
    step: int = 0  # steps taken since time 0

    def copy(self) -> "Carry":
        return Carry(
            self.state.copy(),
            self.basis.copy(),
            self.log_sum.copy(),
            self.compensation.copy(),
            self.cancellation.copy(),
            self.status.copy(),
            self.step,
        )

    def take(self, members: NDArray[np.int64], dtype: np.dtype) -> "Carry":
        """A copy of some members, with a basis of `dtype`."""
        return Carry(
            self.state[members],
            self.basis[members].astype(dtype),
            self.log_sum[members],
            self.compensation[members],
            self.cancellation[members],
            self.status[members],
            self.step,
        )

    def put(self, members: NDArray[np.int64], piece: "Carry") -> None:
        """Write back what `take` gave; the step count is the caller's."""
        for name in ("state", "basis", "log_sum", "compensation", "cancellation", "status"):
            getattr(self, name)[members] = getattr(piece, name)


class Propagator(Protocol):
    batch: int
    dim: int
    dtype: np.dtype  # of the basis it wants
    dt: float  # the time step; 0 for a map
    portable: bool  # whether it can be pickled
    memory: int  # steps of the past that a state has, which a QR is of
    offloaded: bool  # whether it runs on a GPU or in PyTorch: states have the type of the basis

    def select(self, members: NDArray[np.int64], dtype: np.dtype) -> "Propagator":
        """A propagator of some of the members, with a basis of `dtype`."""

    def at_step(self, dt: float) -> "Propagator":
        """A propagator of the same flow with another time step."""

    def release(self) -> None:
        """Give memory of a GPU back to others; the next call takes it anew."""

    def lifted(self, state: Array) -> Array:
        """States (B, dim) of members that have been at `state` (B, n) all the time.

        The same where there are no delays; with delays a state is its past, too.
        """

    def present(self, state: Array) -> Array:
        """The present values (B, n) of states (B, dim)."""

    def resumed(self, carry: Carry, before: "Propagator") -> Carry:
        """A copy of a carry of `before`, which is this propagator at another step, for this one."""

    def advance(self, carry: Carry, steps: int) -> None:
        """State only, through `steps` steps."""

    def propagate(self, carry: Carry, intervals: int, steps_per_interval: int) -> None:
        """State and basis; one QR with positive R_jj after each interval."""


class LinearPropagator(Propagator, Protocol):
    """A propagator that learning signals run on as well; those of a GPU are none."""

    def tangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        """State (B, n) and tangents (B, n, m), m >= 0, through steps from number `step` on."""

    def tangent_intervals(
        self, state: Array, step: int, steps: int, vectors: Array, ends: Array
    ) -> None:
        """`tangent_steps` one interval after another, each with tangents of its own.

        Interval i takes vectors[i] (B, n, m) through `steps` steps and leaves its last state in
        ends[i] (B, n), where there is such: ends may be (0, B, n). One call, where each of the
        intervals would take longer to call than to run.
        """

    def cotangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        """Cotangents (B, n, m) back through the steps that lead on from `state`, which stays."""


class Stepping:
    """Base of propagators that are dataclasses with a field `dt`."""

    portable = False
    offloaded = False
    memory = 0

    def at_step(self, dt: float) -> Any:
        """A propagator of the same flow with another time step."""
        return replace(self, dt=dt)  # type: ignore[type-var]

    def release(self) -> None:
        """Nothing is held between calls."""

    def lifted(self, state: Array) -> Array:
        """A state is all that there is to know of a member."""
        return state

    def present(self, state: Array) -> Array:
        return state

    def tangent_intervals(
        self, state: Array, step: int, steps: int, vectors: Array, ends: Array
    ) -> None:
        """For propagators of large systems, whose calls are short beside their steps."""
        here: Any = self
        for i in range(len(vectors)):
            here.tangent_steps(state, step + i * steps, steps, vectors[i])
            if len(ends):
                ends[i] = state

    def resumed(self, carry: Carry, before: Any) -> Carry:
        """Only the steps since time 0 are other ones."""
        found = carry.copy()
        if self.dt:  # type: ignore[attr-defined]
            found.step = round(carry.step * before.dt / self.dt)  # type: ignore[attr-defined]
        return found


class Portable(Stepping):
    """Base of propagators that are pickled as what they were made of.

    Compiled code stays behind, and is found or compiled again in the process that wants it.
    """

    portable = True

    def __reduce__(self) -> tuple[Any, ...]:
        made_of = {f.name: getattr(self, f.name) for f in fields(self) if f.init}  # type: ignore[arg-type]
        return made, (type(self), made_of)

    def __copy__(self) -> Any:
        """A copy that keeps the compiled code."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other


def made(kind: type, made_of: dict[str, Any]) -> Any:
    return kind(**made_of)


def initial_carry(state: Array, basis: NDArray[np.floating]) -> Carry:
    """The carry at time 0 with empty sums."""
    batch, _, k = basis.shape
    return Carry(
        state,
        basis,
        np.zeros((batch, k)),
        np.zeros((batch, k)),
        np.zeros((batch, k)),
        np.zeros((batch, k), np.int64),
    )


def chosen(array: Array, members: "NDArray[np.int64] | slice") -> Array:
    """Rows of an array with a leading axis of the batch, or of 1 for all members."""
    return array if array.shape[0] == 1 else array[members]


def rank_unit(dim: int, dtype: Any) -> float:
    return 8 * dim * float(np.finfo(dtype).eps)
