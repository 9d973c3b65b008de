"""Householder QR of several small members at once, one in each lane of a register.

One member of 8 units waits for its square roots, divisions and sums, and not for products: its QR
takes 0.7 us by itself, and 0.15 us as one of eight (Zen 4). Reflections are those of `reflections`,
and as there a column along an axis is turned to it exactly.
"""

import numpy as np

from ...jit import inlined, kernel
from ..simd.registers import divide, root, transpose, where_zero, with_sign
from ..simd.vectors import add, fma, load, multiply, outlined, shift, splat_for, store, subtract
from .reflections import finish, square_sums

FOUR = 4  # columns that a reflection takes at once
MOST_ROWS = 16  # of members that are taken so: larger ones have products enough


@inlined
def fits(n, edges):
    """Whether a QR is one of lanes; so it does not depend on the number of members."""
    return edges.size == 2 and n <= MOST_ROWS


@kernel
def to_lanes(q, size, last, n, columns, lanes, a):
    """Element (i, c) of all members to a[(i columns + c) lanes], members `size` apart in q."""
    for i in range(n):
        for c in range(0, columns, lanes):
            at = i * columns + c
            transpose(shift(q, at), size, last, shift(a, at * lanes), lanes)


@kernel
def from_lanes(a, n, columns, lanes, finite, block, q, size, members):
    """The inverse, for members that are `finite`; block: a square of lanes by lanes."""
    for i in range(n):
        for c in range(0, columns, lanes):
            at = i * columns + c
            transpose(shift(a, at * lanes), lanes, lanes - 1, block, lanes)
            for l in range(members):
                if finite[l] != 0:
                    store(q, l * size + at, load(block, l * lanes))


@kernel
def norms(a, n, k, columns, lanes, norm):
    """Norms of the columns, row by row of registers."""
    square_sums(a, n, columns, k, lanes, norm)
    for c in range(k):
        store(norm, c * lanes, root(load(norm, c * lanes)))


@kernel
def reflect_column(a, j, c, n, columns, lanes, first, scale):
    """The reflection with v in column j, v_j = 1, on column c, whose element j is `first`."""
    even, odd = first, splat_for(a, 0.0)  # two sums in turn: each waits for its own last term
    for i in range(j + 1, n - 1, 2):
        v, w = load(a, (i * columns + j) * lanes), load(a, ((i + 1) * columns + j) * lanes)
        even = fma(v, load(a, (i * columns + c) * lanes), even)
        odd = fma(w, load(a, ((i + 1) * columns + c) * lanes), odd)
    if (n - 1 - j) % 2 == 1:
        row = (n - 1) * columns
        even = fma(load(a, (row + j) * lanes), load(a, (row + c) * lanes), even)
    total = multiply(add(even, odd), scale)
    store(a, (j * columns + c) * lanes, add(first, total))
    for i in range(j + 1, n):
        at = (i * columns + c) * lanes
        store(a, at, fma(load(a, (i * columns + j) * lanes), total, load(a, at)))


@kernel
def reflect_columns(a, j, k, n, columns, lanes, upright, scale):
    """The reflection with v in column j, v_j = 1, on columns j + 1 to k; upright: as if a_jc = 0.

    Four columns at once load v once, and their sums do not wait for one another. Columns from k on
    are zero, and stay so.
    """
    c = j + 1
    while c < k:
        if c % FOUR == 0 and c + FOUR <= columns:
            reflect_four(a, j, c, n, columns, lanes, upright, scale)
            c += FOUR
        else:
            head = splat_for(a, 0.0) if upright else load(a, (j * columns + c) * lanes)
            reflect_column(a, j, c, n, columns, lanes, head, scale)
            c += 1


@kernel
def reflect_four(a, j, c, n, columns, lanes, upright, scale):
    """The same of columns c to c + 3."""
    v, q, step = shift(a, j * lanes), shift(a, c * lanes), columns * lanes
    at = j * step
    h0 = h1 = h2 = h3 = splat_for(a, 0.0)
    if not upright:
        h0, h1 = load(q, at), load(q, at + lanes)
        h2, h3 = load(q, at + 2 * lanes), load(q, at + 3 * lanes)
    s0, s1, s2, s3 = h0, h1, h2, h3
    for i in range(j + 1, n):
        f, o = load(v, i * step), i * step
        s0, s1 = fma(f, load(q, o), s0), fma(f, load(q, o + lanes), s1)
        s2, s3 = fma(f, load(q, o + 2 * lanes), s2), fma(f, load(q, o + 3 * lanes), s3)
    s0, s1 = multiply(s0, scale), multiply(s1, scale)
    s2, s3 = multiply(s2, scale), multiply(s3, scale)
    store(q, at, add(h0, s0))
    store(q, at + lanes, add(h1, s1))
    store(q, at + 2 * lanes, add(h2, s2))
    store(q, at + 3 * lanes, add(h3, s3))
    for i in range(j + 1, n):
        f, o = load(v, i * step), i * step
        store(q, o, fma(f, s0, load(q, o)))
        store(q, o + lanes, fma(f, s1, load(q, o + lanes)))
        store(q, o + 2 * lanes, fma(f, s2, load(q, o + 2 * lanes)))
        store(q, o + 3 * lanes, fma(f, s3, load(q, o + 3 * lanes)))


@kernel
def factor(a, n, k, columns, lanes, scales, diagonal):
    """R_jj to `diagonal`; reflections below the diagonal, in place of the columns."""
    zero, one = splat_for(a, 0.0), splat_for(a, 1.0)
    for j in range(k):
        head = load(a, (j * columns + j) * lanes)
        total = multiply(head, head)
        for i in range(j + 1, n):
            element = load(a, (i * columns + j) * lanes)
            total = fma(element, element, total)
        r = head if j == n - 1 else subtract(zero, with_sign(root(total), head))
        pivot = subtract(head, r)
        scale = where_zero(pivot, zero, divide(pivot, r))
        store(diagonal, j * lanes, r)
        store(scales, j * lanes, scale)
        divisor = where_zero(pivot, one, pivot)
        for i in range(j + 1, n):
            at = (i * columns + j) * lanes
            store(a, at, divide(load(a, at), divisor))
        reflect_columns(a, j, k, n, columns, lanes, False, scale)


@kernel
def form(a, n, k, columns, lanes, scales, diagonal):
    """Q with R_jj > 0 in place of the reflections, last column first."""
    zero, one = splat_for(a, 0.0), splat_for(a, 1.0)
    for j in range(k - 1, -1, -1):
        scale, sign = load(scales, j * lanes), with_sign(one, load(diagonal, j * lanes))
        reflect_columns(a, j, k, n, columns, lanes, True, scale)
        total = multiply(scale, sign)
        for i in range(j):
            store(a, (i * columns + j) * lanes, zero)
        store(a, (j * columns + j) * lanes, add(sign, total))
        for i in range(j + 1, n):
            at = (i * columns + j) * lanes
            store(a, at, multiply(load(a, at), total))


@kernel
def orthonormalise_lanes(
    q, first, last, n, k, columns, lanes, unit, work, norm, diagonal, log_sum, compensation,
    cancellation, status,
):  # fmt: skip
    """Orthonormalise members `first` to `last`, no more than a register has lanes.

    q: address of the tangents of all members, each a strip of `columns`. work: as much as
    `workspace_size` says.
    """
    outlined()
    size, members = n * columns, last - first
    a, scales = work, shift(work, size * lanes)
    diagonals, lengths = shift(scales, columns * lanes), shift(scales, 2 * columns * lanes)
    finite, block = shift(scales, 3 * columns * lanes), shift(scales, (3 * columns + 1) * lanes)
    own = shift(q, first * size)
    to_lanes(own, size, members - 1, n, columns, lanes, a)
    norms(a, n, k, columns, lanes, lengths)
    factor(a, n, k, columns, lanes, scales, diagonals)
    form(a, n, k, columns, lanes, scales, diagonals)
    for l in range(members):
        b, good = first + l, True
        for c in range(k):
            norm[c], diagonal[c] = lengths[c * lanes + l], diagonals[c * lanes + l]
            good = good and np.isfinite(norm[c])
        finite[l] = good
        finish(good, norm, diagonal, unit, log_sum[b], compensation[b], cancellation[b], status[b])
    from_lanes(a, n, columns, lanes, finite, block, own, size, members)
