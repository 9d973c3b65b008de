"""The arrays of a network of nodes, as its propagators take them."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy  # its modules load when they are first used
import sympy

from .._check import Array, flat_batch
from ..kernels.codegen import Graph, on_arrays
from ..kernels.hoist import hoisted
from ..kernels.nodes import Edges, prepared, prepared_edges
from .matrices import entries
from .nodes import TIME, Product, Separated

if TYPE_CHECKING:
    from .network import Network

Symbols = tuple[sympy.Symbol, ...]


class NetworkArrays:
    """The arrays of a network for a batch of shape `shape`, B members."""

    def __init__(self, network: "Network", shape: tuple[int, ...]):
        self.network, self.shape = network, shape

    def separable(self, separated: Separated, driven: Symbols) -> tuple[Any, ...]:
        """(nodes, matrices, params, inputs) of `Nodal`."""
        nodes, table_of = prepared(separated.nodes, driven)
        degrees = [_row_sums(self._product(one)) for one in separated.degrees]
        matrices = tuple(self._product(one) for one in separated.matrices)
        inputs = self._inputs()[:, :, None]
        return nodes, matrices, _columns(self._of_nodes(degrees), table_of), inputs

    def edge_by_edge(self, edges: Edges, driven: Symbols) -> tuple[Any, ...]:
        """(edges, indptr, senders, edge_params, params, inputs) of `EdgeByEdge`."""
        found, node_table, edge_table = prepared_edges(edges, driven)
        pattern = self.pattern
        inputs = self._inputs() if driven else np.zeros((1, 0, self.network.n))
        return (
            found,
            pattern.indptr.astype(np.int64),
            pattern.indices.astype(np.int64),
            _columns(self.of_edges(), edge_table),
            _columns(self._of_nodes([]), node_table),
            inputs,
        )

    def straight_line(self, graph: Graph) -> tuple[Graph, Array]:
        """All nodes as one function, and its parameters (B or 1, .)."""
        reduced, table_of = hoisted(graph)
        network = self.network
        dense = [a.toarray() if scipy.sparse.issparse(a) else a for a in network.matrices]
        parts = [self._of_nodes([]).swapaxes(1, 2)]
        for name, core in network.shapes.items():
            if len(core) == 2:
                value = network.params[name]
                whole = value.toarray() if scipy.sparse.issparse(value) else value
                parts.append(flat_batch(whole, self.shape, 2))
        parts += [flat_batch(a, self.shape, 2) for a in dense]
        members = max(len(part) for part in parts)
        rows = [np.broadcast_to(p, (members, *p.shape[1:])).reshape(members, -1) for p in parts]
        return reduced, table_of(np.concatenate(rows, axis=1))

    def of_edges(self) -> Array:
        """Parameters of edges: of the receiving node, their own, weights; (B or 1, edges, .)."""
        network, pattern = self.network, self.pattern
        nodes = self._of_nodes([])
        columns = [nodes[:, self.receivers, i] for i in range(nodes.shape[-1])]
        for name, core in network.shapes.items():
            if len(core) == 2:
                values = entries(network.params[name], pattern, f"params[{name!r}]")
                columns.append(flat_batch(values, self.shape, 1))
        for i, matrix in enumerate(network.matrices):
            columns.append(flat_batch(entries(matrix, pattern, f"W[{i}]"), self.shape, 1))
        return _stacked(columns, pattern.nnz)

    def of_nodes(self) -> Array:
        """Parameters of nodes, inputs as at step 0 among them: (B or 1, n, parameters)."""
        inputs = [self._inputs()[:, 0]] if self.network.inputs is not None else []
        return self._of_nodes(inputs)

    def _inputs(self) -> Array:
        if self.network.inputs is None:
            return np.zeros((1, 1, 0))
        return flat_batch(self.network.inputs, self.shape, 2)

    def _of_nodes(self, more: list[Array]) -> Array:
        """The parameters of all nodes, then `more`: (B or 1, n, parameters)."""
        columns = []
        for name, array in self.network.params.items():
            if self.network.shapes[name] == ():
                columns.append(flat_batch(array[..., None], self.shape, 1))
            elif len(self.network.shapes[name]) == 1:
                columns.append(flat_batch(array, self.shape, 1))
        return _stacked([*columns, *more], self.network.n)

    @cached_property
    def receivers(self) -> Any:
        """The node at which each edge ends, in the order of `pattern`."""
        return np.repeat(np.arange(self.network.n), np.diff(self.pattern.indptr))

    @cached_property
    def pattern(self) -> Any:
        """Where any of the matrices has an entry, of any member, as CSR."""
        found = sum(
            (
                scipy.sparse.csr_array(_nonzero(matrix).astype(float))
                for matrix in self.network.matrices
            ),
            start=scipy.sparse.csr_array((self.network.n, self.network.n)),
        ).tocsr()
        found.sort_indices()
        return found

    def _product(self, one: Product) -> Any:
        """A matrix times its function of edges: (B or 1, n, n) or a CSR triple."""
        matrix = self.network.matrices[one.sum]
        names = [n for n, core in self.network.shapes.items() if len(core) == 2]
        symbols = [self.network.edge_symbol(name) for name in names]
        values = [entries(self.network.params[n], matrix, f"params[{n!r}]") for n in names]
        graph = Graph(tuple(symbols), (), TIME, ())
        (factor,) = on_arrays(graph, [one.edge])(0.0, values, [])
        if scipy.sparse.issparse(matrix):
            indptr, indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
            data = np.asarray(factor * matrix.data, float)
            return indptr, indices, np.ascontiguousarray(np.broadcast_to(data, (matrix.nnz,)))
        return flat_batch(np.asarray(matrix * factor), self.shape, 2)


def _nonzero(matrix: Any) -> Any:
    if scipy.sparse.issparse(matrix):
        return matrix != 0
    return (matrix != 0).reshape(-1, *matrix.shape[-2:]).any(axis=0)


def _stacked(columns: list[Array], count: int) -> Array:
    """Columns (B or 1, count or 1) as (B or 1, count, columns)."""
    members = max((len(column) for column in columns), default=1)
    whole = [np.broadcast_to(column, (members, count)) for column in columns]
    return np.stack(whole, axis=-1) if whole else np.zeros((1, count, 0))


def _columns(table: Array, table_of: Any) -> Array:
    """(B or 1, count, parameters) as the (B or 1, columns, count) of kernels."""
    members, count, _ = table.shape
    made = table_of(table.reshape(members * count, -1)).reshape(members, count, -1)
    return np.ascontiguousarray(made.swapaxes(1, 2))


def _row_sums(product: Any) -> Array:
    if not isinstance(product, tuple):
        return np.asarray(product.sum(axis=-1))
    indptr, _, data = product
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return np.asarray(np.bincount(rows, data, len(indptr) - 1)[None], float)
