"""Tangents and cotangents of a network whose sums go edge by edge, one strip at a time.

A stage is a product with a sparse matrix of blocks (m, m): those of the nodes themselves, and one
for each edge, both from the tape. That of cotangents is the transpose, by tables of its own.
"""

from collections import namedtuple
from functools import cache

from numba import float64, from_dtype

from ...jit import kernel
from ..simd.copying import copy_strip
from ..simd.vectors import fma, load, outlined, shift, splat, store
from ..taped.runs import STRIP_RUN
from ..taped.strip_steps import cotangent_steps, place_of, tangent_steps
from .edge_model import EDGE_MODEL, read_edges
from .edge_state import tape_row

BUFFERS = 4  # strips that one strip needs

EdgeStrip = namedtuple("EdgeStrip", "stride lanes")  # elements of a row and of a register


@kernel
def edge_stage(net, strip, tape, y, base, out):
    outlined()
    m, stride, lanes = net.m, strip.stride, strip.lanes
    between = shift(tape, net.field_slopes * net.size)
    for i in range(net.n):
        for v in range(m):
            at = (i * m + v) * stride
            for o in range(0, stride, lanes):
                total = load(base, at + o)
                for term in range(net.inner_ends[v], net.inner_ends[v + 1]):
                    factor = splat(tape[net.inner[2 * term + 1] * net.size + i])
                    total = fma(factor, load(y, (i * m + net.inner[2 * term]) * stride + o), total)
                for term in range(net.outer_ends[v], net.outer_ends[v + 1]):
                    u = net.outer[2 * term]
                    values = shift(between, net.outer[2 * term + 1] * net.edge_size)
                    for e in range(net.rows[i], net.rows[i + 1]):
                        factor = splat(values[net.places[e]])
                        total = fma(factor, load(y, (net.others[e] * m + u) * stride + o), total)
                store(out, at + o, total)


# A job is one member, so the tape is its own.


def edge_tangent_run(at):
    run = at[0]
    net = read_edges(run.model, run.q)
    for s in range(run.begin, run.end):
        width, size, own = place_of(run, 0, s, net.n * net.m)
        strip, q = EdgeStrip(width * run.lanes, run.lanes), run.work
        copy_strip(size, run.lanes, own, q)
        tangent_steps(edge_stage, net, strip, run, run.tape, tape_row(net), size, q)
        copy_strip(size, run.lanes, q, own)


def edge_cotangent_run(at):
    run = at[0]
    net = read_edges(run.model, run.q)
    for s in range(run.begin, run.end):
        width, size, p = place_of(run, 0, s, net.n * net.m)
        strip = EdgeStrip(width * run.lanes, run.lanes)
        cotangent_steps(edge_stage, net, strip, run, run.tape, tape_row(net), size, p, run.work)


@cache
def edge_strips(dtype):
    """A `StripRun` as a C function, for tangents of `dtype`."""
    return STRIP_RUN.function(from_dtype(dtype), [EDGE_MODEL])(edge_tangent_run)


@cache
def edge_cotangents():
    """Compiled when first asked for: spectra need no cotangents."""
    return STRIP_RUN.function(float64, [EDGE_MODEL])(edge_cotangent_run)
