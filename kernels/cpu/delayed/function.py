"""Traced functions that look back: the past of state and tangents on a tape, QR of its newest part.

Members lie in the lanes of registers where they are many and have their delays in common; else the
lanes are the columns of one member's tangents. The bits are the same.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...codegen import Statements
from ...generated import module
from ...jit import exact_kernel as kernel
from ...propagator import Array, chosen, rank_unit
from ..qr.accumulate import accumulate_one
from ..simd.copying import copy_strip
from ..simd.straight_line import WIDTH
from ..simd.strips import SLACK
from ..simd.vectors import address, boundary, keep, shift
from ..team.interruptible import TEAM, call, compile_for, raised, threads_for
from ..team.sharing import take
from .field_source import field_source
from .function_steps import Shape, by_address, state_steps, tangent_steps
from .looking_back import LONGEST, LookingBack
from .rows import orthonormalise

# Steps times members and vectors that take 0.2 ms or so: to hand them to another thread takes as
# long, and Ctrl-C waits for less anyway.
AT_ONCE = 4096
TAPE = 1 << 16  # elements of Jacobians that are kept before tangents follow


@kernel
def load(apart, lanes, b, p, x, q, inverse, states, tangents, width, params):
    """Members from b on to the tapes; the last member fills a ragged block.

    Row by row, lane by lane: each line of the tape is written once.
    """
    members, dim, k = q.shape
    for e in range(p.shape[1]):
        for l in range(lanes):
            own = min(b + l, members - 1) if apart else b
            params[e * lanes + l] = p[own % p.shape[0], e]
    for e in range(dim):
        for l in range(lanes):
            states[e * lanes + l] = x[min(b + l, members - 1) if apart else b, e]
        for c in range(k):
            if apart:
                for l in range(lanes):
                    at = e * width + c * lanes + l
                    tangents[at] = q[min(b + l, members - 1), e, c] * inverse[e]
            else:
                tangents[e * width + c] = q[b, e, c] * inverse[e]


@kernel
def save(apart, lanes, b, x, q, states, tangents, width):
    members, dim, k = q.shape
    count = min(lanes, members - b) if apart else 1
    for e in range(dim):
        for l in range(count):
            x[b + l, e] = states[e * lanes + l]
            for c in range(k):
                q[b + l, e, c] = tangents[e * width + (c * lanes + l if apart else c)]


@kernel
def scale(rows, width, factors, source, target):
    """Rows of source times a factor each; target may be the source, or begin before it."""
    for e in range(rows):
        for o in range(e * width, (e + 1) * width):
            target[o] = source[o] * factors[e]


@kernel
def run(
    stop, team, thread, threads, field, drawn, shape, apart, piece, taped, places, weights, lengths,
    p, dt, step, intervals, steps, closing, unit, x, q, log_sum, compensation, cancellation, status,
):  # fmt: skip
    """x (B, dim), q (B, dim, k), p (B or 1, parameters); a QR after each interval if `closing`.

    At most `piece` steps lie on the tapes beside the past, and `taped` steps of Jacobians.
    """
    n, lanes, seen = shape.n, shape.lanes, by_address(shape)
    members, dim, k = q.shape
    block = lanes if apart else 1
    width = k * lanes if apart else (k + lanes - 1) // lanes * lanes
    inverse = 1.0 / lengths
    rows = dim + 2 * n * piece
    entries = shape.entries * lanes
    state_tape, tangent_tape = np.zeros(rows * lanes + SLACK), np.zeros(rows * width + SLACK)
    state_work = np.zeros((shape.seen + 2 * n) * lanes + SLACK)
    tangent_work = np.zeros((shape.seen + 2 * n) * width + SLACK)
    jacobians = np.zeros(4 * taped * entries + SLACK)
    params, qr_work = np.zeros(p.shape[1] * lanes + SLACK), np.zeros((k + 1) * lanes + SLACK)
    norms, diagonals = np.zeros(k * lanes + SLACK), np.zeros(k * lanes + SLACK)
    states, tangents, slopes = boundary(state_tape), boundary(tangent_tape), boundary(jacobians)
    norm, diagonal, parameters = boundary(norms), boundary(diagonals), boundary(params)
    works, rooms, qr_room = boundary(state_work), boundary(tangent_work), boundary(qr_work)
    past = (dim - n) // (2 * n)
    b = take(team) * block
    while b < members:
        own, looks = b % places.shape[0], 3 * places.shape[1]
        at, w = shift(address(places), own * looks), shift(address(weights), 4 * own * looks)
        load(apart, lanes, b, p, x, q, inverse, states, tangents, width, parameters)
        for interval in range(intervals):
            done, point = 0, past
            while done < steps and not raised(stop):
                count = min(taped, steps - done)
                if point + count > past + piece:
                    moved = (point - past) * 2 * n
                    copy_strip(dim * lanes, lanes, shift(states, moved * lanes), states)
                    copy_strip(dim * width, lanes, shift(tangents, moved * width), tangents)
                    point = past
                first = step + interval * steps + done
                state_steps(
                    stop, field, seen, at, w, drawn, p.shape[1], parameters, dt, first, point,
                    count, states, works, slopes,
                )  # fmt: skip
                if k:
                    tangent_steps(
                        stop, seen, at, w, dt, point, count, width, tangents, rooms, slopes
                    )
                point, done = point + count, done + count
            if raised(stop):
                break
            moved = (point - past) * 2 * n
            copy_strip(dim * lanes, lanes, shift(states, moved * lanes), states)
            newest = shift(tangents, moved * width)
            scale(dim, width, lengths, newest, newest)
            if closing:
                orthonormalise(apart, lanes, newest, dim, width, k, qr_room, norm, diagonal)
                for l in range(min(block, members - b)):
                    sums, low = log_sum[b + l], compensation[b + l]
                    for c in range(k):
                        e = c * lanes + l
                        accumulate_one(
                            norm[e], diagonal[e], unit, c, sums, low, cancellation[b + l],
                            status[b + l],
                        )  # fmt: skip
            if interval == intervals - 1:
                save(apart, lanes, b, x, q, states, newest, width)
            else:
                scale(dim, width, inverse, newest, tangents)
        b = take(team) * block
    keep(state_tape)
    keep(tangent_tape)
    keep(state_work)
    keep(tangent_work)
    keep(jacobians)
    keep(params)
    keep(qr_work)
    keep(norms)
    keep(diagonals)


@dataclass(kw_only=True)
class DelayedFunction(LookingBack):
    """`which` (delay) and `units` of the past values that the function takes, which follow the n
    present ones in what it sees."""

    function: Statements
    params: Array  # (B or 1, parameters)
    which: Any
    units: Any

    def __post_init__(self) -> None:
        self.n = len(self.function.outputs)
        super().__post_init__()

    def chosen(self, members: Any) -> dict[str, Any]:
        return {"params": chosen(self.params, members)}

    @cached_property
    def _compiled(self) -> tuple[Any, Shape]:
        """The generated function, and its shape."""
        positions = np.array([place for place, _ in self.function.entries], np.int64)
        rows, indices = positions.reshape(-1, 2).T
        indptr = np.searchsorted(rows, np.arange(self.n + 1))
        seen, columns = self.n + len(self.which), np.ascontiguousarray(indices)
        entries = len(columns)
        shape = Shape(self.n, seen, self.which, self.units, entries, indptr, columns, WIDTH)
        return module(field_source(self.function)).field, shape

    def run(
        self, state: Array, vectors: Array, step: int, intervals: int, steps: int, closing: bool,
        sums: tuple[Any, ...],
    ) -> None:  # fmt: skip
        compiled, shape = self._compiled
        history = self.history
        apart = bool(self.batch > 1 and len(self.delays) == 1)
        jobs = -(-self.batch // WIDTH) if apart else self.batch
        taped = max(1, min(steps, LONGEST, TAPE // (4 * WIDTH * max(1, shape.entries))))
        arguments = (
            compiled,
            self.function.drawn,
            shape,
            apart,
            max(taped, min(steps, max(LONGEST, history.points))),
            taped,
            history.places,
            history.weights,
            history.lengths,
            self.params,
            self.dt,
            step,
            intervals,
            steps,
            closing,
            rank_unit(self.dim, np.float64),
            state,
            vectors,
            *sums,
        )
        if intervals * steps * self.batch * (1 + vectors.shape[2]) <= AT_ONCE:
            stop, team = np.zeros(1, np.uint8), np.zeros(TEAM, np.int64)
            compile_for(run, stop, team, 0, 1, *arguments)
            run(stop, team, 0, 1, *arguments)
        else:
            call(run, threads_for(jobs), *arguments)
