"""Traced functions of 9 to a few hundred dimensions: Jacobian entries once, columns as lanes.

The generated function `field(t, x, p, f, jacobian)` fills the vector field and the nonzero
Jacobian entries in straight-line code; tangent columns are then K[i, :] = sum J_ij Q[j, :]
over the nonzeros, contiguous over the columns. State first, columns after, as in `network`.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...jit import kernel
from ...propagator import Carry, chosen, rank_unit
from ..qr.orthonormal import orthonormalise
from ..simd.copying import copy_matrix
from ..team.crew import Crew
from ..team.interruptible import call, raised, threads_for
from ..team.sharing import barrier, take
from .drawing import draw
from .linear import Linearized, compiled_field
from .panels import PANEL, Panelled
from .steps import state_step, tangent_step


@kernel
def state_steps(stop, field, drawn, p, dt, first, steps, x, work, tape, slopes):
    """The state through an interval; the Jacobians' entries go to slopes, in the tangents' type."""
    unit_time = 1.0 if dt == 0.0 else dt
    for s in range(steps):
        if raised(stop):
            break
        draw(drawn, p, first + s, dt)
        state_step(field, p, dt, (first + s) * unit_time, x, work, tape[s])
    for s in range(steps):
        copy_matrix(tape[s], slopes[s])


@kernel
def panel_steps(stop, indptr, indices, dt, steps, panel, slopes, q):
    """Some of the tangent columns, rows of q (k, n), through the same interval."""
    columns = q[panel * PANEL : min(q.shape[0], (panel + 1) * PANEL)]
    rows = np.ascontiguousarray(columns.T)
    y, out, total = np.empty_like(rows), np.empty_like(rows), np.empty_like(rows)
    for s in range(steps):
        if raised(stop):
            break
        tangent_step(indptr, indices, dt, slopes[s], rows, y, out, total)
    copy_matrix(rows.T, columns)


@kernel
def propagate(
    stop, team, thread, threads, alone, field, drawn, indptr, indices, p, dt, step, intervals,
    steps, unit, tape, slopes, x, q, log_sum, compensation, cancellation, status,
):  # fmt: skip
    """x (B, n), q (B, k, n), p (B or 1, parameters); tape, slopes (T, steps, stages, nonzeros).

    Either each thread takes members by itself, all their intervals, with a tape of its own (T
    threads); or, where there are fewer members than threads (T members), all wait for
    each other after each part.
    """
    members, k, n = q.shape
    panels = (k + PANEL - 1) // PANEL
    work = np.empty((3, n))
    if alone:
        b = take(team)
        while b < members:
            for interval in range(intervals):
                if raised(stop):
                    break
                first = step + interval * steps
                state_steps(
                    stop,
                    field,
                    drawn,
                    p[b % p.shape[0]],
                    dt,
                    first,
                    steps,
                    x[b],
                    work,
                    tape[thread],
                    slopes[thread],
                )
                for panel in range(panels):
                    panel_steps(stop, indptr, indices, dt, steps, panel, slopes[thread], q[b])
                orthonormalise(q[b], unit, log_sum[b], compensation[b], cancellation[b], status[b])
            b = take(team)
        return
    for interval in range(intervals):
        if raised(stop):
            break
        first = step + interval * steps
        b = take(team)
        while b < members:
            state_steps(
                stop, field, drawn, p[b % p.shape[0]], dt, first, steps, x[b], work, tape[b],
                slopes[b],
            )  # fmt: skip
            b = take(team)
        barrier(stop, team, threads)
        job = take(team)
        while job < members * panels:
            b = job // panels
            panel_steps(stop, indptr, indices, dt, steps, job % panels, slopes[b], q[b])
            job = take(team)
        barrier(stop, team, threads)
        b = take(team)
        while b < members:
            orthonormalise(q[b], unit, log_sum[b], compensation[b], cancellation[b], status[b])
            b = take(team)
        barrier(stop, team, threads)


@kernel
def advance(stop, team, thread, threads, field, drawn, nonzeros, p, dt, step, steps, x):
    members, n = x.shape
    unit_time = 1.0 if dt == 0.0 else dt
    tape, work = np.empty((4, nonzeros)), np.empty((3, n))
    b = take(team)
    while b < members:
        for s in range(steps):
            if raised(stop):
                break
            draw(drawn, p[b % p.shape[0]], step + s, dt)
            state_step(field, p[b % p.shape[0]], dt, (step + s) * unit_time, x[b], work, tape)
        b = take(team)


@dataclass
class Columns(Panelled, Linearized):
    """Straight-line field and Jacobian entries, tangent columns as lanes."""

    crew: Crew = field(init=False, repr=False, default_factory=Crew)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.field, self.indptr, self.indices = compiled_field(self.function)

    def select(self, members: Any, dtype: Any) -> "Columns":
        params = chosen(self.params, members)
        return replace(self, params=params, batch=len(members), dtype=dtype)

    def advance(self, carry: Carry, steps: int) -> None:
        call(
            advance,
            threads_for(self.batch),
            self.field,
            self.drawn,
            self.indices.size,
            self.params,
            self.dt,
            carry.step,
            steps,
            carry.state,
        )
        carry.step += steps

    def _run(self, carry: Carry, basis: Any, threads: int, intervals: int, steps: int) -> None:
        alone, threads, tape, slopes = self.shared_out(threads, steps, 4 if self.dt else 1)
        call(
            propagate, threads, alone, self.field, self.drawn, self.indptr, self.indices,
            self.params, self.dt, carry.step, intervals, steps, rank_unit(self.dim, self.dtype),
            tape, slopes, carry.state, basis, carry.log_sum, carry.compensation,
            carry.cancellation, carry.status,
        )  # fmt: skip
