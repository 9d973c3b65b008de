"""Runs of delayed networks: how threads share the steps and the QR of one member, or take members.

All that a member's threads have in common lies in one room of float64, in the order of `Room`.
"""

from collections import namedtuple

import numpy as np

from ...jit import exact_kernel as kernel
from ..simd.copying import copy_strip
from ..simd.strips import SLACK
from ..simd.vectors import address, boundary, keep, shift
from ..team.interruptible import raised
from ..team.sharing import barrier, take
from .network_steps import (
    begin_slopes,
    by_address,
    rows_product,
    see,
    settle,
    stage_inputs,
    stage_rows,
)
from .tall import blocks_of, factor_block, join, own_size, turn_block

# Steps of a run: of an interval, at once as the shortest delay allows, and that the tape has room
# for beside the past. `past` grid points are kept. panel: rows of a job; bits do not depend on it.
Plan = namedtuple("Plan", "dt intervals steps ahead room past k closing unit panel")

# Where things begin in the room.
Room = namedtuple(
    "Room", "tape seen currents last inputs products stages totals q triangles norms size"
)


@kernel
def room_of(net, plan, dim, width):
    """`width` is that of the tangents in a QR."""
    rows, ahead = net.n * net.width, 2 * plan.ahead
    k, lanes = plan.k, net.lanes
    tape = dim * net.width + 2 * plan.room * rows + rows
    sizes = (
        tape, ahead * net.seen * net.width, ahead * rows, rows, rows, rows, rows, rows,
        dim * width, blocks_of(dim, max(k, 1)) * k * width, 2 * k * lanes,
    )  # fmt: skip
    at = np.zeros(12, np.int64)
    for i in range(11):
        at[i + 1] = at[i] + (sizes[i] + 7) // 8 * 8
    return Room(
        at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7], at[8], at[9], at[10], at[11]
    )  # fmt: skip


@kernel
def currents_ahead(
    stop, team, threads, net, plan, places, weights, w, rate, bias, half, times, point, steps,
    room, place, own,
):  # fmt: skip
    """Currents at some half steps, and the steps that need no more than these."""
    tape, seen = shift(room, place.tape), shift(room, place.seen)
    currents, last_currents = shift(room, place.currents), shift(room, place.last)
    registers = times * (net.width // net.lanes)
    job = take(team) * plan.panel
    while job < net.seen and not raised(stop):
        end = min(job + plan.panel, net.seen)
        see(net, places, weights, job, end, half, times, point, tape, seen, own)
        job = take(team) * plan.panel
    barrier(stop, team, threads)
    job = take(team) * plan.panel
    while job < net.n and not raised(stop):
        end = min(job + plan.panel, net.n)
        rows_product(
            net.sparse, w, net.indptr, net.indices, job, end, net.seen, net.n, registers,
            net.lanes, seen, currents,
        )  # fmt: skip
        settle(
            net, rate, bias, plan.dt, job, end, times, point, steps, tape, currents,
            last_currents, own,
        )  # fmt: skip
        job = take(team) * plan.panel
    barrier(stop, team, threads)


@kernel
def one_stage(
    stop, team, threads, net, plan, now, rate, bias, dt, s, r, point, steps, known, room, place,
    own,
):  # fmt: skip
    """A stage of all rows, where couplings without delay wait for each other."""
    tape, stages = shift(room, place.tape), shift(room, place.stages)
    if not known:
        state = stages if r else shift(tape, (point + s) * 2 * net.n * net.width)
        job = take(team) * plan.panel
        while job < net.n:
            end = min(job + plan.panel, net.n)
            stage_inputs(net, job, end, state, shift(room, place.inputs), own)
            job = take(team) * plan.panel
        barrier(stop, team, threads)
    job = take(team) * plan.panel
    while job < net.n:
        end = min(job + plan.panel, net.n)
        stage_rows(
            net, now, rate, bias, dt, s, r, job, end, point, steps, known, tape,
            shift(room, place.currents), shift(room, place.last), shift(room, place.inputs),
            shift(room, place.products), stages, shift(room, place.totals), own,
        )  # fmt: skip
        job = take(team) * plan.panel
    barrier(stop, team, threads)


@kernel
def slopes_at(stop, team, threads, net, plan, now, rate, bias, point, room, place, own):
    """Slopes at a grid point, where currents are known."""
    if net.coupled:
        one_stage(
            stop,
            team,
            threads,
            net,
            plan,
            now,
            rate,
            bias,
            0.0,
            0,
            0,
            point,
            0,
            False,
            room,
            place,
            own,
        )
        return
    job = take(team) * plan.panel
    while job < net.n:
        begin_slopes(
            net, rate, bias, job, min(job + plan.panel, net.n), point, shift(room, place.tape),
            shift(room, place.last), own,
        )  # fmt: skip
        job = take(team) * plan.panel
    barrier(stop, team, threads)


@kernel
def interval_steps(
    stop, team, thread, threads, net, plan, places, weights, w, now, rate, bias, room, place, own
):
    """The steps of an interval; returns the grid point that is the present after them."""
    rows, dt = 2 * net.n * net.width, plan.dt
    point, done = plan.past, 0
    currents_ahead(
        stop, team, threads, net, plan, places, weights, w, rate, bias, 0, 1, point, 0, room, place,
        own,
    )  # fmt: skip
    while done < plan.steps and not raised(stop):
        count = min(plan.ahead, plan.steps - done)
        if point + count > plan.past + plan.room:
            if thread == 0:
                size = plan.past * rows + net.n * net.width
                source = shift(room, place.tape + (point - plan.past) * rows)
                copy_strip(size, net.lanes, source, shift(room, place.tape))
            point = plan.past
            barrier(stop, team, threads)
        slopes_at(stop, team, threads, net, plan, now, rate, bias, point, room, place, own)
        currents_ahead(
            stop, team, threads, net, plan, places, weights, w, rate, bias, 1, 2 * count, point,
            count, room, place, own,
        )  # fmt: skip
        if net.coupled:
            for s in range(count):
                for r in range(4):
                    one_stage(
                        stop, team, threads, net, plan, now, rate, bias, dt, s, r, point, count,
                        s == 0 and r == 0, room, place, own,
                    )  # fmt: skip
        point, done = point + count, done + count
    return point


@kernel
def orthonormalised(
    stop, team, thread, threads, net, plan, lengths, inverse, point, width, room, place, own,
    log_sum, compensation, cancellation, status,
):  # fmt: skip
    """The QR of the newest part of the tape, which goes to the front; states move there too."""
    dim, k, lanes = lengths.size, plan.k, net.lanes
    front, q = shift(room, place.tape), shift(room, place.q)
    newest = shift(room, place.tape + (point - plan.past) * 2 * net.n * net.width)
    triangles, norms = shift(room, place.triangles), shift(room, place.norms)
    blocks = blocks_of(dim, max(k, 1))
    closing = plan.closing and k > 0
    block = take(team)
    while block < blocks and not raised(stop):
        for e in range(block * dim // blocks, (block + 1) * dim // blocks):
            row, target = shift(newest, e * net.width), shift(q, e * width)
            for c in range(k):
                target[c] = row[1 + c] * lengths[e]
            for c in range(k, width):
                target[c] = 0.0
        if closing:
            factor_block(
                block, blocks, dim, k, width, lanes, q, triangles, norms, shift(norms, k * lanes),
                own,
            )  # fmt: skip
        block = take(team)
    barrier(stop, team, threads)
    if thread == 0:
        if closing:
            join(
                blocks, dim, k, width, lanes, triangles, norms, shift(norms, k * lanes), own,
                plan.unit, log_sum, compensation, cancellation, status,
            )  # fmt: skip
        for e in range(dim):
            front[e * net.width] = newest[e * net.width]
    barrier(stop, team, threads)
    block = take(team)
    while block < blocks:
        if closing:
            turn_block(block, blocks, dim, k, width, lanes, q, triangles, own)
        for e in range(block * dim // blocks, (block + 1) * dim // blocks):
            for c in range(k):
                front[e * net.width + 1 + c] = q[e * width + c] * inverse[e]
        block = take(team)
    barrier(stop, team, threads)


@kernel
def run(
    stop, team, thread, threads, alone, net, plan, places, weights, lengths, w, now, rate, bias,
    rooms, x, q, log_sum, compensation, cancellation, status,
):  # fmt: skip
    """x (B, dim), q (B, dim, k) through intervals; rooms (threads or 1, ...).

    w, now (B or 1, ...), rate, bias (B or 1, n). Either each thread takes members by itself, or all
    threads work at one member after the other.
    """
    members, dim, k = q.shape
    lanes, seen = net.lanes, by_address(net)
    width = (k + lanes - 1) // lanes * lanes
    place = room_of(net, plan, dim, width)
    room = boundary(rooms[thread if alone else 0])
    rows = 2 * plan.ahead + 5
    work = np.zeros(rows * (net.width + 3) + 6 * lanes + own_size(k, lanes) + width + SLACK)
    own = boundary(work)
    inverse = 1.0 / lengths
    together = np.zeros(team.size, team.dtype) if alone else team
    size, number = (1, 0) if alone else (threads, thread)
    b = take(team) if alone else 0
    while b < members:
        own_places, looks = b % places.shape[0], 3 * places.shape[1]
        at = shift(address(places), own_places * looks)
        factors = shift(address(weights), 4 * own_places * looks)
        weight = shift(address(w), b % w.shape[0] * w.shape[1])
        direct = shift(address(now), b % now.shape[0] * now.shape[1])
        rates = shift(address(rate), b % rate.shape[0] * net.n)
        biases = shift(address(bias), b % bias.shape[0] * net.n)
        if number == 0:
            for e in range(dim):
                row = shift(room, place.tape + e * net.width)
                row[0] = x[b, e]
                for c in range(k):
                    row[1 + c] = q[b, e, c] * inverse[e]
                for c in range(1 + k, net.width):
                    row[c] = 0.0
        barrier(stop, together, size)
        for _ in range(plan.intervals):
            point = interval_steps(
                stop, together, number, size, seen, plan, at, factors, weight, direct, rates,
                biases, room, place, own,
            )  # fmt: skip
            if raised(stop):
                break
            orthonormalised(
                stop, together, number, size, seen, plan, lengths, inverse, point, width, room,
                place, own, log_sum[b], compensation[b], cancellation[b], status[b],
            )  # fmt: skip
        if number == 0 and not raised(stop):
            for e in range(dim):
                row = shift(room, place.tape + e * net.width)
                x[b, e] = row[0]
                for c in range(k):
                    q[b, e, c] = room[place.q + e * width + c]
        barrier(stop, together, size)
        b = take(team) if alone else b + 1
    keep(rooms)
    keep(work)
