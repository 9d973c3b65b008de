"""Where chunks are measured: in this process, or by an executor of Python's."""

import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any

from .. import _check
from .lost import Lost

AHEAD = 2  # tasks a worker that wait for it, so that it never waits for the driver


def checked(executor: object) -> Executor | None:
    """The executor that was given, or one on Ray where that is its name."""
    if executor is None or isinstance(executor, Executor):
        return executor
    if isinstance(executor, str) and executor == "ray":
        from .ray_executor import RayExecutor

        return RayExecutor()
    raise TypeError(
        "executor must be a concurrent.futures.Executor, 'ray' or None, got "
        f"{_check.quoted(executor) if isinstance(executor, str) else _check.kind_of(executor)}"
    )


def completed(
    executor: Executor | None, work: Callable[[int], Any], chunks: Iterator[int]
) -> Generator[tuple[int, Any], None, None]:
    """(chunk, result) of each chunk, as they come; a bounded number is in flight.

    Of a chunk whose workers died the result is `Lost`; what a task itself raises is raised.
    """
    if executor is None:
        for chunk in chunks:
            yield chunk, work(chunk)
        return
    running: dict[Future[Any], int] = {}
    try:
        for chunk in chunks:
            running[executor.submit(work, chunk)] = chunk
            # Asked for each time: a cluster grows and shrinks.
            while running and len(running) >= AHEAD * workers_of(executor):
                yield from _done(running)
        while running:
            yield from _done(running)
    finally:
        for future in running:
            future.cancel()


def workers_of(executor: Executor) -> int:
    """How many tasks run at one time; where an executor does not say so, as many as cores."""
    return max(1, int(getattr(executor, "_max_workers", None) or os.cpu_count() or 1))


def _done(running: dict[Future[Any], int]) -> Iterator[tuple[int, Any]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        chunk = running.pop(future)
        try:
            yield chunk, future.result()
        except Lost as lost:
            yield chunk, lost
