"""The functions of the expression graph that SymPy lacks or differentiates unsuitably."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import sympy


class Real(sympy.Function):  # type: ignore[misc]  # SymPy has no types
    """A function of real numbers: sqrt(f^2) is |f|, whose slope is finite where f is 0."""

    is_extended_real = True
    is_commutative = True  # which SymPy cannot tell of a condition

    @classmethod
    def eval(cls, *numbers):
        if not all(a.is_number for a in numbers):
            return None
        value = float(NUMPY[cls.__name__](*(float(a) for a in numbers)))
        return sympy.Integer(int(value)) if value.is_integer() else sympy.Float(value, 17)


class Sech2(Real):
    """sech^2 u, computed from the exponential: 1 - tanh^2 is exactly 0 from u = 19 on."""

    nargs = 1

    def fdiff(self, argindex=1):
        return -2 * Tanh(self.args[0]) * self


class Tanh(Real):
    nargs = 1

    def fdiff(self, argindex=1):
        return Sech2(self.args[0])


class Sign(Real):
    nargs = 1

    def fdiff(self, argindex=1):
        return sympy.S.Zero


class Magnitude(Real):
    nargs = 1

    def fdiff(self, argindex=1):
        return Sign(self.args[0])


class Floor(Real):
    nargs = 1

    def fdiff(self, argindex=1):
        return sympy.S.Zero


class Wrap(Real):
    """x modulo a period: slope 1 in x wherever it has one."""

    nargs = 2

    def fdiff(self, argindex=1):
        return sympy.S.One if argindex == 1 else -Floor(self.args[0] / self.args[1])


class Power(Real):
    """a^b whose exponent is no number: SymPy's slope b a^b / a is not finite at a = 0."""

    nargs = 2

    @classmethod
    def eval(cls, base, exponent):
        return base**exponent if exponent.is_Number else None

    def fdiff(self, argindex=1):
        base, exponent = self.args
        if argindex == 1:
            return exponent * Power(base, exponent - 1)
        return sympy.log(base) * self


class Choice(Real):
    """a where a condition holds, else b.

    SymPy's Piecewise folds nested choices into conditions that have no source, and takes long.
    """

    nargs = 3

    @classmethod
    def eval(cls, condition, a, b):
        if condition == sympy.true or a == b:
            return a
        return b if condition == sympy.false else None

    def _eval_derivative(self, symbol):
        condition, a, b = self.args
        return Choice(condition, sympy.diff(a, symbol), sympy.diff(b, symbol))


def _step(u, at_zero=sympy.S.Half):
    return Choice(u > 0, sympy.S.One, Choice(u < 0, sympy.S.Zero, at_zero))


def _first_that_holds(*branches):
    value = branches[-1].expr
    for branch in reversed(branches[:-1]):
        value = Choice(branch.cond, branch.expr, value)
    return value


# What SymPy makes by itself, in functions that have a source and a slope: sqrt(x^2) is Abs(x).
OURS: dict[Any, Callable[..., Any]] = {
    sympy.Abs: Magnitude,
    sympy.sign: Sign,
    sympy.Heaviside: _step,
    sympy.Max: lambda *values: reduce(lambda a, b: Choice(a < b, b, a), values),
    sympy.Min: lambda *values: reduce(lambda a, b: Choice(a > b, b, a), values),
    sympy.Piecewise: _first_that_holds,
    sympy.tanh: Tanh,
    sympy.coth: lambda a: 1 / Tanh(a),
    sympy.sech: lambda a: 1 / sympy.cosh(a),
    sympy.csch: lambda a: 1 / sympy.sinh(a),
    sympy.sec: lambda a: 1 / sympy.cos(a),
    sympy.csc: lambda a: 1 / sympy.sin(a),
    sympy.cot: lambda a: 1 / sympy.tan(a),
    sympy.erfc: lambda a: 1 - sympy.erf(a),
    sympy.floor: Floor,
    sympy.ceiling: lambda a: -Floor(-a),
    sympy.Mod: Wrap,
    sympy.ITE: lambda c, a, b: sympy.Or(sympy.And(c, a), sympy.And(sympy.Not(c), b)),
}


def in_ours(expression: sympy.Basic) -> sympy.Basic:
    """The expression without functions that are SymPy's alone."""
    done: dict[sympy.Basic, sympy.Basic] = {}  # of those that change
    for part in parts_of(expression):
        if type(part) in OURS:
            done[part] = OURS[type(part)](*(done.get(a, a) for a in part.args))
        elif any(a in done for a in part.args):
            done[part] = part.func(*(done.get(a, a) for a in part.args))
    return done.get(expression, expression)


def symbols_of(*expressions: sympy.Basic) -> set[sympy.Symbol]:
    return {part for part in parts_of(*expressions) if part.is_Symbol}


def alike(some: Sequence[sympy.Basic], others: Sequence[sympy.Basic]) -> bool:
    """Whether they are equal, in the time of their parts: == walks a shared part at each use."""
    if len(some) != len(others):
        return False
    first, second = parts_of(*some), parts_of(*others)
    places = [{part: i for i, part in enumerate(parts)} for parts in (first, second)]
    if len(first) != len(second):
        return False
    for a, b in zip(first, second, strict=True):
        if a.args or b.args:
            below = [
                [place[arg] for arg in e.args] for e, place in zip((a, b), places, strict=True)
            ]
            if a.func is not b.func or below[0] != below[1]:
                return False
        elif a != b:
            return False
    return [places[0][e] for e in some] == [places[1][e] for e in others]


def parts_of(*expressions: sympy.Basic) -> list[sympy.Basic]:
    """Each part of some expressions once, after its own parts.

    SymPy's traversals come by a shared part once for each use: of five layers x = tanh(W x) of ten
    units 10^5 times.
    """
    found: list[sympy.Basic] = []
    seen: set[sympy.Basic] = set()
    waiting = [(e, False) for e in reversed(expressions)]
    while waiting:
        e, ready = waiting.pop()
        if ready:
            found.append(e)
        elif e not in seen:
            seen.add(e)
            waiting.append((e, True))
            waiting.extend((a, False) for a in reversed(e.args))
    return found


# The same on arrays.
NUMPY = {
    "Tanh": np.tanh,
    "Sech2": lambda u: 1.0 / np.cosh(np.clip(u, -350, 350)) ** 2,
    "Sign": np.sign,
    "Magnitude": np.abs,
    "Floor": np.floor,
    "Wrap": np.mod,
    "Power": np.power,
    "Choice": np.where,
}
