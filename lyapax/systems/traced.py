"""Arrays of expressions that NumPy's calls work on."""

import difflib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, SupportsIndex, SupportsInt

import numpy as np
import scipy
import sympy
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray
from sympy.logic.boolalg import Boolean

from ..kernels.expressions import Choice
from .branches import decided, grown, refused
from .elementary import ELEMENTARY, UntraceableError, condition, expression, number
from .sums import terms, values

NUMBERS_ONLY = (
    "an array made outside of f holds numbers only; write np.zeros_like(x) in f, or return a list"
)
INDEX = (
    "an index that depends on x, p or t has no single expression; use np.where, of data np.interp"
)


@dataclass(eq=False)
class Scalar:
    """A parameter that `f` sees as a number, and where `f` takes it for a vector.

    `met` has the lengths of the vectors that it was combined with (0: any) and the first line
    where that happened.
    """

    name: str
    shape: tuple[int, ...]  # of what the user gave
    shapes: str = ""  # what to write where all arrays among the parameters are vectors
    met: dict[int, str] = field(default_factory=dict)

    def combined_with(self, length: int) -> None:
        if length not in self.met:
            self.met[length] = users_line()

    def indexed(self, axes: int = 1) -> UntraceableError:
        if not self.shape:
            return UntraceableError(f"p.{self.name} is a number, it has no axes")
        wanted = self.shapes or f'{{"{self.name}": {self.shape[-axes:]}}}'
        return UntraceableError(
            f"p.{self.name} is a number here, since shapes does not name it; if it is an array "
            f"for f, write shapes={wanted}"
        )


Names = frozenset[Scalar]
Elements = NDArray[np.object_]  # SymPy's expressions and conditions
Plain = Callable[[Elements], Elements]  # what is done to elements before NumPy's own function
Shape = int | tuple[int, ...] | None

# A number, an array or a `Traced`: what a function may be called with that is traced later. NumPy's
# own stubs have no type for arrays that answer its calls themselves.
Traceable = Any
Function = Callable[..., Traceable]  # one that is traced


# NumPy's "ufunc" and "function" of complex numbers, which the module of these brings.
COMPLEX: dict[str, Callable[..., Any]] = {}


def objects(value: object) -> Elements:
    """The elements of anything, as an array of objects."""
    if isinstance(value, Traced):
        return value.values
    if isinstance(value, list | tuple):
        return np.array([objects(v)[()] for v in value], dtype=object)
    array = np.asarray(value)
    if isinstance(value, np.ma.MaskedArray) or array.dtype.kind not in "biufO":
        raise UntraceableError(f"only real numbers are supported, got {value!r:.60}")
    element = {"b": _truth, "i": _integer, "u": _integer, "f": number}.get(
        array.dtype.kind, _element
    )
    return np.asarray(np.frompyfunc(element, 1, 1)(array), dtype=object)


def _truth(value: object) -> Boolean:
    return sympy.true if value else sympy.false


def _integer(value: SupportsInt) -> sympy.Integer:
    return sympy.Integer(int(value))


def _element(value: object) -> sympy.Basic:
    """One cell of the user's own array of objects."""
    if isinstance(value, Traced) and value.ndim == 0:
        return value.values[()]
    return value if isinstance(value, sympy.Basic) else expression(value)


ELEMENTS = {"b": _truth, "i": _integer, "u": _integer, "f": number, "O": _element}


def expressions(array: Elements) -> Elements:
    """Conditions among the elements count 1 or 0."""
    return np.asarray(np.frompyfunc(expression, 1, 1)(array), dtype=object)


class Traced(NDArrayOperatorsMixin):
    """An array of expressions that answers NumPy's calls by growing the graph.

    One without axes is immutable, as NumPy's numbers are; slices of others are views.
    """

    __array_priority__ = 1000

    def __init__(self, values: object, scalars: Names = frozenset()):
        self.values: Elements = np.asarray(values, dtype=object)
        self.scalars = scalars

    shape = property(lambda self: self.values.shape)
    ndim = property(lambda self: self.values.ndim)
    size = property(lambda self: self.values.size)
    dtype = property(lambda self: np.dtype(float))  # of the numbers that it stands for
    T = property(lambda self: Traced(self.values.T, self.scalars))

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, **keywords: Any
    ) -> Any:
        name = ufunc.__name__
        if any(map(holds_complex, inputs)):
            return COMPLEX["ufunc"](name, method, inputs)
        if keywords.get("where", True) is not True:
            raise UntraceableError(f"np.{name} with where= is not supported; use np.where")
        expect_floats(keywords.get("dtype"))
        (out,) = keywords.get("out") or (None,)
        if out is not None and not isinstance(out, Traced):
            raise UntraceableError(NUMBERS_ONLY)
        if name == "matmul" and method == "__call__":
            for value in inputs:
                _refuse_numbers(value, 2)
            expect_number_among(*inputs)
            a, b = (objects(value) for value in inputs)
            grown(a.size * (b.shape[-1] if b.ndim > 1 else 1))
            result = values(np.matmul(terms(a), terms(b)))
        elif method == "reduce" and name in REDUCTIONS:
            result = _reduced(name, objects(inputs[0]), keywords)
        elif method == "__call__" and name in ELEMENTARY:
            operation = np.frompyfunc(ELEMENTARY[name], ufunc.nin, 1)
            result = operation(*(objects(a) for a in inputs))
            grown(np.size(result))
        elif method == "outer" and name in ELEMENTARY:
            a, b = (objects(value) for value in inputs)
            result = np.frompyfunc(ELEMENTARY[name], 2, 1)(a.reshape(*a.shape, *(1,) * b.ndim), b)
            grown(np.size(result))
        else:
            call = f"np.{name}" if method == "__call__" else f"np.{name}.{method}"
            raise UntraceableError(f"{call} is not supported{_instead(name, method)}")
        return _into(out, Traced(result, _met(np.shape(result), inputs)))

    def __array_function__(
        self,
        function: Callable[..., object],
        _types: Iterable[type],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> Any:
        name = function.__name__
        if any(map(holds_complex, [*args, *kwargs.values()])):
            return COMPLEX["function"](name, args, kwargs)
        if name not in FUNCTIONS:
            raise UntraceableError(f"np.{name} is not supported{_alike(name, FUNCTIONS)}")
        out = kwargs.pop("out", None)
        if out is not None and not isinstance(out, Traced):
            raise UntraceableError(NUMBERS_ONLY)
        result = FUNCTIONS[name](*args, **kwargs)
        if not isinstance(result, Traced):  # a shape, for example
            return result
        given = [*args, *kwargs.values()]
        names = _met(result.shape, given)
        if result.ndim == 0 and name not in ELEMENTWISE:
            for scalar in names:
                scalar.combined_with(0)
        return _into(out, Traced(result.values, names))

    def __getitem__(self, key: Any) -> "Traced":
        self._indexable(key)
        return Traced(self.values[key])

    def __setitem__(self, key: Any, value: object) -> None:
        self._indexable(key)
        _met(np.shape(self.values[key]), [value])
        self.values[key] = np.asarray(objects(value), dtype=object)[()]  # no array in a cell

    def _indexable(self, key: object) -> None:
        keys = key if isinstance(key, tuple) else (key,)
        for key in keys:
            if isinstance(key, Traced):
                raise key.unknown_size() or UntraceableError(INDEX)
        axes = sum(k is not Ellipsis and k is not None for k in keys)
        if axes:
            _refuse_numbers(self, axes)

    def __len__(self) -> int:
        _refuse_numbers(self, 1)
        return len(self.values)

    def __iter__(self) -> Iterator["Traced"]:
        _refuse_numbers(self, 1)
        return (Traced(value) for value in self.values)

    def reshape(self, *shape: Any, **keywords: Any) -> Traceable:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **keywords)

    def transpose(self, *axes: SupportsIndex) -> "Traced":
        return Traced(self.values.transpose(*axes))

    def astype(self, dtype: Any = float, *_: object, **__: object) -> "Traced":
        expect_floats(dtype)
        return Traced(self.values.copy(), self.scalars)

    def flatten(self) -> "Traced":
        return Traced(self.values.flatten())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise UntraceableError("an array is neither true nor false: write np.any or np.all")
        return decided(condition(self.values.item()))

    def __float__(self) -> float:
        size = self.unknown_size()
        if size is not None:
            raise refused(size)
        if not all(isinstance(v, sympy.Expr) for v in self.values.flat):
            raise refused(UntraceableError("of a condition: np.where(condition, 1, 0)"))
        raise refused(
            UntraceableError(
                "float(), int() and math.sin need numbers; write x itself, np.floor(x), np.sin(x), "
                "of data np.interp"
            )
        )

    def unknown_size(self) -> UntraceableError | None:
        """Of a number that is made of a parameter, what to say where it counts something."""
        for scalar in self.scalars:
            return UntraceableError(
                f"p.{scalar.name} is a parameter, and a size must be known: "
                f"functools.partial(f, {scalar.name}=...), without it in params"
            )
        return None

    def __format__(self, spec: str) -> str:
        return f"{self.values}"  # printed while it is traced

    __int__ = __index__ = __complex__ = __float__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # NumPy asks for its protocols
            raise AttributeError(name)
        # np.sin of an array of objects calls the method `sin` of each.
        if (name in ELEMENTARY or name in FUNCTIONS) and hasattr(np, name):
            return partial(getattr(np, name), self)
        raise UntraceableError(f"x.{name} is not supported; use NumPy's functions")


def expect_floats(dtype: Any) -> None:
    """NumPy would cut off what is behind the point."""
    if dtype is not None and np.dtype(dtype).kind not in "fO":
        raise UntraceableError(f"{np.dtype(dtype)} of what varies: write np.trunc(x), or float")


def holds_complex(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(map(holds_complex, value))
    return isinstance(value, complex) or getattr(getattr(value, "dtype", 0), "kind", "") == "c"


def _refuse_numbers(value: object, axes: int) -> None:
    if isinstance(value, Traced) and value.ndim == 0:
        for scalar in value.scalars:
            raise scalar.indexed(axes)
        raise UntraceableError("a number has no axes: it cannot be indexed, iterated or multiplied")


def _met(shape: tuple[int, ...], inputs: Iterable[object]) -> Names:
    """The scalar parameters behind a result: told of the vector, or carried on by a number."""
    numbers = (a for a in inputs if isinstance(a, Traced) and a.ndim == 0)
    names = frozenset(scalar for a in numbers for scalar in a.scalars)
    if not shape:
        return names
    for scalar in names:
        scalar.combined_with(shape[-1])
    return frozenset()


def _into(out: Traced | None, result: Traced) -> Traced:
    """The result of `x += y`: arrays change in place, numbers do not."""
    if out is None or out.ndim == 0:
        return result
    out.values[...] = result.values
    return out


def _reduced(name: str, array: Elements, keywords: Mapping[str, object]) -> Elements | sympy.Basic:
    kept = {key: v for key, v in keywords.items() if key in ("axis", "keepdims")}
    if keywords.get("initial", np._NoValue) is not np._NoValue:
        kept["initial"] = objects(keywords["initial"])[()]
    if name in ("add", "multiply"):
        return values(getattr(np, name).reduce(terms(array), **kept))
    operation = np.frompyfunc(ELEMENTARY[name], 2, 1)
    asked: Any = kept.get("axis", 0)
    axes = range(array.ndim) if asked is None else np.atleast_1d(asked).tolist()
    gone = [range(array.ndim)[axis] for axis in axes]
    rest = [axis for axis in range(array.ndim) if axis not in gone]
    shape = [array.shape[axis] for axis in rest]
    rows = array.transpose(*gone, *rest).reshape(-1, *shape)
    start = {"initial": kept["initial"]} if "initial" in kept else {}
    found = np.asarray(operation.reduce(_paired(operation, rows), axis=0, **start), object)
    if kept.get("keepdims"):
        found = found.reshape([1 if axis in gone else n for axis, n in enumerate(array.shape)])
    return found


def _paired(operation: np.ufunc, rows: Elements) -> Elements:
    """At most two rows: of pairs of rows, of pairs of these, and so on.

    The larger of two is an expression that has both twice: along a row of 20 elements that is a
    million of the first, and in pairs of pairs 400 in all.
    """
    while len(rows) > 2:
        even = len(rows) // 2 * 2
        rows = np.concatenate([operation(rows[0:even:2], rows[1:even:2]), rows[even:]])
    return rows


def _instead(name: str, method: str) -> str:
    if method == "__call__":
        return _alike(name, ELEMENTARY)
    if (name, method) == ("add", "accumulate"):
        return "; use np.cumsum"
    return "; call it on two arrays, or reduce by np.sum, np.prod, np.max, np.min"


def _alike(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, sorted(known), 1, 0.8)
    return f"; is np.{found[0]} meant?" if found else "; write it with np.where, sums and products"


REDUCTIONS = ("add", "multiply", "maximum", "minimum", "logical_and", "logical_or")


def _where(chooser: object, a: object, b: object) -> Traced:
    pick = np.frompyfunc(lambda c, x, y: _chosen(condition(c), x, y), 3, 1)
    return Traced(pick(objects(chooser), objects(a), objects(b)))


def _chosen(holds: Boolean, a: object, b: object) -> Choice:
    return Choice(holds, expression(a), expression(b))


def _clip(
    a: Traceable,
    a_min: Traceable = None,
    a_max: Traceable = None,
    *,
    min: Traceable = None,
    max: Traceable = None,
    **_: object,
) -> Traced:
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    value = a if low is None else np.maximum(a, low)
    value = value if high is None else np.minimum(value, high)
    return Traced(objects(value))


def _rebuilt(function: Callable[..., Any], plain: Plain) -> Callable[..., Traced]:
    def call(*args: object, dtype: object = None, **keywords: object) -> Traced:
        expect_floats(dtype)
        given = [_deep(a, plain) for a in args]
        named = {name: _deep(a, plain) for name, a in keywords.items()}
        return Traced(np.asarray(function(*given, **named), dtype=object))

    return call


PRODUCTS = "dot", "inner", "tensordot", "einsum"


def _summed(function: Callable[..., Any], multiplies: bool) -> Callable[..., Traced]:
    """A function that adds and multiplies elements, and nothing else."""
    call = _rebuilt(lambda *args, **keywords: values(function(*args, **keywords)), terms)

    def checked(*args: Any, **keywords: Any) -> Traced:
        if multiplies:
            expect_number_among(*(a for a in args if isinstance(a, Traced | np.ndarray)))
        return call(*args, **keywords)

    return checked


def expect_number_among(*arrays: object) -> None:
    """NumPy's products of conditions are conditions, not counts."""
    if arrays and all(map(_conditions_only, arrays)):
        raise UntraceableError("of conditions only; write 1.0 * (x > 0), or np.any")


def _conditions_only(array: object) -> bool:
    if not isinstance(array, Traced):
        return np.asarray(array).dtype.kind == "b"
    cells = array.values.flat
    return all(isinstance(e, Boolean) and not isinstance(e, sympy.Expr) for e in cells)


def _deep(value: object, plain: Plain) -> object:
    if isinstance(value, Traced):
        cells = plain(value.values)
        return cells if value.ndim else np.asarray(cells, object)[()]  # no array in a list's cell
    if isinstance(value, np.ndarray) and value.dtype == object:
        return plain(objects(value))
    if isinstance(value, list | tuple):
        parts = [_deep(v, plain) for v in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    return value


def _filled(value: sympy.Expr) -> Callable[..., Traced]:
    def call(x: object, dtype: Any = None, *_: object, shape: Shape = None, **__: object) -> Traced:
        expect_floats(dtype)
        return Traced(np.full(np.shape(objects(x)) if shape is None else shape, value, object))

    return call


def _full_like(x: object, fill: object, *_: object, shape: Shape = None, **__: object) -> Traced:
    expect_floats(_[0] if _ else __.get("dtype"))
    array = np.empty(np.shape(objects(x)) if shape is None else shape, object)
    array[...] = np.asarray(objects(fill), dtype=object)[()]
    return Traced(array)


def _reduction(name: str) -> Callable[..., Traced]:
    def call(a: object, axis: object = None, keepdims: object = False, **more: object) -> Traced:
        if more.get("where", np._NoValue) is not np._NoValue:
            raise UntraceableError(f"np.{name} takes no where; write np.where inside")
        expect_floats(more.get("dtype"))
        given = {"axis": axis, "keepdims": bool(keepdims)}
        if more.get("initial", np._NoValue) is not np._NoValue:
            given["initial"] = more["initial"]
        return Traced(np.asarray(_reduced(name, objects(a), given), object))

    return call


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "where": _where, "clip": _clip, "zeros_like": _filled(sympy.S.Zero),
    "ones_like": _filled(sympy.S.One), "empty_like": _filled(sympy.nan), "full_like": _full_like,
    "max": _reduction("maximum"), "amax": _reduction("maximum"),
    "min": _reduction("minimum"), "amin": _reduction("minimum"),
    "any": _reduction("logical_or"), "all": _reduction("logical_and"),
    **{
        name: _summed(getattr(np, name), multiplies=name in PRODUCTS)
        for name in (
            "sum", "prod", "dot", "inner", "outer", "cumsum", "cumprod", "diff", "trace", "mean",
            "tensordot", "einsum", "cross",
        )
    },
    **{
        name: _rebuilt(getattr(np, name), lambda array: array)
        for name in (
            "concatenate", "stack", "hstack", "vstack", "roll", "reshape", "transpose", "ravel",
            "diag", "flip", "tile", "repeat", "squeeze", "expand_dims", "append", "atleast_1d",
            "copy", "broadcast_to", "swapaxes", "moveaxis", "column_stack", "dstack", "block",
            "pad", "take", "delete", "insert", "flipud", "fliplr", "rot90", "atleast_2d",
            "atleast_3d", "diagonal", "compress", "rollaxis", "resize",
        )
    },
}  # fmt: skip
ELEMENTWISE = ("where", "clip", "dot", "copy")  # a number stays one
OURS = (
    "trace", "traced", "sums", "elementary", "branches", "rebound", "numpy_calls", "signature",
    "of_jax", "of_sympy", "of_complex", "complex_numbers",
)  # fmt: skip
LIBRARIES = (
    *(str(Path(str(m.__file__)).parent) for m in (np, sympy, scipy)),
    *(str(Path(__file__).with_name(f"{name}.py")) for name in OURS),
)


def users_line() -> str:
    """`file:line` of the code that called NumPy."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(LIBRARIES):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
