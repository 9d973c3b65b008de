"""The state of dense rate networks, several members side by side.

Side by side, because the activation is one call a stage: on 8 units it would spend its time in
the call and in the remainder of its vector loop.
"""

from collections import namedtuple

from ..jit import kernel
from .copying import copy_vector
from .interruptible import raised
from .strips import row_product
from .vectors import address, shift

# w (members or 1, n padded n): W transposed in strips; bias, rate (members or 1, n); inputs
# (members or 1, T, n); lanes of a float64 register.
Net = namedtuple("Net", "w bias inputs rate current phi lanes")


@kernel
def add_drive(net, first, count, step, source, sums):
    """sums = W source + b + input for each member."""
    n, width = net.bias.shape[1], source.size // count
    sums[:] = 0.0
    for g in range(count):
        b, at = first + g, g * width
        out = shift(address(sums), at)
        w = shift(address(net.w), (b % net.w.shape[0]) * net.w.shape[1])
        row_product(net.lanes, shift(address(source), at), w, n, width, out, out)
        bias = net.bias[b % net.bias.shape[0]]
        drive = net.inputs[b % net.inputs.shape[0], step % net.inputs.shape[1]]
        for i in range(n):
            sums[at + i] += bias[i] + drive[i]


@kernel
def vector_field(net, first, count, step, x, u, value, slope, out):
    """rate (-x + W phi(x) + b + input) or rate (-x + phi(W x + b + input)), and the slopes."""
    n, width = net.bias.shape[1], x.size // count
    if net.current:
        net.phi(x, value, slope)
        add_drive(net, first, count, step, value, out)
    else:
        add_drive(net, first, count, step, x, u)
        net.phi(u, out, slope)
    for g in range(count):
        rate = net.rate[(first + g) % net.rate.shape[0]]
        for e in range(width):
            at = g * width + e
            out[at] = rate[e] * (out[at] - x[at]) if e < n else 0.0


@kernel
def state_steps(stop, net, first, count, dt, step, steps, x, work, tape):
    """Members `first` to `first + count` of x through `steps`; slopes to tape, a row a stage."""
    n, width = x.shape[1], tape.shape[1] // count
    here, stage, total, k, value, u = work[0], work[1], work[2], work[3], work[4], work[5]
    for g in range(count):
        for i in range(n):
            here[g * width + i] = x[first + g, i]
    for s in range(steps):
        if raised(stop):
            break
        if dt == 0.0:
            vector_field(net, first, count, step + s, here, u, value, tape[s], k)
            for e in range(here.size):
                here[e] += k[e]
            continue
        copy_vector(here, stage)
        total[:] = 0.0
        for r in range(4):
            vector_field(net, first, count, step + s, stage, u, value, tape[4 * s + r], k)
            weight = 1.0 if r == 0 or r == 3 else 2.0
            reach = dt if r == 2 else 0.5 * dt
            for e in range(here.size):
                total[e] += weight * k[e]
                stage[e] = here[e] + reach * k[e]
        for e in range(here.size):
            here[e] += dt / 6.0 * total[e]
    for g in range(count):
        for i in range(n):
            x[first + g, i] = here[g * width + i]
