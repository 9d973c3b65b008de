"""One ETDRK4 step of dx/dt = L x + D f(B x): states, tangents and cotangents.

State and tangents are blocks of columns (n, c), a state one of c = 1, and take the same linear
steps; they differ in how a stage's slope comes about, by f or by its Jacobian there. Cox and
Matthews, J. Comput. Phys. 176 (2002); the weights are those of `etdrk4_weights`.
"""

from collections import namedtuple
from functools import cache

import numpy as np
from numba import from_dtype, void

from ..jit import c_function, kernel
from .copying import copy_matrix

# weights (6, n, n), or (6, n, 1) for diagonals. f takes `read` (m, n) times the state, and what it
# returns is multiplied by `write` (n, q); on_grid: whether there are such matrices, else they are
# empty. The Jacobian of f (q, m) has entries at indptr and indices. product: see `product_of`.
Model = namedtuple("Model", "product weights on_grid read write indptr indices")

E, E2, Q, F1, F2, F3 = range(6)
# Blocks of work: four slopes, E2 y, the second and the current stage, a product.
HALF, SECOND, STAGE, PRODUCT = 4, 5, 6, 7
BLOCKS = 8


def product(a, y, out):
    """out = a y; a column `a` with as many rows as y is a diagonal."""
    rows, columns = out.shape
    if a.shape[1] == y.shape[0]:
        np.dot(a, y, out)
        return
    for i in range(rows):
        for c in range(columns):
            out[i, c] = a[i, 0] * y[i, c]


@cache
def product_of(dtype):
    """As a C function: inside of kernels it would be optimised with each that calls it, 12 s."""
    matrix = from_dtype(np.dtype(dtype))[:, ::1]
    return c_function(void(matrix, matrix, matrix))(product)


@kernel
def add(y, factor, out):
    n, columns = out.shape
    for i in range(n):
        for c in range(columns):
            out[i, c] += factor * y[i, c]


@kernel
def stage(s, model, y, work):
    """Where slope s is taken, from the slopes before it."""
    here, product = work[STAGE], work[PRODUCT]
    if s == 0:
        copy_matrix(y, here)
        model.product(model.weights[E2], y, work[HALF])
        return
    if s < 3:
        model.product(model.weights[Q], work[s - 1], product)
        copy_matrix(work[HALF], here)
    else:
        n, columns = y.shape
        for i in range(n):
            for c in range(columns):
                # The second stage's E2 y is of no use any more.
                work[HALF, i, c] = work[2, i, c] + work[2, i, c] - work[0, i, c]
        model.product(model.weights[Q], work[HALF], product)
        model.product(model.weights[E2], work[SECOND], here)
    add(product, y.dtype.type(1.0), here)
    if s == 1:
        copy_matrix(here, work[SECOND])


@kernel
def finish(model, y, work):
    """The step's end, of all four slopes."""
    product, one = work[PRODUCT], y.dtype.type(1.0)
    add(work[2], one, work[1])
    model.product(model.weights[E], y, work[STAGE])
    copy_matrix(work[STAGE], y)
    model.product(model.weights[F1], work[0], product)
    add(product, one, y)
    model.product(model.weights[F2], work[1], product)
    add(product, one, y)
    model.product(model.weights[F3], work[3], product)
    add(product, one, y)


@kernel
def state_step(field, model, p, dt, t, x, work, seen, given, tape):
    """x (n, 1) in place; tape (4, entries) receives f's Jacobians; seen (m, 1), given (q, 1)."""
    for s in range(4):
        stage(s, model, x, work)
        time = t + (0.0 if s == 0 else dt if s == 3 else 0.5 * dt)
        if model.on_grid:
            model.product(model.read, work[STAGE], seen)
            field(time, seen.reshape(seen.size), p, given.reshape(given.size), tape[s])
            model.product(model.write, given, work[s])
        else:
            slope = work[s]
            field(time, work[STAGE].reshape(slope.size), p, slope.reshape(slope.size), tape[s])
    finish(model, x, work)


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
        stage(s, model, y, work)
        if model.on_grid:
            model.product(model.read, work[STAGE], seen)
            sparse_product(model, tape[s], seen, given)
            model.product(model.write, given, work[s])
        else:
            sparse_product(model, tape[s], work[STAGE], work[s])
    finish(model, y, work)


@kernel
def transposed_slope(model, entries, y, seen, given, out):
    """out = (D J B)' y; the model has transposed matrices."""
    if model.on_grid:
        model.product(model.write, y, given)
        transposed_product(model, entries, given, seen)
        model.product(model.read, seen, out)
    else:
        transposed_product(model, entries, y, out)


@kernel
def cotangent_step(model, tape, y, work, seen, given):
    """The transpose of `tangent_step`, of a model whose matrices are transposed."""
    here, product, second, total = work[STAGE], work[PRODUCT], work[SECOND], work[HALF]
    one = y.dtype.type(1.0)
    model.product(model.weights[F1], y, work[0])
    model.product(model.weights[F2], y, work[1])
    copy_matrix(work[1], work[2])
    model.product(model.weights[F3], y, work[3])
    model.product(model.weights[E], y, total)
    for s in range(3, -1, -1):
        transposed_slope(model, tape[s], work[s], seen, given, here)
        if s == 0:
            break
        if s == 1:
            add(second, one, here)
        # What the stage took of slopes before it, and of the state or the second stage.
        model.product(model.weights[Q], here, product)
        if s == 3:
            add(product, one + one, work[2])
            add(product, -one, work[0])
            model.product(model.weights[E2], here, second)
        else:
            add(product, one, work[s - 1])
            model.product(model.weights[E2], here, product)
            add(product, one, total)
    add(here, one, total)
    copy_matrix(total, y)
