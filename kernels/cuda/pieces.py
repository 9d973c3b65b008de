"""Members in pieces that fit a device's memory: up, through the kernels, and back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..propagator import Carry, Stepping, rank_unit
from .device import Device

SHARE = 0.8  # of the free memory that a piece may fill
WHOLE = ("state", "basis", "log_sum", "compensation", "cancellation", "status")


@dataclass
class Pieces(Stepping):
    """A propagator whose carry stays on the host between calls.

    A call lasts some 0.2 s, in which a few hundred bytes a member move: a million members of two
    variables are 0.1 GB each way. What it buys is that the driver knows one kind of array.
    """

    offloaded = True

    dt: float  # 0 for a map
    k: int
    batch: int
    dtype: Any  # of state and tangents
    device: Device = field(repr=False)
    dim: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.dtype = np.dtype(self.dtype)
        self._held: tuple[Any, ...] | None = None  # arrays on the device, for some members
        self._prepare()

    def _prepare(self) -> None:
        """Set `dim`, and whatever else follows from the fields."""
        raise NotImplementedError

    def on_device(self, members: slice) -> Any:
        """The system's arrays for some members, on the device."""
        raise NotImplementedError

    def held(self, members: slice) -> Any:
        """Arrays of a piece on the device, kept until those of others are asked for."""
        if self._held is None or self._held[0] != members:
            self._held = None  # before there is a second one
            self._held = members, self.on_device(members)
        return self._held[1]

    def release(self) -> None:
        """Give back the memory that is kept from call to call."""
        self._held = None

    def shared_bytes(self) -> int:
        """Memory for what all members have in common."""
        return 0

    def member_bytes(self) -> int:
        """Memory that one member needs on the device."""
        return 8 * self.dim + self.k * (self.dtype.itemsize * self.dim + 4 * 8)

    def advance(self, carry: Carry, steps: int) -> None:
        def run(members: slice, arrays: dict[str, Any]) -> None:
            self.run_state(arrays["state"], members, carry.step, steps)

        self._over_pieces(carry, ("state",), run)
        carry.step += steps

    def propagate(self, carry: Carry, intervals: int, steps_per_interval: int) -> None:
        def run(members: slice, arrays: dict[str, Any]) -> None:
            self.run(arrays, members, carry.step, intervals, steps_per_interval)

        self._over_pieces(carry, WHOLE, run)
        carry.step += intervals * steps_per_interval

    def run_state(self, state: Any, members: slice, step: int, steps: int) -> None:
        raise NotImplementedError

    def run(
        self, arrays: dict[str, Any], members: slice, step: int, intervals: int, steps: int
    ) -> None:
        raise NotImplementedError

    @property
    def unit_of_rank(self) -> np.float64:
        return np.float64(rank_unit(self.dim, self.dtype))

    @cached_property
    def room(self) -> int:
        """Members of a piece: settled at the first call, when nothing is held yet."""
        free = SHARE * self.device.free_memory() - self.shared_bytes()
        return max(1, int(free / self.member_bytes()))

    def _over_pieces(
        self, carry: Carry, names: tuple[str, ...], run: Callable[[slice, dict[str, Any]], None]
    ) -> None:
        """Run each piece of the carry on the device, and write back what was done to it.

        No generator: one that is left by an error ends when the last traceback is gone, and in a
        notebook the device's settings would stay until then.
        """
        for first in range(0, self.batch, self.room):
            members = slice(first, min(first + self.room, self.batch))
            with self.device.scope():
                arrays = {n: self.device.upload(getattr(carry, n)[members]) for n in names}
                run(members, arrays)
                for name, array in arrays.items():
                    getattr(carry, name)[members] = self.device.download(array)
