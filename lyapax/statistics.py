"""Standard errors, zeros and groups from the running log sums at block ends.

The error of an exponent is a structure-function estimate: with the detrended running sum C(t),
d(L) = mean of (C(t + L) - C(t))^2 is fitted by a + c L (1 - L/T), which separates the bounded
part of the fluctuations (all there is, for a zero exponent) from the diffusive one. Batch means
see only the sum of the two and are several times too large for a zero exponent.
"""

from typing import Any

import numpy as np

from ._check import Array

LAGS = (1, 2, 4, 8)
BOUNDED = 2.0  # a running sum that stays within this many nats counts as bounded
# A small exponent can hide in a range this wide: of 600 chaotic n = 50 networks at 512 tau, 2.3 %
# had one called zero without this limit, 0.5 % have with it.
DRIFT = 8.0


def standard_error(sums: Array, total: Array, elapsed: float, block: float) -> tuple[Array, Array]:
    """(standard error, range D of the detrended sum) of total / elapsed.

    sums (blocks, ...): log growth in each complete block of length `block`; total (...): log
    growth over `elapsed`. Errors are infinite below 8 blocks: nothing is known then.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # diverged members are NaN throughout
        return _standard_error(sums, total, elapsed, block)


def _standard_error(sums: Array, total: Array, elapsed: float, block: float) -> tuple[Array, Array]:
    blocks = sums.shape[0]
    running = np.concatenate([np.zeros((1, *total.shape)), np.cumsum(sums, axis=0)])
    times = block * np.arange(blocks + 1).reshape(-1, *[1] * total.ndim)
    detrended = running - times * (total / elapsed)
    spread = detrended.max(axis=0) - detrended.min(axis=0)
    if blocks < 8:
        return np.full(total.shape, np.inf), spread
    lags = [lag for lag in LAGS if lag * 8 <= blocks]
    d = np.array([np.mean((detrended[lag:] - detrended[:-lag]) ** 2, axis=0) for lag in lags])
    t = blocks * block
    shape = [len(lags)] + [1] * total.ndim
    length = (np.array(lags) * block).reshape(shape)
    offset, slope = _fit(length * (1.0 - length / t), d, length)
    rounding = 4.0 * np.finfo(float).eps * (np.abs(total) + np.sqrt(blocks))
    diffusive = 1.15 * np.sqrt(offset + slope * elapsed)
    return np.maximum(np.maximum(diffusive, spread / 2), rounding) / elapsed, spread


def _fit(u: Array, d: Array, length: Array) -> tuple[Array, Array]:
    """Least squares of d = a + c u with a, c >= 0 and weights 1 / (d^2 length)."""
    scale = np.maximum(d.max(axis=0), 1e-300)
    y = d / scale
    weight = 1.0 / (np.maximum(y, 1e-12) ** 2 * length)
    w, wu, wy = weight.sum(0), (weight * u).sum(0), (weight * y).sum(0)
    wuu, wuy = (weight * u * u).sum(0), (weight * u * y).sum(0)
    determinant = w * wuu - wu**2
    safe = np.where(determinant > 1e-12 * w * wuu, determinant, np.inf)
    a, c = (wuu * wy - wu * wuy) / safe, (w * wuy - wu * wy) / safe
    flat = (c <= 0) | ~np.isfinite(safe)
    a, c = np.where(flat, wy / w, a), np.where(flat, 0.0, c)
    steep = a < 0
    a, c = np.where(steep, 0.0, a), np.where(steep, wuy / wuu, c)
    return a * scale, c * scale


def signs(
    exponents: Array, stderr: Array, spread: Array, elapsed: float, preserving: Any = False
) -> np.ndarray:
    """+1, -1, 0 (the running sum stays bounded) or 2 (undetermined) for each exponent.

    `preserving` marks members whose flow preserves volume: growth along their regular orbits is
    like log t, which three times the range of the detrended sum bounds.
    """
    spread = np.where(preserving, 3.0 * spread, spread)
    total = np.abs(exponents) * elapsed
    bound = np.maximum(spread, BOUNDED)
    with np.errstate(invalid="ignore"):
        zero = total <= np.where(preserving, bound, np.minimum(bound, np.maximum(DRIFT, bound / 2)))
        clear = (total > bound) & (np.abs(exponents) > 3.0 * stderr)
    sign = np.where(zero, 0, np.where(clear, np.sign(exponents), 2))
    return np.where(np.isneginf(exponents), -1, np.where(np.isnan(exponents), 2, sign)).astype(int)


def groups(exponents: Array, stderr: Array) -> list[tuple[int, int]]:
    """Index ranges (first, past the last) of neighbours whose 2-error intervals overlap."""
    found, first = [], 0
    for j in range(1, len(exponents) + 1):
        apart = j == len(exponents) or not (
            exponents[j - 1] - exponents[j] <= 2.0 * (stderr[j - 1] + stderr[j])
        )
        if apart:
            found.append((first, j))
            first = j
    return found


def kaplan_yorke(exponents: Array, stderr: Array) -> tuple[float, float]:
    """j + (lambda_1 + ... + lambda_j) / |lambda_(j+1)| and its error; NaN when k is too small.

    Exponents counted as zero must already be 0: the naive formula is wrong on a third of tori.
    """
    running = np.cumsum(exponents)
    if np.isnan(exponents[0]):
        return np.nan, np.nan
    if running[0] < 0:
        return 0.0, 0.0
    below = np.nonzero(running < 0)[0]
    if below.size == 0:
        return np.nan, np.nan
    j = int(below[0])
    last = abs(exponents[j])
    if np.isinf(last):
        return float(j), 0.0
    share = running[j - 1] / last
    # Errors are infinite below 8 blocks, and 0 times that is no number.
    variance = np.sum(stderr[:j] ** 2) + ((share * stderr[j]) ** 2 if share else 0.0)
    return j + running[j - 1] / last, float(np.sqrt(variance) / last)


def entropy(exponents: Array, stderr: Array) -> tuple[float, float]:
    """Pesin's sum of positive exponents, an upper bound of the metric entropy, and its error."""
    above = exponents > 0
    return float(exponents[above].sum()), float(np.sqrt(np.sum(stderr[above] ** 2)))
