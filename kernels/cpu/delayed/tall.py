"""QR of one member's tangents by blocks of rows, which threads share and a core's cache holds.

Each block has a QR of its own; that of the small triangles, one below the other, then gives R, and
what each block's Q is to be multiplied by (Demmel, Grigori, Hoemmen & Langou 2012). A reflection of
80,000 rows would go through memory twice for each column.
"""

from ...jit import exact_kernel as kernel
from ..qr.accumulate import accumulate_one
from ..simd.vectors import fma, load, outlined, shift, splat, store
from .rows import factorise, form, orthonormalise

BLOCK = 128  # rows at least, with 24 columns 25 kB, which the first cache holds


@kernel
def blocks_of(rows, k):
    return max(1, rows // max(BLOCK, 4 * k))


@kernel
def own_size(k, lanes):
    """Elements of work of one thread."""
    return (4 * k + 2) * lanes + (k + lanes) // lanes * lanes


@kernel
def factor_block(block, blocks, rows, k, width, lanes, q, triangles, norms, diagonals, own):
    """Block number `block` of q (rows, width) becomes its Q, its R goes to the triangles."""
    outlined()
    first, last = block * rows // blocks, (block + 1) * rows // blocks
    part, count = shift(q, first * width), last - first
    if blocks > 1:
        norms, diagonals = shift(own, (k + 2) * lanes), shift(own, (2 * k + 2) * lanes)
    factors = shift(own, lanes)
    factorise(False, lanes, part, count, width, k, own, norms, diagonals, factors)
    if blocks > 1:
        triangle = shift(triangles, block * k * width)
        for i in range(k):
            r = diagonals[i * lanes]
            sign = -1.0 if r < 0.0 else 1.0
            for j in range(width):
                triangle[i * width + j] = sign * part[i * width + j] if i < j < k else 0.0
            triangle[i * width + i] = sign * r
    form(False, lanes, part, count, width, k, own, diagonals, factors)


@kernel
def join(
    blocks, rows, k, width, lanes, triangles, norms, diagonals, own, unit, log_sum, compensation,
    cancellation, status,
):  # fmt: skip
    """The QR of the triangles, and the sums."""
    outlined()
    if blocks > 1:
        count = blocks * k
        orthonormalise(False, lanes, triangles, count, width, k, own, norms, diagonals)
    for c in range(k):
        norm, diagonal = norms[c * lanes], diagonals[c * lanes]
        accumulate_one(norm, diagonal, unit, c, log_sum, compensation, cancellation, status)


@kernel
def turn_block(block, blocks, rows, k, width, lanes, q, triangles, own):
    """Rows of a block times what the QR of the triangles has for it."""
    outlined()
    if blocks == 1:
        return
    first, last = block * rows // blocks, (block + 1) * rows // blocks
    turn = shift(triangles, block * k * width)
    for i in range(first, last):
        row = shift(q, i * width)
        for o in range(0, width, lanes):
            total = splat(0.0)
            for j in range(k):
                total = fma(splat(row[j]), load(turn, j * width + o), total)
            store(own, o, total)
        for o in range(0, width, lanes):
            store(row, o, load(own, o))
