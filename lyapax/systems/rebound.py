"""A user's function with NumPy's, Python's and math's names meaning what works on symbols.

``dx = np.zeros(3); dx[0] = ...``, ``math.sin(x[0])`` and ``max(x[0], 0)`` are for numbers only. The
function is therefore run with globals of its own, in which these names stand for what takes symbols
as well; so do those of functions that it calls, unless they belong to a library. The user's own
function stays as it is.
"""

import builtins
import functools
import math
import operator
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import sympy

from .complex_numbers import Complex, parts
from .traced import LIBRARIES, Traced, expect_floats, holds_complex, objects

HERE = Path(__file__).parents[1]
INSTALLED = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")})


def has_symbols(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(map(has_symbols, value))
    if isinstance(value, np.ndarray) and value.dtype == object:
        return True
    return isinstance(value, Traced | Complex)


def _array(value: object, dtype: Any = None, **keywords: Any) -> Any:
    if has_symbols(value):
        expect_floats(None if dtype is not None and np.dtype(dtype).kind == "c" else dtype)
        if holds_complex(value):
            return Complex(*parts(value))
        return Traced(objects(value).copy())
    return np.array(value, dtype, **keywords)


def _asarray(value: object, dtype: Any = None, **keywords: Any) -> Any:
    if isinstance(value, Traced | Complex):
        return value
    return _array(value, dtype, **keywords)


def _filled(
    original: Callable[..., Any], fill: sympy.Expr | None = None, places: int = 1
) -> Callable[..., Any]:
    """np.zeros and its like, able to hold symbols unless integers or conditions are asked for."""

    def call(*args: Any, **keywords: Any) -> Any:
        asked = keywords.get("dtype", args[places] if len(args) > places else float)
        kind = np.dtype(asked).kind
        if kind not in "fOc":
            return original(*args, **keywords)
        if kind == "c":
            return Complex(call(*args[:places], dtype=float), np.zeros(np.shape(original(args[0]))))
        keywords["dtype"] = float
        made = original(*args[:places], **keywords)
        return Traced(np.full(made.shape, fill, object) if fill is not None else objects(made))

    return call


def _full(shape: Any, fill: object, dtype: object = None, **_: object) -> Any:
    whole = isinstance(fill, int | np.integer) and not isinstance(fill, bool)
    if dtype is None and whole:  # NumPy would cut off what is put into it
        dtype = int
    if dtype is not None and np.dtype(dtype).kind not in "fO":  # type: ignore[call-overload]
        return np.full(shape, fill, dtype)
    made = np.empty(shape, object)
    made[...] = objects(fill)[()]
    return Traced(made)


def _extreme(name: str) -> Callable[..., Any]:
    plain = getattr(builtins, name)
    larger = np.maximum if name == "max" else np.minimum

    def call(*args: Any, **keywords: Any) -> Any:
        given = list(args[0]) if len(args) == 1 else list(args)
        if keywords or not has_symbols(given):
            return plain(given, **keywords) if len(args) == 1 else plain(*args, **keywords)
        return functools.reduce(larger, given)

    return call


def _of_math(name: str) -> Callable[..., Any]:
    """math.name for numbers, NumPy's for symbols."""
    plain = getattr(math, name)
    on_symbols = MATH[name]

    def call(*args: Any) -> Any:
        return on_symbols(*args) if has_symbols(args) else plain(*args)

    return call


def _isinstance(value: object, kinds: Any) -> bool:
    """An array of symbols stands for one of NumPy's, and one symbol for a number."""
    if builtins.isinstance(value, kinds):
        return True
    if not builtins.isinstance(value, Traced | Complex):
        return False
    number = np.complex128 if builtins.isinstance(value, Complex) else np.float64
    stands_for = np.ndarray if value.ndim else number
    listed = kinds if builtins.isinstance(kinds, tuple) else (kinds,)
    return any(builtins.isinstance(kind, type) and issubclass(stands_for, kind) for kind in listed)


def _isscalar(value: object) -> bool:
    return np.isscalar(value) or (builtins.isinstance(value, Traced) and value.ndim == 0)


def _hypot(*values: Any) -> Any:
    return np.sqrt(sum(value * value for value in values))


def _log(value: Any, base: Any = math.e) -> Any:
    return np.log(value) if base == math.e else np.log(value) / np.log(base)


def _erf(value: Any) -> Any:
    import scipy.special

    return scipy.special.erf(value)


MATH: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(np, name)
        for name in (
            "sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "expm1", "log1p", "log2", "log10",
            "sqrt", "floor", "ceil", "trunc", "fabs", "degrees", "radians", "copysign",
            "fmod",
        )
    },
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "pow": operator.pow,
    "log": _log, "hypot": _hypot, "erf": _erf, "erfc": lambda a: 1 - _erf(a),
}  # fmt: skip


REPLACED: dict[int, Any] = {
    id(np.zeros): _filled(np.zeros, sympy.S.Zero), id(np.ones): _filled(np.ones, sympy.S.One),
    # What nobody fills must not pass for a number.
    id(np.empty): _filled(np.empty, sympy.nan), id(np.full): _full,
    id(np.eye): _filled(np.eye, places=4), id(np.identity): _filled(np.identity),
    id(np.array): _array, id(np.asarray): _asarray, id(np.asanyarray): _asarray,
    id(np.ascontiguousarray): _asarray,
    id(max): _extreme("max"), id(min): _extreme("min"), id(isinstance): _isinstance,
    id(np.isscalar): _isscalar,
    **{id(getattr(math, name)): _of_math(name) for name in MATH},
}  # fmt: skip
BUILTINS = ("max", "min", "isinstance")


class Module:
    """A module whose functions are those that take symbols."""

    def __init__(self, module: ModuleType, known: dict[int, Any]):
        self._module, self._known = module, known

    def __getattr__(self, name: str) -> Any:
        return replaced(getattr(self._module, name), self._known)


class Owner:
    """The object that a method belongs to, whose other methods take symbols, too."""

    def __init__(self, owner: object, known: dict[int, Any]):
        vars(self)["_owner"], vars(self)["_known"] = owner, known

    @classmethod
    def of(cls, owner: object, known: dict[int, Any]) -> object:
        return owner if isinstance(owner, type) else cls(owner, known)

    def __getattr__(self, name: str) -> Any:
        return replaced(getattr(self._owner, name), self._known)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._owner, name, value)


def of_user(code: CodeType) -> bool:
    """Whether code is neither a library's nor ours; functions typed at a prompt are a user's."""
    file = code.co_filename
    return not file.startswith((*INSTALLED, *LIBRARIES, str(HERE) + "/", "<frozen"))


def replaced(value: Any, known: dict[int, Any]) -> Any:
    """What stands for a value while a function runs on symbols."""
    if id(value) in REPLACED:
        return REPLACED[id(value)]
    if isinstance(value, ModuleType):
        file = str(getattr(value, "__file__", None) or "")
        of_library = file.startswith((*INSTALLED, str(HERE) + "/"))
        if value in (np, math) or not (of_library or value.__name__ in sys.builtin_module_names):
            return Module(value, known)
        return value
    plain = getattr(value, "py_func", None)  # of a function that Numba compiles
    if isinstance(plain, FunctionType):
        return rebound(plain, known)
    if isinstance(value, functools.partial):
        return rebound(value, known)
    function = getattr(value, "__func__", value)  # of a method
    if isinstance(function, FunctionType) and of_user(function.__code__):
        return rebound(value, known)
    return value


def names_in(code: CodeType) -> Iterable[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def rebound(function: Any, known: dict[int, Any] | None = None) -> Any:
    """The same function on symbols; what is no Python function stays what it is."""
    known = {} if known is None else known
    if id(function) in known:
        return known[id(function)]
    if isinstance(function, functools.partial):
        inner = rebound(function.func, known)
        return functools.partial(inner, *function.args, **function.keywords)
    if isinstance(function, MethodType):
        return MethodType(rebound(function.__func__, known), Owner.of(function.__self__, known))
    plain = getattr(function, "py_func", None)
    if isinstance(plain, FunctionType):
        return rebound(plain, known)
    if not isinstance(function, FunctionType):
        call = vars(type(function)).get("__call__")
        if isinstance(call, FunctionType) and not isinstance(function, type):
            return MethodType(rebound(call, known), Owner.of(function, known))
        return function
    space = {**function.__globals__, "__builtins__": _builtins(known)}
    made = FunctionType(
        function.__code__, space, function.__name__, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__ = function.__kwdefaults__
    known[id(function)] = made
    for name in set(names_in(function.__code__)) & set(space):
        space[name] = replaced(space[name], known)
    if function.__closure__:
        cells = tuple(_cell(cell, known) for cell in function.__closure__)
        closed = FunctionType(
            function.__code__, space, function.__name__, function.__defaults__, cells
        )
        closed.__kwdefaults__ = function.__kwdefaults__
        known[id(function)] = made = closed
    return made


def _cell(cell: Any, known: dict[int, Any]) -> Any:
    try:
        value = cell.cell_contents
    except ValueError:  # not assigned yet
        return cell
    found = replaced(value, known)
    if found is value:
        return cell
    return (lambda: found).__closure__[0]  # type: ignore[index]


def _builtins(known: dict[int, Any]) -> Mapping[str, Any]:
    def imported(name: str, *args: Any, **keywords: Any) -> Any:
        return replaced(builtins.__import__(name, *args, **keywords), known)

    changed = {name: REPLACED[id(getattr(builtins, name))] for name in BUILTINS}
    return {**vars(builtins), **changed, "__import__": imported}
