"""The state of rate networks, several members side by side.

Side by side, because the activation is one call a stage: on 8 units it would spend its time in
the call and in the remainder of its vector loop. Members that share their weights lie as lanes,
unit after unit, and W times their states is one product; else they lie one after the other, each
padded to whole registers. Both take the terms of a sum in the same order: the bits are the same.
"""

from functools import cache

from numba import from_dtype

from ...jit import inlined, kernel
from ..simd.records import invoke
from ..simd.vectors import add, load, multiply, on_stack, outlined, shift, store, subtract
from ..taped.runs import FOR_TANGENTS, STATE_RUN
from ..taped.state_steps import end_stage, reach_of
from ..team.interruptible import raised
from .model import MODEL, layout, padded, read_model, row_size
from .weights import StateJob

WORK_ROWS = 9  # vectors that the steps of a state need


@kernel
def gather(net, first, count, x, here, bias, rate):
    """States, biases and rates of members `first` to `first + count`, side by side."""
    outlined()
    n = net.n
    across, down = layout(net)
    for g in range(count):
        b = first + g
        own, biases = shift(x, b * n), shift(net.bias, b * net.bias_size)
        rates = shift(net.rate, b * net.rate_size)
        for i in range(n):
            at = g * across + i * down
            here[at], bias[at], rate[at] = own[i], biases[i], rates[i]


@kernel
def scatter(net, first, count, x, here):
    """The states back to x."""
    outlined()
    n = net.n
    across, down = layout(net)
    for g in range(count):
        for i in range(n):
            x[(first + g) * n + i] = here[g * across + i * down]


@kernel
def drive(net, first, count, step, bias, out):
    """out = bias + the input of this step."""
    outlined()
    n = net.n
    across, down = layout(net)
    for g in range(count):
        inputs = shift(net.inputs, (first + g) * net.inputs_size + step * n)
        for i in range(n):
            at = g * across + i * down
            out[at] = bias[at] + inputs[i]


@inlined
def add_noise(size, lanes, noise, field):
    for o in range(0, size, lanes):
        store(field, o, add(load(field, o), load(noise, o)))


@inlined
def product_all(net, first, count, source, base, out):
    """out = base + W source for each member, all by address."""
    n, width, lanes = net.n, net.width, net.lanes
    across, own = padded(n, lanes), shift(net.w, first * net.w_size)
    columns, products = (width, 1) if width else (across, count)
    job = StateJob(
        own, net.indptr, net.indices, n, columns, lanes, products, across, net.w_size, across,
        source, base, out,
    )  # fmt: skip
    invoke(net.product, (on_stack(job),))


@inlined
def vector_field(net, first, count, size, x, base, u, slope, out):
    """W phi(x) + base or phi(W x + base), and the slopes, all by address."""
    if net.current:
        invoke(net.phi, (size, x, u, slope))
        product_all(net, first, count, u, base, out)
    else:
        product_all(net, first, count, x, base, u)
        invoke(net.phi, (size, u, out, slope))


@inlined
def slope_of(rate, field, x, o):
    """rate (field - x)."""
    return multiply(load(rate, o), subtract(load(field, o), load(x, o)))


@inlined
def runge_kutta(r, dt, size, lanes, rate, field, here, stage, total):
    """Stage r ends."""
    reach = reach_of(r, dt)
    for o in range(0, size, lanes):
        end_stage(r, reach, slope_of(rate, field, stage, o), o, here, stage, total)


@kernel
def state_steps(job, net):
    """The steps of a `StateRun`; returns the address of the slopes of all stages."""
    outlined()
    first, count, work, lanes = job.first, job.count, job.work, net.lanes
    driven, size, dt = net.input_steps > 1, row_size(net, count), net.dt
    tape = shift(work, WORK_ROWS * size)
    here, stage, total = work, shift(work, size), shift(work, 2 * size)
    field, u, bias = shift(work, 3 * size), shift(work, 4 * size), shift(work, 5 * size)
    rate, base = shift(work, 6 * size), shift(work, 7 * size) if driven else bias
    noise = shift(work, 8 * size)
    gather(net, first, count, job.x, here, bias, rate)
    for o in range(0, size, lanes):
        store(stage, o, load(here, o))
    for s in range(job.steps):
        if raised(job.stop):
            break
        if driven:
            drive(net, first, count, (job.step + s) % net.input_steps, bias, base)
        if net.noisy:
            own, keys = shift(net.noise, first * net.noise_size), shift(net.keys, 2 * first)
            across, down = layout(net)
            here_and_now = net.n, count, across, down, job.step + s, net.noise_size
            invoke(net.draw, (*here_and_now, own, keys, noise))
        if dt == 0.0:
            slope = shift(tape, s * size)
            vector_field(net, first, count, size, here, base, u, slope, field)
            if net.noisy:
                add_noise(size, lanes, noise, field)
            for o in range(0, size, lanes):
                store(here, o, add(load(here, o), slope_of(rate, field, here, o)))
            continue
        for r in range(4):
            slope = shift(tape, (4 * s + r) * size)
            vector_field(net, first, count, size, stage, base, u, slope, field)
            if net.noisy:
                add_noise(size, lanes, noise, field)
            runge_kutta(r, dt, size, lanes, rate, field, here, stage, total)
    scatter(net, first, count, job.x, here)
    return tape


def state_run(at):
    """Slopes go to the tape times the factor f of each stage, in the tangents' dtype."""
    job = at[0]
    net = read_model(job.model, job.tape)
    slopes = state_steps(job, net)
    if job.taped:
        row, tape = row_size(net, job.count), job.tape
        for s in range(job.steps * net.stages):
            f = net.factors[s % net.stages]
            for e in range(s * row, (s + 1) * row):
                tape[e] = f * slopes[e] if job.taped == FOR_TANGENTS else slopes[e]


@cache
def network_state(dtype):
    """`state_run` as a C function, for tangents of `dtype`."""
    return STATE_RUN.function(from_dtype(dtype), [MODEL])(state_run)
