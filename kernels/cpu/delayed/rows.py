"""Householder QR of tall blocks of tangents, whose rows are registers.

A row has `width` elements. Either each lane is a member, and register j of a row is column j of all
of them (`apart`); or the columns of one member lie side by side. Products and sums are taken in the
same order in both, so a member has the same bits.

With v = a - r e_j a reflection is I + v v' / (r v_j). r v_j is its `factor`, and v lies where a
was.
"""

import math

from ...jit import exact_kernel as kernel
from ..simd.vectors import add, fma, load, outlined, shift, splat, store


@kernel
def square_sums(q, rows, width, first, out):
    """out = sum of the squares of a register of each row, from row `first` on."""
    outlined()
    a = b = c = d = splat(0.0)
    i = first
    while i + 4 <= rows:
        one, two = load(q, i * width), load(q, (i + 1) * width)
        three, four = load(q, (i + 2) * width), load(q, (i + 3) * width)
        a, b = fma(one, one, a), fma(two, two, b)
        c, d = fma(three, three, c), fma(four, four, d)
        i += 4
    while i < rows:
        one = load(q, i * width)
        a = fma(one, one, a)
        i += 1
    store(out, 0, add(add(a, b), add(c, d)))


@kernel
def products(apart, v, q, rows, width, first, out):
    """out = v . q over the rows from `first` on; v is a register of each row, or a number."""
    outlined()
    a = b = c = d = splat(0.0)
    i = first
    if apart:
        while i + 4 <= rows:
            one, two, three, four = i * width, (i + 1) * width, (i + 2) * width, (i + 3) * width
            a, b = fma(load(v, one), load(q, one), a), fma(load(v, two), load(q, two), b)
            c, d = fma(load(v, three), load(q, three), c), fma(load(v, four), load(q, four), d)
            i += 4
        while i < rows:
            a = fma(load(v, i * width), load(q, i * width), a)
            i += 1
    else:
        while i + 4 <= rows:
            one, two, three, four = i * width, (i + 1) * width, (i + 2) * width, (i + 3) * width
            a, b = fma(splat(v[one]), load(q, one), a), fma(splat(v[two]), load(q, two), b)
            c, d = fma(splat(v[three]), load(q, three), c), fma(splat(v[four]), load(q, four), d)
            i += 4
        while i < rows:
            a = fma(splat(v[i * width]), load(q, i * width), a)
            i += 1
    store(out, 0, add(add(a, b), add(c, d)))


@kernel
def add_products(apart, v, shares, q, rows, width, first):
    """q += v shares, on the rows from `first` on."""
    outlined()
    share = load(shares, 0)
    if apart:
        for i in range(first, rows):
            store(q, i * width, fma(load(v, i * width), share, load(q, i * width)))
    else:
        for i in range(first, rows):
            store(q, i * width, fma(splat(v[i * width]), share, load(q, i * width)))


@kernel
def reflect(apart, lanes, v, factors, q, beyond, rows, width, first, buffer):
    """One register of columns is reflected, but for its lanes up to `beyond`."""
    products(apart, v, q, rows, width, first, buffer)
    for lane in range(lanes):
        factor = factors[lane if apart else 0]
        moves = lane > beyond and factor != 0.0
        buffer[lane] = buffer[lane] / factor if moves else 0.0
    add_products(apart, v, buffer, q, rows, width, first)


@kernel
def reflect_columns(apart, lanes, q, j, k, factors, rows, width, buffer):
    """Reflection j of all columns after the j-th."""
    if apart:
        v = shift(q, j * lanes)
        for c in range(j + 1, k):
            reflect(True, lanes, v, factors, shift(q, c * lanes), -1, rows, width, j, buffer)
        return
    v, own = shift(q, j), j // lanes
    for r in range(own, width // lanes):
        beyond = j % lanes if r == own else -1
        reflect(False, lanes, v, factors, shift(q, r * lanes), beyond, rows, width, j, buffer)


@kernel
def factorise(apart, lanes, q, rows, width, k, buffer, norms, diagonals, factors):
    """R, and the reflections in place of q; norms, diagonals and factors (k, lanes) by address.

    Of a single member their first lane is used.
    """
    outlined()
    for r in range(width // lanes):
        square_sums(shift(q, r * lanes), rows, width, 0, buffer)
        for lane in range(lanes):
            if apart:
                norms[r * lanes + lane] = math.sqrt(buffer[lane])
            elif r * lanes + lane < k:
                norms[(r * lanes + lane) * lanes] = math.sqrt(buffer[lane])
    for j in range(k):
        first = j * lanes if apart else j // lanes * lanes
        square_sums(shift(q, first), rows, width, j, buffer)
        for lane in range(lanes if apart else 1):
            at = lane if apart else j % lanes
            length, place = math.sqrt(buffer[at]), j * width + first + at
            top = q[place]
            r = -length if top >= 0.0 else length
            q[place] = top - r
            diagonals[j * lanes + lane] = r
            factors[j * lanes + lane] = r * (top - r)
        reflect_columns(apart, lanes, q, j, k, shift(factors, j * lanes), rows, width, buffer)


@kernel
def form(apart, lanes, q, rows, width, k, buffer, diagonals, factors):
    """Q with R_jj > 0 in place of the reflections."""
    outlined()
    for j in range(k - 1, -1, -1):
        first = j * lanes if apart else j
        for e in range(j * width + first + (lanes if apart else 1), (j + 1) * width):
            q[e] = 0.0
        own = shift(factors, j * lanes)
        reflect_columns(apart, lanes, q, j, k, own, rows, width, buffer)
        for lane in range(lanes if apart else 1):
            sign = -1.0 if diagonals[j * lanes + lane] < 0.0 else 1.0
            column, factor = shift(q, first + lane), own[lane]
            top = column[j * width]
            share = sign * (top / factor) if factor != 0.0 else 0.0
            for i in range(j + 1, rows):
                column[i * width] = column[i * width] * share
            column[j * width] = sign + top * share


@kernel
def orthonormalise(apart, lanes, q, rows, width, k, work, norms, diagonals):
    """q (rows, width) by its Q; norms and diagonals of R (k, lanes); work: (k + 1) lanes."""
    factors = shift(work, lanes)
    factorise(apart, lanes, q, rows, width, k, work, norms, diagonals, factors)
    form(apart, lanes, q, rows, width, k, work, diagonals, factors)
