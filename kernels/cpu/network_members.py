"""Rate networks, many or small members: groups of members are jobs."""

import numpy as np
from numba import prange

from ..jit import kernel, parallel_kernel
from .interruptible import raised
from .network_state import WORK_ROWS, layout, row_size, state_steps
from .network_tangents import BUFFERS, Strips, scale_slopes, strip_steps
from .reflections import orthonormalise_strips, width_of, workspace_size
from .strips import SLACK, WIDEST
from .vectors import address, boundary, keep, shift

IN_TURN = 24 * 1024  # bytes of strips whose stages are taken in turn: half of a first-level cache
AHEAD = 128 * 1024  # bytes of slopes that a state may be ahead of its tangents


@kernel
def most_in_turn(group, size, itemsize):
    return max(1, min(group, IN_TURN // (size * itemsize)))


@kernel
def tangent_interval(
    stop, tangents, first, members, flow, slopes, stages, row, across, apart, unit, lanes, edges,
    buffers, inner, reflections, norm, diagonal, q, log_sum, compensation, growth, status,
):  # fmt: skip
    """An interval and its QR of `members` members from `first` on; slopes, q by address."""
    n, columns = tangents.own.shape[2], edges[-1]
    for s in range(edges.size - 1):
        width = width_of(edges, s, lanes)
        room = n * width * lanes
        joined = width == 1 and tangents.shared
        most = most_in_turn(members, BUFFERS * room, buffers.itemsize)
        for g in range(0, members, most):
            count = min(most, members - g)
            strips = Strips(count, width, lanes, n, BUFFERS * room, room, across, apart, joined)
            strip_steps(
                stop, tangents, first + g, flow, shift(slopes, g * across), row, stages, strips,
                boundary(buffers), shift(q, ((first + g) * columns + edges[s]) * n), n * columns,
            )  # fmt: skip
    for b in range(first, first + members):
        orthonormalise_strips(
            shift(q, b * n * columns), n, lanes, edges, unit, boundary(reflections),
            boundary(inner), norm, diagonal, log_sum[b], compensation[b], growth[b], status[b],
        )  # fmt: skip


@kernel
def scratch(n, columns, lanes, group, k, dtype):
    """What `tangent_interval` works in."""
    widest = min(columns, WIDEST * lanes)
    size = BUFFERS * n * widest
    most = most_in_turn(group, size, np.empty(0, dtype).itemsize)
    return (
        np.zeros(most * size + SLACK, dtype),
        np.zeros(2 * widest * widest + SLACK, dtype),
        np.zeros(workspace_size(n, columns, lanes) + SLACK, dtype),
        np.empty(k),
        np.empty(k, dtype),
    )


@parallel_kernel
def propagate_members(
    stop, phi, net, tangents, dt, step, intervals, steps, unit, lanes, edges, group, x, q,
    log_sum, compensation, growth, status,
):  # fmt: skip
    """A job is a group and all its intervals. x (B, n), q (B, n columns) in strips."""
    members, n = x.shape
    flow = dt != 0.0
    stages = 4 * steps if flow else steps
    for job in prange((members + group - 1) // group):
        first = job * group
        count = min(group, members - first)
        width = row_size(net, n, count)
        across, apart = layout(net, n)
        works = np.zeros((WORK_ROWS + stages) * width + SLACK)
        work, tape = boundary(works), shift(boundary(works), WORK_ROWS * width)
        scaled = np.zeros(stages * width + SLACK, q.dtype)
        slopes = boundary(scaled)
        buffers, inner, reflections, norm, diagonal = scratch(
            n, edges[-1], lanes, group, log_sum.shape[1], q.dtype
        )
        for interval in range(intervals):
            if raised(stop):
                break
            state_steps(
                stop, phi, net, first, count, dt, step + interval * steps, steps, x, work, tape
            )
            scale_slopes(tape, tangents.factors, stages, width, slopes)
            tangent_interval(
                stop, tangents, first, count, flow, slopes, stages, width, across, apart,
                unit, lanes, edges, buffers, inner, reflections, norm, diagonal, address(q),
                log_sum, compensation, growth, status,
            )  # fmt: skip
        keep(works)
        keep(scaled)
        keep(buffers)
        keep(inner)
        keep(reflections)


@parallel_kernel
def propagate_ahead(
    stop, phi, net, tangents, dt, step, intervals, steps, unit, lanes, edges, x, q,
    log_sum, compensation, growth, status,
):  # fmt: skip
    """Fewer members than threads: the state of a member runs some intervals ahead on another."""
    members, n = x.shape
    flow = dt != 0.0
    stages = 4 * steps if flow else steps
    width = row_size(net, n, 1)
    across, apart = layout(net, n)
    piece = max(1, min(intervals, AHEAD // (8 * stages * width)))
    size = piece * stages * width
    scaled = np.zeros(2 * members * size + SLACK, q.dtype)
    for turn in range((intervals + piece - 1) // piece + 1):
        if raised(stop):
            break
        for job in prange(2 * members):
            b = job // 2
            if job % 2 == 0:
                begin = turn * piece
                now = min(piece, intervals - begin)
                if now > 0:
                    works = np.zeros((WORK_ROWS + now * stages) * width + SLACK)
                    work, tape = boundary(works), shift(boundary(works), WORK_ROWS * width)
                    state_steps(
                        stop, phi, net, b, 1, dt, step + begin * steps, now * steps, x, work, tape
                    )
                    slopes = shift(boundary(scaled), (2 * b + turn % 2) * size)
                    scale_slopes(tape, tangents.factors, now * stages, width, slopes)
                    keep(works)
            elif turn > 0:
                now = min(piece, intervals - (turn - 1) * piece)
                slopes = shift(boundary(scaled), (2 * b + (turn - 1) % 2) * size)
                buffers, inner, reflections, norm, diagonal = scratch(
                    n, edges[-1], lanes, 1, log_sum.shape[1], q.dtype
                )
                for interval in range(now):
                    if raised(stop):
                        break
                    own = shift(slopes, interval * stages * width)
                    tangent_interval(
                        stop, tangents, b, 1, flow, own, stages, width, across, apart, unit,
                        lanes, edges, buffers, inner, reflections, norm, diagonal, address(q),
                        log_sum, compensation, growth, status,
                    )  # fmt: skip
                keep(buffers)
                keep(inner)
                keep(reflections)
    keep(scaled)
