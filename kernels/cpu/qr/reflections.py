"""Householder QR of tangents in strips.

Each strip is a panel: it is factorised column by column, its reflections are gathered as
I + V T V' (compact WY) and applied to the other strips as three products. So nearly all work runs
at the speed of `strip_product`, and the strips of a large member are jobs for all threads; LAPACK
on one thread took 40 % of the time at n = 256. A single strip is left by reflections one by one.

With v = (a - r e_j) / (a_j - r) a reflection is I + v v' (a_j - r) / r: that factor is its `scale`.
Divided so, and not by a reciprocal, a column along an axis is turned to it exactly, and a direction
that nothing couples to stays apart for ever. Everything is handed on by address, `work` too: an
allocation is 50 ns, a QR of n = 8 is 400.
"""

from functools import cache

import numpy as np
from numba import from_dtype, int64, types, void

from ...jit import c_function, inlined, kernel
from ..simd.strips import ROWS, WIDEST, strip_product
from ..simd.vectors import fma, load, multiply, outlined, reflect, shift, store
from .accumulate import accumulate


@inlined
def width_of(edges, strip, lanes):
    return (edges[strip + 1] - edges[strip]) // lanes


@kernel
def workspace_size(n, columns, lanes):
    """Elements that one member's reflections take; the last part is for one panel at a time."""
    side = WIDEST * lanes
    return 2 * n * columns + 2 * side * (columns + side) + side * (2 * n + 2 * side + 1)


@kernel
def places(n, columns, lanes, first, stride):
    """Offsets in the workspace of a panel's V (packed), V' (packed), T, T', and of the rest."""
    side = WIDEST * lanes
    triangles = 2 * n * columns + 2 * side * first
    rest = 2 * n * columns + 2 * side * (columns + side)
    return first * n, (columns + first) * n, triangles, triangles + stride * stride, rest


@kernel
def pack(out, rows, terms, source, row_step, term_step):
    """A matrix by address and steps as a left factor of `strip_product`."""
    outlined()
    i = 0
    while i < rows:
        left = rows - i
        height = ROWS if left >= ROWS else 4 if left >= 4 else 2 if left >= 2 else 1
        for t in range(terms):
            for r in range(height):
                out[i * terms + t * height + r] = source[(i + r) * row_step + t * term_step]
        i += height


# Products and reflections of strips as C functions, for the reason that `weights` gives.


def reflect_strip(width, q, stride, v, first, last, scale):
    if width == 1:
        reflect(1, q, stride, v, first, last, scale)
    elif width == 2:
        reflect(2, q, stride, v, first, last, scale)
    else:
        reflect(3, q, stride, v, first, last, scale)


def multiply_strip(width, a, y, rows, terms, base, out):
    strip_product(width, a, y, rows, terms, base, out)


@cache
def strip_functions(dtype):
    """(product, reflection): what the functions below take as `product` and `reflected`."""
    element = from_dtype(dtype)
    strip = types.CPointer(element)
    return (
        c_function(void(int64, strip, strip, int64, int64, strip, strip))(multiply_strip),
        c_function(void(int64, strip, int64, strip, int64, int64, element))(reflect_strip),
    )


@inlined
def square_sum(vector, first, last, zero):
    """Four sums in turn: each waits four cycles for its own last term only."""
    a, b, c, d = zero, zero, zero, zero
    whole = last - (last - first) % 4
    for i in range(first, whole, 4):
        a += vector[i] * vector[i]
        b += vector[i + 1] * vector[i + 1]
        c += vector[i + 2] * vector[i + 2]
        d += vector[i + 3] * vector[i + 3]
    for i in range(whole, last):
        a += vector[i] * vector[i]
    return (a + b) + (c + d)


@kernel
def factor_columns(reflected, q, rows, width, stride, count, v, scale, diagonal):
    """R of one strip column by column; reflection j in v[j * rows:], zero above its row j."""
    outlined()
    zero, one = diagonal.dtype.type(0.0), diagonal.dtype.type(1.0)
    for j in range(count):
        vector = shift(v, j * rows)
        for i in range(j):
            vector[i] = zero
        for i in range(j, rows):
            vector[i] = q[i * stride + j]
        length = np.sqrt(square_sum(vector, j, rows, zero))
        r = -length if vector[j] >= zero else length
        if j == rows - 1:
            r = vector[j]
        diagonal[j] = r
        pivot = vector[j] - r
        scale[j] = zero if pivot == zero else pivot / r
        vector[j] = one
        if pivot != zero:
            for i in range(j + 1, rows):
                vector[i] /= pivot
        reflected(width, q, stride, vector, j, rows, scale[j])


@kernel
def factor_panel(product, reflected, q, n, columns, lanes, first, width, work, diagonal):
    """Factorise the strip q, which starts at column `first`; its reflections go to `work`."""
    outlined()
    zero = diagonal.dtype.type(0.0)
    stride, rows = width * lanes, n - first
    count = min(stride, diagonal.size - first)
    v_at, vt_at, t_at, tt_at, rest = places(n, columns, lanes, first, stride)
    v = shift(work, rest)
    upright = shift(v, stride * n)
    gram = shift(upright, stride * n)
    t = shift(gram, stride * stride)
    scale = shift(t, stride * stride)
    for e in range(stride * (2 * n + 2 * stride + 1)):
        v[e] = zero
    factor_columns(
        reflected, shift(q, first * stride), rows, width, stride, count, v, scale, diagonal[first:]
    )
    pack(shift(work, v_at), rows, stride, v, 1, rows)
    pack(shift(work, vt_at), stride, rows, v, rows, 1)
    # T_jj = scale_j, T_ij = scale_j sum_l T_il (V'V)_lj.
    for j in range(count):
        for i in range(rows):
            upright[i * stride + j] = v[j * rows + i]
    product(width, shift(work, vt_at), upright, stride, rows, gram, gram)
    for j in range(count):
        t[j * stride + j] = scale[j]
        for i in range(j):
            total = zero
            for l in range(i, j):
                total += t[i * stride + l] * gram[l * stride + j]
            t[i * stride + j] = scale[j] * total
    pack(shift(work, t_at), stride, stride, t, stride, 1)
    pack(shift(work, tt_at), stride, stride, t, 1, stride)


@kernel
def apply_panel(product, work, inner, n, columns, lanes, first, panel, transposed, q, width):
    """q = (I + V T V') q, or with T', for a strip q of `width`; the panel starts at `first`.

    inner: twice the size of `panel` by `width` registers.
    """
    outlined()
    side, stride, rows = panel * lanes, width * lanes, n - first
    v_at, vt_at, t_at, tt_at, _ = places(n, columns, lanes, first, side)
    size = side * stride
    for e in range(2 * size):
        inner[e] = 0
    t, below = shift(work, tt_at if transposed else t_at), shift(q, first * stride)
    second = shift(inner, size)
    product(width, shift(work, vt_at), below, side, rows, inner, inner)
    product(width, t, inner, side, side, second, second)
    product(width, shift(work, v_at), second, rows, side, below, below)


@kernel
def unit_strip(q, n, first, stride, diagonal):
    """Columns of the unit matrix, with the signs of R_jj."""
    zero, one = diagonal.dtype.type(0.0), diagonal.dtype.type(1.0)
    for e in range(n * stride):
        q[e] = zero
    for j in range(min(stride, diagonal.size - first)):
        q[(first + j) * stride + j] = -one if diagonal[first + j] < zero else one


@kernel
def form_strip(product, work, inner, n, lanes, edges, strip, q, diagonal):
    """Replace strip number `strip`, q, by that of Q with R_jj > 0."""
    outlined()
    width = width_of(edges, strip, lanes)
    unit_strip(q, n, edges[strip], width * lanes, diagonal)
    # Panels further right leave it alone: it is zero where they act.
    for p in range(strip, -1, -1):
        panel = width_of(edges, p, lanes)
        apply_panel(product, work, inner, n, edges[-1], lanes, edges[p], panel, False, q, width)


@kernel
def square_sums(q, n, width, count, lanes, sums):
    """Of `count` of the `width` registers of each row, the squares added up over the rows."""
    for r in range(count):
        element = load(q, r * lanes)
        total = multiply(element, element)
        for i in range(1, n):
            element = load(q, (i * width + r) * lanes)
            total = fma(element, element, total)
        store(sums, r * lanes, total)


@kernel
def norms(q, n, width, lanes, sums, norm):
    """Norms of the columns of a strip by way of sums, one for each; whether all are finite."""
    outlined()
    square_sums(q, n, width, width, lanes, sums)
    finite = True
    for j in range(norm.size):
        norm[j] = np.sqrt(float(sums[j]))
        finite = finite and np.isfinite(norm[j])
    return finite


@kernel
def finish(finite, norm, diagonal, unit, log_sum, compensation, cancellation, status):
    """Add up |R_jj| of the factorisation, of which there is none unless all was finite."""
    outlined()
    if not finite:
        for j in range(norm.size):
            norm[j] = np.nan
    accumulate(norm, diagonal, unit, log_sum, compensation, cancellation, status)


@kernel
def orthonormalise_strips(
    product, reflected, q, n, lanes, edges, unit, work, inner, norm, diagonal, log_sum,
    compensation, cancellation, status,
):  # fmt: skip
    """Orthonormalise one member's tangents; inner: as for `apply_panel`."""
    columns, strips = edges[-1], edges.size - 1
    finite = True
    for s in range(strips):
        first, end = edges[s], min(edges[s + 1], norm.size)
        width = width_of(edges, s, lanes)
        good = norms(shift(q, first * n), n, width, lanes, inner, norm[first:end])
        finite = finite and good
    if finite and strips == 1:
        v, scale = work, shift(work, n * columns)
        width = width_of(edges, 0, lanes)
        factor_columns(reflected, q, n, width, columns, diagonal.size, v, scale, diagonal)
        unit_strip(q, n, 0, columns, diagonal)
        for j in range(diagonal.size - 1, -1, -1):
            reflected(width, q, columns, shift(v, j * n), j, n, scale[j])
    elif finite:
        for p in range(strips):
            panel = width_of(edges, p, lanes)
            strip = shift(q, edges[p] * n)
            factor_panel(
                product, reflected, strip, n, columns, lanes, edges[p], panel, work, diagonal
            )
            for s in range(p + 1, strips):
                strip, width = shift(q, edges[s] * n), width_of(edges, s, lanes)
                apply_panel(
                    product, work, inner, n, columns, lanes, edges[p], panel, True, strip, width
                )
        for s in range(strips):
            form_strip(product, work, inner, n, lanes, edges, s, shift(q, edges[s] * n), diagonal)
    finish(finite, norm, diagonal, unit, log_sum, compensation, cancellation, status)
