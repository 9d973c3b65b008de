"""A graph taken apart into statements whose derivatives are sums over few arguments.

A tangent then goes through the statements as the state does: d c = sum of slope times d argument.
The slopes are shared by all columns, and of a network they are n numbers where the Jacobian has
n^2: what decides whether a member fits the registers of a thread.
"""

from dataclasses import dataclass

import sympy
from sympy.core.relational import Relational

from .codegen import Graph
from .expressions import Choice


@dataclass(frozen=True)
class Statement:
    """symbol = value, and the slopes by which its arguments enter.

    Of a choice between two values `condition` says which one enters, and the slopes are 1.
    """

    symbol: sympy.Symbol
    value: sympy.Expr
    slopes: tuple[tuple[sympy.Expr, sympy.Expr], ...]
    condition: sympy.Basic | None = None


class Linearised:
    """`statements` in order, and `outputs` f0, f1, ... after them."""

    def __init__(self, graph: Graph):
        shared, reduced = sympy.cse(graph.outputs, symbols=sympy.numbered_symbols("e", real=True))
        self._meaning = dict(shared)
        self.active = set(graph.state)
        for symbol, value in shared:
            if value.free_symbols & self.active:
                self.active.add(symbol)
        self._known: dict[sympy.Basic, sympy.Basic] = {}
        self.statements: list[Statement] = []
        self.outputs: list[Statement] = []
        for i, e in enumerate(reduced):
            value = self._expanded(e) if e.is_Add or e.is_Mul else self._atom(e)
            self.outputs.append(self._linear(sympy.Symbol(f"f{i}", real=True), value))

    def _is_active(self, e: sympy.Basic) -> bool:
        return bool(e.free_symbols & self.active)

    def _atom(self, e: sympy.Basic) -> sympy.Basic:
        """A symbol for e; what does not depend on the state stays as it is."""
        if e.is_Symbol and e in self._meaning:
            return self._atom(self._meaning[e])
        if not self._is_active(e):
            while e.free_symbols & set(self._meaning):
                e = e.xreplace(self._meaning)
            return e
        if e.is_Symbol:
            return e
        if e not in self._known:
            self._known[e] = self._stated(e)
        return self._known[e]

    def _stated(self, e: sympy.Basic) -> sympy.Basic:
        if isinstance(e, Choice):
            return self._choice(e)
        value = self._expanded(e)
        symbol = self._fresh()
        self.statements.append(self._linear(symbol, value))
        return symbol

    def _fresh(self) -> sympy.Symbol:
        symbol = sympy.Symbol(f"c{len(self.statements)}", real=True)
        self.active.add(symbol)
        return symbol

    def _expanded(self, e: sympy.Basic) -> sympy.Basic:
        """e in terms of atoms: sums of products stay whole."""
        if e.is_Add:
            return e.func(*(self._term(a) for a in e.args))
        if e.is_Mul:
            return self._term(e)
        if e.is_Pow and e.exp.is_Integer and e.exp < -1:
            return self._atom(1 / e.base) ** (-e.exp)
        return e.func(*(self._atom(a) for a in e.args))

    def _term(self, e: sympy.Basic) -> sympy.Basic:
        factors = e.args if e.is_Mul else (e,)
        return sympy.Mul(*(self._factor(a) for a in factors))

    def _factor(self, e: sympy.Basic) -> sympy.Basic:
        if e.is_Pow and e.exp.is_Integer and e.exp > 0:
            return self._atom(e.base) ** e.exp
        return self._atom(e)

    def _choice(self, e: Choice) -> sympy.Symbol:
        """Slopes that are not finite stay in their own branch."""
        condition = self._condition(e.args[0])
        value, other = self._atom(e.args[1]), self._atom(e.args[2])
        symbol = self._fresh()
        slopes = (sympy.S.One, value), (sympy.S.One, other)
        pair = Choice(condition, value, other)
        self.statements.append(Statement(symbol, pair, slopes, condition))
        return symbol

    def _condition(self, e: sympy.Basic) -> sympy.Basic:
        e = self._meaning.get(e, e)
        if isinstance(e, Relational):
            return e.func(self._atom(e.lhs), self._atom(e.rhs), evaluate=False)
        return e.func(*(self._condition(a) for a in e.args)) if e.args else e

    def _linear(self, symbol: sympy.Symbol, value: sympy.Basic) -> Statement:
        arguments = sorted(value.free_symbols & self.active, key=lambda a: a.name)
        return Statement(symbol, value, tuple((_slope(value, a, symbol), a) for a in arguments))


def _slope(value: sympy.Basic, argument: sympy.Symbol, symbol: sympy.Symbol) -> sympy.Expr:
    """The derivative, written with the value itself where that is cheaper."""
    if isinstance(value, sympy.exp):
        return symbol
    if value.is_Pow and value.exp == -1:
        return -(symbol**2)
    if value.is_Pow and value.exp == sympy.S.Half:
        return 1 / (2 * symbol)
    return sympy.diff(value, argument)
