"""The Jacobian of a network of nodes by plain NumPy, for what needs it at a few states only."""

import numpy as np
import scipy  # its modules load when they are first used
import sympy

from .._check import Array, Integers
from ..kernels.codegen import Graph, on_arrays
from ..kernels.nodes import Edges
from .matrices import Matrix


def jacobian(
    edges: Edges, receivers: Integers, senders: Integers, of_edges: Array, of_nodes: Array, x: Array
) -> Matrix:
    """d field / d x as a sparse matrix (n m, n m) at a state (n, m) and time 0.

    of_edges (edges, parameters), of_nodes (n, parameters): those of the graphs, without slopes.
    """
    n, m = x.shape
    ends = np.concatenate([x[receivers].T, x[senders].T])
    found = _values(edges.edge, 0.0, ends, of_edges.T, len(receivers))
    sums = [np.bincount(receivers, row, n) for row in found[: edges.sums]]
    slopes = dict(zip(edges.edge.jacobian(), found[edges.sums :], strict=True))
    here = [np.bincount(receivers, slopes[place], n) for place in edges.here]
    state = np.concatenate([x.T, np.reshape(sums, (-1, n))])
    params = np.concatenate([of_nodes.T, np.reshape(here, (-1, n))])
    _, *field = np.split(_values(edges.field, 0.0, state, params, n), [m])
    rows, columns, data = [], [], []
    for (v, j), slope in zip(edges.field.jacobian(), field[0], strict=True):
        if j < m:
            rows.append(np.arange(n) * m + v)
            columns.append(np.arange(n) * m + j)
            data.append(slope)
            continue
        for s, u in edges.there:
            if s == j - m:
                rows.append(receivers * m + v)
                columns.append(senders * m + u)
                data.append(slope[receivers] * slopes[s, u + m])
    parts = [np.concatenate(part) if part else np.zeros(0) for part in (data, rows, columns)]
    values, row, column = parts[0], parts[1].astype(int), parts[2].astype(int)
    return scipy.sparse.csr_array((values, (row, column)), shape=(n * m, n * m))


def _values(graph: Graph, t: float, x: Array, p: Array, count: int) -> Array:
    """Outputs and slopes of a graph on `count` nodes or edges."""
    wanted: list[sympy.Expr] = [*graph.outputs, *graph.jacobian().values()]
    with np.errstate(all="ignore"):
        values = on_arrays(graph, wanted)(t, x, p)
    return np.array([np.broadcast_to(np.asarray(v, float), count) for v in values])
