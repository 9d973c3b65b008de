"""What a long run tells a person: a bar, how long it will take, how far an interruption let it."""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tqdm import tqdm

from .run import Run

DAY = 86400.0  # seconds; a run that takes longer says so
CALLS = 8  # after which its pace is known: the first are short, and may be compilations


@contextlib.contextmanager
def bar(run: Run, steps: int, progress: bool, *, patient: bool) -> Iterator[Callable[[int], None]]:
    """``tick(steps)``: so many more steps are done. `patient`: nobody knows how many it will be."""
    left, calls = steps, 0

    def tick(done: int) -> None:
        nonlocal left, calls
        left, calls = left - done, calls + 1
        shown.update(done)
        if calls == CALLS and not patient and left > DAY * run.pace:
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
