"""NumPy's functions on symbols that are more than a rearrangement or a sum of elements."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from .elementary import UntraceableError, expression, number
from .traced import FUNCTIONS, Traceable, Traced, objects

SMALLEST = 3  # rows of a matrix of symbols that is inverted


def constants(value: object, name: str) -> Any:
    """What must not depend on the state, on parameters or on time, as numbers."""
    cells = objects(value)
    if any(not expression(cell).is_number for cell in cells.ravel()):
        raise UntraceableError(f"{name} must be constant numbers")
    return np.array([float(expression(cell)) for cell in cells.ravel()]).reshape(cells.shape)


def norm(x: Traceable, ord: object = None, axis: Any = None, keepdims: bool = False) -> Traceable:
    if axis is None and np.ndim(x) > 1 and ord not in (None, "fro"):
        if ord not in (1, np.inf):
            raise UntraceableError("np.linalg.norm of a matrix takes ord=None, 1 or np.inf")
        return np.max(np.sum(np.abs(x), axis=0 if ord == 1 else 1))
    if ord in (None, 2, "fro"):
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    raise UntraceableError("np.linalg.norm takes ord=None, 1, 2 or np.inf")


def interp(
    x: Traceable, xp: object, fp: Traceable, left: Any = None, right: Any = None, period: Any = None
) -> Traceable:
    """Piecewise linear, and constant beyond the knots; by halves, so that its depth is small."""
    knots = constants(xp, "xp of np.interp")
    values = objects(fp)
    if period is not None:
        raise UntraceableError("np.interp takes no period; write np.mod(x, period)")
    if knots.ndim != 1 or not (np.diff(knots) > 0).all():
        raise UntraceableError("xp of np.interp must increase")

    def between(first: int, last: int) -> Traceable:
        if last - first == 1:
            slope = (values[last] - values[first]) / number(knots[last] - knots[first])
            return Traced(values[first]) + (x - knots[first]) * Traced(slope)
        middle = (first + last) // 2
        return np.where(x < knots[middle], between(first, middle), between(middle, last))

    low = Traced(values[0]) if left is None else left
    high = Traced(values[-1]) if right is None else right
    if len(knots) == 1:
        return np.where(x < knots[0], low, np.where(x > knots[0], high, Traced(values[0])))
    inner = between(0, len(knots) - 1)
    return np.where(x < knots[0], low, np.where(x > knots[-1], high, inner))


def sinc(x: Traceable) -> Traceable:
    safe = np.where(x == 0, 1.0, np.pi * x)
    return np.where(x == 0, 1.0, np.sin(safe) / safe)


def var(a: Traceable, axis: Any = None, ddof: float = 0, keepdims: bool = False, **_: Any) -> Any:
    away = a - np.mean(a, axis=axis, keepdims=True)
    axes = range(a.ndim) if axis is None else np.atleast_1d(axis)
    count = math.prod(a.shape[i] for i in axes)
    return np.sum(away * away, axis=axis, keepdims=keepdims) / (count - ddof)


def std(a: Traceable, **options: Any) -> Traceable:
    return np.sqrt(var(a, **options))


def average(a: Traceable, axis: Any = None, weights: Any = None) -> Traceable:
    if weights is None:
        return np.mean(a, axis=axis)
    if axis is not None and np.ndim(weights) == 1 and np.ndim(a) > 1:
        shape = [1] * np.ndim(a)
        shape[axis] = -1
        weights = np.reshape(weights, shape)
    return np.sum(a * weights, axis=axis) / np.sum(weights, axis=axis)


def gradient(f: Traceable, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Traceable:
    if (f.ndim != 1 and axis is None) or len(spacing) > 1 or edge_order != 1:
        raise UntraceableError("np.gradient takes one axis, one spacing and edge_order=1")
    step = constants(spacing[0] if spacing else 1.0, "the spacing of np.gradient")
    if step.ndim:
        raise UntraceableError("np.gradient takes one spacing, the same everywhere")
    rows = np.moveaxis(f, 0 if axis is None else axis, 0)
    parts = [rows[1:2] - rows[:1], (rows[2:] - rows[:-2]) / 2, rows[-1:] - rows[-2:-1]]
    return np.moveaxis(np.concatenate(parts) / float(step), 0, 0 if axis is None else axis)


def convolve(a: Traceable, v: Traceable, mode: str = "full") -> Traceable:
    first, second = objects(a), objects(v)
    if len(first) < len(second):
        first, second = second, first
    n, m = len(first), len(second)
    full = np.full(n + m - 1, sympy.S.Zero, object)
    for i, j in itertools.product(range(n), range(m)):
        full[i + j] += expression(first[i]) * expression(second[j])
    start = {"full": 0, "same": (m - 1) // 2, "valid": m - 1}[mode]
    length = {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]
    return Traced(full[start : start + length])


def correlate(a: Traceable, v: Traceable, mode: str = "valid") -> Traceable:
    if len(a) < len(v):
        raise UntraceableError("np.correlate takes the longer array first")
    return convolve(a, v[::-1], mode)


def piecewise(x: Traceable, conditions: Any, functions: Sequence[Any], *args: Any) -> Traceable:
    conditions = list(conditions) if isinstance(conditions, list | tuple) else [conditions]
    pieces = [f(x, *args) if callable(f) else f for f in functions]
    found: Traceable = pieces[len(conditions)] if len(pieces) > len(conditions) else 0.0 * x
    for holds, piece in zip(conditions, pieces, strict=False):
        found = np.where(holds, piece, found)
    return found


def select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0.0) -> Traceable:
    found = default
    for holds, choice in zip(reversed(conditions), reversed(choices), strict=True):
        found = np.where(holds, choice, found)
    return found


def inv(a: Traceable) -> Traceable:
    cells = objects(a)
    if all(expression(cell).is_number for cell in cells.ravel()):
        return Traced(objects(np.linalg.inv(constants(a, "a"))))
    if len(cells) > SMALLEST:
        raise UntraceableError(
            f"np.linalg takes a constant matrix, or symbols in {SMALLEST} rows at most"
        )
    matrix = sympy.Matrix(cells.tolist())
    return Traced(np.array((matrix.adjugate() / matrix.det()).tolist(), object))


def solve(a: Traceable, b: Traceable) -> Traceable:
    return inv(a) @ b


def det(a: Traceable) -> Traceable:
    if len(a) > SMALLEST:
        raise UntraceableError(f"np.linalg.det takes symbols in {SMALLEST} rows at most")
    return Traced(sympy.Matrix(objects(a).tolist()).det())


def kron(a: Traceable, b: Traceable) -> Traceable:
    first, second = np.atleast_1d(objects(a)), np.atleast_1d(objects(b))
    if first.ndim != second.ndim:
        raise UntraceableError("np.kron takes two arrays with the same number of axes")
    apart = np.multiply.outer(first, second)
    order = [axis for i in range(first.ndim) for axis in (i, first.ndim + i)]
    shape = [m * n for m, n in zip(first.shape, second.shape, strict=True)]
    return Traced(apart.transpose(order).reshape(shape))


def polyval(p: Traceable, x: Traceable) -> Traceable:
    found: Traceable = 0.0 * x
    for coefficient in p:
        found = found * x + coefficient
    return found


def trapezoid(y: Traceable, x: Any = None, dx: float = 1.0, axis: int = -1) -> Traceable:
    widths = np.diff(constants(x, "x of np.trapezoid")) if x is not None else dx
    rows = np.moveaxis(y, axis, -1)
    return np.sum((rows[..., 1:] + rows[..., :-1]) / 2 * widths, axis=-1)


def masked(name: str) -> Callable[..., Traceable]:
    def call(m: Traceable, k: int = 0) -> Traceable:
        return m * getattr(np, name)(np.ones(m.shape), k)

    return call


def fill_diagonal(a: Traced, val: Any) -> None:
    for i in range(min(a.shape)):
        a[(i,) * a.ndim] = val


def copyto(dst: Traced, src: Any) -> None:
    dst[...] = src


def split_by(name: str) -> Callable[..., list[Traced]]:
    def call(a: Traced, *args: Any, **keywords: Any) -> list[Traced]:
        return [Traced(part) for part in getattr(np, name)(a.values, *args, **keywords)]

    return call


FUNCTIONS |= {
    **{
        function.__name__: function
        for function in (
            norm, interp, sinc, var, std, average, gradient, convolve, correlate, piecewise, select,
            inv, solve, det, kron, polyval, trapezoid, fill_diagonal, copyto,
        )
    },
    "trapz": trapezoid, "triu": masked("triu"), "tril": masked("tril"),
    "vdot": lambda a, b: np.sum(np.ravel(a) * np.ravel(b)),
    "real": lambda a: a, "shape": lambda a: a.shape, "ndim": lambda a: a.ndim,
    "size": lambda a, axis=None: a.size if axis is None else a.shape[axis],
    "iscomplexobj": lambda a: False, "isrealobj": lambda a: True, "fix": np.trunc,
    "result_type": lambda *_: np.dtype(float),
    **{name: split_by(name) for name in ("split", "array_split", "hsplit", "vsplit")},
}  # fmt: skip
