"""Networks of any nodes whose coupling separates, for the gemm propagator."""

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np

from ..nodes import Nodes
from ..propagator import Array, chosen
from .device import Device
from .launching import elementwise, i32, i64
from .matrices import Matrix, matrix_of, own_bytes, shared_bytes
from .node_source import node_source


@dataclass
class NodeEquations:
    nodes: Nodes
    matrices: tuple[Any, ...]  # each (B or 1, n, n), or a CSR triple (indptr, indices, data)
    params: Array  # (B or 1, parameters of a node without inputs, n)
    inputs: Array  # (B or 1, T, inputs of a node, n); there may be 0 of them
    text: str = field(default="", repr=False)  # of node.cuh

    def __post_init__(self) -> None:
        self.n = self.params.shape[-1]
        self.dim = self.n * self.nodes.variables
        self.text = self.text or node_source(self.nodes)
        factors = self.nodes.factors
        self.field_slopes = len(self.nodes.field.jacobian())
        self.factor_slopes = len(factors.jacobian()) if factors else 0

    def select(self, members: Any) -> "NodeEquations":
        return replace(
            self,
            matrices=tuple(matrix_of(w, members) for w in self.matrices),
            params=chosen(self.params, members),
            inputs=chosen(self.inputs, members),
        )

    def shared_bytes(self, itemsize: int) -> int:
        arrays = sum(a.size for a in (self.params, self.inputs) if len(a) == 1)
        return itemsize * arrays + sum(shared_bytes(w, itemsize) for w in self.matrices)

    def member_bytes(self, k: int, itemsize: int) -> int:
        arrays = sum(a[0].size for a in (self.params, self.inputs) if len(a) > 1)
        slopes = self.n * (self.field_slopes + self.factor_slopes)
        # Arguments and results of products, and copies of those of one matrix of several.
        products = 4 * self.n * self.nodes.sums * (k + 1)
        own = sum(own_bytes(w, itemsize) for w in self.matrices)
        return own + itemsize * (arrays + slopes + products)

    def on(self, device: Device, dtype: Any, members: slice, dt: float) -> "NodeStages":
        return NodeStages(self, device, np.dtype(dtype), members, dt)


class NodeStages:
    def __init__(
        self, equations: NodeEquations, device: Device, dtype: Any, members: slice, dt: float
    ):
        self.device, self.dtype, self.dt = device, dtype, np.float64(dt)
        self.nodes, self.n, self.text = equations.nodes, equations.n, equations.text
        self.field_slopes, self.factor_slopes = equations.field_slopes, equations.factor_slopes
        self.params, self.inputs = (
            device.upload(chosen(a, members), dtype) for a in (equations.params, equations.inputs)
        )
        self.matrices = [Matrix(device, w, members, dtype) for w in equations.matrices]

    def state(self, x: Any, base: Any, total: Any, stage: int, step: int) -> None:
        xp, count = self.device.arrays, len(x) * self.n
        shape, given = (len(x), self.n), self._given(stage, step)
        if self.nodes.sums:
            values = xp.empty((*shape, self.nodes.sums), self.dtype)
            self.into = xp.empty((*shape, self.factor_slopes), self.dtype)
            self._run("enter_nodes", count, x, *given, values, self.into, i32(self.n), i64(count))
            sums = self._products(values[..., None])
        else:
            sums = x  # not read
        self.out = xp.empty((*shape, self.field_slopes), self.dtype)
        arrays = sums, *given, base, total, x, self.out
        sizes = i32(self.n), i64(count), i32(stage), self.dt
        self._run("move_nodes", count, *arrays, *sizes)

    def tangents(self, y: Any, base: Any, total: Any, stage: int) -> None:
        members, _, k = y.shape
        count = members * self.n * k
        if self.nodes.sums:
            shape = (members, self.n, self.nodes.sums, k)
            values = self.device.arrays.empty(shape, self.dtype)
            self._run("enter_nodes_tangents", count, y, self.into, values, i32(k), i64(count))
            sums = self._products(values)
        else:
            sums = y
        sizes = i32(k), i64(count), i32(stage), self.dt
        self._run("move_nodes_tangents", count, sums, self.out, base, total, y, *sizes)

    def _given(self, stage: int, step: int) -> tuple[Any, ...]:
        """Parameters, the inputs of a step, and the time of a stage; of a map, its step."""
        time = step + (0.0, 0.5, 0.5, 1.0)[stage]
        row = self.inputs[:, step % self.inputs.shape[1]]
        apart = [i64(a[0].size if len(a) > 1 else 0) for a in (self.params, row)]
        driven = i32(self.nodes.columns - self.params.shape[1])
        row = self.device.arrays.ascontiguousarray(row)
        t = np.float64(time * self.dt if self.dt else step)
        return self.params, apart[0], row, apart[1], driven, t

    def _products(self, values: Any) -> Any:
        """(members, n, sums, k), each sum's times the matrix of that sum."""
        members, n, _, k = values.shape
        whole = [(matrix, len(list(same))) for matrix, same in groupby(self.nodes.matrices)]
        xp, found, first = self.device.arrays, [], 0
        for matrix, count in whole:
            own = values[:, :, first : first + count]
            own = xp.ascontiguousarray(own).reshape(members, n, count * k)
            found.append(self.matrices[matrix].times(own).reshape(members, n, count, k))
            first += count
        return found[0] if len(found) == 1 else xp.concatenate(found, axis=2)

    def _run(self, name: str, count: int, *args: Any) -> None:
        kernel = self.device.kernel("nodes.cu", name, self.dtype, {"node.cuh": self.text})
        elementwise(kernel, count, *args)
