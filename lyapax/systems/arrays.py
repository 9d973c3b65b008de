"""The arrays of networks, as their propagators take them: B members, or 1 for all of them."""

from typing import TYPE_CHECKING, TypedDict

from .._check import Array, Integers

if TYPE_CHECKING:
    from ..kernels.nodes import Edges, Nodes

Weights = Array | tuple[Integers, Integers, Array]  # (B or 1, n, n), or CSR: indptr, indices, data


class GatedArrays(TypedDict):
    """What `Gated` takes of an RNN, GRU or LSTM."""

    hidden: Array  # (B or 1, layers, gates, n, n)
    below: Array
    entry: Array  # (B or 1, gates, n, inputs)
    bias: Array  # (B or 1, layers, sums, n)
    inputs: Array  # (B or 1, T, inputs)
    closed: bool  # whether the last layer feeds the first


class NodalArrays(TypedDict):
    """What `Nodal` takes of a network of nodes whose coupling separates."""

    nodes: "Nodes"
    matrices: tuple[Weights, ...]
    params: Array  # (B or 1, parameters, n)
    inputs: Array  # (B or 1, T, inputs of a node, n)


class EdgeArrays(TypedDict):
    """What `EdgeByEdge` takes of a network of nodes."""

    edges: "Edges"
    indptr: Integers
    senders: Integers
    edge_params: Array  # (B or 1, parameters, edges)
    params: Array  # (B or 1, parameters, n)
    inputs: Array
