"""Householder QR of tangents in strips.

Each strip is a panel: it is factorised column by column, its reflections are gathered as
I + V T V' (compact WY) and applied to the other strips as three products. So nearly all work runs
at the speed of `strip_product`, and the strips of a large member are jobs for all threads; LAPACK
on one thread took 40 % of the time at n = 256.

With v = a - r e_j a reflection is I + v v' / (r v_j): that factor is its `scale`.
"""

import numpy as np

from ..jit import kernel
from .account import book
from .strips import ROWS, WIDEST, before, registers, strip_product
from .vectors import address, fma, keep, load, reflect, shift, splat, store


@kernel
def workspace_size(n, columns, lanes):
    """Elements that one member's reflections take."""
    side = WIDEST * lanes
    return 2 * n * columns + 2 * side * (columns + side)


@kernel
def places(n, columns, lanes, first, stride):
    """Offsets in the workspace of a panel's V (packed), V' (packed), T and T'."""
    side = WIDEST * lanes
    triangles = 2 * n * columns + 2 * side * first
    return first * n, (columns + first) * n, triangles, triangles + stride * stride


@kernel
def pack(out, rows, terms, source, row_step, term_step):
    """A matrix by address and steps as a left factor of `strip_product`."""
    i = 0
    while i < rows:
        left = rows - i
        height = ROWS if left >= ROWS else 4 if left >= 4 else 2 if left >= 2 else 1
        for t in range(terms):
            for r in range(height):
                out[i * terms + t * height + r] = source[(i + r) * row_step + t * term_step]
        i += height


@kernel
def factor_panel(q, n, columns, lanes, first, width, work, diagonal):
    """Factorise the strip q, which starts at column `first`; its reflections go to `work`."""
    zero, one = diagonal.dtype.type(0.0), diagonal.dtype.type(1.0)
    stride, rows = width * lanes, n - first
    count = min(stride, diagonal.size - first)
    v = np.zeros((stride, rows), diagonal.dtype)
    scale = np.zeros(stride, diagonal.dtype)
    q = shift(q, first * stride)  # the rows above are R
    for j in range(count):
        total = zero
        for i in range(j, rows):
            v[j, i] = q[i * stride + j]
            total += v[j, i] * v[j, i]
        length = np.sqrt(total)
        r = -length if v[j, j] >= zero else length
        if j == rows - 1:
            r = v[j, j]
        diagonal[first + j] = r
        v[j, j] -= r
        bottom = r * v[j, j]
        scale[j] = zero if bottom == zero else one / bottom
        vector = shift(address(v), j * rows)
        if width == 1:
            reflect(1, q, stride, vector, j, rows, scale[j])
        elif width == 2:
            reflect(2, q, stride, vector, j, rows, scale[j])
        else:
            reflect(3, q, stride, vector, j, rows, scale[j])
    v_at, vt_at, t_at, tt_at = places(n, columns, lanes, first, stride)
    pack(shift(work, v_at), rows, stride, address(v), 1, rows)
    pack(shift(work, vt_at), stride, rows, address(v), rows, 1)
    # T_jj = scale_j, T_ij = scale_j sum_l T_il (V'V)_lj.
    upright, gram = np.zeros(rows * stride, diagonal.dtype), np.zeros(stride * stride, diagonal.dtype)
    for j in range(count):
        for i in range(rows):
            upright[i * stride + j] = v[j, i]
    strip_product(
        width, lanes, shift(work, vt_at), address(upright), stride, rows, address(gram), address(gram)
    )
    t = np.zeros((stride, stride), diagonal.dtype)
    for j in range(count):
        t[j, j] = scale[j]
        for i in range(j):
            total = zero
            for l in range(i, j):
                total += t[i, l] * gram[l * stride + j]
            t[i, j] = scale[j] * total
    pack(shift(work, t_at), stride, stride, address(t), stride, 1)
    pack(shift(work, tt_at), stride, stride, address(t), 1, stride)
    keep(v)
    keep(upright)
    keep(gram)
    keep(t)


@kernel
def apply_panel(work, n, columns, lanes, first, panel, transposed, q, width, sample):
    """q = (I + V T V') q, or with T', for a strip q of `width`; the panel starts at `first`."""
    side, stride, rows = panel * lanes, width * lanes, n - first
    v_at, vt_at, t_at, tt_at = places(n, columns, lanes, first, side)
    inner = np.zeros(2 * side * stride, sample.dtype)
    one, two = address(inner), shift(address(inner), side * stride)
    below = shift(q, first * stride)
    strip_product(width, lanes, shift(work, vt_at), below, side, rows, one, one)
    t = shift(work, tt_at if transposed else t_at)
    strip_product(width, lanes, t, one, side, side, two, two)
    strip_product(width, lanes, shift(work, v_at), two, rows, side, below, below)
    keep(inner)


@kernel
def form_strip(work, n, columns, lanes, first, width, q, diagonal):
    """Replace the strip q, which starts at column `first`, by that of Q with R_jj > 0."""
    stride = width * lanes
    zero, one = diagonal.dtype.type(0.0), diagonal.dtype.type(1.0)
    for e in range(n * stride):
        q[e] = zero
    for j in range(min(stride, diagonal.size - first)):
        q[(first + j) * stride + j] = -one if diagonal[first + j] < zero else one
    # Panels further right leave it alone: it is zero where they act.
    c = first
    while c >= 0:
        panel = registers((columns - c) // lanes)
        apply_panel(work, n, columns, lanes, c, panel, False, q, width, diagonal)
        c -= before(c, columns, lanes) * lanes


@kernel
def square_sums(q, n, columns, lanes, sums):
    """Sums of squares of the columns."""
    zero, out = sums.dtype.type(0.0), address(sums)
    c = 0
    while c < columns:
        width = registers((columns - c) // lanes)
        for r in range(width):
            total = splat(zero)
            for i in range(n):
                element = load(q, c * n + (i * width + r) * lanes)
                total = fma(element, element, total)
            store(out, c + r * lanes, total)
        c += width * lanes


@kernel
def norms(q, n, columns, lanes, sample, norm):
    """Norms (k,) of the columns; whether all are finite."""
    sums = np.empty(columns, sample.dtype)
    square_sums(q, n, columns, lanes, sums)
    finite = True
    for j in range(norm.size):
        norm[j] = np.sqrt(float(sums[j]))
        finite = finite and np.isfinite(norm[j])
    keep(sums)
    return finite


@kernel
def settle(finite, norm, diagonal, unit, log_sum, compensation, growth, status):
    for j in range(diagonal.size):
        diagonal[j] = abs(diagonal[j]) if finite else np.nan
    book(norm, diagonal, unit, log_sum, compensation, growth, status)


@kernel
def orthonormalise_strips(
    q, n, columns, lanes, unit, work, sample, log_sum, compensation, growth, status
):
    """One member's tangents, q by address; `sample` is any array of their dtype."""
    k = log_sum.size
    norm, diagonal = np.empty(k), np.empty(k, sample.dtype)
    finite = norms(q, n, columns, lanes, sample, norm)
    if finite:
        c = 0
        while c < columns:
            panel = registers((columns - c) // lanes)
            factor_panel(shift(q, c * n), n, columns, lanes, c, panel, work, diagonal)
            after = c + panel * lanes
            while after < columns:
                width = registers((columns - after) // lanes)
                strip = shift(q, after * n)
                apply_panel(work, n, columns, lanes, c, panel, True, strip, width, sample)
                after += width * lanes
            c += panel * lanes
        c = 0
        while c < columns:
            width = registers((columns - c) // lanes)
            form_strip(work, n, columns, lanes, c, width, shift(q, c * n), diagonal)
            c += width * lanes
    settle(finite, norm, diagonal, unit, log_sum, compensation, growth, status)
