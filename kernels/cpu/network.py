"""Rate networks, dense or sparse: state first, then tangent columns in panels.

Over one interval the state runs alone and leaves its slopes phi'(u) at every stage on a tape;
the tangent columns then run through the same stages, panel by panel, with no exchange between
panels. So the partition of work is fixed by k alone, panels and members run on any number of
threads with the same bits, and the leading k columns of a full run follow the same orbit.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numba import prange

from ..jit import kernel, parallel_kernel
from ..propagator import Array, Flight, chosen, rank_unit
from .copying import copy_matrix, copy_vector
from .interruptible import call, raised
from .orthonormal import orthonormalise
from .weights import matvec, member, multiply

PANEL = 64  # tangent columns a panel; wide enough for BLAS, narrow enough to share


@kernel
def vector_field(w, bias, inputs, rate, current, phi, x, u, value, slope, out):
    """out = rate * (-x + W phi(x) + b + input) or rate * (-x + phi(W x + b + input))."""
    n = x.size
    if current:
        phi(x, value, slope)
        matvec(w, value, out)
        for i in range(n):
            out[i] = rate[i] * (out[i] + bias[i] + inputs[i] - x[i])
    else:
        matvec(w, x, u)
        for i in range(n):
            u[i] += bias[i] + inputs[i]
        phi(u, value, slope)
        for i in range(n):
            out[i] = rate[i] * (value[i] - x[i])


@kernel
def state_step(w, bias, inputs, rate, current, phi, dt, x, work, tape):
    """One step in place; tape (stages, n) receives the slopes. dt = 0 means a map."""
    n = x.size
    u, value, k, total, stage = work[0], work[1], work[2], work[3], work[4]
    if dt == 0.0:
        vector_field(w, bias, inputs, rate, current, phi, x, u, value, tape[0], k)
        for i in range(n):
            x[i] += k[i]
        return
    copy_vector(x, stage)
    total[:] = 0.0
    for s in range(4):
        vector_field(w, bias, inputs, rate, current, phi, stage, u, value, tape[s], k)
        weight = 1.0 if s == 0 or s == 3 else 2.0
        reach = dt if s == 2 else 0.5 * dt
        for i in range(n):
            total[i] += weight * k[i]
            stage[i] = x[i] + reach * k[i]
    for i in range(n):
        x[i] += dt / 6.0 * total[i]


@kernel
def tangent_stage(w, rate, current, slope, y, scaled, out):
    """out = J y for each row of y (columns, n)."""
    columns, n = y.shape
    if current:
        for c in range(columns):
            for i in range(n):
                scaled[c, i] = slope[i] * y[c, i]
        multiply(w, scaled, out)
        for c in range(columns):
            for i in range(n):
                out[c, i] = rate[i] * (out[c, i] - y[c, i])
    else:
        multiply(w, y, out)
        for c in range(columns):
            for i in range(n):
                out[c, i] = rate[i] * (slope[i] * out[c, i] - y[c, i])


@kernel
def tangent_step(w, rate, current, dt, tape, q, y, scaled, k, total):
    columns, n = q.shape
    if dt == 0.0:
        tangent_stage(w, rate, current, tape[0], q, scaled, k)
        for c in range(columns):
            for i in range(n):
                q[c, i] += k[c, i]
        return
    copy_matrix(q, y)
    total[:] = 0.0
    for s in range(4):
        tangent_stage(w, rate, current, tape[s], y, scaled, k)
        weight = q.dtype.type(1.0 if s == 0 or s == 3 else 2.0)
        reach = q.dtype.type(dt if s == 2 else 0.5 * dt)
        for c in range(columns):
            for i in range(n):
                total[c, i] += weight * k[c, i]
                y[c, i] = q[c, i] + reach * k[c, i]
    sixth = q.dtype.type(dt / 6.0)
    for c in range(columns):
        for i in range(n):
            q[c, i] += sixth * total[c, i]


@parallel_kernel
def propagate(
    stop, w, w_tangent, bias, inputs, rate, rate_tangent, current, phi, dt, step, intervals, steps,
    unit, x, q, log_sum, compensation, growth, status,
):  # fmt: skip
    """x (B, n), q (B, k, n); w, bias, inputs, rate carry a leading axis of B or 1."""
    members, k, n = q.shape
    stages = 1 if dt == 0.0 else 4
    panels = (k + PANEL - 1) // PANEL
    width = min(PANEL, k)
    tape = np.empty((members, steps, stages, n))
    slopes = np.empty((members, steps, stages, n), q.dtype)
    for interval in range(intervals):
        if raised(stop):
            break
        first = step + interval * steps
        for b in prange(members):
            work = np.empty((5, n))
            for s in range(steps):
                if raised(stop):
                    break
                state_step(
                    member(w, b), bias[b % bias.shape[0]],
                    inputs[b % inputs.shape[0], (first + s) % inputs.shape[1]],
                    rate[b % rate.shape[0]], current, phi, dt, x[b], work, tape[b, s],
                )  # fmt: skip
            for s in range(steps):
                copy_matrix(tape[b, s], slopes[b, s])
        for job in prange(members * panels):
            b, panel = job // panels, job % panels
            columns = q[b, panel * PANEL : min(k, (panel + 1) * PANEL)]
            m = columns.shape[0]
            y = np.empty((width, n), q.dtype)[:m]
            scaled = np.empty((width, n), q.dtype)[:m]
            out = np.empty((width, n), q.dtype)[:m]
            total = np.empty((width, n), q.dtype)[:m]
            for s in range(steps):
                if raised(stop):
                    break
                tangent_step(
                    member(w_tangent, b), rate_tangent[b % rate.shape[0]], current, dt,
                    slopes[b, s], columns, y, scaled, out, total,
                )  # fmt: skip
        for b in prange(members):
            orthonormalise(q[b], unit, log_sum[b], compensation[b], growth[b], status[b])


@parallel_kernel
def advance(stop, w, bias, inputs, rate, current, phi, dt, step, steps, x):
    members, n = x.shape
    for b in prange(members):
        tape = np.empty((4, n))
        work = np.empty((5, n))
        for s in range(steps):
            if raised(stop):
                break
            state_step(
                member(w, b), bias[b % bias.shape[0]],
                inputs[b % inputs.shape[0], (step + s) % inputs.shape[1]],
                rate[b % rate.shape[0]], current, phi, dt, x[b], work, tape,
            )  # fmt: skip


@dataclass
class Network:
    """Rate networks: BLAS or CSR products on panels of tangent columns."""

    weights: Any  # (B or 1, n, n), or the CSR triple (indptr, indices, data)
    bias: Array  # (B or 1, n)
    inputs: Array  # (B or 1, T, n); T = 1 when constant
    rate: Array  # (B or 1, n): 1/tau for flows, the leak for maps
    current: bool
    phi: Any  # a compiled activation
    dt: float
    k: int
    batch: int
    dtype: Any
    dim: int = field(init=False)

    def __post_init__(self) -> None:
        self.dim = self.bias.shape[-1]
        if isinstance(self.weights, tuple):
            indptr, indices, data = self.weights
            self._state_weights = self.weights
            self._tangent_weights: Any = (indptr, indices, data.astype(self.dtype))
        else:
            self._state_weights = np.ascontiguousarray(np.swapaxes(self.weights, 1, 2))
            self._tangent_weights = self.weights.astype(self.dtype)
        self._tangent_rate = self.rate.astype(self.dtype)

    def select(self, members: Any, dtype: Any) -> "Network":
        sparse = isinstance(self.weights, tuple)
        return replace(
            self, weights=self.weights if sparse else chosen(self.weights, members),
            bias=chosen(self.bias, members), inputs=chosen(self.inputs, members),
            rate=chosen(self.rate, members), batch=len(members), dtype=dtype,
        )  # fmt: skip

    def advance(self, flight: Flight, steps: int) -> None:
        call(
            advance, self._state_weights, self.bias, self.inputs, self.rate, self.current,
            self.phi, self.dt, flight.step, steps, flight.state,
        )  # fmt: skip
        flight.step += steps

    def propagate(self, flight: Flight, intervals: int, steps_per_interval: int) -> None:
        basis = np.ascontiguousarray(np.swapaxes(flight.basis, 1, 2))
        call(
            propagate, self._state_weights, self._tangent_weights, self.bias, self.inputs,
            self.rate, self._tangent_rate, self.current, self.phi, self.dt, flight.step, intervals,
            steps_per_interval, rank_unit(self.dim, self.dtype), flight.state, basis,
            flight.log_sum, flight.compensation, flight.growth, flight.status,
        )  # fmt: skip
        flight.basis = np.ascontiguousarray(np.swapaxes(basis, 1, 2))
        flight.step += intervals * steps_per_interval
