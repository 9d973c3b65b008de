"""Where a periodic orbit is: the first return, and Newton's method for the state and the period."""

from dataclasses import dataclass

import numpy as np

from ._check import Array
from ._orbit import Orbit, linear_propagator

NEWTON_STEPS = 30
CLOSE = 0.02  # of the orbit's size: a return that Newton's method may start from
BACK = 1e-3 * CLOSE  # the same of a map, whose states jump
NEUTRAL = 1e-3  # a singular value below may be a neutral direction, if the step's error covers it
FAR = 1e150  # whose square is still a number: states beyond have diverged
KEPT = 1e-6  # relative: what a shift by the period, or by a phase's, may change
FEW = 64  # steps of the first call


@dataclass
class Closing:
    """When an orbit is closed: which states are the same one, and whether the period is free."""

    orbit: Orbit
    wrap: Array  # (n,): variables that are phases close up to a multiple of it, 0 for the others
    free: bool  # the period is unknown: flows that do not depend on time

    def difference(self, to: Array, start: Array) -> Array:
        """`to` - `start`, (..., n), less whole turns of phases."""
        change = to - start
        turns = np.round(change / np.where(self.wrap > 0, self.wrap, np.inf))
        return np.asarray(change - turns * self.wrap)

    def size(self, x: Array) -> float:
        """What differences of states are measured against."""
        largest = np.where(self.wrap > 0, self.wrap, np.abs(x)).max()
        return max(float(largest), 1e-3)

    def flown(
        self, x: Array, dt: float, steps: int, vectors: Array | None, first: int = 0
    ) -> Array:
        """The state after `steps` steps from number `first` on; `vectors` (n, m) go along."""
        propagator = linear_propagator(self.orbit.system, (), dt)
        state = x[None].copy()
        columns = np.empty((1, len(x), 0)) if vectors is None else vectors[None].copy()
        propagator.tangent_steps(state, first, steps, columns)
        if vectors is not None:
            vectors[:] = columns[0]
        return np.asarray(state[0])

    def slope(self, x: Array, dt: float, steps: int) -> Array:
        """Derivative of the state after `steps` steps by their total time."""
        change = 1e-6
        ends = [self.flown(x, dt * (1 + sign * change), steps, None) for sign in (1, -1)]
        return np.asarray((ends[0] - ends[1]) / (2 * change * dt * steps))

    @property
    def can_halve(self) -> bool:
        """Maps have no time step, and rows of inputs belong to steps."""
        return self.orbit.system.is_flow and self.orbit.system.input_steps is None

    def step_error(self, x: Array, dt: float, steps: int) -> tuple[float, float]:
        """How far half the time step moves the state after `steps` steps, and its derivative."""
        whole, half = np.eye(len(x)), np.eye(len(x))
        after = self.flown(x, dt, steps, whole)
        finer = self.flown(x, dt / 2, 2 * steps, half)
        if _far(after, finer, whole, half):
            return np.inf, np.inf
        return float(np.linalg.norm(after - finer)), float(np.linalg.norm(whole - half, 2))


def _far(*arrays: Array) -> bool:
    """Whether any number has diverged, or is none."""
    return any(not np.abs(array).max() < FAR for array in arrays)


def first_return(closing: Closing, limit: int) -> float:
    """Time until the state comes back to where it is, in steps of a map."""
    orbit = closing.orbit
    flow = orbit.system.is_flow
    start = orbit.state[0].copy()
    size = closing.size(start)
    states, back = start[None], False
    while not back and len(states) <= limit:
        # As many again, of which the last are too many where a map is back.
        more = min(max(len(states), FEW), limit + 1 - len(states))
        states = np.concatenate([states, orbit.states_after(more, 1)[:, 0]])
        if not flow:
            away = np.linalg.norm(closing.difference(states[-more:], start), axis=1)
            there = np.flatnonzero(away < BACK * size)
            back = len(there) > 0
            states = states[: len(states) - more + there[0] + 1] if back else states
    extent = np.ptp(states, axis=0)
    extent = np.where(closing.wrap > 0, np.minimum(extent, closing.wrap), extent)
    width = float(np.linalg.norm(extent))
    offsets = closing.difference(states, start)
    away = np.linalg.norm(offsets, axis=1)
    if flow:
        # From behind through the plane across the flow.
        ahead = offsets @ offsets[1]
        passed = np.flatnonzero((ahead[1:-1] < 0) & (ahead[2:] >= 0)) + 1
        found = [
            float(i + ahead[i] / (ahead[i] - ahead[i + 1]))
            for i in passed
            if min(away[i], away[i + 1]) < CLOSE * width + away[1]
        ]
    else:
        found = [len(states) - 1.0] if back else []
    moved = width > 1e-6 * size or (not flow and back)
    if not found or not moved:
        nearest = int(away[1:].argmin()) + 1 if moved else 0
        seen = (
            f"nearest return {away[nearest]:.3g} after {nearest * orbit.step_time:g}, of an orbit "
            f"{width:.3g} wide"
            if moved
            else "the state is at rest"
        )
        raise ValueError(
            f"no period was found within {limit * orbit.step_time:g} ({seen}); give period, a "
            "longer transient or max_period"
        )
    orbit.state[:] = start
    return found[0] * orbit.step_time


def refine(closing: Closing, x: Array, steps: int, dt: float) -> tuple[Array, float]:
    """Newton's method for a periodic orbit of so many steps: the state and the time step.

    Orbits of conservative systems come in families, one for each energy, and the equations do not
    say which is meant. Directions that they leave open are not moved along, so the nearest is
    found. And Runge-Kutta steps do not conserve exactly: they lead off the family by a little,
    which no change of the state makes up for, so that much may remain. Open are the singular
    values that are smaller than what half the time step changes.
    """
    n, scale, orbit = len(x), closing.size(x), closing.orbit
    misses: list[float] = []
    left = 0.0  # of the miss, out of reach
    for _ in range(NEWTON_STEPS):
        matrix = np.eye(n)
        after = closing.flown(x, dt, steps, matrix)
        miss = -closing.difference(after, x)
        if _far(miss, matrix):
            misses.append(np.inf)
            break
        jacobian = matrix - np.eye(n)
        along, unit = np.zeros(n), 1.0
        if closing.free:
            # No step along the orbit, and the period free, in units of length.
            along = closing.slope(x, dt, steps)
            if _far(along):
                misses.append(np.inf)
                break
            unit = max(float(np.linalg.norm(along)), 1e-300)
            border = along[:, None] / unit
            jacobian = np.block([[jacobian, border], [border.T, np.zeros((1, 1))]])
            miss = np.append(miss, 0.0)
        u, sizes, vt = np.linalg.svd(jacobian)
        rounding = n * np.finfo(float).eps * sizes[0]
        floor = 1e-11 + rounding
        open_below, drift = rounding, 0.0
        if sizes[-1] < NEUTRAL and closing.can_halve:
            drift, error = closing.step_error(x, dt, steps)
            if np.isinf(drift):
                misses.append(np.inf)
                break
            open_below = max(rounding, min(error, NEUTRAL))
        kept = sizes > open_below
        parts = (u.T @ miss)[kept]
        misses.append(float(np.linalg.norm(parts)) / scale)
        left = float(np.sqrt(max(0.0, miss @ miss - parts @ parts))) / scale
        if misses[-1] < 1e-13 or (len(misses) > 2 and misses[-1] < floor >= misses[-2]):
            if closing.free and unit * dt * steps < 1e-6 * scale:
                raise ValueError("no periodic orbit was found: the state came to rest")
            if left * scale <= drift + floor * scale:
                return x, dt
            break
        # Damped by what is missed, so that it stays near where a family is nearly reached.
        damped = sizes[kept] ** 2 + min(misses[-1], CLOSE) ** 2
        change = vt[kept].T @ (parts * sizes[kept] / damped)
        x = x + change[:n]
        if closing.free:
            dt = float(np.clip(dt + change[n] / (unit * steps), 0.5 * dt, 2 * dt))
    raise ValueError(
        f"no periodic orbit of {steps} steps was found: after {len(misses)} steps of Newton's "
        f"method the state misses itself by {max(misses[-1], left):.2g} of its size; give a longer "
        f"transient, a better period or initial{', or a smaller dt' * orbit.system.is_flow}"
    )


def check_symmetry(closing: Closing, x: Array, steps: int, dt: float) -> None:
    """Whether the system has the period in time, and in its phases, that its user says it has."""
    matrix = np.eye(len(x))
    after = closing.flown(x, dt, steps, matrix)
    still = np.zeros_like(x)
    shifts = [("period must be a period of the system in time", still, steps)]
    if closing.free or closing.orbit.system.input_steps is not None:
        shifts = []
    for i in np.flatnonzero(closing.wrap):
        problem = f"wrap[{i}] = {closing.wrap[i]:g} must be a period of the system in variable {i}"
        turn = still.copy()
        turn[i] = closing.wrap[i]
        shifts.append((problem, turn, 0))
    size = closing.size(x) * max(1.0, float(np.linalg.norm(matrix, 2)))
    for problem, turn, first in shifts:
        shifted = np.eye(len(x))
        there = closing.flown(x + turn, dt, steps, shifted, first) - turn
        changed = max(
            float(np.linalg.norm(there - after)) / size,
            float(np.linalg.norm(shifted - matrix)) / max(1e-3, float(np.linalg.norm(matrix))),
        )
        if not changed < KEPT:
            raise ValueError(f"{problem}: shifted by it, the orbit changes by {changed:.2g}")
