"""The cotangents of a network of nodes: strips of columns back through the stages of a tape.

The transpose of J = A + sum_r C_r M_r B_r is a stage of the same kind, with transposed matrices and
with B and C exchanged, so `tangents.stage` does it with tables of its own. The tape has no factors
of time in it.
"""

from functools import cache

import numpy as np
from numba import float64

from ..network.weights import transposed
from ..simd.vectors import shift
from ..taped.runs import STRIP_RUN
from ..taped.strip_steps import cotangent_steps, place_of
from .model import MODEL, nodal_model, read_model, tables
from .tangents import stage, strip_of, tape_of


def cotangent_rows(nodes):
    """Rows of n nodes that one strip needs: y, a, total; z and M z; zeros."""
    return 3 * nodes.variables + 2 * nodes.sums + 1


def cotangent_model(nodes, code, matrices, params, inputs, dt, width):
    """The record, packed, and the arrays that must outlive it."""
    turned = [transposed(weights) for weights in matrices]
    return nodal_model(
        nodes, code, turned, params, inputs, dt, width, np.dtype(np.float64), tables(nodes, True)
    )


def cotangent_run(at):
    run = at[0]
    net = read_model(run.model, run.q)
    for g in range(run.count):
        tape, row = tape_of(net, run, g)
        for s in range(run.begin, run.end):
            width, size, p = place_of(run, g, s, net.n * net.m)
            strip = strip_of(net, run, g, width, shift(run.work, 3 * size))
            cotangent_steps(stage, net, strip, run, tape, row, size, p, run.work)


@cache
def nodal_cotangents():
    """Compiled when first asked for: spectra need no cotangents."""
    return STRIP_RUN.function(float64, [MODEL])(cotangent_run)
