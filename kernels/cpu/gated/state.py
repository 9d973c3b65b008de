"""The state of gated networks: members that share their weights lie as lanes, unit after unit.

Then the gates' sums are products of packed weights with a strip of states; one member alone takes
the same weights, some rows at a time. Both take the terms in the same order: the bits are the same.
"""

from functools import cache

from numba import from_dtype

from ...cells import GRU, LSTM, RESET_GRU
from ...jit import inlined, kernel
from ..simd.elementwise import fma
from ..simd.records import invoke
from ..simd.strips import strip_product, vector_product
from ..simd.vectors import on_stack, outlined, register_size, shift
from ..taped.runs import STATE_RUN
from ..team.interruptible import raised
from .cells import CELL_JOB, CellJob
from .model import MODEL, gate_of, read_model


@inlined
def add_product(net, a, x, terms, base, out):
    """out = base + a @ x for all members side by side; a packed (n, terms)."""
    if net.width > 1:
        strip_product(net.width // register_size(x), a, x, net.n, terms, base, out)
    else:
        vector_product(a, x, net.n, terms, base, out)


def state_units(n, dim, layers, gates, entries, flow):
    """Elements of work for one member: states, biases, sums, `inner` and inputs."""
    return (4 if flow else 2) * dim + (layers * (gates + 1) + gates + 1) * n + entries


@kernel
def spread(net, first, count, source, apart, size, out):
    """out[i, g] = source[g, i] for members first + g, `apart` elements from one to the next."""
    outlined()
    width = net.width
    for g in range(count):
        own = shift(source, (first + g) * apart)
        for i in range(size):
            out[i * width + g] = own[i]


@kernel
def layer_sums(net, first, layer, entry, source, h, bias, sums, inner):
    """Sums of all gates and, in a GRU, the recurrent one that its reset multiplies."""
    outlined()
    n, size = net.n, net.n * net.width
    hidden = shift(net.hidden, first * net.hidden_size)
    below = shift(net.below, first * net.below_size)
    for gate in range(net.gates):
        out, base = shift(sums, gate * size), shift(bias, gate * size)
        if layer == 0 and net.entries:
            own = shift(net.entry, first * net.entry_size + gate * n * net.entries)
            add_product(net, own, entry, net.entries, base, out)
            base = out
        elif layer > 0 or net.closed:
            add_product(net, gate_of(net, below, layer, gate), source, n, base, out)
            base = out
        late = gate == 2 and (net.cell == GRU or net.cell == RESET_GRU)
        if late and net.cell == GRU:
            own = gate_of(net, hidden, layer, gate)
            add_product(net, own, h, n, shift(bias, net.gates * size), inner)
        if late:
            for e in range(size):
                out[e] = base[e]
        else:
            add_product(net, gate_of(net, hidden, layer, gate), h, n, base, out)


@kernel
def step_layers(net, first, here, there, bias, entry, sums, tape):
    """All layers of one step from `here` to `there`, or to the rate of change of a flow."""
    outlined()
    n, layers, size, flow = net.n, net.layers, net.n * net.width, int(net.dt != 0.0)
    inner = shift(sums, net.gates * size)
    for layer in range(layers):
        at = layer * size
        under = (layer - 1) % layers * size
        source = shift(here if flow or layer == 0 else there, under)
        own = shift(bias, layer * (net.gates + 1) * size)
        h = shift(here, at)
        layer_sums(net, first, layer, entry, source, h, own, sums, inner)
        c = layers * size + at if net.cell == LSTM else 0
        job = CellJob(
            size,
            flow,
            sums,
            inner,
            h,
            shift(here, c),
            shift(there, at),
            shift(there, c),
            shift(tape, layer * net.factors * size),
        )
        if net.cell == RESET_GRU:
            invoke(net.reset, (on_stack(job),))
            late = shift(sums, 2 * size)
            hidden = shift(net.hidden, first * net.hidden_size)
            add_product(net, gate_of(net, hidden, layer, 2), inner, n, late, late)
        invoke(net.function, (on_stack(job),))


@kernel
def runge_kutta(r, dt, size, field, here, stage, total):
    """Stage r ends: the sum of stages, and the state of the next stage or of the next step."""
    outlined()
    for e in range(size):
        k = field[e]
        if r == 3:
            here[e] = fma(dt / 6.0, total[e] + k, here[e])
            stage[e] = here[e]
        else:
            total[e] = fma(2.0, k, total[e]) if r else k
            stage[e] = fma(dt if r == 2 else 0.5 * dt, k, here[e])


def state_run(at):
    """Factors of each stage go to the tape, (layers, factors, n, width)."""
    job = at[0]
    net = read_model(job.model, job.tape)
    first, count, n, dt = job.first, job.count, net.n, net.dt
    size = net.dim * net.width
    here, there = job.work, shift(job.work, size)
    bias = shift(job.work, (4 if dt != 0.0 else 2) * size)
    entry = shift(bias, net.layers * (net.gates + 1) * n * net.width)
    sums = shift(entry, net.entries * net.width)
    row = net.layers * net.factors * n * net.width if job.taped else 0
    spread(net, first, count, job.x, net.dim, net.dim, here)
    spread(net, first, count, net.bias, net.bias_size, net.layers * (net.gates + 1) * n, bias)
    stage, total = shift(there, size), shift(there, 2 * size)
    if dt != 0.0:
        for e in range(size):
            stage[e] = here[e]
    for s in range(job.steps):
        if raised(job.stop):
            break
        if net.entries:
            own = shift(net.inputs, (job.step + s) % net.input_steps * net.entries)
            spread(net, first, count, own, net.inputs_size, net.entries, entry)
        if dt == 0.0:
            step_layers(net, first, here, there, bias, entry, sums, shift(job.tape, s * row))
            here, there = there, here
            continue
        for r in range(4):
            tape = shift(job.tape, (4 * s + r) * row)
            step_layers(net, first, stage, there, bias, entry, sums, tape)
            runge_kutta(r, dt, size, there, here, stage, total)
    for g in range(count):
        for i in range(net.dim):
            job.x[(first + g) * net.dim + i] = here[i * net.width + g]


@cache
def gated_state(dtype):
    """`state_run` as a C function, for tangents of `dtype`."""
    return STATE_RUN.function(from_dtype(dtype), [MODEL, CELL_JOB])(state_run)
