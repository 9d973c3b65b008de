"""LAPACK inside compiled code, through SciPy's Cython interface: no Python in the loop.

The routines see Fortran order: a C-contiguous array of shape (k, n) is their (n, k) matrix.
Symbols are registered by name, because Numba refuses to cache a function that holds a ctypes
pointer. Threading is the business of the caller, who runs it with one thread.
"""

import numpy as np
import scipy.linalg.cython_lapack  # noqa: F401
from llvmlite import binding
from numba import types
from numba.extending import get_cython_function_address, overload

from ...jit import kernel


def _routine(name, count):
    symbol = f"lyapax_{name}"
    address = get_cython_function_address("scipy.linalg.cython_lapack", name)
    binding.add_symbol(symbol, address)
    return types.ExternalFunction(symbol, types.void(*[types.voidptr] * count))


_dgeqrf = _routine("dgeqrf", 8)
_sgeqrf = _routine("sgeqrf", 8)
_dorgqr = _routine("dorgqr", 9)
_sorgqr = _routine("sorgqr", 9)


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


@kernel
def householder(a, diagonal):
    """Replace the rows of a (k, n), k <= n, by the orthonormal basis of their QR; R_jj > 0."""
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
    _orgqr(a, sizes, tau, work)
    for j in range(k):
        if diagonal[j] < 0.0:
            diagonal[j] = -diagonal[j]
            for i in range(n):
                a[j, i] = -a[j, i]
