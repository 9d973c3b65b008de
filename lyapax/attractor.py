"""The class of an attractor, from signs of exponents, mean speed and return distance."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .run import Run

LONGEST_PERIOD = 4096
AT_REST = 1e-6  # of the state's scale, for speeds (per time unit) and return distances


def evidence(run: Run, is_flow: bool, sign: NDArray[np.int64]) -> tuple[Any, Any]:
    """(speed |f| relative to the state's scale, period of return or 0), one a member.

    Runs on a copy: the flight itself does not move. A period is looked for only where the class
    depends on it: in maps, for members with no positive and no undetermined exponent.
    """
    speed = np.full(len(sign), np.nan)
    period = np.zeros(len(sign), np.int64)
    with np.errstate(invalid="ignore", over="ignore"):  # diverged members give NaN
        if is_flow:
            everyone = np.arange(len(sign))
            speed = next(_moved(run, everyone)) / run.step_time
        else:
            regular = (sign < 1).all(axis=1)
            contracting = (sign == -1).all(axis=1)
            _periods(run, np.nonzero(regular)[0], 1, period)
            # From the start each time, for those that are left: long periods are rare.
            for longest in (16, 256, LONGEST_PERIOD):
                _periods(run, np.nonzero(contracting & (period == 0))[0], longest, period)
    return speed, period


def _periods(run: Run, members: NDArray[np.int64], longest: int, period: NDArray[np.int64]) -> None:
    """Write the steps, up to `longest`, until each member is back where it is now."""
    if not len(members):
        return
    for step, distance in enumerate(_moved(run, members), start=1):
        back = (period[members] == 0) & (distance < AT_REST)
        period[members[back]] = step
        if step == longest or (period[members] > 0).all():
            break


def _moved(run: Run, members: NDArray[np.int64]) -> Iterator[Any]:
    """Distances from here after 1, 2, ... steps, relative to the state's scale."""
    now = run.now
    flight = now.flight.take(members, now.propagator.dtype)
    propagator = now.propagator.select(members, now.propagator.dtype)
    origin = flight.state.copy()
    scale = np.maximum(np.abs(origin).max(axis=1), 1e-3)
    while True:
        propagator.advance(flight, 1)
        yield np.abs(flight.state - origin).max(axis=1) / scale


def classify(
    sign: np.ndarray, dim: int, is_flow: bool, is_driven: bool, speed: float, period: int
) -> str:
    """One member's class; `sign` as from `statistics.signs`, in descending order."""
    positive, zero = int((sign == 1).sum()), int((sign == 0).sum())
    if positive > 1:
        return "hyperchaotic"  # whatever the exponents around zero turn out to be
    leading = sign[: positive + zero + 1]
    if (leading == 2).any():
        return "undetermined"
    if positive:
        return "chaotic"
    if is_driven and zero == 0:
        return "stable response"
    if zero == 0:
        if is_flow:
            return "fixed point"
        return {0: "undetermined", 1: "fixed point"}.get(period, f"periodic orbit ({period})")
    if len(sign) < dim and zero == len(sign):
        return "undetermined"
    if is_driven:
        return torus(zero)
    if is_flow:
        if speed < AT_REST:
            return "continuum of fixed points"
        return "limit cycle" if zero == 1 else torus(zero)
    if period == 1:
        return "continuum of fixed points"
    return "closed curve" if zero == 1 else torus(zero)


def torus(dimension: int) -> str:
    return f"torus of dimension {dimension}"
