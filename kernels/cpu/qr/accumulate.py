"""What is added up after each QR: compensated log sums, cancellation ratios, statuses."""

import math

import numpy as np

from ...jit import inlined
from ...propagator import DIVERGED, RANK_LOST


@inlined
def accumulate_one(norm, diagonal, unit, j, log_sum, compensation, cancellation, status):
    """Add up column j of one orthonormalisation: norm = |a_j| before it, diagonal = R_jj.

    |R_jj| <= 8 n eps |a_j| counts as rank lost (`unit` = 8 n eps): rounding leaves 1e-16 where
    an exact zero belongs.
    """
    r, a = abs(float(diagonal)), float(norm)
    if status[j] == RANK_LOST:
        return
    if not np.isfinite(r) or not np.isfinite(a):
        status[j] = DIVERGED
    elif r <= unit * a:
        status[j] = RANK_LOST
    else:
        cancellation[j] = max(cancellation[j], a / r)
        # Neumaier's sum: the low parts survive 1e9 intervals.
        term = math.log(r)
        total = log_sum[j] + term
        if abs(log_sum[j]) >= abs(term):
            compensation[j] += (log_sum[j] - total) + term
        else:
            compensation[j] += (term - total) + log_sum[j]
        log_sum[j] = total


@inlined
def accumulate(norm, diagonal, unit, log_sum, compensation, cancellation, status):
    """Add up all columns of one orthonormalisation: norm (k,) and diagonal (k,)."""
    for j in range(norm.size):
        accumulate_one(norm[j], diagonal[j], unit, j, log_sum, compensation, cancellation, status)
