"""Rate networks, dense or sparse: state first, then the tangent columns in strips.

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
from .network_state import ROWS, layout, net_of, row_size, state_steps
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
    SLACK,
    WIDEST,
    add_rows,
    combine,
    from_strips,
    lanes_of,
    registers,
    scale_rows,
    strip_edges,
    to_strips,
)
from .vectors import address, boundary, keep, outlined, shift
from .weights import SPARSE, addresses, is_shared, left_factor, members_of, multiply, which

# Members whose states run side by side: whole registers, one strip at most.
GROUP = min(8, WIDEST * lanes_of(np.float64))
ADVANCE = 16  # steps of a state in one piece
ONE_JOB = 64 * 64  # n k up to which a member is not worth sharing out

BUFFERS = 5  # strips that the stages of one strip need

# What the tangents need: weights, own (members or 1, stages, n) with the
# factors f in it, those factors (1 for a map) and the thirds of `combine`, all in their dtype.
_FIELDS = "own factors thirds current"
DenseTangents = namedtuple("DenseTangents", f"w {_FIELDS}")
SparseTangents = namedtuple("SparseTangents", f"{SPARSE} {_FIELDS}")


@kernel
def stage(width, lanes, n, current, weights, b, own, slope, apart, y, base, z, zeros, out):
    """out = base + (own + w slope) y for one strip; own and slope times the stage's f."""
    outlined()
    if current:
        scale_rows(n, width, lanes, slope, apart, own, y, base, z, out)
        multiply(weights, b, width, lanes, n, z, out, out)
    else:
        multiply(weights, b, width, lanes, n, y, zeros, z)
        add_rows(n, width, lanes, slope, apart, own, y, z, base, out)


@kernel
def strip_steps(stop, tangents, b, width, lanes, flow, slopes, at, apart, buffer, room, q):
    """One strip of member b through as many steps as `slopes` (stages, .) has.

    Its slopes start at element `at` of a row and are `apart`; buffer: BUFFERS times `room`, which
    is the size of the widest strip, the last of them zeros.
    """
    outlined()
    n, stages = tangents.own.shape[2], slopes.shape[0]
    size, row = n * width * lanes, slopes.shape[1]
    y2, y3, y4 = buffer, shift(buffer, room), shift(buffer, 2 * room)
    z, zeros = shift(buffer, 3 * room), shift(buffer, 4 * room)
    current, weights = tangents.current, addresses(tangents)
    o1 = shift(address(tangents.own), which(b, tangents.own) * tangents.own.shape[1] * n)
    tape, thirds = shift(address(slopes), at), tangents.thirds
    for s in range(0, stages, 4 if flow else 1):
        if raised(stop):
            break
        s1 = shift(tape, s * row)
        if not flow:
            stage(width, lanes, n, current, weights, b, o1, s1, apart, q, zeros, z, zeros, q)
            continue
        s2, s3, s4 = shift(s1, row), shift(s1, 2 * row), shift(s1, 3 * row)
        o2, o3, o4 = shift(o1, n), shift(o1, 2 * n), shift(o1, 3 * n)
        stage(width, lanes, n, current, weights, b, o1, s1, apart, q, q, z, zeros, y2)
        stage(width, lanes, n, current, weights, b, o2, s2, apart, y2, q, z, zeros, y3)
        stage(width, lanes, n, current, weights, b, o3, s3, apart, y3, q, z, zeros, y4)
        combine(size, lanes, thirds, y2, y3, y4, q)
        stage(width, lanes, n, current, weights, b, o4, s4, apart, y4, q, z, zeros, q)


@kernel
def scale_slopes(tape, factors, slopes):
    """The tape times the factor f of each stage, in the tangents' dtype."""
    for r in range(tape.shape[0]):
        f = factors[r % factors.size]
        for e in range(tape.shape[1]):
            slopes[r, e] = f * tape[r, e]


@parallel_kernel
def propagate_members(
    stop, phi, net, tangents, dt, step, intervals, steps, unit, lanes, group, x, q, columns,
    log_sum, compensation, growth, status,
):  # fmt: skip
    """Many or small members: groups of them are jobs. x (B, n), q (B, n columns) in strips."""
    members, n = x.shape
    flow = dt != 0.0
    stages = 4 * steps if flow else steps
    widest = min(columns, WIDEST * lanes)
    for job in prange((members + group - 1) // group):
        first = job * group
        count = min(group, members - first)
        width = row_size(net, n, count)
        across, apart = layout(net, n)
        work, tape = np.zeros((ROWS, width)), np.zeros((stages, width))
        slopes = np.zeros((stages, width), q.dtype)
        buffers = np.zeros(BUFFERS * n * widest + SLACK, q.dtype)
        inner = np.zeros(2 * widest * widest + columns + SLACK, q.dtype)
        reflections = np.zeros(workspace_size(n, columns, lanes) + SLACK, q.dtype)
        norm, diagonal = np.empty(log_sum.shape[1]), np.empty(log_sum.shape[1], q.dtype)
        for interval in range(intervals):
            if raised(stop):
                break
            state_steps(
                stop, phi, net, first, count, dt, step + interval * steps, steps, x, work, tape
            )
            scale_slopes(tape, tangents.factors, slopes)
            for g in range(count):
                b = first + g
                own = shift(address(q), b * n * columns)
                c = 0
                while c < columns:
                    wide = registers((columns - c) // lanes)
                    strip_steps(
                        stop, tangents, b, wide, lanes, flow, slopes, g * across,
                        apart, boundary(buffers), n * widest, shift(own, c * n),
                    )  # fmt: skip
                    c += wide * lanes
                orthonormalise_strips(
                    own, n, columns, lanes, unit, boundary(reflections), boundary(inner), norm,
                    diagonal, log_sum[b], compensation[b], growth[b], status[b],
                )  # fmt: skip
        keep(buffers)
        keep(inner)
        keep(reflections)


@parallel_kernel
def propagate_strips(
    stop, phi, net, tangents, dt, step, intervals, steps, unit, lanes, edges, x, q, columns,
    log_sum, compensation, growth, status,
):  # fmt: skip
    """Few large members: their strips are jobs."""
    members, n = x.shape
    flow = dt != 0.0
    stages = 4 * steps if flow else steps
    widest = min(columns, WIDEST * lanes)
    strips = edges.size - 1
    width = row_size(net, n, 1)
    tape = np.zeros((members, stages, width))
    slopes = np.zeros((members, stages, width), q.dtype)
    size = workspace_size(n, columns, lanes)
    reflections = np.zeros(members * size + SLACK, q.dtype)
    norm, diagonal = np.empty(log_sum.shape), np.empty(log_sum.shape, q.dtype)
    finite = np.empty(members, np.bool_)
    for interval in range(intervals):
        if raised(stop):
            break
        for b in prange(members):
            work = np.zeros((ROWS, width))
            state_steps(stop, phi, net, b, 1, dt, step + interval * steps, steps, x, work, tape[b])
            scale_slopes(tape[b], tangents.factors, slopes[b])
        for job in prange(members * strips):
            b, strip = job // strips, job % strips
            buffers = np.zeros(BUFFERS * n * widest + SLACK, q.dtype)
            strip_steps(
                stop, tangents, b, (edges[strip + 1] - edges[strip]) // lanes, lanes, flow,
                slopes[b], 0, 1, boundary(buffers), n * widest,
                shift(address(q), (b * columns + edges[strip]) * n),
            )  # fmt: skip
            keep(buffers)
        for p in range(strips):
            panel = (edges[p + 1] - edges[p]) // lanes
            for b in prange(members):
                if p == 0:
                    sums = np.empty(columns + SLACK, q.dtype)
                    own = shift(address(q), b * n * columns)
                    finite[b] = norms(own, n, columns, lanes, boundary(sums), norm[b])
                    keep(sums)
                if finite[b]:
                    own = shift(address(q), (b * columns + edges[p]) * n)
                    work = shift(boundary(reflections), b * size)
                    factor_panel(own, n, columns, lanes, edges[p], panel, work, diagonal[b])
            rest = strips - p - 1
            for job in prange(members * rest):
                b, strip = job // rest, p + 1 + job % rest
                if finite[b]:
                    inner = np.zeros(2 * widest * widest + SLACK, q.dtype)
                    own = shift(address(q), (b * columns + edges[strip]) * n)
                    work = shift(boundary(reflections), b * size)
                    wide = (edges[strip + 1] - edges[strip]) // lanes
                    apply_panel(
                        work, boundary(inner), n, columns, lanes, edges[p], panel, True, own, wide
                    )
                    keep(inner)
        for job in prange(members * strips):
            b, strip = job // strips, job % strips
            if finite[b]:
                inner = np.zeros(2 * widest * widest + SLACK, q.dtype)
                own = shift(address(q), (b * columns + edges[strip]) * n)
                work = shift(boundary(reflections), b * size)
                wide = (edges[strip + 1] - edges[strip]) // lanes
                form_strip(
                    work, boundary(inner), n, columns, lanes, edges[strip], wide, own, diagonal[b]
                )
                keep(inner)
        for b in range(members):
            settle(
                finite[b], norm[b], diagonal[b], unit, log_sum[b], compensation[b], growth[b],
                status[b],
            )  # fmt: skip
    keep(reflections)


@parallel_kernel
def advance(stop, phi, net, dt, step, steps, group, x):
    members, n = x.shape
    stages = (4 if dt != 0.0 else 1) * ADVANCE
    for job in prange((members + group - 1) // group):
        first = job * group
        count = min(group, members - first)
        width = row_size(net, n, count)
        work, tape = np.zeros((ROWS, width)), np.zeros((stages, width))
        for s in range(0, steps, ADVANCE):
            if raised(stop):
                break
            piece = min(ADVANCE, steps - s)
            state_steps(stop, phi, net, first, count, dt, step + s, piece, x, work, tape)


@dataclass
class Network:
    """Rate networks with tangents in strips."""

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
        self.dtype = np.dtype(self.dtype)
        self._lanes = lanes_of(self.dtype)
        shared = is_shared(self.weights) and self._group() == GROUP
        self._net = net_of(
            self.weights, self.bias, self.inputs, self.rate, self.current,
            GROUP if shared else 0,
        )  # fmt: skip
        scaled, own, factors = self.rate, 1.0 - self.rate, np.ones(1)
        if self.dt:
            scaled, own = 0.5 * self.dt * self.rate, -0.5 * self.dt * self.rate
            factors = np.array([1.0, 1.0, 2.0, 1 / 3])
        kind = SparseTangents if isinstance(self.weights, tuple) else DenseTangents
        self._tangents = kind(
            *left_factor(self.weights, self.dtype, scaled),
            (factors[:, None] * own[:, None]).astype(self.dtype), factors.astype(self.dtype),
            np.array([1 / 3, 2 / 3, -1 / 3], self.dtype), self.current,
        )  # fmt: skip

    def select(self, members: Any, dtype: Any) -> "Network":
        return replace(
            self, weights=members_of(self.weights, members), bias=chosen(self.bias, members),
            inputs=chosen(self.inputs, members), rate=chosen(self.rate, members),
            batch=len(members), dtype=dtype,
        )  # fmt: skip

    def _group(self) -> int:
        """Members a job: several when they are small, but enough jobs for all threads."""
        most = GROUP if self.dim < 64 else 1
        return min(most, max(1, self.batch // (4 * get_num_threads())))

    def advance(self, flight: Flight, steps: int) -> None:
        call(advance, self.phi, self._net, self.dt, flight.step, steps, self._group(), flight.state)
        flight.step += steps

    def propagate(self, flight: Flight, intervals: int, steps_per_interval: int) -> None:
        edges = strip_edges(self.k, self._lanes)
        strips = to_strips(flight.basis, self.dtype)
        by_member = self.batch >= get_num_threads() or self.dim * self.k <= ONE_JOB
        call(
            propagate_members if by_member else propagate_strips, self.phi, self._net,
            self._tangents, self.dt, flight.step, intervals, steps_per_interval,
            rank_unit(self.dim, self.dtype), self._lanes, self._group() if by_member else edges,
            flight.state, strips,
            int(edges[-1]), flight.log_sum, flight.compensation, flight.growth, flight.status,
        )  # fmt: skip
        from_strips(strips, flight.basis)
        flight.step += intervals * steps_per_interval
