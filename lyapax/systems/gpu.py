"""Which kernels run a system on a GPU: the routing table, in one place.

========================  =======================  ==============================
system                    variables                propagator
========================  =======================  ==============================
Flow, Map                 n <= 8                   threads (more: not on a GPU)
RateNetwork, RNN          n <= 8, without inputs   threads
RateNetwork, RNN          n <= 128 (float64: 64)   blocks, if dense
GRU, LSTM, layers         n^2 k <= 27, no inputs   threads
GRU, one layer            n <= 128 (float64: 64)   blocks, reset after, no loop
everything else           any                      gemm
========================  =======================  ==============================

An RNN here is one of one layer. Where a block has too little shared memory (float64 of 33 to 64
variables on devices with 64 KB) the next row serves.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._check import Array
from ..kernels.codegen import Graph
from ..kernels.propagator import Propagator

Devices = Sequence[Any]
LARGEST_THREAD = 8
# Bytes of inputs times their weights; beyond, the gemm propagator takes both.
MOST_ENTERED = 1 << 30


def threads(
    devices: Devices, graph: Graph, params: Array, dt: float, k: int, batch: int, dtype: Any
) -> Propagator:
    from ..kernels.cuda.spread import spread
    from ..kernels.cuda.threads import Threads

    return spread(Threads(graph, params, dt, k, batch, dtype, devices[0]), devices)


def network(
    devices: Devices, weights: Any, offsets: Array, rate: Array, current: bool, phi: Graph,
    dt: float, k: int, batch: int, dtype: Any,
) -> Propagator:  # fmt: skip
    from ..kernels.cuda.activation_source import activation_source
    from ..kernels.cuda.blocks import NETWORK, Blocks
    from ..kernels.cuda.gemm import Gemm
    from ..kernels.cuda.gemm_network import NetworkEquations
    from ..kernels.cuda.spread import spread

    texts = {"activation.cuh": activation_source(phi)}
    n = offsets.shape[-1]
    equations = NetworkEquations(weights, offsets, rate, current, texts)
    found: Any = Gemm(equations, dt, k, batch, dtype, devices[0])
    if not isinstance(weights, tuple) and _fits(devices, NETWORK, n, k, dtype):
        found = Blocks(
            NETWORK, weights[:, None], offsets[:, :, None], rate, dt, k, batch, dtype, devices[0],
            equations, {"CURRENT": int(current)}, texts,
        )  # fmt: skip
    return spread(found, devices)


def gated(
    devices: Devices, cell: str, arrays: dict[str, Any], dt: float, k: int, batch: int, dtype: Any
) -> Propagator:
    from ..kernels.cuda.blocks import GRU, Blocks
    from ..kernels.cuda.gemm import Gemm
    from ..kernels.cuda.gemm_gated import GatedEquations
    from ..kernels.cuda.spread import spread

    hidden, bias = arrays["hidden"], arrays["bias"]
    _, layers, _, n, _ = hidden.shape
    equations = GatedEquations(cell, **arrays)
    found: Any = Gemm(equations, dt, k, batch, dtype, devices[0])
    if layers > 1 or arrays["closed"] or _entered_bytes(arrays) > MOST_ENTERED:
        return spread(found, devices)
    if cell in ("rnn", "relu"):
        return _driven_rnn(devices, cell, arrays, dt, k, batch, dtype)
    if cell == "gru" and _fits(devices, GRU, n, k, dtype):
        # r, z, what the reset multiplies, and the rest of the new memory.
        order, drive = [0, 1, 3, 2], _entered(arrays)
        offsets = bias[:, 0][:, None, order] + np.concatenate(
            [drive[..., :2, :], np.zeros_like(drive[..., :1, :]), drive[..., 2:, :]], axis=-2
        )
        found = Blocks(
            GRU, hidden[:, 0], offsets, np.ones((1, n)), dt, k, batch, dtype, devices[0], equations
        )
    return spread(found, devices)


def _driven_rnn(
    devices: Devices, cell: str, arrays: dict[str, Any], dt: float, k: int, batch: int, dtype: Any
) -> Propagator:
    """x -> phi(W x + b + V u) is a rate network without leak."""
    from .rate import named_graph

    offsets = arrays["bias"][:, 0, None, 0] + _entered(arrays)[..., 0, :]
    phi = named_graph("tanh" if cell == "rnn" else "relu")
    rate = np.ones((1, offsets.shape[-1]))
    return network(
        devices, arrays["hidden"][:, 0, 0], offsets, rate, False, phi, dt, k, batch, dtype
    )


def _entered_bytes(arrays: dict[str, Any]) -> int:
    """What `_entered` would take: inputs of few entries grow by the number of units."""
    entry, inputs = arrays["entry"], arrays["inputs"]
    gates, n = entry.shape[1:3]
    return int(8 * max(len(entry), len(inputs)) * inputs.shape[1] * gates * n)


def _entered(arrays: dict[str, Any]) -> Array:
    """Inputs times their weights, (B or 1, T, gates, n)."""
    entry, inputs = arrays["entry"], arrays["inputs"]
    return np.asarray(np.matmul(entry[:, None], inputs[:, :, None, :, None])[..., 0])


def _fits(devices: Devices, unit: Any, n: int, k: int, dtype: Any) -> bool:
    from ..kernels.cuda.blocks import geometry

    return all(geometry(unit, n, k, dtype, device.shared_memory) for device in devices)
