"""The state of a network of nodes, several members side by side.

Members that share their matrices lie as lanes, node after node, and a matrix times all of them is
one product; else they lie one after the other, each padded to whole registers. A variable of all
nodes is a vector; parameters, variables and sums are rows of one array, as `on_blocks` takes them.
"""

from functools import cache

from numba import from_dtype

from ...jit import inlined, kernel
from ..network.model import layout
from ..network.weights import StateJob
from ..simd.records import invoke
from ..simd.vectors import load, on_stack, outlined, shift, store
from ..taped.runs import FOR_TANGENTS, STATE_RUN
from ..taped.state_steps import end_stage, reach_of
from ..team.interruptible import raised
from .blocks import on_blocks
from .model import (
    COUNT,
    FIELDS,
    INDICES,
    INDPTR,
    MODEL,
    PRODUCT,
    W_SIZE,
    W,
    at_address,
    read_model,
    size_for,
)


def state_rows(nodes):
    """(vectors, rows of a block) that the steps of a state need."""
    m, sums, columns = nodes.variables, nodes.sums, nodes.columns
    slopes = [len(nodes.field.jacobian())]
    slopes.append(len(nodes.factors.jacobian()) if nodes.factors else 0)
    results = max(m + slopes[0], sums + slopes[1])
    return columns + 3 * m + sums + results + 1, columns + m + sums + results


@kernel
def gather(net, first, count, size, x, params, here):
    """Parameters and states of members `first` to `first + count` as rows."""
    outlined()
    n, (across, down) = net.n, layout(net)
    for g in range(count):
        own = shift(x, (first + g) * n * net.m)
        given = shift(net.params, (first + g) * net.params_size)
        for i in range(n):
            at = g * across + i * down
            for v in range(net.m):
                here[v * size + at] = own[i * net.m + v]
            for c in range(net.columns - net.driven):
                params[c * size + at] = given[c * n + i]


@kernel
def scatter(net, first, count, size, here, x):
    """The states back to x."""
    outlined()
    n, (across, down) = net.n, layout(net)
    for g in range(count):
        own = shift(x, (first + g) * n * net.m)
        for i in range(n):
            for v in range(net.m):
                own[i * net.m + v] = here[v * size + g * across + i * down]


@kernel
def drive(net, first, count, size, step, params):
    """The inputs of a step, which are the last parameters."""
    outlined()
    n, (across, down) = net.n, layout(net)
    undriven = net.columns - net.driven
    for g in range(count):
        inputs = shift(net.inputs, (first + g) * net.inputs_size)
        now = shift(inputs, (step % net.input_steps) * net.driven * n)
        for d in range(net.driven):
            for i in range(n):
                params[(undriven + d) * size + g * across + i * down] = now[d * n + i]


@inlined
def product_all(net, first, count, size, matrix, source, base, out):
    """out = M source for the products that have this matrix, `size` apart, and each member."""
    across, _ = layout(net)
    w = at_address(matrix[W], source)
    indptr, indices = at_address(matrix[INDPTR], matrix), at_address(matrix[INDICES], matrix)
    columns, members = (net.width, 1) if net.width else (across, count)
    for g in range(members):
        at, own = g * across, shift(w, (first + g) * matrix[W_SIZE])
        x, y, z = shift(source, at), shift(base, at), shift(out, at)
        job = StateJob(
            own, indptr, indices, net.n, columns, net.lanes, matrix[COUNT], size, 0, 0, x, y, z
        )
        invoke(matrix[PRODUCT], (on_stack(job),))


@inlined
def vector_field(net, first, count, size, t, given, block, results, zeros, tape, scale, taped):
    """Slopes of the parameters, states and sums that are `given` to results; coefficients to tape.

    The tape has the field's slopes, times `scale`, and then the factors'.
    """
    columns, m, sums = net.columns, net.m, net.sums
    if net.factors:
        rows, found = columns + m, sums + net.factor_slopes
        on_blocks(net.factors, t, size, rows, found, net.lanes, given, block, results)
        s = shift(given, rows * size)
        r = 0
        while r < sums:
            matrix, at = shift(net.matrices, r * FIELDS), r * size
            product_all(net, first, count, size, matrix, shift(results, at), zeros, shift(s, at))
            r += matrix[COUNT]
        if taped:
            slopes, there = shift(results, sums * size), shift(tape, net.field_slopes * size)
            for e in range(net.factor_slopes * size):
                there[e] = slopes[e]
    rows, found = columns + m + sums, m + net.field_slopes
    on_blocks(net.field, t, size, rows, found, net.lanes, given, block, results)
    if taped:
        slopes = shift(results, m * size)
        for e in range(net.field_slopes * size):
            tape[e] = scale * slopes[e]


@inlined
def runge_kutta(r, dt, size, lanes, slope, here, stage, total):
    """Stage r ends."""
    reach = reach_of(r, dt)
    for o in range(0, size, lanes):
        end_stage(r, reach, load(slope, o), o, here, stage, total)


@inlined
def time_of(step, r, dt):
    """The time of stage r of a step; the step's number for a map."""
    return (step + (0.0 if r == 0 else 1.0 if r == 3 else 0.5)) * dt if dt != 0.0 else float(step)


@inlined
def scale_of(r, dt):
    """The factor of stage r of `tangents`; 1 for a map."""
    if dt == 0.0:
        return 1.0
    return 0.5 * dt * (1.0 / 3.0 if r == 3 else 2.0 if r == 2 else 1.0)


def state_run(at):
    job = at[0]
    net = read_model(job.model, job.tape)
    first, count, dt = job.first, job.count, net.dt
    m, size = net.m, size_for(net, count)
    slopes = net.field_slopes + net.factor_slopes
    params = job.work
    stage = shift(params, net.columns * size)
    sums = shift(stage, m * size)
    here = shift(sums, net.sums * size)
    total = shift(here, m * size)
    zeros = shift(total, m * size)
    results = shift(zeros, size)
    block = shift(results, max(m + net.field_slopes, net.sums + net.factor_slopes) * size)
    for e in range(size):  # the last group may be smaller, and all lies elsewhere
        zeros[e] = 0.0
    gather(net, first, count, size, job.x, params, here)
    for o in range(0, m * size, net.lanes):
        store(stage, o, load(here, o))
    for s in range(job.steps):
        if raised(job.stop):
            break
        step = job.step + s
        if net.driven:
            drive(net, first, count, size, step, params)
        for r in range(net.stages):
            tape = shift(job.tape, (s * net.stages + r) * slopes * size * (job.taped != 0))
            t = time_of(step, r, dt)
            scale = scale_of(r, dt) if job.taped == FOR_TANGENTS else 1.0
            vector_field(
                net, first, count, size, t, params, block, results, zeros, tape, scale, job.taped
            )
            if dt != 0.0:
                runge_kutta(r, dt, m * size, net.lanes, results, here, stage, total)
            else:
                for o in range(0, m * size, net.lanes):
                    store(stage, o, load(results, o))
    scatter(net, first, count, size, stage, job.x)


@cache
def nodal_state(dtype):
    """`state_run` as a C function, for tangents of `dtype`."""
    return STATE_RUN.function(from_dtype(dtype), [MODEL])(state_run)
