"""Tangents and cotangents of a network whose sums go edge by edge, one strip at a time.

A stage is a product with a sparse matrix of blocks (m, m): those of the nodes themselves, and one
for each edge, both from the tape. That of cotangents is the transpose, by tables of its own.
"""

from functools import cache

from numba import float64, from_dtype

from ...jit import kernel
from ..qr.reflections import width_of
from ..simd.vectors import fma, load, outlined, shift, splat, store
from ..taped.adjoint_steps import begin_step, end_step, transposed_stage
from ..taped.runs import STRIP_RUN
from ..team.interruptible import raised
from .edge_model import EDGE_MODEL, read_edges
from .edge_state import tape_row
from .tangents import combine, copy

BUFFERS = 4  # strips that one strip needs


@kernel
def edge_stage(net, tape, stride, lanes, y, base, out):
    """out = base + J y; base may be out, but y may not."""
    outlined()
    m = net.m
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


@kernel
def clear(size, out):
    for e in range(size):
        out[e] = 0


def edge_tangent_run(at):
    run = at[0]
    net = read_edges(run.model, run.q)
    row, lanes, height = tape_row(net), run.lanes, net.n * net.m
    for g in range(run.count):
        tape = shift(run.tape, g * row * run.stages)
        for s in range(run.begin, run.end):
            stride = width_of(run.edges, s, lanes) * lanes
            size = height * stride
            q = shift(run.q, (run.first + g) * run.q_step + run.edges[s] * height)
            y2, y3 = run.work, shift(run.work, size)
            y4, start = shift(run.work, 2 * size), shift(run.work, 3 * size)
            copy(size, lanes, q, start)
            for step in range(0, run.stages, net.stages):
                if raised(run.stop):
                    break
                c1 = shift(tape, step * row)
                c2, c3, c4 = shift(c1, row), shift(c1, 2 * row), shift(c1, 3 * row)
                if net.dt == 0.0:
                    clear(size, y2)
                    edge_stage(net, c1, stride, lanes, start, y2, y2)
                    copy(size, lanes, y2, start)
                    continue
                edge_stage(net, c1, stride, lanes, start, start, y2)
                edge_stage(net, c2, stride, lanes, y2, start, y3)
                edge_stage(net, c3, stride, lanes, y3, start, y4)
                combine(net, size, lanes, y2, y3, y4, start)
                edge_stage(net, c4, stride, lanes, y4, start, start)
            copy(size, lanes, start, q)


def edge_cotangent_run(at):
    run = at[0]
    net = read_edges(run.model, run.q)
    row, lanes, height = tape_row(net), run.lanes, net.n * net.m
    for g in range(run.count):
        tape = shift(run.tape, g * row * run.stages)
        for s in range(run.begin, run.end):
            stride = width_of(run.edges, s, lanes) * lanes
            size = height * stride
            p = shift(run.q, (run.first + g) * run.q_step + run.edges[s] * height)
            y, a, total = run.work, shift(run.work, size), shift(run.work, 2 * size)
            for number in range(run.stages - 1, -1, -1):
                if raised(run.stop):
                    break
                c, r = shift(tape, number * row), number % 4
                clear(size, y)
                if net.dt == 0.0:
                    edge_stage(net, c, stride, lanes, p, y, y)
                    copy(size, lanes, y, p)
                    continue
                if r == 3:
                    begin_step(net.dt, size, lanes, p, a, total)
                edge_stage(net, c, stride, lanes, a, y, y)
                transposed_stage(r, net.dt, size, lanes, p, y, a, total)
                if r == 0:
                    end_step(size, lanes, total, p)


@cache
def edge_strips(dtype):
    """A `StripRun` as a C function, for tangents of `dtype`."""
    return STRIP_RUN.function(from_dtype(dtype), [EDGE_MODEL])(edge_tangent_run)


@cache
def edge_cotangents():
    """Compiled when first asked for: spectra need no cotangents."""
    return STRIP_RUN.function(float64, [EDGE_MODEL])(edge_cotangent_run)
