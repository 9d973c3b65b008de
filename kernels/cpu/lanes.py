"""Small traced systems: generated straight-line code, members as SIMD lanes."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numba import get_num_threads

from ..codegen import Graph
from ..generated import module
from ..propagator import Array, Flight, chosen, rank_unit
from .interruptible import helpers
from .lanes_source import lanes_source
from .traced import Linearized

LANES_WORK = 80  # n^2 k; unrolled code of n = k = 4 compiles in 5 s, of n = k = 8 in 35 s
LARGEST_PIECE = 65536  # members; Ctrl-C waits for a piece, some 0.2 s for the longest interval


@dataclass
class Lanes(Linearized):
    """Members as SIMD lanes of generated straight-line code. Tangents run in float64."""

    graph: Graph
    params: Array  # (B or 1, parameters)
    dt: float  # 0 for a map
    k: int
    batch: int
    dtype: Any
    dim: int = field(init=False)

    def __post_init__(self) -> None:
        self.dim = len(self.graph.outputs)
        self.dtype = np.dtype(np.float64)
        self.lanes = 1 if self.batch < 4 else 8 if self.batch < 32 else 32
        source = lanes_source(self.graph, self.k, self.lanes, self.dt != 0.0)
        self.code = module(source)

    def select(self, members: Any, dtype: Any) -> "Lanes":
        params = chosen(self.params, members)
        return replace(self, params=params, batch=len(members), dtype=dtype)

    def advance(self, flight: Flight, steps: int) -> None:
        def run(start: int, stop: int) -> None:
            self.code.advance(
                start, stop, self.params, self.dt, flight.step, steps, flight.state, flight.basis
            )

        self._over_members(run)
        flight.step += steps

    def propagate(self, flight: Flight, intervals: int, steps_per_interval: int) -> None:
        unit = rank_unit(self.dim, np.float64)

        def run(start: int, stop: int) -> None:
            self.code.propagate(
                start, stop, self.params, self.dt, flight.step, intervals, steps_per_interval,
                unit, flight.state, flight.basis, flight.log_sum, flight.compensation,
                flight.growth, flight.status,
            )  # fmt: skip

        self._over_members(run)
        flight.step += intervals * steps_per_interval

    def _over_members(self, run: Callable[[int, int], None]) -> None:
        """The batch in lane blocks over threads; kernels hold no lock and share nothing."""
        blocks = -(-self.batch // self.lanes)
        threads = min(get_num_threads(), blocks)
        # Four pieces a thread even out what the operating system takes away.
        pieces = min(blocks, max(4 * threads, self.batch // LARGEST_PIECE))
        edges = [self.lanes * (blocks * i // pieces) for i in range(pieces)] + [self.batch]
        todo = deque(pairwise(edges))

        def work() -> None:
            while True:
                try:
                    piece = todo.popleft()
                except IndexError:
                    return
                run(*piece)

        if threads == 1:
            return work()
        running = [helpers(os.getpid()).submit(work) for _ in range(threads)]
        try:
            for done in running:
                done.result()
        except BaseException:
            todo.clear()  # after Ctrl-C, only what has begun is finished
            wait(running)
            raise
