"""One run of a propagator: transient, alignment, measurement, in calls short enough to stop.

A `Run` can be continued: what it measures in two calls has the bits of one longer call at a
fixed cadence, because block boundaries are counted in intervals from the start and the running
sums travel with the state. Where growth between two QRs breaks the bound of rounding, the open
block is run again, at half the interval or with float64 tangents: from the block's start and not
the call's, because the length of a call depends on the clock and results must not.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ._check import Array
from .kernels.propagator import OK, RANK_LOST, Flight, Propagator
from .kernels.split import Split

BLOCKS = 128  # complete blocks at which neighbours are merged
CALL_SECONDS = 0.2  # longest kernel call: Ctrl-C and the progress bar answer within it
# Copies of millions of members take that long themselves: a call is then four times as long, but
# Ctrl-C still answers within a second or so.
COPIES, LONGEST_CALL = 4, 1.0
LONGEST_INTERVAL = 64
PILOT_INTERVALS = 8
GROWTH_BOUND = {"float64": 1e7, "float32": 1e3}  # of |a_j| / R_jj: errors < 1e-9 and 6e-6


@dataclass
class Run:
    propagator: Propagator
    flight: Flight
    interval: int  # steps between QRs
    fixed: bool
    step_time: float
    blocks: list[Array] = field(default_factory=list)  # log sums (B, k) of complete blocks
    block_steps: int = 0
    open_steps: int = 0  # steps already in the block that is still open
    measured_steps: int = 0
    growth: Array = field(default_factory=lambda: np.zeros(0))
    pace: float = 0.0  # steps a second, seen
    copying: float = 0.0  # seconds that one copy of the flight takes
    horizon: int | None = None  # steps that external inputs last
    longest: int = LONGEST_INTERVAL

    def __post_init__(self) -> None:
        bound = GROWTH_BOUND[np.dtype(self.propagator.dtype).name]
        self.bound = np.full(len(self.flight.state), bound)
        self._anchor()

    def release(self) -> None:
        """Memory of a GPU back to others; a longer run takes it anew."""
        if hasattr(self.propagator, "release"):
            self.propagator.release()

    def transient(self, steps: int, tick: Callable[[int], None]) -> None:
        """State only."""
        done = 0
        while done < steps:
            call = min(steps - done, self._affordable())
            self._call(self.propagator.advance, call, call)
            done += call
            tick(call)
        self.pace = 0.0

    def align(self, steps: int, tick: Callable[[int], None]) -> None:
        """Propagate the basis without counting; choose the cadence where it is automatic."""
        piloted = 0 if self.fixed else self._pilot(steps, tick)
        self._anchor()
        done = piloted
        while done < steps:
            left = self.whole(steps - done) // self.interval
            if left == 0:
                break  # less than an interval of external inputs is left
            intervals = min(left, max(1, self._affordable() // self.interval))
            self._propagate(intervals)
            if self._repaired(self._beyond(self.bound)):
                tick(piloted - done)
                done = piloted
                self._rewind()
                continue
            done += intervals * self.interval
            tick(intervals * self.interval)
        self._reset()
        self.block_steps = self.interval
        self.growth = np.zeros_like(self.flight.growth)
        self._anchor()

    def _pilot(self, steps: int, tick: Callable[[int], None]) -> int:
        """Double the interval while growth stays well under the bound; returns steps taken.

        Up to 16 times what was asked for, since a short alignment should not cost a run its
        speed; within it where external inputs are all there is.
        """
        limit = 16 * steps if self.horizon is None else steps
        done = 0
        if self.horizon is not None and limit < PILOT_INTERVALS:
            return done
        while True:
            self._anchor()
            self._propagate(PILOT_INTERVALS)
            if self.interval == 1 and self._repaired(self._beyond(self.bound)):
                self._rewind()
                continue
            too_long = self._beyond(self.bound / 8).any()
            if too_long and self.interval > 1:
                self.interval //= 2
                self._rewind()
                return done
            done += PILOT_INTERVALS * self.interval
            tick(PILOT_INTERVALS * self.interval)
            longer = done + 2 * PILOT_INTERVALS * self.interval
            if too_long or 2 * self.interval > self.longest or longer > limit:
                return done
            self.interval *= 2

    def measure(self, steps: int, tick: Callable[[int], None]) -> None:
        """Count growth through `steps` steps, a multiple of the interval."""
        stop = self.measured_steps + steps
        while self.measured_steps < stop:
            room = min(self.block_steps - self.open_steps, stop - self.measured_steps)
            intervals = max(1, min(room, self._affordable()) // self.interval)
            self._propagate(intervals)
            if self._repaired(self._beyond(self.bound)):
                tick(-self.open_steps)
                self._rewind()
                continue
            self.growth = np.maximum(self.growth, self.flight.growth)
            self.measured_steps += intervals * self.interval
            self.open_steps += intervals * self.interval
            if self.open_steps == self.block_steps:
                self._close_block()
            tick(intervals * self.interval)

    def _propagate(self, intervals: int) -> None:
        self.flight.growth[:] = 0.0
        steps = intervals * self.interval
        self._call(self.propagator.propagate, steps, intervals, self.interval)

    def _call(self, verb: Callable[..., None], steps: int, *counts: int) -> None:
        """One call, of `steps` steps; the flight is as it was before when interrupted."""
        before = time.perf_counter()
        start = self.flight.copy()
        started = time.perf_counter()
        self.copying = started - before
        try:
            verb(self.flight, *counts)
        except KeyboardInterrupt:
            self.flight = start
            raise
        # Growing by at most 8 keeps a first call that was a compilation from mattering.
        seconds = time.perf_counter() - started
        # A GPU's share of it begins and ends with a copy, however many steps there are.
        seen = steps / max(seconds - 2 * self.copying, seconds / 10, 1e-6)
        self.pace = min(seen, 8 * self.pace) if self.pace else seen

    def _beyond(self, bound: Array) -> NDArray[np.bool_]:
        """Members where growth between QRs is above the bound, or took a direction away."""
        flight, start = self.flight, self._start[0]
        # Mostly nobody: two flat looks instead of six by member, a tenth of a large plane's time.
        if not (flight.growth > bound.min()).any() and not (flight.status != start.status).any():
            return np.zeros(len(bound), np.bool_)
        living = np.where(flight.status == OK, flight.growth, 0.0)
        lost = (flight.status == RANK_LOST) & (start.status != RANK_LOST)
        return np.asarray((living.max(axis=1) > bound) | lost.any(axis=1))

    def _repaired(self, beyond: NDArray[np.bool_]) -> bool:
        """Whether something can be done for such members, and is; the open block is then redone."""
        if not beyond.any():
            return False
        if not self.fixed and self.interval > 1:
            self.interval //= 2
            return True
        single = beyond & (self.bound == GROWTH_BOUND["float32"])
        if not single.any():
            return False
        promoted = self.propagator.select(np.nonzero(single)[0], np.dtype("float64"))
        if promoted.dtype != np.float64:
            return False  # it can compute in float32 only
        self.bound[single] = GROWTH_BOUND["float64"]
        kinds = {name: np.nonzero(self.bound == GROWTH_BOUND[name])[0] for name in GROWTH_BOUND}
        self.propagator = Split(
            [
                (members, self.propagator.select(members, np.dtype(name)))
                for name, members in kinds.items()
                if members.size
            ]
        )
        return True

    def _anchor(self) -> None:
        self._start = self.flight.copy(), self.growth.copy()

    def _rewind(self) -> None:
        flight, growth = self._start
        self.flight, self.growth = flight.copy(), growth.copy()
        self.flight.basis = self.flight.basis.astype(self.propagator.dtype)
        self.measured_steps -= self.open_steps
        self.open_steps = 0

    def _close_block(self) -> None:
        self.blocks.append(self.flight.log_sum + self.flight.compensation)
        self._reset()
        self.open_steps = 0
        if len(self.blocks) == BLOCKS:
            self.blocks = [a + b for a, b in zip(self.blocks[::2], self.blocks[1::2], strict=True)]
            self.block_steps *= 2
        self._anchor()

    def totals(self) -> Array:
        total = self.flight.log_sum + self.flight.compensation
        return total + np.sum(self.blocks, axis=0) if self.blocks else total

    def _reset(self) -> None:
        self.flight.log_sum[:] = 0.0
        self.flight.compensation[:] = 0.0
        self.flight.growth[:] = 0.0

    def _affordable(self) -> int:
        """Steps that one call may take."""
        seconds = max(CALL_SECONDS, min(COPIES * self.copying, LONGEST_CALL))
        return max(1, int(self.pace * seconds)) if self.pace else self.interval

    def whole(self, steps: int) -> int:
        """Rounded up to whole intervals; down where external inputs would run out."""
        wanted = -(-steps // self.interval)
        if self.horizon is not None:
            wanted = min(wanted, (self.horizon - self.flight.step) // self.interval)
        return wanted * self.interval
