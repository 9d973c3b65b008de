"""dx/dt = L x + D f(B x) with a constant matrix L that may be stiff: ETDRK4 and its tangents.

f is generated straight-line code as in `columns`; the linear part, and B and D where f is evaluated
on a grid, are products of matrices with blocks of tangent columns.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...codegen import Statements
from ...jit import kernel
from ...loops import Loops
from ...phi_functions import etdrk4_weights
from ...propagator import Array, Carry, Portable, chosen, rank_unit
from ..qr.orthonormal import orthonormalise
from ..simd.copying import copy_matrix
from ..team.crew import Crew
from ..team.interruptible import call, raised, threads_for
from ..team.sharing import barrier, take
from ..traced.linear import compiled_field
from ..traced.panels import PANEL, Panelled
from .steps import Model, cotangent_function, linear_functions, state_function, tangent_function

PIECE = 64  # steps that `tangent_steps` has on tape


@kernel
def state_interval(stop, along, field, model, p, dt, first, steps, x, tape, slopes):
    """The state through an interval; the Jacobians' entries go to slopes, in the tangents' type."""
    along(stop, field, model, p, dt, first, steps, x, tape)
    for s in range(steps):
        copy_matrix(tape[s], slopes[s])


@kernel
def panel_interval(stop, along, model, panel, slopes, q):
    """Some of the tangent columns, rows of q (k, n), through the same interval."""
    columns = q[panel * PANEL : min(q.shape[0], (panel + 1) * PANEL)]
    rows = np.empty((columns.shape[1], columns.shape[0]), q.dtype)
    copy_matrix(columns.T, rows)
    along(stop, model, slopes, rows)
    copy_matrix(rows.T, columns)


@kernel
def propagate(
    stop, team, thread, threads, alone, state, tangents, field, exact, model, p, dt, step,
    intervals, steps, unit, tape, slopes, x, q, log_sum, compensation, cancellation, status,
):  # fmt: skip
    """x (B, n), q (B, k, n), p (B or 1, parameters); tape, slopes (T, steps, 4, entries).

    `exact` is the model in float64, `model` in the tangents' type. Either each thread takes members
    by itself, with a tape of its own (T threads); or, where there are fewer members than threads
    (T members), all wait for each other after each part.
    """
    members, k, _ = q.shape
    panels = (k + PANEL - 1) // PANEL
    # Alone, a thread is a team of one for each member that it takes.
    together = np.zeros(team.size, team.dtype) if alone else team
    size = 1 if alone else threads
    begin = take(team) if alone else 0
    while begin < members:
        end = begin + 1 if alone else members
        for interval in range(intervals):
            if raised(stop):
                break
            first = step + interval * steps
            b = begin + take(together)
            while b < end:
                at = thread if alone else b
                state_interval(
                    stop,
                    state,
                    field,
                    exact,
                    p[b % p.shape[0]],
                    dt,
                    first,
                    steps,
                    x[b],
                    tape[at],
                    slopes[at],
                )
                b = begin + take(together)
            barrier(stop, together, size)
            job = take(together)
            while job < (end - begin) * panels:
                b = begin + job // panels
                at = thread if alone else b
                panel_interval(stop, tangents, model, job % panels, slopes[at], q[b])
                job = take(together)
            barrier(stop, together, size)
            b = begin + take(together)
            while b < end:
                orthonormalise(q[b], unit, log_sum[b], compensation[b], cancellation[b], status[b])
                b = begin + take(together)
            barrier(stop, together, size)
        begin = take(team) if alone else members


@kernel
def run_tangents(
    stop, team, thread, threads, state, tangents, field, model, p, dt, step, steps, x, v
):
    """x (B, n) and tangents v (B, n, m), m >= 0, through `steps` steps."""
    members, _, columns = v.shape
    tape = np.empty((PIECE, 4, model.indices.size))
    b = take(team)
    while b < members:
        done = 0
        while done < steps and not raised(stop):
            count = min(PIECE, steps - done)
            state(stop, field, model, p[b % p.shape[0]], dt, step + done, count, x[b], tape)
            if columns:  # BLAS refuses matrices of none
                tangents(stop, model, tape[:count], v[b])
            done += count
        b = take(team)


@kernel
def run_cotangents(
    stop, team, thread, threads, state, cotangents, field, model, transposed, p, dt, step, steps,
    x, v,
):  # fmt: skip
    """Cotangents v (B, n, m) back through the `steps` steps from x (B, n), which stays."""
    tape = np.empty((steps, 4, model.indices.size))
    b = take(team)
    while b < v.shape[0]:
        state(stop, field, model, p[b % p.shape[0]], dt, step, steps, x[b].copy(), tape)
        cotangents(stop, transposed, tape, v[b])
        b = take(team)


@dataclass
class Etdrk4(Panelled, Portable):
    """`linear` (n,) is a diagonal, (n, n) a matrix; `grid` is (B, D), where f acts on a grid."""

    function: Statements | Loops
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
        self.field, self.indptr, self.indices = compiled_field(self.function)
        self.exact = self._model(np.float64)
        self.model = self._model(self.dtype)
        self.state = state_function()
        self.tangents = tangent_function(np.dtype(self.dtype))

    def _model(self, dtype: Any, transposed: bool = False) -> Any:
        weights, one = etdrk4_weights(self.linear, self.dt), np.ones((self.dim, 1))
        read, write = self.grid or (one, one)
        if transposed and self.linear.ndim == 2:
            weights = weights.swapaxes(1, 2)
        if transposed and self.grid:
            read, write = read.T, write.T
        weights, read, write = (np.ascontiguousarray(a, dtype) for a in (weights, read, write))
        sizes = len(self.function.state), len(self.function.outputs)
        return Model(  # type: ignore[call-arg]
            *linear_functions(np.dtype(dtype)),
            weights,
            read,
            write,
            *sizes,
            self.indptr,
            self.indices,
        )

    @cached_property
    def _transposed(self) -> Any:
        return self._model(np.float64, transposed=True)

    def select(self, members: Any, dtype: Any) -> "Etdrk4":
        params = chosen(self.params, members)
        return replace(self, params=params, batch=len(members), dtype=dtype)

    def advance(self, carry: Carry, steps: int) -> None:
        nothing = np.empty((*carry.state.shape, 0))
        self.tangent_steps(carry.state, carry.step, steps, nothing)
        carry.step += steps

    def _run(self, carry: Carry, basis: Any, threads: int, intervals: int, steps: int) -> None:
        alone, threads, tape, slopes = self.shared_out(threads, steps, 4)
        call(
            propagate, threads, alone, self.state, self.tangents, self.field, self.exact,
            self.model, self.params, self.dt, carry.step, intervals, steps,
            rank_unit(self.dim, self.dtype), tape, slopes, carry.state, basis, carry.log_sum,
            carry.compensation, carry.cancellation, carry.status,
        )  # fmt: skip

    def tangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        call(
            run_tangents,
            threads_for(len(state)),
            self.state,
            tangent_function(np.dtype(float)),
            self.field,
            self.exact,
            self.params,
            self.dt,
            step,
            steps,
            state,
            vectors,
        )

    def cotangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        call(
            run_cotangents, threads_for(len(state)), self.state, cotangent_function(), self.field,
            self.exact, self._transposed, self.params, self.dt, step, steps, state, vectors,
        )  # fmt: skip
