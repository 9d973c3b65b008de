"""What the driver needs to know of a system."""

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .._check import Array
from .._device import Home
from ..kernels.propagator import Propagator

if TYPE_CHECKING:
    from ..kernels.cuda.device import Device
    from .delays import Delays
    from .noise import Noise

Devices = Sequence["Device"]


class System(Protocol):
    """A flow dx/dt = f(x) or a map x -> f(x), possibly a batch of them."""

    home: Home | None  # where its arrays came from, if that is a GPU

    @property
    def dim(self) -> int: ...
    @property
    def state_shape(self) -> tuple[int, ...]:
        """The shape in which people see a state: (dim,), or (nodes, variables)."""

    @property
    def preparing(self) -> str:
        """What is done before a first run, in words for a person who waits for it."""

    @property
    def is_flow(self) -> bool: ...
    @property
    def is_driven(self) -> bool: ...
    @property
    def input_steps(self) -> int | None:
        """Steps that the external inputs last; None where nothing runs out."""

    @property
    def batch_shape(self) -> tuple[int, ...]: ...
    @property
    def axes(self) -> dict[int, tuple[str, Array]]:
        """Name and values of the batch axes along which one parameter varies, keyed from -1."""

    @property
    def jumps(self) -> tuple[str, ...]:
        """A sentence for each place where the right-hand side of a flow jumps; empty for maps."""

    @property
    def turns(self) -> Array | None:
        """The length of a turn of each variable that is an angle, else 0; None: there are none."""

    @property
    def nullity(self) -> NDArray[np.int64]:
        """Directions known to die at every step, over the batch (or its broadcast)."""

    @property
    def shares_drive(self) -> bool:
        """Whether something drives all members alike; noise of their own does not."""

    @property
    def is_noisy(self) -> bool:
        """Whether noise drives it, which `seeded` says whose numbers are of."""

    def seeded(self, rng: np.random.Generator) -> "System":
        """The same system, its noise the numbers of a key that is drawn from `rng`."""

    def numbered(self, numbers: NDArray[np.int64]) -> "System":
        """The same system, whose members draw their noise by these numbers, not 0, 1, 2, ..."""

    @property
    def delays(self) -> "Delays | None":
        """The delays that there are."""

    @property
    def has_memory(self) -> bool:
        """Whether it looks back: a state is then all of the past that it sees."""

    def tangent_dim(self, dt: float) -> int:
        """Numbers that a state has for a propagator with this step, and tangents, too."""

    def largest_step(self, k: int) -> float:
        """The largest time step that delays and k exponents allow."""

    def past(self, shape: tuple[int, ...], dt: float) -> Array | None:
        """(B or 1, numbers of a state): the past at the start less a constant one."""

    def decay_rate(self, state: Array) -> float | None:
        """The fastest decay at the states (..., n) of a batch, if it is known; flows only."""

    def fastest_rate(self, state: Array) -> float | None:
        """The fastest decay, rotation or growth at those states, if it is known; flows only."""

    def with_params(self, **params: object) -> "System": ...
    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array: ...
    def propagator(
        self, shape: tuple[int, ...], dt: float, k: int, dtype: DTypeLike, devices: Devices = ()
    ) -> Propagator:
        """The propagator for a batch of this shape, on the CPU or on the given devices."""


class _Driven(Protocol):
    @property
    def is_driven(self) -> bool: ...


class _Sized(Protocol):
    @property
    def dim(self) -> int: ...
    @property
    def delays(self) -> "Delays | None": ...


class Plain:
    """Base of systems without delays and without noise, unless they say otherwise."""

    noise: "Noise | None" = None

    @property
    def shares_drive(self: _Driven) -> bool:
        return self.is_driven

    @property
    def is_noisy(self) -> bool:
        return self.noise is not None

    def seeded(self, rng: np.random.Generator) -> Self:
        return self._noisy(self.noise and self.noise.seeded(rng))

    def numbered(self, numbers: NDArray[np.int64]) -> Self:
        return self._noisy(self.noise and self.noise.numbered(numbers))

    def _noisy(self, noise: "Noise | None") -> Self:
        if noise is None:
            return self
        changed = copy(self)
        changed.noise = noise
        return changed

    @property
    def delays(self) -> "Delays | None":
        return None

    @property
    def has_memory(self) -> bool:
        return self.delays is not None

    def tangent_dim(self: _Sized, dt: float) -> int:
        return self.dim if self.delays is None else self.delays.history(dt).dim

    def largest_step(self, k: int) -> float:
        return np.inf if self.delays is None else self.delays.largest_step(k)

    def past(self, shape: tuple[int, ...], dt: float) -> Array | None:
        return None
