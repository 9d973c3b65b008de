"""`sweep`: from axes of parameters to a labelled dataset of spectra."""

import numbers
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _check
from .._distribution import hint
from .._interrupted import Interrupted, raises_interrupted
from .axes import LABELS, STARTS
from .executors import checked as checked_executor
from .lock import locked
from .memory import Memory
from .names import beside
from .planning import Plan, planned
from .running import Running, refined
from .store import Settings, Store, opened, settings_of

if TYPE_CHECKING:
    import xarray

OPTIONS = ("duration", "dt", "k", "transient", "alignment", "qr_every", "dtype", "strict", "device")


@raises_interrupted
def sweep(
    system: object,
    axes: Mapping[str, Any],
    *,
    store: str | os.PathLike[str] | None = None,
    executor: Executor | str | None = None,
    chunk: int | None = None,
    refine: str | float | None = None,
    resume: bool = True,
    rng: int = 0,
    progress: bool = True,
    **options: Any,
) -> "xarray.Dataset":
    """Lyapunov spectra of a plane of parameters, in chunks that survive a kill.

    Each point is the spectrum of one system, and depends on its parameters, its number and the
    seed alone: any chunks, any executor, any kill and resumption give the same bits. Time step and
    cadence, where they are automatic, are chosen once, at 64 points spread over the plane; points
    whose QRs lose digits at that cadence are measured again at a finer one.

    Parameters
    ----------
    system : system, or callable
        Or a function of the named parameters that returns a system, for weights that depend on
        them: ``lambda g: lx.RateNetwork(g * J)``. Then each point runs by itself.
    axes : mapping of str to array (m,), or xarray.Dataset
        Values of parameters. Of a mapping all combinations are points, in the order given; the
        variables of a Dataset, all of one length, are scattered points. ``initial``, an array
        (m, dim), is an axis of starts; ``member`` and ``seed`` label points that differ by their
        random start alone.
    store : path, optional
        A folder for Zarr, in which chunks are committed as they are done. Where it exists already
        the sweep goes on from there.
    executor : concurrent.futures.Executor or "ray", optional
        Where chunks run; in this process by default, with all its threads. `RayExecutor` for a
        cluster; "ray" is one with its defaults. A chunk whose workers died is marked as failed
        where the executor can tell; the same call with the same store tries it again.
    chunk : int, optional
        Points of a chunk; by default as many as take some seconds.
    refine : "boundaries" or float, optional
        Measure a coarse grid first and halve, level by level down to the grid that the axes ask
        for, only cells whose corners differ in class, signs or numbers of zeros. A number is a
        tolerance: cells are halved, too, where an exponent deviates from what interpolation had
        said by more than it and four standard errors. All other points are interpolated, and
        ``measured`` is False there. Needs axes that ascend or descend; the plane lies in memory.
    resume : bool
        False: a store that exists is an error.
    rng : int
        The seed.
    progress : bool
        Show a bar on a terminal.
    **options
        As of `lyapunov_spectrum`: duration, dt, k, transient, alignment, qr_every, dtype, strict
        and device.

    Returns
    -------
    xarray.Dataset
        exponents, stderr, sign and status (..., exponent); n_positive, n_zero, attractor (numbers
        whose names are in its attribute flag_meanings), period, kaplan_yorke, entropy and their
        errors, measured (...). From a store it is read as it is used. Its attribute ``failed``
        names the chunks that could not be measured, if there are any, and why.

    Raises
    ------
    ValueError, TypeError
        Bad input, naming the argument; a store of another sweep, or a broken one.
    Interrupted
        On Ctrl-C; its `result` has what is measured. The same call with the same store goes on.
    ImportError
        Without xarray, or without Zarr where there is a store.

    Examples
    --------
    >>> import numpy as np
    >>> import lyapax as lx
    >>> henon = lx.systems.library["henon"].system()
    >>> axes = dict(a=np.linspace(1.0, 1.4, 5), b=[0.2, 0.3])
    >>> plane = lx.sweep(henon, axes, duration=2000, progress=False)
    >>> plane.exponents.shape, bool(plane.sel(a=1.4, b=0.3).exponents[0] > 0.3)
    ((5, 2, 2), True)
    """
    try:
        import xarray  # noqa: F401
    except ImportError as error:
        raise ImportError(f"sweep needs xarray: {hint('sweep')}") from error
    progress, resume = _check.flag(progress, "progress"), _check.flag(resume, "resume")
    path = None if store is None else Path(_check.path(store, "store"))
    if path is not None and path.exists() and not path.is_dir():
        raise ValueError(f"store must be a folder, got the file {path}")
    before = {} if path is None else settings_of(path)
    try:
        plan = planned_sweep(system, axes, chunk, rng, options, before)
    except KeyboardInterrupt:  # of the sample, whose spectra are no part of the sweep
        raise Interrupted("sweep had nothing yet") from None
    tolerance = None
    if refine is not None:
        tolerance = _tolerance(refine)
        _expect_a_grid(plan)
        plan.settings["refine"] = refine if tolerance is None else tolerance
    if path is not None and path.exists() and not resume:
        raise ValueError(f"store {path} must not exist where resume is False")
    with _checked_executor(executor) as pool, _kept(path, plan) as kept:
        run = Running(pool, progress)
        if refine is None:
            run(plan, kept, kept.dataset)
        else:
            kept = refined(plan, kept, tolerance, run)
    if kept.failed:
        chunk_number, reason = next(iter(kept.failed.items()))
        warnings.warn(
            f"chunks without values: {len(kept.failed)} of {len(plan.chunks)}, the first of them "
            f"{chunk_number}: {reason}; the same call with a store tries them again",
            stacklevel=3,
        )
    return kept.dataset()


def planned_sweep(
    system: object,
    axes: object,
    chunk: int | None,
    rng: int,
    options: dict[str, Any],
    before: Settings,
) -> Plan:
    """The plan of a sweep, from what people give."""
    seed = _check.count(rng, "rng", low=0)
    for name in options:
        _check.choice(name, "options", OPTIONS)
    if options.get("duration") is None:
        raise ValueError("duration must be given")
    options = {name: value for name, value in options.items() if value is not None}
    options["duration"] = _check.positive(options["duration"], "duration")
    for name in ("transient", "alignment"):
        if name in options:
            options[name] = _check.positive(options[name], name, zero=True)
    if "dtype" in options:
        options["dtype"] = _check.dtype(options["dtype"], "dtype", ("float32", "float64")).name
    if isinstance(options.get("dt"), numbers.Real):
        options["dt"] = _check.positive(options["dt"], "dt")
    chunk = None if chunk is None else _check.count(chunk, "chunk")
    return planned(system, axes, seed, options, chunk, before)


@contextmanager
def _checked_executor(executor: object) -> Iterator[Executor | None]:
    """The executor; one that is made here ends here."""
    pool = checked_executor(executor)
    if pool is None or pool is executor:
        yield pool
    else:
        with pool:
            yield pool


@contextmanager
def _kept(path: Path | None, plan: Plan) -> Iterator[Memory | Store]:
    """Where the numbers go."""
    if path is None:
        yield Memory(plan)
        return
    with locked(path):
        if not settings_of(path):  # of a sweep whose store was removed
            shutil.rmtree(beside(path, "levels"), ignore_errors=True)
        yield opened(path, plan.settings, plan.task.axes, plan.chunks)


def _tolerance(refine: object) -> float | None:
    if isinstance(refine, str):
        if refine != "boundaries":
            raise ValueError(
                f"refine must be 'boundaries' or a number, got {_check.quoted(refine)}"
            )
        return None
    return _check.positive(refine, "refine")


def _expect_a_grid(plan: Plan) -> None:
    axes = plan.task.axes
    if axes.scattered:
        raise ValueError("refine needs a grid of axes, not scattered points")
    for name, values in zip(axes.names, axes.values, strict=True):
        if name in (STARTS, *LABELS):
            raise ValueError(f"refine needs axes of parameters, got {name!r}")
        steps = np.diff(values)
        if not (len(values) > 1 and ((steps > 0).all() or (steps < 0).all())):
            raise ValueError(
                f"axes[{name!r}] must ascend or descend, and have 2 values at least, where a "
                "sweep is refined"
            )
