"""The tangents of rate networks: one strip of columns through the stages of an interval.

A stage is one product. With w_ij for dt/2 rate_i W_ij and own_i for -dt/2 rate_i, stages 1 to 4 are
out = base + f (own + w slope) y with f = 1, 1, 2, 1/3, where base is q, q, q and, from the first
three, (y2 + 2 y3 + y4 - q)/3: no sum of stages is carried along.
"""

from collections import namedtuple
from functools import cache

from numba import from_dtype

from ...jit import inlined, kernel, spliced
from ..qr.reflections import width_of
from ..simd.stage_tile import Ends, Layout, stage_row, stage_tile
from ..simd.strips import ROWS, WIDEST
from ..simd.vectors import BYTES, fma, load, multiply, on_stack, outlined, shift, splat, store
from ..taped.runs import STRIP_RUN
from ..team.interruptible import raised
from .model import MODEL, layout, read_model, row_size

BUFFERS = 6  # strips that the stages of one strip need
IN_TURN = 24 * 1024  # bytes of strips whose stages are taken in turn: half of a first-level cache

# The same strip of `count` members through some stages, all by address. Stages of the members are
# taken in turn: a small one waits for the one before, but not for another member's. Where members
# share the weights, their strips of one register are `joined` to wider ones.
# - Weights of the first member, `size` elements before the next one's; own likewise.
# - Slopes of the first member on the `tape`, those of a stage `row` after those of the one before;
#   `across` from member to member and `apart` from unit to unit.
# - work: BUFFERS strips of `room` elements for each member.
# - The strips themselves are q and `q_step` apart.
StripJob = namedtuple(
    "StripJob",
    "stop w size indptr indices own own_size thirds flow tape row stages across apart "
    "count width lanes n room joined work q q_step",
)


def most_in_turn(count, size):
    """Members of `size` bytes each whose stages are taken in turn, of `count`."""
    return max(1, min(count, IN_TURN // size))


most_members = inlined(most_in_turn)


@spliced
def dense_rows(current, height, width, w, n, layout, ends, i):
    """Rows i to n of a stage, by tiles of `height` rows while they last."""
    while i + height <= n:
        stage_tile(current, height, width, w, i * n, n, layout, ends, i)
        i += height
    return i


@spliced
def dense_strip(current, width, w, job, layout, ends):
    n = job.n
    i = dense_rows(current, ROWS, width, w, n, layout, ends, 0)
    i = dense_rows(current, 4, width, w, n, layout, ends, i)
    i = dense_rows(current, 2, width, w, n, layout, ends, i)
    dense_rows(current, 1, width, w, n, layout, ends, i)


@spliced
def sparse_strip(current, width, w, job, layout, ends):
    indices, indptr = job.indices, job.indptr
    for i in range(job.n):
        stage_row(current, width, w, indices, indptr[i], indptr[i + 1], layout, ends, i)


@inlined
def member_ends(job, ends, g):
    """The ends of a stage, which are those of the first member, for member g."""
    at = g * BUFFERS * job.room
    return Ends(
        shift(ends.z, at),
        shift(ends.own, g * job.own_size),
        shift(ends.y, at),
        shift(ends.base, at),
        shift(ends.factor, g * job.across),
        shift(ends.out, at),
        shift(ends.z_out, at),
    )


@inlined
def joint(job, g):
    """Members from g on that make one strip, its width in registers and its layout."""
    if job.joined:
        members = min(WIDEST, job.count - g)
        layout = Layout(job.lanes, BUFFERS * job.room, job.apart, job.across)
        return members, members, layout
    return 1, job.width, Layout(job.width * job.lanes, job.lanes, job.apart, 0)


@spliced
def all_members(strip, current, at, ends):
    """A stage of all members of a job, `strip` being one of the two above."""
    job, g = at[0], 0
    while g < job.count:
        members, width, layout = joint(job, g)
        w, own_ends = shift(job.w, g * job.size), member_ends(job, ends, g)
        if width == 1:
            strip(current, 1, w, job, layout, own_ends)
        elif width == 2:
            strip(current, 2, w, job, layout, own_ends)
        else:
            strip(current, 3, w, job, layout, own_ends)
        g += members


# A stage of all members, as in `stage_tile`; own and factor are multiplied by its f.


@kernel
def dense_current(at, ends):
    outlined()
    all_members(dense_strip, 1, at, ends)


@kernel
def dense_rate(at, ends):
    outlined()
    all_members(dense_strip, 0, at, ends)


@kernel
def sparse_current(at, ends):
    outlined()
    all_members(sparse_strip, 1, at, ends)


@kernel
def sparse_rate(at, ends):
    outlined()
    all_members(sparse_strip, 0, at, ends)


@kernel
def combine(job, y2, y3, y4, q):
    """q = (y2 + 2 y3 + y4 - q) / 3; thirds are 1/3, 2/3 and -1/3."""
    one, two, minus = splat(job.thirds[0]), splat(job.thirds[1]), splat(job.thirds[2])
    for g in range(job.count):
        first = g * BUFFERS * job.room
        for o in range(first, first + job.room, job.lanes):
            total = fma(one, load(y2, o), multiply(minus, load(q, o)))
            total = fma(two, load(y3, o), total)
            store(q, o, fma(one, load(y4, o), total))


@kernel
def scale_rows(job, factor, y, z):
    """z = factor_i y_i, row by row."""
    for g in range(job.count):
        for i in range(job.n):
            f = splat(factor[g * job.across + i * job.apart])
            for r in range(job.width):
                o = g * BUFFERS * job.room + (i * job.width + r) * job.lanes
                store(z, o, multiply(f, load(y, o)))


@kernel
def copy_strips(job, source, source_step, out, out_step):
    for g in range(job.count):
        for o in range(0, job.room, job.lanes):
            store(out, g * out_step + o, load(source, g * source_step + o))


@spliced
def flow_steps(stage, current, at):
    """Runge-Kutta steps of q, which comes first in `work`."""
    job = at[0]
    n, room, row, own = job.n, job.room, job.row, job.own
    q, y2, y3 = job.work, shift(job.work, room), shift(job.work, 2 * room)
    y4, za, zb = shift(q, 3 * room), shift(q, 4 * room), shift(q, 5 * room)
    o2, o3, o4 = shift(own, n), shift(own, 2 * n), shift(own, 3 * n)
    if current:
        scale_rows(job, job.tape, q, za)
    for s in range(0, job.stages, 4):
        if raised(job.stop):
            break
        s1 = shift(job.tape, s * row)
        s2, s3, s4 = shift(s1, row), shift(s1, 2 * row), shift(s1, 3 * row)
        if current:
            after = shift(s4, row) if s + 4 < job.stages else s4
            stage(at, Ends(za, own, q, q, s2, y2, zb))
            stage(at, Ends(zb, o2, y2, q, s3, y3, za))
            stage(at, Ends(za, o3, y3, q, s4, y4, zb))
            combine(job, y2, y3, y4, q)
            stage(at, Ends(zb, o4, y4, q, after, q, za))
        else:
            stage(at, Ends(q, own, q, q, s1, y2, y2))
            stage(at, Ends(y2, o2, y2, q, s2, y3, y3))
            stage(at, Ends(y3, o3, y3, q, s3, y4, y4))
            combine(job, y2, y3, y4, q)
            stage(at, Ends(y4, o4, y4, q, s4, q, q))


@spliced
def map_steps(stage, current, at):
    """Steps of a map, likewise; returns where q is in the end."""
    job = at[0]
    room, row, own = job.room, job.row, job.own
    here, there, zeros = job.work, shift(job.work, room), shift(job.work, 2 * room)
    za, zb = shift(job.work, 3 * room), shift(job.work, 4 * room)
    for g in range(job.count):
        for e in range(room):
            zeros[g * BUFFERS * room + e] = 0
    if current:
        scale_rows(job, job.tape, here, za)
    for s in range(job.stages):
        if raised(job.stop):
            break
        now = shift(job.tape, s * row)
        if current:
            after = shift(now, row) if s + 1 < job.stages else now
            stage(at, Ends(za, own, here, zeros, after, there, zb))
            za, zb = zb, za
        else:
            stage(at, Ends(here, own, here, zeros, now, there, there))
        here, there = there, here
    return here


@spliced
def steps(stage, current, at):
    """All steps of a job; stage is one of the four functions above."""
    job = at[0]
    step = BUFFERS * job.room
    copy_strips(job, job.q, job.q_step, job.work, step)
    here = job.work
    if job.flow:
        flow_steps(stage, current, at)
    else:
        here = map_steps(stage, current, at)
    copy_strips(job, here, step, job.q, job.q_step)


@inlined
def job_of(run, net, g, count, begin, width):
    """The strip at column `begin` of members g to g + count of a run."""
    b, n, lanes = run.first + g, net.n, run.lanes
    across, apart = layout(net)
    return StripJob(
        run.stop, shift(net.scaled, b * net.scaled_size), net.scaled_size, net.indptr, net.indices,
        shift(net.own, b * net.own_size), net.own_size, net.thirds, int(net.dt != 0.0),
        shift(run.tape, g * across), row_size(net, run.count), run.stages, across, apart, count,
        width, lanes, n, n * width * lanes, int(width == 1 and net.shared == 1), run.work,
        shift(run.q, b * run.q_step + begin * n), run.q_step,
    )  # fmt: skip


@spliced
def all_strips(stage, current, at):
    """The strips of a `StripRun`; stage is one of the four functions above."""
    run = at[0]
    net = read_model(run.model, run.q)
    for s in range(run.begin, run.end):
        width = width_of(run.edges, s, run.lanes)
        most = most_members(run.count, BUFFERS * net.n * width * BYTES)
        for g in range(0, run.count, most):
            count = min(most, run.count - g)
            steps(stage, current, on_stack(job_of(run, net, g, count, run.edges[s], width)))


def dense_current_run(at):
    all_strips(dense_current, True, at)


def dense_rate_run(at):
    all_strips(dense_rate, False, at)


def sparse_current_run(at):
    all_strips(sparse_current, True, at)


def sparse_rate_run(at):
    all_strips(sparse_rate, False, at)


@cache
def network_strips(sparse, current, dtype):
    """A `StripRun` as a C function, for tangents of `dtype`."""
    dense_ones = dense_rate_run, dense_current_run
    functions = (sparse_rate_run, sparse_current_run) if sparse else dense_ones
    return STRIP_RUN.function(from_dtype(dtype), [MODEL])(functions[current])
