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
SAFETY, ROUNDING = 1.15, 4.0 * np.finfo(float).eps
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
    offset, slope, spread = fluctuations(sums, total, elapsed, block)
    rounding = ROUNDING * (np.abs(total) + np.sqrt(len(sums)))
    diffusive = SAFETY * np.sqrt(offset + slope * elapsed)
    return np.maximum(np.maximum(diffusive, spread / 2), rounding) / elapsed, spread


def fluctuations(sums: Array, total: Array, elapsed: float, block: float) -> tuple[Array, ...]:
    """(a, c, D): the variance a + c t of the running sum, and the range of the detrended one.

    Arguments as of `standard_error`; a and c are infinite below 8 blocks.
    """
    blocks = sums.shape[0]
    running = np.concatenate([np.zeros((1, *total.shape)), np.cumsum(sums, axis=0)])
    times = block * np.arange(blocks + 1).reshape(-1, *[1] * total.ndim)
    detrended = running - times * (total / elapsed)
    spread = detrended.max(axis=0) - detrended.min(axis=0)
    if blocks < 8:
        return np.full(total.shape, np.inf), np.full(total.shape, np.inf), spread
    lags = [lag for lag in LAGS if lag * 8 <= blocks]
    d = np.array([np.mean((detrended[lag:] - detrended[:-lag]) ** 2, axis=0) for lag in lags])
    t = blocks * block
    shape = [len(lags)] + [1] * total.ndim
    length = (np.array(lags) * block).reshape(shape)
    return (*_fit(length * (1.0 - length / t), d, length), spread)


def needed(sums: Array, total: Array, elapsed: float, block: float, tol: float) -> Array:
    """The time in all after which the standard error should be `tol`; NaN where nothing is known.

    Solves SAFETY^2 (a + c t) = (tol t)^2; bounded sums, whose error is half of their range, need
    D / (2 tol). Infinite where rounding alone is more.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        offset, slope, spread = fluctuations(sums, total, elapsed, block)
        share = SAFETY / tol
        root = np.sqrt((share * share * slope / 2) ** 2 + share * share * offset)
        time = np.maximum(share * share * slope / 2 + root, spread / 2 / tol)
        time = np.where(ROUNDING * np.abs(total) / elapsed < tol, time, np.inf)
        return np.where(np.isfinite(offset) & np.isfinite(total), time, np.nan)


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
