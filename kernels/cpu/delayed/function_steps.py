"""Runge-Kutta steps of a traced function with delays: states, and tangents by their exact slopes.

Everything lies on a tape of grid points, the oldest first, each a row of values and a row of slopes
of the n variables; the step from point s to the next reads the past from points before it. A state
has a register for each variable: members, or all lanes the same one. Tangents have `width` elements
for each variable, columns of registers as `rows` has them.
"""

import math
from collections import namedtuple

from numba import float64, types, void

from ...jit import exact_kernel as kernel
from ..simd.copying import copy_strip
from ..simd.elementwise import as_bits
from ..simd.vectors import address, fma, load, outlined, shift, splat, store
from ..team.interruptible import raised
from ..traced.drawing import counted, next_pair
from .past import interpolate
from .stages import end_stage

_numbers = types.CPointer(float64)
FIELD = void(float64, _numbers, _numbers, _numbers, _numbers)  # t, x, p, f, jacobian

# What a function looks like: n variables; `seen` rows that it takes, the first n of them those of
# the state and then one for each past value, of unit `units` and delay `which`; how many `entries`
# its Jacobian has, and their places; lanes of a register. Steps take the arrays by address: to hand
# on an array counts its references, which took as long as the steps of a small function.
Shape = namedtuple("Shape", "n seen which units entries indptr indices lanes")


@kernel
def by_address(shape):
    return Shape(
        shape.n, shape.seen, address(shape.which), address(shape.units), shape.entries,
        address(shape.indptr), address(shape.indices), shape.lanes,
    )  # fmt: skip


@kernel
def look_back(shape, places, weights, stage, tape, point, width, out):
    """The past at a stage of the step from `point` on, to the rows of out after the first n.

    places (D, 3) and weights (D, 3, 4) as `History` has them, by address.
    """
    outlined()
    n, lanes = shape.n, shape.lanes
    for u in range(shape.seen - n):
        look = 3 * shape.which[u] + stage
        interpolate(
            tape, point + places[look], shape.units[u], n, width, lanes, shift(weights, 4 * look),
            shift(out, (n + u) * width),
        )  # fmt: skip


@kernel
def state_steps(
    stop, field, shape, places, weights, drawn, params, p, dt, step, point, steps, tape, work,
    slopes,
):  # fmt: skip
    """Steps from grid point `point` on; slopes receives the Jacobians' entries, of each stage.

    work: rows of the state, seen and more, (seen + 2 n) lanes. p: `params` rows of parameters, of
    which the last ones are `drawn`.
    """
    outlined()
    n, lanes = shape.n, shape.lanes
    size, entries = n * lanes, shape.entries * lanes
    seen = work
    total, slope = shift(work, shape.seen * lanes), shift(work, (shape.seen + n) * lanes)
    for s in range(steps):
        if raised(stop):
            break
        here = shift(tape, (point + s) * 2 * size)
        time = (step + s) * dt
        draw_all(lanes, drawn, params, p, step + s, dt)
        copy_strip(size, lanes, here, seen)
        for stage in range(4):
            if stage != 2:
                look_back(shape, places, weights, (stage + 1) // 2, tape, point + s, lanes, seen)
            node = 0.0 if stage == 0 else dt if stage == 3 else 0.5 * dt
            entry = shift(slopes, (4 * s + stage) * entries)
            field(time + node, seen, p, slope, entry)
            if stage == 0:
                copy_strip(size, lanes, slope, shift(here, size))
            end_stage(stage, dt, size, lanes, slope, here, seen, total, shift(here, 2 * size))


@kernel
def draw_all(lanes, drawn, params, p, step, dt):
    """`draw` for a register of members."""
    first, scale = params - drawn, 1.0 / math.sqrt(dt)
    for l in range(lanes if drawn else 0):
        key0, key1 = as_bits(p[(first - 2) * lanes + l]), as_bits(p[(first - 1) * lanes + l])
        counter, begin = counted(drawn, step)
        a, b = 0.0, 0.0
        for j in range(drawn):
            number = begin + j
            a, b = next_pair(key0, key1, counter, number, j == 0, a, b)
            p[(first + j) * lanes + l] = scale * (b if number % 2 else a)


@kernel
def apply_slopes(shape, entries, width, seen, out):
    """out = the Jacobian times the rows of seen."""
    outlined()
    lanes = shape.lanes
    for i in range(shape.n):
        first, last = shape.indptr[i], shape.indptr[i + 1]
        for o in range(0, width, lanes):
            value = splat(0.0)
            for e in range(first, last):
                place = shape.indices[e] * width + o
                value = fma(load(entries, e * lanes), load(seen, place), value)
            store(out, i * width + o, value)


@kernel
def tangent_steps(stop, shape, places, weights, dt, point, steps, width, tape, work, slopes):
    """The same steps of the tangents; work: (seen + 2 n) width."""
    outlined()
    n, lanes = shape.n, shape.lanes
    size, entries = n * width, shape.entries * lanes
    seen = work
    total, slope = shift(work, shape.seen * width), shift(work, (shape.seen + n) * width)
    for s in range(steps):
        if raised(stop):
            break
        here = shift(tape, (point + s) * 2 * size)
        copy_strip(size, lanes, here, seen)
        for stage in range(4):
            if stage != 2:
                look_back(shape, places, weights, (stage + 1) // 2, tape, point + s, width, seen)
            apply_slopes(shape, shift(slopes, (4 * s + stage) * entries), width, seen, slope)
            if stage == 0:
                copy_strip(size, lanes, slope, shift(here, size))
            end_stage(stage, dt, size, lanes, slope, here, seen, total, shift(here, 2 * size))
