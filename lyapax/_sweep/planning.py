"""What a sweep measures, before anything is measured: its task, its chunks and its settings."""

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from .. import _check
from .._check import Array, Integers
from .._orbit import exponents_wanted
from .._step import cost
from .axes import LABELS, STARTS, Axes, checked
from .chunks import Chunks, of_about, stratified
from .digest import digest
from .points import Function, Several, Task, parameters, with_values
from .store import FORMAT, Settings

SAMPLE = 64  # points at which the time step and the cadence are chosen
SECONDS = 5.0  # that a chunk takes on one core, about: of 1 s, what each costs by itself shows
LARGEST_CHUNK = 1 << 16
SHOWN = 16  # numbers of a fixed parameter that are written out


@dataclass(frozen=True)
class Plan:
    """The points of a sweep, or of a part of it, as tasks."""

    task: Task
    chunks: Chunks
    settings: Settings  # all that decides about the numbers, in plain values

    def of(self, points: Integers) -> "Plan":
        """The plan for some of the points, given by their numbers."""
        task = replace(self.task, axes=self.task.axes.some(points))
        chunks = of_about(task.axes.shape, int(np.prod(self.chunks.box)))
        return Plan(task, chunks, {**self.settings, **_of_points(task.axes, chunks)})


def planned(
    system: object,
    axes: object,
    seed: int,
    options: dict[str, Any],
    chunk: int | None,
    before: Settings,
) -> Plan:
    """The plan, with time step and cadence; `before` are settings of a sweep that goes on."""
    task, dim = _task(system, axes, seed, options, before)
    given = task.options
    steps = max(1.0, float(given["duration"]) / float(given.get("dt", 1.0)))
    per = max(1, int(SECONDS / (cost(dim, given["k"]) * steps)))
    if per > 32:
        per = min(per // 32 * 32, LARGEST_CHUNK)
    chunks = of_about(task.axes.shape, chunk or per)
    return Plan(task, chunks, {**_settings(task, chunks, dim), "asked": _asked(options)})


def _task(
    system: Any, axes: object, seed: int, options: dict[str, Any], before: Settings
) -> tuple[Task, int]:
    """The task, with time step and cadence, and the variables of the system."""
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
        member = with_values(system, _named(found))
        first = system
    else:
        system = Function(system)
        member = first = system({n: v[0] for n, v in _named(found).items()})
    k = options.get("k")
    step = options.get("dt")
    k = exponents_wanted(member, k, step if isinstance(step, float) else None)
    # Those of `lyapunov_spectrum`, which checks them.
    given = {"qr_every": "auto", **{n: v for n, v in options.items() if v is not None}, "k": k}
    task = Task(system, found, seed, given)
    automatic = first.is_flow and given.get("dt", "auto") == "auto"
    if before.get("asked") == _asked(options) and (not first.is_flow or "dt" in before):
        # Chosen by the sweep that goes on; that nothing else differs is looked at later.
        given = {**given, "qr_every": before["qr_every"]}
        if first.is_flow:
            given["dt"] = before["dt"]
        task = Task(system, found, seed, given)
    elif automatic or given["qr_every"] == "auto":
        sample = task.spectrum(stratified(found.shape, SAMPLE))
        specs = sample.specs if isinstance(sample, Several) else [sample]
        given = {**given, "qr_every": min(s.qr_every for s in specs)}
        if first.is_flow:
            given["dt"] = min(s.dt for s in specs)
        task = Task(system, found, seed, given)
    else:
        _expect_good_options(task, first.is_flow)
    return task, first.dim


def _named(axes: Axes) -> dict[str, Array]:
    """Values (1,) of parameters at the first point."""
    return {n: v for n, v in axes.at([0]).items() if n not in (STARTS, *LABELS)}


def _expect_good_options(task: Task, is_flow: bool) -> None:
    """One interval of one point: bad options are to fail before there is a store."""
    given = dict(task.options)
    with contextlib.suppress(TypeError, ValueError):
        step = float(given["dt"]) if is_flow else 1.0
        shortest = float(given["qr_every"]) * step
        if 0 < shortest < given["duration"]:
            given["duration"] = shortest
    given |= {name: 0.0 for name in ("transient", "alignment") if name in given}
    replace(task, options=given).spectrum(np.array([0]))


def _asked(options: Mapping[str, object]) -> dict[str, str]:
    """What was asked for where a sweep can choose by itself."""
    return {n: str(options.get(n, "auto") or "auto") for n in ("dt", "qr_every")}


def _settings(task: Task, chunks: Chunks, dim: int) -> Settings:
    from .. import __version__

    function = isinstance(task.system, Function)
    shown = task.system.function if isinstance(task.system, Function) else task.system
    return {
        "format": FORMAT,
        "version": __version__,
        "system": _name(shown) if function else repr(shown),
        "of_function": int(function),
        "fixed": _fixed(shown, task.axes.names),
        "system_digest": digest(shown),
        **_of_points(task.axes, chunks),
        "seed": task.seed,
        "dim": dim,
        **{name: _plain(value) for name, value in task.options.items()},
    }


def _name(function: object) -> str:
    return getattr(getattr(function, "func", function), "__name__", "function")


def _fixed(shown: object, axes: tuple[str, ...]) -> Settings:
    """Parameters that are no axes; of long ones the shape."""
    known = shown.keywords if isinstance(shown, partial) else getattr(shown, "params", {})
    found: Settings = {}
    for name, value in known.items():
        if name in axes:
            continue
        try:
            array = np.asarray(value, float)
        except (TypeError, ValueError):  # an argument of a function that is no number
            found[name] = repr(value)
            continue
        found[name] = array.tolist() if array.size <= SHOWN else f"array {array.shape}"
    return found


def _of_points(axes: Axes, chunks: Chunks) -> Settings:
    values = dict(zip(axes.names, axes.values, strict=True))
    if axes.numbers is not None:
        values["numbers"] = axes.numbers
    return {
        "axes": {
            name: hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
            for name, array in values.items()
        },
        "scattered": int(axes.scattered),
        "shape": list(axes.shape),
        "chunk": list(chunks.box),
    }


def _plain(value: object) -> int | float | str:
    if isinstance(value, bool | np.bool_):
        return int(value)
    return value if isinstance(value, int | float | str) else str(value)
