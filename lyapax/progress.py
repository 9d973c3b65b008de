"""What a long run tells a person: a bar, how long it will take, how far an interruption let it."""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tqdm import tqdm

from .run import Run

DAY = 86400.0  # seconds; a run that takes longer says so
# Seconds; shorter calls say little of the pace: the first may compile, others choose the cadence.
LONG_CALL = 0.1


@contextlib.contextmanager
def bar(run: Run, steps: int, progress: bool, *, patient: bool) -> Iterator[Callable[[int], None]]:
    """``tick(steps)``: so many more steps are done. `patient`: nobody knows how many it will be."""
    left, looking = steps, not patient

    def tick(done: int) -> None:
        nonlocal left, looking
        left -= done
        shown.update(done)
        if not looking or done <= LONG_CALL * run.pace:
            return
        looking = False
        if left > DAY * run.pace:
            days = left / run.pace / DAY
            warnings.warn(
                f"at {run.pace:.3g} steps a second the {left:.3g} steps that are left take "
                f"{days:.3g} days; Ctrl-C keeps what is measured",
                stacklevel=5,
            )

    with tqdm(
        total=steps, unit="step", unit_scale=True, disable=None if progress else True
    ) as shown:
        yield tick


def counted(items: Iterable[Any], unit: str, progress: bool) -> Any:
    """The items, with a bar on a terminal."""
    return tqdm(items, unit=unit, disable=None if progress else True)
