"""The project's only JIT policy.

``error_model="numpy"``: without it a division branches to ZeroDivisionError and nothing
vectorises. The fast-math set has neither ``nnan`` nor ``ninf`` (they delete ``isfinite``) nor
``reassoc`` (it undoes compensated sums and the rounding trick in `elementwise`).
"""

from functools import partial
from typing import Any

from numba import cfunc, njit

FASTMATH = {"contract", "nsz"}

# Said, since what is not said a function inherits from the one that calls it first: all that an
# inlined function calls would be inlined too.
_exact: dict[str, Any] = {
    "cache": True, "error_model": "numpy", "nogil": True, "forceinline": False
}  # fmt: skip
_options: dict[str, Any] = {**_exact, "fastmath": FASTMATH}
kernel = partial(njit, **_options)
spliced = partial(njit, inline="always", **_options)  # before typing: literals stay literals
inlined = partial(njit, **{**_options, "forceinline": True})

# Lane code runs the same source one member at a time and in SIMD blocks, and must give the same
# bits in both: no contraction, fused products are spelled `fma`.
exact_kernel = partial(njit, **_exact)
exact_inlined = partial(njit, **{**_exact, "forceinline": True})


def c_function(signature: Any) -> Any:
    """A C function pointer, which kernels take as an argument and still cache."""
    return cfunc(signature, cache=True, error_model="numpy")
