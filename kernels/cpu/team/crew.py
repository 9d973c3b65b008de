"""How many threads a run of few members is worth, by the pace that is seen.

Threads that share one member meet after every part of its work. Where another process has one of
the cores they wait for the scheduler each time, and two are slower than one (measured beside one
busy process on two cores: half as fast at n = 16). Bits do not depend on the number of threads, so
now and then a part of a call is run with the other number, and the faster one goes on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .interruptible import READY, threads_allowed

SHARES = 64, 8  # of a call: a trial's first look, and the second where the first is no verdict
CLEAR = 2.0  # times as fast: a verdict at first sight, so that a hopeless number is tried no longer
RAREST = 32  # calls from one trial to the next, at most
SLOWER = 0.7  # of the pace before: something has changed
WORTH = 1.15  # times the pace of one thread: short trials flatter threads that have just slept
LONG = 1.0  # seconds; where a look takes longer there is none


@dataclass
class Crew:
    pace: dict[int, float] = field(default_factory=dict)  # intervals a second, by threads
    best: int = 0
    due: int = 0  # calls until the next trial
    apart: int = 1  # calls between trials

    def share(self, members: int, intervals: int, run: Callable[[int, int], None]) -> None:
        """``run(threads, intervals)`` for so many intervals, in one or several calls."""
        allowed = threads_allowed()
        if members >= allowed:  # each thread has its own
            return run(allowed, intervals)
        if self.best not in (1, allowed):
            self.best = allowed
        if not self.pace:
            self._timed(self.best, 1, run)
            intervals -= 1
        self.due -= 1
        if self.due < 0 and intervals:
            intervals = self._trial(allowed, intervals, run)
        if intervals:
            usual = self.pace.get(self.best, 0.0)
            self._timed(self.best, intervals, run)
            self._look(allowed, usual)
        return None

    def _trial(self, allowed: int, intervals: int, run: Callable[[int, int], None]) -> int:
        """Some intervals with either number of threads; the number of intervals that are left."""
        left = self._compared(allowed, intervals, run)
        if {1, allowed} <= self.pace.keys():
            better = allowed if self.pace[allowed] > WORTH * self.pace[1] else 1
            if better == self.best:
                self.apart = min(2 * self.apart, RAREST)
            self.best, self.due = better, self.apart
        return left

    def _compared(self, allowed: int, intervals: int, run: Callable[[int, int], None]) -> int:
        other = 1 if self.best == allowed else allowed
        turns = (self.best, other) if intervals > 1 else (other,)
        left = intervals
        for share in SHARES:
            count = max(1, intervals // share)
            for threads in turns:
                if left < count or count > LONG * self.pace.get(self.best, np.inf):
                    return left
                self._timed(threads, count, run)
                left -= count
            paces = sorted(self.pace.values())
            if paces[-1] > CLEAR * paces[0]:
                break
        return left

    def _timed(self, threads: int, intervals: int, run: Callable[[int, int], None]) -> None:
        start, known = time.perf_counter(), len(READY)
        run(threads, intervals)
        if len(READY) == known:  # else it was compiled, or loaded
            self.pace[threads] = intervals / max(time.perf_counter() - start, 1e-9)

    def _look(self, allowed: int, usual: float) -> None:
        """Back to one thread where it was faster; a new trial where the pace has fallen."""
        now = self.pace.get(self.best, np.inf)
        if self.best == allowed and now < self.pace.get(1, 0.0):
            self.best, self.apart = 1, min(2 * self.apart, RAREST)
            self.due = self.apart
        elif now < SLOWER * usual:
            self.due = 0
