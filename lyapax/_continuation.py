"""From where a result goes on: its run, and what a result keeps of its system."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._check import Array
from ._device import Home
from ._run import Run
from .systems.base import System

Axes = list[tuple[str, NDArray[Any]]]  # the name and the values of each axis of a batch


@dataclass(frozen=True)
class Traits:
    """What a result says of its system, for a batch of one shape."""

    dim: int
    is_flow: bool
    is_driven: bool
    is_noisy: bool
    system: str  # its repr
    circles: bool  # whether all variables are angles
    axes: Axes
    nullity: NDArray[np.int64]  # (...): directions known to die at every step
    home: Home | None  # the GPU that its arrays came from

    @classmethod
    def of(cls, system: System, shape: tuple[int, ...], dim: int) -> "Traits":
        """Take them from a `lyapax.systems.base.System`; dim: that of its tangents."""
        turns = system.turns
        axes = [
            system.axes.get(i - len(shape), (f"batch_{i}", np.arange(size)))
            for i, size in enumerate(shape)
        ]
        return cls(
            dim,
            system.is_flow,
            system.is_driven,
            system.is_noisy,
            repr(system),
            turns is not None and bool((np.asarray(turns) > 0).all()),
            axes,
            np.broadcast_to(system.nullity, shape),
            system.home,
        )


@dataclass(frozen=True)
class Continuation:
    """A run of a batch of shape `shape`, with what a result needs besides."""

    run: Run
    shape: tuple[int, ...]
    traits: Traits
    step: str = ""  # why this time step, if it was chosen
    bias: tuple[Array, Array] | None = None  # of the step, (B, k) each: value and standard error

    def branch(self) -> "Continuation":
        """A continuation with a run of its own, so that going on leaves this one where it is."""
        return replace(self, run=replace(self.run))

    @property
    def portable(self) -> bool:
        """Whether the run can be pickled; one on a GPU, or of PyTorch's steps, cannot."""
        return self.run.now.propagator.portable
