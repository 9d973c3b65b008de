"""Expressions of parameters alone, taken out of a graph: computed once a run, not once a stage.

A call such as cos(p.theta) in the inner loop costs more than itself: it is scalar code, and the
loop over members is not vectorised (measured: the two-unit block 44 -> 187 M steps/s).
"""

from collections.abc import Callable
from dataclasses import astuple
from functools import cache, cached_property
from typing import Any

import numpy as np
import sympy

from .codegen import Graph, Statements, array_lines, interpreted, run_on_arrays, statements
from .stored import stored


class Hoisted:
    """A graph with parameters only where they stand alone, and their table from the old one.

    Its statements and the source of its table come from the disk where they were written before:
    nothing is differentiated then, and `graph` is made when it is asked for.
    """

    def __init__(self, graph: Graph):
        self._given = graph

    @property
    def graph(self) -> Graph:
        return self._taken_out[0]

    @cached_property
    def statements(self) -> Statements:
        state, params, time, lines, outputs, entries, drawn = stored(
            "statements", self._given, lambda: astuple(statements(self.graph))
        )
        places = tuple(((i, j), text) for (i, j), text in entries)
        parts = tuple(state), tuple(params), time, tuple(lines), tuple(outputs), places
        return Statements(*parts, drawn)

    @cached_property
    def jacobian(self) -> Callable[..., Any]:
        """``jacobian(t, x, p)`` -> the nonzero entries, of lists of numbers."""
        return interpreted(self.statements)

    def table_of(self, table: Any) -> Any:
        """A table (members, parameters) as (members, new parameters)."""
        if self._table is None:
            return table[:, :0]
        with np.errstate(all="ignore"):  # what is not finite ends as a status
            columns = self._table(0.0, [], table.T)
        return np.stack(np.broadcast_arrays(*columns, table[:, 0])[:-1], axis=1)

    @cached_property
    def _table(self) -> Callable[..., Any] | None:
        def lines() -> list[str]:
            values = self._taken_out[1]
            return array_lines(self._given, values) if values else []

        found = stored("table", self._given, lines)
        return run_on_arrays(found) if found else None

    @cached_property
    def _taken_out(self) -> tuple[Graph, list[sympy.Expr]]:
        """The reduced graph, and the values of its parameters."""
        graph = self._given
        varying = frozenset([*graph.state, graph.time, *graph.noise])
        found: dict[sympy.Expr, sympy.Symbol] = {}

        def named(expression: sympy.Expr) -> sympy.Symbol:
            return found.setdefault(expression, sympy.Symbol(f"h{len(found)}", real=True))

        @cache  # as all of these: shared parts are many times more than parts
        def has(expression: sympy.Basic, symbols: frozenset[sympy.Symbol] | None) -> bool:
            if expression.is_Symbol:
                return symbols is None or expression in symbols
            return any([has(a, symbols) for a in expression.args])

        def constant(expression: sympy.Basic) -> bool:
            return not has(expression, varying)

        @cache
        def visit(expression: sympy.Basic) -> sympy.Basic:
            if not has(expression, None):
                return expression
            if constant(expression):
                if isinstance(expression, sympy.Expr):
                    return named(expression)
                return expression.func(*(visit(a) for a in expression.args))  # a condition
            if expression.is_Atom:
                return expression
            if expression.is_Add or expression.is_Mul:
                fixed = [a for a in expression.args if constant(a)]
                if any(has(a, None) for a in fixed):
                    rest = [visit(a) for a in expression.args if a not in fixed]
                    return expression.func(named(expression.func(*fixed)), *rest)
            return expression.func(*(visit(a) for a in expression.args))

        outputs = tuple(visit(e) for e in graph.outputs)
        # Differentiated first: slopes have constants of their own.
        entries = tuple((place, visit(e)) for place, e in graph.jacobian().items())
        keys = sympy.symbols("key0 key1", real=True) if graph.noise else ()
        params = (*found.values(), *keys, *graph.noise)
        reduced = Graph(graph.state, params, graph.time, outputs, entries, graph.noise)
        return reduced, list(found)


@cache
def hoisted(graph: Graph) -> Hoisted:
    """A graph as kernels take it."""
    return Hoisted(graph)
