"""Blocks drawn from the region, each of them run to see that it oscillates."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check import Array, Seed
from ..kernels.propagator import initial_carry
from ._blocks import block_system, together
from ._region import LARGEST, Region, fixed_values

CHECK_STEPS = (2_000, 10_000)  # of a map: transient and measured
CALL_STEPS = 20_000_000  # of all blocks in one call of a kernel: a few tenths of a second
LOCKED = 1.5e-3  # per step: a block below is locked; at rest the estimate is within 1e-3 of zero


def leading_exponents(
    alpha: ArrayLike,
    theta: ArrayLike,
    cell: str = "tanh",
    time: str = "discrete",
    *,
    transient: int = CHECK_STEPS[0],
    steps: int = CHECK_STEPS[1],
    rng: Seed | None = 0,
    dt: float = 0.1,
) -> Array:
    """Leading exponent of each block, per step of a map or per unit time, by a short run.

    Zero for a block that oscillates freely, negative for one that is locked.

    Parameters
    ----------
    alpha, theta : float or array (m,)
        Sizes and angles (radian), broadcast together.
    cell, time : str
        As of `Region`.
    transient, steps : int
        Steps before and in the measurement, of `dt` in continuous time; rounded up to 50.
    rng : int or numpy.random.Generator, optional
    dt : float
        Of the flow.

    Returns
    -------
    ndarray, shape (m,)
        Natural logarithms; NaN of a block whose state left the floating-point numbers.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Examples
    --------
    >>> from lyapax.pta import leading_exponents
    >>> leading_exponents(2.0, [0.1, 0.8]).round(2) + 0.0     # at rest, and oscillating
    array([-1.32,  0.  ])
    """
    _check.choice(time, "time", ("discrete", "continuous"))
    transient = _check.count(transient, "transient", low=0, high=10**9)
    steps, random = _check.count(steps, "steps", high=10**9), _check.generator(rng, "rng")
    step = _check.positive(dt, "dt") if time == "continuous" else 1.0
    alpha, theta = together(alpha=alpha, theta=theta)
    if alpha.ndim > 1:
        raise ValueError(f"alpha and theta must be numbers or (m,), got shape {alpha.shape}")
    members = alpha.size
    if not members:
        return np.empty(0)
    system = block_system(alpha, theta, cell, time)
    propagator = system.propagator((members,), step, 1, np.dtype(np.float64))
    basis = random.standard_normal((members, 2, 1))
    carry = initial_carry(random.uniform(-0.5, 0.5, (members, 2)), basis)
    interval, intervals = 50, -(-steps // 50)
    longest = max(1, CALL_STEPS // (interval * members))  # so that Ctrl-C answers soon

    def run(total: int) -> None:
        for done in range(0, total, longest):
            propagator.propagate(carry, min(longest, total - done), interval)

    run(-(-transient // interval))
    carry.log_sum[:], carry.compensation[:] = 0.0, 0.0
    run(intervals)
    total = carry.log_sum[:, 0] + carry.compensation[:, 0]
    return np.asarray(total / (intervals * interval * step))


def draw(
    size: int,
    where: Region,
    rng: Seed | None = None,
    *,
    check: bool = True,
    rounded: Callable[[Array], Array] | None = None,
    alpha: ArrayLike | None = None,
    theta: ArrayLike | None = None,
    offset: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Blocks as of `Region.sample`, the locked ones drawn again.

    Narrow tongues in which a map locks lie inside of the region, so each block is run for 12,000
    steps. A flow's region has none and is not checked. Of blocks that are fixed altogether nothing
    can be drawn again.

    Parameters
    ----------
    size : int
        Number of blocks, m.
    where : Region
    rng : int or numpy.random.Generator, optional
    check : bool
        Whether locked blocks are drawn again.
    rounded : callable, optional
        Where weights are kept in few digits: takes an array of the blocks' entries to what is kept
        of them. It is such blocks, of another alpha and theta, that are run and returned.
    alpha, theta, offset : array_like, optional
        Fixed values, as of `Region.sample`.

    Returns
    -------
    alpha, theta : ndarray, shape (m,)

    Raises
    ------
    ValueError, TypeError
        Naming the argument; ValueError too where a block locks wherever it is drawn.

    Examples
    --------
    >>> from lyapax.pta import draw, leading_exponents, region
    >>> alpha, theta = draw(20, region("paper"), rng=0)
    >>> print(abs(leading_exponents(alpha, theta)).max() < 2e-3)
    True
    """
    if not isinstance(where, Region):
        raise TypeError(f"where must be a Region, got {type(where).__name__}")
    if not isinstance(check, bool | np.bool_):
        raise TypeError(f"check must be True or False, got {_check.quoted(check)}")
    if rounded is not None and not callable(rounded):
        raise TypeError(f"rounded must be a function of an array, got {_check.quoted(rounded)}")
    size, random = _check.count(size, "size", low=0, high=LARGEST), _check.generator(rng, "rng")
    fixed = fixed_values(size, alpha=alpha, theta=theta, offset=offset)
    found, missing = np.empty((2, size)), np.arange(size)
    for _ in range(51):
        still: Any = {name: values[missing] for name, values in fixed.items()}
        each = where.sample(len(missing), random, **still)
        found[:, missing] = each if rounded is None else _kept(*each, rounded)
        if not check or where.time == "continuous" or len(fixed) > 1:
            break
        leading = leading_exponents(found[0][missing], found[1][missing], where.cell)
        missing = missing[~(np.abs(leading) <= LOCKED)]  # one that died has NaN
        if not len(missing):
            break
    else:
        raise ValueError(
            f"alpha, theta or offset must leave room: block {missing[0]} locks wherever it is "
            "drawn, nothing near is free"
        )
    return found[0], found[1]


def _kept(alpha: Array, theta: Array, rounded: Callable[[Array], Array]) -> tuple[Array, Array]:
    """Blocks of rounded entries: equal ones stay equal, so each is again a size and an angle."""
    entries = np.stack([alpha * np.cos(theta), alpha * np.sin(theta)])
    try:
        kept = np.asarray(rounded(entries), np.float64)
    except Exception as error:
        told = " ".join(str(error).split())
        raise TypeError(
            f"rounded must take an array and return another; it raised: {told:.200}"
        ) from error
    if kept.shape != entries.shape:
        raise ValueError(
            f"rounded must return an array of shape {entries.shape} as it was given, got one of "
            f"{kept.shape}"
        )
    real, imaginary = kept
    return np.hypot(real, imaginary), np.arctan2(imaginary, real)
