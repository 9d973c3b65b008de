"""The cotangents of rate networks: strips of columns back through the stages of a tape.

With A = rate (W slope - 1) of currents, or rate (slope W - 1) of rates, a stage takes v to its
transpose times v; the step is the transpose of the tangents' step, exactly.
"""

from collections import namedtuple
from functools import cache

import numpy as np
from numba import float64

from ...jit import inlined, kernel
from ..simd.copying import copy_strip
from ..simd.records import Record, size_of
from ..simd.strips import lanes_of, strip_product, vector_product
from ..simd.vectors import add, fma, load, multiply, outlined, shift, splat, store, subtract
from ..taped.adjoint_steps import begin_step, transposed_stage
from ..taped.runs import STRIP_RUN
from ..team.interruptible import raised
from .model import padded
from .weights import factor, is_sparse, transposed

BUFFERS = 5  # strips that one strip needs

# As `network_model.Model`; `transposed` are the weights' transpose, in float64.
CotangentModel = namedtuple(
    "CotangentModel",
    "n dt current sparse lanes width indptr indices rate rate_size transposed transposed_size",
)
COTANGENT_MODEL = Record(
    CotangentModel, doubles="rate transposed", indices="indptr indices", floats="dt"
)
read_model = COTANGENT_MODEL.reader()


def cotangent_model(weights, rate, current, dt, width):
    """The record, packed, and the arrays that must outlive it."""
    turned, indptr, indices = factor(transposed(weights), np.float64)
    arrays = {
        "transposed": turned,
        "indptr": indptr,
        "indices": indices,
        "rate": np.ascontiguousarray(rate),
    }
    record = COTANGENT_MODEL.packed(
        **arrays,
        n=rate.shape[-1],
        dt=float(dt),
        current=int(current),
        sparse=int(is_sparse(weights)),
        lanes=lanes_of(np.float64),
        width=width,
        rate_size=size_of(rate),
        transposed_size=size_of(turned),
    )
    return record, arrays


@kernel
def add_product(net, member, width, lanes, single, z, out, aside):
    """out += W' z; of a `single` column as a vector, which takes a third of the time."""
    outlined()
    w = shift(net.transposed, member * net.transposed_size)
    if single and not net.sparse:
        x, total, stride = aside, shift(aside, net.n), width * lanes
        for i in range(net.n):
            x[i], total[i] = z[i * stride], out[i * stride]
        vector_product(w, x, net.n, net.n, total, total)
        for i in range(net.n):
            out[i * stride] = total[i]
        return
    if not net.sparse:
        strip_product(width, w, z, net.n, net.n, out, out)
        return
    for i in range(net.n):
        for r in range(width):
            at = (i * width + r) * lanes
            total = load(out, at)
            for e in range(net.indptr[i], net.indptr[i + 1]):
                total = fma(splat(w[e]), load(z, (net.indices[e] * width + r) * lanes), total)
            store(out, at, total)


@kernel
def cotangent_stage(net, member, slope, apart, width, lanes, single, v, z, out, aside):
    """out = A' v; slopes of units are `apart`."""
    outlined()
    rate, stride = shift(net.rate, member * net.rate_size), width * lanes
    for i in range(net.n):
        own = splat(rate[i])
        scale = own if net.current else splat(rate[i] * slope[i * apart])
        for o in range(i * stride, (i + 1) * stride, lanes):
            value = load(v, o)
            store(z, o, multiply(scale, value))
            nothing = subtract(value, value)
            store(out, o, nothing if net.current else subtract(nothing, multiply(own, value)))
    add_product(net, member, width, lanes, single, z, out, aside)
    if net.current:
        for i in range(net.n):
            own, scale = splat(rate[i]), splat(slope[i * apart])
            for o in range(i * stride, (i + 1) * stride, lanes):
                store(out, o, subtract(multiply(scale, load(out, o)), multiply(own, load(v, o))))


@inlined
def row_of(net, count):
    """Elements of a stage on the tape, from member to member and from unit to unit."""
    if net.width:
        return net.n * net.width, 1, net.width
    across = padded(net.n, net.lanes)
    return count * across, across, 1


def cotangent_run(at):
    run = at[0]
    net = read_model(run.model, run.q)
    row, across, apart = row_of(net, run.count)
    lanes = run.lanes
    for g in range(run.count):
        member = run.first + g
        for s in range(run.begin, run.end):
            c, stride = run.edges[s], run.edges[s + 1] - run.edges[s]
            size, width = net.n * stride, stride // lanes
            p = shift(run.q, member * run.q_step + c * net.n)
            y, a = run.work, shift(run.work, size)
            total, z = shift(run.work, 2 * size), shift(run.work, 3 * size)
            aside, single = shift(run.work, 4 * size), run.columns == 1
            for stage in range(run.stages - 1, -1, -1):
                if raised(run.stop):
                    break
                slope, r = shift(run.tape, stage * row + g * across), stage % 4
                if net.dt == 0.0:
                    cotangent_stage(net, member, slope, apart, width, lanes, single, p, z, y, aside)
                    for o in range(0, size, lanes):
                        store(p, o, add(load(p, o), load(y, o)))
                    continue
                if r == 3:
                    begin_step(net.dt, size, lanes, p, a, total)
                cotangent_stage(net, member, slope, apart, width, lanes, single, a, z, y, aside)
                transposed_stage(r, net.dt, size, lanes, p, y, a, total)
                if r == 0:
                    copy_strip(size, lanes, total, p)


@cache
def network_cotangents():
    """Compiled when first asked for: spectra need no cotangents, and this takes seconds."""
    return STRIP_RUN.function(float64, [COTANGENT_MODEL])(cotangent_run)
