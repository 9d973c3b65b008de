"""Square matrices as users give them, dense or sparse."""

import os
from typing import Any

import numpy as np
import scipy  # its modules load when they are first used

from .._check import Array, flat_batch, real_array
from .arrays import Weights

# Dense (..., n, n), or a scipy.sparse (n, n), which is CSR once it is checked. SciPy has no types.
Matrix = Any


def matrix_home(W: Matrix) -> object:
    """The array that tells where a matrix lies: of a sparse one its values."""
    return W.data if type(W).__module__.startswith("cupyx") else W


def square(W: Matrix, name: str) -> Matrix:
    """A copy as float64 (..., n, n), or as CSR (n, n) if it is sparse."""
    if type(W).__module__.startswith("cupyx"):  # a sparse matrix on a GPU
        W = W.get()
    if isinstance(W, str | os.PathLike):
        raise TypeError(f"{name} must be a matrix, lx.read_weights({os.fspath(W)!r:.80})")
    found = sparse(W, name) if scipy.sparse.issparse(W) else real_array(W, name, ndim_min=2)
    if found.shape[-1] != found.shape[-2]:
        raise ValueError(f"{name} must be square, (..., n, n), got shape {found.shape}")
    return found


def as_weights(W: Matrix, shape: tuple[int, ...]) -> Weights:
    """A matrix as kernels take it: (B or 1, n, ...) for a batch of this shape, or a CSR triple."""
    if scipy.sparse.issparse(W):
        return W.indptr.astype(np.int64), W.indices.astype(np.int64), W.data
    return flat_batch(W, shape, 2)


def dense(W: Matrix) -> Array:
    return np.asarray(W.toarray() if scipy.sparse.issparse(W) else W)


def sparse(W: Matrix, name: str = "W") -> Matrix:
    """A copy in CSR, duplicates summed, of finite float64."""
    if W.ndim != 2:
        raise ValueError(f"{name} must be square, (n, n), if it is sparse, got shape {W.shape}")
    if W.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got dtype {W.dtype}")
    if 0 in W.shape:
        raise ValueError(f"{name} must not be empty, got shape {W.shape}")
    # Widened first: duplicates of a small type would be summed in that.
    found = scipy.sparse.csr_array(W.astype(np.float64), copy=True)
    if found.nnz:
        real_array(found.data, name)
    found.sum_duplicates()
    return found


def entries(values: Matrix, matrix: Matrix) -> Array:
    """Values of edges where a matrix has entries: (..., n, n); of a sparse one (..., nonzeros)."""
    if not scipy.sparse.issparse(matrix):
        return np.asarray(values.toarray() if scipy.sparse.issparse(values) else values)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    if scipy.sparse.issparse(values):
        return np.asarray(values[rows, matrix.indices]).ravel()
    return np.asarray(values[..., rows, matrix.indices])
