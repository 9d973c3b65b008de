"""Recurrent cells, elementwise: from the gates' sums to the next state, and its derivatives.

With a, b, ... for the sums of the gates, each cell leaves on the tape the factors that make its
Jacobian out of its weights; `tangents` says which. PyTorch's order of gates.
"""

from collections import namedtuple
from functools import cache

from numba import from_dtype

from ..simd.elementwise import sigmoid_parts, tanh_pair
from ..simd.records import Record

# `size` units (of all members that lie side by side): sums (gates, size); `inner`, the recurrent
# sum that a GRU's reset gate multiplies, or what its reset lets through; state h (and c of an LSTM)
# before and after; tape (factors, size). Flows want the rate of change instead of the next h.
CellJob = namedtuple("CellJob", "size flow sums inner h c h_next c_next tape")
CELL_JOB = Record(CellJob, doubles="sums inner h c h_next c_next", vectors="tape")


def rnn(at):
    """h' = tanh(a). Factors: 0, tanh'(a)."""
    job = at[0]
    n, tape = job.size, job.tape
    for i in range(n):
        job.h_next[i], slope = tanh_pair(job.sums[i])
        tape[i], tape[n + i] = 0.0, slope


def relu_rnn(at):
    job = at[0]
    n, tape = job.size, job.tape
    for i in range(n):
        u = job.sums[i]
        job.h_next[i] = u if u > 0.0 else 0.0 * u
        tape[i], tape[n + i] = 0.0, 1.0 if u > 0.0 else 0.0 * u


def gru(at):
    """r = s(a), z = s(b), m = tanh(c + r inner), h' = z h + (1 - z) m, or (1 - z)(m - h) of a flow.

    Factors: z (z - 1), of the rows of W_r, of W_z, of W_n for h, of W_n for input.
    """
    job = at[0]
    n, tape = job.size, job.tape
    for i in range(n):
        r, _, r_slope = sigmoid_parts(job.sums[i])
        z, rest, z_slope = sigmoid_parts(job.sums[n + i])
        m, m_slope = tanh_pair(job.sums[2 * n + i] + r * job.inner[i])
        h = job.h[i]
        job.h_next[i] = rest * (m - h) if job.flow else z * h + rest * m
        tape[i] = -rest if job.flow else z
        tape[n + i] = rest * m_slope * job.inner[i] * r_slope
        tape[2 * n + i] = (h - m) * z_slope
        tape[3 * n + i] = rest * m_slope * r
        tape[4 * n + i] = rest * m_slope


def reset(at):
    """First half of a GRU that resets before the product: inner = r h.

    Factors: r, of the rows of W_r.
    """
    job = at[0]
    n, tape = job.size, job.tape
    for i in range(n):
        r, _, r_slope = sigmoid_parts(job.sums[i])
        job.inner[i] = r * job.h[i]
        tape[i], tape[n + i] = r, job.h[i] * r_slope


def reset_gru(at):
    """Second half of that GRU: m = tanh(c), where c contains W_n inner.

    Factors from the third on: z (z - 1), of the rows of W_z, of W_n.
    """
    job = at[0]
    n, tape = job.size, job.tape
    for i in range(n):
        z, rest, z_slope = sigmoid_parts(job.sums[n + i])
        m, m_slope = tanh_pair(job.sums[2 * n + i])
        h = job.h[i]
        job.h_next[i] = rest * (m - h) if job.flow else z * h + rest * m
        tape[2 * n + i] = -rest if job.flow else z
        tape[3 * n + i] = (h - m) * z_slope
        tape[4 * n + i] = rest * m_slope


def lstm(at):
    """c' = s(b) c + s(a) tanh(g), h' = s(o) tanh(c').

    Factors: s(b), of the rows of W_i, W_f, W_g for c'; of c' and of the rows of W_o for h'.
    """
    job = at[0]
    n, tape = job.size, job.tape
    for i in range(n):
        entry, _, entry_slope = sigmoid_parts(job.sums[i])
        kept, _, kept_slope = sigmoid_parts(job.sums[n + i])
        g, g_slope = tanh_pair(job.sums[2 * n + i])
        out, _, out_slope = sigmoid_parts(job.sums[3 * n + i])
        c = kept * job.c[i] + entry * g
        job.c_next[i] = c
        value, slope = tanh_pair(c)
        job.h_next[i] = out * value
        tape[i] = kept
        tape[n + i] = g * entry_slope
        tape[2 * n + i] = job.c[i] * kept_slope
        tape[3 * n + i] = entry * g_slope
        tape[4 * n + i] = out * slope
        tape[5 * n + i] = value * out_slope


# Of each cell: the elementwise function, and the one that comes before it.
FUNCTIONS = {
    "rnn": (rnn, rnn),
    "relu": (relu_rnn, relu_rnn),
    "gru": (gru, gru),
    "reset_gru": (reset_gru, reset),
    "lstm": (lstm, lstm),
}


@cache
def cell_functions(name, dtype):
    """(the cell, the reset that comes before it) as C functions; the tape is of `dtype`."""
    made = CELL_JOB.function(from_dtype(dtype))
    cell, before = FUNCTIONS[name]
    whole = made(cell)
    return whole, whole if before is cell else made(before)
