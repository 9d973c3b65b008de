"""The past of a flow with delays, on the grid of its steps.

Such a flow is a map of what it needs of its past: values and slopes at the last L steps, and the
present value. They lie side by side, the oldest first,

    x(t - L dt), x'(t - L dt), ..., x(t - dt), x'(t - dt), x(t),

(2 L + 1) n numbers. Between two steps the past is the cubic of Hermite through the values and
slopes at both: of fourth order, as the steps of Runge and Kutta are.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import scipy  # its modules load when they are first used
from numpy.typing import NDArray

from .propagator import Array, Carry, initial_carry

STAGES = np.array([0.0, 0.5, 1.0])  # times within a step at which slopes are taken
SLOPES = 2.0**-6  # of their part in a norm
WHOLE = 1e-9  # steps: a delay so near to a whole number of steps is one


@dataclass(frozen=True)
class History:
    """The past of `n` variables with delays (B or 1, D), each of at least one step `dt`.

    `longest` is the longest delay of the batch that these members belong to.
    """

    n: int
    delays: Array
    longest: float
    dt: float

    @cached_property
    def steps(self) -> Array:
        return in_steps(self.delays, self.dt)

    @cached_property
    def points(self) -> int:
        """Steps of the past that are kept, L."""
        return int(np.ceil(in_steps(self.longest, self.dt)))

    @property
    def dim(self) -> int:
        """Numbers that a state has."""
        return (2 * self.points + 1) * self.n

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """(B or 1, D, 3): the step, counted from the present, after which each stage looks."""
        at = STAGES - self.steps[..., None]
        return np.floor(at).astype(np.int64)

    @cached_property
    def weights(self) -> Array:
        """(B or 1, D, 3, 4): of value and slope there, and of value and slope a step later."""
        at = STAGES - self.steps[..., None]
        return hermite(at - np.floor(at), self.dt)

    @cached_property
    def lengths(self) -> Array:
        """(dim,): what the numbers of a tangent are multiplied by before its norm is taken.

        The square of the norm is |x(t)|^2 + (1/tau) int |x|^2 over the longest delay tau, by the
        trapezoidal rule, so that it hardly depends on the step. Slopes count next to nothing beside
        values: with what they change in a step the norms at dt and dt/2 of an oscillation with 18
        steps a period are 5 % apart.
        """
        steps = float(in_steps(self.longest, self.dt))
        part = steps - (self.points - 1)  # of the oldest piece, that is no older than tau
        parts = np.ones(self.points + 1)
        parts[-1] = 0.5
        parts[0] = 0.5 * part**2
        parts[1] += part - 0.5 * part**2 - 0.5
        values = np.sqrt(parts / steps)
        values[-1] = np.sqrt(1.0 + parts[-1] / steps)
        pairs = np.stack([values, SLOPES * self.dt * values], axis=1)
        return np.repeat(pairs.ravel()[:-1], self.n)

    def constant(self, x: Array) -> Array:
        """States (..., dim) of what was at x (..., n) all the time."""
        pair = np.concatenate([x, np.zeros_like(x)], axis=-1)
        return np.concatenate([*[pair] * self.points, x], axis=-1)

    def present(self, state: Array) -> Array:
        return state[..., -self.n :]

    def resumed(self, carry: Carry, before: "History") -> Carry:
        """A carry of a run with another step as one with this step.

        Tangents are made orthonormal again: the norm of what is interpolated is another one.
        """
        change = onto(before.points, before.dt, self.points, self.dt)

        def changed(numbers: Array) -> Array:
            """(B, old numbers, columns) interpolated."""
            batch, _, columns = numbers.shape
            grid = numbers.reshape(batch, -1, self.n * columns)
            found = [change @ one for one in grid]
            return np.reshape(found, (batch, self.dim, columns))

        state = np.ascontiguousarray(changed(carry.state[:, :, None])[:, :, 0])
        tangents = changed(carry.basis / before.lengths[:, None]) * self.lengths[:, None]
        with np.errstate(all="ignore"):  # of members that have diverged
            finite = np.asarray(np.isfinite(tangents).all(axis=(1, 2)))
            basis, r = np.linalg.qr(np.where(finite[:, None, None], tangents, 0.0))
        sign = np.where(np.diagonal(r, axis1=1, axis2=2) < 0, -1.0, 1.0)
        found = initial_carry(state, np.ascontiguousarray(basis * sign[:, None]))
        found.status[:] = carry.status
        found.step = round(carry.step * before.dt / self.dt)
        return found


@cache
def onto(points: int, step: float, new_points: int, new_step: float) -> "scipy.sparse.csr_array":
    """(2 L' + 1, 2 L + 1): from values and slopes of one variable to those at another step."""
    at = -np.arange(new_points, 0, -1) * new_step / step  # in steps from the present
    # What is a little older than all that is kept goes on as the oldest piece does.
    left = np.maximum(np.floor(at + WHOLE).astype(int), -points)
    rows: list[int] = []
    columns: list[int] = []
    entries: list[float] = []

    def add(row: int, places: list[int], factors: Array) -> None:
        rows.extend([row] * len(places))
        columns.extend(places)
        entries.extend(factors)

    last = 2 * points
    for point, (time, begin) in enumerate(zip(at, left, strict=True)):
        if begin < -1:
            known = [last + 2 * begin + i for i in range(4)]
            value, slope = hermite(time - begin, step), hermite_slope(time - begin, step)
        else:  # the slope of the present is not known, so this takes the piece before, too
            near = [-1, -2][:points]
            known = [*[last + 2 * p + kind for p in near for kind in (0, 1)], last]
            times = [*[(float(p), kind) for p in near for kind in (0, 1)], (0.0, 0)]
            factors = np.array([step if order else 1.0 for _, order in times])
            value, slope = (
                through(times, time, 0) * factors,
                through(times, time, 1) * factors / step,
            )
        add(2 * point, known, value)
        add(2 * point + 1, known, slope)
    add(2 * new_points, [last], np.ones(1))
    return scipy.sparse.csr_array((entries, (rows, columns)), shape=(2 * new_points + 1, last + 1))


def in_steps(delays: Array | float, dt: float) -> Array:
    """Delays in steps; whole numbers where they nearly are."""
    steps = np.asarray(delays / dt)
    whole = np.round(steps)
    return np.where(np.abs(steps - whole) < WHOLE * np.maximum(whole, 1.0), whole, steps)


def hermite(part: Array | float, dt: float) -> Array:
    """(..., 4): Hermite's cubic at a part (...) of a step, in value, slope, value, slope."""
    rest = 1.0 - part
    return np.stack(
        [
            (1.0 + 2.0 * part) * rest**2,
            dt * part * rest**2,
            part**2 * (3.0 - 2.0 * part),
            -dt * part**2 * rest,
        ],
        axis=-1,
    )


def hermite_slope(part: float, dt: float) -> Array:
    """(4,): the slope of that cubic."""
    rest = 1.0 - part
    return np.array(
        [
            -6.0 * part * rest / dt,
            rest * (1.0 - 3.0 * part),
            6.0 * part * rest / dt,
            part * (3.0 * part - 2.0),
        ]
    )


def through(times: list[tuple[float, int]], at: float, order: int) -> Array:
    """Factors of values (order 0) and slopes (order 1) at given times in the polynomial through
    them, or in its slope, at another time."""
    count = len(times)

    def powers(time: float, slope: int) -> Array:
        exponents = np.arange(count)
        if not slope:
            return np.asarray(float(time) ** exponents)
        return np.array([e * float(time) ** (e - 1) if e else 0.0 for e in exponents])

    known = np.array([powers(time, slope) for time, slope in times])
    return np.linalg.solve(known.T, powers(at, order))
