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
from ..network.model import layout
from ..simd.copying import copy_strip
from ..simd.strips import ROWS, strip_product
from ..simd.vectors import BYTES, fma, load, outlined, shift, splat, store
from ..taped.runs import STRIP_RUN
from ..taped.strip_steps import clear, place_of, tangent_steps
from .model import (
    COUNT,
    FIELDS,
    INDICES,
    INDPTR,
    MODEL,
    SPARSE,
    TANGENTS,
    TANGENTS_SIZE,
    at_address,
    read_model,
    size_for,
)


def strip_rows(nodes):
    """Rows of n nodes that the stages of one strip need: q, y2, y3, y4; z and M z; zeros."""
    return 4 * nodes.variables + 2 * nodes.sums + 1


# A strip of a member: elements from coefficient to coefficient and from node to node on the tape;
# its width in registers, elements of one; by address z, `found` = M z, and zeros for n rows.
Strip = namedtuple("Strip", "member size apart width lanes z found zeros")

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
def enter(width, net, coefficients, at, y):
    stride = width * at.lanes
    for r in range(net.sums):
        first, last, there = net.into[2 * r], net.into[2 * r + 1], shift(at.z, r * net.n * stride)
        for i in range(net.n):
            a, b, c = loaded(width, at.lanes, at.zeros, 0)
            a, b, c = add_terms(
                width, net, coefficients, at, i, first, last, y, net.m * stride, stride, a, b, c
            )
            stored(width, at.lanes, there, i * stride, a, b, c)


@spliced
def leave(width, net, coefficients, at, y, base, out):
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
                width, net, coefficients, at, i, middle, last, at.found, stride, apart, a, b, c
            )
            stored(width, at.lanes, out, place, a, b, c)


@kernel
def entering(net, coefficients, strip, y):
    """z_r = sum of coefficient times row of y, for each product and node."""
    outlined()
    if strip.width == 1:
        enter(1, net, coefficients, strip, y)
    elif strip.width == 2:
        enter(2, net, coefficients, strip, y)
    else:
        enter(3, net, coefficients, strip, y)


@kernel
def leaving(net, coefficients, strip, y, base, out):
    """out_v = base_v + sum of coefficient times row of y, or of a product."""
    outlined()
    if strip.width == 1:
        leave(1, net, coefficients, strip, y, base, out)
    elif strip.width == 2:
        leave(2, net, coefficients, strip, y, base, out)
    else:
        leave(3, net, coefficients, strip, y, base, out)


PANEL = 256 * 1024  # bytes of a matrix that stay in a second-level cache beside the strips


@inlined
def products(net, strip):
    """M_r z_r for each product; those of one matrix panel by panel, which is read once."""
    n, width, lanes, zeros = net.n, strip.width, strip.lanes, strip.zeros
    stride, r = width * lanes, 0
    size = n * stride
    while r < net.sums:
        matrix = shift(net.matrices, r * FIELDS)
        w = shift(at_address(matrix[TANGENTS], strip.z), strip.member * matrix[TANGENTS_SIZE])
        indptr, indices = at_address(matrix[INDPTR], matrix), at_address(matrix[INDICES], matrix)
        rows = n
        if matrix[COUNT] > 1 and not matrix[SPARSE]:
            rows = min(n, max(1, PANEL // (n * BYTES // lanes * ROWS)) * ROWS)
        for i in range(0, n, rows):
            for s in range(r, r + matrix[COUNT]):
                z, out = shift(strip.z, s * size), shift(strip.found, s * size + i * stride)
                if matrix[SPARSE]:
                    sparse_product(indptr, indices, n, width, lanes, w, z, zeros, out)
                else:
                    panel = shift(w, i * n)
                    strip_product(width, panel, z, min(rows, n - i), n, zeros, out)
        r += matrix[COUNT]


@kernel
def stage(net, strip, coefficients, y, base, out):
    outlined()
    entering(net, coefficients, strip, y)
    products(net, strip)
    leaving(net, coefficients, strip, y, base, out)


@inlined
def strip_of(net, run, g, width, room):
    """A strip of member g of a run; room: 2 sums + 1 rows of n nodes."""
    rows = net.n * width * run.lanes
    found = shift(room, net.sums * rows)
    zeros = shift(found, net.sums * rows)
    clear(rows, zeros)
    _, apart = layout(net)
    size = size_for(net, run.count)
    return Strip(run.first + g, size, apart, width, run.lanes, room, found, zeros)


@inlined
def tape_of(net, run, g):
    """(address, elements from stage to stage) of member g's coefficients."""
    across, _ = layout(net)
    row = (net.field_slopes + net.factor_slopes) * size_for(net, run.count)
    return shift(run.tape, g * across), row


def tangent_run(at):
    run = at[0]
    net = read_model(run.model, run.q)
    for g in range(run.count):
        tape, row = tape_of(net, run, g)
        for s in range(run.begin, run.end):
            width, size, own = place_of(run, g, s, net.n * net.m)
            q = run.work
            strip = strip_of(net, run, g, width, shift(q, 4 * size))
            copy_strip(size, run.lanes, own, q)
            tangent_steps(stage, net, strip, run, tape, row, size, q)
            copy_strip(size, run.lanes, q, own)


@cache
def nodal_strips(dtype):
    """A `StripRun` as a C function, for tangents of `dtype`."""
    return STRIP_RUN.function(from_dtype(dtype), [MODEL])(tangent_run)
