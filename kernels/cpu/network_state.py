"""The state of rate networks, several members side by side.

Side by side, because the activation is one call a stage: on 8 units it would spend its time in
the call and in the remainder of its vector loop. Members that share their weights lie as lanes,
unit after unit, and W times their states is one product; else they lie one after the other, each
padded to whole registers. Both take the terms of a sum in the same order: the bits are the same.
"""

from collections import namedtuple

import numpy as np

from ..jit import inlined, kernel
from .interruptible import raised
from .strips import lanes_of
from .vectors import add, fma, load, multiply, on_stack, outlined, shift, splat, store, subtract
from .weights import StateJob, addresses, factor, row_factor, which

# Weights; bias and rate (members or 1, n); inputs (members or 1, T, n), of no effect when T is 1;
# lanes of a float64 register; width: members that lie as lanes, or 0.
Net = namedtuple("Net", "w indptr indices bias inputs rate current lanes width")

WORK_ROWS = 8  # vectors that the steps of a state need


@inlined
def padded(n, lanes):
    return (n + lanes - 1) // lanes * lanes


@inlined
def layout(net, n):
    """(elements from member to member, from unit to unit) of vectors side by side."""
    if net.width:
        return 1, net.width
    return padded(n, net.lanes), 1


@inlined
def row_size(net, n, count):
    """Elements of a vector of `count` members: whole registers."""
    return n * net.width if net.width else count * padded(n, net.lanes)


@inlined
def work_size(net, n, count, stages):
    """Elements that `state_steps` needs for `count` members and `stages` stages, tape included."""
    return (WORK_ROWS + stages) * row_size(net, n, count)


@kernel
def gather(net, first, count, x, here, bias, rate):
    """States, biases and rates of members `first` to `first + count`, side by side."""
    outlined()
    n = x.shape[1]
    across, down = layout(net, n)
    for g in range(count):
        b = first + g
        biases, rates = net.bias[which(b, net.bias)], net.rate[which(b, net.rate)]
        for i in range(n):
            at = g * across + i * down
            here[at], bias[at], rate[at] = x[b, i], biases[i], rates[i]


@kernel
def scatter(net, first, count, x, here):
    """The states back to x."""
    outlined()
    n = x.shape[1]
    across, down = layout(net, n)
    for g in range(count):
        for i in range(n):
            x[first + g, i] = here[g * across + i * down]


@kernel
def drive(net, n, first, count, step, bias, out):
    """out = bias + the input of this step."""
    outlined()
    across, down = layout(net, n)
    for g in range(count):
        inputs = net.inputs[which(first + g, net.inputs), step]
        for i in range(n):
            at = g * across + i * down
            out[at] = bias[at] + inputs[i]


@inlined
def weigh_all(weigh, weights, width, lanes, n, first, count, source, base, out):
    """out = base + W source for each member, all by address."""
    w, indptr, indices = weights.w, weights.indptr, weights.indices
    if width:
        weigh(on_stack(StateJob(w, indptr, indices, n, width, lanes, source, base, out)))
        return
    across = padded(n, lanes)
    for g in range(count):
        at, own = g * across, shift(w, (first + g) * weights.size)
        weigh(
            on_stack(
                StateJob(
                    own, indptr, indices, n, across, lanes, shift(source, at), shift(base, at),
                    shift(out, at),
                )
            )
        )  # fmt: skip


@inlined
def vector_field(
    phi, weigh, current, weights, width, lanes, n, first, count, size, x, base, u, slope, out
):  # fmt: skip
    """W phi(x) + base or phi(W x + base), and the slopes, all by address."""
    if current:
        phi(size, x, u, slope)
        weigh_all(weigh, weights, width, lanes, n, first, count, u, base, out)
    else:
        weigh_all(weigh, weights, width, lanes, n, first, count, x, base, u)
        phi(size, u, out, slope)


@inlined
def slope_of(rate, field, x, o):
    """rate (field - x)."""
    return multiply(load(rate, o), subtract(load(field, o), load(x, o)))


@inlined
def runge_kutta(r, dt, size, lanes, rate, field, here, stage, total):
    """Stage r ends: the sum of stages, and the state of the next stage or of the next step."""
    reach = splat(dt / 6.0 if r == 3 else dt if r == 2 else 0.5 * dt)
    two = splat(2.0)
    for o in range(0, size, lanes):
        k = slope_of(rate, field, stage, o)
        start = load(here, o)
        if r == 3:
            start = fma(reach, add(load(total, o), k), start)
            store(here, o, start)
            store(stage, o, start)
        else:
            store(total, o, fma(two, k, load(total, o)) if r else k)
            store(stage, o, fma(reach, k, start))


@kernel
def state_steps(stop, phi, weigh, net, first, count, dt, step, steps, x, work):
    """Members `first` to `first + count` of x through `steps`.

    work: `work_size` elements, by address; its last part is the tape, the slopes of all stages.
    """
    outlined()
    n, driven = x.shape[1], net.inputs.shape[1] > 1
    size = row_size(net, n, count)
    current, width, lanes, weights = net.current, net.width, net.lanes, addresses(net)
    tape = shift(work, WORK_ROWS * size)
    here, stage, total = work, shift(work, size), shift(work, 2 * size)
    field, u, bias = shift(work, 3 * size), shift(work, 4 * size), shift(work, 5 * size)
    rate, base = shift(work, 6 * size), shift(work, 7 * size) if driven else bias
    gather(net, first, count, x, here, bias, rate)
    for o in range(0, size, lanes):
        store(stage, o, load(here, o))
    for s in range(steps):
        if raised(stop):
            break
        if driven:
            drive(net, n, first, count, (step + s) % net.inputs.shape[1], bias, base)
        if dt == 0.0:
            slope = shift(tape, s * size)
            vector_field(
                phi, weigh, current, weights, width, lanes, n, first, count, size, here, base, u,
                slope, field,
            )  # fmt: skip
            for o in range(0, size, lanes):
                store(here, o, add(load(here, o), slope_of(rate, field, here, o)))
            continue
        for r in range(4):
            slope = shift(tape, (4 * s + r) * size)
            vector_field(
                phi, weigh, current, weights, width, lanes, n, first, count, size, stage, base, u,
                slope, field,
            )  # fmt: skip
            runge_kutta(r, dt, size, lanes, rate, field, here, stage, total)
    scatter(net, first, count, x, here)


@kernel
def state_slopes(
    stop, phi, weigh, net, first, count, dt, step, steps, x, work, factors, slopes
):  # fmt: skip
    """`state_steps`, and the slopes times the factor f of each stage, in the tangents' dtype."""
    outlined()
    state_steps(stop, phi, weigh, net, first, count, dt, step, steps, x, work)
    row = row_size(net, x.shape[1], count)
    tape = shift(work, WORK_ROWS * row)
    for s in range(steps * factors.size):
        f = factors[s % factors.size]
        for e in range(s * row, (s + 1) * row):
            slopes[e] = f * tape[e]


def net_of(weights, bias, inputs, rate, current, width):
    """Of members that lie as `width` lanes (0: one after the other)."""
    constant = bias if inputs.shape[1] > 1 else bias + inputs[:, 0]
    parts = factor(weights, np.float64) if width else row_factor(weights)
    return Net(*parts, constant, inputs, rate, current, lanes_of(np.float64), width)
