"""Members over several GPUs, each with a host thread of its own."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from ..propagator import Carry, Propagator
from ..split import Split, Work
from .device import Device


class Spread(Split):
    """A `Split` whose parts run at the same time."""

    def _each(self, carry: Carry, work: Work) -> None:
        with ThreadPoolExecutor(len(self.parts)) as pool:
            for done in [pool.submit(self._one, carry, work, *part) for part in self.parts]:
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
