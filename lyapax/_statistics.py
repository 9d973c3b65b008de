"""Standard errors, zeros and groups from the running log sums at block ends.

The error of an exponent is a structure-function estimate: with the detrended running sum C(t),
d(L) = mean of (C(t + L) - C(t))^2 is fitted by a + c L (1 - L/T), which separates the bounded
part of the fluctuations (all there is, for a zero exponent) from the diffusive one. Batch means
see only the sum of the two and are several times too large for a zero exponent.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._check import Array, Booleans, Integers

# Blocks in a window. Of 64 to 127 blocks the longest leaves 8 windows side by side, which is what
# the fit needs; shorter ones alone would take slow fluctuations for none.
LAGS = (1, 2, 4, 8)
# With it two standard errors cover 94 to 100 % of runs of Lorenz-63, Henon's map and a chaotic
# network of 50 units; fluctuations slower than the longest window are why it is not 1.
SAFETY = 1.15
ROUNDING = 4.0 * np.finfo(float).eps  # of a sum: each of its terms is rounded once or twice
BOUNDED = 2.0  # a running sum that stays within this many nats counts as bounded
# A small exponent can hide in a range this wide: of 600 chaotic n = 50 networks at 512 tau, 2.3 %
# had one called zero without this limit, 0.5 % have with it.
DRIFT = 8.0
# A sum that is so many times its own fluctuations, and that many errors, drifts: of 419 true zeros
# none was lost by 10. Below LEAST nats it is rounding, or the end of a transient.
STEADY, LEAST = 10.0, 0.05


def sum_of(rows: NDArray[np.floating]) -> Any:
    """The sum over the first axis, in its order.

    NumPy's own adds the rows of several columns one by one, but a single column in pairs: a member
    alone would have other bits than in a batch.
    """
    return rows.sum(axis=0) if rows[0].size > 1 else np.cumsum(rows, axis=0)[-1]


def mean_of(rows: NDArray[np.floating]) -> Any:
    """The mean over the first axis, as `sum_of`."""
    return sum_of(rows) / len(rows)


def standard_error(sums: Array, total: Array, elapsed: float, block: float) -> tuple[Array, Array]:
    """(standard error, range D of the detrended sum) of total / elapsed.

    sums (blocks, ...): log growth in each complete block of length `block`; total (...): log
    growth over `elapsed`. Errors are infinite below 8 blocks: nothing is known then.
    """
    # Diverged members are NaN throughout, and a duration may be 1e-300.
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return _standard_error(sums, total, elapsed, block)


def _standard_error(sums: Array, total: Array, elapsed: float, block: float) -> tuple[Array, Array]:
    offset, slope, spread = fluctuations(sums, total, elapsed, block)
    rounding = ROUNDING * (np.abs(total) + np.sqrt(len(sums)))
    diffusive = SAFETY * np.sqrt(offset + slope * elapsed)
    error = np.maximum(np.maximum(diffusive, spread / 2), rounding) / elapsed
    if len(sums) < 8:
        return error, spread
    # The halves of a run differ by two errors, usually. What goes beyond three times that is a
    # slope that still changes, which fluctuations do not show: tangents that are not yet aligned,
    # or a sum that grows like log t. Halves of a bounded sum may differ by its whole range.
    half = len(sums) // 2
    first, second = mean_of(sums[:half]) / block, mean_of(sums[half:]) / block
    drift = np.where(np.abs(total) > spread, np.abs(first - second) - 6.0 * error, 0.0)
    return np.maximum(error, drift), spread


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
    d = np.array([mean_of((detrended[lag:] - detrended[:-lag]) ** 2) for lag in lags])
    t = blocks * block
    shape = [len(lags)] + [1] * total.ndim
    length = (np.array(lags) * block).reshape(shape)
    return (*_fit(length * (1.0 - length / t), d, length), spread)


def needed(sums: Array, total: Array, elapsed: float, block: float, tol: float) -> Array:
    """The time in all after which the standard error should be `tol`; NaN where nothing is known.

    Solves SAFETY^2 (a + c t) = (tol t)^2; bounded sums, whose error is half of their range, need
    D / (2 tol). Infinite where rounding alone is more.
    """
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
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
    exponents: Array,
    stderr: Array,
    spread: Array,
    elapsed: float,
    *,
    preserving: Booleans | bool = False,
    stretch: float = 10.0,
    diffuses: Booleans | bool = False,
) -> np.ndarray:
    """+1, -1, 0 (the running sum stays bounded) or 2 (undetermined) for each exponent.

    preserving : members whose step preserves volume. Shear makes tangents of their regular orbits
        grow like t, so the sum over a run is ln(1 + T / t0) where T / t0 is the `stretch` of the
        measured time over the time before it, and twice that and one more is allowed for.
    diffuses : sums that grow like the root of time, where no symmetry asks for a zero exponent.
    """
    total = np.abs(exponents) * elapsed
    shear = 2.0 * np.log1p(stretch) + 1.0
    bound = np.where(preserving, np.maximum(spread, shear), np.maximum(spread, BOUNDED))
    limit = np.where(preserving, bound, np.minimum(bound, np.maximum(DRIFT, bound / 2)))
    beyond = np.where(preserving, np.maximum(3.0 * spread, shear), bound)
    with np.errstate(invalid="ignore"):
        zero = total <= limit
        # A sum that goes steadily one way is no zero, however small.
        steady = (
            zero
            & ~np.asarray(preserving)
            & (total > STEADY * spread)
            & (total > LEAST)
            & (np.abs(exponents) > STEADY * stderr)
        )
        clear = (total > beyond) & (np.abs(exponents) > 3.0 * stderr)
    sign = np.where(zero, 0, np.where(clear, np.sign(exponents), 2))
    sign = np.where(steady, np.where(exponents < 0, -1, 2), sign)
    sign = np.where((sign == 0) & diffuses, 2, sign)
    return np.where(np.isneginf(exponents), -1, np.where(np.isnan(exponents), 2, sign)).astype(int)


def exact_signs(exponents: Array, stderr: Array, elapsed: float) -> np.ndarray:
    """Signs of eigenvalues: zero where they do not act over the run."""
    with np.errstate(invalid="ignore"):
        zero = np.abs(exponents) * elapsed <= LEAST
        clear = np.abs(exponents) > 3.0 * stderr
    return np.where(zero, 0, np.where(clear, np.sign(np.nan_to_num(exponents)), 2)).astype(int)


def paired(sign: np.ndarray) -> np.ndarray:
    """Signs (..., n) of a system whose exponents are pairs l, -l, in descending order.

    Both of a pair are zero, or neither is.
    """
    other = sign[..., ::-1]
    alone = (sign == 0) & (other != 0) | (sign != 0) & (other == 0)
    return np.where(alone | (sign == 2) | (other == 2), 2, sign)


def diffusing(blocks: Array) -> np.ndarray:
    """Whether running sums of blocks (m, ...) spread like the root of time, and widely."""
    m = len(blocks)
    if m < 64:
        return np.zeros(blocks.shape[1:], bool)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        running = np.cumsum(blocks - mean_of(blocks), axis=0)
        near, far = (mean_of((running[s:] - running[:-s]) ** 2) for s in (1, 8))
        # Bounded sums: 1, white noise: 8.
        return np.asarray((far > 3.0 * near) & (np.ptp(running, axis=0) > BOUNDED / 2))


def descending(exponents: Array) -> Integers:
    """Indices that sort the last axis; what is no number comes last."""
    return np.argsort(-np.nan_to_num(exponents, nan=-np.inf), axis=-1, kind="stable")


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
