"""From a run that has begun, or an earlier result, to a result: with a bar, warnings and Ctrl-C."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from . import _motion as motion
from . import _step as step
from ._check import Array
from ._continuation import Continuation
from ._interrupted import Interrupted
from ._progress import bar as progress_bar
from ._run import Run, measure
from ._table import divergence
from .systems.semilinear import RK4_REACH

if TYPE_CHECKING:
    from ._result import LyapunovSpectrum

S = TypeVar("S", bound="LyapunovSpectrum")


def finish(
    continued: Continuation,
    build: Callable[[Continuation], S],
    steps: int | None,
    tol: float | None,
    progress: bool,
    *,
    decay_rate: Callable[[Array], float | None] | None = None,
    measure: Callable[..., None] = measure,
    of_step: Callable[[Any], None] = step.warn,
) -> S:
    """Finish transient and alignment of a run, measure `steps` more, and `build` the result.

    `of_step` warns where the time step moves exponents.
    """
    run, traits = continued.run, continued.traits
    begin = run.now
    rates: list[float | None] = []

    def look() -> None:
        if decay_rate is not None and traits.is_flow:
            state = run.now.propagator.present(run.now.carry.state)
            rates.append(decay_rate(state.reshape(*continued.shape, state.shape[-1])))

    try:
        before = begin.transient_left + max(run.alignment - begin.aligned, 0) * begin.aligning
        todo = None if steps is None else before + steps
        with progress_bar(run, todo, progress, patient=tol is not None) as tick:
            look()
            run.transient(tick)
            look()
            warn_if_unstable(run.step_time, rates)
            run.align(tick)
            measure(run, steps, tol, tick)
        run.release()
        if traits.is_flow and not traits.is_noisy:  # whose path is another one with another step
            continued = replace(continued, bias=step.bias(run))
        result = build(continued)
        if result.finer_step_survives:
            warnings.warn(f"diverged {divergence(result)}", stacklevel=4)
        warn_of_changes(result)
        warn_of_rounded_orbits(run, result)
        of_step(result)
        return result
    except KeyboardInterrupt:
        result = build(continued)
        text = f"measured over {result.duration:g}"
        if steps is not None:
            text += f" of {(begin.measured_steps + steps) * run.step_time:g}"
        raise Interrupted(text, result) from None


def warn_of_changes(result: "LyapunovSpectrum") -> None:
    """Warn where growth changed on the way, so that a mean over the run has no meaning."""
    changed = np.isfinite(result.changed_at)
    if changed.any():
        first, unit = float(np.nanmin(result.changed_at)), "t" if result.is_flow else "step"
        members = (
            f" in {int(changed.sum())} of {changed.size} members, first" if result.shape else ""
        )
        warnings.warn(
            f"the run changed its behaviour{members} at {unit} = {first:.3g}: exponents are means "
            "over what was before and what came after; give a longer transient",
            stacklevel=5,
        )


def warn_of_rounded_orbits(run: Run, result: "LyapunovSpectrum") -> None:
    """Warn where only rounding put a map's state exactly on an unstable orbit."""
    if result.is_flow or result.is_driven:
        return
    stuck = motion.rounded_away(run, result.period.reshape(-1), result.sign.reshape(-1, result.k))
    if stuck:
        warnings.warn(
            f"{stuck} of {len(run.initial)} members ended exactly on an unstable orbit, where "
            "only rounding can put them: their exponents are those of this orbit. A map whose "
            "slopes are powers of two (doubling, tent) loses a bit of its state a step; change "
            "a slope a little, by 1e-12",
            stacklevel=5,
        )


def warn_if_unstable(dt: float, rates: list[float | None]) -> None:
    """`rates`: the fastest decay, as far as it is known, where the transient began and ended."""
    known = [rate for rate in rates if rate is not None and np.isfinite(rate)]
    if known and dt * max(known) > RK4_REACH:
        warnings.warn(
            f"dt = {dt:g} is too large for stability: it must stay below "
            f"{RK4_REACH / max(known):.3g}, 2.785 divided by the fastest decay rate",
            stacklevel=5,
        )
