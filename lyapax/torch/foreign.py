"""Steps that only PyTorch can take, as lyapax systems."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import nn
from torch.nn.parameter import is_lazy

from .._check import Array, flat_batch, real_array
from .._device import Home
from ..kernels.propagator import Propagator
from ..systems.base import Devices, Plain
from .read import to_array
from .replica import replica
from .step import Mapped, Taken, TorchStep, probe


class Step(Plain):
    """The map x -> step(x), or step(x, u) with inputs."""

    is_flow = False
    home: Home | None = None  # it moves to its GPU and back by itself
    axes: dict[int, tuple[str, Array]] = {}
    nullity = np.zeros((), np.int64)
    jumps: tuple[str, ...] = ()
    turns: Array | None = None
    preparing = "preparing the module"

    def __init__(
        self,
        step_in: Callable[[torch.dtype], Taken],
        kinds: tuple[torch.dtype, ...],
        dim: int,
        inputs: object,
        device: torch.device,
        name: str,
    ):
        self.step_in, self.kinds, self.dim, self.device = step_in, kinds, dim, device
        self.name = name
        self.mapped: Mapped = torch.func.vmap
        self.inputs = (
            None if inputs is None else real_array(to_array(inputs, "inputs"), "inputs", ndim_min=2)
        )
        self.is_driven = self.inputs is not None
        self.input_steps = None if self.inputs is None else self.inputs.shape[-2]
        self.batch_shape = () if self.inputs is None else self.inputs.shape[:-2]

    def with_params(self, **params: object) -> "Step":
        raise ValueError("params must be empty: a step has no named parameters")

    @property
    def state_shape(self) -> tuple[int, ...]:
        """The shape of a state, as `initial` and `trajectory` have it."""
        return (self.dim,)

    def decay_rate(self, state: Array) -> float | None:
        return None

    fastest_rate = decay_rate

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        raise ValueError("initial must be given for a step: it says how many variables there are")

    def propagator(
        self, shape: tuple[int, ...], dt: float, k: int, dtype: DTypeLike, devices: Devices = ()
    ) -> Propagator:
        if devices:
            raise ValueError("device must be left out: a step runs where its tensors are")
        inputs = None if self.inputs is None else flat_batch(self.inputs, shape, 2)
        return TorchStep(
            self.step_in,
            self.kinds,
            self.mapped,
            inputs,
            self.dim,
            k,
            int(np.prod(shape, dtype=int)),
            np.dtype(dtype),
            self.device,
        )

    def probe(self, initial: Array) -> None:
        """Fail here, in words; find out how to map."""
        kind = self.kinds[0]
        x = torch.as_tensor(initial.reshape(-1, self.dim)[0], dtype=kind, device=self.device)
        first = () if self.inputs is None else (self.inputs.reshape(-1, self.inputs.shape[-1])[0],)
        self.mapped = probe(self.step_in(kind), "module", x, *(x.new_tensor(u) for u in first))

    def __repr__(self) -> str:
        return f"{self.name}(dim={self.dim})"


def step_of(module: nn.Module | Taken, initial: object, inputs: object, dtype: str) -> Step:
    """Modules compute in `dtype`, whatever theirs; other callables in that of `initial`.

    A module is taken in eval mode, as a replica with values of its own: hooks and whatever else it
    writes to itself leave the module as it is, and what a result is extended with later is what it
    began with.
    """
    if inputs is not None:
        expect_state_first(module)
    own = kind_of_state(initial)
    dim = np.shape(to_array(initial, "initial"))[-1]
    device = initial.device if torch.is_tensor(initial) else torch.device("cpu")
    if not isinstance(module, nn.Module):
        if own not in (torch.float64, torch.float32):
            raise TypeError(f"initial must be float64 or float32 for a function, got {own}")
        name = getattr(module, "__name__", type(module).__name__)
        return Step(partial(uncast, module), (own,), dim, inputs, device, name)
    copied: nn.Module = replica(module)
    values = {}
    for name, value in (*copied.named_parameters(), *copied.named_buffers()):
        if is_lazy(value) or value.is_meta:
            raise TypeError(f"module must have values, its {name} has none yet")
        values[name] = value.detach().clone()
    device = next(iter(values.values())).device if values else device
    kinds = (torch.float64, torch.float32) if dtype == "float64" else (torch.float32, torch.float64)
    return Step(partial(cast, copied, values), kinds, dim, inputs, device, type(copied).__name__)


# PyTorch's own cells take the input first.
INPUTS = "input", "inputs", "inp", "u", "x", "x_t", "xt", "input_t"
STATES = (
    "h", "hx", "hidden", "state", "states", "hidden_state", "h_prev", "prev_h", "hid", "hprev",
    "h_t", "ht", "h0", "h_0", "prev_hidden", "hidden_prev", "prev_state", "state_prev",
)  # fmt: skip


def expect_state_first(step: Any) -> None:
    """Of equal sizes, forward(input, hidden) would pass for step(state, input)."""
    forward = getattr(step, "forward", step)
    try:
        names = [name.lower() for name in inspect.signature(forward).parameters]
    except (TypeError, ValueError):
        return
    if len(names) > 1 and names[0] in INPUTS and names[1] in STATES:
        raise TypeError(
            f"module must take its state first, and takes ({names[0]}, {names[1]}): write "
            f"lambda h, u: module(u, h), or if {names[0]} is its state lambda s, u: module(s, u)"
        )


def kind_of_state(initial: object) -> torch.dtype:
    """The floating-point dtype that a state like this has."""
    kind = (
        initial.dtype
        if torch.is_tensor(initial)
        else getattr(torch, np.asarray(to_array(initial, "initial")).dtype.name, torch.float64)
    )
    return kind if kind.is_floating_point else torch.get_default_dtype()


def uncast(function: Taken, kind: torch.dtype) -> Taken:
    return function


def cast(module: nn.Module, values: dict[str, torch.Tensor], kind: torch.dtype) -> Taken:
    """A module's step in a dtype, whatever that of its parameters and buffers."""
    cast = {name: v.to(kind) if v.is_floating_point() else v for name, v in values.items()}
    return partial(called, module, cast)


def called(module: nn.Module, values: dict[str, torch.Tensor], *args: Any) -> Any:
    return torch.func.functional_call(module, values, args)
