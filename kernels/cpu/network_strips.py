"""Rate networks, few large members: strips of tangent columns are jobs."""

import numpy as np
from numba import prange

from ..jit import kernel, parallel_kernel
from .interruptible import raised
from .network_state import WORK_ROWS, row_size, state_steps
from .network_tangents import BUFFERS, Strips, scale_slopes, strip_steps
from .reflections import (
    apply_panel,
    factor_panel,
    form_strip,
    norms,
    settle,
    width_of,
    workspace_size,
)
from .sharing import take
from .strips import SLACK, WIDEST
from .vectors import address, boundary, keep, shift


@kernel
def all_finite(finite):
    for f in finite:
        if not f:
            return False
    return True


@parallel_kernel
def propagate_strips(
    stop, phi, net, tangents, dt, step, intervals, steps, unit, lanes, edges, threads, x, q,
    log_sum, compensation, growth, status,
):  # fmt: skip
    """x (B, n), q (B, n columns) in strips.

    A strip's job is Q of the last QR, the steps, and for the first strip R and the reflections;
    the state of the next interval is a job beside them. Then each panel's reflections go to the
    strips right of it, and whoever had the next one factorises it. So a single thread works
    nowhere but on the panels themselves, and those only as long as there is nothing to apply.
    """
    members, n = x.shape
    flow = dt != 0.0
    stages = 4 * steps if flow else steps
    strips, columns, k = edges.size - 1, edges[-1], log_sum.shape[1]
    widest = min(columns, WIDEST * lanes)
    width = row_size(net, n, 1)
    slopes_size = stages * width
    scaled = np.zeros(2 * members * slopes_size + SLACK, q.dtype)  # of this interval and the next
    size = workspace_size(n, columns, lanes)
    reflections = np.zeros(2 * members * size + SLACK, q.dtype)  # of this interval and the last
    norm, diagonal = np.empty((members, k)), np.empty((2, members, k), q.dtype)
    finite = np.zeros((2, members, strips), np.bool_)
    counter = np.zeros(1, np.int64)
    # Here, and not in the loops: large arrays are fresh pages each time.
    buffer_size = BUFFERS * n * widest
    work_size = (WORK_ROWS + stages) * width
    works = np.zeros(threads * work_size + SLACK)
    inner_size = 2 * widest * widest
    buffers, inners = (
        np.zeros(threads * buffer_size + SLACK, q.dtype),
        np.zeros(threads * inner_size + SLACK, q.dtype),
    )
    for interval in range(-1, intervals + 1):
        if raised(stop):
            break
        now, last = interval % 2, (interval + 1) % 2
        measured, ahead = 0 <= interval < intervals, interval + 1 < intervals
        states = members if ahead else 0
        jobs = states + (members * strips if interval >= 0 else 0)
        counter[0] = 0
        for thread in prange(threads):
            buffer = shift(boundary(buffers), thread * buffer_size)
            inner = shift(boundary(inners), thread * inner_size)
            work = shift(boundary(works), thread * work_size)
            tape = shift(work, WORK_ROWS * width)
            job = take(counter)
            while job < jobs:
                if job < states:
                    begin = step + (interval + 1) * steps
                    state_steps(stop, phi, net, job, 1, dt, begin, steps, x, work, tape)
                    slopes = shift(boundary(scaled), (last * members + job) * slopes_size)
                    scale_slopes(tape, tangents.factors, stages, width, slopes)
                else:
                    b, strip = (job - states) // strips, (job - states) % strips
                    first, end = edges[strip], min(edges[strip + 1], k)
                    wide = width_of(edges, strip, lanes)
                    own = shift(address(q), (b * columns + first) * n)
                    if interval > 0 and all_finite(finite[last, b]):
                        form_strip(
                            shift(boundary(reflections), (last * members + b) * size),
                            inner, n, lanes, edges, strip, own, diagonal[last, b],
                        )  # fmt: skip
                    if measured:
                        slopes = shift(boundary(scaled), (now * members + b) * slopes_size)
                        room = n * wide * lanes
                        one = Strips(1, wide, lanes, n, BUFFERS * room, room, 0, 1, False)
                        strip_steps(
                            stop, tangents, b, flow, slopes, width, stages, one,
                            buffer, own, n * columns,
                        )  # fmt: skip
                        finite[now, b, strip] = norms(
                            own, n, wide, lanes, inner, norm[b, first:end]
                        )
                        if strip == 0 and finite[now, b, 0]:
                            panel = shift(boundary(reflections), (now * members + b) * size)
                            factor_panel(own, n, columns, lanes, 0, wide, panel, diagonal[now, b])
                job = take(counter)
        for p in range(strips - 1 if measured else 0):
            counter[0] = 0
            for thread in prange(threads):
                inner = shift(boundary(inners), thread * inner_size)
                job = take(counter)
                while job < members * (strips - p - 1):
                    b, strip = job % members, p + 1 + job // members
                    if all_finite(finite[now, b]):
                        work = shift(boundary(reflections), (now * members + b) * size)
                        first, wide = edges[strip], width_of(edges, strip, lanes)
                        own = shift(address(q), (b * columns + first) * n)
                        panel = width_of(edges, p, lanes)
                        apply_panel(
                            work, inner, n, columns, lanes, edges[p], panel, True, own,
                            wide,
                        )  # fmt: skip
                        if strip == p + 1:
                            factor_panel(
                                own, n, columns, lanes, first, wide, work, diagonal[now, b]
                            )
                    job = take(counter)
        for b in range(members if measured else 0):
            settle(
                all_finite(finite[now, b]), norm[b], diagonal[now, b], unit, log_sum[b],
                compensation[b], growth[b], status[b],
            )  # fmt: skip
    keep(reflections)
    keep(scaled)
    keep(works)
    keep(buffers)
    keep(inners)
