"""The class of an attractor, from signs of exponents, mean speed and return distance."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .run import Run

LONGEST_PERIOD = 4096
LONGEST_STUCK = 64  # of orbits that a chaotic map can only be on by its start or by rounding
AT_REST = 1e-6  # of the state's scale, for speeds (per time unit) and return distances


def evidence(run: Run, is_flow: bool, sign: NDArray[np.int64]) -> tuple[Any, Any]:
    """(speed |f| relative to the state's scale, period of return or 0), one a member.

    Runs on a copy: the flight itself does not move. Periods of maps are looked for up to where the
    class depends on them. Where an exponent may be positive the return must be exact: chaotic
    orbits come close to themselves.
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
            _periods(run, np.nonzero(~regular)[0], LONGEST_STUCK, period, near=0.0)
    return speed, period


def rounded_away(run: Run, period: NDArray[np.int64], sign: NDArray[np.int64]) -> int:
    """Members of a map that are exactly periodic, have a positive exponent, and began elsewhere.

    No orbit reaches an unstable one but by rounding.
    """
    members = np.nonzero((period > 0) & (sign == 1).any(axis=1))[0]
    if not len(members):
        return 0
    now, begin = run.now, run.initial[members]
    flight = now.flight.take(members, now.propagator.dtype)
    propagator = now.propagator.select(members, now.propagator.dtype)
    there = np.zeros(len(members), bool)
    for _ in range(int(period[members].max())):
        there |= (flight.state == begin).all(axis=1)
        propagator.advance(flight, 1)
    return int((~there).sum())


def _periods(
    run: Run, members: NDArray[np.int64], longest: int, period: NDArray[np.int64],
    near: float = AT_REST,
) -> None:  # fmt: skip
    """Write the steps, up to `longest`, until each member is back where it is now."""
    if not len(members):
        return
    for step, distance in enumerate(_moved(run, members), start=1):
        back = (period[members] == 0) & (distance <= near)
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
    if positive and (speed < AT_REST or period == 1):
        return "unstable fixed point"
    if positive and period:
        return f"unstable periodic orbit ({period})"
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
