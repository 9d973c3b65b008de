"""From an expression graph to straight-line source: one printer, one language a target."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import scipy  # its modules load when they are first used
import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom

from . import expressions
from .derivatives import Derivatives
from .expressions import Choice, parts_of, symbols_of


@dataclass(frozen=True)
class Language:
    """How a target spells what differs between targets."""

    functions: dict[str, str]
    number: str
    power: str
    root: str
    choice: str
    both: str
    either: str
    negation: str
    truth: tuple[str, str]


PYTHON = Language(
    {
        "exp": "exp", "log": "math.log", "sin": "math.sin", "cos": "math.cos", "tan": "math.tan",
        "asin": "math.asin", "acos": "math.acos", "atan": "math.atan", "sinh": "math.sinh",
        "cosh": "math.cosh", "erf": "erf", "Tanh": "tanh", "Sech2": "sech2", "Sign": "sign",
        "Magnitude": "abs", "Floor": "np.floor", "Wrap": "wrap", "atan2": "math.atan2",
        "asinh": "math.asinh", "acosh": "math.acosh", "atanh": "math.atanh",
        "Power": "math.pow", "Abs": "abs", "sign": "sign",
    },
    number="{}", power="math.pow", root="math.sqrt", choice="({a} if {condition} else {b})",
    both=" and ", either=" or ", negation="(not {})", truth=("False", "True"),
)  # fmt: skip

CUDA = Language(
    {
        "exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "tan": "tan", "asin": "asin",
        "acos": "acos", "atan": "atan", "sinh": "sinh", "cosh": "cosh", "erf": "erf",
        "Tanh": "tanh_of", "Sech2": "sech2_of", "Sign": "sign_of", "Magnitude": "fabs",
        "Floor": "floor", "Wrap": "wrap_of", "atan2": "atan2", "asinh": "asinh", "acosh": "acosh",
        "atanh": "atanh", "Power": "pow", "Abs": "fabs", "sign": "sign_of",
    },
    number="REAL({})", power="pow", root="sqrt", choice="({condition} ? {a} : {b})",
    both=" && ", either=" || ", negation="(!{})", truth=("false", "true"),
)  # fmt: skip

NUMPY = Language(
    {
        "exp": "np.exp", "log": "np.log", "sin": "np.sin", "cos": "np.cos", "tan": "np.tan",
        "asin": "np.arcsin", "acos": "np.arccos", "atan": "np.arctan", "sinh": "np.sinh",
        "cosh": "np.cosh", "erf": "scipy.special.erf", "Tanh": "np.tanh", "Sech2": "sech2",
        "Sign": "np.sign", "Magnitude": "np.abs", "Floor": "np.floor", "Wrap": "np.mod",
        "atan2": "np.arctan2", "asinh": "np.arcsinh", "acosh": "np.arccosh",
        "atanh": "np.arctanh", "Power": "np.power", "Abs": "np.abs", "sign": "np.sign",
    },
    number="{}", power="np.power", root="np.sqrt", choice="np.where({condition}, {a}, {b})",
    both=" & ", either=" | ", negation="(~{})", truth=("np.False_", "np.True_"),
)  # fmt: skip


@dataclass(frozen=True)
class Graph:
    """f(x, p, t) as SymPy expressions, with its symbols."""

    state: tuple[sympy.Symbol, ...]
    params: tuple[sympy.Symbol, ...]
    time: sympy.Symbol
    outputs: tuple[sympy.Expr, ...]
    entries: tuple[tuple[tuple[int, int], sympy.Expr], ...] | None = None  # known already
    noise: tuple[sympy.Symbol, ...] = ()  # random numbers, drawn anew for each step

    def jacobian(self) -> dict[tuple[int, int], sympy.Expr]:
        """The nonzero entries df_i/dx_j, in row order."""
        if self.entries is not None:
            return dict(self.entries)
        return dict(_entries(self))


@cache
def _entries(graph: Graph) -> tuple[tuple[tuple[int, int], sympy.Expr], ...]:
    derivatives = Derivatives(graph.state)
    found = []
    for i, output in enumerate(graph.outputs):
        slopes = derivatives.of(output)
        found += [((i, j), slopes[x]) for j, x in enumerate(graph.state) if x in slopes]
    return tuple(found)


# Products of a long sum that one expression nests: Python's parser takes 200 parentheses.
NESTED = 64


def printed(e: sympy.Basic, language: Language) -> str:
    """One expression as source; products inside sums become fma."""

    def text(e: sympy.Basic) -> str:
        return printed(e, language)

    if isinstance(e, sympy.Symbol):
        return str(e.name)
    if isinstance(e, sympy.Rational | sympy.Float | sympy.NumberSymbol):
        value = language.number.format(repr(abs(float(e))))
        return value if float(e) >= 0 else f"(-{value})"
    if e is sympy.S.true or e is sympy.S.false:
        return language.truth[bool(e)]
    if isinstance(e, sympy.Add):
        plain = [a for a in e.args if not isinstance(a, sympy.Mul) or a.as_numer_denom()[1] != 1]
        products = [a for a in e.args if a not in plain]
        total = " + ".join(text(a) for a in plain)
        sums: list[str] = []
        for place, product in enumerate(products):
            first, rest = product.as_two_terms()
            a, b = text(first), text(rest)
            if place and place % NESTED == 0:
                sums, total = [*sums, total], ""
            total = f"fma({a}, {b}, {total})" if total else f"{a} * {b}"
        return f"({' + '.join([*sums, total])})"
    if isinstance(e, sympy.Mul):
        top = [a for a in e.args if not (a.is_Pow and a.exp.is_Number and a.exp.is_negative)]
        below = [1 / a for a in e.args if a not in top]
        product = " * ".join(text(a) for a in top) or language.number.format("1.0")
        return f"({product}" + "".join(f" / {text(a)}" for a in below) + ")"
    if isinstance(e, sympy.Pow):
        return power(e, language)
    if isinstance(e, Choice):
        condition, a, b = (text(argument) for argument in e.args)
        return language.choice.format(condition=condition, a=a, b=b)
    if isinstance(e, Relational):
        return f"({text(e.lhs)} {e.rel_op} {text(e.rhs)})"
    if isinstance(e, sympy.And | sympy.Or):
        word = language.both if isinstance(e, sympy.And) else language.either
        return "(" + word.join(text(a) for a in e.args) + ")"
    if isinstance(e, sympy.Not):
        return language.negation.format(text(e.args[0]))
    name = type(e).__name__
    if name in language.functions:
        return f"{language.functions[name]}({', '.join(text(a) for a in e.args)})"
    raise NotImplementedError(f"no source for {name} in {e}")


def without_source(e: sympy.Basic) -> sympy.Basic | None:
    """A part of the expression that `printed` does not know."""
    for part in parts_of(e):
        if not isinstance(part, WITH_SOURCE) and type(part).__name__ not in PYTHON.functions:
            return part
        if part.is_Number and not abs(part) <= sys.float_info.max:
            return part
    return None


WITH_SOURCE = (
    sympy.Symbol, sympy.Rational, sympy.Float, sympy.NumberSymbol, sympy.Add, sympy.Mul, sympy.Pow,
    Choice, Relational, sympy.And, sympy.Or, sympy.Not, BooleanAtom,
)  # fmt: skip


def power(e: sympy.Pow, language: Language) -> str:
    base, exponent = printed(e.base, language), e.exp
    one = language.number.format("1.0")
    if exponent == sympy.S.Half:
        return f"{language.root}({base})"
    if exponent == -sympy.S.Half:
        return f"({one} / {language.root}({base}))"
    if exponent.is_Integer and 0 < abs(int(exponent)) <= 16:
        text = by_squaring(base, abs(int(exponent)))
        return text if exponent > 0 else f"({one} / {text})"
    return f"{language.power}({base}, {printed(exponent, language)})"


def by_squaring(base: str, exponent: int) -> str:
    if exponent == 1:
        return base
    half = by_squaring(base, exponent // 2)
    return f"({half} * {half})" if exponent % 2 == 0 else f"({half} * {half} * {base})"


@dataclass(frozen=True)
class Statements:
    """A graph as straight-line Python: assignments, f_i and the nonzero J_ij in row order.

    The last `drawn` parameters are random numbers of a step, and the two before them their key.
    """

    state: tuple[str, ...]
    params: tuple[str, ...]
    time: str
    lines: tuple[str, ...]
    outputs: tuple[str, ...]
    entries: tuple[tuple[tuple[int, int], str], ...]
    drawn: int = 0


@cache
def statements(graph: Graph) -> Statements:
    """The statements of a graph, after common subexpressions are taken out."""
    entries = graph.jacobian()
    names = sympy.numbered_symbols("c")
    shared, reduced = sympy.cse([*graph.outputs, *entries.values()], symbols=names)
    texts = [printed(e, PYTHON) for e in reduced]
    n = len(graph.outputs)
    return Statements(
        tuple(s.name for s in graph.state),
        tuple(s.name for s in graph.params),
        graph.time.name,
        tuple(f"{symbol.name} = {printed(value, PYTHON)}" for symbol, value in shared),
        tuple(texts[:n]),
        tuple(zip(entries, texts[n:], strict=True)),
        len(graph.noise),
    )


PLAIN: dict[str, Any] = {
    "math": math,
    "np": np,
    "exp": math.exp,
    "erf": math.erf,
    "tanh": math.tanh,
    "fma": lambda a, b, c: a * b + c,
    "sech2": lambda u: 1.0 / math.cosh(min(abs(u), 700.0)) ** 2,
    "sign": lambda u: float(u > 0) - float(u < 0),
    "wrap": lambda x, period: x % period,
}
ARRAYS: dict[str, Any] = {
    "np": np,
    "scipy": scipy,
    "fma": PLAIN["fma"],
    "sech2": expressions.NUMPY["Sech2"],
}


def interpreted(found: Statements) -> Callable[..., Any]:
    """``jacobian(t, x, p)`` -> its nonzero entries in plain Python: slow, but nothing compiles."""
    items = ", ".join(f"({i}, {j}): {text}" for (i, j), text in found.entries)
    return _plain(found, f"{{{items}}}")


def interpreted_outputs(found: Statements) -> Callable[..., Any]:
    """``field(t, x, p)`` -> the list of outputs, by the same statements."""
    return _plain(found, f"[{', '.join(found.outputs)}]")


def _plain(found: Statements, result: str) -> Callable[..., Any]:
    given = _named(found.state, found.params, found.time)
    return _defined([*given, *found.lines, f"return {result}"], PLAIN)


def on_arrays(graph: Graph, expressions: Sequence[sympy.Basic]) -> Callable[..., Any]:
    """``values(t, x, p)`` -> the expressions' values on arrays: x[i], p[i] and t broadcast."""
    return run_on_arrays(array_lines(graph, expressions))


def array_lines(graph: Graph, expressions: Sequence[sympy.Basic]) -> list[str]:
    """The body of that function."""
    shared, reduced = sympy.cse(expressions, symbols=sympy.numbered_symbols("c", real=True))
    lines = [f"{symbol.name} = {printed(value, NUMPY)}" for symbol, value in shared]
    texts = ", ".join(printed(e, NUMPY) for e in reduced)
    used = {s.name for s in symbols_of(*expressions)}
    state, params = (tuple(s.name for s in group) for group in (graph.state, graph.params))
    return [*_named(state, params, graph.time.name, used), *lines, f"return [{texts}]"]


def run_on_arrays(lines: list[str]) -> Callable[..., Any]:
    return _defined(lines, ARRAYS)


def _named(
    state: Sequence[str], params: Sequence[str], time: str, used: set[str] | None = None
) -> list[str]:
    places = [(name, f"x[{i}]") for i, name in enumerate(state)]
    places += [(name, f"p[{i}]") for i, name in enumerate(params)]
    places.append((time, "t"))
    return [f"{name} = {at}" for name, at in places if used is None or name in used]


def _defined(lines: list[str], names: dict[str, Any]) -> Callable[..., Any]:
    namespace = dict(names)
    exec("def defined(t, x, p):\n" + "".join(f"    {line}\n" for line in lines), namespace)
    return namespace["defined"]
