"""Recurrent layers as systems, by their tensors alone."""

from collections.abc import Mapping
from typing import Any

from .. import systems
from ..systems.base import System

CELLS = {1: "RNN", 3: "GRU", 4: "LSTM"}  # by the blocks of rows of weight_hh
ARGUMENTS = "weight_hh", "weight_ih", "bias_hh", "bias_ih"


def hidden_name(tensors: Mapping[str, Any]) -> str:
    """The recurrent weights of a module with one layer."""
    return next(name for name in tensors if "weight_hh" in name)


def recurrent(tensors: Mapping[str, Any]) -> tuple[System, str]:
    """The system of one recurrent layer by its tensors, as PyTorch names them."""
    name = hidden_name(tensors)
    hidden = tensors[name]
    rows, units = hidden.shape
    blocks = rows // units if units else 0
    if rows != blocks * units or blocks not in CELLS:
        raise ValueError(f"{name} must have 1, 3 or 4 times {units} rows, got {rows}")
    cell = CELLS[blocks]
    found = {argument: tensors.get(name.replace("weight_hh", argument)) for argument in ARGUMENTS}
    system = getattr(systems, cell)(**{k: v for k, v in found.items() if v is not None})
    assumed = " (tanh assumed)" if cell == "RNN" else ""
    return system, f"{cell}{assumed} of {units} units by {name}, without inputs"
