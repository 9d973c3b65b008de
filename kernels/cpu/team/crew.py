"""How many threads a run of few members is worth, by the pace that is seen.

Threads that share one member meet after every part of its work. Where another process has one of
the cores they wait for the scheduler each time, and two are slower than one (measured beside one
busy process on two cores: half as fast at n = 16). Bits do not depend on the number of threads, so
now and then a part of a call is run with the other number, and the faster one goes on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .interruptible import threads_allowed

SHARE = 8  # of a call, the part that is tried
RAREST = 32  # calls from one trial to the next, at most
SLOWER = 0.7  # of the pace before: something has changed
WORTH = 1.15  # times the pace of one thread: short trials flatter threads that have just slept
LONG = 1.0  # seconds; calls that take longer are not tried with one thread


@dataclass
class Crew:
    pace: dict[int, float] = field(default_factory=dict)  # intervals a second, by threads
    best: int = 0
    due: int = 1  # calls until the next trial
    apart: int = 1  # calls between trials
    seconds: float = 0.0  # of the last call
    warm: set[int] = field(default_factory=set)  # numbers of threads whose kernel has run

    def share(self, members: int, intervals: int, run: Callable[[int, int], None]) -> None:
        """``run(threads, intervals)`` for so many intervals, in one or two calls."""
        allowed = threads_allowed()
        if members >= allowed:  # each thread has its own
            return run(allowed, intervals)
        if self.best not in (1, allowed):
            self.best = allowed
        before, self.seconds = self.seconds, 0.0
        self.due -= 1
        if self.due < 0 and 0.0 < before < LONG:
            other = 1 if self.best == allowed else allowed
            if other not in self.warm:
                # Untimed, and tried in the next call: the first run of a kernel compiles it, or
                # loads it. Seconds of that had 8 units stay with two threads, a hundredth as fast.
                run(other, 1)
                self.warm.add(other)
                intervals -= 1
                self.seconds = 0.0 if intervals else before
            else:
                short = max(1, intervals // SHARE)
                self._timed(other, short, run)
                intervals -= short
                better = allowed if self.pace[allowed] > WORTH * self.pace[1] else 1
                if better == self.best:
                    self.apart = min(2 * self.apart, RAREST)
                self.best, self.due = better, self.apart
        if intervals:
            usual = self.pace.get(self.best, 0.0)
            self._timed(self.best, intervals, run)
            self._look(allowed, usual)
        return None

    def _timed(self, threads: int, intervals: int, run: Callable[[int, int], None]) -> None:
        start = time.perf_counter()
        run(threads, intervals)
        self.warm.add(threads)
        seconds = max(time.perf_counter() - start, 1e-9)
        self.pace[threads] = intervals / seconds
        self.seconds += seconds

    def _look(self, allowed: int, usual: float) -> None:
        """Back to one thread where it was faster; a new trial where the pace has fallen."""
        now = self.pace[self.best]
        if self.best == allowed and now < self.pace.get(1, 0.0):
            self.best, self.apart = 1, min(2 * self.apart, RAREST)
            self.due = self.apart
        elif now < SLOWER * usual:
            self.due = 0
