"""pta_init_: recurrent layers start as banks of oscillators, each a stable limit cycle."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import nn

from .. import _check, pta
from .._check import Array
from .read import dense, ends, is_its_own, is_recurrent, to_array
from .replica import unwrapped


def pta_init_(
    module_or_tensor: torch.Tensor,
    *,
    region: str = "null",
    time: str = "discrete",
    alpha: ArrayLike | None = None,
    theta: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    kind: str | None = None,
    generator: torch.Generator | None = None,
) -> Any:
    r"""Start recurrent layers as banks of oscillators, in place.

    Recurrent weights become a block-diagonal matrix of :math:`\alpha_i R(\theta_i)` with one zero
    Lyapunov exponent for each block (n/2 of n, of the network without input): learning signals then
    neither vanish nor explode on their way back through time. Biases become zero, and with them the
    rows of a GRU's reset and update gates; input weights stay as they are.

    Parameters
    ----------
    module_or_tensor : torch.nn.Module or torch.Tensor
        Every `nn.RNN` (tanh), `nn.GRU`, `nn.RNNCell` and `nn.GRUCell` in a module; each layer and
        direction is drawn on its own. Or a tensor, of shape (n, n) for ``kind="tanh"`` and (3 n, n)
        for ``kind="gru"``, gates in PyTorch's order r, z, n. Of an odd number of units one is left
        over, with zero weights. In half precision it is the rounded blocks that are checked.
    region : {"null", "paper"}
        ``"null"`` draws from where training is best (tanh: alpha of 1.05 to 1.5), runs every block
        for 12,000 steps and draws it again if it is locked. ``"paper"`` draws as the paper's
        authors do and checks nothing: a third of the tanh blocks are locked, have no zero exponent,
        and train worse.
    time : {"discrete", "continuous"}
        Continuous time is for weights that a flow uses, as in `lyapax.pta.Region`.
    alpha, offset, theta : tuple, float or array_like, optional
        Instead of the region's own: of alpha or, for a GRU, of its distance from the onset
        (`lyapax.pta.gru_offset`), a tuple (low, high) is a range, anything else the values, (n//2,)
        or one for all. theta: values.
    kind : {"tanh", "gru"}, optional
        What a tensor belongs to.
    generator : torch.Generator, optional
        By default PyTorch's own, as in `torch.nn.init`.

    Returns
    -------
    module_or_tensor : the argument

    Raises
    ------
    TypeError
        If there is nothing to initialize, or something that cannot be: an LSTM, ReLU units,
        recurrent weights that a parametrization, weight norm or pruning would overwrite, a subclass
        with a forward of its own (its weights do not say what it does; give the tensor).
    ValueError
        If a shape or a range is wrong.

    Notes
    -----
    The zero exponents are those of each layer without input. Input that drives a layer makes them
    small negative numbers; a second layer is driven by the first. The origin is an unstable fixed
    point: spectra need a start away from it.

    Park, Sagodi and Sokol (2023), section 3.3.

    Examples
    --------
    >>> from torch import nn
    >>> from lyapax.torch import pta_init_
    >>> rnn = pta_init_(nn.GRU(8, 64))
    >>> rnn.weight_hh_l0[:128].abs().max().item()  # reset and update gates
    0.0
    """
    _check.choice(region, "region", ("null", "paper"))
    _check.choice(time, "time", ("discrete", "continuous"))
    options = {"alpha": alpha, "theta": theta, "offset": offset}
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")
    if alpha is not None and offset is not None:
        raise ValueError("alpha or offset must be left out: give one of them")
    if isinstance(module_or_tensor, torch.Tensor):
        _check_writable(module_or_tensor, "module_or_tensor")
        cell = _check.choice(kind, "kind", ("tanh", "gru"))
        bank = _drawn(module_or_tensor, "module_or_tensor", cell, region, time, options, generator)
        _write(module_or_tensor, bank)
        return module_or_tensor
    module = unwrapped(module_or_tensor)
    if not isinstance(module, nn.Module):
        raise TypeError(
            "module_or_tensor: pta_init_ wants a torch.nn.Module or a tensor, got "
            f"{type(module).__name__}"
        )
    if kind is not None:
        raise TypeError("kind is for tensors; a module knows what it is")
    layers = [
        (f"{name}.{layer}".lstrip("."), part, layer, cell)
        for name, part in module.named_modules()
        for layer, cell in _layers(name, part)
    ]
    if not layers:
        raise TypeError(
            "module_or_tensor must have recurrent layers: pta_init_ found no nn.RNN, nn.GRU, "
            f"nn.RNNCell or nn.GRUCell in {type(module).__name__}"
        )
    # All drawn before any is written: a refusal leaves everything as it was.
    banks = [
        _drawn(getattr(part, layer), name, cell, region, time, options, generator)
        for name, part, layer, cell in layers
    ]
    for (_, part, layer, _), bank in zip(layers, banks, strict=True):
        _write(getattr(part, layer), bank)
        for bias in _biases(part, layer):
            nn.init.zeros_(getattr(part, bias))
    return module_or_tensor


def _biases(part: nn.Module, layer: str) -> list[str]:
    names = (layer.replace("weight", "bias"), layer.replace("weight_hh", "bias_ih"))
    return [name for name in names if getattr(part, name, None) is not None]


def _layers(name: str, part: nn.Module) -> list[tuple[str, str]]:
    """(parameter, cell) of the recurrent weights that a module itself has."""
    if not isinstance(part, nn.RNNBase | nn.RNNCellBase):
        return []
    called = f"{name or 'the module'} ({type(part).__name__})"
    if isinstance(part, nn.LSTM | nn.LSTMCell):
        raise TypeError(
            f"{called}: an LSTM's state is a product of gates, which no block of weights makes an "
            "oscillator; use a GRU, or call pta_init_ on the other layers"
        )
    if getattr(part, "nonlinearity", "tanh") != "tanh":
        raise TypeError(f"{called}: units must be tanh, ReLU has no limit cycle to start from")
    if not is_recurrent(part):
        raise TypeError(
            f"{called} has a forward of its own, and its weights do not say what it does; where "
            "they are used as PyTorch uses them, call pta_init_ on the tensor weight_hh, with kind="
        )
    names = ["weight_hh" + end for end in ends(part)]
    for name in (one for weight in names for one in (weight, *_biases(part, weight))):
        if not is_its_own(part, name):
            raise TypeError(
                f"{called}: {name} must be a parameter of its own, but it is computed from others "
                "(parametrized, weight-normed or pruned), and what is written in place would be "
                "overwritten; call pta_init_ first"
            )
    return [(name, "gru" if isinstance(part, nn.GRU | nn.GRUCell) else "tanh") for name in names]


def _values(value: object, name: str, size: int) -> Array:
    array = _check.real_array(to_array(value, name), name)
    if array.shape not in ((), (1,), (size,)):
        raise ValueError(
            f"{name} must be a tuple (low, high), a number or {size} numbers, one for each block, "
            f"got shape {array.shape}"
        )
    return array


def _drawn(
    tensor: torch.Tensor,
    name: str,
    cell: str,
    region: str,
    time: str,
    options: dict[str, Any],
    generator: torch.Generator | None,
) -> torch.Tensor:
    """The bank for one tensor."""
    _check_writable(tensor, name)
    gates = 3 if cell == "gru" else 1
    if tensor.shape[0] != gates * tensor.shape[1]:
        wanted = "(3 n, n)" if cell == "gru" else "(n, n)"
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(tensor.shape)}")
    n = tensor.shape[1]
    if n < 2:
        raise ValueError(f"{name} must have at least 2 units, one block, got {n}")
    ranges = {k: v for k, v in options.items() if isinstance(v, tuple) and k != "theta"}
    values = {
        k: _values(v, k, n // 2) for k, v in options.items() if v is not None and k not in ranges
    }
    where = pta.Region(cell, time, **ranges) if ranges else pta.region(region, cell, time)
    device = "cpu" if generator is None else generator.device
    seed = torch.randint(2**62, (), generator=generator, device=device).item()

    def rounded(entries: Array) -> Array:
        return torch.from_numpy(entries).to(tensor.dtype).double().numpy()

    found = pta.draw(n // 2, where, int(seed), check=region == "null", rounded=rounded, **values)
    return torch.from_numpy(pta.bank(*found, n))


def _check_writable(tensor: torch.Tensor, name: str) -> None:
    if tensor.is_meta:
        raise ValueError(f"{name} is on the meta device, where there is nothing to write to")
    if not dense(tensor, name).is_floating_point():
        raise TypeError(f"{name} must be of floating point, got {tensor.dtype}")
    if tensor.ndim != 2:
        raise ValueError(f"{name} must have shape (n, n) or (3 n, n), got {tuple(tensor.shape)}")
    if any(
        step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True)
    ):
        raise ValueError(f"{name} must have memory for each of its entries, got an expanded one")


def _write(tensor: torch.Tensor, bank: torch.Tensor) -> None:
    with torch.no_grad():
        tensor.zero_()
        tensor[-len(bank) :] = bank
