"""The arrays of a network of nodes, as its propagators take them."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its modules load when they are first used

from .._check import Array, Integers, flat_batch
from ..kernels.codegen import Graph, on_arrays
from ..kernels.hoist import Hoisted, hoisted
from ..kernels.nodes import Edges, prepared, prepared_edges
from ..kernels.propagator import chosen
from .arrays import EdgeArrays, NodalArrays, Weights
from .matrices import Matrix, entries
from .nodes import TIME, Product, Separated, symbols

if TYPE_CHECKING:
    from .network import Network


class NetworkArrays:
    """The arrays of a network for a batch of shape `shape`, B members."""

    def __init__(self, network: "Network", shape: tuple[int, ...]):
        self.network, self.shape, self.n = network, shape, network.n

    def separable(self, separated: Separated) -> NodalArrays:
        """The arrays of `Nodal`."""
        nodes, table_of = prepared(separated.nodes, self.network.driven)
        degrees = [_row_sums(self._product(one)) for one in separated.degrees]
        return {
            "nodes": nodes,
            "matrices": tuple(self._product(one) for one in separated.matrices),
            "params": _columns(_stacked([*self._node_columns(), *degrees], self.n), table_of),
            "inputs": self._inputs()[:, :, None],
        }

    def edge_by_edge(self, edges: Edges) -> EdgeArrays:
        """The arrays of `EdgeByEdge`."""
        found, node_table, edge_table = prepared_edges(edges, self.network.driven)
        return {
            "edges": found,
            "indptr": self.pattern.indptr.astype(np.int64),
            "senders": self.pattern.indices.astype(np.int64),
            "edge_params": _columns(_stacked(self._edge_columns(edges), self.edges), edge_table),
            "params": _columns(_stacked(self._node_columns(), self.n), node_table),
            "inputs": self._inputs() if self.network.driven else np.zeros((1, 0, self.n)),
        }

    def straight_line(self, graph: Graph) -> tuple[Hoisted, Array]:
        """All nodes as one function, and its parameters (B or 1, .)."""
        function, network = hoisted(graph), self.network
        square = [network.params[name] for name in network.params_of_edges]
        parts = [np.broadcast_to(c, (len(c), self.n)) for c in self._node_columns()]
        for value in [*square, *network.matrices]:
            dense = value.toarray() if scipy.sparse.issparse(value) else value
            parts.append(flat_batch(dense, self.shape, 2).reshape(-1, self.n**2))
        members = max(len(part) for part in parts)
        rows = [np.broadcast_to(part, (members, part.shape[1])) for part in parts]
        return function, function.table_of(np.concatenate(rows, axis=1))

    def at(self, member: int, edges: Edges) -> tuple[Array, Array]:
        """Parameters of edges (edges, .) and of nodes (n, .) of one member; inputs as at step 0."""
        inputs = [self._inputs()[:, 0]] if self.network.driven else []
        own = slice(member, member + 1)
        of_nodes = [chosen(column, own) for column in [*self._node_columns(), *inputs]]
        of_edges = self._edge_columns(edges, own)
        return _stacked(of_edges, self.edges)[0], _stacked(of_nodes, self.n)[0]

    def _edge_columns(self, edges: Edges, members: slice = slice(None)) -> list[Array]:
        """The parameters of the coupling, (B or 1, edges or 1) each: of the receiving node, too."""
        network, pattern, found = self.network, self.pattern, {}
        for symbol, column in zip(network.params_of_nodes, self._node_columns(), strict=True):
            if symbol in edges.edge.params:
                own = chosen(column, members)
                found[symbol] = own if own.shape[1] == 1 else own[:, self.receivers]
        values = {
            **{s: network.params[name] for name, s in network.params_of_edges.items()},
            **dict(zip(symbols("w", len(network.matrices)), network.matrices, strict=True)),
        }
        for symbol, value in values.items():
            found[symbol] = chosen(flat_batch(entries(value, pattern), self.shape, 1), members)
        return [found[symbol] for symbol in edges.edge.params]

    def _inputs(self) -> Array:
        if self.network.inputs is None:
            return np.zeros((1, 1, 0))
        return flat_batch(self.network.inputs, self.shape, 2)

    def _node_columns(self) -> list[Array]:
        """The parameters of nodes without inputs, (B or 1, n or 1) each."""
        shapes = self.network.shapes
        return [
            flat_batch(array if shapes[name] else array[..., None], self.shape, 1)
            for name, array in self.network.params.items()
            if len(shapes[name]) < 2
        ]

    @cached_property
    def receivers(self) -> Integers:
        """The node at which each edge ends, in the order of `pattern`."""
        return np.repeat(np.arange(self.n), np.diff(self.pattern.indptr))

    @property
    def pattern(self) -> Matrix:
        return self.network.pattern

    @property
    def edges(self) -> int:
        return int(self.pattern.nnz)

    def _product(self, one: Product) -> Weights:
        """A matrix times its function of edges: (B or 1, n, n) or a CSR triple."""
        matrix, of_edges = self.network.matrices[one.sum], self.network.params_of_edges
        values = [entries(self.network.params[name], matrix) for name in of_edges]
        graph = Graph(tuple(of_edges.values()), (), TIME, ())
        (factor,) = on_arrays(graph, [one.edge])(0.0, values, [])
        if not scipy.sparse.issparse(matrix):
            return flat_batch(np.asarray(matrix * factor), self.shape, 2)
        data = np.asarray(factor * matrix.data, float)
        if data.ndim > 1:
            raise ValueError(
                f"params of edges must have no batch axes if W is sparse, got {data.shape[:-1]}"
            )
        indptr, indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
        return indptr, indices, np.ascontiguousarray(data)


def _stacked(columns: list[Array], count: int) -> Array:
    """Columns (B or 1, count or 1) as (B or 1, count, columns)."""
    members = max((len(column) for column in columns), default=1)
    whole = [np.broadcast_to(column, (members, count)) for column in columns]
    return np.stack(whole, axis=-1) if whole else np.zeros((1, count, 0))


def _columns(table: Array, table_of: Callable[[Array], Array]) -> Array:
    """(B or 1, count, parameters) as the (B or 1, columns, count) of kernels."""
    members, count, _ = table.shape
    made = table_of(table.reshape(members * count, -1)).reshape(members, count, -1)
    return np.ascontiguousarray(made.swapaxes(1, 2))


def _row_sums(product: Weights) -> Array:
    if not isinstance(product, tuple):
        return np.asarray(product.sum(axis=-1))
    indptr, _, data = product
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return np.asarray(np.bincount(rows, data, len(indptr) - 1)[None], float)
