"""Traced systems of up to eight variables: one thread a member, or two side by side."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..codegen import Graph
from ..propagator import Array, chosen
from .field_source import field_source
from .pieces import Pieces

THREADS = 128  # of a block, as in threads.cu
CONSTANT = 3584  # bytes of parameters that a launch can pass by value


@dataclass
class Threads(Pieces):
    graph: Graph
    params: Array  # (B or 1, parameters)

    def _prepare(self) -> None:
        self.dim = len(self.graph.outputs)
        size = self.params.shape[1] * self.dtype.itemsize
        self.shared = self.params.shape[0] == 1 and size <= CONSTANT
        self.lanes = lanes_of(self.dim, self.k, self.dtype)

    def select(self, members: Any, dtype: Any) -> "Threads":
        return replace(self, params=chosen(self.params, members), batch=len(members), dtype=dtype)

    def member_bytes(self) -> int:
        own = 0 if self.params.shape[0] == 1 else self.params.shape[1]
        return super().member_bytes() + own * self.dtype.itemsize

    def run_state(self, state: Any, members: slice, step: int, steps: int) -> None:
        grid, block = geometry(len(state), 1)
        self._kernel("advance")(
            grid,
            block,
            (
                state,
                *self._parameters(members),
                np.int32(len(state)),
                np.float64(self.dt),
                np.int64(step),
                np.int32(steps),
            ),
        )

    def run(
        self, arrays: dict[str, Any], members: slice, step: int, intervals: int, steps: int
    ) -> None:
        count = len(arrays["state"])
        grid, block = geometry(count, self.lanes)
        self._kernel("propagate")(
            grid,
            block,
            (
                *arrays.values(),
                *self._parameters(members),
                np.int32(count),
                np.float64(self.dt),
                np.int64(step),
                np.int32(intervals),
                np.int32(steps),
                self.unit_of_rank,
            ),
        )

    def _kernel(self, name: str) -> Any:
        return self.device.kernel(
            "threads.cu",
            name,
            self.dtype,
            {"field.cuh": field_source(self.graph)},
            COLUMNS=self.k,
            FLOW=int(self.dt != 0.0),
            SHARED_PARAMETERS=int(self.shared),
            LANES=self.lanes,
            **residency(self.dim, self.dtype),
        )

    def _parameters(self, members: slice) -> tuple[Any, np.int32]:
        """What the kernels take for parameters, and how far apart they are."""
        table = self.held(members)
        return table, np.int32(0 if self.shared else table.shape[1])

    def on_device(self, members: slice) -> Any:
        """Parameters by value, or parameter by parameter on the device."""
        if not self.shared:
            return self.device.upload(chosen(self.params, members).T, self.dtype)
        table = np.zeros(1, [("value", self.dtype, max(1, self.params.shape[1]))])
        table["value"][0, : self.params.shape[1]] = self.params[0]
        return table


def lanes_of(dim: int, k: int, dtype: Any) -> int:
    """Threads a member: n^2 + 7 n numbers must fit into 255 registers of 4 bytes."""
    return 2 if dtype == np.float64 and dim > 5 and k > 1 else 1


def residency(dim: int, dtype: Any) -> dict[str, int]:
    """Blocks that a multiprocessor must hold: without it two units in double spill 8 bytes.

    Left to itself the compiler does better everywhere else: a bound of 1 block makes it take 248
    registers for four units in double, where 166 do.
    """
    return {"RESIDENT": 6} if dtype == np.float64 and dim <= 2 else {}


def geometry(members: int, lanes: int) -> tuple[tuple[int], tuple[int]]:
    """(grid, block); no shared memory."""
    return (-(-members * lanes // THREADS),), (THREADS,)
