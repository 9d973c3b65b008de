"""The class of an attractor, from signs of exponents, mean speed and return distance."""

from typing import Any

import numpy as np

from .run import Run

LONGEST_PERIOD = 4096
AT_REST = 1e-6  # of the state's scale, for speeds (per time unit) and return distances


def evidence(run: Run, is_flow: bool) -> tuple[Any, Any]:
    """(speed |f| relative to the state's scale, period of return or 0), one a member.

    Runs on a copy: the flight itself does not move.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # diverged members give NaN
        return _evidence(run, is_flow)


def _evidence(run: Run, is_flow: bool) -> tuple[Any, Any]:
    flight = run.flight.copy()
    origin = flight.state.copy()
    scale = np.maximum(np.abs(origin).max(axis=1), 1e-3)
    speed = np.full(len(origin), np.nan)
    period = np.zeros(len(origin), np.int64)
    if is_flow:
        run.propagator.advance(flight, 1)
        speed = np.abs(flight.state - origin).max(axis=1) / (scale * run.step_time)
        return speed, period
    for step in range(1, LONGEST_PERIOD + 1):
        run.propagator.advance(flight, 1)
        back = np.abs(flight.state - origin).max(axis=1) < AT_REST * scale
        period[(period == 0) & back] = step
        if period.all():
            break
    return speed, period


def classify(
    sign: np.ndarray, dim: int, is_flow: bool, is_driven: bool, speed: float, period: int
) -> str:
    """One member's class; `sign` as from `statistics.signs`, in descending order."""
    positive, zero = int((sign == 1).sum()), int((sign == 0).sum())
    leading = sign[: positive + zero + 1]
    if (leading == 2).any():
        return "undetermined"
    if positive:
        return "chaotic" if positive == 1 else "hyperchaotic"
    if is_driven:
        return "stable response" if zero == 0 else torus(zero)
    if zero == 0:
        if is_flow:
            return "fixed point"
        return {0: "undetermined", 1: "fixed point"}.get(period, f"periodic orbit ({period})")
    if len(sign) < dim and zero == len(sign):
        return "undetermined"
    if is_flow:
        if speed < AT_REST:
            return "continuum of fixed points"
        return "limit cycle" if zero == 1 else torus(zero)
    if period == 1:
        return "continuum of fixed points"
    return "closed curve" if zero == 1 else torus(zero)


def torus(dimension: int) -> str:
    return f"torus of dimension {dimension}"
