"""A network of nodes as graphs of one node: what a kernel needs to know of it, and no arrays.

With m variables x_i of node i and sums S_i over its inputs,

    dx_i/dt = field(x_i, S_i, p_i, t),

or the next x_i of a map. Sums of `Nodes` are products of matrices with vectors,
S_ri = sum_j M_r,ij factor_r(x_j); those of `Edges` are taken edge by edge,
S_ri = sum_j edge_r(x_i, x_j, p_ij). All graphs are of m and of the number of sums, and do not know
how many nodes there are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy

from .codegen import Graph
from .hoist import hoisted

Tables = Callable[[Any], Any]


@dataclass(frozen=True)
class Nodes:
    field: Graph  # state: x, then S; its params are those of a node
    factors: Graph | None  # state: x; outputs: one a product; params as of the field
    matrices: tuple[int, ...]  # which matrix each factor is multiplied with

    @property
    def variables(self) -> int:
        return len(self.field.outputs)

    @property
    def sums(self) -> int:
        return len(self.field.state) - self.variables

    @property
    def columns(self) -> int:
        """Parameters of a node."""
        return len(self.field.params)


@dataclass(frozen=True)
class Edges:
    """`slopes` of the sums in x_i, added up over edges, are parameters of the field, the last ones.

    They are in its known entries: those in x_i are whole derivatives, through the sums as well.
    """

    field: Graph  # state: x, then S; params: those of a node, then `slopes`
    edge: Graph  # state: x_i, then x_j; outputs: terms of the sums; params: those of an edge

    @property
    def variables(self) -> int:
        return len(self.field.outputs)

    @property
    def sums(self) -> int:
        return len(self.edge.outputs)

    @property
    def here(self) -> list[tuple[int, int]]:
        """(sum, variable of x_i) of the slopes."""
        return [(l, u) for l, u in self.edge.jacobian() if u < self.variables]

    @property
    def there(self) -> list[tuple[int, int]]:
        """(sum, variable of x_j) of the slopes."""
        m = self.variables
        return [(l, u - m) for l, u in self.edge.jacobian() if u >= m]

    @property
    def blocks(self) -> list[tuple[int, int]]:
        """(variable of x_i, variable of x_j) between which an edge leads."""
        m = self.variables
        field = [(v, j - m) for v, j in self.field.jacobian() if j >= m]
        return sorted({(v, u) for v, l in field for k, u in self.there if k == l})


def prepared(nodes: Nodes, inputs: tuple[sympy.Symbol, ...]) -> tuple[Nodes, Tables]:
    """Nodes whose parameters stand alone, `inputs` last, and their table from that of the user.

    As `hoisted` does for one graph: the second takes (rows, parameters without inputs) and returns
    (rows, new parameters without inputs).
    """
    field, field_table = _alone(nodes.field, inputs, "h")
    tables = [field_table]
    factors = None
    params = field.params
    if nodes.factors is not None:
        factors, factor_table = _alone(nodes.factors, (), "g")
        tables.append(factor_table)
        params += factors.params
    params += inputs
    found = Nodes(
        replace(field, params=params), factors and replace(factors, params=params), nodes.matrices
    )

    def table_of(table: Any) -> Any:
        return np.concatenate([make(table) for make in tables], axis=1)

    return found, table_of


def prepared_edges(edges: Edges, inputs: tuple[sympy.Symbol, ...]) -> tuple[Edges, Tables, Tables]:
    """As `prepared`: edges, the table of nodes and the table of edges from those of the user.

    inputs: symbols that the table of nodes lacks, and that go last, before the slopes.
    """
    count = len(edges.here)
    slopes = edges.field.params[len(edges.field.params) - count :]
    field, field_table = _alone(edges.field, (*inputs, *slopes), "h")
    edge, edge_table = _alone(edges.edge, (), "g")
    found = Edges(replace(field, params=(*field.params, *inputs, *slopes)), edge)
    return found, field_table, edge_table


def _alone(graph: Graph, inputs: tuple[sympy.Symbol, ...], letter: str) -> tuple[Graph, Tables]:
    """A graph with its constants named `letter`0, ..; inputs vary as its state does."""
    given = tuple(p for p in graph.params if p not in inputs)
    entries = tuple(graph.jacobian().items())
    found = hoisted(Graph((*graph.state, *inputs), given, graph.time, graph.outputs, entries))
    reduced = found.graph
    names = {h: sympy.Symbol(f"{letter}{i}", real=True) for i, h in enumerate(reduced.params)}
    assert reduced.entries is not None
    renamed = Graph(
        graph.state,
        tuple(names.values()),
        graph.time,
        tuple(e.xreplace(names) for e in reduced.outputs),
        tuple((place, e.xreplace(names)) for place, e in reduced.entries),
    )
    return renamed, found.table_of
