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

from .interruptible import threads_allowed

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
        if not self.pace and intervals > 1:
            run(self.best, 1)  # untimed: it compiles its kernel, or loads it
            intervals -= 1
        self.due -= 1
        if self.due < 0:
            intervals = self._trial(allowed, intervals, run)
        if intervals:
            usual = self.pace.get(self.best, 0.0)
            self._timed(self.best, intervals, run)
            self._look(allowed, usual)
        return None

    def _trial(self, allowed: int, intervals: int, run: Callable[[int, int], None]) -> int:
        """Some intervals with either number of threads; the number of intervals that are left."""
        other = 1 if self.best == allowed else allowed
        known = self.best in self.pace
        turns = (other,) if known and intervals == 1 else (self.best, other)
        left = intervals
        for share in SHARES:
            count = max(1, intervals // share)
            for threads in turns:
                if left < count or count > LONG * self.pace.get(self.best, np.inf):
                    return left
                self._timed(threads, count, run)
                left -= count
            gain = self.pace[allowed] / self.pace[1]
            if not 1 / CLEAR < gain < CLEAR:
                break
        better = allowed if gain > WORTH else 1
        if better == self.best:
            self.apart = min(2 * self.apart, RAREST)
        self.best, self.due = better, self.apart
        return left

    def _timed(self, threads: int, intervals: int, run: Callable[[int, int], None]) -> None:
        start = time.perf_counter()
        run(threads, intervals)
        self.pace[threads] = intervals / max(time.perf_counter() - start, 1e-9)

    def _look(self, allowed: int, usual: float) -> None:
        """Back to one thread where it was faster; a new trial where the pace has fallen."""
        now = self.pace[self.best]
        if self.best == allowed and now < self.pace.get(1, 0.0):
            self.best, self.apart = 1, min(2 * self.apart, RAREST)
            self.due = self.apart
        elif now < SLOWER * usual:
            self.due = 0
