r"""Sensitivities and adjoints: tangents along an orbit as they are, forwards and backwards.

:math:`\Delta(t) = \partial x(t)/\partial x(t_0)` solves :math:`\dot\Delta = J \Delta` (Eq. 5 of
Park, Sagodi and Sokol 2023), and :math:`\Psi(t) = (\partial x(t_1)/\partial x(t))^\top`,
:math:`\dot\Psi = -J^\top \Psi` (Eq. 6), is how a learning signal at t_1 reaches t. Both here are
exact derivatives of the steps taken, so :math:`\Psi^\top \Delta` is the same at all times to
rounding (Eqs. 7 and 8).
"""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from . import _check
from ._check import Array, Seed
from ._interrupted import Interrupted, raises_interrupted
from ._orbit import Orbit, Start, expect_no_memory, heed_jumps
from ._progress import counted
from ._trajectory import RARER, grid, lost_at, times_of
from .systems.base import System

# Steps after which vectors are scaled back to norm 1, and from checkpoint to checkpoint. A step of
# a map may shrink or stretch by many orders of magnitude.
NORMALISE = {"flow": 64, "map": 8}
CHECKPOINT_BYTES = 2**28


@dataclass(frozen=True)
class Tangents:
    r"""What `sensitivity` and `adjoint` return: vectors :math:`e^{\ell} u` with norm(u) = 1.

    Attributes
    ----------
    times : array (S,)
        From the end of the transient; steps of a map.
    states : array (..., S, n)
    directions : array (..., S, n, m)
        Unit vectors u, one a column; zero for one that is gone.
    log_norms : array (..., S, m)
        Natural logarithms of the norms, -inf for one that is gone.
    diverged_at : array (...)
        Time of the first state that is not finite; NaN where there is none.

    Examples
    --------
    >>> import lyapax as lx
    >>> half = lx.Map(lambda x, p: [0.5 * x[0]], 1)
    >>> lx.sensitivity(half, duration=4, rng=0, progress=False).vectors[-1].tolist()
    [[0.0625]]
    """

    times: Array
    states: Array
    directions: Array
    log_norms: Array
    diverged_at: Array

    @property
    def vectors(self) -> Array:
        """The vectors themselves; infinite or zero where they do not fit into a float64."""
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            logs = np.log(np.abs(self.directions)) + self.log_norms[..., None, :]
            return np.asarray(np.sign(self.directions) * np.exp(logs))


@raises_interrupted
def sensitivity(
    system: System,
    vectors: ArrayLike | None = None,
    *,
    duration: float,
    dt: float | None = None,
    transient: float = 0.0,
    save_every: int = 1,
    params: Mapping[str, object] | None = None,
    initial: ArrayLike | None = None,
    members: int | None = None,
    rng: Seed | None = None,
    progress: bool = True,
) -> Tangents:
    r"""Forward sensitivity :math:`\Delta(t) v`, or all of :math:`\Delta(t)`.

    Parameters
    ----------
    system : RateNetwork, Network, RNN, GRU, LSTM, Flow or Map
    vectors : array (n, m), optional
        Perturbations at the start; default the identity.
    duration, dt, transient, save_every, params, initial, members, rng, progress
        As in `trajectory`.

    Returns
    -------
    Tangents

    Raises
    ------
    Interrupted
        On Ctrl-C; its `result` has the first times only.
    ValueError, TypeError
        Bad input, naming the argument.

    References
    ----------
    Park, Sagodi and Sokol (2023), Eqs. 4, 5.

    Examples
    --------
    >>> import lyapax as lx
    >>> decay = lx.Flow(lambda x, p: [-x[0], -2 * x[1]], dim=2)
    >>> delta = lx.sensitivity(decay, duration=500, dt=0.01, save_every=50_000, progress=False)
    >>> print(delta.log_norms[-1].round(3))  # the second is exp(-1000), which is no float64
    [ -500. -1000.]
    """
    begin = Start.of(system, params, dt, transient, initial, members, rng)
    expect_no_memory(begin.system, "sensitivity")
    progress = _check.flag(progress, "progress")
    history, current, norms = _begun(begin, vectors, "vectors", duration, save_every)
    orbit, saves, done = history.orbit, history.saves, 0
    try:
        for s in counted(range(saves + 1), "save", progress):
            for steps in _pieces(history.every if s else 0, _distance(orbit.system)):
                orbit.tangent_steps(current, steps)
                current, norms = _unit(current, norms)
            history.states[s] = orbit.state
            history.keep(s, current, norms)
            done = s + 1
    except KeyboardInterrupt:
        text = f"{done} of {saves + 1} saves"
        raise Interrupted(text, history.found(slice(done)) if done else None) from None
    return history.found(slice(done))


@raises_interrupted
def adjoint(
    system: System,
    covectors: ArrayLike | None = None,
    *,
    duration: float,
    dt: float | None = None,
    transient: float = 0.0,
    save_every: int = 1,
    params: Mapping[str, object] | None = None,
    initial: ArrayLike | None = None,
    members: int | None = None,
    rng: Seed | None = None,
    progress: bool = True,
) -> Tangents:
    r"""Adjoint :math:`\Psi(t) w` back from the end, or all of :math:`\Psi(t)`.

    Reverse-mode differentiation of the orbit: of a loss with gradient w at the end, the gradient
    in x(t). States are kept every 64 steps (8 of a map), or where that takes more than 256 MB at
    about the root of the number of steps, and computed again from there: with one covector it costs
    about three times what the orbit alone does.

    Parameters
    ----------
    system : RateNetwork, Network, RNN, GRU, LSTM, Flow or Map
    covectors : array (n, m), optional
        Gradients at the end; default the identity.
    duration, dt, transient, save_every, params, initial, members, rng, progress
        As in `trajectory`.

    Returns
    -------
    Tangents
        In order of time: the last entry is the end, where the covectors were given.

    Raises
    ------
    Interrupted
        On Ctrl-C; its `result` has the last times only.
    ValueError, TypeError
        Bad input, naming the argument.

    References
    ----------
    Park, Sagodi and Sokol (2023), Eqs. 6 to 8.

    Examples
    --------
    >>> import numpy as np, lyapax as lx
    >>> lorenz = lx.systems.library["lorenz63"].system()
    >>> same = dict(duration=1, dt=0.01, save_every=10, rng=0, progress=False)
    >>> delta, psi = lx.sensitivity(lorenz, **same), lx.adjoint(lorenz, **same)
    >>> product = np.swapaxes(psi.vectors, -1, -2) @ delta.vectors
    >>> bool(np.ptp(product, axis=0).max() < 1e-11)  # constant: Eq. 7
    True
    """
    begin = Start.of(system, params, dt, transient, initial, members, rng)
    expect_no_memory(begin.system, "adjoint")
    progress = _check.flag(progress, "progress")
    history, current, norms = _begun(begin, covectors, "covectors", duration, save_every)
    orbit, saves, every, states = history.orbit, history.saves, history.every, history.states
    first, last = orbit.step, orbit.step + saves * every
    pieces = [
        first + s * every + a
        for s in range(saves)
        for a in range(0, every, _distance(orbit.system))
    ]
    # One checkpoint a piece if they fit, else one for each root of their number.
    size = len(pieces) * states[0].nbytes
    together = 1 if size <= CHECKPOINT_BYTES else math.ceil(math.sqrt(len(pieces)))
    blocks = [pieces[i : i + together] for i in range(0, len(pieces), together)]
    checkpoints = []
    for block in blocks:
        for start in block:
            orbit.advance(start - orbit.step)
            if start == block[0]:
                checkpoints.append(orbit.state.copy())
            if (start - first) % every == 0:
                states[(start - first) // every] = orbit.state
    orbit.advance(last - orbit.step)
    states[saves] = orbit.state
    history.keep(saves, current, norms)
    end, done = last, saves
    try:
        for block in counted(blocks[::-1], "block", progress):
            orbit.state, orbit.step = checkpoints.pop(), block[0]
            marks = []
            for start in block:
                orbit.advance(start - orbit.step)
                marks.append(orbit.state.copy())
            for start, mark in zip(reversed(block), reversed(marks), strict=True):
                orbit.propagator.cotangent_steps(mark, start, end - start, current)
                current, norms = _unit(current, norms)
                end = start
                if (start - first) % every == 0:
                    done = (start - first) // every
                    history.keep(done, current, norms)
    except KeyboardInterrupt:
        text = f"{saves + 1 - done} of {saves + 1} saves"
        raise Interrupted(text, history.found(slice(done, None))) from None
    return history.found(slice(done, None))


def _distance(system: System) -> int:
    return NORMALISE["flow" if system.is_flow else "map"]


def _pieces(steps: int, distance: int) -> list[int]:
    whole, rest = divmod(steps, distance)
    return [distance] * whole + [rest] * (rest > 0)


@dataclass(frozen=True)
class _History:
    """What is kept along an orbit: S saves, `every` steps apart."""

    orbit: Orbit
    every: int
    times: Array
    states: Array  # (S, B, n)
    directions: Array  # (S, B, n, m)
    log_norms: Array  # (S, B, m)

    @property
    def saves(self) -> int:
        """How many come after the first."""
        return len(self.times) - 1

    def keep(self, save: int, directions: Array, log_norms: Array) -> None:
        self.directions[save], self.log_norms[save] = directions, log_norms

    def found(self, there: slice) -> Tangents:
        """The result for those times that are there: all, unless interrupted."""
        times, states = self.times[there], self.states[there]
        lost = lost_at(self.orbit, times, np.isfinite(states).all(axis=2))
        kept = states, self.directions[there], self.log_norms[there]
        states, directions, logs = (self.orbit.shaped(np.moveaxis(a, 0, 1)) for a in kept)
        return Tangents(times, states, directions, logs, lost)


def _begun(
    start: Start, given: ArrayLike | None, name: str, duration: float, save_every: int
) -> tuple[_History, Array, Array]:
    """Room for the saves, and what is given as (unit columns (B, n, m), their log norms)."""
    system, n = start.system, start.dim
    heed_jumps(system)
    saves, every = grid(duration, start.step_time, save_every)
    columns = None if given is None else _columns(given, name, n)
    m = n if columns is None else columns.shape[1]
    # Of an adjoint there are checkpoints too, and a list of all pieces of the way back.
    pieces = saves * -(-every // _distance(system)) if name == "covectors" else 0
    _check.room(40 * pieces, f"the way back through {saves * every} steps", "shorten duration")
    each = 8 * ((saves + 1) * (n + n * m + m) + 4 * n * m + 2 * math.isqrt(pieces) * n)
    orbit = start.orbit(
        duration,
        each=each,
        what=f"{saves + 1} saves of {{members}} x {{n}} x {m} tangents",
        advice=f"{RARER} or fewer {name}",
    )
    if columns is None:
        columns = np.eye(n)
    batch = len(orbit.state)
    history = _History(
        orbit,
        every,
        times_of(saves, every, orbit),
        np.empty((saves + 1, batch, n)),
        np.empty((saves + 1, batch, n, m)),
        np.empty((saves + 1, batch, m)),
    )
    wide = np.array(np.broadcast_to(columns, (batch, *columns.shape)), order="C")
    return history, *_unit(wide, np.zeros(()))


def _columns(given: ArrayLike, name: str, n: int) -> Array:
    """(n, m), of one vector or of several."""
    columns = _check.real_array(given, name, ndim_min=1)
    if columns.ndim == 1:
        columns = columns[:, None]
    if columns.ndim != 2 or columns.shape[0] != n:
        raise ValueError(f"{name} must have shape ({n},) or ({n}, m), got {columns.shape}")
    if not (np.abs(columns).max(axis=0) > 0).all():
        raise ValueError(f"{name} must not have a column of zeros")
    return columns


def _unit(vectors: Array, norms: Array) -> tuple[Array, Array]:
    """Columns scaled to norm 1, and the logarithms of their norms; a zero column stays zero."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # By the largest element first: squares of 1e-160 are zero.
        largest = np.abs(vectors).max(axis=1)
        scaled = np.where(largest[:, None] > 0, vectors / largest[:, None], vectors)
        size = np.linalg.norm(scaled, axis=1)
        scaled = np.where(size[:, None] > 0, scaled / size[:, None], scaled)
        return scaled, norms + np.log(largest) + np.where(size > 0, np.log(size), 0.0)
