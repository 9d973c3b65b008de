"""Did the growth change on the way? Means before and after the time where it may have."""

import numpy as np
from numpy.typing import NDArray

from ._check import Array
from ._statistics import mean_of

FEWEST = 4  # blocks on either side
LAGS = (1, 2, 4, 8)  # blocks, for the error of a mean of correlated blocks
# Errors between the two means. Chosen after the fact, the time of the largest deviation gives
# white noise 3 of them in one of a hundred runs, and intermittent growth more.
BEYOND = 7.0
NATS = 10.0  # by which the sums must differ: less is a fluctuation of a bounded sum


def changes(blocks: Array) -> tuple[NDArray[np.bool_], NDArray[np.int64], Array, Array]:
    """(changed, after which block, mean before, mean after), each (...) of block sums (m, ...)."""
    m = len(blocks)
    shape = blocks.shape[1:]
    if m < 4 * FEWEST:
        return np.zeros(shape, bool), np.zeros(shape, int), np.zeros(shape), np.zeros(shape)
    with np.errstate(all="ignore"):
        running = np.cumsum(blocks, axis=0)
        count = np.arange(1, m + 1).reshape(-1, *[1] * len(shape))
        apart = np.abs(running - count / m * running[-1])
        # Of two means, as far apart as they can be for the number of blocks in each.
        apart = apart / np.sqrt(count * (m - count) + 1e-9)
        apart[: FEWEST - 1] = apart[m - FEWEST :] = -1.0
        at = np.argmax(apart, axis=0)
        before = np.take_along_axis(running, at[None], axis=0)[0]
        left = before / (at + 1)
        right = (running[-1] - before) / (m - at - 1)
        rest = blocks - np.where(count <= at + 1, left, right)
        summed = np.concatenate([np.zeros((1, *shape)), np.cumsum(rest, axis=0)])
        variance = np.max(
            [mean_of((summed[lag:] - summed[:-lag]) ** 2) / lag for lag in LAGS], axis=0
        )
        error = np.sqrt(variance * (1 / (at + 1) + 1 / (m - at - 1)))
        difference = np.abs(left - right)
        sums = difference * np.minimum(at + 1, m - at - 1)
        changed = (difference > BEYOND * error) & (sums > NATS)
    return changed, at + 1, left, right
