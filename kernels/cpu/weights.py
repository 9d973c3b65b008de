"""Products with a weight matrix, dense or sparse, chosen by type when the kernel compiles.

Dense weights are an array (members or 1, n, n). Sparse ones are CSR arrays (indptr, indices,
data) shared by all members.
"""

import numpy as np
from numba import types
from numba.extending import overload

from .lapack import multiply as multiply_dense


def member(w, b):
    raise NotImplementedError


def matvec(w, x, out):
    raise NotImplementedError


def multiply(w, z, out):
    raise NotImplementedError


@overload(member, inline="always")
def _member(w, b):
    if isinstance(w, types.Array):
        return lambda w, b: w[b % w.shape[0]]
    return lambda w, b: w


@overload(matvec)
def _matvec(w, x, out):
    """out = W x; a dense w is given transposed, so that the inner loop is contiguous."""
    if isinstance(w, types.Array):

        def dense(w, x, out):
            out[:] = 0.0
            for j in range(x.size):
                for i in range(out.size):
                    out[i] += w[j, i] * x[j]

        return dense

    def sparse(w, x, out):
        indptr, indices, data = w
        for i in range(out.size):
            total = 0.0
            for entry in range(indptr[i], indptr[i + 1]):
                total += data[entry] * x[indices[entry]]
            out[i] = total

    return sparse


@overload(multiply)
def _multiply(w, z, out):
    """out[c, :] = W z[c, :] for each row of z (columns, n)."""
    if isinstance(w, types.Array):
        return lambda w, z, out: multiply_dense(w, z, out)

    def sparse(w, z, out):
        # The gathered rows must be contiguous over the columns: two transposes of n * columns
        # against nnz * columns multiplications.
        indptr, indices, data = w
        columns, n = z.shape
        rows = np.empty((n, columns), z.dtype)
        for c in range(columns):
            for i in range(n):
                rows[i, c] = z[c, i]
        total = np.empty(columns, z.dtype)
        for i in range(n):
            total[:] = 0.0
            for entry in range(indptr[i], indptr[i + 1]):
                weight, row = data[entry], rows[indices[entry]]
                for c in range(columns):
                    total[c] += weight * row[c]
            for c in range(columns):
                out[c, i] = total[c]

    return sparse
