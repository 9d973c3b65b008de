"""Any step written in PyTorch: tangents by forward-mode differentiation, QR by ours."""

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..kernels.cpu.qr.orthonormal import orthonormalise
from ..kernels.propagator import Array, Carry, Stepping, chosen, rank_unit
from .unfused import Unfused

Pair = tuple[torch.Tensor, torch.Tensor]
Taken = Callable[..., torch.Tensor]  # step(x) or step(x, u)
Mapped = Callable[..., Callable[..., Any]]  # `torch.func.vmap`, or a loop like it

# What vmap says of operations it has no rule for, and of Python's own `if`.
UNBATCHED = ("atching rule not implemented", "data-dependent control flow")


# PyTorch counts the levels of forward mode for the whole process, not for each thread.
FORWARD_MODE = threading.RLock()


@contextlib.contextmanager
def without_graph() -> Iterator[None]:
    """No graph, and nothing fused; both for this thread alone."""
    with torch.no_grad(), Unfused():
        yield


@cache
def load_forward_mode() -> None:
    """Forward mode loads at its first use, and then warns of PyTorch's own scripts."""
    with FORWARD_MODE, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated")
        torch.func.jvp(torch.tanh, (torch.zeros(1),), (torch.zeros(1),))


def tangent_step(step: Taken, mapped: Mapped) -> Callable[..., Pair]:
    """(x, basis, input) -> (next state, derivative of the step times the basis) of one member."""

    def step_with_tangents(x: torch.Tensor, q: torch.Tensor, *u: torch.Tensor) -> Pair:
        def along(v: torch.Tensor) -> Pair:
            with FORWARD_MODE:
                after: Any = torch.func.jvp(lambda y: step(y, *u), (x,), (v,))
            return after[0], after[1]

        after, tangents = mapped(along, in_dims=1)(q)
        return after[0], tangents.mT

    return step_with_tangents


def cotangent_step(step: Taken, mapped: Mapped) -> Taken:
    """(x, cotangents, input) -> the step's transposed derivative times the cotangents."""

    def step_back(x: torch.Tensor, p: torch.Tensor, *u: torch.Tensor) -> torch.Tensor:
        back: Any = torch.func.vjp(lambda y: step(y, *u), x)[1]
        found: torch.Tensor = mapped(lambda w: back(w)[0], in_dims=1)(p)
        return found.mT

    return step_back


def looped(function: Callable[..., Any], in_dims: int = 0, out_dims: int = 0) -> Callable[..., Any]:
    """`torch.func.vmap` for what it cannot batch."""

    def run(*args: torch.Tensor) -> Any:
        found = [function(*one) for one in zip(*(a.unbind(in_dims) for a in args), strict=True)]
        if torch.is_tensor(found[0]):
            return torch.stack(found)
        return tuple(torch.stack(parts) for parts in zip(*found, strict=True))

    return run


def mapping_for(step: Taken, x: torch.Tensor, *u: torch.Tensor) -> Mapped:
    """`vmap` if it takes this step, of one member's state and input; else a loop."""
    try:
        row = [part[None] for part in u]
        torch.func.vmap(step)(x[None], *row)
        torch.func.vmap(tangent_step(step, torch.func.vmap))(x[None], x[None, :, None], *row)
    except RuntimeError as error:
        if not any(why in str(error) for why in UNBATCHED):
            raise
        return looped
    return torch.func.vmap


class ChangesError(ValueError):
    """A step that is no function of its state."""


def expect_the_same_again(step: Taken, name: str, x: torch.Tensor, *u: torch.Tensor) -> None:
    """Refuse a step that draws random numbers, or keeps its state in its module."""
    first, second = (step(x, *u) for _ in range(2))
    if not (torch.is_tensor(first) and torch.is_tensor(second)) or first.shape != second.shape:
        return  # which is refused later
    rtol = 1e-6 if first.dtype == torch.float64 else 1e-4  # a GPU may sum in another order
    if not torch.allclose(first, second, rtol=rtol, atol=rtol / 100, equal_nan=True):
        raise ChangesError(
            f"{name} must be a function of the state: of the same state it made two results. If it "
            "draws random numbers, set them to 0; if it keeps its state in itself, write a step "
            "(state, input) that takes it and returns the next"
        )


def probe(step: Taken, name: str, x: torch.Tensor, *u: torch.Tensor) -> Mapped:
    """Find out how to map a step; what cannot be mapped fails here with a clear message.

    `name` is that of the argument that the step is.
    """
    load_forward_mode()
    kind = f"({len(x)},) in {x.dtype}"
    wanted = "".join(f" and one row of inputs ({len(row)},), in this order" for row in u)
    try:
        with without_graph():
            expect_the_same_again(step, name, x, *u)
            with FORWARD_MODE:
                after = torch.func.jvp(lambda y: step(y, *u), (x,), (x,))[0]
            mapped = mapping_for(step, x, *u)
    except ChangesError:
        raise
    except Exception as error:
        raise TypeError(
            f"{name} must be an nn.RNN, nn.GRU or nn.LSTM (or a Cell), or a step that torch.func "
            f"can differentiate, of one state {kind}{wanted}; it raised: "
            f"{' '.join(str(error).split()):.300}"
        ) from error
    if not torch.is_tensor(after) or after.shape != x.shape or after.dtype != x.dtype:
        got = (
            f"{tuple(after.shape)}, {after.dtype}"
            if torch.is_tensor(after)
            else type(after).__name__
        )
        raise ValueError(f"{name} must return the next state, {kind}, got {got}")
    return mapped


@dataclass
class TorchStep(Stepping):
    """x -> step(x) or step(x, u) for one member."""

    dt = 0.0
    offloaded = True

    step_in: Callable[[torch.dtype], Taken]  # the step that computes in a torch dtype
    kinds: tuple[torch.dtype, ...]  # those it can compute in
    mapped: Mapped
    inputs: Array | None  # (B or 1, T, d)
    dim: int
    k: int
    batch: int
    dtype: np.dtype[Any]  # of the basis
    device: torch.device
    driven: torch.Tensor | None = field(init=False, repr=False)  # inputs on the device

    def __post_init__(self) -> None:
        asked = torch.float64 if np.dtype(self.dtype) == np.float64 else torch.float32
        # A basis says what it was computed in: bounds on rounding depend on it.
        self.kind = asked if asked in self.kinds else self.kinds[0]
        self.dtype = np.dtype(np.float64 if self.kind == torch.float64 else np.float32)
        self.step = self.step_in(self.kind)
        self.driven = None if self.inputs is None else self._tensor(self.inputs)

    def select(self, members: NDArray[np.int64], dtype: np.dtype[Any]) -> "TorchStep":
        inputs = None if self.inputs is None else chosen(self.inputs, members)
        return replace(self, inputs=inputs, batch=len(members), dtype=dtype)

    def advance(self, carry: Carry, steps: int) -> None:
        with without_graph():
            x = self._tensor(carry.state)
            for s in range(steps):
                x = self.mapped(self.step)(x, *self._inputs(carry.step + s))
        carry.state[:] = x.cpu().numpy()
        carry.step += steps

    def propagate(self, carry: Carry, intervals: int, steps_per_interval: int) -> None:
        unit, qr = rank_unit(self.dim, self.dtype), cast(Any, orthonormalise)
        for interval in range(intervals):
            with without_graph():
                x, q = self._tensor(carry.state), self._tensor(carry.basis)
                for s in range(steps_per_interval):
                    at = carry.step + interval * steps_per_interval + s
                    x, q = self.mapped(tangent_step(self.step, self.mapped))(
                        x, q, *self._inputs(at)
                    )
            carry.state[:] = x.cpu().numpy()
            basis = np.ascontiguousarray(q.mT.cpu().numpy(), self.dtype)
            for b in range(self.batch):
                qr(
                    basis[b],
                    unit,
                    carry.log_sum[b],
                    carry.compensation[b],
                    carry.cancellation[b],
                    carry.status[b],
                )
            carry.basis[:] = basis.swapaxes(1, 2)
        carry.step += intervals * steps_per_interval

    def tangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        with without_graph():
            x, v = self._tensor(state), self._tensor(vectors)
            for s in range(steps):
                if not v.shape[2]:
                    x = self.mapped(self.step)(x, *self._inputs(step + s))
                    continue
                x, v = self.mapped(tangent_step(self.step, self.mapped))(
                    x, v, *self._inputs(step + s)
                )
        state[:], vectors[:] = x.cpu().numpy(), v.cpu().numpy()

    def cotangent_steps(self, state: Array, step: int, steps: int, vectors: Array) -> None:
        with without_graph():
            states, v = [self._tensor(state)], self._tensor(vectors)
            for s in range(steps - 1):
                states.append(self.mapped(self.step)(states[-1], *self._inputs(step + s)))
            for s in range(steps - 1, -1, -1):
                v = self.mapped(cotangent_step(self.step, self.mapped))(
                    states[s], v, *self._inputs(step + s)
                )
        vectors[:] = v.cpu().numpy()

    def _inputs(self, step: int) -> tuple[torch.Tensor, ...]:
        if self.driven is None:
            return ()
        return (self.driven[:, step % self.driven.shape[1]].expand(self.batch, -1),)

    def _tensor(self, array: NDArray[np.floating]) -> torch.Tensor:
        return torch.as_tensor(array, dtype=self.kind, device=self.device).clone()
