"""What propagators of flows with delays have in common: a state that is the past."""

from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np

from ...delays import History
from ...propagator import Array, Carry, Portable, chosen

LONGEST = 64  # steps at least before the tape is moved back to its beginning


@dataclass(kw_only=True)
class LookingBack(Portable):
    """`delays` (B or 1, D) of members of a batch, whose longest is `longest`.

    Tangents are float64.
    """

    delays: Array
    longest: float
    dt: float
    k: int
    batch: int
    dtype: Any
    dim: int = field(init=False)

    n: Any = field(init=False)  # variables
    memory: int = field(init=False)

    def __post_init__(self) -> None:
        self.dtype = np.dtype(np.float64)
        self.dim, self.memory = self.history.dim, self.history.points

    def chosen(self, members: Any) -> dict[str, Any]:
        """Arrays of some members, by the names of their fields."""
        raise NotImplementedError

    def run(
        self, state: Array, vectors: Array, step: int, intervals: int, steps: int, closing: bool,
        sums: tuple[Any, ...],
    ) -> None:  # fmt: skip
        """State (B, dim) and tangents (B, dim, k) through intervals, with a QR after each if
        `closing`; sums: log_sum, compensation, cancellation and status."""
        raise NotImplementedError

    @cached_property
    def history(self) -> History:
        return History(self.n, self.delays, self.longest, self.dt)

    def select(self, members: Any, dtype: Any) -> Any:
        other = copy(self)  # which keeps what is compiled
        for name in ("history", "_factors"):
            other.__dict__.pop(name, None)
        found = {"delays": chosen(self.delays, members), **self.chosen(members)}
        other.__dict__.update(found, batch=len(members))
        return other

    def lifted(self, state: Array) -> Array:
        return self.history.constant(state)

    def present(self, state: Array) -> Array:
        return self.history.present(state)

    def resumed(self, carry: Carry, before: Any) -> Carry:
        return self.history.resumed(carry, before.history)

    def advance(self, carry: Carry, steps: int) -> None:
        self.tangent_steps(carry.state, carry.step, steps, np.empty((*carry.state.shape, 0)))
        carry.step += steps

    def propagate(self, carry: Carry, intervals: int, steps_per_interval: int) -> None:
        self.run(
            carry.state, cast(Array, carry.basis), carry.step, intervals, steps_per_interval, True,
            (carry.log_sum, carry.compensation, carry.cancellation, carry.status),
        )  # fmt: skip
        carry.step += intervals * steps_per_interval

    def tangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        """State (B, dim) and tangents (B, dim, m), multiplied by `History.lengths`, on."""
        shape = self.batch, vectors.shape[2]
        sums = np.zeros((3, *shape))
        self.run(state, vectors, step, 1, steps, False, (*sums, np.zeros(shape, np.int64)))
