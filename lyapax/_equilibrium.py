"""Fixed points and periodic orbits of maps near given states, and their eigenvalues.

Newton's method on the step x -> F(x) of a propagator, whose Jacobian is taken by differences of
fourth order: they need nothing but the step, on every backend, and are good to 1e-12 of the
larger of the Jacobian's size and the state's. At a fixed point the exponents are the logarithms of
the eigenvalues' sizes, with no error of a finite run.
"""

from dataclasses import dataclass

import numpy as np

from ._check import Array, Booleans, Complex, Integers
from ._run import Run
from .kernels.propagator import initial_carry

LARGEST = 256  # variables: eigenvalues of larger ones would take longer than many a run
STEP = 1e-4  # of the differences, relative to the state's scale
NOISE = 4e-12  # of a Jacobian by such differences, relative to its size, at the most
ITERATIONS = 60  # at a double root each one only halves the distance
PATIENCE = 12  # iterations in which the move must halve, once at least
STATES = 4096  # at a time, so that memory does not grow with the batch


@dataclass(frozen=True)
class Equilibria:
    """Fixed points of members (m, ...), where Newton's method ended, and the eigenvalues there."""

    state: Array  # (m, n)
    found: Booleans
    multipliers: Complex  # (m, n) of the step or of a period, by descending size
    error: Array  # (m, n) of the multipliers
    left: Complex  # (m, n, n) rows: left eigenvectors


def stepped(run: Run, members: Integers, states: Array, count: int) -> Array:
    """States (m, n) of the given members after `count` steps."""
    now = run.now
    propagator = now.propagator.select(members.astype(np.int64), now.propagator.dtype)
    carry = initial_carry(states.copy(), np.zeros((*states.shape, 0), propagator.dtype))
    carry.step = now.carry.step
    propagator.advance(carry, count)
    return carry.state


def linearised(
    run: Run, members: Integers, states: Array, scale: Array, period: int
) -> tuple[Array, Array]:
    """F(x) - x (m, n) and its Jacobian (m, n, n); `scale` (m, n) of the variables."""
    m, n = states.shape
    residue, slope = np.empty((m, n)), np.empty((m, n, n))
    at_once = max(1, STATES // (1 + 4 * n))
    for first in range(0, m, at_once):
        part = slice(first, first + at_once)
        residue[part], slope[part] = _linearised(
            run, members[part], states[part], scale[part], period
        )
    return residue, slope


def _linearised(
    run: Run, members: Integers, states: Array, scale: Array, period: int
) -> tuple[Array, Array]:
    m, n = states.shape
    reach = STEP * scale[:, None, :] * np.eye(n)
    points = [states[:, None, :]]
    points += [states[:, None, :] + shift * reach for shift in (-2, -1, 1, 2)]
    batch = np.concatenate(points, axis=1)  # (m, 1 + 4 n, n)
    count = batch.shape[1]
    after = stepped(run, np.repeat(members, count), batch.reshape(-1, n), period)
    after = after.reshape(m, count, n)
    residue = run.observed.apart(after[:, 0], states)
    after = run.observed.apart(after, after[:, :1])
    a, b, c, d = (after[:, 1 + i * n : 1 + (i + 1) * n] for i in range(4))
    slope = (a - 8 * b + 8 * c - d) / (12 * STEP * scale[:, :, None])
    return residue, np.swapaxes(slope, 1, 2)


def equilibria(
    run: Run, members: Integers, states: Array, scale: Array, period: int = 1
) -> Equilibria:
    """Fixed points of `period` steps near the states (m, n), by Newton's method.

    scale: (m, n) of the variables. Not found where it does not converge, or leaves for a place
    further away than the largest of them.
    """
    x = states.copy()
    n = x.shape[1]
    largest = scale.max(axis=1)
    found = np.zeros(len(x), bool)
    active = np.arange(len(x))
    before = np.full(len(x), np.inf)  # the smallest move so far, at the last check
    least = before.copy()
    with np.errstate(all="ignore"):
        for iteration in range(1, ITERATIONS + 1):
            residue, slope = linearised(run, members[active], x[active], scale[active], period)
            move = _solved(np.eye(n) - slope, residue)
            size = np.abs(move).max(axis=1)
            good = np.isfinite(size)
            x[active[good]] += move[good]
            away = np.abs(x[active] - states[active]).max(axis=1) > largest[active]
            done = (
                good
                & ~away
                & (
                    (size <= 1e-11 * largest[active])
                    | (np.abs(residue).max(axis=1) <= 1e-15 * largest[active])
                )
            )
            found[active[done]] = True
            least[active] = np.fmin(least[active], size)
            going = good & ~away & ~done
            if iteration % PATIENCE == 0:  # chaotic orbits wander until the end
                going &= least[active] <= before[active] / 2
                before[active] = least[active]
            active = active[going]
            if not len(active):
                break
        multipliers, error = np.zeros((len(x), n), complex), np.full((len(x), n), np.inf)
        left = np.zeros((len(x), n, n), complex)
        where = np.nonzero(found)[0]
        if len(where):
            _, slope = linearised(run, members[where], x[where], scale[where], period)
            found[where] = np.isfinite(slope).all(axis=(1, 2))
            where, slope = where[found[where]], slope[found[where]]
        if len(where):
            # Differences of F are off by the rounding of F itself, however small the slopes are.
            rounding = np.linalg.norm(x[where] / scale[where], axis=1)
            multipliers[where], error[where], left[where] = _eigen(slope, rounding)
    return Equilibria(x, found, multipliers, error, left)


def _solved(matrix: Array, right: Array) -> Array:
    """Solutions of matrix (m, n, n) x = right (m, n); of least size where it is singular.

    The differences' noise is no rank: singular values below it count as zero.
    """
    size = np.linalg.norm(matrix, axis=(1, 2))
    try:
        # The Jacobian's noise is relative to 1: for a flow `matrix` is of the size of dt.
        inverse = np.linalg.pinv(matrix, rcond=np.minimum(NOISE * (1 + size) / size, 0.1))
    except np.linalg.LinAlgError:
        return np.full_like(right, np.nan)
    return np.asarray((inverse @ right[..., None])[..., 0])


def _eigen(slope: Array, rounding: Array) -> tuple[Complex, Array, Complex]:
    """Eigenvalues by descending size, their errors, left eigenvectors as rows.

    slope (m, n, n) is off by `NOISE` times the larger of its own size and `rounding` (m,).
    """
    # NumPy's are real where those of all members are: a member alone would have other bits.
    values, right = (part.astype(complex) for part in np.linalg.eig(slope))
    order = np.argsort(-np.abs(values), axis=1, kind="stable")
    values = np.take_along_axis(values, order, axis=1)
    right = np.take_along_axis(right, order[:, None, :], axis=2)
    size = np.maximum(np.linalg.norm(slope, axis=(1, 2)), rounding)[:, None]
    left = _inverses(right)
    # A simple eigenvalue moves by at most the noise times its condition. Where several are one, the
    # m-th root of the noise is the bound: two or three in practice.
    condition = np.linalg.norm(left, axis=2) * np.linalg.norm(right, axis=1)
    error = np.minimum(NOISE * size * condition, size * NOISE ** (1 / 3))
    return values, np.where(np.isfinite(error), error, size * NOISE ** (1 / 3)), left


def _inverses(matrices: Complex) -> Complex:
    """Inverses of matrices (m, n, n); NaN for singular ones, whatever the others are."""
    try:
        return np.linalg.inv(matrices)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full_like(matrices, np.nan)
        return np.concatenate([_inverses(one[None]) for one in matrices])
