"""Complex numbers of symbols, as pairs of real ones, and Fourier transforms as matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import sympy
from numpy.lib.mixins import NDArrayOperatorsMixin

from .elementary import UntraceableError, expression
from .traced import COMPLEX, FUNCTIONS, Traceable, Traced, holds_complex, objects


def parts(value: Any) -> tuple[Traceable, Traceable]:
    """The real and the imaginary part of anything, as symbols."""
    if isinstance(value, Complex):
        return value.real, value.imag
    if isinstance(value, list | tuple):
        pairs = [parts(one) for one in value]
        return [real for real, _ in pairs], [imag for _, imag in pairs]
    if holds_complex(value):
        array = np.asarray(value)
        return Traced(objects(array.real)), Traced(objects(array.imag))
    cells = objects(value)
    return Traced(cells), Traced(np.full(cells.shape, sympy.S.Zero, object))


def multiplied(a: Any, b: Any, product: Callable[[Any, Any], Any] = np.multiply) -> Complex:
    (p, q), (r, s) = parts(a), parts(b)
    return Complex(product(p, r) - product(q, s), product(p, s) + product(q, r))


def divided(a: Any, b: Any) -> Complex:
    real, imag = parts(b)
    size = real * real + imag * imag
    return multiplied(a, Complex(real / size, -imag / size))


def exponential(a: Any) -> Complex:
    real, imag = parts(a)
    return Complex(np.exp(real) * np.cos(imag), np.exp(real) * np.sin(imag))


def power(a: Any, exponent: Any) -> Complex:
    cell = None if holds_complex(exponent) else expression(objects(exponent)[()])
    if cell is None or not cell.is_Integer or abs(int(cell)) > 64:
        raise UntraceableError("a complex number takes a whole power; np.abs(z)**a any")
    found = Complex(*parts(np.ones(np.shape(a))))
    for _ in range(abs(int(cell))):
        found = multiplied(found, a)
    return found if int(cell) >= 0 else divided(1.0, found)


def magnitude(a: Any) -> Traceable:
    real, imag = parts(a)
    return np.sqrt(real * real + imag * imag)


UFUNCS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: Complex(*(x + y for x, y in zip(parts(a), parts(b), strict=True))),
    "subtract": lambda a, b: Complex(*(x - y for x, y in zip(parts(a), parts(b), strict=True))),
    "multiply": multiplied, "divide": divided, "power": power, "exp": exponential,
    "matmul": lambda a, b: multiplied(a, b, np.matmul), "absolute": magnitude,
    "negative": lambda a: Complex(*(-part for part in parts(a))), "positive": lambda a: a,
    "conjugate": lambda a: Complex(parts(a)[0], -parts(a)[1]), "square": lambda a: multiplied(a, a),
    "reciprocal": lambda a: divided(1.0, a),
}  # fmt: skip


def ufunc_of(name: str, method: str, inputs: tuple[Any, ...]) -> Any:
    if method != "__call__" or name not in UFUNCS:
        raise unsupported(name)
    return UFUNCS[name](*inputs)


def unsupported(name: str) -> UntraceableError:
    return UntraceableError(
        f"np.{name} of complex numbers is not supported; write it with z.real and z.imag"
    )


def by_parts(name: str) -> Callable[..., Complex]:
    """A function that leaves sums of real and imaginary parts apart."""

    def call(value: Any, *args: Any, **keywords: Any) -> Complex:
        function = getattr(np, name)
        return Complex(*(function(part, *args, **keywords) for part in parts(value)))

    return call


def bilinear(name: str) -> Callable[..., Complex]:
    def call(a: Any, b: Any, *args: Any, **keywords: Any) -> Complex:
        function = getattr(np, name)
        return multiplied(a, b, lambda x, y: function(x, y, *args, **keywords))

    return call


def transform(matrix: Any, value: Any, axis: int, real: bool = False) -> Any:
    """A matrix times `value` along an axis."""
    moved = [np.moveaxis(part, axis, 0) for part in parts(value)]
    found = multiplied(matrix, Complex(*moved), lambda a, b: np.tensordot(a, b, 1))
    back = Complex(*(np.moveaxis(part, 0, axis) for part in parts(found)))
    return back.real if real else back


def length_of(value: Any, n: int | None, axis: int, norm: object) -> int:
    size = np.shape(parts(value)[0])[axis]
    if norm is not None or n not in (None, size):
        raise UntraceableError("np.fft takes the whole axis and no norm here")
    return int(size)


def fft(a: Any, n: int | None = None, axis: int = -1, norm: object = None) -> Any:
    return transform(np.fft.fft(np.eye(length_of(a, n, axis, norm)), axis=0), a, axis)


def ifft(a: Any, n: int | None = None, axis: int = -1, norm: object = None) -> Any:
    return transform(np.fft.ifft(np.eye(length_of(a, n, axis, norm)), axis=0), a, axis)


def rfft(a: Any, n: int | None = None, axis: int = -1, norm: object = None) -> Any:
    return transform(np.fft.rfft(np.eye(length_of(a, n, axis, norm)), axis=0), a, axis)


def irfft(a: Any, n: int | None = None, axis: int = -1, norm: object = None) -> Any:
    modes = length_of(a, None, axis, norm)
    n = 2 * (modes - 1) if n is None else n
    real, imag = np.eye(modes), 1j * np.eye(modes)
    # Linear in the two parts, but not complex linear: it takes the first mode's real part only.
    first, second = np.fft.irfft(real, n, axis=0), np.fft.irfft(imag, n, axis=0)
    p, q = parts(a)
    one = transform(first, p, axis, real=True)
    return one + transform(second, q, axis, real=True)


def angle(z: Any) -> Traceable:
    real, imag = parts(z)
    return np.arctan2(imag, real)


REARRANGED = (
    "sum", "roll", "concatenate", "stack", "hstack", "vstack", "reshape", "ravel", "transpose",
    "cumsum", "diff", "flip", "squeeze", "mean", "tile", "repeat", "swapaxes", "moveaxis",
    "expand_dims", "copy", "broadcast_to", "append", "zeros_like", "trace", "diag", "atleast_1d",
)  # fmt: skip
COMPLEX_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: by_parts(name) for name in REARRANGED},
    **{name: bilinear(name) for name in ("dot", "inner", "outer", "tensordot", "kron")},
    "einsum": lambda rule, a, b: multiplied(a, b, lambda x, y: np.einsum(rule, x, y)),
    "fft": fft, "ifft": ifft, "rfft": rfft, "irfft": irfft, "angle": angle,
    "real": lambda a: parts(a)[0], "imag": lambda a: parts(a)[1],
    "vdot": lambda a, b: np.sum(multiplied(np.conjugate(a), b)),
    "shape": lambda a: np.shape(parts(a)[0]), "ndim": lambda a: np.ndim(parts(a)[0]),
    "iscomplexobj": lambda a: True, "isrealobj": lambda a: False,
}  # fmt: skip
FUNCTIONS |= {
    "fft": fft, "ifft": ifft, "rfft": rfft, "irfft": irfft, "imag": lambda a: 0.0 * a,
}  # fmt: skip


def called(name: str, args: Any, keywords: Any) -> Any:
    """NumPy's function of that name on complex numbers."""
    if name not in COMPLEX_FUNCTIONS:
        raise unsupported(name)
    return COMPLEX_FUNCTIONS[name](*args, **keywords)


COMPLEX |= {"ufunc": ufunc_of, "function": called}


class Complex(NDArrayOperatorsMixin):
    """An array of complex numbers whose parts are symbols."""

    __array_priority__ = 2000

    def __init__(self, real: Traceable, imag: Traceable):
        self.real, self.imag = Traced(objects(real)), Traced(objects(imag))

    shape = property(lambda self: self.real.shape)
    ndim = property(lambda self: self.real.ndim)
    size = property(lambda self: self.real.size)
    dtype = property(lambda self: np.dtype(complex))
    T = property(lambda self: Complex(self.real.T, self.imag.T))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        (out,) = keywords.pop("out", None) or (None,)
        if method == "reduce" and ufunc.__name__ == "add":
            keywords.pop("dtype", None)
            return by_parts("sum")(inputs[0], **keywords)
        found = ufunc_of(ufunc.__name__, method, inputs)
        if out is None:
            return found
        out[...] = found
        return out

    def __array_function__(
        self, function: Callable[..., Any], _types: Any, args: Any, kwargs: Any
    ) -> Any:
        return called(function.__name__, args, kwargs)

    def __getitem__(self, key: Any) -> Complex:
        return Complex(self.real[key], self.imag[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.real[key], self.imag[key] = parts(value)

    def __len__(self) -> int:
        return len(self.real)

    def __iter__(self) -> Iterator[Complex]:
        return (Complex(a, b) for a, b in zip(self.real, self.imag, strict=True))

    def __getattr__(self, name: str) -> Any:
        if name in ("conj", "conjugate"):
            return lambda: np.conjugate(self)
        if name in ("reshape", "ravel", "flatten", "copy", "sum", "mean", "transpose", "dot"):
            rule = COMPLEX_FUNCTIONS["ravel" if name == "flatten" else name]
            if name == "reshape":
                return lambda *shape: rule(self, shape[0] if len(shape) == 1 else shape)
            return lambda *args, **keywords: rule(self, *args, **keywords)
        raise AttributeError(name)
