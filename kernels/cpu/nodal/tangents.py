"""The tangents of a network of nodes: one strip of columns through the stages of an interval.

A stage takes a strip y to z_r = sum_u B_ru y_u, node by node, for each product; then to M_r z_r;
then to ``out = base + sum_u A_vu y_u + sum_r C_vr M_r z_r``, again node by node. The coefficients
A, B, C come from the tape. A and C have the factors of `state.scale_of` in them, so that stages 1
to 4 are out = base + J y with base q, q, q and, from the first three, (y2 + 2 y3 + y4 - q)/3.
"""

from functools import cache

from numba import from_dtype

from ...jit import inlined, kernel
from ..qr.reflections import width_of
from ..simd.strips import strip_product
from ..simd.vectors import fma, load, multiply, outlined, shift, splat, store, subtract
from ..taped.runs import STRIP_RUN
from ..team.interruptible import raised
from .model import (
    FIELDS,
    INDICES,
    INDPTR,
    MODEL,
    SPARSE,
    TANGENTS,
    TANGENTS_SIZE,
    across_of,
    at_address,
    down_of,
    read_model,
    size_for,
)


def strip_rows(nodes):
    """Rows of n nodes that the stages of one strip need: q, y2, y3, y4; z and M z; zeros."""
    return 4 * nodes.variables + 2 * nodes.sums + 1


@kernel
def sparse_product(indptr, indices, n, width, lanes, w, z, out):
    """out = M z for one strip."""
    outlined()
    stride = width * lanes
    for i in range(n):
        first, last = indptr[i], indptr[i + 1]
        for o in range(0, stride, lanes):
            total = subtract(load(z, o), load(z, o))
            for e in range(first, last):
                total = fma(splat(w[e]), load(z, indices[e] * stride + o), total)
            store(out, i * stride + o, total)


@inlined
def products(net, member, width, lanes, z, zeros, out):
    """M_r z_r for each product."""
    size = net.n * width * lanes
    for r in range(net.sums):
        matrix = shift(net.matrices, r * FIELDS)
        w = shift(at_address(matrix[TANGENTS], z), member * matrix[TANGENTS_SIZE])
        source, target = shift(z, r * size), shift(out, r * size)
        if matrix[SPARSE]:
            indptr, indices = (
                at_address(matrix[INDPTR], matrix),
                at_address(matrix[INDICES], matrix),
            )
            sparse_product(indptr, indices, net.n, width, lanes, w, source, target)
        else:
            strip_product(width, w, source, net.n, net.n, zeros, target)


@inlined
def entering(net, coefficients, size, apart, stride, lanes, y, z):
    """z_r = sum of coefficient times row of y, for each product and node."""
    n, m = net.n, net.m
    for r in range(net.sums):
        first, last = net.into[2 * r], net.into[2 * r + 1]
        there = shift(z, r * n * stride)
        for i in range(n):
            for o in range(0, stride, lanes):
                total = subtract(load(y, o), load(y, o))
                for term in range(first, last):
                    row, c = net.terms[2 * term], net.terms[2 * term + 1]
                    factor = splat(coefficients[c * size + i * apart])
                    total = fma(factor, load(y, (i * m + row) * stride + o), total)
                store(there, i * stride + o, total)


@inlined
def leaving(net, coefficients, size, apart, stride, lanes, y, products, base, out):
    """out_v = base_v + sum of coefficient times row of y, or of a product."""
    n, m = net.n, net.m
    for v in range(m):
        first, last = net.out[2 * v], net.out[2 * v + 1]
        for i in range(n):
            at = (i * m + v) * stride
            for o in range(0, stride, lanes):
                total = load(base, at + o)
                for term in range(first, last):
                    row, c = net.terms[2 * term], net.terms[2 * term + 1]
                    factor = splat(coefficients[c * size + i * apart])
                    if row < m:
                        total = fma(factor, load(y, (i * m + row) * stride + o), total)
                    else:
                        source = shift(products, (row - m) * n * stride)
                        total = fma(factor, load(source, i * stride + o), total)
                store(out, at + o, total)


@kernel
def stage(net, member, coefficients, size, apart, width, lanes, y, z, found, zeros, base, out):
    """out = base + J y; base may be out, but y may not."""
    outlined()
    stride = width * lanes
    entering(net, coefficients, size, apart, stride, lanes, y, z)
    products(net, member, width, lanes, z, zeros, found)
    leaving(net, coefficients, size, apart, stride, lanes, y, found, base, out)


@kernel
def combine(net, size, lanes, y2, y3, y4, q):
    """q = (y2 + 2 y3 + y4 - q) / 3; thirds are 1/3, 2/3 and -1/3."""
    outlined()
    one, two, minus = splat(net.thirds[0]), splat(net.thirds[1]), splat(net.thirds[2])
    for o in range(0, size, lanes):
        total = fma(one, load(y2, o), multiply(minus, load(q, o)))
        total = fma(two, load(y3, o), total)
        store(q, o, fma(one, load(y4, o), total))


@kernel
def copy(size, lanes, source, out):
    outlined()
    for o in range(0, size, lanes):
        store(out, o, load(source, o))


def tangent_run(at):
    run = at[0]
    net = read_model(run.model, run.q)
    size, apart, lanes = size_for(net, run.count), down_of(net), run.lanes
    row = (net.field_slopes + net.factor_slopes) * size
    for g in range(run.count):
        member = run.first + g
        tape = shift(run.tape, g * across_of(net))
        for s in range(run.begin, run.end):
            width = width_of(run.edges, s, lanes)
            strip = net.n * width * lanes
            space = strip * net.m
            own = shift(run.q, member * run.q_step + run.edges[s] * net.n * net.m)
            q = run.work
            y2, y3, y4 = shift(q, space), shift(q, 2 * space), shift(q, 3 * space)
            z = shift(q, 4 * space)
            found = shift(z, net.sums * strip)
            zeros = shift(found, net.sums * strip)
            for e in range(strip):
                zeros[e] = 0
            copy(space, lanes, own, q)
            for step in range(0, run.stages, net.stages):
                if raised(run.stop):
                    break
                c1 = shift(tape, step * row)
                c2, c3, c4 = shift(c1, row), shift(c1, 2 * row), shift(c1, 3 * row)
                if net.dt == 0.0:
                    for e in range(space):
                        y2[e] = 0
                    stage(net, member, c1, size, apart, width, lanes, q, z, found, zeros, y2, y2)
                    copy(space, lanes, y2, q)
                    continue
                stage(net, member, c1, size, apart, width, lanes, q, z, found, zeros, q, y2)
                stage(net, member, c2, size, apart, width, lanes, y2, z, found, zeros, q, y3)
                stage(net, member, c3, size, apart, width, lanes, y3, z, found, zeros, q, y4)
                combine(net, space, lanes, y2, y3, y4, q)
                stage(net, member, c4, size, apart, width, lanes, y4, z, found, zeros, q, q)
            copy(space, lanes, q, own)


@cache
def nodal_strips(dtype):
    """A `StripRun` as a C function, for tangents of `dtype`."""
    return STRIP_RUN.function(from_dtype(dtype), [MODEL])(tangent_run)
