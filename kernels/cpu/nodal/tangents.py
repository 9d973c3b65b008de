"""The tangents of a network of nodes: one strip of columns through the stages of an interval.

A stage takes a strip y to z_r = sum_u B_ru y_u, node by node, for each product; then to M_r z_r;
then to ``out = base + sum_u A_vu y_u + sum_r C_vr M_r z_r``, again node by node. The coefficients
A, B, C come from the tape. A and C have the factors of `state.scale_of` in them, so that stages 1
to 4 are out = base + J y with base q, q, q and, from the first three, (y2 + 2 y3 + y4 - q)/3.
"""

from collections import namedtuple
from functools import cache

from numba import from_dtype

from ...jit import inlined, kernel, spliced
from ..qr.reflections import width_of
from ..simd.strips import ROWS, strip_product
from ..simd.vectors import BYTES, fma, load, multiply, outlined, shift, splat, store
from ..taped.runs import STRIP_RUN
from ..team.interruptible import raised
from .model import (
    COUNT,
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


# Rows of a strip of `width` registers, a number: its sums stay in registers. The variables of a
# node are `m` rows side by side, a product has one row a node.


@inlined
def factor(net, coefficients, at, i, term):
    """(row, coefficient in each element of a register) of a term at node i."""
    return net.terms[2 * term], splat(
        coefficients[net.terms[2 * term + 1] * at.size + i * at.apart]
    )


@spliced
def add_terms(width, net, coefficients, at, i, first, last, source, node_step, row_step, a, b, c):
    """Three registers plus the terms from `first` to `last`; unused ones come back as they are."""
    for term in range(first, last):
        row, f = factor(net, coefficients, at, i, term)
        there = i * node_step + row * row_step
        a = fma(f, load(source, there), a)
        if width > 1:
            b = fma(f, load(source, there + at.lanes), b)
        if width > 2:
            c = fma(f, load(source, there + 2 * at.lanes), c)
    return a, b, c


@spliced
def loaded(width, lanes, source, place):
    a = load(source, place)
    b = load(source, place + lanes) if width > 1 else a
    c = load(source, place + 2 * lanes) if width > 2 else a
    return a, b, c


@spliced
def stored(width, lanes, out, place, a, b, c):
    store(out, place, a)
    if width > 1:
        store(out, place + lanes, b)
    if width > 2:
        store(out, place + 2 * lanes, c)


@spliced
def gather_rows(width, indptr, indices, n, lanes, w, z, zeros, out):
    stride = width * lanes
    for i in range(n):
        a, b, c = loaded(width, lanes, zeros, 0)
        for e in range(indptr[i], indptr[i + 1]):
            f, there = splat(w[e]), indices[e] * stride
            a = fma(f, load(z, there), a)
            if width > 1:
                b = fma(f, load(z, there + lanes), b)
            if width > 2:
                c = fma(f, load(z, there + 2 * lanes), c)
        stored(width, lanes, out, i * stride, a, b, c)


@kernel
def sparse_product(indptr, indices, n, width, lanes, w, z, zeros, out):
    """out = M z for one strip."""
    outlined()
    if width == 1:
        gather_rows(1, indptr, indices, n, lanes, w, z, zeros, out)
    elif width == 2:
        gather_rows(2, indptr, indices, n, lanes, w, z, zeros, out)
    else:
        gather_rows(3, indptr, indices, n, lanes, w, z, zeros, out)


@spliced
def enter(width, net, coefficients, at, y, zeros, z):
    stride = width * at.lanes
    for r in range(net.sums):
        first, last, there = net.into[2 * r], net.into[2 * r + 1], shift(z, r * net.n * stride)
        for i in range(net.n):
            a, b, c = loaded(width, at.lanes, zeros, 0)
            a, b, c = add_terms(
                width, net, coefficients, at, i, first, last, y, net.m * stride, stride, a, b, c
            )
            stored(width, at.lanes, there, i * stride, a, b, c)


@spliced
def leave(width, net, coefficients, at, y, found, base, out):
    stride = width * at.lanes
    for v in range(net.m):
        first, middle, last = net.out[3 * v], net.out[3 * v + 1], net.out[3 * v + 2]
        for i in range(net.n):
            place, apart = (i * net.m + v) * stride, net.n * stride
            a, b, c = loaded(width, at.lanes, base, place)
            a, b, c = add_terms(
                width, net, coefficients, at, i, first, middle, y, net.m * stride, stride, a, b, c
            )
            a, b, c = add_terms(
                width, net, coefficients, at, i, middle, last, found, stride, apart, a, b, c
            )
            stored(width, at.lanes, out, place, a, b, c)


@kernel
def entering(width, net, coefficients, at, y, zeros, z):
    """z_r = sum of coefficient times row of y, for each product and node."""
    outlined()
    if width == 1:
        enter(1, net, coefficients, at, y, zeros, z)
    elif width == 2:
        enter(2, net, coefficients, at, y, zeros, z)
    else:
        enter(3, net, coefficients, at, y, zeros, z)


@kernel
def leaving(width, net, coefficients, at, y, found, base, out):
    """out_v = base_v + sum of coefficient times row of y, or of a product."""
    outlined()
    if width == 1:
        leave(1, net, coefficients, at, y, found, base, out)
    elif width == 2:
        leave(2, net, coefficients, at, y, found, base, out)
    else:
        leave(3, net, coefficients, at, y, found, base, out)


PANEL = 256 * 1024  # bytes of a matrix that stay in a second-level cache beside the strips


@inlined
def products(net, member, width, lanes, z, zeros, out):
    """M_r z_r for each product; those of one matrix panel by panel, which is read once."""
    n, stride = net.n, width * lanes
    size, r = n * stride, 0
    while r < net.sums:
        matrix = shift(net.matrices, r * FIELDS)
        w = shift(at_address(matrix[TANGENTS], z), member * matrix[TANGENTS_SIZE])
        indptr, indices = at_address(matrix[INDPTR], matrix), at_address(matrix[INDICES], matrix)
        rows = n
        if matrix[COUNT] > 1 and not matrix[SPARSE]:
            rows = min(n, max(1, PANEL // (n * BYTES // lanes * ROWS)) * ROWS)
        for i in range(0, n, rows):
            for s in range(r, r + matrix[COUNT]):
                source, target = shift(z, s * size), shift(out, s * size + i * stride)
                if matrix[SPARSE]:
                    sparse_product(indptr, indices, n, width, lanes, w, source, zeros, target)
                else:
                    panel = shift(w, i * n)
                    strip_product(width, panel, source, min(rows, n - i), n, zeros, target)
        r += matrix[COUNT]


# Elements from coefficient to coefficient and from node to node on the tape, and of a register.
Where = namedtuple("Where", "size apart lanes")


@kernel
def stage(net, member, coefficients, size, apart, width, lanes, y, z, found, zeros, base, out):
    """out = base + J y; base may be out, but y may not."""
    outlined()
    at = Where(size, apart, lanes)
    entering(width, net, coefficients, at, y, zeros, z)
    products(net, member, width, lanes, z, zeros, found)
    leaving(width, net, coefficients, at, y, found, base, out)


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
