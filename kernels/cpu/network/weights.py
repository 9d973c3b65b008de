"""Products with weights, dense or sparse, as C functions: a network's record holds their address.

So a kernel compiles once for all of them. It also compiles faster: Numba optimises what a function
calls again with each caller, five times over for a tile deep inside, but knows a C function by its
address only (a network's first call: 24 s before, 11 after).
"""

from collections import namedtuple
from functools import cache

import numpy as np
from numba import float64, int64, types, void

from ...jit import c_function, inlined
from ...propagator import chosen
from ..simd.elementwise import fma
from ..simd.strips import WIDEST, lanes_of, packed, strip_product, to_strips
from ..simd.vectors import shift, tile

NONE = np.zeros(1, np.int64)  # in place of indptr and indices


def is_sparse(weights):
    return isinstance(weights, tuple)


def members_of(weights, members):
    return weights if is_sparse(weights) else chosen(weights, members)


def transposed(weights):
    """The transpose, in the same form."""
    if not is_sparse(weights):
        return weights.swapaxes(1, 2)
    import scipy.sparse

    indptr, indices, data = weights
    n = len(indptr) - 1
    turned = scipy.sparse.csr_array((data, indices, indptr), shape=(n, n)).T.tocsr()
    return turned.indptr.astype(np.int64), turned.indices.astype(np.int64), turned.data


def factor(weights, dtype, scale=None):
    """(w, indptr, indices) for products from the left, rows times scale (members or 1, n)."""
    if not is_sparse(weights):
        return packed(weights if scale is None else scale[:, :, None] * weights, dtype), NONE, NONE
    indptr, indices, data = weights
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    scales = np.ones((1, len(data))) if scale is None else scale[:, rows]
    return np.ascontiguousarray(scales * data, dtype), indptr, indices


def row_factor(weights):
    """(w, indptr, indices) for products with one state: dense weights transposed, in strips."""
    if is_sparse(weights):
        return factor(weights, np.float64)
    lanes = lanes_of(np.float64)
    columns = -(-weights.shape[1] // lanes) * lanes
    edges = np.append(np.arange(0, columns, WIDEST * lanes), columns)
    return to_strips(weights.swapaxes(1, 2), np.float64, edges), NONE, NONE


# out = base + W x for `count` vectors x, `step` elements apart as those of out; their weights are
# `w_step` and their bases `base_step` apart, 0 where all have the same. `columns` is the padded
# length of x or, W being dense, the number of members that lie as lanes.
StateJob = namedtuple(
    "StateJob", "w indptr indices n columns lanes count step w_step base_step x base out"
)
_vector, _index = types.CPointer(float64), types.CPointer(int64)
STATE_JOB = types.NamedTuple(
    [_vector, _index, _index, *[int64] * 7, _vector, _vector, _vector], StateJob
)


@inlined
def vectors_of(job, r):
    """(weights, x, base, out) of product r of a job."""
    return (
        shift(job.w, r * job.w_step),
        shift(job.x, r * job.step),
        shift(job.base, r * job.base_step),
        shift(job.out, r * job.step),
    )


def dense_row(at):
    """Strip by strip of W, which stays in the cache for the vectors after the first."""
    job = at[0]
    n, lanes = job.n, job.lanes
    for c in range(0, job.columns, WIDEST * lanes):
        width = min((job.columns - c) // lanes, WIDEST)
        for r in range(job.count):
            w, x, base, out = vectors_of(job, r)
            y = shift(w, c * n)
            if width == 1:
                tile(1, 1, x, 0, y, lanes, n, base, out, c)
            elif width == 2:
                tile(1, 2, x, 0, y, 2 * lanes, n, base, out, c)
            else:
                tile(1, 3, x, 0, y, 3 * lanes, n, base, out, c)


def sparse_row(at):
    """Four sums for each row: one would wait four cycles for each term."""
    job = at[0]
    indices = job.indices
    for r in range(job.count):
        w, x, base, out = vectors_of(job, r)
        for i in range(job.n):
            a, b, c, d = base[i], 0.0, 0.0, 0.0
            first, last = job.indptr[i], job.indptr[i + 1]
            whole = last - (last - first) % 4
            for e in range(first, whole, 4):
                a = fma(w[e], x[indices[e]], a)
                b = fma(w[e + 1], x[indices[e + 1]], b)
                c = fma(w[e + 2], x[indices[e + 2]], c)
                d = fma(w[e + 3], x[indices[e + 3]], d)
            for e in range(whole, last):
                a = fma(w[e], x[indices[e]], a)
            out[i] = (a + b) + (c + d)


def dense_lanes(at):
    job = at[0]
    for r in range(job.count):
        w, x, base, out = vectors_of(job, r)
        strip_product(job.columns // job.lanes, w, x, job.n, job.n, base, out)


@cache
def state_product(sparse, as_lanes):
    return c_function(void(types.CPointer(STATE_JOB)))(
        sparse_row if sparse else dense_lanes if as_lanes else dense_row
    )
