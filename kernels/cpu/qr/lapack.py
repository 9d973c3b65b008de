"""LAPACK and BLAS inside compiled code, through SciPy's Cython interface: no Python in the loop.

The routines see Fortran order: a C-contiguous array of shape (k, n) is their (n, k) matrix.
Symbols are registered by name, because Numba refuses to cache a function that holds a ctypes
pointer. Threading is the business of the caller, who runs it with one thread.
"""

import numpy as np
import scipy.linalg.cython_blas
import scipy.linalg.cython_lapack  # noqa: F401
from llvmlite import binding
from numba import types
from numba.extending import get_cython_function_address, overload

from ...jit import kernel


def _routine(name, count, library="lapack"):
    symbol = f"lyapax_{name}"
    address = get_cython_function_address(f"scipy.linalg.cython_{library}", name)
    binding.add_symbol(symbol, address)
    return types.ExternalFunction(symbol, types.void(*[types.voidptr] * count))


_dgeqrf = _routine("dgeqrf", 8)
_sgeqrf = _routine("sgeqrf", 8)
_dorgqr = _routine("dorgqr", 9)
_sorgqr = _routine("sorgqr", 9)
_dtrsm = _routine("dtrsm", 11, "blas")


def _for_dtype(double, single, array):
    return single if array.dtype == types.float32 else double


def _geqrf(*args):
    raise NotImplementedError


def _orgqr(*args):
    raise NotImplementedError


@overload(_geqrf)
def _geqrf_overload(a, sizes, tau, work):
    routine = _for_dtype(_dgeqrf, _sgeqrf, a)

    def call(a, sizes, tau, work):
        rows, columns = sizes.ctypes, sizes[1:].ctypes
        length, info = sizes[2:].ctypes, sizes[3:].ctypes
        routine(rows, columns, a.ctypes, rows, tau.ctypes, work.ctypes, length, info)

    return call


@overload(_orgqr)
def _orgqr_overload(a, sizes, tau, work):
    routine = _for_dtype(_dorgqr, _sorgqr, a)

    def call(a, sizes, tau, work):
        rows, columns = sizes.ctypes, sizes[1:].ctypes
        length, info = sizes[2:].ctypes, sizes[3:].ctypes
        routine(rows, columns, columns, a.ctypes, rows, tau.ctypes, work.ctypes, length, info)

    return call


def _trsm(*args):
    raise NotImplementedError


@overload(_trsm)
def _trsm_overload(letters, size, one, a, b):
    def call(letters, size, one, a, b):
        side, lower, plain = letters.ctypes, letters[1:].ctypes, letters[2:].ctypes
        n = size.ctypes
        _dtrsm(side, lower, plain, plain, n, n, one.ctypes, a.ctypes, n, b.ctypes, n)

    return call


@kernel
def householder(a, diagonal):
    """Replace the rows of a (k, n), k <= n, by the orthonormal basis of their QR; R_jj > 0."""
    factorise(a, diagonal, np.empty((0, 0), a.dtype))


@kernel
def factorise(a, diagonal, r):
    """`householder`, with the upper triangle of R in r (k, k), or (0, 0) if nobody asks."""
    k, n = a.shape
    sizes = np.empty(4, np.int32)
    sizes[0] = n
    sizes[1] = k
    sizes[2] = 64 * max(n, k)
    tau = np.empty(k, a.dtype)
    work = np.empty(64 * max(n, k), a.dtype)
    _geqrf(a, sizes, tau, work)
    for j in range(k):
        diagonal[j] = a[j, j]
    for i in range(r.shape[0]):
        sign = -1.0 if diagonal[i] < 0.0 else 1.0
        for j in range(i, k):
            r[i, j] = sign * a[j, i]
    _orgqr(a, sizes, tau, work)
    for j in range(k):
        if diagonal[j] < 0.0:
            diagonal[j] = -diagonal[j]
            for i in range(n):
                a[j, i] = -a[j, i]


@kernel
def solve_upper(r, x):
    """x (k, k) <- R^-1 x, of R the upper triangle of r (k, k)."""
    # BLAS sees both transposed: x' <- x' R'^-1, of which R' is lower.
    letters = np.array([82, 76, 78], np.uint8)  # R, L, N
    _trsm(letters, np.array([r.shape[0]], np.int32), np.ones(1), r, x)
