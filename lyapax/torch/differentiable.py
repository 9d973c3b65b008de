"""Lyapunov exponents that gradients flow through."""

import contextlib
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from .. import _check
from ..systems import LSTM, RNN
from .read import dense, ends, is_recurrent, kind_of, states, up_to_date, weight_names
from .replica import replica, unwrapped
from .step import Mapped, Pair, Taken, load_forward_mode, probe, tangent_step
from .unfused import Unfused, gated

FLOATS = (torch.float32, torch.float64)
LONGEST = 1_000_000  # steps that are remembered one by one


def lyapunov_exponents(
    step: nn.Module | Taken,
    x0: torch.Tensor,
    k: int,
    window: int = 50,
    *,
    inputs: torch.Tensor | None = None,
    transient: int | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    r"""Leading exponents over a window of steps, differentiable in a module's parameters.

    :math:`\lambda_j = \frac1W \sum_{t=1}^{W} \ln R_{jj}(t)`, from a QR at each of the last W steps;
    a term in a loss that pulls exponents towards zero ("flossing", Engelken 2023). Use
    `lyapax.torch.spectrum` to know a spectrum: it has errors, and is much faster.

    Parameters
    ----------
    step : torch.nn.Module or callable
        `nn.RNN`, `nn.GRU`, `nn.LSTM` or one of their cells, or ``step(x)`` or ``step(x, u)`` for
        one state (n,) and one input (d,). Modules are taken in eval mode, without dropout, and out
        of `torch.compile`, DataParallel or DistributedDataParallel; weights that hooks or
        parametrizations compute pass gradients on to what they are computed from. Any other
        function must have no dropout.
    x0 : tensor (n,) or (batch, n)
        First state, in float32 or float64, which also has to be the module's dtype; a module in
        half precision is computed in that of `x0`. Not differentiated. Zeros are a fixed point of a
        network without input and biases, one that a bank of oscillators (`pta_init_`) never
        returns to: start elsewhere.
    k : int
        How many exponents.
    window : int
        Steps that gradients flow through. It truncates, and must: on a chaotic orbit the gradient
        of :math:`\lambda_1` grows as fast as tangents do (measured: from 4 over 10 steps to 4e12
        over 400), while the exponent itself converges.
    inputs : tensor, optional
        At least ``transient + window`` steps of them: (T, d), or a batch laid out as the module
        takes it; for cells and steps (batch, T, d).
    transient : int, optional
        Steps before the window, in which the state reaches its attractor and the basis aligns,
        without gradients; by default as many as the window.
    generator : torch.Generator, optional
        Of the first basis. By default one of its own: training draws the same numbers with and
        without the call.

    Returns
    -------
    tensor (k,) or (batch, k)
        In descending order on average, not sorted. A direction that is dead at any step is -inf,
        and has no gradient. At such a step those after it have none either (R_jj = 0 would make
        every gradient NaN), each member by itself.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    References
    ----------
    Engelken, Gradient flossing, NeurIPS 2023.

    Examples
    --------
    >>> import torch
    >>> from lyapax.torch import lyapunov_exponents
    >>> rnn = torch.nn.RNN(1, 16)
    >>> loss = lyapunov_exponents(rnn, torch.zeros(16), k=2, window=20).square().sum()
    >>> loss.backward()
    >>> bool(rnn.weight_hh_l0.grad.abs().sum() > 0)
    True
    """
    step = unwrapped(step)
    if not callable(step):
        raise TypeError(f"step must be a module or a callable, got {type(step).__name__}")
    if not torch.is_tensor(x0) or x0.dtype not in FLOATS or x0.ndim not in (1, 2):
        got = f"shape {tuple(x0.shape)}, {x0.dtype}" if torch.is_tensor(x0) else type(x0).__name__
        raise TypeError(
            "x0 must be a tensor (n,) or (batch, n) in float32 or float64, the first state, got "
            f"{got}; sequences are given as inputs="
        )
    x = _finite(x0, "x0")
    n = x.shape[-1]
    k = _check.count(k, "k", high=n)
    window = _check.count(window, "window", high=LONGEST)
    before = (
        window if transient is None else _check.count(transient, "transient", low=0, high=LONGEST)
    )
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")
    x, u = x.reshape(-1, n), None
    if inputs is not None:
        u = _sequences(step, inputs, x, before + window)
        batch = max(len(x), len(u))
        if {len(x), len(u)} - {1, batch}:
            raise ValueError(f"x0 and inputs must have one batch, got {len(x)} and {len(u)}")
        x, u = x.expand(batch, -1), u.expand(batch, -1, -1)
    mapped: Mapped = torch.func.vmap
    context: AbstractContextManager[object] = contextlib.nullcontext()
    if is_recurrent(step):
        _check_module(step, x, u)
        function = as_step(step, x.dtype)
        load_forward_mode()
    else:
        function = replica(step) if isinstance(step, nn.Module) else step
        mapped = probe(function, "step", x[0], *(() if u is None else (u[0, 0],)))
        context = Unfused()
    if generator is None:
        generator = torch.Generator(x.device).manual_seed(0)
    q = torch.randn(n, k, generator=generator, dtype=x.dtype, device=generator.device)
    q = torch.linalg.qr(q.to(x.device))[0].expand(len(x), -1, -1)
    sums = x.new_zeros(len(x), k)
    step = mapped(tangent_step(function, mapped))
    with context:
        for t in range(before + window):
            with torch.set_grad_enabled(torch.is_grad_enabled() and t >= before):
                x, a = step(x, q) if u is None else step(x, q, u[:, t])
                q, logs = orthonormalised(a)
            if t >= before:
                sums = sums + logs
    # A sum with an infinite term has no gradient at its other terms either.
    exponents = torch.where(torch.isneginf(sums), -torch.inf, sums) / window
    shape = x0.shape if inputs is None or inputs.ndim == 2 else (len(x), n)
    return exponents.reshape(*shape[:-1], k)


def _finite(tensor: torch.Tensor, name: str) -> torch.Tensor:
    tensor = dense(tensor, name).detach()
    if not tensor.numel():
        raise ValueError(f"{name} must not be empty, got shape {tuple(tensor.shape)}")
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name} must be finite, got NaN or inf")
    return tensor


def _sequences(step: object, inputs: object, x: torch.Tensor, steps: int) -> torch.Tensor:
    """(batch or 1, T, d)."""
    if not torch.is_tensor(inputs) or inputs.ndim not in (2, 3):
        got = f"shape {tuple(inputs.shape)}" if torch.is_tensor(inputs) else type(inputs).__name__
        raise TypeError(f"inputs must be a tensor (T, d) or (batch, T, d), got {got}")
    if inputs.dtype != x.dtype or inputs.device != x.device:
        raise TypeError(
            f"inputs must be {x.dtype} on {x.device} as x0 is, got {inputs.dtype} on "
            f"{inputs.device}"
        )
    u = _finite(inputs if inputs.ndim == 3 else inputs[None], "inputs")
    if inputs.ndim == 3 and isinstance(step, nn.RNNBase) and not step.batch_first:
        u = u.transpose(0, 1)
    if u.shape[1] < steps:
        raise ValueError(
            f"inputs must last {steps} steps, transient and window together, got {u.shape[1]}"
        )
    return u


def _check_module(module: Any, x: torch.Tensor, u: torch.Tensor | None) -> None:
    own = next(module.parameters(), x)
    if x.shape[-1] != states(module):
        raise ValueError(
            f"x0 must have {states(module)} variables for this {type(module).__name__} (layers one "
            f"after the other, an LSTM's cells after all of its h), got {x.shape[-1]}"
        )
    # Half precision is computed in that of x0: QR has none, and exponents need more.
    if own.device != x.device or (own.dtype in FLOATS and own.dtype != x.dtype):
        raise TypeError(
            f"x0 must be {own.dtype} on {own.device} as the module is, got {x.dtype} on {x.device}"
        )
    if u is not None and u.shape[-1] != module.input_size:
        raise ValueError(f"inputs must have {module.input_size} columns, got {u.shape[-1]}")


def orthonormalised(a: torch.Tensor) -> Pair:
    """(Q, ln |R_jj|) of a (batch, n, k); with gradients for columns before the first dead one."""
    n = a.shape[-2]
    with torch.no_grad():
        q, r = torch.linalg.qr(a)
        diagonal = r.diagonal(dim1=-2, dim2=-1).abs()
        dead = diagonal <= 8 * n * torch.finfo(a.dtype).eps * a.norm(dim=-2)
        logs = torch.where(dead, -torch.inf, diagonal.log())
        living = (~dead).cumprod(-1).bool()
    if not (torch.is_grad_enabled() and a.requires_grad):
        return q, logs
    # In the place of the others stands what they become, so that nothing divides by their R_jj.
    front, r = torch.linalg.qr(torch.where(living[..., None, :], a, q))
    growth = r.diagonal(dim1=-2, dim2=-1).abs().log()
    return (torch.where(living[..., None, :], front, q), torch.where(living, growth, logs))


def as_step(module: Any, dtype: torch.dtype) -> Taken:
    """A recurrent module as a function of one flat state, in operations that have every mode."""
    if getattr(module, "bidirectional", False):
        raise ValueError("step must run forwards only, got a bidirectional module")
    if getattr(module, "proj_size", 0):
        raise ValueError("step must not have proj_size")
    own, kind = up_to_date(module), kind_of(module)
    weights = {name: getattr(own, name) for name in weight_names(own)}
    weights = {name: dense(value, name).to(dtype) for name, value in weights.items()}
    units, layers = own.hidden_size, len(ends(own))
    cell = own.nonlinearity if kind is RNN else "lstm" if kind is LSTM else "gru"

    def step(x: Any, u: torch.Tensor | None = None) -> torch.Tensor:
        h, c = list(x[: layers * units].split(units)), list(x[layers * units :].split(units))
        source = u
        for i, end in enumerate(ends(own)):
            recurrent = weights["weight_hh" + end] @ h[i] + weights.get("bias_hh" + end, 0.0)
            inside = torch.zeros_like(recurrent) + weights.get("bias_ih" + end, 0.0)
            if source is not None:
                inside = inside + weights["weight_ih" + end] @ source
            h[i], after = gated(cell, inside, recurrent, h[i], c[i] if kind is LSTM else None)
            if kind is LSTM:
                c[i] = after
            source = h[i]
        return torch.cat(h + (c if kind is LSTM else []))

    return step
