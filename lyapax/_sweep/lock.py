"""One driver at a time for a store."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .names import beside

HELD: set[Any] = set()  # open files of this process's locks


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The store, against a second driver; the system lets go of it when a process dies."""
    try:
        import fcntl
    except ImportError:  # Windows has other locks
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = open(beside(path, "lock"), "w")
    except OSError as error:
        raise ValueError(f"store {path} cannot be written: {error}") from error
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"store {path} is being written to by another sweep") from None
        HELD.add(file)
        try:
            yield
        finally:
            HELD.discard(file)
            # Closing it does not unlock while a forked process has it open, too.
            fcntl.flock(file, fcntl.LOCK_UN)


def _let_go() -> None:
    """In a forked worker, which would hold a killed driver's lock for as long as it lives."""
    for file in HELD:
        os.close(file.fileno())
    HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
