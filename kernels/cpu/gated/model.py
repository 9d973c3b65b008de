"""What the two C functions of a gated network know of it."""

from collections import namedtuple

import numpy as np

from ...cells import CELLS
from ...jit import inlined
from ..simd.records import Record, size_of
from ..simd.strips import LINE, packed
from ..simd.vectors import shift
from .cells import cell_functions

# n units in each of `layers`, `dim` state variables; members that lie as `width` lanes; number and
# shape of the cell (`cells`). By address, with the elements from member to member (0: all have the
# same): inputs (T, entries) and their weights (gates, n entries); biases (layers, gates + 1, n),
# the last of what `inner` is; recurrent weights (layers, gates, n n) and those for the layer
# below, which of the first layer is the last if the network is `closed`; both again for the
# tangents. All weights are `packed`, gate by gate.
Model = namedtuple(
    "Model",
    "n layers dim width cell gates factors dt closed function reset entries input_steps inputs "
    "inputs_size entry entry_size bias bias_size hidden hidden_size below below_size "
    "tangent_hidden tangent_below",
)
MODEL = Record(
    Model,
    doubles="inputs entry bias hidden below",
    vectors="tangent_hidden tangent_below",
    floats="dt",
)
read_model = MODEL.reader()


@inlined
def gate_of(net, weights, layer, gate):
    """The weights (n, n) of one gate, of one member's (layers, gates, n n)."""
    return shift(weights, (layer * net.gates + gate) * net.n * net.n)


def gates_packed(weights, dtype):
    """(B, layers, gates, n, m) -> (B, layers, gates, n m), with room behind for a register."""
    batch, layers, gates, n, m = weights.shape
    out = np.zeros(weights.size + LINE // np.dtype(dtype).itemsize, dtype)
    shape = (batch, layers, gates, n * m)
    found = out[: weights.size].reshape(shape)
    if m:
        found[:] = packed(weights.reshape(-1, n, m), dtype).reshape(shape)
    return found


def gated_model(cell, hidden, below, entry, bias, inputs, closed, dt, width, dtype):
    """The record, packed, and the arrays that must outlive it."""
    kind = CELLS[cell]
    _, layers, gates, n, _ = hidden.shape
    function, reset = cell_functions(cell, dtype)
    weights = {
        "hidden": gates_packed(hidden, np.float64),
        "below": gates_packed(below, np.float64),
        "entry": gates_packed(entry[:, None], np.float64),
    }
    arrays = {**weights, "bias": np.ascontiguousarray(bias), "inputs": np.ascontiguousarray(inputs)}
    sizes = {f"{name}_size": size_of(array) for name, array in arrays.items()}
    for name, given in (("hidden", hidden), ("below", below)):
        same = np.dtype(dtype) == np.float64
        arrays[f"tangent_{name}"] = arrays[name] if same else gates_packed(given, dtype)
    record = MODEL.packed(
        **arrays, **sizes, n=n, layers=layers, dim=kind.states * layers * n, width=width,
        cell=kind.number, gates=gates, factors=kind.factors, dt=float(dt), closed=int(closed),
        function=function, reset=reset, entries=inputs.shape[-1], input_steps=inputs.shape[-2],
    )  # fmt: skip
    return record, (arrays, function, reset)
