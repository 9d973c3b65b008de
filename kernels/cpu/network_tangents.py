"""The tangents of rate networks: one strip of columns through the stages of an interval.

A stage is one product. With w_ij for dt/2 rate_i W_ij and own_i for -dt/2 rate_i, stages 1 to 4 are
out = base + f (own + w slope) y with f = 1, 1, 2, 1/3, where base is q, q, q and, from the first
three, (y2 + 2 y3 + y4 - q)/3: no sum of stages is carried along.
"""

from collections import namedtuple

import numpy as np
from numba import types
from numba.extending import overload

from ..jit import kernel, spliced
from .interruptible import raised
from .stage_tile import Ends, Layout, stage_row, stage_tile
from .strips import ROWS, WIDEST
from .vectors import address, fma, load, multiply, outlined, shift, splat, store
from .weights import SPARSE, addresses, left_factor, member_size

BUFFERS = 6  # strips that the stages of one strip need

# Weights, own (members or 1, stages, n) with the factors f in it, those factors (1 for a map) and
# the thirds of `combine`, all in the tangents' dtype; whether all members have the same weights and
# own. The last field has no value: it is there or
# not, and kernels compile for networks of currents or of rates.
_FIELDS = "own factors thirds shared"
DenseCurrents = namedtuple("DenseCurrents", f"w {_FIELDS} currents")
DenseRates = namedtuple("DenseRates", f"w {_FIELDS}")
SparseCurrents = namedtuple("SparseCurrents", f"{SPARSE} {_FIELDS} currents")
SparseRates = namedtuple("SparseRates", f"{SPARSE} {_FIELDS}")


def tangents_of(weights, rate, current, dt, dtype):
    scaled, own, factors = rate, 1.0 - rate, np.ones(1)
    if dt:
        scaled, own = 0.5 * dt * rate, -0.5 * dt * rate
        factors = np.array([1.0, 1.0, 2.0, 1 / 3])
    sparse = isinstance(weights, tuple)
    fields = left_factor(weights, dtype, scaled)
    own = (factors[:, None] * own[:, None]).astype(dtype)
    kinds = (SparseCurrents, SparseRates) if sparse else (DenseCurrents, DenseRates)
    return kinds[not current](
        *fields, own, factors.astype(dtype), np.array([1 / 3, 2 / 3, -1 / 3], dtype),
        len(fields[-1]) == len(own) == 1, *[0] * bool(current),
    )  # fmt: skip


# The same strip of `count` members, whose stages are taken in turn: one small stage waits for the
# one before, but not for another member's. Workspaces of the members are `size` apart, the strips
# in them `room`; slopes are `across` from member to member and `apart` from unit to unit. Where
# members share the weights, their strips of one register are `joined` to wider ones.
Strips = namedtuple("Strips", "count width lanes n size room across apart joined")


def currents(tangents):
    raise NotImplementedError


@overload(currents)
def _currents(tangents):
    """True for networks of currents, else None, which makes a type of the answer."""
    if "currents" in tangents.fields:
        return lambda tangents: True
    return lambda tangents: None


@spliced
def dense_rows(current, height, width, w, n, layout, ends, i):
    """Rows i to n of a stage, by tiles of `height` rows while they last."""
    while i + height <= n:
        stage_tile(current, height, width, w, i * n, n, layout, ends, i)
        i += height
    return i


@spliced
def dense_strip(current, width, w, n, layout, ends):
    i = dense_rows(current, ROWS, width, w, n, layout, ends, 0)
    i = dense_rows(current, 4, width, w, n, layout, ends, i)
    i = dense_rows(current, 2, width, w, n, layout, ends, i)
    dense_rows(current, 1, width, w, n, layout, ends, i)


@spliced
def sparse_strip(current, width, entries, weights, n, layout, ends):
    indptr, indices = weights.indptr, weights.indices
    for i in range(n):
        stage_row(current, width, entries, indices, indptr[i], indptr[i + 1], layout, ends, i)


def stage(weights, current, b, width, n, layout, ends):
    raise NotImplementedError


@overload(stage)
def _stage(weights, current, b, width, n, layout, ends):
    """A stage of a strip, as in `stage_tile`; own and factor are multiplied by its f."""
    mode = int(not isinstance(current, types.NoneType))
    if "data" in weights.fields:

        def sparse(weights, current, b, width, n, layout, ends):
            entries = shift(weights.data, b * weights.data_size)
            if width == 1:
                sparse_strip(mode, 1, entries, weights, n, layout, ends)
            elif width == 2:
                sparse_strip(mode, 2, entries, weights, n, layout, ends)
            else:
                sparse_strip(mode, 3, entries, weights, n, layout, ends)

        return sparse

    def dense(weights, current, b, width, n, layout, ends):
        w = shift(weights.w, b * weights.w_size)
        if width == 1:
            dense_strip(mode, 1, w, n, layout, ends)
        elif width == 2:
            dense_strip(mode, 2, w, n, layout, ends)
        else:
            dense_strip(mode, 3, w, n, layout, ends)

    return dense


@kernel
def stages(weights, current, b, own_size, strips, own, z, y, base, factor, out, z_out):
    """A stage of each member; all by address in the workspace of the first, which is b."""
    outlined()
    width, join = strips.width, 1
    layout = Layout(strips.width * strips.lanes, strips.lanes, strips.apart, 0)
    if strips.joined:
        join, layout = WIDEST, Layout(strips.lanes, strips.size, strips.apart, strips.across)
    g = 0
    while g < strips.count:
        members, at = min(join, strips.count - g), g * strips.size
        ends = Ends(
            shift(z, at), shift(own, g * own_size), shift(y, at), shift(base, at),
            shift(factor, g * strips.across), shift(out, at), shift(z_out, at),
        )  # fmt: skip
        stage(weights, current, b + g, max(width, members), strips.n, layout, ends)
        g += members


@kernel
def combine(strips, thirds, y2, y3, y4, q):
    """q = (y2 + 2 y3 + y4 - q) / 3; thirds are 1/3, 2/3 and -1/3."""
    one, two, minus = splat(thirds[0]), splat(thirds[1]), splat(thirds[2])
    for g in range(strips.count):
        first = g * strips.size
        for o in range(first, first + strips.n * strips.width * strips.lanes, strips.lanes):
            total = fma(one, load(y2, o), multiply(minus, load(q, o)))
            total = fma(two, load(y3, o), total)
            store(q, o, fma(one, load(y4, o), total))


@kernel
def scale_rows(strips, factor, y, z):
    """z = factor_i y_i, row by row."""
    for g in range(strips.count):
        for i in range(strips.n):
            f = splat(factor[g * strips.across + i * strips.apart])
            for r in range(strips.width):
                o = g * strips.size + (i * strips.width + r) * strips.lanes
                store(z, o, multiply(f, load(y, o)))


@kernel
def copy_strips(strips, source, source_step, out, out_step):
    for g in range(strips.count):
        for o in range(0, strips.n * strips.width * strips.lanes, strips.lanes):
            store(out, g * out_step + o, load(source, g * source_step + o))


@kernel
def flow_steps(stop, weights, current, b, own_size, strips, own, thirds, tape, row, count, work):
    """Runge-Kutta steps of q, which comes first in `work`; slopes are `row` from stage to stage."""
    outlined()
    n, room = strips.n, strips.room
    q, y2, y3, y4 = work, shift(work, room), shift(work, 2 * room), shift(work, 3 * room)
    za, zb = shift(work, 4 * room), shift(work, 5 * room)
    o1, o2, o3, o4 = own, shift(own, n), shift(own, 2 * n), shift(own, 3 * n)
    if current is not None:
        scale_rows(strips, tape, q, za)
    for s in range(0, count, 4):
        if raised(stop):
            break
        s1 = shift(tape, s * row)
        s2, s3, s4 = shift(s1, row), shift(s1, 2 * row), shift(s1, 3 * row)
        if current is None:
            stages(weights, current, b, own_size, strips, o1, q, q, q, s1, y2, y2)
            stages(weights, current, b, own_size, strips, o2, y2, y2, q, s2, y3, y3)
            stages(weights, current, b, own_size, strips, o3, y3, y3, q, s3, y4, y4)
            combine(strips, thirds, y2, y3, y4, q)
            stages(weights, current, b, own_size, strips, o4, y4, y4, q, s4, q, q)
        else:
            after = shift(s4, row) if s + 4 < count else s4
            stages(weights, current, b, own_size, strips, o1, za, q, q, s2, y2, zb)
            stages(weights, current, b, own_size, strips, o2, zb, y2, q, s3, y3, za)
            stages(weights, current, b, own_size, strips, o3, za, y3, q, s4, y4, zb)
            combine(strips, thirds, y2, y3, y4, q)
            stages(weights, current, b, own_size, strips, o4, zb, y4, q, after, q, za)


@kernel
def map_steps(stop, weights, current, b, own_size, strips, own, tape, row, count, work):
    """Steps of a map, likewise; returns where q is in the end."""
    outlined()
    room = strips.room
    here, there, zeros = work, shift(work, room), shift(work, 2 * room)
    za, zb = shift(work, 3 * room), shift(work, 4 * room)
    for g in range(strips.count):
        for e in range(room):
            zeros[g * strips.size + e] = 0
    if current is not None:
        scale_rows(strips, tape, here, za)
    for s in range(count):
        if raised(stop):
            break
        now = shift(tape, s * row)
        if current is None:
            stages(weights, current, b, own_size, strips, own, here, here, zeros, now, there, there)
        else:
            after = shift(now, row) if s + 1 < count else now
            stages(weights, current, b, own_size, strips, own, za, here, zeros, after, there, zb)
            za, zb = zb, za
        here, there = there, here
    return here


@kernel
def strip_steps(stop, tangents, b, flow, tape, row, count, strips, work, q, q_step):
    """The same strip of members b, b + 1, ... through `count` stages.

    tape: slopes, those of a stage are `row` after those of the one before. The strips are q and
    `q_step` apart; work: `strips.size` elements, at least BUFFERS times `strips.room`, for each.
    """
    outlined()
    own_size = member_size(tangents.own) * strips.n
    own = shift(address(tangents.own), b * own_size)
    current, weights = currents(tangents), addresses(tangents)
    copy_strips(strips, q, q_step, work, strips.size)
    here = work
    if flow:
        flow_steps(
            stop, weights, current, b, own_size, strips, own, tangents.thirds, tape, row, count,
            work,
        )  # fmt: skip
    else:
        here = map_steps(stop, weights, current, b, own_size, strips, own, tape, row, count, work)
    copy_strips(strips, here, strips.size, q, q_step)


@kernel
def scale_slopes(tape, factors, stages, row, slopes):
    """slopes = the tape times the factor f of each stage, in the tangents' dtype."""
    for s in range(stages):
        f = factors[s % factors.size]
        for e in range(s * row, (s + 1) * row):
            slopes[e] = f * tape[e]
