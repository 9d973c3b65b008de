"""The tangents of gated networks: the Jacobian of a layer, formed by a few rows at a time.

A gate acts on tangents as a scaling of the rows of its weights, so the Jacobian is a sum of scaled
matrices: one product with it is a third of the work of a product for each gate. Rows are formed,
as many as a tile has, right before they are used, so they stay in the first-level cache, and the
weights are read once for all strips. (Stacked products, forming nothing, would pay for themselves
with a single register of columns only if forming cost more than two products: it costs 3/8 of one.)

    rnn    h' = F1 W dh
    gru    h' = F0 dh + (F1 W_r + F2 W_z + F3 W_n) dh
    reset  a = F0 dh + F1 W_r dh,  h' = F2 dh + F3 W_z dh + F4 W_n a
    lstm   c' = F0 dc + (F1 W_i + F2 W_f + F3 W_g) dh,  h' = F4 c' + F5 W_o dh

where F are diagonals from the tape; the tangents of the layer below, or of the last one in a closed
loop, enter in the place of dh with their own weights, in a GRU with F4 in the place of F3.
"""

from collections import namedtuple
from functools import cache

from numba import from_dtype

from ...cells import GRU, RESET_GRU, RNN
from ...jit import inlined, kernel
from ..simd.strips import ROWS, strip_product
from ..simd.vectors import add, fma, load, multiply, outlined, shift, splat, splat_for, store
from ..taped.runs import STRIP_RUN
from ..team.interruptible import raised
from .model import MODEL, gate_of, read_model

TILE = 16  # rows of the Jacobian there is room for: the next ones start on a cache line
FACTORS = 3 * TILE  # repeated factors of three gates, a register or the rows of a tile each

# Tangents: an address, where column 0 of them is or would be, and their number of rows.
Basis = namedtuple("Basis", "start rows")

# Some rows of one layer of one member: `first` to `first + rows`, the factors of the layer on the
# tape, and room for repeated factors and for rows of the Jacobian.
Part = namedtuple("Part", "layer first rows tape factors jacobian")


@kernel
def repeated(tape, first, rows, width, lanes, out):
    """A register, or tile, of the factors of some rows, again and again; returns its size.

    tape: of one member, `width` elements from unit to unit.
    """
    period = max(rows, lanes)
    for e in range(period):
        out[e] = tape[(first + e % rows) * width]
    return period


@kernel
def form_one(factors, period, lanes, a, size, out):
    """Rows of one gate times their factors; a, out packed, with room for a register behind."""
    outlined()
    for o in range(0, period, lanes):
        factor = load(factors, o)
        for e in range(o, size, period):
            store(out, e, multiply(factor, load(a, e)))


@kernel
def form_three(factors, period, lanes, a, b, c, size, out):
    """The sum of three."""
    outlined()
    for o in range(0, period, lanes):
        f, g, h = load(factors, o), load(factors, period + o), load(factors, 2 * period + o)
        for e in range(o, size, period):
            total = fma(g, load(b, e), multiply(h, load(c, e)))
            store(out, e, fma(f, load(a, e), total))


@kernel
def start_rows(run, net, part, factor, source, source_row, out, out_row):
    """out = F source, row by row in all strips, F being the factor of that number."""
    outlined()
    tape = shift(part.tape, (factor * net.n + part.first) * net.width)
    for s in range(run.begin, run.end):
        c, stride = run.edges[s], run.edges[s + 1] - run.edges[s]
        y = shift(source.start, c * source.rows + source_row * stride)
        at = shift(out.start, c * out.rows + out_row * stride)
        for r in range(part.rows):
            scale = splat(tape[r * net.width])
            for o in range(r * stride, (r + 1) * stride, run.lanes):
                store(at, o, multiply(scale, load(y, o)))


@kernel
def add_product(run, net, part, source, source_row, out, out_row):
    """out += Jacobian @ source, in all strips."""
    outlined()
    for s in range(run.begin, run.end):
        c, stride = run.edges[s], run.edges[s + 1] - run.edges[s]
        y = shift(source.start, c * source.rows + source_row * stride)
        at = shift(out.start, c * out.rows + out_row * stride)
        strip_product(stride // run.lanes, part.jacobian, y, part.rows, net.n, at, at)


@inlined
def factors_of(run, net, part, factor, out):
    at = shift(part.tape, factor * net.n * net.width)
    return repeated(at, part.first, part.rows, net.width, run.lanes, out)


@kernel
def add_gate(run, net, part, weights, gate, factor, source, source_row, out, out_row):
    """out += F W source for one gate."""
    outlined()
    period = factors_of(run, net, part, factor, part.factors)
    a = shift(gate_of(net, weights, part.layer, gate), part.first * net.n)
    form_one(part.factors, period, run.lanes, a, part.rows * net.n, part.jacobian)
    add_product(run, net, part, source, source_row, out, out_row)


@kernel
def add_gates(run, net, part, weights, third, source, source_row, out, out_row):
    """out += (F1 W + F2 W + F W) source for gates 0, 1, 2; F is factor number `third`."""
    outlined()
    period = factors_of(run, net, part, 1, part.factors)
    factors_of(run, net, part, 2, shift(part.factors, period))
    factors_of(run, net, part, third, shift(part.factors, 2 * period))
    a = shift(gate_of(net, weights, part.layer, 0), part.first * net.n)
    b, c = shift(a, net.n * net.n), shift(a, 2 * net.n * net.n)
    form_three(part.factors, period, run.lanes, a, b, c, part.rows * net.n, part.jacobian)
    add_product(run, net, part, source, source_row, out, out_row)


@inlined
def part_of(net, layer, first, tape, factors, jacobian):
    """The next rows from `first` on: as many as a packed tile of the weights."""
    left = net.n - first
    rows = ROWS if left >= ROWS else 4 if left >= 4 else 2 if left >= 2 else 1
    return Part(layer, first, rows, tape, factors, jacobian)


@kernel
def reset_rows(run, net, part, member, here, under, under_row, coupled, out):
    """First half of a GRU that resets before the product: out = F0 dh + F1 W_r dh."""
    outlined()
    row = part.layer * net.n
    hidden = shift(net.tangent_hidden, member * net.hidden_size)
    start_rows(run, net, part, 0, here, row + part.first, out, part.first)
    add_gate(run, net, part, hidden, 0, 1, here, row, out, part.first)
    if coupled:
        below = shift(net.tangent_below, member * net.below_size)
        add_gate(run, net, part, below, 0, 1, under, under_row, out, part.first)


@kernel
def layer_rows(run, net, part, member, here, under, under_row, coupled, reset, there):
    """Some rows of a layer; under: the layer below, if it is `coupled` to one."""
    outlined()
    row = part.layer * net.n
    hidden = shift(net.tangent_hidden, member * net.hidden_size)
    below = shift(net.tangent_below, member * net.below_size)
    at = row + part.first
    if net.cell == RNN:
        start_rows(run, net, part, 0, here, at, there, at)
        add_gate(run, net, part, hidden, 0, 1, here, row, there, at)
        if coupled:
            add_gate(run, net, part, below, 0, 1, under, under_row, there, at)
    elif net.cell == GRU:
        start_rows(run, net, part, 0, here, at, there, at)
        add_gates(run, net, part, hidden, 3, here, row, there, at)
        if coupled:
            add_gates(run, net, part, below, 4, under, under_row, there, at)
    elif net.cell == RESET_GRU:
        start_rows(run, net, part, 2, here, at, there, at)
        add_gate(run, net, part, hidden, 1, 3, here, row, there, at)
        add_gate(run, net, part, hidden, 2, 4, reset, 0, there, at)
        if coupled:
            add_gate(run, net, part, below, 1, 3, under, under_row, there, at)
            add_gate(run, net, part, below, 2, 4, under, under_row, there, at)
    else:
        c = net.layers * net.n + at
        start_rows(run, net, part, 0, here, c, there, c)
        add_gates(run, net, part, hidden, 3, here, row, there, c)
        if coupled:
            add_gates(run, net, part, below, 3, under, under_row, there, c)
        start_rows(run, net, part, 4, there, c, there, at)
        add_gate(run, net, part, hidden, 3, 5, here, row, there, at)
        if coupled:
            add_gate(run, net, part, below, 3, 5, under, under_row, there, at)


@kernel
def tangent_stage(run, net, member, tape, here, reset, there, factors, jacobian):
    """The tangents `there` of one step, or of the rate of change of a flow, from those `here`."""
    outlined()
    n, layers, flow = net.n, net.layers, net.dt != 0.0
    for layer in range(layers):
        coupled = layer > 0 or net.closed == 1
        under_row = (layer - 1) % layers * n
        under = here if flow or layer == 0 else there
        own = shift(tape, layer * net.factors * n * net.width)
        row = 0
        while row < n and net.cell == RESET_GRU:
            part = part_of(net, layer, row, own, factors, jacobian)
            reset_rows(run, net, part, member, here, under, under_row, coupled, reset)
            row += part.rows
        row = 0
        while row < n:
            part = part_of(net, layer, row, own, factors, jacobian)
            layer_rows(run, net, part, member, here, under, under_row, coupled, reset, there)
            row += part.rows


@kernel
def combine(r, dt, first, last, lanes, field, here, stage, total):
    """Stage r ends, as in the state's `runge_kutta`; elements `first` to `last`."""
    outlined()
    a = splat_for(field, dt / 6.0 if r == 3 else dt if r == 2 else 0.5 * dt)
    two = splat_for(field, 2.0)
    for o in range(first, last, lanes):
        k, start = load(field, o), load(here, o)
        if r == 3:
            start = fma(a, add(load(total, o), k), start)
            store(here, o, start)
            store(stage, o, start)
        else:
            store(total, o, fma(two, k, load(total, o)) if r else k)
            store(stage, o, fma(a, k, start))


@kernel
def copy_elements(first, last, lanes, source, out):
    for o in range(first, last, lanes):
        store(out, o, load(source, o))


@kernel
def member_steps(run, net, g):
    """Steps of one member's strips; all buffers are laid out as q is."""
    outlined()
    n, dim, member, lanes = net.n, net.dim, run.first + g, run.lanes
    first, last = run.edges[run.begin] * dim, run.edges[run.end] * dim
    columns = run.edges[run.end] - run.edges[run.begin]
    row = net.layers * net.factors * n * net.width
    q, factors = shift(run.q, member * run.q_step), run.work
    jacobian = shift(factors, FACTORS)
    rest = shift(jacobian, TILE * (n + TILE))
    reset = Basis(shift(rest, -run.edges[run.begin] * n), n)
    if net.cell == RESET_GRU:
        rest = shift(rest, columns * n)
    here, there = Basis(q, dim), Basis(shift(rest, -first), dim)
    if net.dt == 0.0:
        for s in range(run.stages):
            if raised(run.stop):
                break
            tape = shift(run.tape, s * row + g)
            tangent_stage(run, net, member, tape, here, reset, there, factors, jacobian)
            here, there = there, here
        if run.stages % 2:
            copy_elements(first, last, lanes, here.start, q)
        return
    stage = Basis(shift(there.start, last - first), dim)
    total = shift(stage.start, last - first)
    copy_elements(first, last, lanes, q, stage.start)
    for s in range(run.stages):
        if raised(run.stop):
            break
        tape = shift(run.tape, s * row + g)
        tangent_stage(run, net, member, tape, stage, reset, there, factors, jacobian)
        combine(s % 4, net.dt, first, last, lanes, there.start, q, stage.start, total)


def strip_run(at):
    run = at[0]
    net = read_model(run.model, run.q)
    for g in range(run.count):
        member_steps(run, net, g)


@cache
def gated_strips(dtype):
    """`strip_run` as a C function, for tangents of `dtype`."""
    return STRIP_RUN.function(from_dtype(dtype), [MODEL])(strip_run)


def work_size(n, dim, columns, flow):
    """Elements that a `StripRun` of so many columns needs."""
    return FACTORS + TILE * (n + TILE) + columns * (n + dim * (3 if flow else 1))
