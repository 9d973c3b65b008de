"""Lyapunov exponents that gradients flow through."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .. import _check
from ..systems import GRU, LSTM, RNN
from .read import is_recurrent, kind_of, states
from .step import mapping_for, plain_kernels, pushed


def lyapunov_exponents(
    step: Any, x0: Any, k: int, window: int = 50, *, inputs: Any = None,
    transient: int | None = None, generator: Any = None,
) -> Any:  # fmt: skip
    r"""Leading exponents over a window of steps, differentiable in a module's parameters.

    :math:`\lambda_j = \frac1W \sum_{t=1}^{W} \ln R_{jj}(t)`, from a QR at each of the last W steps;
    a term in a loss that pulls exponents towards zero ("flossing", Engelken 2023). Use
    `lyapax.torch.spectrum` to know a spectrum: it has errors, and is much faster.

    Parameters
    ----------
    step : torch.nn.Module or callable
        `nn.RNN`, `nn.GRU`, `nn.LSTM` or one of their cells, or ``step(x)`` or ``step(x, u)`` for
        one state (n,) and one input (d,). Dropout between the layers of a recurrent module is left
        out; a step must have none (call ``eval()`` on it).
    x0 : tensor (n,) or (batch, n)
        First state; not differentiated. Zeros are a fixed point of a network without input and
        biases, one that a bank of oscillators (`pta_init_`) never returns to: start elsewhere.
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
    if not torch.is_tensor(x0) or not x0.is_floating_point() or x0.ndim not in (1, 2):
        got = f"shape {tuple(x0.shape)}, {x0.dtype}" if torch.is_tensor(x0) else type(x0).__name__
        raise TypeError(
            f"x0 must be a floating-point tensor (n,) or (batch, n), the first state, got {got}; "
            "sequences are given as inputs="
        )
    n = x0.shape[-1]
    k = _check.count(k, "k", high=n)
    window = _check.count(window, "window")
    before = window if transient is None else _check.count(transient, "transient", low=0)
    x, u = x0.detach().reshape(-1, n), None
    if is_recurrent(step):
        _check_module(step, x0, inputs)
    if inputs is not None:
        if not torch.is_tensor(inputs) or inputs.ndim not in (2, 3):
            raise TypeError("inputs must be a tensor (T, d) or (batch, T, d)")
        u = (inputs if inputs.ndim == 3 else inputs[None]).detach()
        if inputs.ndim == 3 and isinstance(step, nn.RNNBase) and not step.batch_first:
            u = u.transpose(0, 1)
        if u.shape[1] < before + window:
            raise ValueError(
                f"inputs must last {before + window} steps, {before} of transient and {window} of "
                f"window, got {u.shape[1]}"
            )
        batch = max(len(x), len(u))
        if {len(x), len(u)} - {1, batch}:
            raise ValueError(f"x0 and inputs must have one batch, got {len(x)} and {len(u)}")
        x, u = x.expand(batch, -1), u.expand(batch, -1, -1)
    function = as_step(step) if is_recurrent(step) else step
    if not callable(function):
        raise TypeError(f"step must be a module or a callable, got {type(step).__name__}")
    if generator is None:
        generator = torch.Generator(x.device).manual_seed(0)
    q = torch.randn(n, k, generator=generator, dtype=x.dtype, device=generator.device)
    q = torch.linalg.qr(q.to(x.device))[0].expand(len(x), -1, -1)
    sums = x.new_zeros(len(x), k)
    with plain_kernels():
        with torch.no_grad():
            mapped = mapping_for(function, x[0], *(() if u is None else (u[0, 0],)))
        push = mapped(pushed(function, mapped))
        for t in range(before + window):
            with torch.set_grad_enabled(torch.is_grad_enabled() and t >= before):
                x, a = push(x, q) if u is None else push(x, q, u[:, t])
                q, logs = orthonormalised(a)
            if t >= before:
                sums = sums + logs
    # A sum with an infinite term has no gradient at its other terms either.
    exponents = torch.where(torch.isneginf(sums), -torch.inf, sums) / window
    shape = x0.shape if inputs is None or inputs.ndim == 2 else (len(x), n)
    return exponents.reshape(*shape[:-1], k)


def _check_module(module: Any, x0: Any, inputs: Any) -> None:
    dtype = next(module.parameters()).dtype
    if x0.shape[-1] != states(module):
        raise ValueError(
            f"x0 must have {states(module)} variables for this {type(module).__name__} (layers one "
            f"after the other, an LSTM's cells after all of its h), got {x0.shape[-1]}"
        )
    if x0.dtype != dtype or (torch.is_tensor(inputs) and inputs.dtype != dtype):
        raise TypeError(f"x0 and inputs must be {dtype} as the module is, got {x0.dtype}")
    if torch.is_tensor(inputs) and inputs.shape[-1] != module.input_size:
        raise ValueError(f"inputs must have {module.input_size} columns, got {inputs.shape[-1]}")


def orthonormalised(a: Any) -> tuple[Any, Any]:
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
    return (
        torch.where(living[..., None, :], front, q), torch.where(living, growth, logs)
    )  # fmt: skip


def as_step(module: Any) -> Callable[..., Any]:
    """A recurrent module as a function of one flat state, in operations that have every mode."""
    if getattr(module, "bidirectional", False):
        raise ValueError("step must run forwards only, got a bidirectional module")
    if getattr(module, "proj_size", 0):
        raise ValueError("step must not have proj_size")
    cell = isinstance(module, nn.RNNCellBase)
    ends = [""] if cell else [f"_l{i}" for i in range(module.num_layers)]
    units, layers = module.hidden_size, len(ends)
    kind = kind_of(module)

    def step(x: Any, u: Any = None) -> Any:
        h, c = list(x[: layers * units].split(units)), list(x[layers * units :].split(units))
        source = u
        for i, end in enumerate(ends):
            inside, recurrent = (
                0.0 if bias is None else bias
                for bias in (getattr(module, f"bias_{part}{end}", None) for part in ("ih", "hh"))
            )
            if source is not None:
                inside = inside + getattr(module, "weight_ih" + end) @ source
            recurrent = recurrent + getattr(module, "weight_hh" + end) @ h[i]
            if kind is RNN:
                total = inside + recurrent
                h[i] = torch.tanh(total) if module.nonlinearity == "tanh" else torch.relu(total)
            elif kind is GRU:
                inside = inside + torch.zeros_like(recurrent)
                (ir, iz, im), (hr, hz, hm) = inside.chunk(3), recurrent.chunk(3)
                z = torch.sigmoid(iz + hz)
                m = torch.tanh(im + torch.sigmoid(ir + hr) * hm)
                h[i] = m + z * (h[i] - m)
            else:
                gate, forget, g, out = (inside + recurrent).chunk(4)
                c[i] = torch.sigmoid(forget) * c[i] + torch.sigmoid(gate) * torch.tanh(g)
                h[i] = torch.sigmoid(out) * torch.tanh(c[i])
            source = h[i]
        return torch.cat(h + (c if kind is LSTM else []))

    return step
