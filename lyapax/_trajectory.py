"""States on a grid of time."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _check
from ._check import Array, Booleans, Seed
from ._interrupted import Interrupted, raises_interrupted
from ._orbit import Orbit, Start
from ._progress import growing_pieces
from ._zarr import new_array
from .systems.base import System

PIECE = 2**19  # numbers of the states of a call
RARER = "a larger save_every"  # where there is no memory for all


@dataclass(frozen=True)
class Trajectory:
    """What `trajectory` returns.

    Attributes
    ----------
    times : array (S,)
        From the end of the transient; steps of a map.
    states : array (..., S, n), or a zarr array of that shape
        Of a `Network` (..., S, n, m).
    diverged_at : array (...)
        Time of the first state kept that is not finite; NaN where there is none.

    Examples
    --------
    >>> import lyapax as lx
    >>> half = lx.Map(lambda x, p: [0.5 * x[0]], 1)
    >>> lx.trajectory(half, duration=2, initial=[1.0], progress=False).states.ravel().tolist()
    [1.0, 0.5, 0.25]
    """

    times: Array
    states: Any
    diverged_at: Array


def grid(duration: float, step_time: float, save_every: int) -> tuple[int, int]:
    """(saves after the first, steps from one to the next)."""
    every = _check.count(save_every, "save_every")
    steps = _check.steps(_check.positive(duration, "duration"), step_time, "duration")
    if every > steps:
        raise ValueError(f"save_every must be at most the {steps} steps asked for, got {every}")
    saves = steps // every
    _check.room(8 * saves, f"the times of {saves} saves", f"give {RARER}")
    return saves, every


def times_of(saves: int, every: int, orbit: Orbit) -> Array:
    return np.asarray(np.arange(saves + 1) * float(every * orbit.step_time))


def lost_at(orbit: Orbit, times: Array, finite: Booleans | np.bool_) -> Array:
    """Times (...) of the first save that is not finite, of finite (S, B)."""
    gone = ~finite
    first = np.where(gone.any(axis=0), times[gone.argmax(axis=0)], np.nan)
    return np.asarray(orbit.shaped(first))


@raises_interrupted
def trajectory(
    system: System,
    *,
    duration: float,
    dt: float | None = None,
    transient: float = 0.0,
    save_every: int = 1,
    params: Mapping[str, object] | None = None,
    initial: ArrayLike | None = None,
    members: int | None = None,
    rng: Seed | None = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Trajectory:
    """States :math:`x(t)` of a batch, every few steps.

    Parameters
    ----------
    system : RateNetwork, Network, RNN, GRU, LSTM, Flow or Map
    duration : float
        Time (flows) or steps (maps) after the transient.
    dt : float
        Time step; flows only.
    transient : float
        Time before the first state kept.
    save_every : int
        Steps between two states kept; what is left of the duration after a whole number of them is
        not run.
    params, initial, members, rng
        As in `lyapunov_spectrum`.
    store : path, optional
        Write a Zarr array there, save by save, instead of keeping all in memory (needs the extra
        ``sweep``). Each save carries a checksum, and reading a changed one raises; saves that a
        kill left out read as NaN. Its attributes have the system, and the time between two saves.
    progress : bool

    Returns
    -------
    Trajectory

    Raises
    ------
    Interrupted
        On Ctrl-C; its `result` is the trajectory of the first times.
    ValueError, TypeError
        Bad input, naming the argument.

    Examples
    --------
    >>> import lyapax as lx
    >>> net = lx.RateNetwork([[0.0, 0.0], [0.0, 0.0]])
    >>> path = lx.trajectory(net, duration=1, dt=0.1, initial=[1.0, 2.0], progress=False)
    >>> path.states.shape, path.states[-1].round(4)
    ((11, 2), array([0.3679, 0.7358]))
    """
    start = Start.of(system, params, dt, transient, initial, members, rng)
    progress = _check.flag(progress, "progress")
    if store is not None:
        store = _check.path(store, "store")
    saves, save_every = grid(duration, start.step_time, save_every)
    held = 0 if store is not None else saves + 1
    orbit = start.orbit(
        duration,
        each=8 * held * start.dim + saves,
        what=f"{held} saves of {{members}} x {{n}} states",
        advice=f"{RARER} or store",
    )
    times = times_of(saves, save_every, orbit)
    own, lead = start.system.state_shape, len(orbit.shape)
    shape = (*orbit.shape, saves + 1, *own)
    if store is None:
        states: Any = np.empty(shape)
    else:
        states = _stored(store, start, shape, lead, save_every)
    at = (slice(None),) * lead
    finite = np.empty((saves + 1, len(orbit.state)), bool)
    done = 0

    def found(saved: int) -> Trajectory:
        if store is None:
            kept = states[(*at, slice(saved))]
        else:  # which stays on disk
            states.resize((*shape[:lead], saved, *own))
            kept = states
        return Trajectory(times[:saved], kept, lost_at(orbit, times[:saved], finite[:saved]))

    def keep(found: Array) -> None:
        """States (I, B, n) of the next I saves."""
        nonlocal done
        present = orbit.propagator.present(found.reshape(-1, found.shape[2]))
        there = slice(done, done + len(found))
        finite[there] = np.isfinite(present).all(axis=1).reshape(len(found), -1)
        present = present.reshape(len(found), *orbit.shape, *own)
        states[(*at, there)] = np.moveaxis(present, 0, lead)
        done = there.stop

    try:
        keep(orbit.state[None])
        most = max(1, PIECE // orbit.state.size)
        for count in growing_pieces(saves, most, "save", progress):
            keep(orbit.states_after(count, save_every))
    except KeyboardInterrupt:
        raise Interrupted(f"{done} of {saves + 1} saves", found(done) if done else None) from None
    return found(done)


def _stored(
    store: str | Path, start: Start, shape: tuple[int, ...], lead: int, save_every: int
) -> Any:
    return new_array(
        store,
        shape,
        # A chunk is one save of everyone: each is written once, and whole.
        chunks=(*shape[:lead], 1, *shape[lead + 1 :]),
        attributes={
            "system": repr(start.system),
            "interval": float(save_every * start.step_time),
            "axis_of_saves": lead,
        },
    )
