"""Couplings that separate: c(x_i, x_j) = sum_r a_r(x_i) g_r(p_ij) b_r(x_j).

Then sum_j W_ij c(x_i, x_j) = sum_r a_r(x_i) [(W g_r) b_r(x)]_i: products of matrices with vectors.
Sums, products, whole powers, sines and cosines of sums and exponentials of sums are taken apart;
everything else that has both x_i and x_j in it is not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
import sympy

from .._check import Array
from ..kernels.codegen import Graph, on_arrays

MOST = 16  # terms; more cost as much as edges of their own
POINTS = 64  # random ones, at which the terms must give what the coupling gives
SAME = 1e-12  # relative to the terms' size


class NotSeparableError(Exception):
    """Some function has both x_i and x_j in it."""


@dataclass(frozen=True)
class Term:
    """here(x_i, p_i) edge(p_ij) there(x_j), expressions."""

    here: sympy.Expr
    edge: sympy.Expr
    there: sympy.Expr

    def __mul__(self, other: "Term") -> "Term":
        return Term(self.here * other.here, self.edge * other.edge, self.there * other.there)


@dataclass(frozen=True)
class Sides:
    """Symbols of the receiving node, of the edge and of the sending node."""

    here: frozenset[sympy.Symbol]
    edge: frozenset[sympy.Symbol]
    there: frozenset[sympy.Symbol]

    def of(self, e: sympy.Basic) -> list[str]:
        symbols = e.free_symbols
        return [side for side in ("here", "edge", "there") if symbols & getattr(self, side)]

    def term(self, e: sympy.Expr) -> Term:
        """An expression of one side as a term."""
        side = (self.of(e) or ["here"])[0]
        parts = dict.fromkeys(("here", "edge", "there"), sympy.S.One)
        return Term(**{**parts, side: e})


def terms_of(e: sympy.Expr, sides: Sides) -> list[Term]:
    """The terms of an expression; raises NotSeparableError."""
    if len(sides.of(e)) <= 1:
        return [sides.term(e)]
    if e.is_Add:
        return [term for a in e.args for term in terms_of(a, sides)]
    if e.is_Mul:
        return _multiplied([terms_of(a, sides) for a in e.args])
    if e.is_Pow and e.exp.is_Integer and 0 < e.exp <= MOST:
        return _multiplied([terms_of(e.base, sides)] * int(e.exp))
    if isinstance(e, sympy.sin | sympy.cos | sympy.exp):
        first, rest = _apart(e.args[0], sides)
        if isinstance(e, sympy.exp):
            return _multiplied([terms_of(sympy.exp(part), sides) for part in (first, rest)])
        sine, cosine = sympy.sin, sympy.cos
        if isinstance(e, sympy.sin):
            pairs = [(sine(first), cosine(rest)), (cosine(first), sine(rest))]
        else:
            pairs = [(cosine(first), cosine(rest)), (-sine(first), sine(rest))]
        return [t for pair in pairs for t in _multiplied([terms_of(p, sides) for p in pair])]
    raise NotSeparableError


def _apart(argument: sympy.Expr, sides: Sides) -> tuple[sympy.Expr, sympy.Expr]:
    """A sum as the part of one side and the rest."""
    addends = sympy.Add.make_args(sympy.expand(argument))
    if any(len(sides.of(a)) > 1 for a in addends):
        raise NotSeparableError
    first = sides.of(argument)[0]
    own = [a for a in addends if sides.of(a) == [first]]
    return sympy.Add(*own), sympy.Add(*(a for a in addends if sides.of(a) != [first]))


def _multiplied(factors: list[list[Term]]) -> list[Term]:
    found = factors[0]
    for other in factors[1:]:
        if len(found) * len(other) > MOST**2:
            raise NotSeparableError
        found = _gathered(a * b for a, b in product(found, other))
    return found


def _gathered(terms: Iterable[Term]) -> list[Term]:
    """Terms with the same edge and sender as one."""
    sums: dict[tuple[sympy.Expr, sympy.Expr], list[sympy.Expr]] = {}
    for term in terms:
        number, there = term.there.as_coeff_Mul()
        factor, edge = term.edge.as_coeff_Mul()
        sums.setdefault((edge, there), []).append(number * factor * term.here)
    found = [Term(sympy.Add(*here), edge, there) for (edge, there), here in sums.items()]
    return [term for term in found if term.here != 0]


def separated(coupling: sympy.Expr, sides: Sides) -> list[Term] | None:
    """The terms of a coupling, or None where it does not separate."""
    try:
        found = _gathered(terms_of(coupling, sides))
    except NotSeparableError:
        return None
    return found if len(found) <= MOST and _is_the_same(coupling, found) else None


def _is_the_same(coupling: sympy.Expr, terms: list[Term]) -> bool:
    """Whether the terms add up to the coupling at random points, to rounding of their size."""
    symbols = tuple(sorted(coupling.free_symbols, key=lambda s: s.name))
    graph = Graph(symbols, (), sympy.Symbol("t", real=True), ())
    parts = [t.here * t.edge * t.there for t in terms]
    points: Array = np.random.default_rng(0).normal(0.0, 2.0, (len(symbols), POINTS))
    with np.errstate(all="ignore"):
        values = on_arrays(graph, [coupling, *parts])(0.0, points, [])
        whole, *found = (np.broadcast_to(np.asarray(v, float), POINTS) for v in values)
        size = np.sum(np.abs(found), axis=0) + np.abs(whole)
        close = np.abs(np.sum(found, axis=0) - whole) <= SAME * size
    return bool((close | ~np.isfinite(size)).all() and np.isfinite(size).any())
