"""The state of rate networks, several members side by side.

Side by side, because the activation is one call a stage: on 8 units it would spend its time in
the call and in the remainder of its vector loop. Members that share their weights lie as lanes,
unit after unit, and W times their states is one product; else they lie one after the other, each
padded to whole registers. Both take the terms of a sum in the same order: the bits are the same.
"""

from collections import namedtuple

import numpy as np

from ..jit import inlined, kernel
from .copying import copy_vector
from .interruptible import raised
from .strips import lanes_of
from .vectors import address, outlined, shift
from .weights import SPARSE, addresses, both_factors, multiply, multiply_row, which

# Weights; bias and rate (members or 1, n); inputs (members or 1, T, n), of no effect when T is 1;
# lanes of a float64 register; width: members that lie as lanes, or 0.
_FIELDS = "bias inputs rate current lanes width"
DenseNet = namedtuple("DenseNet", f"w rows {_FIELDS}")
SparseNet = namedtuple("SparseNet", f"{SPARSE} {_FIELDS}")

ROWS = 8  # of the workspace


@inlined
def layout(net, n):
    """(elements from member to member, from unit to unit) of vectors side by side."""
    if net.width:
        return 1, net.width
    return (n + net.lanes - 1) // net.lanes * net.lanes, 1


@inlined
def row_size(net, n, count):
    """Elements of a vector of `count` members."""
    return n * net.width if net.width else count * ((n + net.lanes - 1) // net.lanes * net.lanes)


@kernel
def gather(net, first, count, x, work):
    """States, biases and rates of members `first` to `first + count`, side by side."""
    outlined()
    n = x.shape[1]
    across, down = layout(net, n)
    for g in range(count):
        b = first + g
        bias, rate = net.bias[which(b, net.bias)], net.rate[which(b, net.rate)]
        for i in range(n):
            at = g * across + i * down
            work[0, at], work[5, at], work[6, at] = x[b, i], bias[i], rate[i]


@kernel
def scatter(net, first, count, x, work):
    """The states back to x."""
    outlined()
    n = x.shape[1]
    across, down = layout(net, n)
    for g in range(count):
        for i in range(n):
            x[first + g, i] = work[0, g * across + i * down]


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


@kernel
def weigh(weights, width, lanes, n, first, count, source, base, out):
    """out = base + W source for each member, all by address."""
    outlined()
    if width:
        multiply(weights, 0, width // lanes, lanes, n, source, base, out)
        return
    across = (n + lanes - 1) // lanes * lanes
    for g in range(count):
        at = g * across
        multiply_row(
            weights, first + g, lanes, n, across, shift(source, at), shift(base, at), shift(out, at)
        )


@inlined
def vector_field(
    phi, current, weights, width, lanes, n, first, count, x, base, rate, u, slope, out
):  # fmt: skip
    """rate (-x + W phi(x) + base) or rate (-x + phi(W x + base)), and the slopes."""
    if current:
        phi(x, u, slope)
        weigh(weights, width, lanes, n, first, count, address(u), address(base), address(out))
    else:
        weigh(weights, width, lanes, n, first, count, address(x), address(base), address(u))
        phi(u, out, slope)
    for e in range(out.size):
        out[e] = rate[e] * (out[e] - x[e])


@kernel
def state_steps(stop, phi, net, first, count, dt, step, steps, x, work, tape):
    """Members `first` to `first + count` of x through `steps`; slopes to tape, a row a stage."""
    outlined()
    n, driven = x.shape[1], net.inputs.shape[1] > 1
    current, width, lanes, weights = net.current, net.width, net.lanes, addresses(net)
    here, stage, total, k, u = work[0], work[1], work[2], work[3], work[4]
    bias, rate, base = work[5], work[6], work[7] if driven else work[5]
    gather(net, first, count, x, work)
    for s in range(steps):
        if raised(stop):
            break
        if driven:
            drive(net, n, first, count, (step + s) % net.inputs.shape[1], bias, base)
        if dt == 0.0:
            vector_field(
                phi, current, weights, width, lanes, n, first, count, here, base, rate, u,
                tape[s], k,
            )  # fmt: skip
            for e in range(here.size):
                here[e] += k[e]
            continue
        copy_vector(here, stage)
        for r in range(4):
            vector_field(
                phi, current, weights, width, lanes, n, first, count, stage, base, rate, u,
                tape[4 * s + r], k,
            )  # fmt: skip
            weight = 1.0 if r == 0 or r == 3 else 2.0
            reach = dt if r == 2 else 0.5 * dt
            for e in range(here.size):
                total[e] = weight * k[e] + (0.0 if r == 0 else total[e])
                stage[e] = here[e] + reach * k[e]
        for e in range(here.size):
            here[e] += dt / 6.0 * total[e]
    scatter(net, first, count, x, work)


def net_of(weights, bias, inputs, rate, current, width):
    """Of members that lie as `width` lanes (0: one after the other)."""
    kind = SparseNet if isinstance(weights, tuple) else DenseNet
    constant = bias if inputs.shape[1] > 1 else bias + inputs[:, 0]
    lanes = lanes_of(np.float64)
    return kind(*both_factors(weights), constant, inputs, rate, current, lanes, width)
