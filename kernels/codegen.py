"""From an expression graph to straight-line source: one printer, one language a target."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy
from sympy.core.relational import Relational


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
        "cosh": "math.cosh", "erf": "math.erf", "Tanh": "tanh", "Sech2": "sech2", "Sign": "sign",
        "Magnitude": "abs", "Floor": "math.floor", "Wrap": "wrap", "atan2": "math.atan2",
        "asinh": "math.asinh", "acosh": "math.acosh", "atanh": "math.atanh",
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
        "atanh": "atanh",
    },
    number="REAL({})", power="pow", root="sqrt", choice="({condition} ? {a} : {b})",
    both=" && ", either=" || ", negation="(!{})", truth=("false", "true"),
)  # fmt: skip


@dataclass(frozen=True)
class Graph:
    """f(x, p, t) as SymPy expressions, with its symbols."""

    state: tuple[sympy.Symbol, ...]
    params: tuple[sympy.Symbol, ...]
    time: sympy.Symbol
    outputs: tuple[sympy.Expr, ...]
    entries: tuple[tuple[tuple[int, int], sympy.Expr], ...] | None = None  # known already

    def jacobian(self) -> dict[tuple[int, int], sympy.Expr]:
        """The nonzero entries df_i/dx_j, in row order."""
        if self.entries is not None:
            return dict(self.entries)
        entries = {}
        for i, output in enumerate(self.outputs):
            present = output.free_symbols
            for j, symbol in enumerate(self.state):
                if symbol in present:
                    entry = sympy.diff(output, symbol)
                    if entry != 0:
                        entries[i, j] = entry
        return entries


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
        for product in products:
            first, rest = product.as_two_terms()
            a, b = text(first), text(rest)
            total = f"fma({a}, {b}, {total})" if total else f"{a} * {b}"
        return f"({total})"
    if isinstance(e, sympy.Mul):
        top = [a for a in e.args if not (a.is_Pow and a.exp.is_Number and a.exp.is_negative)]
        below = [1 / a for a in e.args if a not in top]
        product = " * ".join(text(a) for a in top) or language.number.format("1.0")
        return f"({product}" + "".join(f" / {text(a)}" for a in below) + ")"
    if isinstance(e, sympy.Pow):
        return power(e, language)
    if isinstance(e, sympy.Piecewise):
        found = text(e.args[-1].expr)
        for branch in reversed(e.args[:-1]):
            a, condition = text(branch.expr), text(branch.cond)
            found = language.choice.format(a=a, condition=condition, b=found)
        return found
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


@cache
def statements(graph: Graph) -> tuple[list[str], list[str], dict[tuple[int, int], str]]:
    """(assignments, f_i, J_ij) after common subexpressions are taken out."""
    entries = graph.jacobian()
    names = sympy.numbered_symbols("c")
    shared, reduced = sympy.cse([*graph.outputs, *entries.values()], symbols=names)
    lines = [f"{symbol.name} = {printed(value, PYTHON)}" for symbol, value in shared]
    texts = [printed(e, PYTHON) for e in reduced]
    n = len(graph.outputs)
    return lines, texts[:n], dict(zip(entries, texts[n:], strict=True))


PLAIN: dict[str, Any] = {
    "math": math, "exp": math.exp, "tanh": math.tanh, "fma": lambda a, b, c: a * b + c,
    "sech2": lambda u: 1.0 / math.cosh(min(abs(u), 700.0)) ** 2,
    "sign": lambda u: float((u > 0) - (u < 0)), "wrap": lambda x, period: x % period,
}  # fmt: skip


def interpreted(graph: Graph) -> Callable[..., Any]:
    """``jacobian(t, x, p)`` -> its nonzero entries in plain Python: slow, but nothing compiles."""
    lines, _, entries = statements(graph)
    body = [f"{symbol.name} = x[{i}]" for i, symbol in enumerate(graph.state)]
    body += [f"{symbol.name} = p[{i}]" for i, symbol in enumerate(graph.params)]
    body += [f"{graph.time.name} = t", *lines]
    items = ", ".join(f"({i}, {j}): {text}" for (i, j), text in entries.items())
    source = "def jacobian(t, x, p):\n" + "".join(f"    {line}\n" for line in body)
    namespace = dict(PLAIN)
    exec(f"{source}    return {{{items}}}\n", namespace)
    return namespace["jacobian"]
