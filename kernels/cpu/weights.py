"""Products with weights, dense or sparse, chosen by type when a kernel compiles.

Kernels get their arrays in named tuples; those of a dense network have a field `w` (and `rows`),
those of a sparse one the CSR arrays `indptr`, `indices`, shared by all members, and `data`
(members or 1, entries). (A tuple inside of a tuple does not reach Numba's parallel loops.)
"""

from collections import namedtuple

import numpy as np
from numba.extending import overload

from ..jit import inlined
from ..propagator import chosen
from .elementwise import fma
from .strips import packed, row_product, strip_product, to_strips
from .vectors import address, gather_row, shift

SPARSE = "indptr indices data"


def left_factor(weights, dtype, scale=None):
    """Fields for `multiply`, rows times scale (members or 1, n): (w,) or the CSR triple."""
    if not isinstance(weights, tuple):
        return (packed(weights if scale is None else scale[:, :, None] * weights, dtype),)
    indptr, indices, data = weights
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    factors = np.ones((1, len(data))) if scale is None else scale[:, rows]
    return indptr, indices, np.ascontiguousarray(factors * data, dtype)


def both_factors(weights):
    """Fields for `multiply` and `multiply_row`, which wants the transposed in strips."""
    fields = left_factor(weights, np.float64)
    if isinstance(weights, tuple):
        return fields
    return (*fields, to_strips(weights.swapaxes(1, 2), np.float64))


def is_shared(weights):
    return isinstance(weights, tuple) or weights.shape[0] == 1


def members_of(weights, members):
    return weights if isinstance(weights, tuple) else chosen(weights, members)


@inlined
def which(b, array):
    """Index of member b: a division, as in b % shape, would cost as much as 20 products."""
    return b if array.shape[0] > 1 else 0


@inlined
def member_size(array):
    """Elements from member to member of an array (members or 1, .)."""
    return array.shape[1] if array.shape[0] > 1 else 0


# Weights by address: arrays in a tuple have their references counted at every call, which took
# two thirds of the time of a step at n = 8.
DenseWeights = namedtuple("DenseWeights", "w w_size rows rows_size")
SparseWeights = namedtuple("SparseWeights", "indptr indices data data_size")


def addresses(holder):
    raise NotImplementedError


def multiply(weights, b, width, lanes, n, y, base, out):
    raise NotImplementedError


def multiply_row(weights, b, lanes, n, columns, x, base, out):
    raise NotImplementedError


@overload(addresses)
def _addresses(holder):
    """The weights in a named tuple of arrays."""
    if "data" in holder.fields:

        def sparse(holder):
            data = holder.data
            return SparseWeights(
                address(holder.indptr), address(holder.indices), address(data), member_size(data)
            )

        return sparse
    if "rows" in holder.fields:

        def dense(holder):
            w, rows = holder.w, holder.rows
            return DenseWeights(address(w), member_size(w), address(rows), member_size(rows))

        return dense
    return lambda holder: DenseWeights(
        address(holder.w), member_size(holder.w), address(holder.w), 0
    )


@overload(multiply)
def _multiply(weights, b, width, lanes, n, y, base, out):
    """out = base + W y for a strip of `width` registers; W is member b's."""
    if "data" not in weights.fields:

        def dense(weights, b, width, lanes, n, y, base, out):
            w = shift(weights.w, b * weights.w_size)
            strip_product(width, lanes, w, y, n, n, base, out)

        return dense

    def sparse(weights, b, width, lanes, n, y, base, out):
        entries, columns = shift(weights.data, b * weights.data_size), weights.indices
        indptr, stride = weights.indptr, width * lanes
        for i in range(n):
            first, last, at = indptr[i], indptr[i + 1], i * stride
            if width == 1:
                gather_row(1, entries, columns, first, last, y, stride, base, out, at)
            elif width == 2:
                gather_row(2, entries, columns, first, last, y, stride, base, out, at)
            else:
                gather_row(3, entries, columns, first, last, y, stride, base, out, at)

    return sparse


@overload(multiply_row)
def _multiply_row(weights, b, lanes, n, columns, x, base, out):
    """out = base + W x for one state, padded to `columns`."""
    if "data" not in weights.fields:

        def dense(weights, b, lanes, n, columns, x, base, out):
            rows = shift(weights.rows, b * weights.rows_size)
            row_product(lanes, x, rows, n, columns, base, out)

        return dense

    def sparse(weights, b, lanes, n, columns, x, base, out):
        entries = shift(weights.data, b * weights.data_size)
        for i in range(n):
            total = base[i]
            for entry in range(weights.indptr[i], weights.indptr[i + 1]):
                total = fma(entries[entry], x[weights.indices[entry]], total)
            out[i] = total

    return sparse
