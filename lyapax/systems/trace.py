"""A user's NumPy function, run once on symbols, becomes an expression graph."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..kernels.codegen import Graph
from ..kernels.expressions import Floor, Magnitude, Sign, Tanh, Wrap

ELEMENTARY: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b, "power": lambda a, b: a**b, "float_power": lambda a, b: a**b,
    "negative": lambda a: -a, "positive": lambda a: a, "square": lambda a: a * a,
    "reciprocal": lambda a: 1 / a, "sqrt": sympy.sqrt, "exp": sympy.exp, "log": sympy.log,
    "expm1": lambda a: sympy.exp(a) - 1, "log1p": lambda a: sympy.log(1 + a),
    "exp2": lambda a: sympy.exp(a * sympy.log(2)), "log2": lambda a: sympy.log(a) / sympy.log(2),
    "log10": lambda a: sympy.log(a) / sympy.log(10), "sin": sympy.sin, "cos": sympy.cos,
    "tan": sympy.tan, "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan,
    "arctan2": sympy.atan2, "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": Tanh,
    "arcsinh": sympy.asinh, "arccosh": sympy.acosh, "arctanh": sympy.atanh, "erf": sympy.erf,
    "expit": lambda a: (1 + Tanh(a / 2)) / 2, "absolute": Magnitude, "fabs": Magnitude,
    "sign": Sign, "floor": Floor, "floor_divide": lambda a, b: Floor(a / b),
    "remainder": Wrap, "mod": Wrap,
    "maximum": lambda a, b: sympy.Piecewise((a, a >= b), (b, True)),
    "minimum": lambda a, b: sympy.Piecewise((a, a <= b), (b, True)),
    "greater": lambda a, b: sympy.Gt(a, b), "greater_equal": lambda a, b: sympy.Ge(a, b),
    "less": lambda a, b: sympy.Lt(a, b), "less_equal": lambda a, b: sympy.Le(a, b),
    "logical_and": sympy.And, "logical_or": sympy.Or, "logical_not": sympy.Not,
    "bitwise_and": sympy.And, "bitwise_or": sympy.Or, "invert": sympy.Not,
}  # fmt: skip


class UntraceableError(TypeError):
    """The function does something that has no expression graph; the message names the line."""


def _where(condition: Any, a: Any, b: Any) -> Any:
    pick = np.frompyfunc(lambda c, x, y: sympy.Piecewise((x, c), (y, True)), 3, 1)
    return Traced(pick(_objects(condition), _objects(a), _objects(b)))


def _clip(a: Any, low: Any = None, high: Any = None) -> Any:
    value = a if low is None else np.maximum(a, low)
    return value if high is None else np.minimum(value, high)


def _rebuilt(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        plain = [_deep_objects(a) for a in args]
        return Traced(np.asarray(function(*plain, **kwargs), dtype=object))

    return call


def _deep_objects(value: Any) -> Any:
    if isinstance(value, Traced):
        return value.values
    if isinstance(value, list | tuple):
        return [_deep_objects(v) for v in value]
    return value


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "where": _where, "clip": _clip,
    **{
        name: _rebuilt(getattr(np, name))
        for name in (
            "sum", "prod", "dot", "concatenate", "stack", "hstack", "vstack", "roll", "reshape",
            "transpose", "ravel", "outer", "cumsum", "diff", "trace", "diag", "flip", "tile",
            "repeat", "mean", "squeeze", "expand_dims", "tensordot", "append", "atleast_1d",
            "zeros_like", "ones_like", "empty_like", "full_like", "copy",
        )
    },
}  # fmt: skip


class Traced(NDArrayOperatorsMixin):
    """An array of expressions that answers NumPy's calls by growing the graph."""

    __array_priority__ = 1000

    def __init__(self, values: Any):
        self.values = np.asarray(values, dtype=object)

    shape = property(lambda self: self.values.shape)
    ndim = property(lambda self: self.values.ndim)
    size = property(lambda self: self.values.size)
    T = property(lambda self: Traced(self.values.T))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        arrays = [_objects(a) for a in inputs]
        if ufunc.__name__ == "matmul" and method == "__call__":
            return Traced(np.matmul(*arrays))
        operation = ELEMENTARY.get(ufunc.__name__)
        if method == "reduce" and ufunc.__name__ in ("add", "multiply"):
            keywords = {key: value for key, value in kwargs.items() if key in ("axis", "keepdims")}
            return Traced(getattr(ufunc, method)(arrays[0], **keywords))
        if operation is None or method != "__call__" or kwargs.get("out") is not None:
            raise UntraceableError(
                f"np.{ufunc.__name__} ({method}) is not supported; use one of "
                f"{', '.join(sorted(ELEMENTARY))}, without out="
            )
        return Traced(np.frompyfunc(operation, ufunc.nin, 1)(*arrays))

    def __array_function__(self, function: Any, _types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        if name not in FUNCTIONS:
            raise UntraceableError(
                f"np.{name} is not supported; use one of {', '.join(sorted(FUNCTIONS))}"
            )
        return FUNCTIONS[name](*args, **kwargs)

    def __getitem__(self, key: Any) -> "Traced":
        return Traced(self.values[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.values[key] = np.asarray(_objects(value), dtype=object)[()]  # no array in a cell

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Any:
        return (Traced(value) for value in self.values)

    def sum(self, axis: Any = None) -> "Traced":
        return Traced(self.values.sum(axis=axis))

    def mean(self, axis: Any = None) -> "Traced":
        return Traced(self.values.mean(axis=axis))

    def dot(self, other: Any) -> "Traced":
        return Traced(self.values.dot(_objects(other)))

    def copy(self) -> "Traced":
        return Traced(self.values.copy())

    def reshape(self, *shape: Any) -> "Traced":
        return Traced(self.values.reshape(*shape))

    def __bool__(self) -> bool:
        raise UntraceableError(
            "a data-dependent `if`, `and`, `or` or chained comparison has no single expression; "
            "write np.where(condition, a, b)"
        )

    def __float__(self) -> float:
        raise UntraceableError("float(), int() and math.* need numbers; use NumPy's functions")

    __int__ = __index__ = __complex__ = __float__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # NumPy asks for its protocols
            raise AttributeError(name)
        raise UntraceableError(f"x.{name} is not supported; use NumPy's functions")


class Parameters(SimpleNamespace):
    """What `f` sees as `p`."""

    def __getattr__(self, name: str) -> Any:
        raise UntraceableError(
            f"p.{name} is not in params, which has {', '.join(vars(self)) or 'none'}"
        )


def _objects(value: Any) -> Any:
    if isinstance(value, Traced):
        return value.values
    array = np.asarray(value)
    if array.dtype.kind not in "biufO":
        raise UntraceableError(f"only real numbers are supported, got {value!r}")
    if array.dtype == bool:
        return np.frompyfunc(lambda v: sympy.true if v else sympy.false, 1, 1)(array)
    if array.dtype.kind in "iu":
        return np.frompyfunc(lambda v: sympy.Integer(int(v)), 1, 1)(array)
    if array.dtype.kind == "f":
        # 0.5 stays exact and 0 and 1 vanish from sums and products.
        return np.frompyfunc(_number, 1, 1)(array)
    items = [_objects(v) for v in value] if isinstance(value, list | tuple) else array
    return np.asarray(items, dtype=object)


def _number(value: float) -> Any:
    value = float(value)
    if not np.isfinite(value):
        raise UntraceableError(f"only finite numbers are supported, got {value!r}")
    return sympy.Integer(int(value)) if value == int(value) else sympy.Float(value, 17)


def trace(
    function: Callable[..., Any], dim: int, params: Mapping[str, tuple[int, ...]], timed: bool
) -> Graph:
    """Run `function(x, p)` or `function(x, p, t)` on symbols."""
    x = [sympy.Symbol(f"x{i}", real=True) for i in range(dim)]
    time = sympy.Symbol("t", real=True)
    symbols: list[sympy.Symbol] = []
    values: dict[str, Any] = {}
    for name, shape in params.items():
        count = int(np.prod(shape, dtype=int))
        fresh = [sympy.Symbol(f"p{len(symbols) + i}", real=True) for i in range(count)]
        symbols += fresh
        values[name] = Traced(np.array(fresh, dtype=object).reshape(shape))
    arguments: list[Any] = [Traced(x), Parameters(**values)]
    if timed:
        arguments.append(Traced(time))
    try:
        result = function(*arguments)
        outputs = np.ravel(_objects(result)) if isinstance(result, Traced) else _flat(result)
    except Exception as error:
        # Ours are at the end of the traceback, SymPy's and NumPy's may follow.
        frames = [f for f in traceback.extract_tb(error.__traceback__)[1:] if not _library(f)]
        line = f" at {frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""
        hint = FILLED if "setting an array element" in str(error) else ""
        raise UntraceableError(f"f cannot be traced{line}: {error}{hint}") from error
    if len(outputs) != dim:
        raise ValueError(f"f must return dim = {dim} values, got {len(outputs)}")
    expressions = tuple(sympy.sympify(o) for o in outputs)
    for i, expression in enumerate(expressions):
        if expression.has(sympy.I, sympy.nan, sympy.oo, sympy.zoo):
            raise UntraceableError(f"f must be real and finite, output {i} is {expression}")
    return Graph(tuple(x), tuple(symbols), time, expressions)


FILLED = "; start from np.zeros_like(x), which can hold expressions, or return a list"
LIBRARIES = (*(str(Path(str(m.__file__)).parent) for m in (np, sympy)), __file__)


def _library(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(LIBRARIES)


def _flat(result: Any) -> list[Any]:
    if not isinstance(result, list | tuple | np.ndarray):
        raise ValueError(f"f must return a list or an array, got {type(result).__name__}")
    return [v for item in result for v in np.ravel(_objects(item))]
