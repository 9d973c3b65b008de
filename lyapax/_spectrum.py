"""lyapunov_spectrum: the one driver, for every system and every backend."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from . import _check
from ._automatic_step import Asked, automatic_step
from ._check import Seed
from ._continuation import Continuation, Traits
from ._device import devices_for
from ._ensemble import MIXING, ensemble_of, members_of, scatter
from ._interrupted import raises_interrupted
from ._measuring import finish
from ._orbit import (
    BASIS_COPIES,
    beginning,
    exponents_wanted,
    heed_jumps,
    starting_states,
    time_step,
)
from ._progress import Waiting
from ._result import LyapunovSpectrum
from ._run import BLOCKS, CANCELLATION_BOUND, LONGEST_INTERVAL, Run, begun
from ._snapshots import COORDINATES, observed
from ._table import divergence
from .kernels.propagator import Array, initial_carry
from .systems.base import System

FIRST_LEAD = 1000  # steps, each, of transient and alignment where no duration is known
SEQUENCE_BLOCKS = 16  # QR intervals that a sequence of inputs has at least, if it has the steps
# For the memory that is needed: numbers of an exponent beside its blocks, six copies of which there
# are when errors are computed, and steps from one QR to the next where that is automatic.
STATISTICS, USUAL_INTERVAL = 48, 16


@raises_interrupted
def lyapunov_spectrum(
    system: System,
    *,
    duration: float | None = None,
    dt: float | str | None = None,
    transient: float | None = None,
    alignment: float | None = None,
    k: int | None = None,
    params: Mapping[str, object] | None = None,
    tol: float | None = None,
    max_duration: float | None = None,
    qr_every: int | str = "auto",
    dtype: DTypeLike = "float64",
    initial: ArrayLike | None = None,
    initial_basis: ArrayLike | None = None,
    rng: Seed | None = None,
    members: int | None = None,
    ensemble: bool = False,
    errors: str = "status",
    strict: bool = False,
    progress: bool = True,
    device: object = None,
) -> LyapunovSpectrum:
    r"""Lyapunov exponents :math:`\lambda_j = \lim \frac1T \sum \ln R_{jj}`, with errors.

    Benettin's method: the state and k tangent vectors run together through fourth-order
    Runge-Kutta steps (the tangent step is the exact derivative of the state's step), and a
    Householder QR after each interval adds the growth :math:`\ln R_{jj}`.

    Parameters
    ----------
    system : RateNetwork, Network, RNN, GRU, LSTM, Flow or Map
    duration : float
        Measured time (flows) or steps (maps), rounded up to whole QR intervals. By default, of a
        system with inputs, all that they last: a tenth each for transient and alignment.
    dt : float or "auto", optional
        Time step; flows only. "auto", which is the default, tries steps on short runs and takes
        the largest that moves no exponent by more than a quarter of its standard error, or 1e-6 of
        the largest exponent; `step` of the result says why. Of a system with inputs, which are one
        row a step, it must be given.
    transient : float, optional
        Time for the state to reach the attractor; default a tenth of the duration. Of a run that
        lasts as long as it takes 1000 steps, and more as it gets longer: what was measured first is
        not counted in the end, so that a tenth is not.
    alignment : float, optional
        Time for the basis to align, not counted; default as `transient`.
    k : int, optional
        How many leading exponents; default all.
    params : mapping, optional
        Replaces parameters of the system; arrays make a batch.
    tol, max_duration : float, optional
        Run until every standard error is below `tol`, as long as that takes, or at most
        `max_duration`. The bar shows the error and what is left to do; Ctrl-C ends it, as ever.
    qr_every : int or "auto"
        Steps between QRs. "auto" takes the longest interval that keeps rounding below 1e-9.
    dtype : "float64" or "float32"
        Of the tangent vectors; state and sums stay float64, and functions of up to 4 dimensions
        compute in float64 anyway.
    initial : array (..., dim), optional
        Initial states; leading axes are a batch.
    initial_basis : array (dim, k), optional
        First tangent basis; default random orthonormal, for systems with inputs one for each
        member.
    rng : int or numpy.random.Generator, optional
    members : int, optional
        Repeat every member with this many random initial states (a new leading axis).
    ensemble : bool
        Run many members from random starts, short each, until the error of their mean is below
        `tol`: for one system with one attractor, where lanes of the processor make this many times
        faster than one long run. `members` of them, at least 16, by default 512, or 64 of systems
        of more than 8 variables; `max_duration` is the time of all together. The result has no axis
        of members. Refused where members lie on several attractors, with their groups.
    errors : {"status", "raise"}
        Whether a diverged member is a NaN with a status or a RuntimeError.
    strict : bool
        Refuse a flow whose right-hand side jumps, whose exponents are otherwise given with a
        warning: tangents jump at the crossings too, and no time step knows of it.
    progress : bool
        Show a bar on a terminal.
    device : "cpu", "cuda" or "cuda:N", optional
        Where to run: on all visible GPUs ("cuda") or on one. By default where the system's arrays
        are: CuPy arrays and PyTorch's CUDA tensors run on their GPU. There, `dtype` is that of the
        state too. Functions of more than 8 variables run on the CPU only.

    Returns
    -------
    LyapunovSpectrum
        With `ensemble` an `EnsembleSpectrum`.

    Raises
    ------
    ValueError, TypeError
        Bad input, naming the argument.
    Interrupted
        On Ctrl-C; its `result` is the spectrum until then, which `extend` continues.
    RuntimeError
        With ``errors="raise"``, when a member diverges; when a GPU is asked for and there is none;
        when members of an ensemble lie on several attractors.
    ImportError
        When a GPU is asked for without CuPy.

    References
    ----------
    Benettin, Galgani, Giorgilli & Strelcyn, Meccanica 15 (1980); Geist, Parlitz & Lauterborn,
    Prog. Theor. Phys. 83 (1990).

    Examples
    --------
    >>> import lyapax as lx
    >>> henon = lx.systems.library["henon"].system()
    >>> spec = lx.lyapunov_spectrum(henon, duration=20000, rng=0, progress=False)
    >>> print(abs(spec.exponents[0] - 0.4192) < 4 * spec.stderr[0])
    True
    """
    system = _check.system(system, params=params)
    progress, strict = _check.flag(progress, "progress"), _check.flag(strict, "strict")
    ensemble = _check.flag(ensemble, "ensemble")
    _check.choice(errors, "errors", ("status", "raise"))
    automatic = (
        system.is_flow
        and system.input_steps is None
        and (dt is None or (isinstance(dt, str) and dt == "auto"))
    )
    if automatic and system.is_noisy:
        raise ValueError("dt must be given for a flow with noise, whose paths depend on it")
    step = 0.0 if automatic else time_step(system, dt)
    advice = "k, the number of exponents wanted" if k is None else "a smaller k"
    k = exponents_wanted(system, k, None if automatic else step)
    n = system.tangent_dim(system.largest_step(k) if automatic else step)
    horizon = system.input_steps
    if duration is not None:
        duration = _check.positive(duration, "duration")
    if max_duration is not None:
        max_duration = _check.positive(max_duration, "max_duration")
    if tol is not None:
        tol = _check.positive(tol, "tol")
        if duration is not None and max_duration is None:
            raise ValueError("tol must be given without a duration (max_duration limits it)")
        duration = max_duration
    if ensemble:
        if tol is None:
            raise ValueError("tol must be given with ensemble")
        members = members_of(system, members, initial)
        duration = None if max_duration is None else max_duration / members
    if duration is None and horizon is not None:
        transient, alignment, duration = _shares(horizon, step, transient, alignment)
    if duration is None and tol is None:
        raise ValueError("duration must be given (or inputs, or tol)")
    if transient is not None:
        transient = _check.positive(transient, "transient", zero=True)
    if alignment is not None:
        alignment = _check.positive(alignment, "alignment", zero=True)
    kind = _check.dtype(dtype, "dtype", tuple(CANCELLATION_BOUND))
    generator = _check.generator(rng, "rng")
    if system.is_noisy:
        system = system.seeded(generator)
    fixed = not (isinstance(qr_every, str) and qr_every == "auto")
    interval = _check.count(qr_every, "qr_every") if fixed else 1
    # Of a run that lasts as long as it takes, the first part becomes transient as it gets longer.
    lasting = duration is None or ensemble
    growing = lasting and transient is None

    def counted(step: float) -> tuple[list[int], int | None]:
        """Steps of transient and alignment, and of the measurement if there is an end to it."""
        if ensemble and transient is None:
            lead, basis = MIXING * step, MIXING * step / 2
        else:
            lead = FIRST_LEAD * step if lasting else duration / 10  # type: ignore[operator]
            lead = basis = lead if transient is None else transient
        times = {"transient": lead, "alignment": basis if alignment is None else alignment}
        measured = None
        if duration is not None:
            limit = "duration" if tol is None else "max_duration"
            measured = _check.steps(duration, step, limit)
        before = [_check.steps(time, step, name) for name, time in times.items()]
        if measured is not None and interval > measured:
            raise ValueError(
                f"qr_every must be at most the {measured} steps of the duration, got {interval}"
            )
        return before, measured

    blocks = BLOCKS // 2
    if not automatic:
        counts, measured = counted(step)
        if measured is not None:
            blocks = min(blocks, measured // (interval if fixed else USUAL_INTERVAL))
    state, shape = starting_states(
        system,
        initial,
        members,
        generator,
        each=k * (n * BASIS_COPIES * kind.itemsize + 8 * (STATISTICS + 6 * blocks))
        + 4 * BLOCKS * min(n, COORDINATES),
        what=f"{{members}} x {{n}} x {k} tangents",
        advice=advice,
    )
    if initial_basis is not None and system.has_memory:
        raise ValueError("initial_basis must be left out for flows with delays")
    given_basis = _checked_basis(initial_basis, n, k)
    heed_jumps(system, strict)

    devices = devices_for(device, system.home)
    why, wait = "", Waiting(system.preparing, progress)
    if automatic:
        step, why = automatic_step(
            Asked(
                system,
                shape,
                state,
                k,
                kind,
                devices,
                None if ensemble else duration,
                transient,
                alignment,
                tol,
                wait,
            )
        )
        counts, measured = counted(step)
    n = system.tangent_dim(step)
    k = exponents_wanted(system, k, step)
    longest = LONGEST_INTERVAL
    if system.has_memory:  # then a QR is of all the past: let it take a share of what steps do
        delay = n // (2 * system.dim)
        affordable = 4 * delay if measured is None else min(4 * delay, measured // (2 * BLOCKS))
        longest = max(longest, affordable)
    if horizon is not None:
        assert measured is not None
        _expect_rows(horizon, measured, sum(counts))
        longest = max(1, min(longest, measured // SEQUENCE_BLOCKS))

    def begin() -> Run:
        propagator = system.propagator(shape, step, k, kind, devices)
        began = beginning(system, propagator, state, shape, step)
        basis = np.empty((len(state), n, k), propagator.dtype)
        # Sequences are short, and a basis that they shared would be an error that they share.
        basis[:] = _first_basis(
            given_basis, n, k, len(state) if horizon is not None else 1, generator
        )
        carry = initial_carry(began, basis)
        if ensemble:
            scatter(propagator, carry, shape[0])
        return begun(
            propagator,
            carry,
            interval=interval,
            fixed=fixed,
            step_time=step,
            transient=counts[0],
            alignment=counts[1],
            horizon=horizon,
            longest=longest,
            growing=growing,
            observed=observed(system.turns, system.dim, propagator),
            generic=given_basis is None,
        )

    # A QR of thousands of columns and a compilation are single calls, for Ctrl-C too long. A GPU's
    # current device belongs to a thread.
    run = begin() if devices else wait(begin)
    continued = Continuation(run, shape, Traits.of(system, shape, n), why)
    result: LyapunovSpectrum
    if ensemble:
        assert tol is not None
        assert members is not None
        pooled = ensemble_of(
            continued, measured, tol, progress, members, decay_rate=system.decay_rate
        )
        result, seen = pooled, pooled.members
    else:
        result = seen = finish(
            continued, LyapunovSpectrum._of, measured, tol, progress, decay_rate=system.decay_rate
        )
    if errors == "raise" and seen.diverged.any():
        first = f", the first {divergence(seen)}" if divergence(seen) else ""
        raise RuntimeError(
            f"{int(seen.diverged.sum())} of {state.shape[0]} members diverged{first}"
        )
    return result


def _expect_rows(horizon: int, measured: int, before: int) -> None:
    """Whether inputs last."""
    if before + measured > horizon:
        raise ValueError(
            f"inputs must have one row a step: {before + measured} steps are asked for (transient, "
            f"alignment and duration), got {horizon} rows"
        )
    if measured < 2:
        raise ValueError(
            f"duration must be at least two steps, got {measured} of the {horizon} rows of inputs"
        )


def _shares(
    rows: int, step: float, transient: float | None, alignment: float | None
) -> tuple[float, float, float]:
    """Transient, alignment and duration out of the steps that inputs last."""
    tenth = math.ceil(rows / 10) * step
    transient = tenth if transient is None else _check.positive(transient, "transient", zero=True)
    alignment = (
        transient if alignment is None else _check.positive(alignment, "alignment", zero=True)
    )
    used = sum(math.ceil(t / step - 1e-9) for t in (transient, alignment))
    if rows - used < 2:
        raise ValueError(
            f"inputs must leave two steps to measure: of {rows} rows, transient and alignment "
            f"take {used}"
        )
    return transient, alignment, (rows - used) * step


def _first_basis(
    given: Array | None, n: int, k: int, bases: int, rng: np.random.Generator
) -> Array:
    """(bases or 1, n, k): random, or the columns of a given one made orthonormal."""
    if given is None:
        return np.linalg.qr(rng.standard_normal((bases, n, k)))[0]
    first, r = np.linalg.qr(given)
    return first * np.sign(np.diag(r))


def _checked_basis(given: ArrayLike | None, n: int, k: int) -> Array | None:
    if given is None:
        return None
    first = _check.real_array(given, "initial_basis", ndim_min=2)
    if first.shape != (n, k):
        raise ValueError(f"initial_basis must have shape ({n}, {k}), got {first.shape}")
    diagonal = np.abs(np.diag(np.linalg.qr(first)[1]))
    if (diagonal < 1e-12 * diagonal.max()).any():
        raise ValueError("initial_basis must have linearly independent columns")
    return first
