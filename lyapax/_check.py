"""The boundary: user input becomes C-contiguous arrays of known shape, or a clear error.

Every error is a ValueError or a TypeError of one line that names the argument, what was expected
and what came.
"""

import inspect
import math
import numbers
import operator
import os
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import _memory

if TYPE_CHECKING:
    from .systems.base import System

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Complex = NDArray[np.complexfloating]
Seed = int | Sequence[int] | np.random.Generator  # what `generator` takes

LARGEST_COUNT = 2**63 - 1  # what kernels count with
SMALL = 2**26  # bytes that are asked for without a look at what is free
NESTED = 64  # levels of lists, NumPy's own limit of axes
LONGEST_NAME = 255  # bytes of a file's name on all common file systems

_shortened = reprlib.Repr()
_shortened.maxstring = _shortened.maxother = 80
_shortened.maxlong = 60


def quoted(value: object) -> str:
    """A value as it may stand in a message: one line, and not the whole of a long one."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"{type(value).__name__} of shape {tuple(shape)}"
    try:
        return " ".join(_shortened.repr(value).split())
    except Exception:  # an integer of 5000 digits, or a __repr__ that fails
        return f"a {type(value).__name__}"


def on_gpu(value: object) -> bool:
    """Whether an array of another library lies on a GPU."""
    if hasattr(value, "detach"):
        return bool(getattr(value, "is_cuda", False))
    return hasattr(value, "__cuda_array_interface__")


def host(value: object, name: str = "array") -> object:
    """Arrays of other libraries as NumPy arrays, also those in lists; anything else as it is.

    A tensor is taken without its gradient, and widened: NumPy has no bfloat16.
    """
    if isinstance(value, list | tuple):
        return _listed(value, name, NESTED)
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise TypeError(f"{name} must not have masked entries: fill them, or leave them out")
    if isinstance(value, np.ma.MaskedArray):
        return value.data
    if hasattr(value, "detach"):
        try:
            tensor = value.detach()
            tensor = tensor.double() if tensor.is_floating_point() else tensor
            return tensor.numpy(force=True)
        except Exception:
            layout, device = (getattr(value, a, "unknown") for a in ("layout", "device"))
            raise TypeError(
                f"{name} must be a dense tensor that holds numbers, got one of layout {layout} on "
                f"device {device}"
            ) from None
    if on_gpu(value):
        if hasattr(value, "get"):  # CuPy's own
            return value.get()
        import cupy

        return cupy.asarray(value).get()
    return value


def _listed(value: list[Any] | tuple[Any, ...], name: str, levels: int) -> list[object]:
    if levels == 0:
        raise TypeError(f"{name} must be real numbers, got lists in more than {NESTED} levels")
    return [
        part
        if isinstance(part, float | int)
        else _listed(part, name, levels - 1)
        if isinstance(part, list | tuple)
        else host(part, name)
        for part in value
    ]


def any_array(value: object, name: str) -> NDArray[Any]:
    """What NumPy makes of a value, of any type but masked."""
    value = host(value, name)
    try:
        return np.asarray(value)
    except Exception as error:
        ragged = "inhomogeneous" in str(error)
        wanted = "in lists of equal lengths" if ragged else "in an array"
        raise (ValueError if ragged else TypeError)(
            f"{name} must be real numbers {wanted}, got {quoted(value)}"
        ) from None


def real_array(value: object, name: str, *, ndim_min: int = 0) -> Array:
    """A finite float64 array, never an alias of what was given."""
    array = any_array(value, name)
    if array.dtype.kind not in "biuf":
        came = f"dtype {array.dtype}" if array.ndim else quoted(value)
        raise TypeError(f"{name} must be real numbers, got {came}")
    if array.ndim < ndim_min:
        raise ValueError(f"{name} must have at least {ndim_min} axes, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    room(8 * array.size, f"{name} of shape {array.shape}", f"give a smaller {name}")
    with np.errstate(over="ignore"):  # of wider types
        array = np.array(array, dtype=np.float64, order="C")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {np.sum(~np.isfinite(array))} NaN or inf")
    return array


def number(value: object, name: str) -> float:
    """A real number: Python's or NumPy's, or in an array of no axes. It may be NaN."""
    if hasattr(value, "shape") or hasattr(value, "__array__"):
        array = any_array(value, name)
        if array.ndim == 0 and array.dtype.kind in "iuf":
            return float(array)
    elif isinstance(value, numbers.Real | Decimal) and not isinstance(value, bool):
        try:
            return float(value)
        except (OverflowError, ValueError, TypeError):
            raise ValueError(f"{name} must be a float64, got {quoted(value)}") from None
    raise TypeError(f"{name} must be a number, got {quoted(value)}")


def positive(value: object, name: str, *, zero: bool = False) -> float:
    found = number(value, name)
    if not np.isfinite(found) or found < 0 or (found == 0 and not zero):
        raise ValueError(f"{name} must be {'>= 0' if zero else '> 0'} and finite, got {found:g}")
    return found


def count(value: object, name: str, *, low: int = 1, high: int | None = None) -> int:
    kind = str(getattr(value, "dtype", type(value).__name__))
    try:
        if "bool" in kind or np.ma.is_masked(value):
            raise TypeError
        found = operator.index(cast(SupportsIndex, value))
    except Exception:  # tensors raise errors of their own
        raise TypeError(f"{name} must be an integer, got {quoted(value)}") from None
    top = LARGEST_COUNT if high is None else high
    if not low <= found <= top:
        limits = f">= {low}" if high is None and found < low else f"from {low} to {top}"
        raise ValueError(f"{name} must be {limits}, got {quoted(found)}")
    return found


def steps(time: float, step_time: float, name: str) -> int:
    """Steps that a time lasts, rounded up: one at least, but none for a time of 0."""
    found = time / step_time
    if not found < LARGEST_COUNT:
        raise ValueError(
            f"{name} must be at most {LARGEST_COUNT:.2g} steps, got {found:.3g} of "
            f"dt = {step_time:g}"
        )
    return max(math.ceil(found - 1e-9), int(time > 0))


def flag(value: object, name: str) -> bool:
    if not isinstance(value, bool | np.bool_) and not (isinstance(value, int) and value in (0, 1)):
        raise TypeError(f"{name} must be True or False, got {quoted(value)}")
    return bool(value)


def choice(value: object, name: str, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {quoted(value)}")
    return str(value)


def dtype(value: DTypeLike, name: str, allowed: tuple[str, ...]) -> np.dtype[Any]:
    try:
        kind: np.dtype[Any] = np.dtype(value)
    except Exception:
        kind = np.dtype(object)
    if kind.name not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {quoted(value)}")
    return np.dtype(kind.name)  # in the byte order of this machine


def generator(value: Seed | None, name: str) -> np.random.Generator:
    """A generator, given or seeded as NumPy's are: by an integer or a sequence of integers."""
    seed: Any = value
    if isinstance(value, list | tuple | np.ndarray):
        seed = any_array(value, name)
        if seed.dtype.kind not in "iu":
            raise TypeError(f"{name} must be an integer or a Generator, got {quoted(value)}")
    try:
        if isinstance(value, bool):
            raise TypeError
        return np.random.default_rng(seed)
    except Exception as error:
        raise (ValueError if isinstance(error, ValueError) else TypeError)(
            f"{name} must be an integer >= 0 or a numpy.random.Generator, got {quoted(value)}"
        ) from None


def path(value: object, name: str) -> Path:
    """The path of a file, which need not exist."""
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str or a pathlib.Path, got {quoted(value)}")
    if not text or "\0" in text:
        raise ValueError(f"{name} must name a file, got {quoted(text)}")
    found = Path(text)
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in found.parts):
        raise ValueError(
            f"{name} must have names of at most {LONGEST_NAME} bytes, got {quoted(text)}"
        )
    return found


def file(value: object, name: str) -> Path:
    """The path of a file that may be written or read: no folder."""
    found = path(value, name)
    if found.is_dir():
        raise ValueError(f"{name} must name a file, got the folder {quoted(str(found))}")
    return found


def system(value: object, name: str = "system", params: object = None) -> "System":
    """A system with its parameters replaced."""
    if isinstance(value, type) or not hasattr(value, "propagator"):
        raise TypeError(
            f"{name} must be a RateNetwork, Network, RNN, GRU, LSTM, Flow or Map, got "
            f"{kind_of(value)}"
        )
    found = cast("System", value)
    if params is None:
        return found
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a dict of names and values, got {quoted(params)}")
    for key in params:
        if not isinstance(key, str):
            raise TypeError(f"params must have names for keys, got {quoted(key)}")
    return found.with_params(**params) if params else found


def kind_of(value: object) -> str:
    """The type of a value in words, where its content would not help."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def options(given: Iterable[str], function: Callable[..., Any], *taken: str) -> None:
    """Whether keyword arguments that are handed on exist there, but for those already `taken`."""
    known = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in taken
    ]
    for name in given:
        if name not in known:
            raise TypeError(
                f"options must be of {function.__name__}, got {name}; there are {', '.join(known)}"
            )


def room(needed: float, what: str, advice: str) -> None:
    """Refuse what cannot fit into memory, before any of it is allocated."""
    if needed < SMALL:
        return
    free = _memory.available()
    if needed > free:
        raise ValueError(
            f"{_memory.readable(needed)} of memory would be needed for {what}, "
            f"{_memory.readable(free)} are available; {advice}"
        )


def broadcast(name: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(str(s) for s in shapes)
        raise ValueError(f"{name} must broadcast together, got shapes {listed}") from None


def flat_batch(array: Array, batch: tuple[int, ...], core: int) -> Array:
    """(..., core axes) against a batch shape: leading axis 1 when shared by all members, else B."""
    tail = array.shape[array.ndim - core :]
    lead = array.shape[: array.ndim - core]
    if all(size == 1 for size in lead):
        return np.ascontiguousarray(array.reshape(1, *tail))
    members = math.prod(batch)
    room(
        8 * members * math.prod(tail),
        f"arrays {tail} of {members} members",
        "give fewer members, or batch axes of W and of other parameters that do not multiply",
    )
    # A copy: what broadcast_to returns is read-only, which is another type to compiled code.
    return np.array(np.broadcast_to(array, batch + tail), order="C").reshape(-1, *tail)
