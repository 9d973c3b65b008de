"""Entropy and dimension: which exponents add up, and with which weights their errors do.

The fluctuations of exponents of one orbit are correlated, so the error of a sum is that of the
summed blocks and not the root of summed squares: on Lorenz-96 the latter is a quarter too small.
Of the Kaplan-Yorke dimension D = j + (l_1 + ... + l_j) / |l_(j+1)| it is that of the blocks of
dD = (dl_1 + ... + dl_j) / |l_(j+1)| + (l_1 + ... + l_j) dl_(j+1) / l_(j+1)^2.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._check import Array


def entropy(exponents: Array) -> tuple[Array, Array]:
    """Pesin's sum of the positive exponents (..., k), an upper bound of the metric entropy.

    Returns its value (...) and the weight (..., k) of each exponent in it.
    """
    weights = (exponents > 0).astype(float)
    value = np.where(weights > 0, exponents, 0.0).sum(axis=-1)
    return np.where(np.isnan(exponents[..., 0]), np.nan, value), weights


def kaplan_yorke(exponents: Array, dim: int) -> tuple[Array, Array, NDArray[np.bool_]]:
    """j + (l_1 + ... + l_j) / |l_(j+1)|, of exponents (..., k) of a system of `dim` variables.

    Returns its value (...), its derivatives (..., k) by the exponents, and where it is only a lower
    bound: where the exponents end, or are no numbers, before their sum is negative. Where all sums
    of all `dim` exponents are at least 0 the dimension is `dim`. Exponents counted as zero must
    already be 0: the naive formula is wrong on a third of tori.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        running = np.cumsum(exponents, axis=-1)
        below = running < 0
        reached = below.any(axis=-1)
        j = np.where(reached, below.argmax(axis=-1), 0)[..., None]
        last = np.abs(np.take_along_axis(exponents, j, axis=-1))
        before = np.take_along_axis(running, np.maximum(j - 1, 0), axis=-1)
        before = np.where(j > 0, before, 0.0)
        known = np.isfinite(running).sum(axis=-1)
        value = np.where(reached, (j + before / last)[..., 0], known)
        at = np.arange(exponents.shape[-1])
        weights = np.where(at < j, 1.0 / last, np.where(at == j, before / last**2, 0.0))
    weights = np.where((reached & (j[..., 0] > 0))[..., None], weights, 0.0)
    value = np.where(np.isnan(exponents[..., 0]), np.nan, value)
    return value, weights, ~reached & (known < dim) & (known > 0)


def weighted(array: Array, weights: Array) -> Any:
    """The sum over the last axis; what has no weight may be no number."""
    if not np.isfinite(array).all():
        array = np.where(weights == 0, 0.0, array)
    return np.einsum("...k,...k->...", array, weights)


def mean_over(values: Array, axis: int) -> tuple[Array, Array]:
    """Mean over an axis and its standard error, from the spread.

    What is no number is left out; where some are -inf, so is the mean, and its error unknown.
    """
    good = np.isfinite(values) | np.isneginf(values)
    count = good.sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = np.where(good, values, 0.0)
        mean = kept.sum(axis=axis) / count
        apart = np.where(good, kept - np.expand_dims(mean, axis), 0.0)
        error = np.sqrt((apart**2).sum(axis=axis) / (count - 1) / count)
    # All of them dead is no spread; some of them, or one alone, no knowledge.
    dead = np.isneginf(values).sum(axis=axis)
    known = (count > 1) & (dead == 0)
    return mean, np.where((dead == count) & (count > 0), 0.0, np.where(known, error, np.inf))
