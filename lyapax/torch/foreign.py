"""Steps that only PyTorch can take, as lyapax systems."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from .._check import Array, flat_batch, real_array
from ..device import Home
from ..kernels.propagator import Propagator
from ..systems.gpu import Devices
from .read import to_array
from .step import TorchStep, mapping_for, plain_kernels


class Step:
    """The map x -> step(x), or step(x, u) with inputs."""

    is_flow = False
    home: Home | None = None  # it moves to its GPU and back by itself
    axes: dict[int, tuple[str, Array]] = {}
    nullity = np.zeros((), np.int64)

    def __init__(
        self, step_in: Callable[[Any], Callable[..., Any]], kinds: tuple[Any, ...], dim: int,
        inputs: Any, device: Any, scope: Any,
    ):  # fmt: skip
        self.step_in, self.kinds, self.dim, self.device = step_in, kinds, dim, device
        self.scope = scope  # of a context in which to take steps
        self.mapped: Any = torch.func.vmap
        self.inputs = None if inputs is None else real_array(inputs, "inputs", ndim_min=2)
        self.is_driven = self.inputs is not None
        self.input_steps = None if self.inputs is None else self.inputs.shape[-2]
        self.batch_shape = () if self.inputs is None else self.inputs.shape[:-2]

    def with_params(self, **params: Any) -> "Step":
        raise ValueError("params must be empty: a step has no named parameters")

    def decay_rate(self, state: Array) -> float | None:
        return None

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        raise ValueError("initial must be given for a step: it says how many variables there are")

    def propagator(
        self, shape: tuple[int, ...], dt: float, k: int, dtype: Any, devices: Devices = ()
    ) -> Propagator:
        if devices:
            raise ValueError("device must be left out: a step runs where its tensors are")
        inputs = None if self.inputs is None else flat_batch(self.inputs, shape, 2)
        return TorchStep(
            self.step_in, self.kinds, self.mapped, inputs, self.dim, k,
            int(np.prod(shape, dtype=int)), dtype, self.device, self.scope,
        )  # fmt: skip

    def probe(self, initial: Array) -> None:
        """Fail here, in words, and not in the middle of a run; find out how to map."""
        kind = self.kinds[0]
        step = self.step_in(kind)
        x = torch.as_tensor(initial.reshape(-1, self.dim)[0], dtype=kind, device=self.device)
        u = (
            ()
            if self.inputs is None
            else (x.new_tensor(self.inputs.reshape(-1, self.inputs.shape[-1])[0]),)
        )
        try:
            with self.scope():
                after = torch.func.jvp(lambda y: step(y, *u), (x,), (x,))[0]
                self.mapped = mapping_for(step, x, *u)
        except Exception as error:
            raise TypeError(
                "module must be an nn.RNN, nn.GRU or nn.LSTM (or a Cell), or a step that "
                f"torch.func can differentiate, of one state ({self.dim},)"
                f"{' and one input, in this order' if u else ''}, in {kind}; it raised: {error}"
            ) from error
        if not torch.is_tensor(after) or after.shape != x.shape or after.dtype != kind:
            got = (
                f"{tuple(after.shape)}, {after.dtype}" if torch.is_tensor(after)
                else type(after).__name__
            )  # fmt: skip
            raise ValueError(
                f"module must return the next state, ({self.dim},) in {kind}, got {got}"
            )

    def __repr__(self) -> str:
        step = self.step_in(self.kinds[0])
        name = getattr(step, "__name__", type(step).__name__)
        return f"{name}(dim={self.dim})"


def step_of(module: Any, initial: Any, inputs: Any, dtype: str) -> Step:
    """Modules compute in `dtype`, whatever theirs; other callables in that of `initial`."""
    own = initial if torch.is_tensor(initial) else torch.as_tensor(np.asarray(initial))
    if not own.is_floating_point():
        own = own.to(torch.get_default_dtype())
    scope = partial(undisturbed, module)
    if not isinstance(module, nn.Module):
        if own.dtype not in (torch.float64, torch.float32):
            raise TypeError(f"initial must be float64 or float32 for a function, got {own.dtype}")
        return Step(
            lambda _: module, (own.dtype,), own.shape[-1], to_array(inputs), own.device, scope
        )
    # Copies: what a result is extended with later is what it began with.
    held = {
        name: value.detach().clone()
        for name, value in (*module.named_parameters(), *module.named_buffers())
    }
    device = next(iter(held.values())).device if held else own.device

    def step_in(kind: Any) -> Callable[..., Any]:
        values = {n: v.to(kind) if v.is_floating_point() else v for n, v in held.items()}

        def step(*args: Any) -> Any:
            return torch.func.functional_call(module, values, args)

        step.__name__ = type(module).__name__
        return step

    kinds = (torch.float64, torch.float32) if dtype == "float64" else (torch.float32, torch.float64)
    return Step(step_in, kinds, own.shape[-1], to_array(inputs), device, scope)


@contextlib.contextmanager
def undisturbed(module: Any) -> Iterator[None]:
    """No graph, and dropout as in eval mode; every part is afterwards in the mode it was in."""
    parts = list(module.modules()) if isinstance(module, nn.Module) else []
    modes = [part.training for part in parts]
    try:
        for part in parts:
            part.training = False
        with torch.no_grad(), plain_kernels():
            yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode
