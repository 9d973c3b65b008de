"""Large systems: products by a BLAS, what lies between them by elementwise kernels.

Written against a `Device`: with NumPy for its arrays and an emulator for its compiler the same
lines run on a machine without a GPU.
"""

from dataclasses import dataclass, replace
from typing import Any, Protocol

from .device import Device
from .orthonormal import orthonormalise
from .pieces import Pieces


class Stages(Protocol):
    """Stages of a step of some members, whose arrays are on the device."""

    def state(self, x: Any, base: Any, total: Any, stage: int, step: int) -> None:
        """Leaves what the tangents of this stage need, and moves x to the next."""

    def tangents(self, y: Any, base: Any, total: Any, stage: int) -> None:
        """Moves y (members, n, k) to the next stage."""


class Equations(Protocol):
    """A system, in arrays of the host."""

    dim: int

    def select(self, members: Any) -> "Equations": ...
    def shared_bytes(self, itemsize: int) -> int: ...
    def member_bytes(self, k: int, itemsize: int) -> int: ...
    def on(self, device: Device, dtype: Any, members: slice, dt: float) -> Stages: ...


@dataclass
class Gemm(Pieces):
    equations: Equations

    def _prepare(self) -> None:
        self.dim = self.equations.dim

    def select(self, members: Any, dtype: Any) -> "Gemm":
        return replace(
            self, equations=self.equations.select(members), batch=len(members), dtype=dtype
        )

    def shared_bytes(self) -> int:
        return self.equations.shared_bytes(self.dtype.itemsize)

    def member_bytes(self) -> int:
        size = self.dtype.itemsize
        # State and tangents of base, sum and stage, product and QR's copies.
        vectors = size * self.dim * (4 + 5 * self.k)
        return super().member_bytes() + vectors + self.equations.member_bytes(self.k, size)

    def run_state(self, state: Any, members: slice, step: int, steps: int) -> None:
        stages, state_arrays = self.held(members), self._copies(state)
        for s in range(steps):
            for stage in range(4 if self.dt else 1):
                stages.state(*state_arrays, stage, step + s)
        state[...] = state_arrays[1]

    def run(
        self, arrays: dict[str, Any], members: slice, step: int, intervals: int, steps: int
    ) -> None:
        stages, state = self.held(members), self._copies(arrays["state"])
        names = ("log_sum", "compensation", "cancellation", "status")
        sums = tuple(arrays[name] for name in names)
        basis = arrays["basis"]
        for interval in range(intervals):
            tangents = self._copies(basis)
            for s in range(steps):
                for stage in range(4 if self.dt else 1):
                    stages.state(*state, stage, step + interval * steps + s)
                    stages.tangents(*tangents, stage)
            basis = orthonormalise(self.device, tangents[1], sums, self.unit_of_rank)
        arrays["state"][...] = state[1]
        arrays["basis"][...] = basis

    def _copies(self, array: Any) -> tuple[Any, Any, Any]:
        """(stage, base, total) in the type of the run."""
        xp = self.device.arrays
        return (
            array.astype(self.dtype, order="C"),
            array.astype(self.dtype, order="C"),
            xp.zeros(array.shape, self.dtype),
        )

    def on_device(self, members: slice) -> Stages:
        return self.equations.on(self.device, self.dtype, members, self.dt)
