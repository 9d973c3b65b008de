r"""Sensitivities and adjoints: tangents along an orbit as they are, forwards and backwards.

:math:`\Delta(t) = \partial x(t)/\partial x(t_0)` solves :math:`\dot\Delta = J \Delta` (Eq. 5 of
Park, Sagodi and Sokol 2023), and :math:`\Psi(t) = (\partial x(t_1)/\partial x(t))^\top`,
:math:`\dot\Psi = -J^\top \Psi` (Eq. 6), is how a learning signal at t_1 reaches t. Both here are
exact derivatives of the steps taken, so :math:`\Psi^\top \Delta` is the same at all times to
rounding (Eqs. 7 and 8).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _check
from ._check import Array
from ._interrupted import Interrupted, raises_interrupted
from ._orbit import Orbit, Start, heed_jumps
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
    vectors: Any = None,
    *,
    duration: float,
    dt: float | None = None,
    transient: float = 0.0,
    save_every: int = 1,
    params: Mapping[str, Any] | None = None,
    initial: Any = None,
    members: int | None = None,
    rng: Any = None,
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
    orbit, columns, saves, save_every, progress = _begun(
        begin, vectors, "vectors", duration, save_every, progress
    )
    times = times_of(saves, save_every, orbit)
    current, norms = _unit(columns, 0.0)
    states, kept, logs = _room(orbit, saves, current.shape[2])
    done = 0

    def found(saved: int) -> Tangents:
        return _history(orbit, times, states, kept, logs, slice(saved))

    try:
        for s in counted(range(saves + 1), "save", progress):
            for steps in _pieces(save_every if s else 0, _distance(orbit.system)):
                orbit.tangent_steps(current, steps)
                current, norms = _unit(current, norms)
            states[s], kept[s], logs[s] = orbit.state, current, norms
            done = s + 1
    except KeyboardInterrupt:
        raise Interrupted(f"{done} of {saves + 1} saves", found(done) if done else None) from None
    return found(done)


@raises_interrupted
def adjoint(
    system: System,
    covectors: Any = None,
    *,
    duration: float,
    dt: float | None = None,
    transient: float = 0.0,
    save_every: int = 1,
    params: Mapping[str, Any] | None = None,
    initial: Any = None,
    members: int | None = None,
    rng: Any = None,
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
    orbit, columns, saves, save_every, progress = _begun(
        begin, covectors, "covectors", duration, save_every, progress
    )
    times = times_of(saves, save_every, orbit)
    current, norms = _unit(columns, 0.0)
    states, kept, logs = _room(orbit, saves, current.shape[2])
    first, last = orbit.step, orbit.step + saves * save_every
    pieces = [
        first + s * save_every + a
        for s in range(saves)
        for a in range(0, save_every, _distance(orbit.system))
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
            if (start - first) % save_every == 0:
                states[(start - first) // save_every] = orbit.state
    orbit.advance(last - orbit.step)
    states[saves] = orbit.state
    kept[saves], logs[saves] = current, norms
    end, done = last, saves

    def found(first: int) -> Tangents:
        return _history(orbit, times, states, kept, logs, slice(first, None))

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
                if (start - first) % save_every == 0:
                    s = (start - first) // save_every
                    kept[s], logs[s] = current, norms
                    done = s
    except KeyboardInterrupt:
        text = f"{saves + 1 - done} of {saves + 1} saves"
        raise Interrupted(text, found(done)) from None
    return found(done)


def _distance(system: System) -> int:
    return NORMALISE["flow" if system.is_flow else "map"]


def _pieces(steps: int, distance: int) -> list[int]:
    whole, rest = divmod(steps, distance)
    return [distance] * whole + [rest] * (rest > 0)


def _begun(
    start: Start, given: Any, name: str, duration: Any, save_every: Any, progress: Any
) -> tuple[Orbit, Array, int, int, bool]:
    """(orbit, its columns (B, n, m), saves, steps between them, progress), all checked first."""
    progress = _check.flag(progress, "progress")
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
    wide = np.broadcast_to(columns, (len(orbit.state), *columns.shape))
    return orbit, np.array(wide, order="C"), saves, every, progress


def _columns(given: Any, name: str, n: int) -> Array:
    """(n, m), of one vector or of several."""
    columns = _check.real_array(given, name, ndim_min=1)
    if columns.ndim == 1:
        columns = columns[:, None]
    if columns.ndim != 2 or columns.shape[0] != n:
        raise ValueError(f"{name} must have shape ({n},) or ({n}, m), got {columns.shape}")
    if not (np.abs(columns).max(axis=0) > 0).all():
        raise ValueError(f"{name} must not have a column of zeros")
    return columns


def _unit(vectors: Array, norms: Any) -> tuple[Array, Array]:
    """Columns scaled to norm 1, and the logarithms of their norms; a zero column stays zero."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # By the largest element first: squares of 1e-160 are zero.
        largest = np.abs(vectors).max(axis=1)
        scaled = np.where(largest[:, None] > 0, vectors / largest[:, None], vectors)
        size = np.linalg.norm(scaled, axis=1)
        scaled = np.where(size[:, None] > 0, scaled / size[:, None], scaled)
        return scaled, norms + np.log(largest) + np.where(size > 0, np.log(size), 0.0)


def _room(orbit: Orbit, saves: int, columns: int) -> tuple[Array, Array, Array]:
    batch, n = orbit.state.shape
    return (
        np.empty((saves + 1, batch, n)),
        np.empty((saves + 1, batch, n, columns)),
        np.empty((saves + 1, batch, columns)),
    )


def _history(
    orbit: Orbit, times: Array, states: Array, kept: Array, logs: Array, there: slice
) -> Tangents:
    """The result for those times that are there: all, unless interrupted."""
    times, states, kept, logs = times[there], states[there], kept[there], logs[there]
    lost = lost_at(orbit, times, np.isfinite(states).all(axis=2))
    states, kept, logs = (orbit.shaped(np.moveaxis(a, 0, 1)) for a in (states, kept, logs))
    return Tangents(times, states, kept, logs, lost)
