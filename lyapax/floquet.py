"""Floquet multipliers of periodic orbits."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from . import _check
from ._check import Array
from .orbit import Orbit, begin
from .systems.base import System

NEWTON_STEPS = 30
CLOSE = 0.02  # of the orbit's size: a return that Newton's method may start from
SEGMENTS = 32  # at most, of one period: growth within one must stay far from rounding
TURNS = 400  # at most, around the period, until the bases repeat
REPEATED = 1e-9  # of the bases' overlap: more, and directions share a block
ALIKE = 10.0  # nats: multipliers that far apart must not share a block, the smaller would be lost


@dataclass(frozen=True)
class Floquet:
    r"""What `floquet` returns.

    Attributes
    ----------
    period : float
        In units of time; steps of a map.
    state : array (n,)
        A point of the periodic orbit.
    orbit : array (steps + 1, n)
        All of it, each step.
    dt : float
        Time step used: the period is a whole number of them.
    multipliers : complex array (n,)
        Eigenvalues of the derivative after one period, largest first. Those below 1e-308 are 0.
    exponents : array (n,)
        :math:`\ln|\mu| / T`, also where the multiplier itself is too small for a float64.
    trivial : complex
        Flows: the multiplier nearest to 1. It is 1 to rounding whatever dt is, as the steps form a
        periodic orbit of their own. NaN for maps.
    flow_error : float
        :math:`|M f - f| / |f|` with f along the flow: how well the derivative M and the orbit fit
        together. NaN for maps.
    residual : float
        Distance of the state after one period from the state.
    """

    period: float
    state: Array
    orbit: Array
    dt: float
    multipliers: Any
    exponents: Array
    trivial: complex
    flow_error: float
    residual: float


def floquet(
    system: System, period: float | None = None, *, dt: float | None = None,
    transient: float = 0.0, max_period: float | None = None,
    params: Mapping[str, Any] | None = None, initial: Any = None, rng: Any = None,
) -> Floquet:  # fmt: skip
    r"""Periodic orbit and its Floquet multipliers.

    The orbit is refined by Newton's method for :math:`\Phi_T(x) = x` in x and, for flows, in T; the
    step is changed so that a whole number of steps makes a period. The multipliers come from QR
    around the period until the bases repeat (a periodic Schur form), so the smallest is as good
    as the largest; their product formed as one matrix would lose all below 1e-16 of the largest.

    Parameters
    ----------
    system : RateNetwork, RNN, GRU, LSTM, Flow or Map
        A single one, without inputs.
    period : float, optional
        A guess, of one period (of several, several are taken for one); by default found from the
        first return after the transient.
    dt : float
        Largest time step; flows only.
    transient : float
        Time to come close to the orbit, which must attract for that. An unstable one needs `period`
        and `initial` near it.
    max_period : float, optional
        Where to stop looking for a return; default 1000 steps.
    params, initial, rng
        As in `lyapunov_spectrum`.

    Returns
    -------
    Floquet

    Raises
    ------
    ValueError, TypeError
        Bad input, naming the argument; also when no period is found, with the nearest return, or
        when Newton's method does not converge.

    Examples
    --------
    >>> import lyapax as lx
    >>> vdp = lx.systems.library["van_der_pol"].system()
    >>> cycle = lx.floquet(vdp, dt=0.05, transient=50, rng=0)
    >>> print(round(cycle.period, 5), round(cycle.exponents[1], 5))
    6.66329 -1.05938
    >>> bool(abs(cycle.trivial - 1) < 1e-8)
    True
    """
    limit = (dt or 1.0) * 1000 if max_period is None else _check.positive(max_period, "max_period")
    orbit = begin(
        system, dt=dt, transient=transient, duration=limit, params=params, initial=initial,
        members=None, rng=rng,
    )  # fmt: skip
    if orbit.shape:
        raise ValueError(f"system must be a single one, got a batch of shape {orbit.shape}")
    if orbit.system.is_driven:
        raise ValueError("system must not be driven: inputs would have to be periodic too")
    if not np.isfinite(orbit.state).all():
        raise ValueError(f"system diverged within the transient of {orbit.time:g}")
    if period is None:
        steps = _return(orbit, orbit.steps_in(limit))
    else:
        steps = max(1, round(_check.positive(period, "period") / orbit.step_time))
        if not system.is_flow and steps != period:
            raise ValueError(f"period must be a whole number of steps of a map, got {period!r}")
    x, time_step = _refine(orbit, steps, orbit.step_time)
    while orbit.system.is_flow and time_step > orbit.step_time * (1 + 1e-9):
        # The period turned out longer: more steps, so that none is larger than dt.
        length = steps * time_step
        steps = math.ceil(length / orbit.step_time)
        orbit.state[0] = x
        x, time_step = _refine(orbit, steps, length / steps)
    return _around(orbit, x, time_step, steps)


def _return(orbit: Orbit, limit: int) -> int:
    """Steps until the state comes back to where it is."""
    start, path = orbit.state[0].copy(), [orbit.state[0].copy()]
    back = False
    for _ in range(limit):
        orbit.advance(1)
        path.append(orbit.state[0].copy())
        if not orbit.system.is_flow and len(path) > 1:
            size = max(float(np.abs(start).max()), 1e-3)
            if np.linalg.norm(path[-1] - start) < 1e-3 * CLOSE * size:
                back = True
                break
    states = np.array(path)
    size = float(np.linalg.norm(np.ptp(states, axis=0)))
    away = np.linalg.norm(states - start, axis=1)
    if orbit.system.is_flow:
        # From behind through the plane across the flow.
        ahead = (states - start) @ (states[1] - start)
        passed = np.flatnonzero((ahead[1:-1] < 0) & (ahead[2:] >= 0)) + 1
        found = [
            i + (away[i + 1] < away[i])
            for i in passed
            if min(away[i], away[i + 1]) < CLOSE * size + np.linalg.norm(states[1] - start)
        ]
    else:
        found = [len(path) - 1] if back else []
    moved = size > 1e-6 * max(float(np.abs(start).max()), 1e-3)
    if not orbit.system.is_flow and len(found):
        moved = True
    if not found or not moved:
        nearest = int(away[1:].argmin()) + 1 if moved else 0
        seen = (
            f"nearest return {away[nearest]:.3g} after {nearest * orbit.step_time:g}, of an orbit "
            f"{size:.3g} wide" if moved else "the state is at rest"
        )  # fmt: skip
        raise ValueError(
            f"no period was found within {limit * orbit.step_time:g} ({seen}); give period, a "
            "longer transient or max_period"
        )
    orbit.state[:] = start
    return int(found[0])


def _flown(orbit: Orbit, x: Array, dt: float, steps: int, vectors: Array | None) -> Array:
    """The state after `steps` steps of dt; `vectors` (n, m) are carried along."""
    propagator = orbit.system.propagator((), dt, 1, np.dtype(float))
    state = x[None].copy()
    if vectors is None:
        propagator.push(state, 0, steps, np.empty((1, len(x), 0)))
    else:
        columns = vectors[None].copy()
        propagator.push(state, 0, steps, columns)
        vectors[:] = columns[0]
    return np.asarray(state[0])


def _slope(orbit: Orbit, x: Array, dt: float, steps: int) -> Array:
    """Derivative of the state after `steps` steps by their total time."""
    change = 1e-6
    ends = [_flown(orbit, x, dt * (1 + sign * change), steps, None) for sign in (1, -1)]
    return np.asarray((ends[0] - ends[1]) / (2 * change * dt * steps))


def _refine(orbit: Orbit, steps: int, dt: float) -> tuple[Array, float]:
    """Newton's method for a periodic orbit of so many steps."""
    x, n = orbit.state[0].copy(), orbit.state.shape[1]
    flow = orbit.system.is_flow
    scale = max(float(np.abs(x).max()), 1e-3)
    misses = []
    for _ in range(NEWTON_STEPS):
        matrix = np.eye(n)
        after = _flown(orbit, x, dt, steps, matrix)
        misses.append(float(np.linalg.norm(after - x)) / scale)
        if not np.isfinite(misses[-1]):
            break
        if misses[-1] < 1e-13 or (len(misses) > 2 and misses[-1] < 1e-11 >= misses[-2]):
            if flow and np.linalg.norm(_slope(orbit, x, dt, steps)) * dt * steps < 1e-6 * scale:
                raise ValueError("no periodic orbit was found: the state came to rest")
            return x, dt
        jacobian, miss = matrix - np.eye(n), x - after
        if flow:
            # No step along the orbit, and the period free.
            along = _slope(orbit, x, dt, steps)
            jacobian = np.block([[jacobian, along[:, None]], [along[None], np.zeros((1, 1))]])
            miss = np.append(miss, 0.0)
        change = np.linalg.lstsq(jacobian, miss, rcond=None)[0]
        x = x + change[:n]
        if flow:
            dt = float(np.clip(dt + change[n] / steps, 0.5 * dt, 2 * dt))
    raise ValueError(
        f"no periodic orbit of {steps} steps was found: after {len(misses)} steps of Newton's "
        f"method the state misses itself by {misses[-1]:.2g} of its size; give a longer transient "
        "or a better period"
    )


def _around(orbit: Orbit, x: Array, dt: float, steps: int) -> Floquet:
    n, flow = len(x), orbit.system.is_flow
    edges = np.unique(np.linspace(0, steps, min(steps, SEGMENTS) + 1).round().astype(int))
    matrices, state, path = [], x, [x]
    propagator = orbit.system.propagator((), dt, 1, np.dtype(float))
    for a, b in pairwise(edges):
        here = state[None].copy()
        for i in range(a, b - 1):
            propagator.push(here, i, 1, np.empty((1, n, 0)))
            path.append(here[0].copy())
        matrix = np.eye(n)
        state = _flown(orbit, state, dt, int(b - a), matrix)
        matrices.append(matrix)
        path.append(state)
    period = steps * dt if flow else float(steps)
    logs, units = _multipliers(matrices)
    order = np.argsort(-logs, kind="stable")
    logs, units = logs[order], units[order]
    with np.errstate(under="ignore"):
        multipliers = units * np.exp(logs)
    trivial, error = complex("nan"), np.nan
    if flow:
        along = _slope(orbit, x, dt, steps)
        carried = along
        for matrix in matrices:
            carried = matrix @ carried
        trivial = complex(multipliers[np.abs(multipliers - 1).argmin()])
        error = float(np.linalg.norm(carried - along) / np.linalg.norm(along))
    return Floquet(
        period, x, np.array(path), dt if flow else 1.0, multipliers, logs / period, trivial, error,
        float(np.linalg.norm(state - x)),
    )  # fmt: skip


def _multipliers(matrices: list[Array]) -> tuple[Array, Any]:
    """(ln|mu|, mu/|mu|) of the product of the matrices, the first acting first."""
    n = matrices[0].shape[0]
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))[0]
    for turn in range(TURNS):
        start, triangles = basis, []
        for matrix in matrices:
            basis, r = np.linalg.qr(matrix @ basis)
            triangles.append(r)
        overlap = start.T @ basis
        with np.errstate(divide="ignore"):
            rates = np.sum([np.log(np.abs(np.diagonal(r))) for r in triangles], axis=0)
        blocks = _blocks(overlap)
        apart = [np.ptp(rates[a:b]) for a, b in blocks if np.isfinite(rates[a:b]).all()]
        if turn > 0 and max(apart, default=0.0) < ALIKE:
            break
    else:
        warnings.warn("multipliers that lie close together are not well resolved", stacklevel=4)
    logs, units = np.empty(n), np.empty(n, complex)
    for first, last in blocks:
        block, scale = np.eye(last - first), 0.0
        for r in triangles:
            block = r[first:last, first:last] @ block
            size = np.abs(block).max()
            if size == 0:
                break
            block, scale = block / size, scale + np.log(size)
        values = np.linalg.eigvals(overlap[first:last, first:last] @ block)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs[first:last] = np.log(np.abs(values)) + scale
            units[first:last] = np.where(np.abs(values) > 0, values / np.abs(values), 0)
    return logs, units


def _blocks(overlap: Array) -> list[tuple[int, int]]:
    """Ranges of directions that turn into each other: nothing below them is coupled to them."""
    coupled, first = np.abs(overlap) > REPEATED, 0
    found: list[tuple[int, int]] = []
    while first < len(overlap):
        last = first + 1
        while last < len(overlap) and coupled[last:, first:last].any():
            last += 1
        found.append((first, last))
        first = last
    return found
