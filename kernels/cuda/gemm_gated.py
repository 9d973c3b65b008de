"""RNN, GRU and LSTM of any number of layers, for the gemm propagator.

A gate acts on tangents as a scaling of the rows of its weights, so a layer's Jacobian is a sum of
scaled matrices, formed in one pass: one product with it instead of one for each gate. The formulas
are those of kernels/cpu/gated_tangents.py.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..cells import CELLS
from ..propagator import Array, chosen
from .device import Device
from .launching import elementwise, i32, i64

# As cells.cu knows them.
NUMBER = {"rnn": 0, "gru": 1, "reset_gru": 2, "lstm": 3, "relu": 4}
TERMS = np.dtype(
    [("count", np.int32), ("diagonal", np.int32), ("factor", np.int32, 4), ("gate", np.int32, 4)]
)


@dataclass
class GatedEquations:
    cell: str
    hidden: Array  # (B or 1, layers, gates, n, n)
    below: Array  # the same, for the layer below or, in a closed loop, the last one
    entry: Array  # (B or 1, gates, n, entries)
    bias: Array  # (B or 1, layers, gates + 1, n)
    inputs: Array  # (B or 1, T, entries); entries may be 0
    closed: bool

    def __post_init__(self) -> None:
        self.dim = CELLS[self.cell].states * self.hidden.shape[1] * self.hidden.shape[-1]

    def select(self, members: Any) -> "GatedEquations":
        return replace(
            self,
            hidden=chosen(self.hidden, members),
            below=chosen(self.below, members),
            entry=chosen(self.entry, members),
            bias=chosen(self.bias, members),
            inputs=chosen(self.inputs, members),
        )

    def shared_bytes(self, itemsize: int) -> int:
        arrays = self.hidden, self.below, self.entry, self.bias, self.inputs
        return itemsize * sum(a.size for a in arrays if len(a) == 1)

    def member_bytes(self, k: int, itemsize: int) -> int:
        arrays = self.hidden, self.below, self.entry, self.bias, self.inputs
        own = sum(a[0].size for a in arrays if len(a) > 1)
        n = self.hidden.shape[-1]
        return itemsize * (own + 2 * n * n + 16 * self.dim + 2 * self.dim * k)

    def on(self, device: Device, dtype: Any, members: slice, dt: float) -> "GatedStages":
        return GatedStages(self, device, np.dtype(dtype), members, dt)


class GatedStages:
    def __init__(
        self, equations: GatedEquations, device: Device, dtype: Any, members: slice, dt: float
    ):
        self.device, self.dtype, self.dt = device, dtype, np.float64(dt)
        self.cell, self.closed, self.flow = equations.cell, equations.closed, dt != 0.0
        self.kind = CELLS[self.cell]
        names = ("hidden", "below", "entry", "bias", "inputs")
        self.hidden, self.below, self.entry, self.bias, self.inputs = (
            device.upload(chosen(getattr(equations, name), members), dtype) for name in names
        )
        _, self.layers, self.gates, self.n, _ = self.hidden.shape

    def _source(self, layer: int, here: Any, there: Any) -> Any:
        """Rows of the layer below, of states or tangents (members, layers, ...)."""
        if layer > 0:
            return (here if self.flow else there)[:, layer - 1]
        return here[:, self.layers - 1] if self.closed else None

    def state(self, x: Any, base: Any, total: Any, stage: int, step: int) -> None:
        xp, (members, dim) = self.device.arrays, x.shape
        here = x.reshape(members, dim // self.n, self.n)
        there = xp.empty_like(here)
        self.factors = xp.empty((members, self.layers, self.kind.factors, self.n), self.dtype)
        for layer in range(self.layers):
            self._layer(layer, here, there, step)
        self._run(
            "stages.cu",
            "move_gated",
            x.size,
            there,
            base,
            total,
            x,
            i64(x.size),
            i32(stage),
            self.dt,
        )

    def _layer(self, layer: int, here: Any, there: Any, step: int) -> None:
        xp, gates, n, members = self.device.arrays, self.gates, self.n, len(here)
        h = xp.ascontiguousarray(here[:, layer])
        sums = xp.zeros((members, gates, n), self.dtype) + self.bias[:, layer, :gates]
        inner = xp.zeros((members, n), self.dtype) + self.bias[:, layer, gates]
        source = self._source(layer, here, there)
        if source is not None:
            sums += self._gates(self.below[:, layer], source)
        if layer == 0 and self.inputs.shape[-1]:
            entry = self.inputs[:, step % self.inputs.shape[1]]
            sums += xp.matmul(self.entry, entry[:, None, :, None])[..., 0]
        late = 2 if "gru" in self.cell else gates  # the gate whose product the reset comes before
        sums[:, :late] += self._gates(self.hidden[:, layer, :late], h)
        if self.cell == "gru":
            inner += self._gates(self.hidden[:, layer, 2:], h)[:, 0]
        parts = sums, inner, here, there, self.factors
        if self.cell == "reset_gru":
            self._cell("reset", layer, *parts)
            sums[:, 2] += self._gates(self.hidden[:, layer, 2:], inner)[:, 0]
        self._cell("cell", layer, *parts)

    def _gates(self, weights: Any, source: Any) -> Any:
        """(members or 1, gates, n, n) times (members, n): (members, gates, n)."""
        return self.device.arrays.matmul(weights, source[:, None, :, None])[..., 0]

    def _cell(self, name: str, layer: int, *parts: Any) -> None:
        kernel = self.device.kernel(
            "cells.cu", name, self.dtype, CELL=NUMBER[self.cell], FLOW=int(self.flow)
        )
        members, rows, n = parts[2].shape
        sizes = (layer, self.layers, self.gates, rows, self.kind.factors, n, members)
        elementwise(kernel, members * n, *parts, *map(i32, sizes))

    def tangents(self, y: Any, base: Any, total: Any, stage: int) -> None:
        xp, (members, dim, k) = self.device.arrays, y.shape
        here = y.reshape(members, dim // self.n, self.n, k)
        there = xp.empty_like(here)
        for layer in range(self.layers):
            h, source = here[:, layer], self._source(layer, here, there)
            if self.cell == "lstm":
                self._lstm(layer, h, source, here, there)
            elif self.cell == "reset_gru":
                inner = self._linear(layer, h, source, ([1], [0]), 0)
                there[:, layer] = self._linear(
                    layer, h, source, ([3], [1]), 2, below=([3, 4], [1, 2])
                ) + self._product(self.hidden, layer, inner, ([4], [2]))
            else:
                factors, gates = list(range(1, self.gates + 1)), list(range(self.gates))
                third = [1, 2, 4] if self.cell == "gru" else factors
                there[:, layer] = self._linear(
                    layer, h, source, (factors, gates), 0, below=(third, gates)
                )
        self._run(
            "stages.cu",
            "move_gated",
            y.size,
            there,
            base,
            total,
            y,
            i64(y.size),
            i32(stage),
            self.dt,
        )

    def _lstm(self, layer: int, h: Any, source: Any, here: Any, there: Any) -> None:
        kept, passed = (self.factors[:, layer, f, :, None] for f in (0, 4))
        c = kept * here[:, self.layers + layer]
        c += self._linear(layer, h, source, ([1, 2, 3], [0, 1, 2]))
        there[:, self.layers + layer] = c
        there[:, layer] = passed * c + self._linear(layer, h, source, ([5], [3]))

    def _linear(
        self, layer: int, h: Any, source: Any, terms: Any, diagonal: int = -1, below: Any = None
    ) -> Any:
        """What reaches a layer's tangents from its own and from those below it."""
        found = self._product(self.hidden, layer, h, terms, diagonal)
        if source is not None:
            found += self._product(self.below, layer, source, below or terms)
        return found

    def _product(self, weights: Any, layer: int, y: Any, terms: Any, diagonal: int = -1) -> Any:
        """(factors of rows times gates) times y (members, n, k)."""
        n, size, members = self.n, self.gates * self.n**2, len(self.factors)
        table = np.zeros(1, TERMS)
        factors, gates = terms
        table["count"], table["diagonal"] = len(factors), diagonal
        table["factor"][0, : len(factors)], table["gate"][0, : len(gates)] = factors, gates
        rows = self.device.arrays.empty((members, n, n), self.dtype)
        factors_size = self.kind.factors * n
        self._run(
            "stages.cu",
            "form_rows",
            rows.size,
            self.factors,
            i64(layer * factors_size),
            i64(self.layers * factors_size),
            weights,
            i64(layer * size),
            i64(self.layers * size if len(weights) > 1 else 0),
            table,
            rows,
            i32(n),
            i64(rows.size),
        )
        return self.device.arrays.matmul(rows, y)

    def _run(self, file: str, name: str, count: int, *args: Any) -> None:
        elementwise(self.device.kernel(file, name, self.dtype), count, *args)
