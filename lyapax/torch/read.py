"""PyTorch's recurrent modules as lyapax systems: weights are read, nothing is changed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from .._check import Array, real_array
from ..systems import GRU, LSTM, RNN
from .replica import replica, unwrapped

KINDS = {
    nn.RNN: RNN,
    nn.RNNCell: RNN,
    nn.GRU: GRU,
    nn.GRUCell: GRU,
    nn.LSTM: LSTM,
    nn.LSTMCell: LSTM,
}


def is_recurrent(module: object) -> bool:
    """Whether it does what its weights say; a subclass may have a step of its own."""
    return any(does_as(module, kind) for kind in KINDS)


def does_as(module: object, kind: type[nn.Module]) -> bool:
    """Whether a module computes what `kind` does, with its forward."""
    return (
        isinstance(module, kind)
        and type(module).forward is kind.forward
        and "forward" not in vars(module)
    )


def recurrent_parts(module: object, inputs: object) -> dict[str, nn.Module]:
    """Recurrent parts by name; with inputs there must be one that they belong to."""
    module = unwrapped(module)
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    parts = {name: part for name, part in module.named_modules() if is_recurrent(part)}
    if not parts:
        others = {
            type(part).__name__ for part in module.modules() if isinstance(part, tuple(KINDS))
        }
        raise TypeError(
            "module must have an nn.RNN, nn.GRU, nn.LSTM or one of their cells in it, "
            f"{type(module).__name__} has none"
            + "".join(f"; {name} has a forward of its own" for name in sorted(others))
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


def ends(module: Any) -> list[str]:
    """Endings of the names of weights, layer by layer, forward before reverse."""
    if isinstance(module, nn.RNNCellBase):
        return [""]
    sides = ("", "_reverse") if module.bidirectional else ("",)
    return [f"_l{i}{side}" for i in range(module.num_layers) for side in sides]


def weight_names(module: Any) -> list[str]:
    """All weights of a recurrent module, or of a linear one."""
    if isinstance(module, nn.Linear):
        return ["weight"] if getattr(module, "bias", None) is None else ["weight", "bias"]
    kinds = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if module.bias else [])
    kinds += ["weight_hr"] if getattr(module, "proj_size", 0) else []
    return [kind + end for end in ends(module) for kind in kinds]


def is_its_own(module: Any, name: str) -> bool:
    """Whether a weight is a parameter or a buffer, which nothing computes."""
    return any(held.get(name) is not None for held in (module._parameters, module._buffers))


def up_to_date(module: Any) -> Any:
    """A replica whose weights are what a forward call in eval mode computes with.

    Weight norm, spectral norm and pruning by hooks recompute a weight before each forward call;
    until then an attribute holds what it was at the last one, whatever has been loaded or learned
    since. Their hooks run here on copies, because they may work in place; gradients flow through.
    """
    own = replica(unwrapped(module))
    old = [
        name
        for name in weight_names(own)
        if not is_its_own(own, name) and not isinstance(getattr(type(own), name, None), property)
    ]
    if not old:
        return own
    for held in (own._parameters, own._buffers):
        held.update((name, value.clone()) for name, value in held.items() if value is not None)
    for name in old:
        vars(own).pop(name, None)
    why = "and no forward pre-hook computes it"
    for hook in own._forward_pre_hooks.values():
        try:
            hook(own, ())
        except Exception as error:  # of a hook that has to do with the input
            why = f"and its forward pre-hooks raised: {error}"
    for name in old:
        if not torch.is_tensor(vars(own).get(name)):
            raise TypeError(
                f"{name} of this {type(own).__name__} must be a parameter or a buffer, or be "
                f"computed by a forward pre-hook: it is neither of the first two, {why}"
            )
    return own


def recurrent_weights(module: Any) -> dict[str, Array]:
    """Recurrent matrices of each layer and direction, by name."""
    with torch.no_grad():
        own = up_to_date(module)
        names = ["weight_hh" + end for end in ends(own)]
        return {name: to_array(getattr(own, name), name) for name in names}


def kind_of(module: nn.Module) -> Callable[..., RNN | GRU | LSTM]:
    return next(system for layer, system in KINDS.items() if isinstance(module, layer))


def to_array(value: object, name: str) -> Any:
    """A tensor, or a list of them, copied to NumPy, float64; anything else as it is."""
    if isinstance(value, nn.utils.rnn.PackedSequence):
        raise TypeError(
            f"{name} must be a tensor, got a PackedSequence: call once for each length, or cut the "
            "sequences to one length"
        )
    if isinstance(value, list | tuple) and any(torch.is_tensor(part) for part in value):
        return real_array([to_array(part, name) for part in value], name)
    if not torch.is_tensor(value):
        return value
    tensor = dense(value, name).detach()
    kind = torch.float64 if tensor.is_floating_point() else tensor.dtype
    return tensor.to("cpu", kind, copy=True).numpy()


def dense(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """The tensor itself, if there are numbers in it one after the other."""
    if tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized:
        got = (
            "one on the meta device, which has no values"
            if tensor.is_meta
            else "a quantized one"
            if tensor.is_quantized
            else f"layout {tensor.layout}"
        )
        raise TypeError(f"{name} must be a dense tensor, got {got}")
    if tensor.is_complex():
        raise TypeError(f"{name} must be real numbers, got {tensor.dtype}")
    return tensor


def system_of(module: Any, inputs: object = None, **options: Any) -> RNN | GRU | LSTM:
    """RNN, GRU or LSTM; of a bidirectional module a batch of two, (forward, reverse)."""
    kind = kind_of(module)
    name = type(module).__name__
    with torch.no_grad():
        module = up_to_date(module)
    if getattr(module, "proj_size", 0):
        raise ValueError(f"{name} with proj_size is not supported: its state is not n units wide")
    if kind is RNN:
        options["nonlinearity"] = module.nonlinearity
    given = None if inputs is None else sequences(module, inputs)
    if not getattr(module, "bidirectional", False):
        return kind(*_weights(module, ends(module)), inputs=given, **options)
    if "readout" in options:
        raise ValueError(f"readout must be left out: a bidirectional {name} cannot generate")
    if module.num_layers > 1:
        raise ValueError(
            f"a bidirectional {name} of {module.num_layers} layers has no spectrum: its second "
            "layer sees the whole sequence, the future included, so no state steps through time"
        )
    both = [_weights(module, [end]) for end in ends(module)]
    # Directions are the first axis of the batch, before that of the sequences.
    inner = () if given is None or given.ndim == 2 else (1,)
    stacked = [
        None
        if one is None or other is None
        else np.stack([one[0], other[0]]).reshape(2, *inner, *one[0].shape)
        for one, other in zip(*both, strict=True)
    ]
    if given is not None:
        given = np.stack([given, given[..., ::-1, :]])
    return kind(*stacked, inputs=given, **options)


def _weights(module: Any, ends_of: list[str]) -> list[list[Array] | None]:
    """weight_hh, weight_ih, bias_hh, bias_ih: each a list of layers, or None."""
    found: list[list[Array] | None] = []
    for name in ("weight_hh", "weight_ih", "bias_hh", "bias_ih"):
        parts = [getattr(module, name + end, None) for end in ends_of]
        found.append(None if parts[0] is None else [to_array(part, name) for part in parts])
    return found


def sequences(module: nn.Module, inputs: object) -> Array:
    """(T, d) or (batch, T, d), of inputs as the module takes them."""
    array = real_array(to_array(inputs, "inputs"), "inputs")
    if array.ndim not in (2, 3):
        raise ValueError(
            "inputs must have shape (T, d), or (T, batch, d) or (batch, T, d) as the module takes "
            f"them, got {array.shape}"
        )
    if array.ndim == 3 and isinstance(module, nn.RNNBase) and not module.batch_first:
        array = array.swapaxes(0, 1)
    return np.ascontiguousarray(array)
