"""Any step written in PyTorch: tangents by forward-mode differentiation, QR by ours."""

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from .cpu.orthonormal import orthonormalise
from .propagator import Array, Flight, chosen, rank_unit

Mapping = Callable[..., Callable[..., Any]]


@contextlib.contextmanager
def plain_kernels() -> Iterator[None]:
    """None of the fused recurrent kernels, which have no forward mode.

    What PyTorch warns of then is not the caller's doing: of Intel GPUs whenever these flags are
    touched, of its own scripts when forward mode loads, of cells that `vmap` takes one by one.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TF32 acceleration")
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated")
        warnings.filterwarnings("ignore", "There is a performance drop")
        with (
            torch.backends.mkldnn.flags(enabled=False), torch.backends.cudnn.flags(enabled=False)
        ):  # fmt: skip
            yield


def pushed(step: Callable[..., Any], mapped: Mapping) -> Callable[..., tuple[Any, Any]]:
    """(x, basis, input) -> (next state, derivative of the step times the basis) of one member."""

    def push(x: Any, q: Any, *u: Any) -> tuple[Any, Any]:
        def along(v: Any) -> tuple[Any, Any]:
            after: tuple[Any, Any] = torch.func.jvp(lambda y: step(y, *u), (x,), (v,))
            return after

        after, tangents = mapped(along, in_dims=1)(q)
        return after[0], tangents.mT

    return push


def looped(function: Callable[..., Any], in_dims: int = 0, out_dims: int = 0) -> Callable[..., Any]:
    """`torch.func.vmap` for what it cannot batch."""

    def run(*args: Any) -> Any:
        found = [function(*one) for one in zip(*(a.unbind(in_dims) for a in args), strict=True)]
        if torch.is_tensor(found[0]):
            return torch.stack(found)
        return tuple(torch.stack(parts) for parts in zip(*found, strict=True))

    return run


def mapping_for(step: Callable[..., Any], x: Any, *u: Any) -> Mapping:
    """`vmap` if it takes this step, of one member's state and input; else a loop."""
    try:
        row = [part[None] for part in u]
        torch.func.vmap(step)(x[None], *row)
        torch.func.vmap(pushed(step, torch.func.vmap))(x[None], x[None, :, None], *row)
    except RuntimeError as error:
        if "atching rule not implemented" not in str(error):
            raise
        return looped
    return torch.func.vmap


@dataclass
class TorchStep:
    """x -> step(x) or step(x, u) for one member."""

    step: Callable[..., Any]
    mapped: Mapping  # `torch.func.vmap`, or a loop like it
    inputs: Array | None  # (B or 1, T, d)
    dim: int
    k: int
    batch: int
    dtype: Any  # of the basis
    kind: Any  # torch dtype that the step computes in
    device: Any
    scope: Callable[[], Any]  # of a context in which to take steps
    driven: Any = field(init=False, repr=False)  # inputs on the device

    def __post_init__(self) -> None:
        self.dtype = np.dtype(self.dtype)
        self.driven = None if self.inputs is None else self._tensor(self.inputs)

    def select(self, members: Any, dtype: Any) -> "TorchStep":
        inputs = None if self.inputs is None else chosen(self.inputs, members)
        return replace(self, inputs=inputs, batch=len(members), dtype=dtype)

    def advance(self, flight: Flight, steps: int) -> None:
        with self.scope():
            x = self._tensor(flight.state)
            for s in range(steps):
                x = self.mapped(self.step)(x, *self._inputs(flight.step + s))
        flight.state[:] = x.cpu().numpy()
        flight.step += steps

    def propagate(self, flight: Flight, intervals: int, steps_per_interval: int) -> None:
        unit = rank_unit(self.dim, self.dtype)
        for interval in range(intervals):
            with self.scope():
                x, q = self._tensor(flight.state), self._tensor(flight.basis)
                for s in range(steps_per_interval):
                    at = flight.step + interval * steps_per_interval + s
                    x, q = self.mapped(pushed(self.step, self.mapped))(x, q, *self._inputs(at))
            flight.state[:] = x.cpu().numpy()
            columns = q.mT.to(torch.float64 if self.dtype == np.float64 else torch.float32)
            basis = np.ascontiguousarray(columns.cpu().numpy())
            for b in range(self.batch):
                orthonormalise(
                    basis[b], unit, flight.log_sum[b], flight.compensation[b], flight.growth[b],
                    flight.status[b],
                )  # fmt: skip
            flight.basis[:] = basis.swapaxes(1, 2)
        flight.step += intervals * steps_per_interval

    def _inputs(self, step: int) -> tuple[Any, ...]:
        if self.driven is None:
            return ()
        return (self.driven[:, step % self.driven.shape[1]].expand(self.batch, -1),)

    def _tensor(self, array: Any) -> Any:
        return torch.as_tensor(array, dtype=self.kind, device=self.device).clone()
