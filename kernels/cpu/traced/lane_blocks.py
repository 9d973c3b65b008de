"""Blocks of members as SIMD lanes, for all systems: generated C functions do the steps and the QR.

Value r of lane l of a block lies at w[r * lanes + l]. `layout` says where: (lanes, rows of w, and
the first rows of the state, the basis, the norms, the diagonal of R and the parameters). The
functions come as addresses: Numba takes 30 us to find the type of a C function, at every call.
"""

import numpy as np
from numba import float64, int64, types, void

from ...jit import exact_inlined, exact_kernel
from ..qr.accumulate import accumulate_one
from ..simd.records import invoke
from ..simd.strips import SLACK
from ..simd.vectors import address, boundary, keep, shift
from ..team.interruptible import raised

PIECE = 1024  # steps from one look at the flag to the next

_rows = types.CPointer(float64)
STATE_RUN = void(_rows, int64, float64, int64)  # rows, steps taken, dt, steps to take
RUN = void(_rows, int64, float64, int64, int64)  # and 1 if a QR follows


@exact_inlined
def load(layout, w, first, x, q, p):
    lanes, _, state, basis, _, _, params = layout
    members, n, k = q.shape
    for l in range(lanes):
        b = min(first + l, members - 1)  # the last member fills a ragged block
        for i in range(n):
            w[(state + i) * lanes + l] = x[b, i]
            for c in range(k):
                w[(basis + i * k + c) * lanes + l] = q[b, i, c]
        for i in range(p.shape[1]):
            w[(params + i) * lanes + l] = p[b % p.shape[0], i]


@exact_kernel
def propagate(
    flag, start, stop, run, layout, p, dt, step, intervals, steps, unit, x, q,
    log_sum, compensation, cancellation, status,
):  # fmt: skip
    """Members start to stop of x (B, n), q (B, n, k), p (B or 1, parameters)."""
    lanes, rows, state, basis, norms, diagonals, _ = layout
    n, k = q.shape[1:]
    room = np.zeros(rows * lanes + SLACK)
    w = boundary(room)
    for first in range(start, stop, lanes):
        count = min(lanes, stop - first)
        load(layout, w, first, x, q, p)
        for interval in range(intervals):
            if raised(flag):
                break
            begin = step + interval * steps
            for s in range(0, steps, PIECE):
                if raised(flag):
                    break
                closing = int(s + PIECE >= steps)
                invoke(run, (w, begin + s, dt, min(PIECE, steps - s), closing))
            for l in range(count):
                b = first + l
                sums, low = shift(address(log_sum), b * k), shift(address(compensation), b * k)
                largest, lost = shift(address(cancellation), b * k), shift(address(status), b * k)
                for c in range(k):
                    norm, diagonal = w[(norms + c) * lanes + l], w[(diagonals + c) * lanes + l]
                    accumulate_one(norm, diagonal, unit, c, sums, low, largest, lost)
        for l in range(count):
            for i in range(n):
                x[first + l, i] = w[(state + i) * lanes + l]
                for c in range(k):
                    q[first + l, i, c] = w[(basis + i * k + c) * lanes + l]
    keep(room)


@exact_kernel
def advance(flag, start, stop, run, layout, p, dt, step, steps, x, q):
    """The states alone; q (B, n, k) as for `propagate`."""
    lanes, rows, state = layout[:3]
    room = np.zeros(rows * lanes + SLACK)
    w = boundary(room)
    for first in range(start, stop, lanes):
        load(layout, w, first, x, q, p)
        for s in range(0, steps, PIECE):
            if raised(flag):
                break
            invoke(run, (w, step + s, dt, min(PIECE, steps - s)))
        for l in range(min(lanes, stop - first)):
            for i in range(x.shape[1]):
                x[first + l, i] = w[(state + i) * lanes + l]
    keep(room)
