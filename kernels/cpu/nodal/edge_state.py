"""The state of a network whose sums go edge by edge; edges as SIMD lanes, then nodes.

What tangents need goes to the tape: the field's slopes of all nodes, and the slopes between the
nodes of each edge, which are the field's in the sums times the sums' in the sender.
"""

from functools import cache

from numba import from_dtype

from ...jit import inlined, kernel
from ..simd.records import invoke
from ..simd.vectors import load, outlined, shift, store
from ..taped.runs import FOR_TANGENTS, STATE_RUN
from ..team.interruptible import raised
from .blocks import on_blocks
from .edge_model import EDGE_MODEL, read_edges
from .source import LANES
from .state import runge_kutta, scale_of, time_of


def edge_state_rows(edges):
    """(vectors of nodes, vectors of edges, rows of a block) that the steps of a state need."""
    m, results = edges.variables, edges.variables + len(edges.field.jacobian())
    given = len(edges.field.params) + m + edges.sums
    block = len(edges.edge.params) + 2 * m + edges.sums + len(edges.edge.jacobian())
    return given + 2 * m + results, len(edges.there), max(block, given + results)


@kernel
def over_edges(net, member, t, x, sums, slopes, there, block):
    """Sums and slopes of nodes, added up in the order of edges; slopes of edges to `there`."""
    outlined()
    size, m = net.size, net.m
    params = shift(net.edge_params, member * net.edge_params_size)
    values = shift(block, (net.edge_columns + 2 * m) * LANES)
    for e in range(net.sums * size):
        sums[e] = 0.0
    for e in range(net.here * size):
        slopes[e] = 0.0
    for first in range(0, net.edges, LANES):
        count = min(LANES, net.edges - first)
        for c in range(net.edge_columns):
            for o in range(0, LANES, net.lanes):
                store(block, c * LANES + o, load(params, c * net.edge_size + first + o))
        for l in range(LANES):
            edge = first + min(l, count - 1)  # the last one fills a ragged block
            i, j = net.receivers[edge], net.senders[edge]
            for v in range(m):
                block[(net.edge_columns + v) * LANES + l] = x[v * size + i]
                block[(net.edge_columns + m + v) * LANES + l] = x[v * size + j]
        invoke(net.edge, (block, t))
        for s in range(net.sums):
            for l in range(count):
                sums[s * size + net.receivers[first + l]] += values[s * LANES + l]
        for c in range(net.slopes):
            slot, found = net.slots[c], shift(values, (net.sums + c) * LANES)
            for l in range(count):
                if slot >= 0:
                    there[slot * net.edge_size + first + l] = found[l]
                else:
                    slopes[(-1 - slot) * size + net.receivers[first + l]] += found[l]


@kernel
def to_tape(net, scale, own, there, tape):
    """The field's slopes, and sums of its slopes times those of edges."""
    outlined()
    size = net.size
    for e in range(net.field_slopes * size):
        tape[e] = scale * own[e]
    blocks = shift(tape, net.field_slopes * size)
    for e in range(net.blocks * net.edge_size):
        blocks[e] = 0
    for term in range(net.block_term_count):
        at = shift(blocks, net.block_terms[3 * term] * net.edge_size)
        outer = shift(own, net.block_terms[3 * term + 1] * size)
        inner = shift(there, net.block_terms[3 * term + 2] * net.edge_size)
        for e in range(net.edges):
            at[e] += scale * outer[net.receivers[e]] * inner[e]


@inlined
def tape_row(net):
    """Elements of a stage on the tape."""
    return net.field_slopes * net.size + net.blocks * net.edge_size


def edge_state_run(at):
    job = at[0]
    net = read_edges(job.model, job.tape)
    n, m, size, dt = net.n, net.m, net.size, net.dt
    params = job.work
    # The order of what `field` is given: parameters, inputs, slopes; variables; sums.
    here_slopes = shift(params, (net.columns + net.driven) * size)
    stage = shift(here_slopes, net.here * size)
    sums = shift(stage, m * size)
    here = shift(sums, net.sums * size)
    total = shift(here, m * size)
    results = shift(total, m * size)
    there = shift(results, (m + net.field_slopes) * size)
    block = shift(there, net.there * net.edge_size)
    rows = net.columns + net.driven + net.here + m + net.sums
    for b in range(job.first, job.first + job.count):
        own, given = shift(job.x, b * n * m), shift(net.params, b * net.params_size)
        for i in range(n):
            for v in range(m):
                here[v * size + i] = own[i * m + v]
                stage[v * size + i] = own[i * m + v]
            for c in range(net.columns):
                params[c * size + i] = given[c * n + i]
        for s in range(job.steps):
            if raised(job.stop):
                break
            step = job.step + s
            if net.driven:
                now = shift(net.inputs, b * net.inputs_size + (step % net.input_steps) * n)
                for i in range(n):
                    params[net.columns * size + i] = now[i]
            for r in range(net.stages):
                t = time_of(step, r, dt)
                over_edges(net, b, t, stage, sums, here_slopes, there, block)
                found = m + net.field_slopes
                on_blocks(net.field, t, size, rows, found, net.lanes, params, block, results)
                if job.taped:
                    scale = scale_of(r, dt) if job.taped == FOR_TANGENTS else 1.0
                    tape = shift(job.tape, (s * net.stages + r) * tape_row(net))
                    to_tape(net, scale, shift(results, m * size), there, tape)
                if dt != 0.0:
                    runge_kutta(r, dt, m * size, net.lanes, results, here, stage, total)
                else:
                    for o in range(0, m * size, net.lanes):
                        store(stage, o, load(results, o))
        for i in range(n):
            for v in range(m):
                own[i * m + v] = stage[v * size + i]


@cache
def edge_state(dtype):
    """`edge_state_run` as a C function, for tangents of `dtype`."""
    return STATE_RUN.function(from_dtype(dtype), [EDGE_MODEL])(edge_state_run)
