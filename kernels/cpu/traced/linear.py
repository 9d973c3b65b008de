"""Tangents and cotangents of traced functions along an orbit, without QR, of any dimension."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ...codegen import Statements
from ...generated import module
from ...jit import kernel
from ...loops import Loops
from ...propagator import Array, Portable
from ..simd.copying import copy_vector
from ..team.interruptible import call, raised, threads_for
from ..team.sharing import take
from .columns_source import columns_source
from .drawing import draw
from .loops_source import loops_source
from .steps import cotangent_step, state_step, tangent_step


@kernel
def run_tangents(
    stop, team, thread, threads, field, indptr, indices, drawn, params, dt, step, steps, x, v, ends
):
    """x (B, n) through intervals of `steps` steps, each with its tangents v (I, B, n, m).

    ends (I, B, n): the states after each, or (0, B, n) if nobody asks.
    """
    intervals, members, n, columns = v.shape
    unit_time = 1.0 if dt == 0.0 else dt
    work, tape = np.empty((3, n)), np.empty((4, indices.size))
    y, k, total = np.empty((n, columns)), np.empty((n, columns)), np.empty((n, columns))
    b = take(team)
    while b < members:
        p = params[b % params.shape[0]]
        for s in range(intervals * steps):
            if raised(stop):
                break
            interval = s // steps
            draw(drawn, p, step + s, dt)
            state_step(field, p, dt, (step + s) * unit_time, x[b], work, tape)
            tangent_step(indptr, indices, dt, tape, v[interval, b], y, k, total)
            if ends.shape[0] and s + 1 == (interval + 1) * steps:
                copy_vector(x[b], ends[interval, b])
        b = take(team)


@kernel
def run_cotangents(
    stop, team, thread, threads, field, indptr, indices, drawn, params, dt, step, steps, x, v
):
    """Cotangents v (B, n, m) back through the `steps` steps from x (B, n), which stays."""
    members, n, columns = v.shape
    unit_time = 1.0 if dt == 0.0 else dt
    stages = 1 if dt == 0.0 else 4
    state, work, tape = np.empty(n), np.empty((3, n)), np.empty((steps, stages, indices.size))
    y, a, total = np.empty((n, columns)), np.empty((n, columns)), np.empty((n, columns))
    b = take(team)
    while b < members:
        p = params[b % params.shape[0]]
        copy_vector(x[b], state)
        for s in range(steps):
            if raised(stop):
                break
            draw(drawn, p, step + s, dt)
            state_step(field, p, dt, (step + s) * unit_time, state, work, tape[s])
        for s in range(steps - 1, -1, -1):
            if raised(stop):
                break
            cotangent_step(indptr, indices, dt, tape[s], v[b], a, y, total)
        b = take(team)


def compiled_field(function: Statements | Loops) -> tuple[Any, Any, Any]:
    """The generated function, and the places of the Jacobian's entries: indptr, indices."""
    if isinstance(function, Loops):
        source, positions = loops_source(function), list(function.entries)
    else:
        source, positions = columns_source(function)
    rows = np.array([i for i, _ in positions], np.int64)
    indices = np.array([j for _, j in positions], np.int64)
    indptr = np.searchsorted(rows, np.arange(len(function.outputs) + 1))
    return module(source).field, indptr, indices


@dataclass
class Linearized(Portable):
    """`tangent_steps` and `cotangent_steps` for what has a function, parameters and a time step."""

    function: Statements | Loops
    params: Array  # (B or 1, parameters)
    dt: float  # 0 for a map
    k: int
    batch: int
    dtype: Any
    dim: int = field(init=False)

    def __post_init__(self) -> None:
        self.dim = len(self.function.outputs)

    @property
    def drawn(self) -> int:
        """Random numbers of a step."""
        return 0 if isinstance(self.function, Loops) else self.function.drawn

    @cached_property
    def _compiled(self) -> tuple[Any, Array, Array]:
        return compiled_field(self.function)

    def tangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        nothing = np.empty((0, *state.shape))
        self.tangent_intervals(state, step, steps, vectors[None], nothing)

    def tangent_intervals(
        self, state: Array, step: int, steps: int, vectors: Array, ends: Array
    ) -> None:
        self._along(run_tangents, state, step, steps, vectors, ends)

    def cotangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        self._along(run_cotangents, state, step, steps, vectors)

    def _along(self, compiled: Any, state: Array, step: int, steps: int, *arrays: Array) -> None:
        call(
            compiled,
            threads_for(len(state)),
            *self._compiled,
            self.drawn,
            self.params,
            float(self.dt),
            step,
            steps,
            state,
            *arrays,
        )
