"""What the driver needs to know of a system."""

from typing import Any, Protocol

import numpy as np

from .._check import Array
from ..kernels.propagator import Propagator


class System(Protocol):
    """A flow dx/dt = f(x) or a map x -> f(x), possibly a batch of them."""

    @property
    def dim(self) -> int: ...
    @property
    def is_flow(self) -> bool: ...
    @property
    def is_driven(self) -> bool: ...
    @property
    def batch_shape(self) -> tuple[int, ...]: ...
    @property
    def fastest_rate(self) -> float | None:
        """A bound of the stiffest decay rate, if one is known."""

    def with_params(self, **params: Any) -> "System": ...
    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array: ...
    def propagator(
        self, shape: tuple[int, ...], dt: float, k: int, dtype: Any, steps: int | None
    ) -> Propagator: ...
