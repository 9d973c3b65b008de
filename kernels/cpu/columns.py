"""Traced functions of 9 to a few hundred dimensions: Jacobian entries once, columns as lanes.

The generated function `field(t, x, p, f, jacobian)` fills the vector field and the nonzero
Jacobian entries in straight-line code; tangent columns are then K[i, :] = sum J_ij Q[j, :]
over the nonzeros, contiguous over the columns. State first, columns after, as in `network`.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numba import float64, get_num_threads, void

from ..codegen import Graph
from ..generated import module
from ..jit import kernel
from ..propagator import Array, Flight, chosen, rank_unit
from .columns_source import columns_source
from .copying import copy_matrix, copy_vector
from .interruptible import call, raised
from .orthonormal import orthonormalise
from .sharing import meet, take

SIGNATURE = void(float64, float64[::1], float64[::1], float64[::1], float64[::1])
PANEL = 32


@kernel
def state_step(field, p, dt, t, x, work, tape):
    """One step in place; tape (stages, nonzeros) receives the Jacobians. dt = 0 means a map."""
    n = x.size
    k, total, stage = work[0], work[1], work[2]
    if dt == 0.0:
        field(t, x, p, k, tape[0])
        copy_vector(k, x)
        return
    copy_vector(x, stage)
    total[:] = 0.0
    for s in range(4):
        node = 0.0 if s == 0 else (dt if s == 3 else 0.5 * dt)
        field(t + node, stage, p, k, tape[s])
        weight = 1.0 if s == 0 or s == 3 else 2.0
        reach = dt if s == 2 else 0.5 * dt
        for i in range(n):
            total[i] += weight * k[i]
            stage[i] = x[i] + reach * k[i]
    for i in range(n):
        x[i] += dt / 6.0 * total[i]


@kernel
def tangent_stage(indptr, indices, jacobian, y, out):
    n, columns = y.shape
    for i in range(n):
        for c in range(columns):
            out[i, c] = 0.0
        for entry in range(indptr[i], indptr[i + 1]):
            weight, j = jacobian[entry], indices[entry]
            for c in range(columns):
                out[i, c] += weight * y[j, c]


@kernel
def tangent_step(indptr, indices, dt, tape, q, y, k, total):
    n, columns = q.shape
    if dt == 0.0:
        tangent_stage(indptr, indices, tape[0], q, k)
        copy_matrix(k, q)
        return
    copy_matrix(q, y)
    total[:] = 0.0
    for s in range(4):
        tangent_stage(indptr, indices, tape[s], y, k)
        weight = q.dtype.type(1.0 if s == 0 or s == 3 else 2.0)
        reach = q.dtype.type(dt if s == 2 else 0.5 * dt)
        for i in range(n):
            for c in range(columns):
                total[i, c] += weight * k[i, c]
                y[i, c] = q[i, c] + reach * k[i, c]
    sixth = q.dtype.type(dt / 6.0)
    for i in range(n):
        for c in range(columns):
            q[i, c] += sixth * total[i, c]


@kernel
def propagate(
    stop, team, thread, threads, field, indptr, indices, p, dt, step, intervals, steps, unit,
    tape, slopes, x, q, log_sum, compensation, growth, status,
):  # fmt: skip
    """x (B, n), q (B, k, n), p (B or 1, parameters); tape, slopes (B, steps, stages, nonzeros)."""
    members, k, n = q.shape
    unit_time = 1.0 if dt == 0.0 else dt
    panels = (k + PANEL - 1) // PANEL
    work = np.empty((3, n))
    for interval in range(intervals):
        if raised(stop):
            break
        first = step + interval * steps
        b = take(team)
        while b < members:
            for s in range(steps):
                if raised(stop):
                    break
                state_step(
                    field, p[b % p.shape[0]], dt, (first + s) * unit_time, x[b], work, tape[b, s]
                )
            for s in range(steps):
                copy_matrix(tape[b, s], slopes[b, s])
            b = take(team)
        meet(stop, team, threads)
        job = take(team)
        while job < members * panels:
            b, panel = job // panels, job % panels
            columns = q[b, panel * PANEL : min(k, (panel + 1) * PANEL)]
            rows = np.ascontiguousarray(columns.T)
            y, out, total = np.empty_like(rows), np.empty_like(rows), np.empty_like(rows)
            for s in range(steps):
                if raised(stop):
                    break
                tangent_step(indptr, indices, dt, slopes[b, s], rows, y, out, total)
            copy_matrix(rows.T, columns)
            job = take(team)
        meet(stop, team, threads)
        b = take(team)
        while b < members:
            orthonormalise(q[b], unit, log_sum[b], compensation[b], growth[b], status[b])
            b = take(team)
        meet(stop, team, threads)


@kernel
def advance(stop, team, thread, threads, field, nonzeros, p, dt, step, steps, x):
    members, n = x.shape
    unit_time = 1.0 if dt == 0.0 else dt
    tape, work = np.empty((4, nonzeros)), np.empty((3, n))
    b = take(team)
    while b < members:
        for s in range(steps):
            if raised(stop):
                break
            state_step(field, p[b % p.shape[0]], dt, (step + s) * unit_time, x[b], work, tape)
        b = take(team)


@dataclass
class Columns:
    """Straight-line field and Jacobian entries, tangent columns as lanes."""

    graph: Graph
    params: Array
    dt: float
    k: int
    batch: int
    dtype: Any
    dim: int = field(init=False)

    def __post_init__(self) -> None:
        self.dim = len(self.graph.outputs)
        source, positions = columns_source(self.graph)
        self.field = module(source).field
        rows = np.array([i for i, _ in positions], np.int64)
        self.indices = np.array([j for _, j in positions], np.int64)
        self.indptr = np.searchsorted(rows, np.arange(self.dim + 1))

    def select(self, members: Any, dtype: Any) -> "Columns":
        params = chosen(self.params, members)
        return replace(self, params=params, batch=len(members), dtype=dtype)

    def advance(self, flight: Flight, steps: int) -> None:
        call(
            advance, min(get_num_threads(), self.batch), self.field, self.indices.size,
            self.params, self.dt, flight.step, steps, flight.state,
        )  # fmt: skip
        flight.step += steps

    def propagate(self, flight: Flight, intervals: int, steps_per_interval: int) -> None:
        basis = np.ascontiguousarray(np.swapaxes(flight.basis, 1, 2))
        tape = np.empty((self.batch, steps_per_interval, 4 if self.dt else 1, self.indices.size))
        slopes = np.empty(tape.shape, self.dtype)
        jobs = self.batch * -(-self.k // PANEL)
        call(
            propagate, min(jobs, get_num_threads()), self.field, self.indptr, self.indices,
            self.params, self.dt, flight.step, intervals, steps_per_interval,
            rank_unit(self.dim, self.dtype), tape, slopes, flight.state, basis, flight.log_sum,
            flight.compensation, flight.growth, flight.status,
        )  # fmt: skip
        flight.basis = np.ascontiguousarray(np.swapaxes(basis, 1, 2))
        flight.step += intervals * steps_per_interval
