"""The project's only JIT policy.

``error_model="numpy"``: without it a division branches to ZeroDivisionError and nothing
vectorises. The fast-math set has neither ``nnan`` nor ``ninf`` (they delete ``isfinite``) nor
``reassoc`` (it undoes compensated sums and the rounding trick in `elementwise`).
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

from numba import cfunc, njit

from .called import for_kernels
from .stamp import STAMP

FASTMATH = {"contract", "nsz"}  # fused multiply-adds, and no care for the sign of zero


def stamped(function: FunctionType, *more: str) -> FunctionType:
    """The function, with the stamp in the name under which Numba keeps compiled code.

    Numba looks at the file that defines a function, not at those it takes helpers from: after an
    edit or an upgrade of these it would find the old code.
    """
    named = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    named.__doc__, named.__module__ = function.__doc__, function.__module__
    named.__qualname__ = "_".join([function.__qualname__, STAMP, *more])
    return named


def _policy(**options: Any) -> Callable[..., Any]:
    return lambda function: for_kernels(njit(**options)(stamped(function)))


# Said, since what is not said a function inherits from the one that calls it first: all that an
# inlined function calls would be inlined too.
_exact: dict[str, Any] = {
    "cache": True,
    "error_model": "numpy",
    "nogil": True,
    "no_cfunc_wrapper": True,
    "forceinline": False,
}
_options: dict[str, Any] = {**_exact, "fastmath": FASTMATH}
kernel = _policy(**_options)
spliced = _policy(inline="always", **_options)  # before typing: literals stay literals
inlined = _policy(**{**_options, "forceinline": True})

# Lane code runs the same source one member at a time and in SIMD blocks, and must give the same
# bits in both: no contraction, fused products are spelled `fma`.
exact_kernel = _policy(**_exact)
exact_inlined = _policy(**{**_exact, "forceinline": True})


def c_function(signature: Any, *more: str) -> Callable[..., Any]:
    """A C function pointer, which kernels take as an argument and still cache.

    `more` goes into the name under which it is cached, where the signature does not say all.
    """
    compiled = cfunc(signature, cache=True, error_model="numpy")
    return lambda function: compiled(stamped(function, *more))
