"""Chunks through an executor into a store; of a refined plane, level after level."""

import warnings
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import closing
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from .._check import Array, Integers
from .._interrupted import Interrupted
from .._progress import plain_bar
from .chunks import Chunks
from .compiled_once import CompiledOnce
from .executors import completed
from .lost import Lost
from .memory import Memory
from .names import beside
from .planning import Plan
from .points import Task, quietly
from .refinement import Refinement
from .store import Store, fingerprint, opened


class Running:
    """Measures plans, chunk by chunk, with one executor and a bar."""

    def __init__(self, executor: Executor | None, progress: bool):
        self.executor, self.progress = executor, progress

    def __call__(self, plan: Plan, kept: Memory | Store, result: Callable[[], Any]) -> None:
        """Measure what `kept` has not; `result` is what an interruption leaves."""
        pending = _pending(kept)
        chunks, total = plan.chunks, plan.task.axes.size
        left = sum(int(np.prod(chunks.size(int(c)))) for c in pending)
        work: Callable[[int], Any] = partial(_measured, plan.task, chunks)
        if self.executor is not None:
            work = CompiledOnce(work, fingerprint({**plan.settings, "axes": 0}))
        try:
            options = {"initial": total - left, "unit_scale": True}
            with (
                plain_bar(total, "point", self.progress, **options) as bar,
                # Closed at an error, too: what waits is cancelled before a pool waits for it.
                closing(completed(self.executor, work, map(int, pending))) as results,
                quietly(),
            ):
                for number, found in results:
                    if isinstance(found, Lost):
                        kept.fail(number, str(found))
                    else:
                        kept.commit(number, found)
                    done = int(np.prod(chunks.size(number)))
                    bar.update(done)
                    left -= done
            kept.finish()
        except KeyboardInterrupt:
            raise Interrupted(f"{total - left} of {total} points", result()) from None


def _pending(kept: Memory | Store) -> Integers:
    """Chunks that are to be measured; what was damaged is said."""
    pending, broken = kept.pending()
    if broken:
        warnings.warn(f"the store was damaged: {broken}", stacklevel=5)
    return pending


def _measured(task: Task, chunks: Chunks, number: int) -> dict[str, Array]:
    return task.measured(chunks.points(number))


class _Incomplete(Exception):
    """A level of which chunks failed: its points and their variables."""


def refined(
    plan: Plan, kept: Memory | Store, tolerance: float | None, run: Running
) -> Memory | Store:
    """Of a grid only what is not well interpolated; each level is a sweep of its own."""
    pending = _pending(kept)
    if not pending.size:
        return kept
    found = Refinement(plan.task.axes.values, plan.settings["k"], tolerance)
    there = Memory(plan, found.arrays)
    levels = count()

    def measure(points: Integers) -> dict[str, Array]:
        part, level = plan.of(points), next(levels)
        own: Memory | Store = Memory(part)
        if isinstance(kept, Store):
            place = beside(kept.path, "levels") / str(level)
            own = opened(place, part.settings, part.task.axes, part.chunks)
        run(part, own, there.dataset)
        there.failed |= own.failed
        if own.failed:  # further levels would depend on what is missing
            raise _Incomplete(points, own.arrays())
        return own.arrays()

    try:
        found.run(measure)
    except _Incomplete as stopped:
        found.take(*stopped.args)
        return there
    if isinstance(kept, Memory):
        return there
    for number in map(int, pending):
        points = plan.chunks.points(number)
        flat = {n: a.reshape(-1, *a.shape[len(found.shape) :]) for n, a in found.arrays.items()}
        kept.commit(number, {name: array[points] for name, array in flat.items()})
    return kept
