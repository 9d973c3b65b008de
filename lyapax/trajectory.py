"""States on a grid of time."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from . import _check
from ._check import Array
from .distribution import hint
from .orbit import Orbit, begin
from .systems.base import System


@dataclass(frozen=True)
class Trajectory:
    """What `trajectory` returns.

    Attributes
    ----------
    times : array (S,)
        From the end of the transient; steps of a map.
    states : array (..., S, n), or a zarr array of that shape
    diverged_at : array (...)
        Time of the first state kept that is not finite; NaN where there is none.
    """

    times: Array
    states: Any
    diverged_at: Array


def grid(orbit: Orbit, duration: float, save_every: int) -> tuple[int, Array]:
    """(saves after the first, their times with it)."""
    every = _check.count(save_every, "save_every")
    steps = orbit.steps_in(_check.positive(duration, "duration"))
    if every > steps:
        raise ValueError(f"save_every must be at most the {steps} steps asked for, got {every}")
    saves = steps // every
    return saves, np.asarray(np.arange(saves + 1) * float(every * orbit.step_time))


def lost_at(orbit: Orbit, times: Array, finite: Any) -> Array:
    """Times (...) of the first save that is not finite, of finite (S, B)."""
    gone = ~finite
    first = np.where(gone.any(axis=0), times[gone.argmax(axis=0)], np.nan)
    return np.asarray(orbit.shaped(first))


def trajectory(
    system: System, *, duration: float, dt: float | None = None, transient: float = 0.0,
    save_every: int = 1, params: Mapping[str, Any] | None = None, initial: Any = None,
    members: int | None = None, rng: Any = None, store: str | Path | None = None,
    progress: bool = True,
) -> Trajectory:  # fmt: skip
    """States :math:`x(t)` of a batch, every few steps.

    Parameters
    ----------
    system : RateNetwork, RNN, GRU, LSTM, Flow or Map
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
        ``sweep``).
    progress : bool

    Returns
    -------
    Trajectory
        After Ctrl-C, with a warning, the first times only.

    Raises
    ------
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
    orbit = begin(
        system, dt=dt, transient=transient, duration=duration, params=params, initial=initial,
        members=members, rng=rng,
    )  # fmt: skip
    saves, times = grid(orbit, duration, save_every)
    shape = (*orbit.shape, saves + 1, system.dim)
    states: Any = np.empty(shape) if store is None else _zarr(store, shape, len(orbit.shape))
    finite = np.empty((saves + 1, len(orbit.state)), bool)
    done = 0
    try:
        for s in tqdm(range(saves + 1), unit="save", disable=None if progress else True):
            if s:
                orbit.advance(save_every)
            states[..., s, :] = orbit.shaped(orbit.state)
            finite[s] = np.isfinite(orbit.state).all(axis=1)
            done = s + 1
    except KeyboardInterrupt:
        interrupted(done, saves + 1)
    times, states = times[:done], states[..., :done, :]
    return Trajectory(times, states, lost_at(orbit, times, finite[:done]))


def interrupted(done: int, asked: int) -> None:
    """After Ctrl-C: what there is is returned; where there is nothing, the interrupt goes on."""
    if not done:
        raise KeyboardInterrupt
    warnings.warn(f"interrupted: {done} of {asked} saves", stacklevel=3)


def _zarr(store: str | Path, shape: tuple[int, ...], lead: int) -> Any:
    try:
        import zarr
    except ImportError as error:
        raise ImportError(f"store needs zarr: {hint('sweep')}") from error
    # A chunk is one save of everyone: each is written once, and whole.
    chunks = (*shape[:lead], 1, shape[-1])
    return zarr.create_array(store, shape=shape, chunks=chunks, dtype="f8")
