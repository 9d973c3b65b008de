"""Recurrent layers and cells in elementary operations, which have every mode of differentiation.

The fused kernels of `nn.RNN`, `nn.GRU`, `nn.LSTM` and their cells (cuDNN's, oneDNN's, PyTorch's own
on GPUs) have no forward mode, and some no batching rule. PyTorch's flags that turn them off are the
whole process's: `Unfused` is a thread's own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout as dropped
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

CELLS = {"rnn_tanh": "tanh", "rnn_relu": "relu", "gru": "gru", "lstm": "lstm"}


def gated(
    cell: str, inside: Tensor, recurrent: Tensor, h: Tensor, c: Any = None
) -> tuple[Tensor, Any]:
    """(h, c) of the next step, from the sums over inputs and over states, both with biases."""
    if cell in ("tanh", "relu"):
        return (torch.tanh if cell == "tanh" else torch.relu)(inside + recurrent), None
    if cell == "gru":
        (ir, iz, im), (hr, hz, hm) = inside.chunk(3, -1), recurrent.chunk(3, -1)
        z = torch.sigmoid(iz + hz)
        m = torch.tanh(im + torch.sigmoid(ir + hr) * hm)
        return m + z * (h - m), None
    gate, forget, g, out = (inside + recurrent).chunk(4, -1)
    c = torch.sigmoid(forget) * c + torch.sigmoid(gate) * torch.tanh(g)
    return torch.sigmoid(out) * torch.tanh(c), c


class Unfused(TorchFunctionMode):
    """A context in which this thread's recurrent layers and cells are computed as above."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if not kwargs and func is getattr(torch, name, None):
            if name.removesuffix("_cell") in CELLS and name.endswith("_cell"):
                return _cell(CELLS[name.removesuffix("_cell")], *args)
            # The other form is of packed sequences, and has their lengths second.
            if name in CELLS and isinstance(args[3], bool):
                return _layers(CELLS[name], *args)
        return func(*args, **(kwargs or {}))


def _cell(
    cell: str,
    source: Tensor,
    start: Any,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    h, c = start if cell == "lstm" else (start, None)
    after = gated(cell, linear(source, w_ih, b_ih), linear(h, w_hh, b_hh), h, c)
    return after if cell == "lstm" else after[0]


def _layers(
    cell: str,
    source: Tensor,
    start: Any,
    weights: Sequence[Tensor],
    has_biases: bool,
    layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    directions = 2 if bidirectional else 1
    each = len(weights) // (layers * directions)
    source = source.transpose(0, 1) if batch_first else source
    last = []
    for layer in range(layers):
        sides = []
        for side in range(directions):
            i = layer * directions + side
            w_ih, w_hh, *rest = weights[i * each : (i + 1) * each]
            b_ih, b_hh = rest[:2] if has_biases else (None, None)
            projection = rest[-1] if len(rest) > 2 * has_biases else None
            h, c = (start[0][i], start[1][i]) if cell == "lstm" else (start[i], None)
            inside, states = linear(source, w_ih, b_ih).unbind(0), []
            for one in reversed(inside) if side else inside:
                h, c = gated(cell, one, linear(h, w_hh, b_hh), h, c)
                h = h if projection is None else linear(h, projection)
                states.append(h)
            sides.append(torch.stack(states[::-1] if side else states))
            last.append((h, c))
        source = torch.cat(sides, -1)
        if train and dropout and layer < layers - 1:
            source = dropped(source, dropout)
    ends = [torch.stack(parts) for parts in zip(*last, strict=True) if parts[0] is not None]
    return (source.transpose(0, 1) if batch_first else source, *ends)
