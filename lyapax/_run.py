"""One run of a propagator: transient, alignment, measurement, in calls short enough to stop.

A `Run` can be continued: what it measures in two calls has the bits of one longer call at a
fixed cadence, because block boundaries are counted in intervals from the start and the running
sums travel with the state. Where cancellation in a QR breaks the bound of rounding, the open
block is run again, at half the interval or with float64 tangents: from the block's start and not
the call's, because the length of a call depends on the clock and results must not.

Each call works on a copy, and where the run stands is one object that is replaced as a whole. So
an interruption, wherever it falls, finds the run as it was before the call or as it is after it.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ._check import Array
from ._snapshots import Observed
from ._statistics import needed, standard_error, sum_of
from .kernels.propagator import OK, RANK_LOST, Carry, Propagator
from .kernels.split import Split

FIRST_CHECK = 128  # intervals before `tol` is looked at
LEAD = 10  # of a run whose length nobody knows, the measured time over what goes before it
BLOCKS = 128  # complete blocks at which neighbours are merged
CALL_SECONDS = 0.2  # longest kernel call: Ctrl-C and the progress bar answer within it
# Copies of millions of members take that long themselves: a call is then four times as long, but
# Ctrl-C still answers within a second or so.
COPIES, LONGEST_CALL = 4, 1.0
LONGEST_INTERVAL = 64  # steps between QRs: a QR costs 8/3 n^3 of 8 n^3 a step, so 1/190 of the run
PILOT_INTERVALS = 8  # that an interval must pass before it is doubled; 1/16 of FIRST_CHECK
CANCELLATION_BOUND = {"float64": 1e7, "float32": 1e3}  # of |a_j| / R_jj: errors < 1e-9 and 6e-6

Tick = Callable[[int], None]


class Progress(Protocol):
    """What a run tells a person, as `lyapax._progress` shows it."""

    def __call__(self, steps: int) -> None:
        """So many more steps are done."""

    def expect(self, left: float, error: float, tol: float) -> None:
        """So many more are to come; the largest error that is waited for, and the wanted one."""


@dataclass(frozen=True)
class Loss:
    """Members whose states were finite before a call and are not after it."""

    members: NDArray[np.int64]
    state: Array  # before
    begin: int
    end: int  # steps since time 0


@dataclass(frozen=True)
class Moment:
    """Where a run stands. Its arrays are never written to."""

    propagator: Propagator
    carry: Carry
    interval: int  # steps between QRs
    bound: Array  # (B,) of the cancellation in a QR
    transient_left: int
    piloting: bool  # while the cadence is still to be chosen
    aligning: bool = True
    aligned: int = 0  # steps of alignment taken
    cancellation: Array = field(default_factory=lambda: np.zeros(0))
    blocks: tuple[Array, ...] = ()  # log sums (B, k) of complete blocks
    # (B, r) where the measurement began, and at the ends of blocks.
    snapshots: tuple[NDArray[np.float32], ...] = ()
    block_steps: int = 0
    open_steps: int = 0  # steps already in the block that is still open
    measured_steps: int = 0
    losses: tuple[Loss, ...] = ()
    # Where to begin again if cancellation breaks the bound; None: here.
    anchor: "Moment | None" = None

    @property
    def start(self) -> "Moment":
        return self.anchor or self

    def totals(self) -> Array:
        total = self.carry.log_sum + self.carry.compensation
        return total + sum_of(np.array(self.blocks)) if self.blocks else total

    def advanced(self, carry: Carry, **changes: Any) -> "Moment":
        """Where the run stands after a call."""
        gone = ~np.isfinite(carry.state).all(axis=1)
        losses = self.losses
        if gone.any():
            members = np.nonzero(gone & np.isfinite(self.carry.state).all(axis=1))[0]
            if members.size:
                before = self.carry
                losses += (Loss(members, before.state[members], before.step, carry.step),)
        return replace(self, carry=carry, losses=losses, **changes)

    def closed(self, snapshot: NDArray[np.float32]) -> "Moment":
        """The open block is complete; of 128 complete ones neighbours are merged."""
        blocks = (*self.blocks, self.carry.log_sum + self.carry.compensation)
        snapshots = (*self.snapshots, snapshot)
        steps = self.block_steps
        if len(blocks) == BLOCKS:
            blocks = tuple(a + b for a, b in zip(blocks[::2], blocks[1::2], strict=True))
            snapshots = snapshots[::2]
            steps *= 2
        return replace(
            self,
            carry=cleared(self.carry),
            blocks=blocks,
            snapshots=snapshots,
            block_steps=steps,
            open_steps=0,
            anchor=None,
        )

    @property
    def lead(self) -> int:
        """Steps since time 0 that are not counted."""
        return self.carry.step - self.measured_steps

    def trimmed(self) -> "Moment":
        """Drop the first blocks, as many as make the lead a tenth of what is counted."""
        lacking = self.measured_steps / LEAD - self.lead
        count = max(0, math.ceil(lacking / (1 + 1 / LEAD) / max(self.block_steps, 1)))
        return self._without(min(count, len(self.blocks)))

    def _without(self, count: int) -> "Moment":
        return replace(
            self,
            blocks=self.blocks[count:],
            snapshots=self.snapshots[count:],
            measured_steps=self.measured_steps - count * self.block_steps,
            anchor=self.anchor and self.anchor._without(count),
        )

    def measuring(self, snapshot: NDArray[np.float32]) -> "Moment":
        """Alignment is over."""
        return replace(
            self,
            carry=cleared(self.carry),
            aligning=False,
            block_steps=self.interval,
            cancellation=np.zeros_like(self.carry.cancellation),
            snapshots=(snapshot,),
            anchor=None,
        )


def cleared(carry: Carry) -> Carry:
    """A carry with empty sums."""
    empty = np.zeros_like(carry.log_sum)
    return replace(carry, log_sum=empty, compensation=empty.copy(), cancellation=empty.copy())


@dataclass
class Run:
    now: Moment
    initial: Array  # states (B, n) at time 0
    fixed: bool
    step_time: float
    alignment: int  # steps
    observed: Observed
    generic: bool = True  # whether the first basis was random, so that exponents are the leading
    pace: float = 0.0  # steps a second, seen
    seconds: float = 0.0  # that the last call took
    copying: float = 0.0  # seconds that one copy of the carry takes
    horizon: int | None = None  # steps that external inputs last
    longest: int = LONGEST_INTERVAL
    # Where transient and alignment have no length of their own, what is measured first is given to
    # them as the run gets longer, so that they are a tenth of it in the end.
    growing: bool = False

    def release(self) -> None:
        """Memory of a GPU back to others; a longer run takes it anew."""
        self.now.propagator.release()

    def transient(self, tick: Tick) -> None:
        """State only, as far as it is still to do."""
        while self.now.transient_left:
            left = self.now.transient_left
            call = min(left, self._affordable())
            carry = self._stepped(self.now.propagator.advance, call, call)
            self.now = self.now.advanced(carry, transient_left=left - call)
            tick(call)
            if call == left:
                self.pace = 0.0

    def align(self, tick: Tick) -> None:
        """Propagate the basis without counting; choose the cadence where it is automatic."""
        while self.now.piloting:
            self._pilot(tick)
        while self.now.aligning:
            now = self.now
            left = self.whole(self.alignment - now.aligned) // now.interval
            if now.aligned >= self.alignment or left == 0:  # or too few external inputs are left
                self.now = now.measuring(self.observed(now.carry.state))
                return
            intervals = min(left, max(1, self._affordable() // now.interval))
            carry = self._propagated(intervals)
            remedy = self._remedy(carry)
            if remedy:
                tick(now.start.aligned - now.aligned)
                self._again(remedy)
                continue
            steps = intervals * now.interval
            self.now = now.advanced(carry, aligned=now.aligned + steps, anchor=now.start)
            tick(steps)

    def _pilot(self, tick: Tick) -> None:
        """Double the interval while cancellation stays well under the bound.

        Up to 16 times the alignment that was asked for, since a short one should not cost a run
        its speed; within it where external inputs are all there is.
        """
        now = self.now
        limit = 16 * self.alignment if self.horizon is None else self.alignment
        if self.horizon is not None and limit < PILOT_INTERVALS:
            self.now = replace(now, piloting=False)
            return
        carry = self._propagated(PILOT_INTERVALS)
        remedy = self._remedy(carry) if now.interval == 1 else {}
        if remedy:
            self._again(remedy)
            return
        too_long = self._beyond(carry, now.bound / 8).any()
        if too_long and now.interval > 1:
            self.now = replace(now, interval=now.interval // 2, piloting=False)
            return
        steps = PILOT_INTERVALS * now.interval
        aligned, longer = now.aligned + steps, 2 * now.interval
        last = too_long or longer > self.longest or aligned + PILOT_INTERVALS * longer > limit
        self.now = now.advanced(
            carry, aligned=aligned, piloting=not last, interval=now.interval if last else longer
        )
        tick(steps)

    def measure(self, steps: int, tick: Tick) -> None:
        """Count growth through `steps` steps, a multiple of the interval."""
        stop = self.now.measured_steps + steps
        while self.now.measured_steps < stop:
            now = self.now
            room = min(now.block_steps - now.open_steps, stop - now.measured_steps)
            intervals = max(1, min(room, self._affordable()) // now.interval)
            carry = self._propagated(intervals)
            remedy = self._remedy(carry)
            if remedy:
                tick(-now.open_steps)
                self._again(remedy)
                continue
            done = intervals * now.interval
            after = now.advanced(
                carry,
                cancellation=np.maximum(now.cancellation, carry.cancellation),
                anchor=now.start,
                measured_steps=now.measured_steps + done,
                open_steps=now.open_steps + done,
            )
            if after.open_steps == after.block_steps:
                after = after.closed(self.observed(after.carry.state))
            self.now = after
            tick(done)

    def _propagated(self, intervals: int) -> Carry:
        """The carry so many intervals on, with the cancellation seen in them."""
        now = self.now
        verb, steps = now.propagator.propagate, intervals * now.interval
        return self._stepped(verb, steps, intervals, now.interval)

    def _stepped(self, verb: Callable[..., None], steps: int, *counts: int) -> Carry:
        """The carry after one call, of `steps` steps."""
        before = time.perf_counter()
        carry = self.now.carry.copy()
        carry.cancellation[:] = 0.0
        started = time.perf_counter()
        self.copying = started - before
        verb(carry, *counts)
        # Growing by at most 8 keeps a first call that was a compilation from mattering.
        self.seconds = seconds = time.perf_counter() - started
        # A GPU's share of it begins and ends with a copy, however many steps there are.
        seen = steps / max(seconds - 2 * self.copying, seconds / 10, 1e-6)
        self.pace = min(seen, 8 * self.pace) if self.pace else seen
        return carry

    def _beyond(self, carry: Carry, bound: Array) -> NDArray[np.bool_]:
        """Members where the cancellation in a QR is above the bound, or took a direction away."""
        before = self.now.start.carry.status
        # Mostly nobody: two flat looks instead of six by member, a tenth of a large plane's time.
        if not (carry.cancellation > bound.min()).any() and not (carry.status != before).any():
            return np.zeros(len(bound), np.bool_)
        living = np.where(carry.status == OK, carry.cancellation, 0.0)
        lost = (carry.status == RANK_LOST) & (before != RANK_LOST)
        return np.asarray((living.max(axis=1) > bound) | lost.any(axis=1))

    def _remedy(self, carry: Carry) -> dict[str, Any]:
        """What is to change before the open block is run again; nothing where it is bounded.

        Nor where nothing helps: such exponents end as unresolved.
        """
        now = self.now
        beyond = self._beyond(carry, now.bound)
        if not beyond.any():
            return {}
        if not self.fixed and now.interval > 1:
            return {"interval": now.interval // 2}
        single = beyond & (now.bound == CANCELLATION_BOUND["float32"])
        if not single.any():
            return {}
        promoted = now.propagator.select(np.nonzero(single)[0], np.dtype("float64"))
        if promoted.dtype != np.float64:
            return {}  # it can compute in float32 only
        bound = np.where(single, CANCELLATION_BOUND["float64"], now.bound)
        kinds = {
            name: np.nonzero(bound == CANCELLATION_BOUND[name])[0] for name in CANCELLATION_BOUND
        }
        parts = [
            (members, now.propagator.select(members, np.dtype(name)))
            for name, members in kinds.items()
            if members.size
        ]
        return {"propagator": Split(parts), "bound": bound}

    def _again(self, remedy: dict[str, Any]) -> None:
        """Back to the start of the open block, with what the remedy changes."""
        start = self.now.start
        propagator = remedy.get("propagator", start.propagator)
        basis = start.carry.basis.astype(propagator.dtype, copy=False)
        self.now = replace(start, carry=replace(start.carry, basis=basis), **remedy)

    def _affordable(self) -> int:
        """Steps that one call may take."""
        seconds = max(CALL_SECONDS, min(COPIES * self.copying, LONGEST_CALL))
        return max(1, int(self.pace * seconds)) if self.pace else self.now.interval

    def whole(self, steps: int) -> int:
        """Rounded up to whole intervals; down where external inputs would run out."""
        interval = self.now.interval
        wanted = -(-steps // interval)
        if self.horizon is not None:
            wanted = min(wanted, (self.horizon - self.now.carry.step) // interval)
        return wanted * interval


def begun(
    propagator: Propagator,
    carry: Carry,
    *,
    interval: int,
    fixed: bool,
    step_time: float,
    transient: int,
    alignment: int,
    horizon: int | None,
    observed: Observed,
    generic: bool = True,
    longest: int = LONGEST_INTERVAL,
    growing: bool = False,
) -> Run:
    """A run at its start; transient and alignment in steps."""
    kind = np.dtype(propagator.dtype).name
    bound = np.full(len(carry.state), CANCELLATION_BOUND[kind])
    now = Moment(propagator, carry, interval, bound, transient, piloting=not fixed)
    return Run(
        now,
        carry.state,
        fixed,
        step_time,
        alignment,
        observed,
        generic,
        horizon=horizon,
        longest=longest,
        growing=growing,
    )


def measure(run: Run, steps: int | None, tol: float | None, progress: Progress) -> None:
    """Measure `steps` more steps, or fewer when every error is below `tol`; None: no limit."""
    if steps is not None:
        steps = run.whole(steps)
    if steps == 0:
        raise ValueError(
            f"inputs must last: of {run.horizon} rows {run.now.carry.step} are used up, less than "
            f"one QR interval of {run.now.interval} steps is left"
        )
    if tol is None:
        assert steps is not None
        run.measure(steps, progress)
        return
    begin, taken = run.now.carry.step, 0
    check = FIRST_CHECK * run.now.interval
    passes = np.zeros(len(run.now.carry.state), int)
    while steps is None or taken < steps:
        target = check if steps is None else min(check, steps)
        run.measure(run.whole(max(target - taken, 1)), progress)
        taken = run.now.carry.step - begin
        if taken >= check:
            if run.growing:
                run.now = run.now.trimmed()
            # Two passes in a row, at doublings only: looking more often stops on lucky errors.
            errors, wanted = awaited(run, tol)
            passed = (errors < tol).all(axis=1)
            passes = np.where(passed | (passes == 2), np.minimum(passes + 1, 2), 0)
            if (passes == 2).all():
                return
            longest = float(np.nanmax(wanted, initial=0.0)) / run.now.measured_steps
            progress.expect(_left(longest, taken, bool(passes.all())), float(errors.max()), tol)
            check *= 2


def _left(longest: float, taken: int, passed: bool) -> float:
    """Steps until the second pass: it is at twice the first doubling that is long enough.

    `longest` is what is wanted, over what is measured.
    """
    if passed:
        return taken
    if not math.isfinite(longest):
        return math.inf
    doublings = max(1, math.ceil(math.log2(max(longest, 1.0))))
    return taken * (2.0 ** (1 + doublings) - 1)


def awaited(run: Run, tol: float) -> tuple[Array, Array]:
    """Standard errors (B, k), 0 where none is to be waited for, and the steps they need for `tol`.

    As many in all as should bring each error to `tol`; NaN where that is not known.
    """
    now = run.now
    elapsed, block = now.measured_steps * run.step_time, now.block_steps * run.step_time
    sums, total = np.array(now.blocks), now.totals()
    stderr, _ = standard_error(sums, total, elapsed, block)
    waiting = (now.carry.status == OK) & (now.cancellation <= now.bound[:, None])
    return (
        np.where(waiting, stderr, 0.0),
        np.where(waiting, needed(sums, total, elapsed, block, tol), 0.0) / run.step_time,
    )
