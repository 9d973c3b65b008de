"""Rate networks, many or small members: groups of members are jobs."""

from collections import namedtuple

import numpy as np

from ..jit import inlined, kernel
from .interruptible import raised
from .network_state import layout, row_size, state_slopes, work_size
from .network_tangents import BUFFERS, job_of
from .reflections import orthonormalise_strips, width_of, workspace_size
from .sharing import meet, take
from .strips import SLACK, WIDEST
from .vectors import address, boundary, keep, on_stack, shift

IN_TURN = 24 * 1024  # bytes of strips whose stages are taken in turn: half of a first-level cache
AHEAD = 128 * 1024  # bytes of slopes that a state may be ahead of its tangents

# What the tangents of a group need, by address.
Scratch = namedtuple("Scratch", "buffers inner reflections")


@kernel
def most_in_turn(group, size, itemsize):
    return max(1, min(group, IN_TURN // (size * itemsize)))


@kernel
def buffer_size(n, columns, lanes, group, itemsize):
    size = BUFFERS * n * min(columns, WIDEST * lanes)
    return most_in_turn(group, size, itemsize) * size


@kernel
def scratch_size(n, columns, lanes, group, itemsize):
    inner = 2 * (WIDEST * lanes) ** 2
    return (
        buffer_size(n, columns, lanes, group, itemsize) + inner + workspace_size(n, columns, lanes)
    )


@inlined
def scratch_at(start, n, columns, lanes, group, itemsize):
    inner = shift(start, buffer_size(n, columns, lanes, group, itemsize))
    return Scratch(start, inner, shift(inner, 2 * (WIDEST * lanes) ** 2))


@kernel
def tangent_interval(
    stop, strip_steps, product, reflected, tangents, course, first, members, slopes, row, across,
    apart, edges, scratch, norm, diagonal, q, log_sum, compensation, growth, status,
):  # fmt: skip
    """An interval and its QR of `members` members from `first` on; slopes, q by address."""
    n, columns, lanes = tangents.own.shape[2], edges[-1], course.lanes
    for s in range(edges.size - 1):
        width = width_of(edges, s, lanes)
        room = n * width * lanes
        most = most_in_turn(members, BUFFERS * room, diagonal.itemsize)
        for g in range(0, members, most):
            count = min(most, members - g)
            job = job_of(
                stop, tangents, first + g, course.dt != 0.0, shift(slopes, g * across), row,
                course.stages, across, apart, count, width, lanes, scratch.buffers,
                shift(q, ((first + g) * columns + edges[s]) * n), n * columns,
            )  # fmt: skip
            strip_steps(on_stack(job))
    for b in range(first, first + members):
        orthonormalise_strips(
            product, reflected, shift(q, b * n * columns), n, lanes, edges, course.unit,
            scratch.reflections, scratch.inner, norm, diagonal, log_sum[b], compensation[b],
            growth[b], status[b],
        )  # fmt: skip


@kernel
def propagate_members(
    stop, team, thread, threads, phi, weigh, strip_steps, product, reflected, net, tangents, course,
    edges, group, x, q, log_sum, compensation, growth, status,
):  # fmt: skip
    """A job is a group and all its intervals. x (B, n), q (B, n columns) in strips."""
    members, n = x.shape
    steps, lanes, columns, k = course.steps, course.lanes, edges[-1], log_sum.shape[1]
    across, apart = layout(net, n)
    works = np.zeros(work_size(net, n, group, course.stages) + SLACK)
    scaled = np.zeros(course.stages * row_size(net, n, group) + SLACK, q.dtype)
    slopes = boundary(scaled)
    room = np.zeros(scratch_size(n, columns, lanes, group, q.itemsize) + SLACK, q.dtype)
    scratch = scratch_at(boundary(room), n, columns, lanes, group, q.itemsize)
    norm, diagonal = np.empty(k), np.empty(k, q.dtype)
    first = take(team) * group
    while first < members:
        count = min(group, members - first)
        row = row_size(net, n, count)
        for interval in range(course.intervals):
            if raised(stop):
                break
            begin = course.step + interval * steps
            state_slopes(
                stop, phi, weigh, net, first, count, course.dt, begin, steps, x, boundary(works),
                tangents.factors, slopes,
            )  # fmt: skip
            tangent_interval(
                stop, strip_steps, product, reflected, tangents, course, first, count, slopes, row,
                across, apart, edges, scratch, norm, diagonal, address(q), log_sum, compensation,
                growth, status,
            )  # fmt: skip
        first = take(team) * group
    keep(works)
    keep(scaled)
    keep(room)


def ahead_arrays(net, course, x, dtype):
    """Slopes that `propagate_ahead` has in common: of two turns, some intervals long, each."""
    members, n = x.shape
    row = course.stages * row_size(net, n, 1)
    turn = max(1, min(course.intervals, AHEAD // (8 * row)))
    return (np.zeros((2, members, turn, row), dtype),)


@kernel
def propagate_ahead(
    stop, team, thread, threads, phi, weigh, strip_steps, product, reflected, net, tangents, course,
    edges, slopes, x, q, log_sum, compensation, growth, status,
):  # fmt: skip
    """Fewer members than threads: the state of a member runs some intervals ahead on another."""
    members, n = x.shape
    steps, lanes, columns, k = course.steps, course.lanes, edges[-1], log_sum.shape[1]
    row, (across, apart) = row_size(net, n, 1), layout(net, n)
    longest, size = slopes.shape[2], slopes.shape[2] * slopes.shape[3]
    works = np.zeros(work_size(net, n, 1, longest * course.stages) + SLACK)
    room = np.zeros(scratch_size(n, columns, lanes, 1, q.itemsize) + SLACK, q.dtype)
    scratch = scratch_at(boundary(room), n, columns, lanes, 1, q.itemsize)
    norm, diagonal = np.empty(k), np.empty(k, q.dtype)
    for turn in range((course.intervals + longest - 1) // longest + 1):
        if raised(stop):
            break
        begin = turn * longest
        ahead = min(longest, course.intervals - begin)
        now = min(longest, course.intervals - begin + longest)
        job = take(team)
        while job < 2 * members:
            b = job // 2
            if job % 2 == 0 and ahead > 0:
                at = shift(address(slopes), ((turn % 2) * members + b) * size)
                state_slopes(
                    stop, phi, weigh, net, b, 1, course.dt, course.step + begin * steps,
                    ahead * steps, x, boundary(works), tangents.factors, at,
                )  # fmt: skip
            elif job % 2 == 1 and turn > 0:
                at = shift(address(slopes), (((turn + 1) % 2) * members + b) * size)
                for interval in range(now):
                    if raised(stop):
                        break
                    tangent_interval(
                        stop, strip_steps, product, reflected, tangents, course, b, 1,
                        shift(at, interval * course.stages * row), row, across, apart, edges,
                        scratch, norm, diagonal, address(q), log_sum, compensation, growth, status,
                    )  # fmt: skip
            job = take(team)
        meet(stop, team, threads)
    keep(works)
    keep(room)
