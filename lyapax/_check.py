"""The boundary: user input becomes C-contiguous arrays of known shape, or a clear error."""

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def on_gpu(value: Any) -> bool:
    """Whether an array of another library lies on a GPU."""
    if hasattr(value, "detach"):
        return bool(value.is_cuda)
    return hasattr(value, "__cuda_array_interface__")


def host(value: Any) -> Any:
    """An array on a GPU as a NumPy array; anything else as it is."""
    if not on_gpu(value):
        return value
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    if not hasattr(value, "get"):  # not CuPy's own
        import cupy

        value = cupy.asarray(value)
    return value.get()


def real_array(value: Any, name: str, *, ndim_min: int = 0) -> Array:
    """A finite float64 array, never an alias that kernels may write to."""
    array = np.asarray(host(value))
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    if array.ndim < ndim_min:
        raise ValueError(f"{name} must have at least {ndim_min} axes, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    array = np.array(array, dtype=np.float64, order="C")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {np.sum(~np.isfinite(array))} NaN or inf")
    return array


def positive(value: Any, name: str, *, zero: bool = False) -> float:
    if isinstance(value, bool | str | complex) or not np.isscalar(value):
        raise TypeError(f"{name} must be a number, got {value!r}")
    number = float(value)  # type: ignore[arg-type]
    if not np.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise ValueError(f"{name} must be {'>= 0' if zero else '> 0'} and finite, got {value!r}")
    return number


def count(value: Any, name: str, *, low: int = 1, high: int | None = None) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if number < low or (high is not None and number > high):
        limits = f">= {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be {limits}, got {number}")
    return number


def choice(value: Any, name: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    return str(value)


def dtype(value: Any, name: str, allowed: tuple[str, ...]) -> np.dtype[Any]:
    try:
        kind: np.dtype[Any] = np.dtype(value)
    except TypeError:
        kind = np.dtype(object)
    if kind.name not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    return kind


def generator(value: Any, name: str) -> np.random.Generator:
    try:
        return np.random.default_rng(value)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{name} must be an integer >= 0 or a numpy.random.Generator, got {value!r}"
        ) from None


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
    # A copy: what broadcast_to returns is read-only, which is another type to compiled code.
    return np.array(np.broadcast_to(array, batch + tail), order="C").reshape(-1, *tail)
