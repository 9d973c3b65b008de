"""When a state left the floating-point numbers, how large it was then, and whether dt did it."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ._check import Array
from ._run import Loss, Moment
from .kernels.propagator import Carry, Propagator, initial_carry

TRIED = 8  # diverged members that are run again with half the step
FURTHER = 100  # steps beyond the one that was lost
# Steps from the start of a run up to which half the step is tried from there: the first calls are
# short, and the state before one may be on its way out already.
EARLY = 100_000


@dataclasses.dataclass(frozen=True)
class Divergence:
    """When and how the members (B,) of a run diverged; NaN for those whose state is finite."""

    time: Array  # of the first state that is not finite, from the start of the transient
    size: Array  # largest |x_i| of the state before it
    finer_step_survives: bool | None = None  # whether half the step stays finite; None: not tried


def examined(now: Moment, initial: Array, step_time: float, timed: bool) -> Divergence:
    """initial: states (B, n) at time 0; `timed`: the system depends on time."""
    batch = len(now.carry.state)
    time, size = np.full(batch, np.nan), np.full(batch, np.nan)
    survives: bool | None = None
    for loss in now.losses:
        steps, states = _bisected(now, loss, timed)
        time[loss.members] = (loss.begin + steps) * step_time
        size[loss.members] = np.abs(now.propagator.present(states)).max(axis=1)
        if survives is None:
            early = loss.end <= EARLY
            begin, state = (0, initial[loss.members]) if early else (loss.begin, loss.state)
            lasting = 2 * (loss.begin - begin + int(steps.max())) + FURTHER
            survives = _survives(now, loss.members[:TRIED], state[:TRIED], begin, lasting)
    return Divergence(time, size, survives)


def _survives(
    now: Moment, members: NDArray[np.int64], state: Array, step: int, steps: int
) -> bool | None:
    """Whether some of the members stay finite for `steps` steps, taken as halves."""
    part = now.propagator.select(members, now.propagator.dtype)
    if not part.dt:
        return None  # a map
    finer = part.at_step(part.dt / 2)
    carry = finer.resumed(_carry(now, part, state, step), part)
    finer.advance(carry, 2 * steps)
    return bool(np.isfinite(carry.state).all(axis=1).any())


def _bisected(now: Moment, loss: Loss, timed: bool) -> tuple[NDArray[np.int64], Array]:
    """Steps after `loss.begin` that lead out of the numbers, and the states before the last."""
    states, done = loss.state.copy(), np.zeros(len(loss.members), np.int64)
    width = loss.end - loss.begin
    while width > 1:
        half = width // 2
        for start in np.unique(done) if timed else (0,):
            here = np.nonzero(done == start)[0] if timed else np.arange(len(done))
            part = now.propagator.select(loss.members[here], now.propagator.dtype)
            after = _states_after(now, part, states[here], loss.begin + int(start), half)
            good = np.isfinite(after).all(axis=1)
            states[here[good]] = after[good]
            done[here[good]] += half
        width -= half
    return done + 1, states


def _states_after(
    now: Moment, propagator: Propagator, states: Array, step: int, steps: int
) -> Array:
    carry = _carry(now, propagator, states, step)
    propagator.advance(carry, steps)
    return carry.state


def _carry(now: Moment, propagator: Propagator, states: Array, step: int) -> Carry:
    k = now.carry.basis.shape[2]
    carry = initial_carry(states.copy(), np.zeros((*states.shape, k), propagator.dtype))
    carry.step = step
    return carry
