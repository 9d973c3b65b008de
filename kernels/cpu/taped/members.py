"""Taped systems, many or small members: groups of members are jobs."""

import numpy as np

from ...jit import kernel
from ..qr.lanes import fits, orthonormalise_lanes
from ..qr.reflections import orthonormalise_strips, workspace_size
from ..simd.strips import SLACK, WIDEST
from ..simd.vectors import address, boundary, keep, on_stack, shift
from ..team.interruptible import raised
from ..team.sharing import barrier, take
from .runs import StripRun, take_steps

ADVANCE = 16  # steps of a state in one piece
AHEAD = 128 * 1024  # bytes of tape that a state may be ahead of its tangents


@kernel
def advance(stop, team, thread, threads, state_run, model, schedule, x, tape):
    """The states x (B, n) alone, through `schedule.steps`; the tape given is for its type."""
    members = x.shape[0]
    works = np.zeros(schedule.state_work + SLACK)
    tapes = np.zeros(schedule.row + SLACK, tape.dtype)
    first = take(team) * schedule.group
    while first < members:
        count = min(schedule.group, members - first)
        for s in range(0, schedule.steps, ADVANCE):
            if raised(stop):
                break
            steps = min(ADVANCE, schedule.steps - s)
            take_steps(
                stop, state_run, model, first, count, schedule.step + s, steps, 0, x,
                boundary(works), boundary(tapes),
            )  # fmt: skip
        first = take(team) * schedule.group
    keep(works)
    keep(tapes)


@kernel
def tangent_interval(
    stop, strip_run, product, reflected, model, schedule, first, members, tape, edges, work, inner,
    reflections, n, norm, diagonal, q, log_sum, compensation, cancellation, status,
):  # fmt: skip
    """An interval and its QR of `members` members from `first` on; tape, work, q by address."""
    size = n * edges[-1]
    strip_run(
        on_stack(
            StripRun(
                address(stop), address(model), first, members, schedule.stages, tape,
                address(edges), 0, edges.size - 1, schedule.lanes, norm.size, work, q, size,
            )
        )
    )  # fmt: skip
    if fits(n, edges):
        lanes, last = schedule.lanes, first + members
        for b in range(first, last, lanes):
            orthonormalise_lanes(
                q, b, min(b + lanes, last), n, norm.size, edges[-1], lanes, schedule.unit,
                reflections, norm, diagonal, log_sum, compensation, cancellation, status,
            )  # fmt: skip
        return
    for b in range(first, first + members):
        orthonormalise_strips(
            product, reflected, shift(q, b * size), n, schedule.lanes, edges, schedule.unit,
            reflections, inner, norm, diagonal, log_sum[b], compensation[b], cancellation[b],
            status[b],
        )  # fmt: skip


@kernel
def scratch_sizes(n, schedule, edges):
    """Elements for strips, for `apply_panel` and for reflections."""
    inner = 2 * (WIDEST * schedule.lanes) ** 2
    return schedule.strip_work, inner, workspace_size(n, edges[-1], schedule.lanes)


@kernel
def propagate_members(
    stop, team, thread, threads, state_run, strip_run, product, reflected, model, schedule, edges,
    x, q, log_sum, compensation, cancellation, status,
):  # fmt: skip
    """A job is a group and all its intervals. x (B, n), q (B, n columns) in strips."""
    members, n = x.shape
    works = np.zeros(schedule.state_work + SLACK)
    tapes = np.zeros(schedule.stages * schedule.row + SLACK, q.dtype)
    own, inner, reflections = scratch_sizes(n, schedule, edges)
    room = np.zeros(own + inner + reflections + SLACK, q.dtype)
    work = boundary(room)
    norm, diagonal = np.empty(log_sum.shape[1]), np.empty(log_sum.shape[1], q.dtype)
    first = take(team) * schedule.group
    while first < members:
        count = min(schedule.group, members - first)
        for interval in range(schedule.intervals):
            if raised(stop):
                break
            begin = schedule.step + interval * schedule.steps
            take_steps(
                stop, state_run, model, first, count, begin, schedule.steps, 1, x, boundary(works),
                boundary(tapes),
            )  # fmt: skip
            tangent_interval(
                stop, strip_run, product, reflected, model, schedule, first, count, boundary(tapes),
                edges, work, shift(work, own), shift(work, own + inner), n, norm, diagonal,
                address(q), log_sum, compensation, cancellation, status,
            )  # fmt: skip
        first = take(team) * schedule.group
    keep(works)
    keep(tapes)
    keep(room)


def ahead_arrays(schedule, row, members, dtype):
    """Tapes that the threads of `propagate_ahead` have in common: two turns of some intervals."""
    size = schedule.stages * row
    turn = max(1, min(schedule.intervals, AHEAD // (8 * size)))
    return np.zeros((2, members, turn, size), dtype)


@kernel
def propagate_ahead(
    stop, team, thread, threads, state_run, strip_run, product, reflected, model, schedule, edges,
    tapes, x, q, log_sum, compensation, cancellation, status,
):  # fmt: skip
    """Fewer members than threads: the state of a member runs some intervals ahead on another."""
    members, n = x.shape
    longest, size = tapes.shape[2], tapes.shape[2] * tapes.shape[3]
    works = np.zeros(schedule.state_work + SLACK)
    own, inner, reflections = scratch_sizes(n, schedule, edges)
    room = np.zeros(own + inner + reflections + SLACK, q.dtype)
    work = boundary(room)
    norm, diagonal = np.empty(log_sum.shape[1]), np.empty(log_sum.shape[1], q.dtype)
    for turn in range((schedule.intervals + longest - 1) // longest + 1):
        if raised(stop):
            break
        begin = turn * longest
        ahead = min(longest, schedule.intervals - begin)
        now = min(longest, schedule.intervals - begin + longest)
        job = take(team)
        while job < 2 * members:
            b = job // 2
            if job % 2 == 0 and ahead > 0:
                at = shift(address(tapes), ((turn % 2) * members + b) * size)
                take_steps(
                    stop, state_run, model, b, 1, schedule.step + begin * schedule.steps,
                    ahead * schedule.steps, 1, x, boundary(works), at,
                )  # fmt: skip
            elif job % 2 == 1 and turn > 0:
                at = shift(address(tapes), (((turn + 1) % 2) * members + b) * size)
                for interval in range(now):
                    if raised(stop):
                        break
                    tangent_interval(
                        stop, strip_run, product, reflected, model, schedule, b, 1,
                        shift(at, interval * tapes.shape[3]), edges, work, shift(work, own),
                        shift(work, own + inner), n, norm, diagonal, address(q), log_sum,
                        compensation, cancellation, status,
                    )  # fmt: skip
            job = take(team)
        barrier(stop, team, threads)
    keep(works)
    keep(room)
