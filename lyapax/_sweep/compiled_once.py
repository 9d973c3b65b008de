"""Kernels are compiled by one process of a machine while the others wait, and not by each."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..kernels.generated import folder


@dataclass(frozen=True)
class CompiledOnce:
    """A task of which the first call on a machine runs alone.

    That call has compiled its kernels into the cache on disk when the others begin. A process that
    dies lets go of the lock, and the next one takes its place.
    """

    work: Callable[[int], Any]
    name: str  # the same for all tasks that need the same kernels

    def __call__(self, chunk: int) -> Any:
        """The result of work(chunk)."""
        with _alone(self.name) as mark:
            found = self.work(chunk)
            if mark is not None:
                with contextlib.suppress(OSError):
                    mark.touch()
            return found


@contextlib.contextmanager
def _alone(name: str) -> Iterator[Path | None]:
    """The mark that the first process of a machine is to leave, or None where others may run.

    Without a folder that can be written to, or without locks, everybody compiles.
    """
    try:
        import fcntl

        place = folder() / "sweeps"
        place.mkdir(parents=True, exist_ok=True)
        mark = place / name
        lock = None if mark.exists() else open(place / f"{name}.lock", "w")
        if lock is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
    except (ImportError, OSError):
        yield None
        return
    if lock is None:
        yield None
        return
    with lock:
        if not mark.exists():
            yield mark
            return
    yield None
