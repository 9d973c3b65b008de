"""What a long run tells a person: how far it is, and how long it will take."""

import contextlib
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Any, TypeVar

from tqdm import tqdm

from ._run import Run
from .kernels.background import COMPILING, in_background

T = TypeVar("T")
DAY = 86400.0  # seconds; a run that takes longer says so
# Seconds; shorter calls say little of the pace. Two long ones may have been compilations, of the
# state's step and of the tangents', so three must agree.
LONG_CALL, AGREEING = 0.1, 3
QUICK = 0.05  # seconds of a call that might be twice as long
NOT_FALLING = 0.9  # of the last error: of any that falls, the next at a doubling is less


class Bar:
    """A bar of steps; `shown` is tqdm's, and `steps` how many there will be at most."""

    def __init__(self, run: Run, steps: int | None, shown: tqdm, patient: bool):
        self.run, self.shown, self.limit = run, shown, math.inf if steps is None else steps
        self.left, self.looking, self.before, self.error = self.limit, not patient, 0.0, math.inf
        self.agreed = 1

    def __call__(self, done: int) -> None:
        """So many more steps are done."""
        self.left -= done
        self.shown.update(done)
        run = self.run
        if not self.looking or run.seconds < LONG_CALL:
            return
        near, self.before = self.before / 2 < run.pace < 2 * self.before, run.pace
        self.agreed = self.agreed + 1 if near else 1
        self.looking = self.agreed < AGREEING
        if not self.looking and self.left > DAY * run.pace:
            days = self.left / run.pace / DAY
            warnings.warn(
                f"at {run.pace:.3g} steps a second the {self.left:.3g} steps that are left take "
                f"{days:.3g} days; Ctrl-C keeps what is measured",
                stacklevel=6,
            )

    def expect(self, left: float, error: float, tol: float) -> None:
        """So many more steps are to come, for the error that is left to fall to `tol`."""
        falls = error < NOT_FALLING * self.error
        self.error = error
        total = min(self.shown.n + left, self.limit) if falls else self.limit
        self.shown.total = total if math.isfinite(total) else None
        note = "" if falls else ", does not fall: Ctrl-C keeps what is measured"
        self.shown.set_postfix_str(f"error {error:.2g} for {tol:.2g}{note}")


@contextlib.contextmanager
def bar(run: Run, steps: int | None, progress: bool, *, patient: bool) -> Iterator[Bar]:
    """A bar of at most so many steps; `patient`: nobody knows how many it will be."""
    with plain_bar(steps, "step", progress, unit_scale=True) as shown:
        yield Bar(run, steps, shown, patient)


# Polls of `in_background`, of 0.3 s: what takes less is not spoken of. A kernel that lies compiled
# on the disk is loaded in less than two seconds, on a busy machine, too.
PATIENT, PATIENT_OF_KERNELS = 3, 7


class Waiting:
    """Says on a terminal what is done before a run can go on, if that takes long."""

    def __init__(self, words: str, progress: bool, polls: int = PATIENT):
        self.words, self.progress, self.patient = words, progress, polls

    def __call__(self, function: Callable[..., Any], *args: Any) -> Any:
        """``function(*args)``, in the background."""
        polls, shown = 0, None

        def tell() -> None:
            nonlocal polls, shown
            polls += 1
            if polls == self.patient:
                shown = plain_bar(None, "", self.progress, bar_format=f"{self.words}: {{elapsed}}")
            if shown is not None:
                shown.refresh()

        try:
            return in_background(function, *args, waiting=tell)
        finally:
            if shown is not None:
                shown.close()


@contextlib.contextmanager
def kernels_compiled(progress: bool) -> Iterator[None]:
    """What is compiled inside, at the first call of a kernel, is told of on a terminal."""
    wait = Waiting("compiling for this machine, once", progress, PATIENT_OF_KERNELS)
    before = COMPILING.set(wait)
    try:
        yield
    finally:
        COMPILING.reset(before)


def plain_bar(total: int | None, unit: str, progress: bool, **options: Any) -> tqdm:
    """tqdm's bar, on a terminal only, and silent where no progress is asked for."""
    return tqdm(total=total, unit=unit, disable=None if progress else True, **options)


def growing_pieces(total: int, most: int, unit: str, progress: bool) -> Iterator[int]:
    """`total` in pieces of at most `most`, for one call each, with a bar on a terminal.

    The first is 1, and the next is twice as large while that takes less than 50 ms: little is lost
    when a call is stopped, and many are not slower than one.
    """
    piece = 1
    with plain_bar(total, unit, progress) as shown:
        while total:
            piece = min(piece, most, total)
            began = perf_counter()
            yield piece
            total -= piece
            shown.update(piece)
            if perf_counter() - began < QUICK:
                piece *= 2


def counted(items: Iterable[T], unit: str, progress: bool) -> Iterable[T]:
    """The items, with a bar on a terminal."""
    shown: Iterable[T] = tqdm(items, unit=unit, disable=None if progress else True)
    return shown
