"""Taped systems: tangents forwards or cotangents backwards, as they are, without QR."""

import numpy as np

from ...jit import kernel
from ..simd.copying import copy_vector
from ..simd.strips import SLACK
from ..simd.vectors import address, boundary, keep, on_stack, shift
from ..team.interruptible import raised
from ..team.sharing import take
from .runs import StripRun, take_steps


@kernel
def linear_members(
    stop, team, thread, threads, state_run, strip_run, model, strip_model, taped, schedule, edges,
    columns, piece, x, q, ends,
):  # fmt: skip
    """Groups of members are jobs, and take `schedule.steps` steps by pieces: state, then strips.

    x (B, n), q (I B, n columns) in strips for I intervals one after another, whose last states go
    to ends (I, B, n), or (0, B, n) if nobody asks. Cotangents take the steps of one interval in one
    piece, last one first.
    """
    members, n = x.shape
    works = np.zeros(schedule.state_work + SLACK)
    tapes = np.zeros(schedule.stages // schedule.steps * piece * schedule.row + SLACK, q.dtype)
    room = np.zeros(schedule.strip_work + SLACK, q.dtype)
    size = n * edges[-1]
    first = take(team) * schedule.group
    while first < members:
        count = min(schedule.group, members - first)
        for interval in range(schedule.intervals):
            begin = schedule.step + interval * schedule.steps
            for s in range(0, schedule.steps, piece):
                if raised(stop):
                    break
                steps = min(piece, schedule.steps - s)
                take_steps(
                    stop, state_run, model, first, count, begin + s, steps, taped, x,
                    boundary(works), boundary(tapes),
                )  # fmt: skip
                if columns:
                    strip_run(
                        on_stack(
                            StripRun(
                                address(stop),
                                address(strip_model),
                                first,
                                count,
                                schedule.stages // schedule.steps * steps,
                                boundary(tapes),
                                address(edges),
                                0,
                                edges.size - 1,
                                schedule.lanes,
                                columns,
                                boundary(room),
                                shift(address(q), interval * members * size),
                                size,
                            )
                        )
                    )
            if ends.shape[0]:
                for b in range(first, first + count):
                    copy_vector(x[b], ends[interval, b])
        first = take(team) * schedule.group
    keep(works)
    keep(tapes)
    keep(room)
