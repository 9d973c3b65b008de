"""A node and a coupling, as users write them, become the graphs that kernels run on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import sympy

from ..kernels.codegen import Graph
from ..kernels.nodes import Edges, Nodes
from .coupling import Sides, Term, separated
from .elementary import UntraceableError
from .trace import Parameters, outputs_of
from .traced import Function, Traced

MOST_VARIABLES = 64  # of a node, that are tried
TIME = sympy.Symbol("t", real=True)
T = TypeVar("T")


def symbols(letter: str, count: int) -> tuple[sympy.Symbol, ...]:
    return tuple(_symbol(letter, i) for i in range(count))


@dataclass(frozen=True)
class Traces:
    """A node and a coupling on symbols: x0, .. of a node, y0, .. of the node that sends."""

    node: tuple[sympy.Expr, ...]
    coupling: tuple[sympy.Expr, ...]
    of_node: Mapping[str, sympy.Symbol]  # parameters that node and coupling may use
    of_edge: Mapping[str, sympy.Symbol]  # parameters of the coupling alone

    @property
    def variables(self) -> tuple[sympy.Symbol, ...]:
        return symbols("x", len(self.node))

    @property
    def senders(self) -> tuple[sympy.Symbol, ...]:
        return symbols("y", len(self.node))

    @property
    def sums(self) -> tuple[sympy.Symbol, ...]:
        return symbols("s", len(self.coupling))


def traces(
    node: Function, coupling: Function, names: Mapping[str, str], timed: bool, variables: int | None
) -> Traces:
    """Run both on symbols. names: "number", "node" or "edge" for each parameter."""
    found = dict(zip(names, symbols("p", len(names)), strict=True))
    of_node = {name: found[name] for name, kind in names.items() if kind != "edge"}
    of_edge = {name: found[name] for name, kind in names.items() if kind == "edge"}
    p = Parameters(**{name: Traced(symbol) for name, symbol in of_node.items()})
    every = Parameters(**{name: Traced(symbol) for name, symbol in found.items()})
    tried = [variables] if variables else range(1, MOST_VARIABLES + 1)
    for m in tried:
        try:
            sums = outputs_of(
                coupling, [Traced(symbols("x", m)), Traced(symbols("y", m)), every], "coupling"
            )
            arguments: list[Traced | Parameters] = [
                Traced(symbols("x", m)),
                Traced(symbols("s", len(sums))),
                p,
            ]
            if timed:
                arguments.append(Traced(TIME))
            values = outputs_of(node, arguments, "node")
        except UntraceableError as error:
            if variables or m == MOST_VARIABLES or not _wants_more(error.__cause__):
                raise
            continue
        if len(values) == m:
            return Traces(values, sums, of_node, of_edge)
        if variables:
            raise ValueError(
                f"variables must be the number of values that node returns, {len(values)}, got {m}"
            )
        if len(values) < m:
            break
    raise ValueError(
        f"node must return a value for each of its variables, got {len(values)} for {m}; say how "
        "many it has by variables="
    )


def graphs(found: Traces) -> tuple[Graph, Graph]:
    """The node in its variables and sums, and the coupling in those of both ends."""
    own, own_edge = tuple(found.of_node.values()), tuple(found.of_edge.values())
    return (
        Graph((*found.variables, *found.sums), own, TIME, found.node),
        Graph((*found.variables, *found.senders), (*own, *own_edge), TIME, found.coupling),
    )


def alone(found: Traces) -> tuple[Graph, Graph]:
    """Node and coupling as functions of one node's variables, those at the other end held fixed.

    The coupling comes twice, with its variables at the receiving and at the sending end.
    """
    node, coupling = graphs(found)
    swapped = dict(zip(found.variables, found.senders, strict=True))
    back = {b: a for a, b in swapped.items()}
    other = tuple(e.xreplace({**swapped, **back}) for e in found.coupling)
    fixed = (*node.params, *found.sums)
    return (
        Graph(found.variables, fixed, TIME, found.node),
        Graph(found.variables, (*coupling.params, *found.senders), TIME, (*found.coupling, *other)),
    )


def _wants_more(error: BaseException | None) -> bool:
    """Whether a function failed since x has too few variables: x[2], or `v, w = x`."""
    short = isinstance(error, ValueError) and "not enough values to unpack" in str(error)
    return short or isinstance(error, IndexError)


@dataclass(frozen=True)
class Product:
    """A matrix W g(p_ij), where W is the one of a sum."""

    sum: int
    edge: sympy.Expr


@dataclass(frozen=True)
class Separated:
    """Graphs of separable couplings, and the matrices and row sums that they need."""

    nodes: Nodes
    matrices: tuple[Product, ...]
    degrees: tuple[Product, ...]  # whose sums of rows are the parameters that follow the user's


def separated_nodes(
    found: Traces, matrix_of: tuple[int, ...], per_node: set[str]
) -> Separated | None:
    """The graphs, or None where a coupling does not separate.

    matrix_of: which of the user's matrices each sum has, so that equal products are found.
    """
    here = {*found.variables, *(found.of_node[name] for name in per_node)}
    sides = Sides(frozenset(here), frozenset(found.of_edge.values()), frozenset(found.senders))
    sums: list[list[Term]] = []
    for coupling in found.coupling:
        terms = separated(coupling, sides)
        # A number that enters a function of edges would be one more thing that matrices depend on.
        if terms is None or any(t.edge.free_symbols - sides.edge for t in terms):
            return None
        sums.append(terms)
    matrices: list[Product] = []
    degrees: list[Product] = []
    products: list[tuple[int, sympy.Expr]] = []
    total = []
    for terms, matrix in zip(sums, matrix_of, strict=True):
        parts = []
        for term in terms:
            product = Product(matrix, term.edge)
            if not term.there.free_symbols & sides.there:
                symbol = _place(degrees, product, "d")
                parts.append(term.here * term.there * symbol)
                continue
            _place(matrices, product, "")
            pair = matrices.index(product), term.there
            parts.append(term.here * _place(products, pair, "S"))
        total.append(sympy.Add(*parts))
    # Products of one matrix come one after the other: kernels take them together.
    order = sorted(range(len(products)), key=lambda i: products[i][0])
    names = {_symbol("S", i): _symbol("S", place) for place, i in enumerate(order)}
    products = [products[i] for i in order]
    meaning = {s: e.xreplace(names) for s, e in zip(found.sums, total, strict=True)}
    values = tuple(value.xreplace(meaning) for value in found.node)
    own = tuple(found.of_node.values())
    given = (*own, *symbols("d", len(degrees)))
    field = Graph((*found.variables, *symbols("S", len(products))), given, TIME, values)
    back = dict(zip(found.senders, found.variables, strict=True))
    outputs = tuple(there.xreplace(back) for _, there in products)
    factors = Graph(found.variables, given, TIME, outputs) if products else None
    nodes = Nodes(field, factors, tuple(matrix for matrix, _ in products))
    return Separated(nodes, tuple(matrices), tuple(degrees))


def edge_nodes(
    found: Traces, matrix_of: tuple[int, ...], driven: tuple[sympy.Symbol, ...]
) -> Edges:
    """The graphs of sums that go edge by edge.

    Parameters of an edge are those of the receiving node that the coupling uses, which may not be
    `driven`; those of edges; and one weight a matrix.
    """
    weights = symbols("w", max(matrix_of) + 1)
    own = tuple(found.of_node.values())
    outputs = tuple(weights[k] * c for k, c in zip(matrix_of, found.coupling, strict=True))
    used = set().union(*(c.free_symbols for c in found.coupling))
    if used & set(driven):
        raise ValueError("coupling must not use p.input, since it does not separate")
    given = (*(p for p in own if p in used), *found.of_edge.values(), *weights)
    edge = Graph((*found.variables, *found.senders), given, TIME, outputs)
    m = len(found.node)
    here = [place for place in edge.jacobian() if place[1] < m]
    slopes = symbols("e", len(here))
    entries = []
    for v, value in enumerate(found.node):
        through = [sympy.diff(value, s) for s in found.sums]
        for u, x in enumerate(found.variables):
            sums = [e * through[k] for (k, j), e in zip(here, slopes, strict=True) if j == u]
            entries.append(((v, u), sympy.Add(sympy.diff(value, x), *sums)))
        entries += [((v, m + k), slope) for k, slope in enumerate(through)]
    kept = tuple((place, slope) for place, slope in entries if slope != 0)
    field = Graph((*found.variables, *found.sums), (*own, *slopes), TIME, found.node, kept)
    return Edges(field, edge)


def whole(found: Traces, matrix_of: tuple[int, ...], n: int) -> Graph:
    """All nodes as one function of n m variables, for networks of a few nodes.

    Its parameters: those of nodes, each of all nodes; those of edges and the matrices, row by row.
    """
    m, counts = len(found.node), [n] * len(found.of_node) + [n * n] * len(found.of_edge)
    counts += [n * n] * (max(matrix_of) + 1)
    names = [*found.of_node.values(), *found.of_edge.values(), *symbols("w", max(matrix_of) + 1)]
    given = {name: symbols(f"{name}_", count) for name, count in zip(names, counts, strict=True)}
    state = [symbols(f"x{i}_", m) for i in range(n)]
    outputs: list[sympy.Expr] = []
    for i in range(n):
        own = {name: given[name][i] for name in found.of_node.values()}
        own |= dict(zip(found.variables, state[i], strict=True))
        sums = []
        for coupling, k in zip(found.coupling, matrix_of, strict=True):
            terms = []
            for j in range(n):
                edge = {name: given[name][i * n + j] for name in found.of_edge.values()}
                edge |= dict(zip(found.senders, state[j], strict=True))
                weight = given[_symbol("w", k)][i * n + j]
                terms.append(weight * coupling.xreplace({**own, **edge}))
            sums.append(sympy.Add(*terms))
        meaning = {**own, **dict(zip(found.sums, sums, strict=True))}
        outputs += [value.xreplace(meaning) for value in found.node]
    every = tuple(symbol for group in given.values() for symbol in group)
    return Graph(tuple(x for node in state for x in node), every, TIME, tuple(outputs))


def _place(found: list[T], item: T, letter: str) -> sympy.Symbol:
    """The symbol of an item's place in a list, where it is put if it is new."""
    if item not in found:
        found.append(item)
    return _symbol(letter, found.index(item))


def _symbol(letter: str, place: int) -> sympy.Symbol:
    return sympy.Symbol(f"{letter}{place}", real=True)
