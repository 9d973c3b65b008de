"""What the two C functions of a network of nodes know of it."""

from collections import namedtuple

import numpy as np
from numba.extending import intrinsic

from ...jit import inlined
from ..network.model import row_size
from ..network.weights import factor, is_sparse, row_factor, state_product
from ..simd.records import Record, size_of
from ..simd.strips import lanes_of
from .source import whole_blocks

# Nodes n of m variables, `sums` sums of products, `columns` parameters of a node of which the last
# `driven` are inputs. By address, with the elements from member to member (0: all have the same):
# - params (columns, n), inputs (input_steps, driven n);
# - `matrices`: for each product the fields of `MATRIX`;
# - `field` and `factors`, with `field_slopes` and `factor_slopes` nonzero slopes each.
# How strips go through a stage: `into`, `out` and `terms` as `tables` gives them.
Model = namedtuple(
    "Model",
    "n m sums dt stages lanes width columns params params_size driven inputs inputs_size "
    "input_steps matrices field factors field_slopes factor_slopes into out terms thirds",
)
MODEL = Record(
    Model, doubles="params inputs", vectors="thirds", indices="matrices into out terms", floats="dt"
)
read_model = MODEL.reader()
in_blocks = inlined(whole_blocks)

# A product: C function and weights of the state, weights of the tangents; a CSR's indptr and
# indices; elements from member to member; whether it is sparse; how many products from here on
# have this matrix.
MATRIX = "product w w_size indptr indices tangents tangents_size sparse count".split()
PRODUCT, W, W_SIZE, INDPTR, INDICES, TANGENTS, TANGENTS_SIZE, SPARSE, COUNT = range(len(MATRIX))
FIELDS = len(MATRIX)


@intrinsic
def at_address(typingctx, number, like):
    """An address from an integer, of elements as at `like`."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], args[1].type)

    return like(number, like), codegen


@inlined
def size_for(net, count):
    """Elements of a vector of `count` members: whole blocks of nodes."""
    return in_blocks(row_size(net, count))


def vector_size(n, width, count):
    """As `size_for`, for Python."""
    lanes = lanes_of(np.float64)
    return whole_blocks(n * width if width else count * (-(-n // lanes) * lanes))


def tables(nodes, backwards=False):
    """(into, out, terms) of a stage of tangents, or of its transpose.

    Each term is (row, coefficient), the row of a variable or of a product. `into` has the (first,
    last) term of each product's argument; `out` of each variable's result the first of variables,
    the first of products, and the last.
    """
    m, sums = nodes.variables, nodes.sums
    field = list(nodes.field.jacobian())
    factors = list(nodes.factors.jacobian()) if nodes.factors else []
    into = [[] for _ in range(sums)]
    own, coupled = [[] for _ in range(m)], [[] for _ in range(m)]
    for c, (v, j) in enumerate(field):
        if j < m:
            own[j if backwards else v].append((v if backwards else j, c))
        elif backwards:
            into[j - m].append((v, c))
        else:
            coupled[v].append((j - m, c))
    for c, (r, u) in enumerate(factors, start=len(field)):
        if backwards:
            coupled[u].append((r, c))
        else:
            into[r].append((u, c))
    terms, ends_in, ends_out = [], [], []
    for row in into:
        ends_in += [len(terms), len(terms) + len(row)]
        terms += row
    for first, second in zip(own, coupled, strict=True):
        middle = len(terms) + len(first)
        ends_out += [len(terms), middle, middle + len(second)]
        terms += first + second
    return [np.array(a, np.int64).ravel() for a in (ends_in, ends_out, terms)]


def matrix_table(matrices, chosen, width, dtype):
    """(table, arrays that must outlive it) of the products with matrices[r] for r in chosen."""
    prepared = []
    for weights in matrices:
        sparse = is_sparse(weights)
        w, indptr, indices = factor(weights, np.float64) if width else row_factor(weights)
        tangents, _, _ = factor(weights, dtype)
        arrays = [np.ascontiguousarray(a) for a in (w, indptr, indices, tangents)]
        product = state_product(sparse, width > 0)
        prepared.append((product, sparse, *arrays))
    table = np.zeros((len(chosen), FIELDS), np.int64)
    for row, place in zip(table, chosen, strict=True):
        product, sparse, w, indptr, indices, tangents = prepared[place]
        row[PRODUCT], row[SPARSE] = product.address, sparse
        row[W], row[W_SIZE] = w.ctypes.data, 0 if sparse else size_of(w)
        row[INDPTR], row[INDICES] = indptr.ctypes.data, indices.ctypes.data
        row[TANGENTS] = tangents.ctypes.data
        row[TANGENTS_SIZE] = 0 if sparse else size_of(tangents)
    for r in range(len(chosen)):
        table[r, COUNT] = sum(other == chosen[r] for other in chosen[r:])
    return table, prepared


def nodal_model(nodes, code, matrices, params, inputs, dt, width, dtype, stage):
    """The record, packed, and the arrays that must outlive it; `stage` are its `tables`."""
    table, held = matrix_table(matrices, nodes.matrices, width, dtype)
    into, out, terms = stage
    arrays = {
        "params": np.ascontiguousarray(params),
        "inputs": np.ascontiguousarray(inputs),
        "matrices": table,
        "into": into,
        "out": out,
        "terms": terms,
        "thirds": np.array([1 / 3, 2 / 3, -1 / 3], dtype),
    }
    record = MODEL.packed(
        **arrays,
        n=params.shape[-1],
        m=nodes.variables,
        sums=nodes.sums,
        dt=float(dt),
        stages=4 if dt else 1,
        lanes=lanes_of(np.float64),
        width=width,
        columns=nodes.columns,
        params_size=size_of(params),
        driven=nodes.columns - params.shape[1],
        inputs_size=size_of(inputs),
        input_steps=inputs.shape[1],
        field=code.field,
        factors=code.factors if nodes.factors else 0,
        field_slopes=len(nodes.field.jacobian()),
        factor_slopes=len(nodes.factors.jacobian()) if nodes.factors else 0,
    )
    return record, (arrays, held, code)
