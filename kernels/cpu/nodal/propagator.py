"""Networks of nodes with tangents in strips."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...generated import module
from ...nodes import Nodes
from ...propagator import Array, chosen
from ..network.weights import is_sparse, members_of
from ..taped.propagator import GROUP, Taped
from ..team.interruptible import threads_allowed
from .cotangents import cotangent_model, cotangent_rows, nodal_cotangents
from .model import nodal_model, tables, vector_size
from .source import LANES, nodes_source
from .state import nodal_state, state_rows
from .tangents import nodal_strips, strip_rows


@dataclass(kw_only=True)
class Nodal(Taped):
    """A node, a coupling and matrices, dense or sparse; flows and maps."""

    nodes: Nodes
    matrices: tuple[Any, ...]  # each (B or 1, n, n), or a CSR triple (indptr, indices, data)
    params: Array  # (B or 1, parameters of a node without inputs, n)
    inputs: Array  # (B or 1, T, inputs of a node, n); there may be 0 of them
    dt: float

    def _prepare(self) -> None:
        nodes, self._n = self.nodes, self.params.shape[-1]
        self.dim, self.stages = self._n * nodes.variables, 4 if self.dt else 1
        shared = not any(is_sparse(w) or len(w) > 1 for w in self.matrices)
        most = GROUP if self._n < 64 else 1
        self._group = min(most, max(1, self.batch // (4 * threads_allowed())))
        self.width = GROUP if shared and self._group == GROUP else 0
        slopes = [nodes.field, *([nodes.factors] if nodes.factors else [])]
        self._slopes = sum(len(graph.jacobian()) for graph in slopes)
        self._code = module(nodes_source(nodes))
        self.state_run, self.strip_run = nodal_state(self.dtype), nodal_strips(self.dtype)
        self._parts = nodes, self._code, self.matrices, self.params, self.inputs
        self._timing = self.dt, self.width
        self.model, self._held = nodal_model(*self._parts, *self._timing, self.dtype, tables(nodes))

    def backwards(self) -> tuple[Any, Any, int]:
        record, self._turned = cotangent_model(*self._parts, *self._timing)
        return nodal_cotangents(), record, cotangent_rows(self.nodes) * self._n

    def select(self, members: Any, dtype: Any) -> "Nodal":
        return replace(
            self,
            matrices=tuple(members_of(w, members) for w in self.matrices),
            params=chosen(self.params, members),
            inputs=chosen(self.inputs, members),
            batch=len(members),
            dtype=dtype,
        )

    def group(self) -> int:
        return self._group

    def row(self, count: int) -> int:
        return self._slopes * vector_size(self._n, self.width, count)

    def state_work(self, count: int, stages: int) -> int:
        vectors, rows = state_rows(self.nodes)
        return vectors * vector_size(self._n, self.width, count) + rows * LANES

    def strip_work(self, count: int, edges: Any) -> int:
        return strip_rows(self.nodes) * self._n * int(np.diff(edges).max())
