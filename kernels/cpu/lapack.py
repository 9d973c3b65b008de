"""BLAS and LAPACK inside compiled code, through SciPy's Cython interface: no Python in the loop.

The routines see Fortran order: a C-contiguous array of shape (k, n) is their (n, k) matrix.
Symbols are registered by name, because Numba refuses to cache a function that holds a ctypes
pointer. Threading is the caller's business: BLAS runs with one thread.
"""

import numpy as np
import scipy.linalg.cython_blas
import scipy.linalg.cython_lapack  # noqa: F401
from llvmlite import binding
from numba import types
from numba.extending import get_cython_function_address, overload

from ..jit import kernel


def _routine(module, name, count):
    symbol = f"lyapax_{name}"
    address = get_cython_function_address(f"scipy.linalg.cython_{module}", name)
    binding.add_symbol(symbol, address)
    return types.ExternalFunction(symbol, types.void(*[types.voidptr] * count))


_dgemm = _routine("blas", "dgemm", 13)
_sgemm = _routine("blas", "sgemm", 13)
_dgeqrf = _routine("lapack", "dgeqrf", 8)
_sgeqrf = _routine("lapack", "sgeqrf", 8)
_dorgqr = _routine("lapack", "dorgqr", 9)
_sorgqr = _routine("lapack", "sorgqr", 9)


def _for_dtype(double, single, array):
    return single if array.dtype == types.float32 else double


def _gemm(*args):
    raise NotImplementedError


def _geqrf(*args):
    raise NotImplementedError


def _orgqr(*args):
    raise NotImplementedError


@overload(_gemm)
def _gemm_overload(w, z, letters, sizes, scale, out):
    routine = _for_dtype(_dgemm, _sgemm, z)

    def call(w, z, letters, sizes, scale, out):
        routine(
            letters.ctypes, letters[1:].ctypes, sizes.ctypes, sizes[1:].ctypes, sizes[2:].ctypes,
            scale.ctypes, w.ctypes, sizes[2:].ctypes, z.ctypes, sizes[2:].ctypes,
            scale[1:].ctypes, out.ctypes, sizes.ctypes,
        )  # fmt: skip

    return call


@overload(_geqrf)
def _geqrf_overload(a, sizes, tau, work):
    routine = _for_dtype(_dgeqrf, _sgeqrf, a)

    def call(a, sizes, tau, work):
        routine(
            sizes.ctypes, sizes[1:].ctypes, a.ctypes, sizes.ctypes, tau.ctypes,
            work.ctypes, sizes[2:].ctypes, sizes[3:].ctypes,
        )  # fmt: skip

    return call


@overload(_orgqr)
def _orgqr_overload(a, sizes, tau, work):
    routine = _for_dtype(_dorgqr, _sorgqr, a)

    def call(a, sizes, tau, work):
        routine(
            sizes.ctypes, sizes[1:].ctypes, sizes[1:].ctypes, a.ctypes, sizes.ctypes, tau.ctypes,
            work.ctypes, sizes[2:].ctypes, sizes[3:].ctypes,
        )  # fmt: skip

    return call


@kernel
def multiply(w, z, out):
    """out[c, i] = sum_j w[i, j] z[c, j]: w (n, n) applied to each row of z (columns, n)."""
    letters = np.empty(2, np.uint8)
    letters[0] = 84  # "T": the C-ordered w is Fortran's transpose
    letters[1] = 78  # "N"
    sizes = np.empty(3, np.int32)
    sizes[0] = w.shape[0]
    sizes[1] = z.shape[0]
    sizes[2] = w.shape[1]
    scale = np.empty(2, z.dtype)
    scale[0] = 1.0
    scale[1] = 0.0
    _gemm(w, z, letters, sizes, scale, out)


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
