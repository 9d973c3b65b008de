"""Householder QR of one member's tangent basis, with the sums of its growth."""

import numpy as np

from ...jit import kernel
from .accumulate import accumulate
from .lapack import householder


@kernel
def orthonormalise(q, unit, log_sum, compensation, cancellation, status):
    k, n = q.shape
    norm = np.empty(k)
    diagonal = np.empty(k, q.dtype)
    finite = True
    for j in range(k):
        total = 0.0
        for i in range(n):
            total += float(q[j, i]) ** 2
        norm[j] = np.sqrt(total)
        finite = finite and np.isfinite(total)
    if finite:
        householder(q, diagonal)
    else:
        diagonal[:] = np.nan
    accumulate(norm, diagonal, unit, log_sum, compensation, cancellation, status)
