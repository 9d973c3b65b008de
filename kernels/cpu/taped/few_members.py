"""Taped systems, few large members: strips of tangent columns are jobs."""

import numpy as np

from ...jit import kernel
from ..qr.reflections import (
    apply_panel,
    factor_panel,
    finish,
    form_strip,
    norms,
    width_of,
    workspace_size,
)
from ..simd.strips import SLACK, WIDEST, aligned
from ..simd.vectors import address, boundary, keep, on_stack, shift
from ..team.interruptible import raised
from ..team.sharing import barrier, take
from .runs import StripRun, take_steps


@kernel
def all_finite(finite):
    for f in finite:
        if not f:
            return False
    return True


def strips_arrays(schedule, edges, members, n, k, dtype):
    """What the threads of `propagate_strips` have in common, of this interval and another."""
    size = workspace_size(n, edges[-1], schedule.lanes)
    return (
        np.zeros((2, members, schedule.stages * schedule.row), dtype),  # tapes
        aligned((2, members, size), dtype),  # reflections
        np.empty((2, members, k)),  # norms
        np.empty((2, members, k), dtype),  # diagonals of R
        np.zeros((2, members, edges.size - 1), np.bool_),  # whether the strips are finite
    )


@kernel
def propagate_strips(
    stop, team, thread, threads, state_run, strip_run, product, reflected, model, schedule, edges,
    tapes, reflections, norm, diagonal, finite, x, q, log_sum, compensation, cancellation, status,
):  # fmt: skip
    """x (B, n), q (B, n columns) in strips.

    A strip's job is Q of the last QR, the steps, and for the first strip R and the reflections;
    the state of the next interval is a job beside them. Then each panel's reflections go to the
    strips right of it, and whoever had the next one factorises it. So a single thread works
    nowhere but on the panels themselves, and those only as long as there is nothing to apply.
    """
    members, n = x.shape
    strips, columns, k, lanes = edges.size - 1, edges[-1], log_sum.shape[1], schedule.lanes
    widest, size, tape_size = min(columns, WIDEST * lanes), reflections.shape[2], tapes.shape[2]
    works = np.zeros(schedule.state_work + SLACK)
    room = np.zeros(schedule.strip_work + 2 * widest * widest + SLACK, q.dtype)
    work, inner = boundary(room), shift(boundary(room), schedule.strip_work)
    for interval in range(-1, schedule.intervals + 1):
        if raised(stop):
            break
        now, other = interval % 2, (interval + 1) % 2
        measured = 0 <= interval < schedule.intervals
        states = members if interval + 1 < schedule.intervals else 0
        jobs = states + (members * strips if interval >= 0 else 0)
        job = take(team)
        while job < jobs:
            if job < states:
                begin = schedule.step + (interval + 1) * schedule.steps
                at = shift(address(tapes), (other * members + job) * tape_size)
                take_steps(
                    stop, state_run, model, job, 1, begin, schedule.steps, 1, x, boundary(works),
                    at,
                )  # fmt: skip
                job = take(team)
                continue
            b, strip = (job - states) // strips, (job - states) % strips
            first, end = edges[strip], min(edges[strip + 1], k)
            width = width_of(edges, strip, lanes)
            own = shift(address(q), (b * columns + first) * n)
            if interval > 0 and all_finite(finite[other, b]):
                last = shift(address(reflections), (other * members + b) * size)
                form_strip(product, last, inner, n, lanes, edges, strip, own, diagonal[other, b])
            if measured:
                at = shift(address(tapes), (now * members + b) * tape_size)
                strip_run(
                    on_stack(
                        StripRun(
                            address(stop), address(model), b, 1, schedule.stages, at,
                            address(edges), strip, strip + 1, lanes, k, work, address(q),
                            n * columns,
                        )
                    )
                )  # fmt: skip
                good = norms(own, n, width, lanes, inner, norm[now, b, first:end])
                finite[now, b, strip] = good
                if strip == 0 and good:
                    panel = shift(address(reflections), (now * members + b) * size)
                    factor_panel(
                        product, reflected, own, n, columns, lanes, 0, width, panel,
                        diagonal[now, b],
                    )  # fmt: skip
            job = take(team)
        barrier(stop, team, threads)
        if not measured:
            continue
        for p in range(strips - 1):
            job = take(team)
            while job < members * (strips - p - 1):
                b, strip = job % members, p + 1 + job // members
                if all_finite(finite[now, b]):
                    panel = shift(address(reflections), (now * members + b) * size)
                    first, width = edges[strip], width_of(edges, strip, lanes)
                    own = shift(address(q), (b * columns + first) * n)
                    apply_panel(
                        product,
                        panel,
                        inner,
                        n,
                        columns,
                        lanes,
                        edges[p],
                        width_of(edges, p, lanes),
                        True,
                        own,
                        width,
                    )
                    if strip == p + 1:
                        factor_panel(
                            product, reflected, own, n, columns, lanes, first, width, panel,
                            diagonal[now, b],
                        )  # fmt: skip
                job = take(team)
            barrier(stop, team, threads)
        # Before anyone comes here again, all have met.
        for b in range(thread, members, threads):
            finish(
                all_finite(finite[now, b]),
                norm[now, b],
                diagonal[now, b],
                schedule.unit,
                log_sum[b],
                compensation[b],
                cancellation[b],
                status[b],
            )
    keep(works)
    keep(room)
