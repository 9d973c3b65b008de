"""dx/dt = L x + D f(B x) with a constant matrix L that may be stiff: ETDRK4 and its tangents.

f is generated straight-line code as in `columns`; the linear part, and B and D where f is evaluated
on a grid, are products of matrices with blocks of tangent columns.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..codegen import Graph
from ..jit import kernel
from ..phi_functions import etdrk4_weights
from ..propagator import Array, Flight, Portable, chosen, rank_unit
from .copying import copy_matrix
from .crew import Crew
from .etdrk4_steps import BLOCKS, Model, cotangent_step, product_of, state_step, tangent_step
from .interruptible import call, raised, threads_for
from .orthonormal import orthonormalise
from .sharing import meet, take
from .traced import compiled_field

PANEL = 32  # columns; so bits do not depend on how threads share them
NONE = np.zeros((0, 0))


@kernel
def room(model, n, columns, like):
    """Work, B x and f of so many columns."""
    return (
        np.empty((BLOCKS, n, columns), like.dtype),
        np.empty((model.read.shape[0], columns), like.dtype),
        np.empty((model.write.shape[1], columns), like.dtype),
    )


@kernel
def state_steps(stop, field, model, p, dt, first, steps, x, tape, slopes):
    """The state through an interval; the Jacobians' entries go to slopes, in the tangents' type."""
    column = x.reshape(x.size, 1)
    work, seen, given = room(model, x.size, 1, x)
    for s in range(steps):
        if raised(stop):
            break
        state_step(field, model, p, dt, (first + s) * dt, column, work, seen, given, tape[s])
        copy_matrix(tape[s], slopes[s])


@kernel
def panel_steps(stop, model, steps, panel, slopes, q):
    """Some of the tangent columns, rows of q (k, n), through the same interval."""
    columns = q[panel * PANEL : min(q.shape[0], (panel + 1) * PANEL)]
    rows = np.ascontiguousarray(columns.T)
    work, seen, given = room(model, rows.shape[0], rows.shape[1], rows)
    for s in range(steps):
        if raised(stop):
            break
        tangent_step(model, slopes[s], rows, work, seen, given)
    copy_matrix(rows.T, columns)


@kernel
def propagate(
    stop, team, thread, threads, alone, field, exact, model, p, dt, step, intervals, steps, unit,
    tape, slopes, x, q, log_sum, compensation, growth, status,
):  # fmt: skip
    """x (B, n), q (B, k, n), p (B or 1, parameters); tape, slopes (T, steps, 4, entries).

    `exact` is the model in float64, `model` in the tangents' type. Either each thread takes members
    by itself, with a tape of its own (T threads); or, where there are fewer members than threads
    (T members), all meet after each part.
    """
    members, k, _ = q.shape
    panels = (k + PANEL - 1) // PANEL
    if alone:
        b = take(team)
        while b < members:
            for interval in range(intervals):
                if raised(stop):
                    break
                state_steps(
                    stop, field, exact, p[b % p.shape[0]], dt, step + interval * steps, steps, x[b],
                    tape[thread], slopes[thread],
                )  # fmt: skip
                for panel in range(panels):
                    panel_steps(stop, model, steps, panel, slopes[thread], q[b])
                orthonormalise(q[b], unit, log_sum[b], compensation[b], growth[b], status[b])
            b = take(team)
        return
    for interval in range(intervals):
        if raised(stop):
            break
        b = take(team)
        while b < members:
            state_steps(
                stop, field, exact, p[b % p.shape[0]], dt, step + interval * steps, steps, x[b],
                tape[b], slopes[b],
            )  # fmt: skip
            b = take(team)
        meet(stop, team, threads)
        job = take(team)
        while job < members * panels:
            b = job // panels
            panel_steps(stop, model, steps, job % panels, slopes[b], q[b])
            job = take(team)
        meet(stop, team, threads)
        b = take(team)
        while b < members:
            orthonormalise(q[b], unit, log_sum[b], compensation[b], growth[b], status[b])
            b = take(team)
        meet(stop, team, threads)


@kernel
def push(stop, team, thread, threads, field, model, params, dt, step, steps, x, v):
    """x (B, n) and tangents v (B, n, m), m >= 0, through `steps` steps."""
    members, n, columns = v.shape
    tape = np.empty((4, model.indices.size))
    work, seen, given = room(model, n, 1, x)
    wide, seen_wide, given_wide = room(model, n, columns, x)
    b = take(team)
    while b < members:
        state = x[b].reshape(n, 1)
        for s in range(steps):
            if raised(stop):
                break
            p, time = params[b % params.shape[0]], (step + s) * dt
            state_step(field, model, p, dt, time, state, work, seen, given, tape)
            if columns:  # BLAS refuses matrices of no columns
                tangent_step(model, tape, v[b], wide, seen_wide, given_wide)
        b = take(team)


@kernel
def pull(stop, team, thread, threads, field, model, transposed, params, dt, step, steps, x, v):
    """Cotangents v (B, n, m) back through the `steps` steps from x (B, n), which stays."""
    members, n, columns = v.shape
    tape = np.empty((steps, 4, model.indices.size))
    work, seen, given = room(model, n, 1, x)
    wide, seen_wide, given_wide = room(model, n, columns, x)
    state = np.empty((n, 1))
    b = take(team)
    while b < members:
        copy_matrix(x[b].reshape(n, 1), state)
        for s in range(steps):
            if raised(stop):
                break
            p, time = params[b % params.shape[0]], (step + s) * dt
            state_step(field, model, p, dt, time, state, work, seen, given, tape[s])
        for s in range(steps - 1, -1, -1):
            if raised(stop):
                break
            cotangent_step(transposed, tape[s], v[b], wide, seen_wide, given_wide)
        b = take(team)


@dataclass
class Etdrk4(Portable):
    """`linear` (n,) is a diagonal, (n, n) a matrix; `grid` is (B, D), where f acts on a grid."""

    graph: Graph
    params: Array
    linear: Array
    grid: tuple[Array, Array] | None
    dt: float
    k: int
    batch: int
    dtype: Any
    dim: int = field(init=False)
    crew: Crew = field(init=False, repr=False, default_factory=Crew)

    def __post_init__(self) -> None:
        self.dim = len(self.linear)
        self.field, self.indptr, self.indices = compiled_field(self.graph)
        self.exact = self._model(np.float64)
        self.model = self._model(self.dtype)

    def _model(self, dtype: Any, transposed: bool = False) -> Any:
        weights = etdrk4_weights(self.linear, self.dt)
        read, write = self.grid or (NONE, NONE)
        if transposed:
            weights = weights.swapaxes(1, 2) if self.linear.ndim == 2 else weights
            read, write = read.T, write.T
        arrays = [np.ascontiguousarray(a, dtype) for a in (weights, read, write)]
        return Model(
            product_of(np.dtype(dtype)), arrays[0], self.grid is not None, *arrays[1:], self.indptr,
            self.indices,
        )  # fmt: skip

    @cached_property
    def _transposed(self) -> Any:
        return self._model(np.float64, transposed=True)

    def select(self, members: Any, dtype: Any) -> "Etdrk4":
        params = chosen(self.params, members)
        return replace(self, params=params, batch=len(members), dtype=dtype)

    def advance(self, flight: Flight, steps: int) -> None:
        nothing = np.empty((*flight.state.shape, 0))
        self.push(flight.state, flight.step, steps, nothing)
        flight.step += steps

    def propagate(self, flight: Flight, intervals: int, steps_per_interval: int) -> None:
        basis = np.ascontiguousarray(np.swapaxes(flight.basis, 1, 2))

        def run(threads: int, count: int) -> None:
            self._run(flight, basis, threads, count, steps_per_interval)
            flight.step += count * steps_per_interval

        self.crew.share(self.batch, intervals, run)
        flight.basis = np.ascontiguousarray(np.swapaxes(basis, 1, 2))

    def _run(self, flight: Flight, basis: Any, threads: int, intervals: int, steps: int) -> None:
        alone = self.batch >= threads
        jobs = self.batch if alone else self.batch * -(-self.k // PANEL)
        threads = min(threads, jobs)
        tapes = threads if alone else self.batch
        tape = np.empty((tapes, steps, 4, self.indices.size))
        slopes = np.empty(tape.shape, self.dtype)
        call(
            propagate, threads, alone, self.field, self.exact, self.model, self.params, self.dt,
            flight.step, intervals, steps, rank_unit(self.dim, self.dtype), tape, slopes,
            flight.state, basis, flight.log_sum, flight.compensation, flight.growth, flight.status,
        )  # fmt: skip

    def push(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        call(
            push, threads_for(len(state)), self.field, self.exact, self.params, self.dt, step, steps,
            state, vectors,
        )  # fmt: skip

    def pull(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        call(
            pull, threads_for(len(state)), self.field, self.exact, self._transposed, self.params,
            self.dt, step, steps, state, vectors,
        )  # fmt: skip
