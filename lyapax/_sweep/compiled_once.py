"""Kernels are compiled by one process of a machine while the others wait, and not by each."""

from collections.abc import Callable
from dataclasses import dataclass
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
        try:
            import fcntl
        except ImportError:  # Windows has other locks
            return self.work(chunk)
        place = folder() / "sweeps"
        place.mkdir(parents=True, exist_ok=True)
        compiled = place / self.name
        if compiled.exists():
            return self.work(chunk)
        with open(place / f"{self.name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not compiled.exists():
                found = self.work(chunk)
                compiled.touch()
                return found
        return self.work(chunk)
