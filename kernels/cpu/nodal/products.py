"""Products of one dense matrix with several states, which read it from memory once."""

from collections import namedtuple
from functools import cache

from numba import float64, int64, types, void

from ...jit import c_function
from ..simd.strips import WIDEST
from ..simd.vectors import shift, tile

# out = base + W x for `count` vectors x, `step` elements apart as those of out; the base is theirs
# in common. `columns` is the padded length of a vector, w as of `row_factor`.
RowsJob = namedtuple("RowsJob", "w n columns lanes count step x base out")
_vector = types.CPointer(float64)
ROWS_JOB = types.NamedTuple(
    [_vector, int64, int64, int64, int64, int64, _vector, _vector, _vector], RowsJob
)


def dense_rows_run(at):
    """Strip by strip of W, which stays in the cache for the vectors after the first."""
    job = at[0]
    base, n, lanes = job.base, job.n, job.lanes
    for c in range(0, job.columns, WIDEST * lanes):
        width, y = min((job.columns - c) // lanes, WIDEST), shift(job.w, c * n)
        for r in range(job.count):
            x, out = shift(job.x, r * job.step), shift(job.out, r * job.step)
            if width == 1:
                tile(1, 1, x, 0, y, lanes, n, base, out, c)
            elif width == 2:
                tile(1, 2, x, 0, y, 2 * lanes, n, base, out, c)
            else:
                tile(1, 3, x, 0, y, 3 * lanes, n, base, out, c)


@cache
def dense_rows():
    return c_function(void(types.CPointer(ROWS_JOB)))(dense_rows_run)
