"""Exponents, their errors and the evidence of a class, read off a run as it stands."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _divergence as divergence
from . import _statistics as statistics
from ._continuation import Continuation
from ._judgement import judged
from ._status import Status

EVIDENCE = ("speed", "period", "motion", "preserving", "changed_at", "changed")


def estimated(continued: Continuation) -> dict[str, Any]:
    """The fields of a `LyapunovSpectrum`; exponents of each member in descending order."""
    run, shape, traits = continued.run, continued.shape, continued.traits
    now = run.now
    carry = now.carry
    duration = now.measured_steps * run.step_time
    block_duration = now.block_steps * run.step_time
    blocks = np.array(now.blocks) if now.blocks else np.zeros((0, *carry.log_sum.shape))
    status = carry.status.copy()
    if now.measured_steps == 0:
        exponents, stderr = (np.full(carry.log_sum.shape, np.nan) for _ in range(2))
        spread = np.zeros_like(exponents)
        status[:] = Status.UNMEASURED
    else:
        total = now.totals()
        exponents = total / duration
        stderr, spread = statistics.standard_error(blocks, total, duration, block_duration)
        status[(status == 0) & (now.cancellation > now.bound[:, None])] = Status.UNRESOLVED
    # A diverged direction says nothing of its neighbours either: they share the state.
    lost = (status == Status.DIVERGED).any(axis=1) | ~np.isfinite(carry.state).all(axis=1)
    status[lost] = Status.DIVERGED
    exponents[lost] = stderr[lost] = np.nan
    dead = status == Status.RANK_LOST
    if run.fixed and now.interval > 1:
        # Through several steps a living direction may shrink below rounding as well.
        unproven = dead & (dead.sum(axis=1) > traits.nullity.reshape(-1))[:, None]
        dead &= ~unproven
        status[unproven] = Status.UNRESOLVED
        exponents[unproven] = stderr[unproven] = np.nan
    exponents[dead], stderr[dead], spread[dead] = -np.inf, 0.0, 0.0
    seen = judged(run, traits.is_flow, traits.is_driven, exponents, stderr, spread, blocks, lost)
    stderr = np.maximum(stderr, seen.least_error)
    exact = np.isfinite(seen.exponents)
    exponents[exact], stderr[exact] = seen.exponents[exact], seen.stderr[exact]
    status[exact & (status == Status.UNRESOLVED)] = Status.OK
    unknown = np.full(exponents.shape, np.nan)
    bias, bias_stderr = continued.bias or (unknown, unknown)
    order = statistics.descending(exponents)

    def arranged(array: NDArray[Any]) -> Any:
        return np.take_along_axis(array, order, axis=1).reshape(*shape, -1)

    gone = divergence.examined(now, run.initial, run.step_time, traits.is_driven)
    return {
        "exponents": arranged(exponents),
        "stderr": arranged(stderr),
        "status": arranged(status),
        "sign": arranged(seen.sign),
        "cancellation": arranged(
            now.cancellation if now.cancellation.size else np.zeros_like(exponents)
        ),
        "step_bias": arranged(bias),
        "step_bias_stderr": arranged(bias_stderr),
        "blocks": np.array([arranged(block) for block in blocks]).reshape(
            len(blocks), *shape, status.shape[1]
        ),
        **{name: getattr(seen, name).reshape(shape) for name in EVIDENCE},
        "diverged_at": gone.time.reshape(shape),
        "last_size": gone.size.reshape(shape),
        "finer_step_survives": gone.finer_step_survives,
        "duration": duration,
        "block_duration": block_duration,
        "dt": run.step_time,
        "qr_every": now.interval,
        "step": continued.step,
        "system": traits.system,
        "dim": traits.dim,
        "is_flow": traits.is_flow,
        "is_driven": traits.is_driven,
        "is_noisy": traits.is_noisy,
        "circles": traits.circles,
        "axes": list(traits.axes),
        "_home": traits.home,
    }
