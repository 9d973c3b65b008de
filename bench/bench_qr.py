"""Orthonormalisation alone: a QR after every step, less the same steps with a QR at the end."""

import time

from .running import Running, network


class Orthonormalisation:
    params = (8, 16, 32, 64, 128, 256, 512)
    param_names = ("n",)

    def setup(self, n):
        self.running = Running(network(n))
        self.steps = max(8, min(4096, 2**24 // n**3))

    def track_seconds(self, n):
        """Of one QR of (n, n) with its bookkeeping."""
        carry, propagate = self.running.carry, self.running.propagator.propagate

        def seconds(intervals, steps):
            started = time.perf_counter()
            propagate(carry, intervals, steps)
            return time.perf_counter() - started

        dense = min(seconds(self.steps, 1) for _ in range(3))
        rare = min(seconds(1, self.steps) for _ in range(3))
        return max(dense - rare, 0.0) / (self.steps - 1)

    track_seconds.unit = "s"
