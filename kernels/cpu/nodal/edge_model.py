"""What the two C functions of a network whose sums go edge by edge know of it."""

from collections import namedtuple

import numpy as np

from ..simd.records import Record, size_of
from ..simd.strips import lanes_of
from .source import whole_blocks

# Nodes n of m variables and edges, both with the length of their vectors, which is whole blocks;
# parameters of a node, the inputs among them, and of an edge. By address, with the elements from
# member to member (0: all have the same): params (columns, n), inputs (input_steps, n), edge_params
# (edge_columns, edge_size).
# - The nodes that send and receive of each edge, which are in the order of those that receive.
# - `edge` has `sums` values and then slopes, each of which goes to the place in `slots`: those in
#   the sender to edges (`there`), others, -1 - place, to sums over the edges of a node (`here`).
# - `field` has m values and then `field_slopes`. `blocks`: slopes (v, u) between the nodes of an
#   edge as sums of the field's times the edge's, in `block_terms` (block, of field, of edge).
# How strips go through a stage: edges of a node by `rows`, the node at the other end in `others`,
# an edge's place on the tape in `places`; then terms (row, column, slope) in a node and between.
EdgeModel = namedtuple(
    "EdgeModel",
    "n size m edges edge_size sums here there dt stages lanes columns params params_size driven "
    "inputs inputs_size input_steps edge_columns edge_params edge_params_size senders receivers "
    "edge slopes slots field field_slopes blocks block_terms block_term_count "
    "rows others places inner inner_ends outer outer_ends thirds",
)
EDGE_MODEL = Record(
    EdgeModel,
    doubles="params inputs edge_params",
    vectors="thirds",
    indices="senders receivers slots block_terms rows others places inner inner_ends outer "
    "outer_ends",
    floats="dt",
)
read_edges = EDGE_MODEL.reader()


def stage_tables(edges, indptr, senders, backwards):
    """How strips go through a stage, or through its transpose."""
    n, m = len(indptr) - 1, edges.variables
    inner = [(v, u, c) for c, (v, u) in enumerate(edges.field.jacobian()) if u < m]
    outer = [(v, u, r) for r, (v, u) in enumerate(edges.blocks)]
    rows, others, places = indptr, senders, np.arange(len(senders))
    if backwards:
        places = np.argsort(senders, kind="stable")
        rows = np.concatenate([[0], np.cumsum(np.bincount(senders, minlength=n))])
        others = np.repeat(np.arange(n), np.diff(indptr))[places]
        inner, outer = ([(u, v, c) for v, u, c in terms] for terms in (inner, outer))
    found = {"rows": rows, "others": others, "places": places}
    for name, terms in (("inner", inner), ("outer", outer)):
        terms.sort()
        found[name] = [number for _, u, c in terms for number in (u, c)]
        found[f"{name}_ends"] = np.searchsorted([v for v, _, _ in terms], np.arange(m + 1))
    return found


def edge_model(edges, code, indptr, senders, arrays, dt, dtype, backwards=False):
    """The record, packed, and the arrays that must outlive it.

    arrays: params (B or 1, columns, n), inputs (B or 1, T, n), edge_params (B or 1, columns, size).
    """
    m = edges.variables
    here, there, blocks = edges.here, edges.there, edges.blocks
    slots = [
        there.index((s, u - m)) if u >= m else -1 - here.index((s, u))
        for s, u in edges.edge.jacobian()
    ]
    block_terms = [
        (blocks.index((v, u)), c, place)
        for c, (v, j) in enumerate(edges.field.jacobian())
        for place, (s, u) in enumerate(there)
        if j - m == s
    ]
    integers = {
        "senders": senders,
        "receivers": np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)),
        "slots": slots,
        "block_terms": sorted(block_terms),
        **stage_tables(edges, indptr, senders, backwards),
    }
    held = {name: np.array(a, np.int64).ravel() for name, a in integers.items()}
    held |= {name: np.ascontiguousarray(a) for name, a in arrays.items()}
    held["thirds"] = np.array([1 / 3, 2 / 3, -1 / 3], dtype)
    record = EDGE_MODEL.packed(
        **held,
        n=len(indptr) - 1,
        size=whole_blocks(len(indptr) - 1),
        m=m,
        edges=len(senders),
        edge_size=whole_blocks(len(senders)),
        sums=edges.sums,
        here=len(here),
        there=len(there),
        dt=float(dt),
        stages=4 if dt else 1,
        lanes=lanes_of(np.float64),
        columns=held["params"].shape[1],
        params_size=size_of(held["params"]),
        driven=int(held["inputs"].shape[1] > 0),
        inputs_size=size_of(held["inputs"]),
        input_steps=held["inputs"].shape[1],
        edge_columns=held["edge_params"].shape[1],
        edge_params_size=size_of(held["edge_params"]),
        edge=code.edge,
        slopes=len(slots),
        field=code.field,
        field_slopes=len(edges.field.jacobian()),
        blocks=len(blocks),
        block_term_count=len(block_terms),
    )
    return record, (held, code)
