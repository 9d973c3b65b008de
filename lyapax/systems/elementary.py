"""What the elements of a traced array are, and the elementary functions of them."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import sympy
from sympy.logic.boolalg import Boolean

from ..kernels.expressions import Choice, Floor, Magnitude, Power, Sign, Tanh, Wrap, parts_of


class UntraceableError(TypeError):
    """The function does something that has no expression graph; the message names the line."""


Operation = Callable[..., sympy.Basic]  # of elements, to another: a number or a condition

NOT_REAL = tuple(type(e) for e in (sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, sympy.I))


def number(value: float) -> sympy.Expr:
    """0.5 stays exact, and 0 and 1 vanish from sums and products."""
    value = float(value)
    if not np.isfinite(value):
        raise UntraceableError(f"only finite numbers are supported, got {value!r}")
    return sympy.Integer(int(value)) if value == int(value) else sympy.Float(value, 17)


def expression(element: object) -> sympy.Expr:
    """An element as a number: a condition counts 1 or 0."""
    if isinstance(element, sympy.Expr):
        return element
    if isinstance(element, Boolean):
        return Choice(element, sympy.S.One, sympy.S.Zero)
    if isinstance(element, bool | np.bool_ | int | np.integer):
        return sympy.Integer(int(element))
    if isinstance(element, float | np.floating):
        return number(float(element))
    raise UntraceableError(f"only real numbers are supported, got {element!r:.60}")


def condition(element: object) -> Boolean:
    """An element as a condition: a number holds where it is not 0."""
    if isinstance(element, Boolean) and not isinstance(element, sympy.Expr):
        return element
    value = expression(element)
    return sympy.Or(value > 0, value < 0)


def _numeric(operation: Operation) -> Operation:
    def call(*elements: object) -> sympy.Basic:
        result = operation(*(expression(e) for e in elements))
        factors = (result, *result.args) if isinstance(result, sympy.Mul) else (result,)
        if any(isinstance(factor, NOT_REAL) for factor in factors):
            raise UntraceableError(f"only real, finite numbers are supported, here is {result}")
        return result

    return call


def _logical(operation: Operation) -> Operation:
    return lambda *elements: operation(*(condition(e) for e in elements))


def _bitwise(operation: Operation) -> Operation:
    def call(*elements: object) -> sympy.Basic:
        for element in elements:
            if isinstance(element, sympy.Expr) or not isinstance(element, Boolean | bool):
                raise UntraceableError("&, | and ~ need conditions, such as x > 0")
        return operation(*(condition(e) for e in elements))

    return call


def _maximum(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """NaN in what varies stays NaN: a comparison with it is false."""
    return Choice(a > b, a, b) if a.is_Number else Choice(a < b, b, a)


def _minimum(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    return Choice(a < b, a, b) if a.is_Number else Choice(a > b, b, a)


def _angle(y: sympy.Expr, x: sympy.Expr) -> sympy.Expr:
    """SymPy writes that of two numbers with complex logarithms."""
    if x.is_number and y.is_number:
        return number(math.atan2(float(y), float(x)))
    return sympy.atan2(y, x)


def _radians(a: sympy.Expr) -> sympy.Expr:
    return a * number(math.pi / 180)


def _degrees(a: sympy.Expr) -> sympy.Expr:
    return a * number(180 / math.pi)


HALF = sympy.Rational(1, 2)


def _nearest(a: sympy.Expr) -> sympy.Expr:
    """Of two whole numbers that are as near the even one."""
    up = Floor(a + HALF)
    tie = sympy.And(sympy.Eq(up, a + HALF), Wrap(up, sympy.Integer(2)) > HALF)
    return Choice(tie, up - 1, up)


def _added(a: object, b: object) -> sympy.Basic:
    """Two conditions, as NumPy adds two truth values: either of them."""
    both = [isinstance(e, Boolean) and not isinstance(e, sympy.Expr) for e in (a, b)]
    if all(both):
        return sympy.Or(a, b)
    return _numeric(ARITHMETIC["add"])(a, b)


LONG = 8  # terms of a sum that SymPy is not asked to sort


def total(terms: Sequence[sympy.Expr]) -> sympy.Expr:
    """The sum of all terms, equal ones counted.

    Of a long sum in the order in which they come: SymPy sorts them, and asks what is known of each,
    2 s for the 100 sums of 100 products of a matrix and a vector.
    """
    terms = [part for term in terms for part in (term.args if term.is_Add else (term,))]
    if len(terms) < LONG:
        return sympy.Add(*terms)
    counts: dict[sympy.Expr, sympy.Expr] = {}
    for term in terms:
        count, unit = term.as_coeff_Mul()
        counts[unit] = counts[unit] + count if unit in counts else count
    return sympy.Add(*(_times(n, unit) for unit, n in counts.items() if n != 0), evaluate=False)


def _times(n: sympy.Expr, unit: sympy.Expr) -> sympy.Expr:
    if n == 1:
        return unit
    return n if unit is sympy.S.One else sympy.Mul(n, unit, evaluate=False)


def _sum(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """A loop's `s += term` need not look at all terms of a long sum again."""
    if b.is_Add and not a.is_Add:
        a, b = b, a
    if a.is_Add and not b.is_Add and not b.is_Number and len(a.args) >= LONG:
        if b not in set(a.args):  # SymPy's common subexpressions know a term once
            return sympy.Add(*a.args, b, evaluate=False)
    return a + b


def product(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """A number times a variable takes SymPy 60 us, and 2 us are enough.

    Nor is it multiplied with each term of a long sum, as it would be.
    """
    if b.is_Number:
        a, b = b, a
    if a.is_Number and not b.is_Number:
        count, unit = b.as_coeff_Mul()
        if unit.is_Symbol or unit.is_Function or (unit.is_Add and len(unit.args) >= LONG):
            count *= a
            return sympy.S.Zero if count == 0 else _times(count, unit)
    return a * b


# Functions that are numbers wherever their arguments are.
EVERYWHERE = sympy.sin, sympy.cos, sympy.exp, sympy.erf, Tanh, Sign, Magnitude, Floor


def _guard(a: sympy.Expr, outcome: Boolean) -> Boolean:
    """Whether something is no number: constant for what is one wherever its variables are."""
    for part in parts_of(a):
        plain = part.is_Symbol or part.is_Number or part.is_Add or part.is_Mul
        power = part.is_Pow and part.exp.is_Integer and part.exp > 0
        if not (plain or power or isinstance(part, EVERYWHERE)):
            raise UntraceableError("np.isnan of what may be none; write the condition, x < 0")
    return outcome


ARITHMETIC: dict[str, Operation] = {
    "add": _sum, "subtract": lambda a, b: _sum(a, -b), "multiply": product,
    "divide": lambda a, b: a / b, "power": Power, "float_power": Power,
    "negative": lambda a: -a, "positive": lambda a: a, "square": lambda a: a * a,
    "reciprocal": lambda a: 1 / a, "sqrt": sympy.sqrt, "exp": sympy.exp, "log": sympy.log,
    "expm1": lambda a: sympy.exp(a) - 1, "log1p": lambda a: sympy.log(1 + a),
    "exp2": lambda a: sympy.exp(a * sympy.log(2)), "log2": lambda a: sympy.log(a) / sympy.log(2),
    "log10": lambda a: sympy.log(a) / sympy.log(10), "sin": sympy.sin, "cos": sympy.cos,
    "tan": sympy.tan, "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan,
    "arctan2": _angle, "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": Tanh,
    "arcsinh": sympy.asinh, "arccosh": sympy.acosh, "arctanh": sympy.atanh, "erf": sympy.erf,
    "expit": lambda a: (1 + Tanh(a / 2)) / 2, "absolute": Magnitude, "fabs": Magnitude,
    "hypot": lambda a, b: sympy.sqrt(a * a + b * b), "sign": Sign, "floor": Floor,
    "ceil": lambda a: -Floor(-a), "floor_divide": lambda a, b: Floor(a / b),
    "remainder": Wrap, "mod": Wrap, "maximum": _maximum, "minimum": _minimum,
    "isnan": lambda a: _guard(a, sympy.false), "isinf": lambda a: _guard(a, sympy.false),
    "isfinite": lambda a: _guard(a, sympy.true),
    "heaviside": lambda a, b: Choice(a > 0, sympy.S.One, Choice(a < 0, sympy.S.Zero, b)),
    "cbrt": lambda a: Sign(a) * Power(Magnitude(a), sympy.Rational(1, 3)),
    "logaddexp": lambda a, b: _maximum(a, b) + sympy.log(1 + sympy.exp(-Magnitude(a - b))),
    "fmax": _maximum, "fmin": _minimum, "conjugate": lambda a: a, "deg2rad": _radians,
    "radians": _radians, "rad2deg": _degrees, "degrees": _degrees,
    "rint": _nearest,
    "trunc": lambda a: Choice(a < 0, -Floor(-a), Floor(a)),
    "fmod": lambda a, b: a - b * ARITHMETIC["trunc"](a / b),
    "copysign": lambda a, b: Choice(b < 0, -Magnitude(a), Magnitude(a)),
    "erfc": lambda a: 1 - sympy.erf(a), "ndtr": lambda a: (1 + sympy.erf(a / sympy.sqrt(2))) / 2,
    "logit": lambda a: sympy.log(a / (1 - a)),
    "xlogy": lambda a, b: Choice(sympy.Eq(a, 0), sympy.S.Zero, a * sympy.log(b)),
    "log_expit": lambda a: _minimum(a, sympy.S.Zero) - sympy.log(1 + sympy.exp(-Magnitude(a))),
    "greater": sympy.Gt, "greater_equal": sympy.Ge, "less": sympy.Lt, "less_equal": sympy.Le,
    "equal": sympy.Eq, "not_equal": sympy.Ne,
}  # fmt: skip

ELEMENTARY: dict[str, Operation] = {
    **{name: _numeric(operation) for name, operation in ARITHMETIC.items()},
    "add": _added,
    "logical_and": _logical(sympy.And),
    "logical_or": _logical(sympy.Or),
    "logical_not": _logical(sympy.Not),
    "bitwise_and": _bitwise(sympy.And),
    "bitwise_or": _bitwise(sympy.Or),
    "invert": _bitwise(sympy.Not),
}
