"""Matrices of tangent columns in strips, and their products in register tiles.

A strip is one to three registers of columns wide, its rows lie one after the other. So a product
streams through memory whatever n is, strips are independent jobs, and one core reaches the rate
of its multipliers from 16 columns on (measured: 111 to 139 GF/s for n = 16 to 128, of 138).
"""

from itertools import pairwise

import numpy as np

from ..jit import inlined, kernel, spliced
from .vectors import BYTES, REGISTERS, fma, load, multiply, outlined, shift, splat, store, tile

ROWS = 8 if REGISTERS == 32 else 4  # of the largest tile: 8 x 3 sums and 4 factors of 32 registers
WIDEST = 3  # registers of columns: with fewer the latency of the multipliers shows
LINE = 64  # bytes: registers that straddle two cache lines cost double
SLACK = 16  # elements more, so that the rest of an array starts at the `boundary` of a line


def lanes_of(dtype):
    """Elements of a register."""
    return BYTES // np.dtype(dtype).itemsize


@kernel
def registers(left):
    """Width of the next strip when `left` registers of columns are to come: 4 are 2 and 2."""
    return 2 if left == WIDEST + 1 else min(left, WIDEST)


@kernel
def before(first, columns, lanes):
    """Width of the strip that ends where that of column `first` starts."""
    pair = (columns // lanes) % WIDEST == 1 and columns - first == 2 * lanes
    return 2 if pair else WIDEST


def strip_edges(columns, lanes):
    """First columns of all strips, and the padded number of columns."""
    edges, left = [0], -(-columns // lanes)
    while left:
        width = registers(left)
        edges.append(edges[-1] + width * lanes)
        left -= width
    return np.array(edges)


def to_strips(matrices, dtype):
    """(B, n, k) -> (B, n * padded k), zeros beyond k."""
    batch, n, k = matrices.shape
    edges = strip_edges(k, lanes_of(dtype))
    out = aligned((batch, n * edges[-1]), dtype)
    for first, last in pairwise(edges):
        strip = out[:, n * first : n * last].reshape(batch, n, last - first)
        strip[:, :, : k - first] = matrices[:, :, first:last]
    return out


def from_strips(strips, out):
    """The inverse, into out (B, n, k)."""
    batch, n, k = out.shape
    edges = strip_edges(k, lanes_of(strips.dtype))
    for first, last in pairwise(edges):
        strip = strips[:, n * first : n * last].reshape(batch, n, last - first)
        out[:, :, first:last] = strip[:, :, : k - first]


def packed(matrices, dtype):
    """(B, n, n) -> (B, n * n): the left factor of a product, tile by tile, term by term."""
    batch, n, _ = matrices.shape
    blocks, i = [], 0
    while i < n:
        height = next(h for h in (ROWS, 4, 2, 1) if i + h <= n)
        blocks.append(matrices[:, i : i + height].swapaxes(1, 2).reshape(batch, -1))
        i += height
    return np.concatenate(blocks, axis=1).astype(dtype)


def aligned(shape, dtype):
    """Zeros from the start of a cache line on."""
    size, itemsize = int(np.prod(shape)), np.dtype(dtype).itemsize
    raw = np.zeros(size + LINE // itemsize, dtype)
    first = (-raw.ctypes.data % LINE) // itemsize
    return raw[first : first + size].reshape(shape)


@spliced
def tiles(width, a, y, stride, rows, terms, base, out):
    i = 0
    while i + ROWS <= rows:
        tile(ROWS, width, a, i * terms, y, stride, terms, base, out, i * stride)
        i += ROWS
    if i + 4 <= rows:
        tile(4, width, a, i * terms, y, stride, terms, base, out, i * stride)
        i += 4
    if i + 2 <= rows:
        tile(2, width, a, i * terms, y, stride, terms, base, out, i * stride)
        i += 2
    if i < rows:
        tile(1, width, a, i * terms, y, stride, terms, base, out, i * stride)


@kernel
def strip_product(width, lanes, a, y, rows, terms, base, out):
    """out = base + a @ y for one strip of `width` registers; a `packed` (rows, terms)."""
    outlined()
    stride = width * lanes
    if width == 1:
        tiles(1, a, y, stride, rows, terms, base, out)
    elif width == 2:
        tiles(2, a, y, stride, rows, terms, base, out)
    else:
        tiles(3, a, y, stride, rows, terms, base, out)


@kernel
def row_product(lanes, a, y, terms, columns, base, out):
    """out = base + a @ y for one row a; y in strips."""
    c = 0
    while c < columns:
        width = registers((columns - c) // lanes)
        strip_product(width, lanes, a, shift(y, c * terms), 1, terms, shift(base, c), shift(out, c))
        c += width * lanes


@inlined
def scale_rows(n, width, lanes, factor, apart, own, y, base, z, out):
    """z = factor_i y_i and out = base + own_i y_i, row by row; factors are `apart`."""
    for i in range(n):
        f, d = splat(factor[i * apart]), splat(own[i])
        for r in range(width):
            o = (i * width + r) * lanes
            row = load(y, o)
            store(z, o, multiply(f, row))
            store(out, o, fma(d, row, load(base, o)))


@inlined
def add_rows(n, width, lanes, factor, apart, own, y, z, base, out):
    """out = base + own_i y_i + factor_i z_i, row by row; factors are `apart`."""
    for i in range(n):
        f, d = splat(factor[i * apart]), splat(own[i])
        for r in range(width):
            o = (i * width + r) * lanes
            store(out, o, fma(f, load(z, o), fma(d, load(y, o), load(base, o))))


@inlined
def combine(size, lanes, thirds, y2, y3, y4, q):
    """q = (y2 + 2 y3 + y4 - q) / 3; thirds are 1/3, 2/3 and -1/3."""
    one, two, minus = splat(thirds[0]), splat(thirds[1]), splat(thirds[2])
    for o in range(0, size, lanes):
        total = fma(one, load(y2, o), multiply(minus, load(q, o)))
        total = fma(two, load(y3, o), total)
        store(q, o, fma(one, load(y4, o), total))
