"""Matrices of tangent columns in strips, and their products in register tiles.

A strip is one to three registers of columns wide, its rows lie one after the other. So a product
streams through memory whatever n is, strips are independent jobs, and one core reaches the rate
of its multipliers from 16 columns on (measured: 111 to 139 GF/s for n = 16 to 128, of 138).
"""

from itertools import pairwise

import numpy as np

from ...jit import kernel, spliced
from .elementwise import fma as multiply_add
from .vectors import BYTES, REGISTERS, fma, load, outlined, register_size, splat, store, tile

ROWS = 8 if REGISTERS == 32 else 4  # of the largest tile: 8 x 3 sums and 4 factors of 32 registers
TILES = 4  # of rows of a vector at once: each sum waits four cycles for its last term
WIDEST = 3  # registers of columns: with fewer the latency of the multipliers shows
LINE = 64  # bytes: registers that straddle two cache lines cost double
SLACK = 16  # elements more, so that the rest of an array starts at the `boundary` of a line


def lanes_of(dtype):
    """Elements of a register."""
    return BYTES // np.dtype(dtype).itemsize


def strip_edges(columns, lanes):
    """First columns of all strips, and the padded number of columns.

    Strips are alike, and an even number when more than one, so that two threads get the same.
    """
    left = -(-columns // lanes)
    strips = -(-left // WIDEST)
    strips += strips % 2 if strips > 1 else 0
    widths = [left // strips + (s < left % strips) for s in range(strips)]
    return lanes * np.cumsum([0, *widths])


def to_strips(matrices, dtype, edges=None):
    """(B, n, k) -> (B, n * padded k), zeros beyond k."""
    batch, n, k = matrices.shape
    edges = strip_edges(k, lanes_of(dtype)) if edges is None else edges
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
def strip_product(width, a, y, rows, terms, base, out):
    """out = base + a @ y for one strip of `width` registers; a `packed` (rows, terms)."""
    outlined()
    stride = width * register_size(y)
    if width == 1:
        tiles(1, a, y, stride, rows, terms, base, out)
    elif width == 2:
        tiles(2, a, y, stride, rows, terms, base, out)
    else:
        tiles(3, a, y, stride, rows, terms, base, out)


@kernel
def vector_product(a, x, rows, terms, base, out):
    """out = base + a @ x for one vector; a as for `strip_product`."""
    outlined()
    lanes = register_size(x)
    i = 0
    while i + TILES * ROWS <= rows:
        for o in range(i, i + ROWS, lanes):
            s0, s1 = load(base, o), load(base, o + ROWS)
            s2, s3 = load(base, o + 2 * ROWS), load(base, o + 3 * ROWS)
            at = i * terms + o - i
            for t in range(terms):
                factor, e = splat(x[t]), at + t * ROWS
                s0 = fma(load(a, e), factor, s0)
                s1 = fma(load(a, e + terms * ROWS), factor, s1)
                s2 = fma(load(a, e + 2 * terms * ROWS), factor, s2)
                s3 = fma(load(a, e + 3 * terms * ROWS), factor, s3)
            store(out, o, s0)
            store(out, o + ROWS, s1)
            store(out, o + 2 * ROWS, s2)
            store(out, o + 3 * ROWS, s3)
        i += TILES * ROWS
    while i + ROWS <= rows:
        for o in range(i, i + ROWS, lanes):
            total = load(base, o)
            for t in range(terms):
                total = fma(load(a, i * terms + o - i + t * ROWS), splat(x[t]), total)
            store(out, o, total)
        i += ROWS
    while i < rows:
        left = rows - i
        height = 4 if left >= 4 else 2 if left >= 2 else 1
        for r in range(height):
            out[i + r] = base[i + r]
        for t in range(terms):
            for r in range(height):
                weight = a[i * terms + t * height + r]
                out[i + r] = multiply_add(weight, x[t], out[i + r])
        i += height
