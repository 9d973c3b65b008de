"""A batch shared out between propagators: members by members, each to the one that suits it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .propagator import Array, Carry, LinearPropagator, Propagator, initial_carry

Work = Callable[[Propagator, Carry], None]


@dataclass
class Split:
    """Propagators for disjoint sets of members that together make the batch."""

    parts: list[tuple[NDArray[np.int64], Propagator]]

    def __post_init__(self) -> None:
        first = self.parts[0][1]
        self.batch = sum(len(members) for members, _ in self.parts)
        self.dim = first.dim
        self.dtype = np.result_type(*(part.dtype for _, part in self.parts))
        self.portable = all(part.portable for _, part in self.parts)
        self.offloaded = any(part.offloaded for _, part in self.parts)
        self.dt, self.memory = first.dt, first.memory

    def select(self, members: NDArray[np.int64], dtype: np.dtype) -> Propagator:
        """The given members, in their order, with tangents of `dtype`."""
        parts = []
        for own, part in self.parts:
            at = np.nonzero(np.isin(members, own))[0]
            if at.size:
                parts.append((at, part.select(np.searchsorted(own, members[at]), dtype)))
        return type(self)(parts) if len(parts) > 1 else parts[0][1]

    def release(self) -> None:
        for _, part in self.parts:
            part.release()

    def at_step(self, dt: float) -> Any:
        """The same parts with another time step."""
        return type(self)([(members, part.at_step(dt)) for members, part in self.parts])

    def lifted(self, state: Array) -> Array:
        """States of the batch with the past that all parts have."""
        return self.parts[0][1].lifted(state)

    def present(self, state: Array) -> Array:
        return self.parts[0][1].present(state)

    def resumed(self, carry: Carry, before: Any) -> Carry:
        """Piece by piece: parts of both are of the same members."""
        found = [
            (members, part.resumed(carry.take(members, part.dtype), old))
            for (members, part), (_, old) in zip(self.parts, before.parts, strict=True)
        ]
        first, shape = found[0][1], carry.basis.shape
        dim = first.state.shape[1]
        whole = initial_carry(
            np.empty((shape[0], dim)), np.empty((shape[0], dim, shape[2]), self.dtype)
        )
        for members, piece in found:
            whole.put(members, piece)
        whole.step = first.step
        return whole

    def advance(self, carry: Carry, steps: int) -> None:
        self._each(carry, lambda part, piece: part.advance(piece, steps))
        carry.step += steps

    def tangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        for members, part in self._linear():
            own, columns = state[members], vectors[members]
            part.tangent_steps(own, step, steps, columns)
            state[members], vectors[members] = own, columns

    def tangent_intervals(
        self, state: Array, step: int, steps: int, vectors: Array, ends: Array
    ) -> None:
        for members, part in self._linear():
            own, columns, seen = state[members], vectors[:, members], ends[:, members]
            part.tangent_intervals(own, step, steps, columns, seen)
            state[members], vectors[:, members], ends[:, members] = own, columns, seen

    def cotangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        for members, part in self._linear():
            columns = vectors[members]
            part.cotangent_steps(state[members], step, steps, columns)
            vectors[members] = columns

    def propagate(self, carry: Carry, intervals: int, steps_per_interval: int) -> None:
        self._each(carry, lambda part, piece: part.propagate(piece, intervals, steps_per_interval))
        carry.step += intervals * steps_per_interval

    def _linear(self) -> "list[tuple[NDArray[np.int64], LinearPropagator]]":
        return cast("list[tuple[NDArray[np.int64], LinearPropagator]]", self.parts)

    def _each(self, carry: Carry, work: Work) -> None:
        for members, part in self.parts:
            self._one(carry, work, members, part)

    def _one(self, carry: Carry, work: Work, members: NDArray[np.int64], part: Propagator) -> None:
        piece = carry.take(members, part.dtype)
        work(part, piece)
        carry.put(members, piece)
