"""Systems whose state runs first and leaves on a tape what the tangents need.

Over one interval the state runs alone; the strips of tangent columns then run through the same
steps, with no exchange between them. So the partition of work is fixed by n and k, members and
strips run on any number of threads with the same bits, and the leading columns of a full run
follow the same orbit.

Such a system is two C functions (`runs`) and a record of its own, which only they read. The kernels
that deal out their work compile once for all systems.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ...propagator import Array, Carry, Portable, rank_unit
from ..qr.reflections import strip_functions
from ..simd.strips import WIDEST, from_strips, lanes_of, strip_edges, to_strips
from ..team.crew import Crew
from ..team.interruptible import call, threads_allowed, threads_for
from .few_members import propagate_strips, strips_arrays
from .linear import linear_members
from .members import ADVANCE, advance, ahead_arrays, propagate_ahead, propagate_members
from .runs import FOR_COTANGENTS, FOR_TANGENTS, Schedule

# Members whose states run side by side: whole registers, one strip at most.
GROUP = min(8, WIDEST * lanes_of(np.float64))


@dataclass(kw_only=True)
class Taped(Portable):
    """A system in terms of what follows; `_prepare` sets it."""

    k: int
    batch: int
    dtype: Any
    dim: int = field(init=False)
    stages: int = field(init=False)  # of a step
    state_run: Any = field(init=False, repr=False)
    strip_run: Any = field(init=False, repr=False)
    model: Any = field(init=False, repr=False)  # the system's record, packed
    crew: Crew = field(init=False, repr=False, default_factory=Crew)

    def __post_init__(self) -> None:
        self.dtype = np.dtype(self.dtype)
        self._prepare()

    def _prepare(self) -> None:
        raise NotImplementedError

    def group(self) -> int:
        """Members a job: several when they are small, but enough jobs for all threads."""
        raise NotImplementedError

    def row(self, count: int) -> int:
        """Elements that a stage of `count` members takes on the tape."""
        raise NotImplementedError

    def state_work(self, count: int, stages: int) -> int:
        """Elements of float64 that the state of `count` members needs."""
        raise NotImplementedError

    def strip_work(self, count: int, edges: Any) -> int:
        """Elements that the tangents of `count` members need, strips `edges` of each."""
        raise NotImplementedError

    def backwards(self) -> tuple[Any, Any, int]:
        """C function and record of the cotangents' `StripRun`; elements of work for a column."""
        raise NotImplementedError

    def advance(self, carry: Carry, steps: int) -> None:
        self._states(carry.state, carry.step, steps)
        carry.step += steps

    def _states(self, state: Array, step: int, steps: int) -> None:
        schedule = self._schedule(step, 1, steps, self.group(), np.zeros(1, int), ADVANCE)
        call(
            advance,
            threads_for(self.batch),
            self.state_run,
            self.model,
            schedule,
            state,
            np.zeros(1, self.dtype),
        )

    def propagate(self, carry: Carry, intervals: int, steps_per_interval: int) -> None:
        strips = to_strips(carry.basis, self.dtype)

        def run(threads: int, count: int) -> None:
            self._run(carry, strips, threads, count, steps_per_interval)
            carry.step += count * steps_per_interval

        self.crew.share(self.batch, intervals, run)
        from_strips(strips, carry.basis)

    def _run(self, carry: Carry, strips: Any, threads: int, intervals: int, steps: int) -> None:
        edges = strip_edges(self.k, lanes_of(self.dtype))
        schedule = self._schedule(carry.step, intervals, steps, self.group(), edges, steps)
        compiled, jobs = propagate_members, self.batch
        common: tuple[Any, ...] = ()
        few = self.batch < threads_allowed()  # not the threads of this call: one kernel for both
        if few and len(edges) == 2:
            turn = ahead_arrays(schedule, self.row(1), self.batch, self.dtype)
            compiled, jobs, common = propagate_ahead, 2 * self.batch, (turn,)
            schedule = self._schedule(carry.step, intervals, steps, 1, edges, turn.shape[2] * steps)
        elif few:
            schedule = self._schedule(carry.step, intervals, steps, 1, edges, steps)
            compiled, jobs = propagate_strips, self.batch * len(edges)
            common = strips_arrays(schedule, edges, self.batch, self.dim, self.k, self.dtype)
        call(
            compiled, min(jobs, threads), self.state_run, self.strip_run,
            *strip_functions(self.dtype), self.model, schedule, edges, *common, carry.state, strips,
            carry.log_sum, carry.compensation, carry.cancellation, carry.status,
        )  # fmt: skip

    def tangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        if self.dtype != np.float64:
            return self._in_float64().tangent_steps(state, step, steps, vectors)
        edges = strip_edges(vectors.shape[2], lanes_of(np.float64))
        if len(edges) == 1:
            return self._states(state, step, steps)
        self._tangents(state, step, steps, vectors[None], np.empty((0, *state.shape)))

    def tangent_intervals(
        self, state: Array, step: int, steps: int, vectors: Array, ends: Array
    ) -> None:
        if self.dtype != np.float64:
            return self._in_float64().tangent_intervals(state, step, steps, vectors, ends)
        self._tangents(state, step, steps, vectors, ends)

    def _tangents(self, state: Array, step: int, steps: int, vectors: Array, ends: Array) -> None:
        columns = vectors.shape[3]
        edges = strip_edges(columns, lanes_of(np.float64))
        work = self.strip_work(self.group(), edges) if columns else 0
        parts = self.strip_run, self.model, self.model, FOR_TANGENTS if columns else 0
        self._linear(parts, work, step, steps, min(steps, ADVANCE), state, vectors, ends)

    def cotangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        if self.dtype != np.float64:
            return self._in_float64().cotangent_steps(state, step, steps, vectors)
        cotangent_run, record, work = self._backwards
        edges = strip_edges(vectors.shape[2], lanes_of(np.float64))
        parts = cotangent_run, self.model, record, FOR_COTANGENTS
        state, nothing = state.copy(), np.empty((0, *state.shape))
        work *= int(edges[-1])
        self._linear(parts, work, step, steps, steps, state, vectors[None], nothing)

    def _in_float64(self) -> Any:
        return self.select(np.arange(self.batch), np.dtype(np.float64))

    def select(self, members: Any, dtype: Any) -> Any:
        raise NotImplementedError

    @cached_property
    def _backwards(self) -> tuple[Any, Any, int]:
        return self.backwards()

    def _linear(
        self,
        parts: tuple[Any, ...],
        work: int,
        step: int,
        steps: int,
        piece: int,
        state: Array,
        vectors: Array,
        ends: Array,
    ) -> None:
        intervals, batch, n, columns = vectors.shape
        edges = strip_edges(columns, lanes_of(np.float64))
        strips = to_strips(
            vectors.reshape(intervals * batch, n, columns), np.dtype(np.float64), edges
        )
        schedule = self._schedule(step, intervals, steps, self.group(), edges[:1], piece)
        call(
            linear_members,
            threads_for(self.batch),
            self.state_run,
            *parts,
            schedule._replace(strip_work=work),
            edges,
            columns,
            piece,
            state,
            strips,
            ends,
        )
        for own, found in zip(strips.reshape(intervals, batch, -1), vectors, strict=True):
            from_strips(own, found)

    def _schedule(
        self, step: int, intervals: int, steps: int, group: int, edges: Any, ahead: int
    ) -> Schedule:
        """The schedule of jobs of `group` members, whose states run `ahead` steps in one piece."""
        strips = self.strip_work(group, edges) if len(edges) > 1 else 0
        return Schedule(
            step,
            intervals,
            steps,
            self.stages * steps,
            group,
            self.row(group),
            self.state_work(group, self.stages * ahead),
            strips,
            rank_unit(self.dim, self.dtype),
            lanes_of(self.dtype),
        )
