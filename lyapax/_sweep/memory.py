"""A sweep without a store: its arrays in memory, behind the same methods as a store's."""

from typing import TYPE_CHECKING

import numpy as np

from .._check import Array, Integers
from .planning import Plan
from .store import reasons
from .variables import VARIABLES, unmeasured

if TYPE_CHECKING:
    import xarray


class Memory:
    """The arrays of a plan, which may be given."""

    def __init__(self, plan: Plan, values: dict[str, Array] | None = None):
        self.plan, self.chunks = plan, plan.chunks
        self.values = values or unmeasured(plan.chunks.shape, plan.settings["k"])
        self.failed: dict[int, str] = {}

    def pending(self) -> tuple[Integers, str]:
        """All chunks, and nothing that is broken."""
        return np.arange(len(self.chunks)), ""

    def commit(self, chunk: int, found: dict[str, Array]) -> None:
        region, size = self.chunks.region(chunk), self.chunks.size(chunk)
        for name, array in found.items():
            self.values[name][region] = array.reshape(*size, *array.shape[1:])

    def fail(self, chunk: int, reason: str) -> None:
        """Remember why a chunk is not there."""
        self.failed[chunk] = reason

    def finish(self) -> None:
        """Nothing is left to be done."""

    def arrays(self) -> dict[str, Array]:
        """The variables of all points."""
        return self.values

    def dataset(self) -> "xarray.Dataset":
        """The sweep, labelled."""
        import xarray

        axes, settings = self.plan.task.axes, self.plan.settings
        data = {}
        for v in VARIABLES:
            dims = (*axes.dims, "exponent") if v.each else axes.dims
            data[v.name] = (dims, self.values[v.name], v.attributes(settings["k"], settings["dim"]))
        return xarray.Dataset(data, axes.coordinates(), {**settings, **reasons(self.failed)})
