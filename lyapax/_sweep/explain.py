"""What a sweep would take, from a timed sample of its points."""

import time
from dataclasses import dataclass

import numpy as np

from .chunks import stratified
from .planning import Plan
from .variables import VARIABLES

LEAST = 0.5  # seconds that the timed sample takes, so that what each call costs does not count


@dataclass(frozen=True)
class Estimate:
    """Points and chunks of a sweep, its seconds in this process, and the size of its store."""

    points: int
    chunks: int
    chunk: int  # points of one
    seconds: float
    sample: int  # points that were timed
    size: int  # bytes, before compression

    def __str__(self) -> str:
        each = self.seconds / self.points * self.chunk
        return (
            f"points  {self.points:,} in {self.chunks:,} chunks of at most {self.chunk:,}\n"
            f"time    {duration(self.seconds)} in one process on this machine, "
            f"{duration(each)} a chunk; from {self.sample:,} points\n"
            f"store   {self.size / 1e6:,.3g} MB before compression"
        )


def estimate(plan: Plan) -> Estimate:
    """Measure a sample, once to compile and then against the clock, until it takes long enough."""
    shape, total = plan.task.axes.shape, plan.task.axes.size
    most = min(total, int(np.prod(plan.chunks.box)))
    count = min(most, 16)
    plan.task.measured(stratified(shape, count))
    while True:
        points = stratified(shape, count)
        started = time.perf_counter()
        plan.task.measured(points)
        seconds = time.perf_counter() - started
        if seconds > LEAST or count >= most:
            break
        count = min(most, 8 * count)
    k = plan.settings["k"]
    size = sum(np.dtype(v.dtype).itemsize * (k if v.each else 1) for v in VARIABLES)
    return Estimate(
        total, len(plan.chunks), int(np.prod(plan.chunks.box)),
        seconds / len(points) * total, len(points), size * total,
    )  # fmt: skip


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would use."""
    for unit, name in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.2g} s"
