"""Finite-time exponents over windows along an orbit."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from . import _check
from ._check import Array, Seed
from ._interrupted import Interrupted, raises_interrupted
from ._orbit import BASIS_COPIES, Start, exponents_wanted, heed_jumps
from ._progress import counted
from ._run import CANCELLATION_BOUND
from .kernels.background import in_background
from .kernels.propagator import DIVERGED, RANK_LOST, initial_carry
from .systems.base import System


@raises_interrupted
def local_exponents(
    system: System,
    *,
    window: float,
    windows: int,
    dt: float | None = None,
    k: int | None = None,
    transient: float = 0.0,
    alignment: float | None = None,
    qr_every: int = 1,
    params: Mapping[str, object] | None = None,
    initial: ArrayLike | None = None,
    members: int | None = None,
    rng: Seed | None = None,
    progress: bool = True,
) -> Array:
    r"""Growth rates :math:`\frac1\tau \sum_{\text{window}} \ln R_{jj}` of one window after another.

    Their distribution says how uneven growth along an orbit is; their mean is the exponent.

    Parameters
    ----------
    system : RateNetwork, Network, RNN, GRU, LSTM, Flow or Map
    window : float
        Time (flows) or steps (maps) of one window, rounded up to whole QR intervals.
    windows : int
        How many.
    dt : float
        Time step; flows only.
    k : int, optional
        How many exponents; default all.
    transient : float
        Time for the state to reach the attractor.
    alignment : float, optional
        Time for the basis to align; default ten windows.
    qr_every : int
        Steps between two QRs.
    params, initial, members, rng, progress
        As in `lyapunov_spectrum`.

    Returns
    -------
    array (..., windows, k)
        Per unit time or step, natural logarithm; in the order of the basis, not sorted. NaN where
        the orbit diverged, -inf for a direction that dies within a step.

    Raises
    ------
    Interrupted
        On Ctrl-C; its `result` has the first windows only.
    ValueError, TypeError
        Bad input, naming the argument.

    Examples
    --------
    >>> import lyapax as lx
    >>> henon = lx.systems.library["henon"].system()
    >>> found = lx.local_exponents(henon, window=10, windows=2000, rng=0, progress=False)
    >>> found.shape, bool((found[:, 0] < 0).any()), bool(abs(found[:, 0].mean() - 0.419) < 0.02)
    ((2000, 2), True, True)
    """
    count, every = _check.count(windows, "windows"), _check.count(qr_every, "qr_every")
    window = _check.positive(window, "window")
    alignment = (
        10 * window if alignment is None else _check.positive(alignment, "alignment", zero=True)
    )
    start = Start.of(system, params, dt, transient, initial, members, rng)
    progress = _check.flag(progress, "progress")
    k = exponents_wanted(start.system, k, start.step_time)
    steps = start.steps(window, "window")
    start.steps(alignment, "alignment")
    if every > steps:
        raise ValueError(f"qr_every must be at most the {steps} steps of a window, got {every}")
    heed_jumps(start.system)
    orbit = start.orbit(
        alignment + count * window,
        each=8 * k * (BASIS_COPIES * start.system.tangent_dim(start.step_time) + 4 * count),
        what=f"{count} windows of {{members}} x {{n}} x {k} tangents",
        advice="fewer windows or a smaller k",
    )
    intervals = -(-steps // every)
    propagator = in_background(
        orbit.system.propagator, orbit.shape, orbit.step_time, k, np.dtype(float)
    )
    batch, n = orbit.state.shape
    basis = in_background(np.linalg.qr, start.rng.standard_normal((batch, n, k)))[0]
    carry = initial_carry(orbit.state, basis)
    carry.step = orbit.step
    before = orbit.steps_in(alignment) // every
    orbit.expect((before + count * intervals) * every)
    if before:
        propagator.propagate(carry, before, every)
    sums, lost = np.empty((batch, count, k)), np.empty((batch, count, k), np.int64)
    done = 0

    def rates(there: int) -> Array:
        found, gone = sums[:, :there], lost[:, :there]
        found = np.where(gone == DIVERGED, np.nan, np.where(gone == RANK_LOST, -np.inf, found))
        return np.asarray(orbit.shaped(found / (intervals * every * orbit.step_time)))

    try:
        for i in counted(range(count), "window", progress):
            carry.log_sum[:], carry.compensation[:] = 0.0, 0.0
            propagator.propagate(carry, intervals, every)
            sums[:, i], lost[:, i] = carry.log_sum + carry.compensation, carry.status
            if every > 1 and (carry.cancellation > CANCELLATION_BOUND["float64"]).any():
                raise ValueError(f"qr_every must be less than {every}: rounding reaches exponents")
            done = i + 1
    except KeyboardInterrupt:
        text = f"{done} of {count} windows"
        raise Interrupted(text, rates(done) if done else None) from None
    return rates(count)
