"""What a long run tells a person: how far it is, and how long it will take."""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tqdm import tqdm

from .run import Run

DAY = 86400.0  # seconds; a run that takes longer says so
# Seconds; shorter calls say little of the pace. A long one may have been a compilation, so two must
# agree.
LONG_CALL = 0.1


@contextlib.contextmanager
def bar(run: Run, steps: int, progress: bool, *, patient: bool) -> Iterator[Callable[[int], None]]:
    """``tick(steps)``: so many more steps are done. `patient`: nobody knows how many it will be."""
    left, looking, before = steps, not patient, 0.0

    def tick(done: int) -> None:
        nonlocal left, looking, before
        left -= done
        shown.update(done)
        if not looking or run.seconds < LONG_CALL:
            return
        agree, before = before / 2 < run.pace < 2 * before, run.pace
        if agree:
            looking = False
        if agree and left > DAY * run.pace:
            days = left / run.pace / DAY
            warnings.warn(
                f"at {run.pace:.3g} steps a second the {left:.3g} steps that are left take "
                f"{days:.3g} days; Ctrl-C keeps what is measured",
                stacklevel=6,
            )

    with tqdm(
        total=steps, unit="step", unit_scale=True, disable=None if progress else True
    ) as shown:
        yield tick


def counted(items: Iterable[Any], unit: str, progress: bool) -> Any:
    """The items, with a bar on a terminal."""
    return tqdm(items, unit=unit, disable=None if progress else True)
