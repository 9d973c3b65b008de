"""One ETDRK4 step of dx/dt = L x + D f(B x): states, tangents and cotangents.

State and tangents are blocks of columns (n, c), a state one of c = 1, and take the same linear
steps; they differ in how a stage's slope comes about, by f or by its Jacobian there. Cox and
Matthews, J. Comput. Phys. 176 (2002); the weights are those of `etdrk4_weights`.
"""

from collections import namedtuple
from functools import cache

import numpy as np
from numba import float64, from_dtype, int64, types, uint8, void

from ...jit import c_function, kernel
from ..simd.copying import copy_matrix
from ..team.interruptible import raised
from ..traced.steps import SIGNATURE

# weights (6, n, n), or (6, n, 1) for diagonals. f takes `read` (m, n) times the state, and what it
# returns is multiplied by `write` (n, q); columns of ones (n, 1), as diagonals, where f acts on the
# state itself. The Jacobian of f (q, m) has entries at indptr and indices. product and stage are
# the C functions below.
Model = namedtuple("Model", "product stage weights read write m q indptr indices")

E, E2, Q, F1, F2, F3 = range(6)
# Blocks of work: four slopes, E2 y, the second and the current stage, a product.
HALF, SECOND, STAGE, PART = 4, 5, 6, 7
BLOCKS = 8  # of the eight kinds above


def product(a, y, out):
    """out = a y; a column `a` with as many rows as y is a diagonal."""
    rows, columns = out.shape
    if a.shape[1] == y.shape[0]:
        np.dot(a, y, out)
        return
    for i in range(rows):
        for c in range(columns):
            out[i, c] = a[i, 0] * y[i, c]


@kernel
def add(y, factor, out):
    n, columns = out.shape
    for i in range(n):
        for c in range(columns):
            out[i, c] += factor * y[i, c]


def stage(product, weights, s, y, work):
    """Compute the state at which slope s is taken, in y; with s = 4 the end of the step."""
    here, part, one = work[STAGE], work[PART], y.dtype.type(1.0)
    if s == 0:
        copy_matrix(y, here)
        product(weights[E2], y, work[HALF])
    elif s == 1:
        product(weights[Q], work[0], here)
        add(work[HALF], one, here)
        copy_matrix(here, work[SECOND])
    elif s == 2:
        product(weights[Q], work[1], here)
        add(work[HALF], one, here)
    elif s == 3:
        half = work[HALF]  # E2 y is of no use any more
        copy_matrix(work[2], half)
        add(work[2], one, half)
        add(work[0], -one, half)
        product(weights[Q], half, part)
        product(weights[E2], work[SECOND], here)
        add(part, one, here)
    else:
        add(work[2], one, work[1])
        copy_matrix(y, here)
        product(weights[E], here, y)
        for which in range(3):
            product(weights[F1 + which], work[which + which // 2], part)
            add(part, one, y)


@kernel
def state_step(field, model, p, dt, t, x, work, seen, given, tape):
    """x (n, 1) in place; tape (4, entries) receives f's Jacobians; seen (m, 1), given (q, 1)."""
    for s in range(4):
        model.stage(model.product, model.weights, s, x, work)
        model.product(model.read, work[STAGE], seen)
        time = t + (0.0 if s == 0 else dt if s == 3 else 0.5 * dt)
        field(time, seen.reshape(seen.size), p, given.reshape(given.size), tape[s])
        model.product(model.write, given, work[s])
    model.stage(model.product, model.weights, 4, x, work)


@kernel
def sparse_product(model, entries, y, out):
    rows, columns = out.shape
    for i in range(rows):
        for c in range(columns):
            out[i, c] = 0.0
        for entry in range(model.indptr[i], model.indptr[i + 1]):
            weight, j = entries[entry], model.indices[entry]
            for c in range(columns):
                out[i, c] += weight * y[j, c]


@kernel
def transposed_product(model, entries, y, out):
    rows, columns = y.shape
    for j in range(out.shape[0]):
        for c in range(columns):
            out[j, c] = 0.0
    for i in range(rows):
        for entry in range(model.indptr[i], model.indptr[i + 1]):
            weight, j = entries[entry], model.indices[entry]
            for c in range(columns):
                out[j, c] += weight * y[i, c]


@kernel
def tangent_step(model, tape, y, work, seen, given):
    """y (n, c) in place, by the Jacobians on the state's tape; seen (m, c), given (q, c)."""
    for s in range(4):
        model.stage(model.product, model.weights, s, y, work)
        model.product(model.read, work[STAGE], seen)
        sparse_product(model, tape[s], seen, given)
        model.product(model.write, given, work[s])
    model.stage(model.product, model.weights, 4, y, work)


@kernel
def cotangent_step(model, tape, y, work, seen, given):
    """The transpose of `tangent_step`, of a model whose matrices are transposed."""
    here, part, second, total = work[STAGE], work[PART], work[SECOND], work[HALF]
    one = y.dtype.type(1.0)
    model.product(model.weights[F1], y, work[0])
    model.product(model.weights[F2], y, work[1])
    copy_matrix(work[1], work[2])
    model.product(model.weights[F3], y, work[3])
    model.product(model.weights[E], y, total)
    for s in range(3, -1, -1):
        model.product(model.write, work[s], given)
        transposed_product(model, tape[s], given, seen)
        model.product(model.read, seen, here)
        if s == 0:
            break
        if s == 1:
            add(second, one, here)
        # What the stage took of slopes before it, and of the state or the second stage.
        model.product(model.weights[Q], here, part)
        if s == 3:
            add(part, one + one, work[2])
            add(part, -one, work[0])
            model.product(model.weights[E2], here, second)
        else:
            add(part, one, work[s - 1])
            model.product(model.weights[E2], here, part)
            add(part, one, total)
    add(here, one, total)
    copy_matrix(total, y)


@kernel
def room(model, n, columns, like):
    """Work, B x and f of so many columns."""
    return (
        np.empty((BLOCKS, n, columns), like.dtype),
        np.empty((model.m, columns), like.dtype),
        np.empty((model.q, columns), like.dtype),
    )


def state_steps(stop, field, model, p, dt, first, steps, x, tape):
    """x (n,) through steps from number `first` on; the tape keeps the last len(tape) of them."""
    work, seen, given = room(model, x.size, 1, x)
    column = x.reshape(x.size, 1)
    for s in range(steps):
        if raised(stop):
            break
        place = tape[s % tape.shape[0]]
        state_step(field, model, p, dt, (first + s) * dt, column, work, seen, given, place)


def tangent_steps(stop, model, tape, y):
    work, seen, given = room(model, y.shape[0], y.shape[1], y)
    for s in range(tape.shape[0]):
        if raised(stop):
            break
        tangent_step(model, tape[s], y, work, seen, given)


def cotangent_steps(stop, model, tape, y):
    work, seen, given = room(model, y.shape[0], y.shape[1], y)
    for s in range(tape.shape[0] - 1, -1, -1):
        if raised(stop):
            break
        cotangent_step(model, tape[s], y, work, seen, given)


# As C functions, each compiled once: inside of the kernels that run them they would be optimised
# again with every one, 15 s of the first result's 30.
STOP, VECTOR = uint8[::1], float64[::1]


def signatures(dtype):
    """Numba's types of `product` and `stage`."""
    element = from_dtype(np.dtype(dtype))
    matrix, block = element[:, ::1], element[:, :, ::1]
    first = void(matrix, matrix, matrix)
    return first, void(types.FunctionType(first), block, int64, matrix, block)


@cache
def linear_functions(dtype):
    """`product` and `stage`."""
    first, second = signatures(dtype)
    return c_function(first)(product), c_function(second)(stage)


def model_type(dtype):
    element, index = from_dtype(np.dtype(dtype)), int64[::1]
    matrix, block = element[:, ::1], element[:, :, ::1]
    functions = [types.FunctionType(signature) for signature in signatures(dtype)]
    fields = [*functions, block, matrix, matrix, int64, int64, index, index]
    return types.NamedTuple(fields, Model)


@cache
def state_function():
    model, field = model_type(np.dtype(float)), types.FunctionType(SIGNATURE)
    return c_function(
        void(STOP, field, model, VECTOR, float64, int64, int64, VECTOR, float64[:, :, ::1])
    )(state_steps)


@cache
def tangent_function(dtype):
    element = from_dtype(dtype)
    return c_function(void(STOP, model_type(dtype), element[:, :, ::1], element[:, ::1]))(
        tangent_steps
    )


@cache
def cotangent_function():
    return c_function(void(STOP, model_type(np.dtype(float)), float64[:, :, ::1], float64[:, ::1]))(
        cotangent_steps
    )
