"""Where chunks are measured: in this process, or by an executor of Python's."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any

AHEAD = 2  # tasks a worker that wait for it, so that it never waits for the driver


def completed(
    executor: Executor | None, work: Callable[[int], Any], chunks: Iterator[int]
) -> Iterator[tuple[int, Any]]:
    """(chunk, result) of each chunk, as they come; a bounded number is in flight."""
    if executor is None:
        for chunk in chunks:
            yield chunk, work(chunk)
        return
    most = AHEAD * int(getattr(executor, "_max_workers", 1))
    running: dict[Future[Any], int] = {}
    try:
        for chunk in chunks:
            running[executor.submit(work, chunk)] = chunk
            if len(running) >= most:
                yield from _done(running)
        while running:
            yield from _done(running)
    finally:
        for future in running:
            future.cancel()


def _done(running: dict[Future[Any], int]) -> Iterator[tuple[int, Any]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()
