"""`sweep`: from axes of parameters to a labelled dataset of spectra."""

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from .. import _check
from .._check import Array
from .._distribution import hint
from .._interrupted import Interrupted, raises_interrupted
from .._progress import plain_bar
from .._step import cost
from ..kernels.codegen import Graph
from ..kernels.stored import described
from .axes import LABELS, STARTS, Axes, checked
from .chunks import Chunks, of_about, stratified
from .executors import completed
from .points import Function, Task, parameters, quietly
from .store import FORMAT, locked, opened, settings_of
from .variables import VARIABLES, unmeasured

SAMPLE = 64  # points at which the time step and the cadence are chosen
SECONDS = 5.0  # that a chunk takes on one core, about: of 1 s, what each costs by itself shows
LARGEST_CHUNK = 1 << 16
OPTIONS = ("duration", "dt", "k", "transient", "alignment", "qr_every", "dtype", "strict", "device")


@raises_interrupted
def sweep(
    system: Any,
    axes: Mapping[str, Any],
    *,
    store: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    chunk: int | None = None,
    resume: bool = True,
    rng: int = 0,
    progress: bool = True,
    **options: Any,
) -> Any:
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
    executor : concurrent.futures.Executor, optional
        Where chunks run; in this process by default, with all its threads.
    chunk : int, optional
        Points of a chunk; by default as many as take some seconds.
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
        errors (...). From a store it is read as it is used.

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
        import xarray
    except ImportError as error:
        raise ImportError(f"sweep needs xarray: {hint('sweep')}") from error
    progress, resume = _check.flag(progress, "progress"), _check.flag(resume, "resume")
    seed = _check.count(rng, "rng", low=0)
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(
            f"executor must be a concurrent.futures.Executor, got {_check.kind_of(executor)}"
        )
    for name in options:
        _check.choice(name, "options", OPTIONS)
    if options.get("duration") is None:
        raise ValueError("duration must be given")
    options = {**options, "duration": _check.positive(options["duration"], "duration")}
    path = None if store is None else Path(_check.path(store, "store"))
    before = {} if path is None else settings_of(path)
    task, dim, steps = _planned(system, axes, seed, options, before)
    per = max(1, int(SECONDS / (cost(dim, task.options["k"]) * steps)))
    if per > 32:
        per = min(per // 32 * 32, LARGEST_CHUNK)
    given = None if chunk is None else _check.count(chunk, "chunk")
    chunks = of_about(task.axes.shape, given or per)
    settings = {**_settings(task, chunks, dim), "asked": _asked(options)}
    if path is None:
        return _in_memory(xarray, task, chunks, settings, executor, progress)
    if path.exists() and not resume:
        raise ValueError(f"store {path} must not exist where resume is False")
    with locked(path):
        kept = opened(path, settings, task.axes, chunks)
        pending, broken = kept.pending()
        if broken and progress:
            print(f"{len(broken)} chunks of {path} were broken and are measured again")

        def result() -> Any:
            return xarray.open_zarr(path, consolidated=False, chunks=None).drop_vars("committed")

        _run(task, chunks, pending, kept.commit, executor, progress, result)
        return result()


def _run(
    task: Task,
    chunks: Chunks,
    pending: Any,
    commit: Callable[[int, dict[str, Array]], None],
    executor: Executor | None,
    progress: bool,
    result: Callable[[], Any],
) -> None:
    total = task.axes.size
    left = sum(int(np.prod(chunks.size(int(c)))) for c in pending)
    work = partial(_measured, task, chunks)
    try:
        options = {"initial": total - left, "unit_scale": True}
        with plain_bar(total, "point", progress, **options) as bar, quietly():
            for number, found in completed(executor, work, map(int, pending)):
                commit(number, found)
                done = int(np.prod(chunks.size(number)))
                bar.update(done)
                left -= done
    except KeyboardInterrupt:
        raise Interrupted(f"{total - left} of {total} points", result()) from None


def _measured(task: Task, chunks: Chunks, number: int) -> dict[str, Array]:
    return task.measured(chunks.points(number))


def _in_memory(
    xarray: Any,
    task: Task,
    chunks: Chunks,
    settings: dict[str, Any],
    executor: Executor | None,
    progress: bool,
) -> Any:
    shape, k = chunks.shape, task.options["k"]
    arrays = unmeasured(shape, k)

    def commit(number: int, found: dict[str, Array]) -> None:
        region, size = chunks.region(number), chunks.size(number)
        for name, array in found.items():
            arrays[name][region] = array.reshape(*size, *array.shape[1:])

    def result() -> Any:
        data = {}
        for v in VARIABLES:
            dims = (*task.axes.dims, "exponent") if v.each else task.axes.dims
            data[v.name] = (dims, arrays[v.name], v.attributes(k, settings["dim"]))
        return xarray.Dataset(data, task.axes.coordinates(), settings)

    _run(task, chunks, range(len(chunks)), commit, executor, progress, result)
    return result()


def _planned(
    system: Any, axes: Any, seed: int, options: dict[str, Any], before: dict[str, Any]
) -> tuple[Task, int, float]:
    """The task, with time step and cadence; variables of the system; steps of a run."""
    own = hasattr(system, "propagator")
    if own:
        system = _check.system(system)
        if system.batch_shape:
            raise ValueError(
                f"system must be a single one, got a batch of {system.batch_shape}: make its "
                "parameters axes"
            )
    elif not callable(system):
        raise TypeError(
            f"system must be a system or a function that returns one, got {_check.kind_of(system)}"
        )
    found = checked(axes, system.dim if own else None)
    if own:
        known = (*parameters(system), STARTS, *LABELS)
        for name in found.names:
            if name not in known:
                raise ValueError(f"axes must be among {', '.join(known)}, got {name!r}")
        first = system
    else:
        system = Function(system)
        named = {n: v[0] for n, v in found.at([0]).items() if n not in (STARTS, *LABELS)}
        first = system(named)
    k = options.get("k")
    k = first.dim if k is None else _check.count(k, "k", high=first.dim)
    # Those of `lyapunov_spectrum`, which checks them.
    given = {"qr_every": "auto", **{n: v for n, v in options.items() if v is not None}, "k": k}
    task = Task(system, found, seed, given)
    automatic = first.is_flow and given.get("dt", "auto") == "auto"
    if before.get("asked") == _asked(options):
        # Chosen by the sweep that goes on; that nothing else differs is looked at later.
        given = {**given, "qr_every": before["qr_every"]}
        if first.is_flow:
            given["dt"] = before["dt"]
        task = Task(system, found, seed, given)
    elif automatic or given["qr_every"] == "auto":
        sample = task.spectrum(stratified(found.shape, SAMPLE))
        specs = getattr(sample, "specs", [sample])
        given = {**given, "qr_every": min(s.qr_every for s in specs)}
        if first.is_flow:
            given["dt"] = min(s.dt for s in specs)
        task = Task(system, found, seed, given)
    steps = float(given["duration"]) / float(given.get("dt", 1.0))
    return task, first.dim, max(1.0, steps)


def _asked(options: dict[str, Any]) -> dict[str, Any]:
    """What was asked for where a sweep can choose by itself."""
    return {n: str(options.get(n, "auto") or "auto") for n in ("dt", "qr_every")}


def _settings(task: Task, chunks: Chunks, dim: int) -> dict[str, Any]:
    """All that decides about the numbers, in plain values."""
    from .. import __version__

    axes: Axes = task.axes
    function = isinstance(task.system, Function)
    shown = task.system.function if function else task.system
    return {
        "format": FORMAT,
        "version": __version__,
        "system": getattr(shown, "__name__", "function") if function else repr(shown),
        "system_digest": _digest(shown),
        "axes": {
            name: hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]
            for name, values in zip(axes.names, axes.values, strict=True)
        },
        "scattered": int(axes.scattered),
        "shape": list(axes.shape),
        "chunk": list(chunks.box),
        "seed": task.seed,
        "dim": dim,
        **{name: _plain(value) for name, value in task.options.items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return int(value)
    return value if isinstance(value, int | float | str) else str(value)


def _digest(thing: Any) -> str:
    """A hash of what a system is made of: its expressions and its arrays."""
    digest = hashlib.sha256()

    def add(value: Any, depth: int) -> None:
        if isinstance(value, np.ndarray):
            digest.update(
                f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes()
            )
        elif scipy.sparse.issparse(value):
            for part in (value.indptr, value.indices, value.data):
                add(np.asarray(part), depth)
        elif isinstance(value, Graph):
            digest.update(described(value).encode())
        elif isinstance(value, str | int | float | bool | type(None)):
            digest.update(repr(value).encode())
        elif isinstance(value, Mapping):
            for key in sorted(value, key=str):
                digest.update(str(key).encode())
                add(value[key], depth)
        elif isinstance(value, list | tuple):
            for item in value:
                add(item, depth)
        elif hasattr(value, "__code__"):
            digest.update(value.__code__.co_code + repr(value.__code__.co_names).encode())
            add([c for c in value.__code__.co_consts if not hasattr(c, "co_code")], depth)
        elif depth:
            attributes = {
                n: v for n, v in vars(value).items() if n not in ("jumps", "turns", "home")
            }
            add(attributes, depth - 1)

    add(thing, 1)
    return digest.hexdigest()


def _is_cached(kind: type, name: str) -> bool:
    """Whether an attribute is there only because someone has asked for it."""
    return isinstance(getattr(kind, name, None), cached_property)
