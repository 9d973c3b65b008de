"""What the time step does to exponents: pairs of runs with dt and with dt / 2.

Both runs of a pair begin in one state with one basis and take their QRs at the same times, so what
chance does to exponents is nearly the same in both, and their difference shows the step's part.
RK4's is of fourth order: dt is off by 16 times what dt / 2 is, hence by 16/15 of the difference.

Where tangents grow, a pair soon runs apart and its difference is noise. So the run with dt / 2 goes
back to the other's state and basis each time the leading tangent has grown by e^0.5. Measured on
Roessler at dt = .05, 64 blocks: .0069(2) so, .0072(10) at e^4, where the bias is .0064(3). Where
nothing grows the pair goes on, and the attractor's own shift with dt shows too.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._check import Array
from ._run import Moment, Run, cleared
from ._statistics import BOUNDED, standard_error
from ._sums import mean_over
from .kernels.propagator import OK, Carry, Propagator

if TYPE_CHECKING:
    from ._result import LyapunovSpectrum

ORDER = 4  # of Runge and Kutta's step, and of ETDRK4
RICHARDSON = 2**ORDER / (2**ORDER - 1)
BLOCKS, FEWEST = 64, 16  # differences that an error is taken from
GROWN = 0.5  # nats of the leading tangent in a block, and after which a pair starts anew
APART = 0.05  # of the attractor's size, for pairs that drift apart without growth
MEMBERS = 32  # of a batch that are looked at: a block of SIMD lanes
PAIR = 3  # steps that a pair takes for one of dt
SHARE, SECONDS = 0.05, 0.02  # of the run's steps, or on a CPU what takes that long
# Of the largest exponent: a bias that no error bar, however small, makes worth a smaller step, and
# the one from which on a warning is worth its line.
ENOUGH, WARNED = 1e-6, 1e-4
UNRESOLVED = 0.1  # of 2 / T, below which an exponent counts as zero anyway
QUARTER = 0.25  # of a standard error, that a step ought to stay below


@dataclass(frozen=True)
class Pairs:
    """Bias of the step for members (M,), its error, and the states that runs with dt visited."""

    bias: Array  # (M, k)
    noise: Array  # (M, k): the standard error of the bias, from the differences
    states: Array  # (blocks, M, n) at the ends of the blocks

    @property
    def stderr(self) -> Array:
        """The noise, and a sixteenth of the largest bias of any exponent.

        At a kink, or at a step too large to have an order, 16/15 is off by as much as it corrects.
        And where a step moves the attractor, short pairs see only part of what that does to the
        exponents: at Hindmarsh and Rose's neuron, dt = .1, the last one's bias is .163, and of the
        first one's -.007 they see nothing.
        """
        size = np.abs(self.bias)
        largest = np.max(size, axis=-1, keepdims=True, where=np.isfinite(size), initial=0.0)
        found: Array = np.hypot(self.noise, largest * (1 - 1 / RICHARDSON))
        return np.where(np.isnan(self.bias), np.nan, found)


def pairs(
    coarse: Propagator, carry: Carry, dt: float, interval: int, per: int, blocks: int
) -> Pairs | None:
    """Run pairs from a carry on, through `blocks` blocks of `per` intervals of `interval` steps.

    None of a map, which has no other step.
    """
    if not coarse.dt:
        return None
    fine = coarse.at_step(dt / 2)
    first, second = cleared(carry.copy()), cleared(fine.resumed(carry, coarse))
    grown = np.zeros(len(carry.state))
    low = coarse.present(carry.state).copy()
    high = low.copy()
    differences, states = [], []
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # diverged members
        for _ in range(blocks):
            first, second = cleared(first), cleared(second)
            coarse.propagate(first, per, interval)
            fine.propagate(second, per, 2 * interval)
            sums = first.log_sum + first.compensation
            differences.append(sums - second.log_sum - second.compensation)
            here, there = coarse.present(first.state), fine.present(second.state)
            states.append(here.copy())
            grown += sums[:, 0]
            low, high = np.minimum(low, here), np.maximum(high, here)
            far = np.abs(here - there).max(axis=1) > APART * (high - low).max(axis=1)
            kept = (first.status == second.status).all(axis=1)  # what is lost stays lost
            anew = np.nonzero(((grown > GROWN) | far) & kept)[0]
            if anew.size:
                renewed = fine.resumed(first, coarse)
                second.state[anew], second.basis[anew] = renewed.state[anew], renewed.basis[anew]
            grown[anew] = 0.0
        sums, block = np.array(differences), per * interval * dt
        total = sums.sum(axis=0)
        error, _ = standard_error(sums, total, blocks * block, block)
        bias = RICHARDSON * total / (blocks * block)
    unknown = (first.status != OK) | (second.status != OK)
    for carry in (first, second):
        unknown |= ~np.isfinite(carry.state).all(axis=1, keepdims=True)
    bias[unknown] = error[unknown] = np.nan
    return Pairs(bias, RICHARDSON * error, np.array(states))


def measured(
    propagator: Propagator, carry: Carry, interval: int, per: int, blocks: int
) -> tuple[Array, Carry]:
    """Log sums (blocks, M, k) of so many blocks, and the carry at their end."""
    sums = []
    for _ in range(blocks):
        carry = cleared(carry)
        propagator.propagate(carry, per, interval)
        sums.append(carry.log_sum + carry.compensation)
    return np.array(sums), carry


def cost(dim: int, k: int) -> float:
    """Seconds that a step of one member takes on one core, to the factor of three."""
    return 3e-8 + 3e-10 * dim**2 * k


def sample(members: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Evenly spaced ones."""
    if len(members) > most:
        members = members[np.linspace(0, len(members) - 1, most).round().astype(int)]
    return members


def blocks_in(
    steps: int, leading: float, dt: float, interval: int, memory: int = 0
) -> tuple[int, int, int]:
    """Steps of an interval, intervals of a block, and blocks, in about `steps` steps.

    `leading`: the largest exponent. Blocks can be shorter than the run's own intervals, but not
    much shorter than the past that a QR is of, which would take all the time.
    """
    block = steps // BLOCKS
    if leading > 0:
        block = int(min(block, GROWN / (leading * dt)))
    block = max(block, 1, memory // 4)
    interval = min(interval, block)
    per = block // interval
    return interval, per, min(BLOCKS, steps // (per * interval))


def bias(run: Run) -> tuple[Array, Array]:
    """(bias, its standard error) of the exponents (B, k) as the run has them, before they are
    sorted; NaN for members that are not in the sample, and where the run is too short.
    """
    now = run.now
    value = np.full(now.carry.log_sum.shape, np.nan)
    error = value.copy()
    living = np.nonzero(np.isfinite(now.carry.state).all(axis=1))[0]
    if not now.measured_steps or run.horizon is not None or not len(living):
        return value, error
    members, cut = _plan(run, now, living)
    if cut[-1] < FEWEST:
        return value, error
    coarse = now.propagator.select(members, now.propagator.dtype)
    found = pairs(coarse, now.carry.take(members, coarse.dtype), run.step_time, *cut)
    if found is not None:
        value[members], error[members] = found.bias, found.stderr
    return value, error


def _plan(
    run: Run, now: Moment, living: NDArray[np.int64]
) -> tuple[NDArray[np.int64], tuple[int, int, int]]:
    """Members, and how their steps are cut into blocks, for as many as they may cost."""
    batch, dim, k = now.carry.basis.shape
    steps = SHARE * batch * now.carry.step
    if now.propagator.portable:
        steps = max(steps, SECONDS / cost(dim, k))
    steps /= PAIR
    members = sample(living, MEMBERS)
    while True:
        leading = (now.totals()[members, 0] / (now.measured_steps * run.step_time)).max()
        own = min(int(steps) // len(members), now.measured_steps)
        cut = blocks_in(own, leading, run.step_time, now.interval, now.propagator.memory)
        if cut[-1] >= FEWEST or len(members) == 1:
            return members, cut
        members = sample(members, len(members) // 2)


def needed(dt: float, bias: Array, allowed: Array) -> float:
    """The step whose bias would be what is allowed."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return dt * float(np.nanmin((allowed / np.abs(bias)) ** (1 / ORDER), initial=1.0))


def least(exponents: Array, share: float, duration: float) -> Array:
    """(..., k): a bias not worth mentioning beside the largest exponent, or where the run cannot
    tell an exponent from zero."""
    size = np.where(np.isfinite(exponents), np.abs(exponents), 0.0)
    resolution = BOUNDED / duration if duration else np.inf
    zero = np.where(size <= resolution, UNRESOLVED * resolution, 0.0)
    found: Array = np.maximum(share * size.max(axis=-1, keepdims=True), zero)
    return found


def worst(spec: "LyapunovSpectrum", errors: float, share: float) -> tuple[int, ...] | None:
    """Index of the exponent whose bias is the most standard errors, if it is significant and
    beyond `errors` of them and beyond a share of the largest exponent."""
    with np.errstate(invalid="ignore"):
        size = np.abs(spec.step_bias)
        bound = np.maximum(errors * spec.stderr, least(spec.exponents, share, spec.duration))
        beyond = (size > bound) & (size > 3 * spec.step_bias_stderr)
    if not beyond.any():
        return None
    ratio = np.where(beyond, size / np.maximum(bound, 1e-300), 0.0)
    return tuple(int(i) for i in np.unravel_index(int(ratio.argmax()), ratio.shape))


def described(spec: "LyapunovSpectrum", at: tuple[int, ...]) -> str:
    """The bias of one exponent beside its standard error, and the step that would do."""
    sure = np.abs(spec.step_bias) > 3 * spec.step_bias_stderr
    allowed = np.maximum(QUARTER * spec.stderr, least(spec.exponents, ENOUGH, spec.duration))
    finer = needed(spec.dt, spec.step_bias[sure], allowed[sure])
    member = f" of member {list(at[:-1])}" if len(at) > 1 else ""
    return (
        f"moves exponent {at[-1] + 1}{member} by {spec.step_bias[at]:.2g} +- "
        f"{spec.step_bias_stderr[at]:.1g}, its standard error is {spec.stderr[at]:.2g}; "
        f"dt = {finer:.2g} would do"
    )


def pooled(bias: Array, stderr: Array) -> tuple[Array, Array]:
    """Bias of the mean over the first axis and its standard error, from members that have one.

    A share of their errors is noise and the rest common to all: the spread is the noise.
    """
    known = np.isfinite(bias)
    count = known.sum(axis=0)
    mean, noise = mean_over(bias, 0)
    largest = np.max(np.abs(mean), axis=-1, keepdims=True, where=count > 0, initial=0.0)
    error = np.hypot(noise, largest * (1 - 1 / RICHARDSON))
    lone = np.where(known, stderr, 0.0).sum(axis=0)
    return mean, np.where(count > 1, error, np.where(count > 0, lone, np.nan))


def warn(spec: "LyapunovSpectrum") -> None:
    """Say so where the bias of the step is beyond error bars; called where users call."""
    at = worst(spec, 1.0, WARNED)
    if at is not None:
        warnings.warn(f"dt = {spec.dt:g} is too large: it {described(spec, at)}", stacklevel=5)
