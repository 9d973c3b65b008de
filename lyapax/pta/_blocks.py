"""Two-unit blocks: as matrices, side by side in one, and as systems."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check import Array
from ..systems import Flow, Map
from ..systems.base import System
from ..systems.known_systems import pta_flow, pta_map
from ..systems.trace import Parameters
from ..systems.traced import Traceable

UNIT = {"tanh": 1.0, "gru": 2.0}  # that alpha counts in: a GRU's gates of one half halve it


def blocks(alpha: ArrayLike, theta: ArrayLike) -> Array:
    r"""Blocks :math:`\alpha R(\theta)`, counterclockwise.

    Parameters
    ----------
    alpha, theta : array_like
        Sizes and angles (radian), broadcast together.

    Returns
    -------
    ndarray, shape (..., 2, 2)

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Examples
    --------
    >>> from lyapax.pta import blocks
    >>> blocks(2.0, 0.0).tolist()
    [[2.0, -0.0], [0.0, 2.0]]
    """
    alpha, theta = together(alpha=alpha, theta=theta)
    real, imaginary = alpha * np.cos(theta), alpha * np.sin(theta)
    return np.stack([np.stack([real, -imaginary], -1), np.stack([imaginary, real], -1)], -2)


def bank(alpha: ArrayLike, theta: ArrayLike, n: int | None = None) -> Array:
    """Blocks along the diagonal of a matrix, zero elsewhere.

    Parameters
    ----------
    alpha, theta : float or array (m,)
        Sizes and angles (radian) of the blocks, broadcast together.
    n : int, optional
        Rows of the matrix: 2 m (default), or 2 m + 1, then the last row and column are zero.

    Returns
    -------
    ndarray, shape (n, n)

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Examples
    --------
    >>> from lyapax.pta import bank
    >>> bank(2.0, [0.0, 0.0], n=5).diagonal().tolist()
    [2.0, 2.0, 2.0, 2.0, 0.0]
    """
    each = blocks(alpha, theta)
    each = each[None] if each.ndim == 2 else each
    if each.ndim != 3:
        raise ValueError(f"alpha and theta must be numbers or (m,), got shape {each.shape[:-2]}")
    n = 2 * len(each) if n is None else _check.count(n, "n")
    if n // 2 != len(each):
        raise ValueError(
            f"n must be {2 * len(each)} or {2 * len(each) + 1}, got {n}: alpha and theta are of "
            f"{len(each)} blocks"
        )
    out = np.zeros((n, n))
    first = 2 * np.arange(len(each))
    for i in range(2):
        for j in range(2):
            out[first + i, first + j] = each[:, i, j]
    return out


def block_system(alpha: ArrayLike, theta: ArrayLike, cell: str, time: str) -> System:
    """Blocks as systems of two units, one member each.

    Parameters
    ----------
    alpha, theta : array_like
        Sizes and angles (radian), broadcast together to the shape of the batch.
    cell, time : str
        As of `Region`.

    Returns
    -------
    Flow or Map

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Examples
    --------
    >>> import lyapax as lx
    >>> from lyapax.pta import block_system
    >>> spec = lx.lyapunov_spectrum(block_system(1.2, 0.7, "tanh", "discrete"), duration=5000,
    ...                             rng=0, progress=False)
    >>> spec.attractor                                # one zero exponent: it oscillates
    'closed curve'
    """
    _check.choice(cell, "cell", ("tanh", "gru"))
    _check.choice(time, "time", ("discrete", "continuous"))
    alpha, theta = together(alpha=alpha, theta=theta)
    if not alpha.size:
        raise ValueError("alpha and theta must be of one block at least, got none")
    return _block(cell, time).with_params(alpha=alpha / UNIT[cell], theta=theta)


@cache
def _block(cell: str, time: str) -> System:
    unit, params = UNIT[cell], {"alpha": 1.0, "theta": 0.0}

    def mixed(x: Traceable, p: Parameters) -> list[Traceable]:
        return [0.5 * h + 0.5 * c for h, c in zip(x, pta_map(x, p), strict=True)]

    def flow(x: Traceable, p: Parameters) -> list[Traceable]:
        return [slope / unit for slope in pta_flow(x, p)]

    if time == "continuous":
        return Flow(flow, 2, params)
    return Map(mixed if cell == "gru" else pta_map, 2, params)


def numbers(value: ArrayLike, name: str) -> Array:
    """A finite real array; an empty one is fine: no blocks."""
    if isinstance(value, np.ndarray) and value.dtype == np.float64 and not value.size:
        return value
    return _check.real_array(value, name)


def together(**values: ArrayLike) -> list[Array]:
    """Arrays of one shape."""
    arrays = [numbers(value, name) for name, value in values.items()]
    shape = _check.broadcast(" and ".join(values), *(array.shape for array in arrays))
    return [np.array(np.broadcast_to(array, shape)) for array in arrays]
