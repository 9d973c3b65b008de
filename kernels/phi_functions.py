"""The phi functions of exponential integrators, for a diagonal or a full matrix.

phi_0(z) = e^z and phi_k(z) = (phi_{k-1}(z) - 1/(k-1)!) / z. Taken literally the quotient cancels
for small z, so that Kassam and Trefethen (SIAM J. Sci. Comput. 26, 2005) integrate around it in the
complex plane. Here z is halved until a Taylor series of 16 terms is exact, and doubled again by

    2^k phi_k(2z) = phi_0(z) phi_k(z) + sum_{j=1}^k phi_j(z) / (k-j)!,

whose terms are all positive for real z: nothing cancels, and no inverse of z is needed.
"""

import math
from functools import lru_cache

import numpy as np

from .propagator import Array

TERMS = 16  # of the series: 2^-16 / 17! is far below rounding
KEPT = 4  # weights of so many steps are kept: a run is looked at with dt and dt / 2


def phi_functions(z: Array) -> list[Array]:
    """phi_0 to phi_3 of a diagonal (n,) or a matrix (n, n)."""
    full = z.ndim == 2
    one = np.eye(len(z)) if full else np.ones_like(z)
    product = np.matmul if full else np.multiply
    size = np.linalg.norm(z, 1) if full else np.abs(z).max()
    halvings = max(0, math.frexp(size)[1] + 1)
    small = z / 2.0**halvings
    phi = []
    for k in range(4):
        total = one / math.factorial(TERMS + k)
        for term in range(TERMS - 1, -1, -1):
            total = one / math.factorial(term + k) + product(small, total)
        phi.append(total)
    for level in range(halvings - 1, -1, -1):
        e, first, second, third = phi
        phi = [
            # A diagonal's is taken anew: squares of squares double their relative errors.
            product(e, e) if full else np.exp(z / 2.0**level),
            (product(e, first) + first) / 2,
            (product(e, second) + first + second) / 4,
            (product(e, third) + first / 2 + second + third) / 8,
        ]
    return phi


def etdrk4_weights(linear: Array, dt: float) -> Array:
    """E, E2, Q, F1, F2, F3 of a step, (6, n, 1) for a diagonal (n,), (6, n, n) for a matrix.

    With N the rest of the right-hand side, Cox and Matthews' step is

        a = E2 x + Q N(x),  b = E2 x + Q N(a),  c = E2 a + Q (2 N(b) - N(x)),
        x' = E x + F1 N(x) + F2 (N(a) + N(b)) + F3 N(c).
    """
    return _weights(linear.tobytes(), linear.shape, dt)


@lru_cache(maxsize=KEPT)
def _weights(linear: bytes, shape: tuple[int, ...], dt: float) -> Array:
    with np.errstate(all="ignore"):  # what is not finite ends as a status
        z = dt * np.frombuffer(linear).reshape(shape)
        half, one, _, _ = phi_functions(z / 2)
        e, first, second, third = phi_functions(z)
        weights = np.array(
            [
                e,
                half,
                dt / 2 * one,
                dt * (first - 3 * second + 4 * third),
                dt * (2 * second - 4 * third),
                dt * (4 * third - second),
            ]
        )
    return weights if len(shape) == 2 else weights[:, :, None].copy()
