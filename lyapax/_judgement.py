"""From running sums and the state's motion to signs, and to all that the class rests on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import _drift as drift
from . import _motion as motion
from . import _statistics as statistics
from ._check import Array
from ._equilibrium import linearised
from ._run import Run

VOLUME_KEPT = 0.05  # nats over the whole run: a sum of all exponents below it counts as zero
LARGEST_TRACE = 16  # variables for which the trace is computed where not all exponents are


@dataclass
class Judged:
    sign: NDArray[np.int64]  # (B, k)
    motion: NDArray[np.int64]  # (B,), of `Motion`
    speed: Array
    period: NDArray[np.int64]
    preserving: NDArray[np.bool_]  # volume
    changed_at: Array  # (B,): time since 0 at which an exponent changed; NaN: none did
    changed: NDArray[np.bool_]  # (B,): and its sign with it
    exponents: Array  # (B, k): exact ones, NaN where they are not known
    stderr: Array
    least_error: Array  # (B, k): of the run's means, 0 where their fluctuations say it all


def judged(
    run: Run,
    is_flow: bool,
    is_driven: bool,
    exponents: Array,
    stderr: Array,
    spread: Array,
    blocks: Array,
    lost: NDArray[np.bool_],
) -> Judged:
    """exponents, stderr, spread (B, k) and blocks (m, B, k), in any order of exponents."""
    now = run.now
    duration = max(now.measured_steps * run.step_time, 1e-300)
    preserving = _preserving(run, exponents, blocks, lost)
    before = now.carry.step - now.measured_steps
    sign = statistics.signs(
        exponents,
        stderr,
        spread,
        duration,
        preserving=preserving[:, None],
        stretch=now.measured_steps / max(now.aligned, before / 2, 1),
        diffuses=is_driven & statistics.diffusing(blocks),
    )
    sign = _paired(sign, exponents, spread, duration, preserving)
    below = _below(run, sign)
    sign = np.where((sign == 2) & below, -1, sign)
    seen = motion.evidence(run, is_flow, is_driven, sign, preserving, lost)
    order = statistics.descending(exponents)
    # Those at a fixed point come in descending order.
    exact, error = (np.empty_like(exponents) for _ in range(2))
    np.put_along_axis(exact, order, seen.exponents, axis=1)
    np.put_along_axis(error, order, seen.stderr, axis=1)
    exact[~np.isfinite(exponents)] = np.nan
    known = np.isfinite(exact)
    # A run along eigenvectors knows them better than differences do.
    with np.errstate(invalid="ignore"):
        better = (stderr <= error) & (np.abs(exponents - exact) <= 3.0 * error)
    exact = np.where(better, exponents, exact)
    exactly = statistics.exact_signs(exact, error, duration)
    exactly = np.where((exactly == 2) & below, -1, exactly)
    sign = np.where(known, exactly, sign)
    least_error, sign = _on_its_way(seen, order, duration, exponents, sign)
    changed_at, changed = _changes(run, blocks, lost | known.any(axis=1))
    return Judged(
        sign,
        seen.motion,
        seen.speed,
        seen.period,
        preserving,
        changed_at,
        changed,
        exact,
        error,
        least_error,
    )


def _below(run: Run, sign: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which columns (B, k) come behind a negative one, and must be negative whatever their errors.

    Columns of a generic basis are in the order of their exponents.
    """
    return np.logical_or.accumulate((sign == -1) & run.generic, axis=1)


def _on_its_way(
    seen: motion.Evidence,
    order: NDArray[np.int64],
    duration: float,
    exponents: Array,
    sign: NDArray[np.int64],
) -> tuple[Array, NDArray[np.int64]]:
    """(least errors, signs) where a state moves and may yet come to rest at a fixed point.

    Its exponents would be those of the fixed point, and no fluctuation of the run tells how far
    its means are from them.
    """
    towards = np.full_like(exponents, np.nan)
    np.put_along_axis(towards, order, seen.towards, axis=1)
    moves = (seen.motion == motion.Motion.STRAYS)[:, None]
    doubtful = moves & np.isfinite(towards) & np.isfinite(exponents)
    there = statistics.exact_signs(towards, np.zeros_like(towards), duration)
    with np.errstate(invalid="ignore"):
        apart = np.where(doubtful, np.abs(exponents - towards), 0.0)
    return apart, np.where(doubtful & (there != sign), 2, sign)


def _preserving(
    run: Run, exponents: Array, blocks: Array, lost: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    now = run.now
    batch, k = exponents.shape
    dim = now.propagator.dim
    kept = np.zeros(batch, bool)
    if not now.measured_steps:
        return kept
    circles = bool((run.observed.turns > 0).all())  # a torus may fill all of the phase space
    with np.errstate(all="ignore"):
        if k == dim and not circles:
            total = now.totals().sum(axis=1)
            # It is constant for Hamiltonian systems in other coordinates, where it only returns.
            _, _, spread = statistics.fluctuations(
                blocks.sum(axis=2), total, now.measured_steps, now.block_steps
            )
            return np.asarray(np.abs(total) <= np.maximum(VOLUME_KEPT, np.minimum(spread, 4.0)))
        if dim > LARGEST_TRACE or not motion.doubles(run):
            return kept
        members = np.nonzero(~lost)[0]
        kept[members] = True
        for states in (run.initial[members], now.carry.state[members]):
            scale = motion.scales(run, members, states)
            _, slope = linearised(run, members, states, scale, 1)
            growth = np.abs(np.linalg.slogdet(slope)[1]) * now.measured_steps
            kept[members] &= growth <= VOLUME_KEPT
        if circles:  # without any shear, phases that turn by themselves
            kept &= np.abs(now.totals()).max(axis=1) > VOLUME_KEPT
    return kept


def _paired(
    sign: NDArray[np.int64],
    exponents: Array,
    spread: Array,
    duration: float,
    preserving: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Exponents l and -l of a Hamiltonian system are both zero, or neither is."""
    dim = exponents.shape[1]
    if dim % 2 or not preserving.any():
        return sign
    order = statistics.descending(exponents)
    in_order = np.take_along_axis(exponents, order, axis=1) * duration
    range_ = np.take_along_axis(spread, order, axis=1)
    with np.errstate(invalid="ignore"):
        apart = np.abs(in_order + in_order[:, ::-1])
        pairs = preserving & (apart <= VOLUME_KEPT + range_ + range_[:, ::-1]).all(axis=1)
    together = statistics.paired(np.take_along_axis(sign, order, axis=1))
    out = sign.copy()
    np.put_along_axis(out, order, together, axis=1)
    return np.where(pairs[:, None], out, sign)


def _changes(
    run: Run, blocks: Array, ignored: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.bool_]]:
    """(time at which an exponent changed or NaN, whether its sign did), of each member."""
    now = run.now
    found, after, left, right = drift.changes(blocks)
    found &= ~ignored[:, None]
    level = statistics.BOUNDED / max(now.measured_steps, 1) * now.block_steps
    # Of exponents that stay negative the mean over a slow cycle is what is meant.
    found &= np.maximum(left, right) > -level
    kinds = [np.sign(np.where(np.abs(side) > level, side, 0.0)) for side in (left, right)]
    changed = (found & (kinds[0] != kinds[1])).any(axis=1)
    first = np.argmax(found, axis=1)[:, None]
    steps = np.take_along_axis(after, first, axis=1)[:, 0] * now.block_steps
    start = now.carry.step - now.measured_steps
    time = np.where(found.any(axis=1), (start + steps) * run.step_time, np.nan)
    return time, changed
