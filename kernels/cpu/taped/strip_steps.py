"""Steps of one strip, for systems whose stage is ``stage(net, strip, coefficients, y, base, out)``:
out = base + J y, where base may be out, but y may not. Coefficients of a stage are `row` elements
on the tape after those of the one before.
"""

from ...jit import inlined, kernel, spliced
from ..qr.reflections import width_of
from ..simd.copying import copy_strip
from ..simd.vectors import fma, load, multiply, outlined, shift, splat, store
from ..team.interruptible import raised
from .adjoint_steps import begin_step, transposed_stage


@kernel
def clear(size, out):
    for e in range(size):
        out[e] = 0


@kernel
def combine(thirds, size, lanes, y2, y3, y4, q):
    """q = (y2 + 2 y3 + y4 - q) / 3; thirds are 1/3, 2/3 and -1/3."""
    outlined()
    one, two, minus = splat(thirds[0]), splat(thirds[1]), splat(thirds[2])
    for o in range(0, size, lanes):
        total = fma(one, load(y2, o), multiply(minus, load(q, o)))
        total = fma(two, load(y3, o), total)
        store(q, o, fma(one, load(y4, o), total))


@inlined
def place_of(run, g, s, rows):
    """(width in registers, elements, address) of strip s of member g, of so many rows."""
    width = width_of(run.edges, s, run.lanes)
    own = shift(run.q, (run.first + g) * run.q_step + run.edges[s] * rows)
    return width, rows * width * run.lanes, own


@spliced
def tangent_steps(stage, net, strip, run, tape, row, size, q):
    """Tangents q, which have the strips of the stages, y2, y3 and y4, behind them."""
    y2, y3, y4 = shift(q, size), shift(q, 2 * size), shift(q, 3 * size)
    for step in range(0, run.stages, net.stages):
        if raised(run.stop):
            break
        c1 = shift(tape, step * row)
        c2, c3, c4 = shift(c1, row), shift(c1, 2 * row), shift(c1, 3 * row)
        if net.dt == 0.0:
            clear(size, y2)
            stage(net, strip, c1, q, y2, y2)
            copy_strip(size, run.lanes, y2, q)
            continue
        stage(net, strip, c1, q, q, y2)
        stage(net, strip, c2, y2, q, y3)
        stage(net, strip, c3, y3, q, y4)
        combine(net.thirds, size, run.lanes, y2, y3, y4, q)
        stage(net, strip, c4, y4, q, q)


@spliced
def cotangent_steps(stage, net, strip, run, tape, row, size, p, work):
    """Cotangents p back; `stage` takes a strip to the transpose of J times it; work: 3 strips."""
    y, a, total = work, shift(work, size), shift(work, 2 * size)
    for number in range(run.stages - 1, -1, -1):
        if raised(run.stop):
            break
        c, r = shift(tape, number * row), number % 4
        clear(size, y)
        if net.dt == 0.0:
            stage(net, strip, c, p, y, y)
            copy_strip(size, run.lanes, y, p)
            continue
        if r == 3:
            begin_step(net.dt, size, run.lanes, p, a, total)
        stage(net, strip, c, a, y, y)
        transposed_stage(r, net.dt, size, run.lanes, p, y, a, total)
        if r == 0:
            copy_strip(size, run.lanes, total, p)
