"""The time step that is taken where none is given: the largest that does not show.

Steps of a ladder, each half of the one before, are tried on short runs of some members: how far
does a step move the exponents (`step.pairs`), and what standard errors will the run have? The first
whose bias is a quarter of the errors is taken. The ladder begins at half the time constant of the
fastest motion, and goes up where that does already.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from . import _check
from ._check import Array, Booleans
from ._orbit import beginning
from ._run import Run, begun
from ._snapshots import observed
from ._statistics import standard_error
from ._step import ENOUGH, FEWEST, MEMBERS, QUARTER, blocks_in, cost, least, measured, pairs, sample
from .kernels.propagator import OK, initial_carry
from .systems.base import Devices, System

RUNGS = 20  # steps that are tried at most: a factor of a million between first and last
OPEN_ENDED = 10_000.0  # time constants that a run is taken to last if it lasts until done
FIRST = 0.5  # of the fastest time constant
REACH = 2.5  # of dt times the fastest decay, where RK4 turns unstable at 2.785
WITHOUT = 0.1  # of the fastest time constant, where a run is too short to try anything
# A trial takes 5 steps for one that it measures, and the trials of all steps twice the last one's.
SHARE, SECONDS = 0.015, 0.05
FEWEST_STEPS = 64  # of a trial
LEAST_STEPS = 64  # of a run
PATIENCE = 10  # steps of the ladder that a member may diverge at before it is left out
KINKS = 8  # by which a bias falls with half the step at the least, where noise hides it
STIFF = 1000.0  # radians of decay in one of the slowest motion


@dataclass(frozen=True)
class Asked:
    """The run that a step is chosen for."""

    system: System
    shape: tuple[int, ...]
    state: Array  # (B, n)
    k: int
    dtype: DTypeLike
    devices: Devices
    duration: float | None  # None: as long as it takes
    transient: float | None
    alignment: float | None
    tol: float | None
    wait: Callable[..., Any]  # wait(function, ...) is what the function returns, some time later


@dataclass(frozen=True)
class Trial:
    """A short run of members (M,) at one step."""

    dt: float
    lost: Booleans  # (M,): members whose state diverged
    allowed: Array  # (M, k): bias that would not show
    bias: Array  # (M, k), NaN where unknown
    size: Array  # (M, k): how large it may be
    errors: Array  # (M, k): standard errors that the run will have
    states: Array  # (times, M, n)
    time: float  # that these cover
    exponents: Array  # (M, k)

    @property
    def shows(self) -> bool:
        return bool(self.lost.any() or np.nanmax(self.size / self.allowed, initial=0.0) > 1.0)


def automatic_step(asked: Asked) -> tuple[float, str]:
    """(dt, why), the same whatever the clock and the threads."""
    ladder = _Ladder(asked)
    found, coarser = ladder.descended()
    return found.dt, _why(asked, ladder, found, coarser)


class _Ladder:
    def __init__(self, asked: Asked):
        self.asked = asked
        self.members = sample(np.arange(len(asked.state)), MEMBERS)
        full = asked.state.reshape(*asked.shape, asked.system.dim)
        fastest = asked.system.fastest_rate(full)
        usual = 1000.0 / asked.duration if asked.duration else 1.0
        self.fastest = fastest if fastest and np.isfinite(fastest) else usual
        self.duration = asked.duration or OPEN_ENDED / self.fastest
        transient = self.duration / 10 if asked.transient is None else asked.transient
        self.before = transient, transient if asked.alignment is None else asked.alignment
        self.most = min(self.duration / LEAST_STEPS, asked.system.largest_step(asked.k))
        self.first = round_down(min(FIRST / self.fastest, self.most))
        whole = asked.wait(
            asked.system.propagator, asked.shape, self.first, asked.k, asked.dtype, asked.devices
        )
        self.propagator = whole.select(self.members, whole.dtype)
        self.state = beginning(asked.system, whole, asked.state, asked.shape, self.first)[
            self.members
        ]
        n = whole.dim
        # Not of the caller's generator, whose numbers are for the run.
        self.basis = np.linalg.qr(np.random.default_rng(0).standard_normal((n, asked.k)))[0]

    def descended(self) -> tuple[Trial, Trial | None]:
        """The first step that does not show, and the one before, which does."""
        dt, coarser, losing = self.first, None, 0
        for _ in range(RUNGS):
            tried = self.tried(dt, coarser)
            if not tried.shows:
                break
            losing = losing + 1 if tried.lost.any() else 0
            if losing == PATIENCE:  # they diverge whatever the step, a status will say so
                if tried.lost.all():
                    break
                self.leave_out(tried.lost)
                dt, coarser, losing = self.first, None, 0
                continue
            dt, coarser = dt / 2, tried if not tried.lost.any() else None
        if dt == self.first and not tried.shows:
            return self.ascended(tried)
        return tried, coarser

    def ascended(self, found: Trial) -> tuple[Trial, Trial | None]:
        """The last step that does not show, where the first of the ladder did not."""
        while 2 * found.dt <= self.most and 2 * found.dt * self.decay(found) < REACH:
            coarser = self.tried(2 * found.dt, None)
            if coarser.shows:
                return found, coarser
            found = coarser
        return found, None

    def leave_out(self, lost: Booleans) -> None:
        at = np.nonzero(~lost)[0]
        self.members, self.state = self.members[at], self.state[at]
        self.propagator = self.propagator.select(at, self.propagator.dtype)

    def decay(self, trial: Trial) -> float:
        """The fastest decay along the orbits of a trial."""
        asked, found = self.asked, 0.0
        states = asked.state.copy()
        for now in trial.states[:: max(1, len(trial.states) // 8)]:
            states[self.members] = now
            rate = asked.system.decay_rate(states.reshape(*asked.shape, asked.system.dim))
            found = max(found, rate if rate is not None and np.isfinite(rate) else 0.0)
        return found

    def tried(self, dt: float, coarser: Trial | None) -> Trial:
        asked, batch = self.asked, len(self.members)
        steps = SECONDS / (cost(asked.system.dim, asked.k) * batch)
        if not self.propagator.portable:
            steps = 0  # of a GPU, whose pace nobody knows
        time = max(SHARE * self.duration, min(self.duration, max(steps, FEWEST_STEPS) * dt))
        count = _check.steps(time, dt, "duration")
        propagator = self.propagator.at_step(dt)
        basis = np.empty((batch, *self.basis.shape), propagator.dtype)
        basis[:] = self.basis
        run = begun(
            propagator,
            propagator.resumed(initial_carry(self.state.copy(), basis), self.propagator),
            interval=1,
            fixed=False,
            step_time=dt,
            transient=_check.steps(min(self.before[0], 4 * time), dt, "transient"),
            alignment=_check.steps(min(self.before[1], time), dt, "alignment"),
            horizon=None,
            observed=observed(asked.system.turns, asked.system.dim, propagator),
        )
        run.transient(_unseen)
        if np.isfinite(run.now.carry.state).all():
            run.align(_unseen)
        return self.judged(run, dt, count, coarser)

    def judged(self, run: Run, dt: float, count: int, coarser: Trial | None) -> Trial:
        now, asked = run.now, self.asked
        propagator, carry, time = now.propagator, now.carry.copy(), 0.0
        nothing = np.full(carry.log_sum.shape, np.nan)
        cut = blocks_in(count, 0.0, dt, now.interval, propagator.memory)
        if np.isfinite(carry.state).all():
            sums, carry = measured(propagator, carry, *cut)
        states, lost = (
            propagator.present(carry.state)[None],
            np.asarray(~np.isfinite(carry.state).all(axis=1)),
        )
        if lost.any():
            return Trial(dt, lost, nothing, nothing, nothing, nothing, states, time, nothing)
        block = cut[0] * cut[1] * dt
        elapsed = block * cut[2]
        exponents = sums.sum(axis=0) / elapsed
        errors, _ = standard_error(sums, sums.sum(axis=0), elapsed, block)
        duration = self.duration
        if asked.tol is not None:  # the run ends when its largest error is below
            largest = np.max(errors, where=np.isfinite(errors), initial=0.0)
            wanted = elapsed * (largest / asked.tol) ** 2
            duration = min(duration, wanted) if asked.duration else wanted
        errors = errors * math.sqrt(elapsed / max(duration, dt))
        known = np.where(np.isfinite(errors), errors, 0.0)
        allowed = np.maximum(QUARTER * known, least(exponents, ENOUGH, duration) + 1e-300)
        leading = float(exponents[:, 0].max())
        cut = blocks_in(count, leading, dt, now.interval, propagator.memory)
        found = pairs(propagator, carry, dt, *cut) if cut[-1] >= FEWEST else None
        if found is None:  # too short a run to know more than its rates
            size = allowed * (dt * self.fastest / WITHOUT) ** 4
            return Trial(dt, lost, allowed, nothing, size, errors, states, elapsed, exponents)
        bias, size = found.bias, np.abs(found.bias) + found.noise
        if coarser is not None:
            hidden = np.abs(bias) < 2 * found.noise
            size = np.where(hidden, np.minimum(size, coarser.size / KINKS), size)
        # Where the run at half the step was lost, but not this one.
        lost = lost | (np.isnan(bias) & (carry.status == OK)).any(axis=1)
        time = cut[0] * cut[1] * cut[2] * dt
        return Trial(dt, lost, allowed, bias, size, errors, found.states, time, exponents)


def _unseen(steps: int) -> None:
    """No bar for trials: they are a small part of the run."""


def round_down(value: float) -> float:
    """Round down to 1, 2 or 5 times a power of ten: a number that people like to read."""
    power = 10.0 ** math.floor(math.log10(value))
    digit = max(d for d in (1, 2, 5) if d * power <= value * (1 + 1e-12))
    return float(f"{digit * power:.3g}")


def _why(asked: Asked, ladder: _Ladder, found: Trial, coarser: Trial | None) -> str:
    if found.lost.all():
        return f"dt = {found.dt:g}, chosen; orbits diverge at each step that was tried"
    below = np.nanmax(found.size / (QUARTER * np.maximum(found.errors, 1e-300)), initial=0.0) <= 1
    bound = "a quarter of its standard error" if below else f"{ENOUGH:g} of the largest"
    text = f"dt = {found.dt:g}, chosen: it moves each exponent by less than {bound}"
    if coarser is not None:
        ratio = np.nan_to_num(coarser.size / coarser.allowed)
        member, j = np.unravel_index(int(ratio.argmax()), ratio.shape)
        text += f"; {coarser.dt:g} would move exponent {j + 1} by {coarser.bias[member, j]:.2g}"
    decay = ladder.decay(found)
    apart = decay * slowest(found) / (2 * math.pi)
    if apart > STIFF:
        text += (
            f"; stiff: states decay at rates up to {decay:.3g}, {apart:.1g} times as fast as the "
            "slowest motion (if what is stiff is a constant linear part: linear=)"
        )
    return text


def slowest(trial: Trial) -> float:
    """The time in which the slowest variable of any member comes back to its mean, or at rest that
    in which the slowest tangent decays by e^(2 pi)."""
    states = trial.states
    spread = np.ptp(states, axis=0) if len(states) > 1 else np.zeros(states.shape[1:])
    moving = spread > 1e-6 * np.maximum(np.abs(states).max(axis=0), 1e-12)
    if not moving.any():
        rates = np.abs(trial.exponents[np.isfinite(trial.exponents) & (trial.exponents != 0)])
        return float(2 * math.pi / rates.min()) if rates.size else 0.0
    above = states > states.mean(axis=0)
    returns = (above[1:] & ~above[:-1]).sum(axis=0)[moving]
    return float(trial.time / max(1, returns.min()))
