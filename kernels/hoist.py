"""Expressions of parameters alone, taken out of a graph: computed once a run, not once a stage.

A call such as cos(p.theta) in the inner loop costs more than itself: it is scalar code, and the
loop over members is not vectorised (measured: the two-unit block 44 -> 187 M steps/s).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import sympy

from .codegen import Graph
from .expressions import NUMPY


@cache
def hoisted(graph: Graph) -> tuple[Graph, Callable[[Any], Any]]:
    """A graph with parameters only where they stand alone, and its table from the old one.

    The second maps a table (members, parameters) to (members, new parameters).
    """
    varying = {*graph.state, graph.time}
    found: dict[sympy.Expr, sympy.Symbol] = {}

    def named(expression: sympy.Expr) -> sympy.Symbol:
        return found.setdefault(expression, sympy.Symbol(f"h{len(found)}", real=True))

    def constant(expression: sympy.Basic) -> bool:
        return not (expression.free_symbols & varying)

    def visit(expression: sympy.Basic) -> sympy.Basic:
        if not expression.free_symbols:
            return expression
        if constant(expression):
            if isinstance(expression, sympy.Expr):
                return named(expression)
            return expression.func(*(visit(a) for a in expression.args))  # a condition
        if expression.is_Atom:
            return expression
        if expression.is_Add or expression.is_Mul:
            fixed = [a for a in expression.args if constant(a)]
            if any(a.free_symbols for a in fixed):
                rest = [visit(a) for a in expression.args if a not in fixed]
                return expression.func(named(expression.func(*fixed)), *rest)
        return expression.func(*(visit(a) for a in expression.args))

    outputs = tuple(visit(e) for e in graph.outputs)
    # Differentiated first: slopes have constants of their own.
    entries = tuple((place, visit(e)) for place, e in graph.jacobian().items())
    reduced = Graph(graph.state, tuple(found.values()), graph.time, outputs, entries)
    if not found:
        return reduced, lambda table: table[:, :0]
    values = sympy.lambdify(graph.params, list(found), [NUMPY, "numpy", "scipy"], cse=True)

    def table_of(table: Any) -> Any:
        with np.errstate(all="ignore"):  # what is not finite ends as a status
            columns = values(*table.T)
        return np.stack(np.broadcast_arrays(*columns, table[:, 0])[:-1], axis=1)

    return reduced, table_of
