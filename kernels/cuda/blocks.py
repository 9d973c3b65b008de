"""Rate networks and gated units of 9 to 128 variables: one block a member."""

from collections import namedtuple
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..propagator import Array, chosen
from .gemm import Equations, Gemm
from .launching import blockwise, i32
from .pieces import Pieces
from .tiles import block_shape

# What the file of a unit declares: products, numbers added to them, factors of the Jacobian.
Unit = namedtuple("Unit", "file sums offsets factors")
NETWORK = Unit("unit_network.cuh", 1, 1, 1)
GRU = Unit("unit_gru.cuh", 3, 4, 4)

Geometry = namedtuple("Geometry", "rows columns tile threads resident shared_bytes")


def geometry(unit: Unit, n: int, k: int, dtype: Any, shared_memory: int) -> Geometry | None:
    """The instance for n variables and k columns; None where no block can hold them."""
    shape = block_shape(n, k, dtype)
    if shape is None:
        return None
    rows, columns, tile, threads = shape
    size, parts = np.dtype(dtype).itemsize, max(1, threads // rows)
    vectors = 5 + parts * unit.sums + unit.factors
    least = size * (rows * rows + rows * columns + vectors * rows + 3 * columns)
    whole = least + size * unit.sums * rows * rows
    if least > shared_memory:
        return None
    resident = whole <= shared_memory
    return Geometry(rows, columns, tile, threads, resident, whole if resident else least)


@dataclass
class Blocks(Pieces):
    unit: Unit
    weights: Array  # (B or 1, sums, n, n)
    offsets: Array  # (B or 1, T, offsets, n); row `step` of T in turn
    rate: Array  # (B or 1, n)
    otherwise: Equations  # the same system for products by a BLAS
    defines: Mapping[str, int] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)

    def _prepare(self) -> None:
        self.dim = self.weights.shape[-1]
        found = geometry(self.unit, self.dim, self.k, self.dtype, self.device.shared_memory)
        assert found is not None
        self.geometry = found

    def select(self, members: Any, dtype: Any) -> "Blocks | Gemm":
        """Some members; in float64 a block holds half as many variables, beyond a BLAS does."""
        otherwise, count = self.otherwise.select(members), len(members)
        if geometry(self.unit, self.dim, self.k, dtype, self.device.shared_memory) is None:
            return Gemm(self.dt, self.k, count, dtype, self.device, otherwise)
        return replace(
            self,
            weights=chosen(self.weights, members),
            offsets=chosen(self.offsets, members),
            rate=chosen(self.rate, members),
            otherwise=otherwise,
            batch=count,
            dtype=dtype,
        )

    def shared_bytes(self) -> int:
        arrays = self.weights, self.offsets, self.rate
        common = sum(a.size // self.dim for a in arrays if len(a) == 1)
        return common * self.geometry.rows * self.dtype.itemsize

    def member_bytes(self) -> int:
        arrays = self.weights, self.offsets, self.rate
        own = sum(a[0].size // self.dim for a in arrays if len(a) > 1)
        return super().member_bytes() + own * self.geometry.rows * self.dtype.itemsize

    def run_state(self, state: Any, members: slice, step: int, steps: int) -> None:
        self._launch(
            "advance", len(state), (state, *self.held(members)), (np.int64(step), np.int32(steps))
        )

    def run(
        self, arrays: dict[str, Any], members: slice, step: int, intervals: int, steps: int
    ) -> None:
        self._launch(
            "propagate",
            len(arrays["state"]),
            (*arrays.values(), *self.held(members)),
            (np.int64(step), np.int32(intervals), np.int32(steps), self.unit_of_rank),
        )

    def _launch(self, name: str, count: int, arrays: Any, counts: Any) -> None:
        shape = self.geometry
        texts = {"unit.cuh": f'#include "{self.unit.file}"', **self.texts}
        kernel = self.device.kernel(
            "blocks.cu",
            name,
            self.dtype,
            texts,
            ROWS=shape.rows,
            COLUMNS=shape.columns,
            TILE_ROWS=shape.tile[0],
            TILE_COLUMNS=shape.tile[1],
            RESIDENT=int(shape.resident),
            FLOW=int(self.dt != 0.0),
            **self.defines,
        )
        blockwise(
            kernel,
            count,
            shape.threads,
            shape.shared_bytes,
            *arrays,
            i32(self.dim),
            i32(self.k),
            i32(self.offsets.shape[1]),
            np.float64(self.dt),
            *counts,
        )

    def on_device(self, members: slice) -> tuple[Any, ...]:
        """Arrays of these members, and how far apart members are in them."""
        arrays = self.weights.swapaxes(2, 3), self.offsets, self.rate
        own = [self._padded(chosen(a, members)) for a in arrays]
        strides = np.zeros(1, [(name, np.int64) for name in ("weights", "offsets", "rate")])
        strides[0] = tuple(0 if len(a) == 1 else a[0].size for a in own)
        return (*own, strides)

    def _padded(self, array: Array) -> Any:
        room = self.geometry.rows - array.shape[-1]
        widths = [(0, 0)] * (array.ndim - 1) + [(0, room)]
        return self.device.upload(np.pad(array, widths), self.dtype)
