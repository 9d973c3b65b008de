"""The cotangents of gated networks: the transpose of `tangents`, gate by gate.

A gate's part F W of the Jacobian takes a cotangent p of the next state to W' (F p), whatever else
the layer does; so layers run from the last to the first, and each adds to the cotangents of its own
former state and of the layer below.
"""

from collections import namedtuple
from functools import cache

import numpy as np
from numba import float64

from ...cells import GRU, LSTM, RESET_GRU, RNN
from ...jit import inlined, kernel
from ..simd.copying import copy_strip
from ..simd.records import Record, size_of
from ..simd.strips import strip_product
from ..simd.vectors import fma, load, multiply, outlined, shift, splat, store
from ..taped.adjoint_steps import begin_step, transposed_stage
from ..taped.runs import STRIP_RUN
from ..team.interruptible import raised
from .model import MODEL, gates_packed, read_model

# Address of the network's own record, and its weights transposed.
CotangentModel = namedtuple("CotangentModel", "net hidden hidden_size below below_size")
COTANGENT_MODEL = Record(CotangentModel, indices="net", doubles="hidden below")
read_cotangents = COTANGENT_MODEL.reader()

# One strip of one member: stride of its rows, lanes of a register, and the strip's work.
Strip = namedtuple("Strip", "stride lanes scaled aside")


def cotangent_model(net, hidden, below):
    """The record, packed, and the arrays that must outlive it."""
    turned = [gates_packed(w.swapaxes(-1, -2), np.float64) for w in (hidden, below)]
    sizes = [size_of(w) for w in turned]
    record = COTANGENT_MODEL.packed(
        net=net, hidden=turned[0], hidden_size=sizes[0], below=turned[1], below_size=sizes[1]
    )
    return record, (net, *turned)


@inlined
def rows_at(strip, start, row):
    return shift(start, row * strip.stride)


@kernel
def add_scaled(net, strip, tape, factor, p, out):
    """out += F p."""
    outlined()
    at = shift(tape, factor * net.n * net.width)
    for i in range(net.n):
        scale = splat(at[i * net.width])
        for o in range(i * strip.stride, (i + 1) * strip.stride, strip.lanes):
            store(out, o, fma(scale, load(p, o), load(out, o)))


@kernel
def scale_to(net, strip, tape, factor, p, out):
    """out = F p."""
    outlined()
    at = shift(tape, factor * net.n * net.width)
    for i in range(net.n):
        scale = splat(at[i * net.width])
        for o in range(i * strip.stride, (i + 1) * strip.stride, strip.lanes):
            store(out, o, multiply(scale, load(p, o)))


@kernel
def clear(strip, rows, out):
    for e in range(rows * strip.stride):
        out[e] = 0.0


@kernel
def add_transposed(net, strip, weights, layer, gate, p, out):
    """out += W' p of one gate."""
    outlined()
    w = shift(weights, (layer * net.gates + gate) * net.n * net.n)
    strip_product(strip.stride // strip.lanes, w, p, net.n, net.n, out, out)


@kernel
def gate_back(net, strip, hidden, below, layer, gate, tape, factor, p, h, under, coupled):
    """h += W' F p and, where there is something below, under += V' F p."""
    outlined()
    scale_to(net, strip, tape, factor, p, strip.scaled)
    add_transposed(net, strip, hidden, layer, gate, strip.scaled, h)
    if coupled:
        add_transposed(net, strip, below, layer, gate, strip.scaled, under)


@kernel
def layer_back(net, strip, hidden, below, layer, tape, p_h, p_c, h, c, under, coupled):
    """Carry p_h, p_c of the next state back to h, c and the layer below."""
    outlined()
    if net.cell == RNN:
        add_scaled(net, strip, tape, 0, p_h, h)
        gate_back(net, strip, hidden, below, layer, 0, tape, 1, p_h, h, under, coupled)
    elif net.cell == GRU:
        add_scaled(net, strip, tape, 0, p_h, h)
        gate_back(net, strip, hidden, below, layer, 0, tape, 1, p_h, h, under, coupled)
        gate_back(net, strip, hidden, below, layer, 1, tape, 2, p_h, h, under, coupled)
        # Of the candidate, the reset gate scales what comes from h only.
        gate_back(net, strip, hidden, below, layer, 2, tape, 3, p_h, h, under, False)
        if coupled:
            scale_to(net, strip, tape, 4, p_h, strip.scaled)
            add_transposed(net, strip, below, layer, 2, strip.scaled, under)
    elif net.cell == RESET_GRU:
        add_scaled(net, strip, tape, 2, p_h, h)
        gate_back(net, strip, hidden, below, layer, 1, tape, 3, p_h, h, under, coupled)
        scale_to(net, strip, tape, 4, p_h, strip.scaled)
        clear(strip, net.n, strip.aside)
        add_transposed(net, strip, hidden, layer, 2, strip.scaled, strip.aside)
        if coupled:
            add_transposed(net, strip, below, layer, 2, strip.scaled, under)
        add_scaled(net, strip, tape, 0, strip.aside, h)
        gate_back(net, strip, hidden, below, layer, 0, tape, 1, strip.aside, h, under, coupled)
    else:
        gate_back(net, strip, hidden, below, layer, 3, tape, 5, p_h, h, under, coupled)
        add_scaled(net, strip, tape, 4, p_h, p_c)
        add_scaled(net, strip, tape, 0, p_c, c)
        for gate in range(3):
            gate_back(
                net, strip, hidden, below, layer, gate, tape, gate + 1, p_c, h, under, coupled
            )


@kernel
def stage_back(net, strip, hidden, below, tape, p, out):
    """out = J' p of one step, or of the rate of change of a flow; p is used up."""
    outlined()
    n, layers, flow = net.n, net.layers, net.dt != 0.0
    clear(strip, net.dim, out)
    for layer in range(layers - 1, -1, -1):
        coupled = layer > 0 or net.closed == 1
        row, under = layer * n, (layer - 1) % layers * n
        c = (layers + layer) * n if net.cell == LSTM else 0
        # The layer below is seen in its next state, but in its former one by a flow, and a closed
        # loop's last layer is seen in its former one.
        beneath = out if flow or layer == 0 else p
        layer_back(
            net,
            strip,
            hidden,
            below,
            layer,
            shift(tape, layer * net.factors * n * net.width),
            rows_at(strip, p, row),
            rows_at(strip, p, c),
            rows_at(strip, out, row),
            rows_at(strip, out, c),
            rows_at(strip, beneath, under),
            coupled,
        )


def cotangent_run(at):
    run = at[0]
    own = read_cotangents(run.model, run.q)
    net = read_model(own.net, run.q)
    row = net.layers * net.factors * net.n * net.width
    for g in range(run.count):
        member = run.first + g
        hidden = shift(own.hidden, member * own.hidden_size)
        below = shift(own.below, member * own.below_size)
        for s in range(run.begin, run.end):
            c, stride = run.edges[s], run.edges[s + 1] - run.edges[s]
            size, part = net.dim * stride, net.n * stride
            p = shift(run.q, member * run.q_step + c * net.dim)
            y, a, total = run.work, shift(run.work, size), shift(run.work, 2 * size)
            scaled = shift(run.work, 3 * size)
            strip = Strip(stride, run.lanes, scaled, shift(scaled, part))
            for stage in range(run.stages - 1, -1, -1):
                if raised(run.stop):
                    break
                tape, r = shift(run.tape, stage * row + g), stage % 4
                if net.dt == 0.0:
                    stage_back(net, strip, hidden, below, tape, p, y)
                    copy_strip(size, run.lanes, y, p)
                    continue
                if r == 3:
                    begin_step(net.dt, size, run.lanes, p, a, total)
                stage_back(net, strip, hidden, below, tape, a, y)
                transposed_stage(r, net.dt, size, run.lanes, p, y, a, total)
                if r == 0:
                    copy_strip(size, run.lanes, total, p)


@cache
def gated_cotangents():
    """Compiled when first asked for: spectra need no cotangents, and this takes seconds."""
    return STRIP_RUN.function(float64, [MODEL, COTANGENT_MODEL])(cotangent_run)


def work_size(n, dim):
    """Elements for a column."""
    return 3 * dim + 2 * n
