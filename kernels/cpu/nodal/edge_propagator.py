"""Networks of nodes whose couplings do not separate: sums go edge by edge."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...generated import module
from ...nodes import Edges
from ...propagator import Array, chosen
from ..taped.propagator import Taped
from .edge_model import edge_model
from .edge_state import edge_state, edge_state_rows
from .edge_strips import BUFFERS, edge_cotangents, edge_strips
from .source import LANES, edges_source, whole_blocks


@dataclass(kw_only=True)
class EdgeByEdge(Taped):
    """A node, a coupling and its edges; flows and maps."""

    edges: Edges
    indptr: Any  # of nodes that receive
    senders: Any  # of each edge
    edge_params: Array  # (B or 1, parameters of an edge, edges)
    params: Array  # (B or 1, parameters of a node, n)
    inputs: Array  # (B or 1, T, n); T = 0 where there are none
    dt: float

    def _prepare(self) -> None:
        self._n, self._edges = self.params.shape[-1], len(self.senders)
        self.dim, self.stages = self._n * self.edges.variables, 4 if self.dt else 1
        self._code = module(edges_source(self.edges))
        self.state_run, self.strip_run = edge_state(self.dtype), edge_strips(self.dtype)
        short = whole_blocks(self._edges) - self._edges
        wide = np.pad(self.edge_params, ((0, 0), (0, 0), (0, short)), mode="edge")
        arrays = {"params": self.params, "inputs": self.inputs, "edge_params": wide}
        self._parts = self.edges, self._code, self.indptr, self.senders, arrays, self.dt
        self.model, self._held = edge_model(*self._parts, self.dtype)

    def backwards(self) -> tuple[Any, Any, int]:
        record, self._turned = edge_model(*self._parts, np.dtype(np.float64), backwards=True)
        return edge_cotangents(), record, BUFFERS * self.dim

    def select(self, members: Any, dtype: Any) -> "EdgeByEdge":
        names = ("edge_params", "params", "inputs")
        arrays: dict[str, Any] = {name: chosen(getattr(self, name), members) for name in names}
        return replace(self, **arrays, batch=len(members), dtype=dtype)

    def group(self) -> int:
        return 1

    def row(self, count: int) -> int:
        slopes = len(self.edges.field.jacobian()) * whole_blocks(self._n)
        return count * (slopes + len(self.edges.blocks) * whole_blocks(self._edges))

    def state_work(self, count: int, stages: int) -> int:
        nodes, edges, rows = edge_state_rows(self.edges)
        return nodes * whole_blocks(self._n) + edges * whole_blocks(self._edges) + rows * LANES

    def strip_work(self, count: int, edges: Any) -> int:
        return BUFFERS * self.dim * int(np.diff(edges).max())
