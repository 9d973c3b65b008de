"""Members over several GPUs, each with a host thread of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from ..propagator import Flight, Propagator
from ..split import Split
from .device import Device


class Spread(Split):
    """A `Split` whose parts run at the same time."""

    def advance(self, flight: Flight, steps: int) -> None:
        self._together(flight, lambda part, piece: part.advance(piece, steps))
        flight.step += steps

    def propagate(self, flight: Flight, intervals: int, steps_per_interval: int) -> None:
        self._together(
            flight, lambda part, piece: part.propagate(piece, intervals, steps_per_interval)
        )
        flight.step += intervals * steps_per_interval

    def _together(self, flight: Flight, work: Callable[[Propagator, Flight], None]) -> None:
        def run(members: Any, part: Propagator) -> None:
            piece = flight.take(members, part.dtype)
            work(part, piece)
            flight.put(members, piece)

        with ThreadPoolExecutor(len(self.parts)) as pool:
            for done in [pool.submit(run, *part) for part in self.parts]:
                done.result()


def spread(propagator: Any, devices: Sequence[Device]) -> Propagator:
    """A propagator of the first device, its members shared out over all."""
    count = min(len(devices), propagator.batch)
    if count == 1:
        return propagator
    shares = np.array_split(np.arange(propagator.batch), count)
    return Spread(
        [
            (members, replace(propagator.select(members, propagator.dtype), device=device))
            for members, device in zip(shares, devices, strict=False)
        ]
    )
