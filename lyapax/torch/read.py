"""PyTorch's recurrent modules as lyapax systems: weights are read, nothing is changed."""

from typing import Any

import numpy as np
import torch
from torch import nn

from .._check import Array
from ..systems import GRU, LSTM, RNN

KINDS = {
    nn.RNN: RNN, nn.RNNCell: RNN, nn.GRU: GRU, nn.GRUCell: GRU, nn.LSTM: LSTM, nn.LSTMCell: LSTM
}  # fmt: skip


def is_recurrent(module: Any) -> bool:
    """Whether it does what its weights say; a subclass may have a step of its own."""
    kinds: tuple[Any, ...] = tuple(KINDS)
    return any(isinstance(module, kind) and type(module).forward is kind.forward for kind in kinds)


def recurrent_parts(module: Any, inputs: Any) -> dict[str, Any]:
    """Recurrent parts by name; with inputs there must be one that they belong to."""
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    parts = {name: part for name, part in module.named_modules() if is_recurrent(part)}
    if not parts:
        raise TypeError(
            "module must have an nn.RNN, nn.GRU, nn.LSTM or one of their cells in it, "
            f"{type(module).__name__} has none"
        )
    if inputs is not None and len(parts) > 1:
        raise ValueError(
            f"inputs must be left out: they would drive one layer, and {len(parts)} were found "
            f"({', '.join(parts)}); take one of them"
        )
    return parts


def states(module: Any) -> int:
    """State variables of one direction."""
    each = 2 if kind_of(module) is LSTM else 1
    return int(each * getattr(module, "num_layers", 1) * module.hidden_size)


def recurrent_weights(module: Any) -> dict[str, Array]:
    """Recurrent matrices of each layer and direction, by name."""
    names = ["weight_hh"]
    if isinstance(module, nn.RNNBase):
        ends = ("", "_reverse") if module.bidirectional else ("",)
        names = [f"weight_hh_l{i}{end}" for i in range(module.num_layers) for end in ends]
    return {name: to_array(getattr(module, name)) for name in names}


def kind_of(module: Any) -> Any:
    return next(system for layer, system in KINDS.items() if isinstance(module, layer))


def to_array(tensor: Any) -> Any:
    """float64 in NumPy; shares memory where it can."""
    if not torch.is_tensor(tensor):
        return tensor
    tensor = tensor.detach().cpu()
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()


def system_of(module: Any, inputs: Any = None, **options: Any) -> Any:
    """RNN, GRU or LSTM; of a bidirectional module a batch of two, (forward, reverse)."""
    kind = kind_of(module)
    name = type(module).__name__
    if getattr(module, "proj_size", 0):
        raise ValueError(f"{name} with proj_size is not supported: its state is not n units wide")
    if kind is RNN:
        options["nonlinearity"] = module.nonlinearity
    given = None if inputs is None else sequences(module, inputs)
    if isinstance(module, nn.RNNCellBase):
        return kind(*_weights(module, [""]), inputs=given, **options)
    layers = range(module.num_layers)
    if not module.bidirectional:
        return kind(*_weights(module, [f"_l{i}" for i in layers]), inputs=given, **options)
    if "readout" in options:
        raise ValueError(f"readout must be left out: a bidirectional {name} cannot generate")
    if module.num_layers > 1:
        raise ValueError(
            f"a bidirectional {name} of {module.num_layers} layers has no spectrum: its second "
            "layer sees the whole sequence, the future included, so no state steps through time"
        )
    both = [_weights(module, [end]) for end in ("_l0", "_l0_reverse")]
    # Directions are the first axis of the batch, before that of the sequences.
    inner = () if given is None or given.ndim == 2 else (1,)
    stacked = [
        None if one is None or other is None
        else np.stack([one[0], other[0]]).reshape(2, *inner, *one[0].shape)
        for one, other in zip(*both, strict=True)
    ]  # fmt: skip
    if given is not None:
        given = np.stack([given, given[..., ::-1, :]])
    return kind(*stacked, inputs=given, **options)


def _weights(module: Any, ends: list[str]) -> list[list[Array] | None]:
    """weight_hh, weight_ih, bias_hh, bias_ih: each a list of layers, or None."""
    found: list[list[Array] | None] = []
    for name in ("weight_hh", "weight_ih", "bias_hh", "bias_ih"):
        parts = [getattr(module, name + end, None) for end in ends]
        found.append(None if parts[0] is None else [to_array(part) for part in parts])
    return found


def sequences(module: Any, inputs: Any) -> Array:
    """(T, d) or (batch, T, d), of inputs as the module takes them."""
    if isinstance(inputs, nn.utils.rnn.PackedSequence):
        raise TypeError(
            "inputs must be a tensor, got a PackedSequence: call once for each length, or cut the "
            "sequences to one length"
        )
    array = np.asarray(to_array(inputs))
    if array.ndim not in (2, 3):
        raise ValueError(
            "inputs must have shape (T, d), or (T, batch, d) or (batch, T, d) as the module takes "
            f"them, got {array.shape}"
        )
    if array.ndim == 3 and isinstance(module, nn.RNNBase) and not module.batch_first:
        array = array.swapaxes(0, 1)
    return np.ascontiguousarray(array, np.float64)
