"""Dense rate networks: state first, then the tangent columns in strips.

Over one interval the state runs alone and leaves its slopes phi'(u) at every stage on a tape; the
strips of tangent columns then run through the same stages, with no exchange between them. So the
partition of work is fixed by n and k, members and strips run on any number of threads with the
same bits, and the leading columns of a full run follow the same orbit.

A stage of the tangents is one product. With w_ij for dt/2 rate_i W_ij and own_i for -dt/2 rate_i,
stages 1 to 4 are out = base + f (own + w slope) y with f = 1, 1, 2, 1/3, where base is q, q, q and,
from the first three, (y2 + 2 y3 + y4 - q)/3: no sum of stages is carried along.
"""

from collections import namedtuple
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numba import get_num_threads, prange

from ..jit import kernel, parallel_kernel
from ..propagator import Array, Flight, chosen, rank_unit
from .interruptible import call, raised
from .network_state import Net, state_steps
from .reflections import (
    apply_panel,
    factor_panel,
    form_strip,
    norms,
    orthonormalise_strips,
    settle,
    workspace_size,
)
from .strips import (
    add_rows,
    combine,
    from_strips,
    lanes_of,
    packed,
    registers,
    scale_rows,
    strip_edges,
    strip_product,
    to_strips,
)
from .vectors import address, boundary, keep, shift

GROUP = 8  # members whose states run side by side, so that phi sees long vectors
ONE_JOB = 64 * 64  # n k up to which a member is not worth sharing out

# What the tangents need: w (members or 1, n n) packed, own (members or 1, n), factors of the
# stages and the thirds of `combine`, all of the tangents' dtype; f of a map is 1.
Tangents = namedtuple("Tangents", "w own factors thirds current")


@kernel
def stage(width, lanes, n, current, w, own, slope, f, factor, scaled, y, base, z, zeros, out):
    """out = base + f (own + w slope) y for one strip; slope by address."""
    for i in range(n):
        factor[i] = f * slope[i]
        scaled[i] = f * own[i]
    if current:
        scale_rows(n, width, lanes, factor, scaled, y, base, z, out)
        strip_product(width, lanes, w, z, n, n, out, out)
    else:
        strip_product(width, lanes, w, y, n, n, zeros, z)
        add_rows(n, width, lanes, factor, scaled, y, z, base, out)


@kernel
def strip_steps(stop, tangents, b, width, lanes, n, flow, slopes, at, q):
    """One strip of member b, by address, through as many steps as `slopes` (stages, .) has."""
    size = n * width * lanes
    buffer = np.zeros(5 * size + lanes, slopes.dtype)
    y2 = boundary(buffer)
    y3, y4, z, zeros = shift(y2, size), shift(y2, 2 * size), shift(y2, 3 * size), shift(y2, 4 * size)
    factor, scaled = np.empty(n, slopes.dtype), np.empty(n, slopes.dtype)
    w = shift(address(tangents.w), (b % tangents.w.shape[0]) * tangents.w.shape[1])
    own, f, current = tangents.own[b % tangents.own.shape[0]], tangents.factors, tangents.current
    tape, row = shift(address(slopes), at), slopes.shape[1]
    rows = slopes.shape[0]
    for s in range(0, rows, 4 if flow else 1):
        if raised(stop):
            break
        here = shift(tape, s * row)
        if not flow:
            stage(width, lanes, n, current, w, own, here, f[0], factor, scaled, q, zeros, z,
                  zeros, q)  # fmt: skip
            continue
        stage(width, lanes, n, current, w, own, here, f[0], factor, scaled, q, q, z, zeros, y2)
        stage(width, lanes, n, current, w, own, shift(here, row), f[1], factor, scaled, y2, q, z,
              zeros, y3)  # fmt: skip
        stage(width, lanes, n, current, w, own, shift(here, 2 * row), f[2], factor, scaled, y3, q,
              z, zeros, y4)  # fmt: skip
        combine(size, lanes, tangents.thirds, y2, y3, y4, q)
        stage(width, lanes, n, current, w, own, shift(here, 3 * row), f[3], factor, scaled, y4, q,
              z, zeros, q)  # fmt: skip
    keep(buffer)


@parallel_kernel
def propagate_members(
    stop, net, tangents, dt, step, intervals, steps, unit, lanes, group, x, q, columns,
    log_sum, compensation, growth, status,
):  # fmt: skip
    """Many or small members: groups of them are jobs. x (B, n), q (B, n columns) in strips."""
    members, n = x.shape
    flow = dt != 0.0
    stages = 4 * steps if flow else steps
    for job in prange((members + group - 1) // group):
        first = job * group
        count = min(group, members - first)
        width = (n + net.lanes - 1) // net.lanes * net.lanes
        work = np.zeros((6, count * width))
        tape = np.zeros((stages, count * width))
        slopes = np.zeros((stages, count * width), q.dtype)
        reflections = np.zeros(workspace_size(n, columns, lanes) + lanes, q.dtype)
        start = address(q)
        for interval in range(intervals):
            if raised(stop):
                break
            state_steps(stop, net, first, count, dt, step + interval * steps, steps, x, work, tape)
            for r in range(stages):
                for e in range(count * width):
                    slopes[r, e] = tape[r, e]
            for g in range(count):
                b = first + g
                own = shift(start, b * n * columns)
                c = 0
                while c < columns:
                    wide = registers((columns - c) // lanes)
                    strip_steps(
                        stop, tangents, b, wide, lanes, n, flow, slopes, g * width,
                        shift(own, c * n),
                    )  # fmt: skip
                    c += wide * lanes
                orthonormalise_strips(
                    own, n, columns, lanes, unit, boundary(reflections), tangents.factors,
                    log_sum[b], compensation[b], growth[b], status[b],
                )  # fmt: skip
        keep(reflections)


@parallel_kernel
def propagate_strips(
    stop, net, tangents, dt, step, intervals, steps, unit, lanes, edges, x, q, columns,
    log_sum, compensation, growth, status,
):  # fmt: skip
    """Few large members: their strips are jobs."""
    members, n = x.shape
    flow = dt != 0.0
    stages = 4 * steps if flow else steps
    width = (n + net.lanes - 1) // net.lanes * net.lanes
    tape = np.zeros((members, stages, width))
    slopes = np.zeros((members, stages, width), q.dtype)
    strips = edges.size - 1
    size = workspace_size(n, columns, lanes)
    reflections = np.zeros(members * size + lanes, q.dtype)
    norm, diagonal = np.empty(log_sum.shape), np.empty(log_sum.shape, q.dtype)
    finite = np.empty(members, np.bool_)
    for interval in range(intervals):
        if raised(stop):
            break
        for b in prange(members):
            work = np.zeros((6, width))
            state_steps(
                stop, net, b, 1, dt, step + interval * steps, steps, x, work, tape[b]
            )
            for r in range(stages):
                for e in range(width):
                    slopes[b, r, e] = tape[b, r, e]
        for job in prange(members * strips):
            b, strip = job // strips, job % strips
            strip_steps(
                stop, tangents, b, (edges[strip + 1] - edges[strip]) // lanes, lanes, n, flow,
                slopes[b], 0, shift(address(q), b * n * columns + edges[strip] * n),
            )  # fmt: skip
        for b in prange(members):
            own = shift(address(q), b * n * columns)
            finite[b] = norms(own, n, columns, lanes, diagonal, norm[b])
        for p in range(strips):
            panel = (edges[p + 1] - edges[p]) // lanes
            for b in prange(members):
                if finite[b]:
                    own = shift(address(q), (b * columns + edges[p]) * n)
                    work = shift(boundary(reflections), b * size)
                    factor_panel(own, n, columns, lanes, edges[p], panel, work, diagonal[b])
            rest = strips - p - 1
            for job in prange(members * rest):
                b, strip = job // rest, p + 1 + job % rest
                if finite[b]:
                    own = shift(address(q), (b * columns + edges[strip]) * n)
                    work = shift(boundary(reflections), b * size)
                    wide = (edges[strip + 1] - edges[strip]) // lanes
                    apply_panel(
                        work, n, columns, lanes, edges[p], panel, True, own, wide, diagonal
                    )
        for job in prange(members * strips):
            b, strip = job // strips, job % strips
            if finite[b]:
                own = shift(address(q), (b * columns + edges[strip]) * n)
                work = shift(boundary(reflections), b * size)
                wide = (edges[strip + 1] - edges[strip]) // lanes
                form_strip(work, n, columns, lanes, edges[strip], wide, own, diagonal[b])
        for b in prange(members):
            settle(
                finite[b], norm[b], diagonal[b], unit, log_sum[b], compensation[b], growth[b],
                status[b],
            )  # fmt: skip
    keep(reflections)


@parallel_kernel
def advance(stop, net, dt, step, steps, group, x):
    members, n = x.shape
    stages = 4 if dt != 0.0 else 1
    for job in prange((members + group - 1) // group):
        first = job * group
        count = min(group, members - first)
        width = (n + net.lanes - 1) // net.lanes * net.lanes
        work, tape = np.zeros((6, count * width)), np.zeros((stages, count * width))
        for s in range(steps):
            if raised(stop):
                break
            state_steps(stop, net, first, count, dt, step + s, 1, x, work, tape)


@dataclass
class Dense:
    """Networks with an array of weights."""

    weights: Array  # (B or 1, n, n)
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
        self.dtype = np.dtype(self.dtype)
        self._lanes = lanes_of(self.dtype)
        self._net = Net(
            to_strips(self.weights.swapaxes(1, 2), np.float64), self.bias, self.inputs, self.rate,
            self.current, self.phi, lanes_of(np.float64),
        )  # fmt: skip
        scaled, own, factors = self.rate, 1.0 - self.rate, [1.0]
        if self.dt:
            scaled, own = 0.5 * self.dt * self.rate, -0.5 * self.dt * self.rate
            factors = [1.0, 1.0, 2.0, 1.0 / 3.0]
        self._tangents = Tangents(
            packed(scaled[:, :, None] * self.weights, self.dtype), own.astype(self.dtype),
            np.array(factors, self.dtype), np.array([1 / 3, 2 / 3, -1 / 3], self.dtype),
            self.current,
        )  # fmt: skip

    def select(self, members: Any, dtype: Any) -> "Dense":
        return replace(
            self, weights=chosen(self.weights, members), bias=chosen(self.bias, members),
            inputs=chosen(self.inputs, members), rate=chosen(self.rate, members),
            batch=len(members), dtype=dtype,
        )  # fmt: skip

    def _group(self) -> int:
        """Members a job: several when they are small, but enough jobs for all threads."""
        most = GROUP if self.dim < 64 else 1
        return min(most, max(1, self.batch // (4 * get_num_threads())))

    def advance(self, flight: Flight, steps: int) -> None:
        call(advance, self._net, self.dt, flight.step, steps, self._group(), flight.state)
        flight.step += steps

    def propagate(self, flight: Flight, intervals: int, steps_per_interval: int) -> None:
        edges = strip_edges(self.k, self._lanes)
        strips = to_strips(flight.basis, self.dtype)
        by_member = self.batch >= get_num_threads() or self.dim * self.k <= ONE_JOB
        call(
            propagate_members if by_member else propagate_strips, self._net, self._tangents,
            self.dt, flight.step, intervals, steps_per_interval, rank_unit(self.dim, self.dtype),
            self._lanes, self._group() if by_member else edges, flight.state, strips,
            int(edges[-1]), flight.log_sum, flight.compensation, flight.growth, flight.status,
        )  # fmt: skip
        from_strips(strips, flight.basis)
        flight.step += intervals * steps_per_interval
