"""Small traced systems: generated straight-line code, members as SIMD lanes."""

from collections import deque
from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ...codegen import Statements
from ...generated import module
from ...propagator import Carry, chosen, rank_unit
from ..team.interruptible import compile_for, supervise, threads_for, together
from .lane_blocks import advance, propagate
from .lanes_source import lanes_source
from .linear import Linearized

LARGEST_PIECE = 65536  # members
# Elements times steps that take 0.1 to 0.3 ms: to hand them to other threads takes as long, and
# Ctrl-C waits for less anyway.
AT_ONCE = 8192


@dataclass
class Lanes(Linearized):
    """Members as SIMD lanes of generated straight-line code. Tangents run in float64."""

    function: Statements
    lanes: int = 0  # members that a block of code takes at once; 0: as suits the batch

    def __post_init__(self) -> None:
        super().__post_init__()
        self.dtype = np.dtype(np.float64)
        if not self.lanes:
            self.lanes = 1 if self.batch < 4 else 8 if self.batch < 32 else 32
        source = lanes_source(self.function, self.k, self.lanes, self.dt != 0.0)
        self.code = module(source)

    def select(self, members: Any, dtype: Any) -> "Lanes":
        # With as many lanes, however few the members: other code would have to be compiled.
        other = copy(self)  # `replace` would write the same source once more: 0.2 ms
        other.params, other.batch = chosen(self.params, members), len(members)
        return other

    def advance(self, carry: Carry, steps: int) -> None:
        self._over_members(
            advance,
            steps,
            self.code.state_run.address,
            self.code.LAYOUT,
            self.params,
            self.dt,
            carry.step,
            steps,
            carry.state,
            carry.basis,
        )
        carry.step += steps

    def propagate(self, carry: Carry, intervals: int, steps_per_interval: int) -> None:
        self._over_members(
            propagate,
            intervals * steps_per_interval * (1 + self.k),
            self.code.run.address,
            self.code.LAYOUT,
            self.params,
            self.dt,
            carry.step,
            intervals,
            steps_per_interval,
            rank_unit(self.dim, np.float64),
            carry.state,
            carry.basis,
            carry.log_sum,
            carry.compensation,
            carry.cancellation,
            carry.status,
        )
        carry.step += intervals * steps_per_interval

    def _over_members(self, kernel: Any, steps: int, *args: Any) -> None:
        """The batch in lane blocks over threads, which wait for nothing and share nothing."""
        flag = np.zeros(1, np.uint8)
        compile_for(kernel, flag, 0, 0, *args)
        if steps * self.batch * self.dim <= AT_ONCE:
            return kernel(flag, 0, self.batch, *args)
        blocks = -(-self.batch // self.lanes)
        threads = threads_for(blocks)
        # Four pieces a thread even out what the operating system takes away.
        pieces = min(blocks, max(4 * threads, self.batch // LARGEST_PIECE))
        edges = [self.lanes * (blocks * i // pieces) for i in range(pieces)] + [self.batch]
        todo = deque(pairwise(edges))

        def work(_: int) -> None:
            while not flag[0]:
                try:
                    piece = todo.popleft()
                except IndexError:
                    return
                kernel(flag, *piece, *args)

        supervise(flag, lambda: together(flag, threads, work))
