"""The cotangents of a network of nodes: strips of columns back through the stages of a tape.

The transpose of J = A + sum_r C_r M_r B_r is a stage of the same kind, with transposed matrices and
with B and C exchanged, so `tangents.stage` does it with tables of its own. The tape has no factors
of time in it.
"""

from functools import cache

import numpy as np
from numba import float64

from ..network.weights import is_sparse
from ..qr.reflections import width_of
from ..simd.vectors import shift
from ..taped.adjoint_steps import begin_step, end_step, transposed_stage
from ..taped.runs import STRIP_RUN
from ..team.interruptible import raised
from .model import MODEL, across_of, down_of, nodal_model, read_model, size_for, tables
from .tangents import copy, stage


def cotangent_rows(nodes):
    """Rows of n nodes that one strip needs: y, a, total; z and M z; zeros."""
    return 3 * nodes.variables + 2 * nodes.sums + 1


def transposed(weights):
    if not is_sparse(weights):
        return np.ascontiguousarray(weights.swapaxes(1, 2))
    import scipy.sparse

    indptr, indices, data = weights
    n = len(indptr) - 1
    turned = scipy.sparse.csr_array((data, indices, indptr), shape=(n, n)).T.tocsr()
    return turned.indptr.astype(np.int64), turned.indices.astype(np.int64), turned.data


def cotangent_model(nodes, code, matrices, params, inputs, dt, width):
    """The record, packed, and the arrays that must outlive it."""
    turned = [transposed(weights) for weights in matrices]
    return nodal_model(
        nodes, code, turned, params, inputs, dt, width, np.dtype(np.float64), tables(nodes, True)
    )


def cotangent_run(at):
    run = at[0]
    net = read_model(run.model, run.q)
    size, apart, lanes = size_for(net, run.count), down_of(net), run.lanes
    row = (net.field_slopes + net.factor_slopes) * size
    for g in range(run.count):
        member = run.first + g
        tape = shift(run.tape, g * across_of(net))
        for s in range(run.begin, run.end):
            width = width_of(run.edges, s, lanes)
            strip = net.n * width * lanes
            space = strip * net.m
            p = shift(run.q, member * run.q_step + run.edges[s] * net.n * net.m)
            y, a, total = run.work, shift(run.work, space), shift(run.work, 2 * space)
            z = shift(run.work, 3 * space)
            found = shift(z, net.sums * strip)
            zeros = shift(found, net.sums * strip)
            for e in range(strip):
                zeros[e] = 0
            for number in range(run.stages - 1, -1, -1):
                if raised(run.stop):
                    break
                c, r = shift(tape, number * row), number % 4
                for e in range(space):
                    y[e] = 0
                if net.dt == 0.0:
                    stage(net, member, c, size, apart, width, lanes, p, z, found, zeros, y, y)
                    copy(space, lanes, y, p)
                    continue
                if r == 3:
                    begin_step(net.dt, space, lanes, p, a, total)
                stage(net, member, c, size, apart, width, lanes, a, z, found, zeros, y, y)
                transposed_stage(r, net.dt, space, lanes, p, y, a, total)
                if r == 0:
                    end_step(space, lanes, total, p)


@cache
def nodal_cotangents():
    """Compiled when first asked for: spectra need no cotangents."""
    return STRIP_RUN.function(float64, [MODEL])(cotangent_run)
