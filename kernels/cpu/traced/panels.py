"""Tangent columns as contiguous rows, in panels that threads share: the host's side of it."""

from typing import Any

import numpy as np

from ...propagator import Array, Carry
from ..team.crew import Crew

PANEL = 32  # columns of one; so bits do not depend on how threads share them


class Panelled:
    """Base of propagators whose kernel takes a basis (B, k, n) and a tape a thread, or a member."""

    batch: int
    k: int
    dtype: Any
    indices: Array  # columns of the Jacobian's nonzero entries
    crew: Crew

    def _run(self, carry: Carry, basis: Any, threads: int, intervals: int, steps: int) -> None:
        raise NotImplementedError

    def propagate(self, carry: Carry, intervals: int, steps_per_interval: int) -> None:
        basis = np.ascontiguousarray(np.swapaxes(carry.basis, 1, 2))

        def run(threads: int, count: int) -> None:
            self._run(carry, basis, threads, count, steps_per_interval)
            carry.step += count * steps_per_interval

        self.crew.share(self.batch, intervals, run)
        carry.basis = np.ascontiguousarray(np.swapaxes(basis, 1, 2))

    def shared_out(self, threads: int, steps: int, stages: int) -> tuple[bool, int, Array, Any]:
        """(whether each thread takes members by itself, threads that have work, two tapes)."""
        alone = self.batch >= threads
        jobs = self.batch if alone else self.batch * -(-self.k // PANEL)
        threads = min(threads, jobs)
        tapes = threads if alone else self.batch
        tape = np.empty((tapes, steps, stages, self.indices.size))
        return alone, threads, tape, np.empty(tape.shape, self.dtype)
