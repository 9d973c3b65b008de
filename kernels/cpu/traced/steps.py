"""One step of a traced function: state, Jacobian entries, tangents and cotangents.

`field(t, x, p, f, jacobian)` is generated: it fills the vector field and the nonzero entries.
"""

from numba import float64, void

from ...jit import kernel
from ..simd.copying import copy_matrix, copy_vector

SIGNATURE = void(float64, float64[::1], float64[::1], float64[::1], float64[::1])


@kernel
def state_step(field, p, dt, t, x, work, tape):
    """One step in place; tape (stages, nonzeros) receives the Jacobians. dt = 0 means a map."""
    n = x.size
    k, total, stage = work[0], work[1], work[2]
    if dt == 0.0:
        field(t, x, p, k, tape[0])
        copy_vector(k, x)
        return
    copy_vector(x, stage)
    total[:] = 0.0
    for s in range(4):
        node = 0.0 if s == 0 else (dt if s == 3 else 0.5 * dt)
        field(t + node, stage, p, k, tape[s])
        weight = 1.0 if s == 0 or s == 3 else 2.0
        reach = dt if s == 2 else 0.5 * dt
        for i in range(n):
            total[i] += weight * k[i]
            stage[i] = x[i] + reach * k[i]
    for i in range(n):
        x[i] += dt / 6.0 * total[i]


@kernel
def tangent_stage(indptr, indices, jacobian, y, out):
    n, columns = y.shape
    for i in range(n):
        for c in range(columns):
            out[i, c] = 0.0
        for entry in range(indptr[i], indptr[i + 1]):
            weight, j = jacobian[entry], indices[entry]
            for c in range(columns):
                out[i, c] += weight * y[j, c]


@kernel
def tangent_step(indptr, indices, dt, tape, q, y, k, total):
    n, columns = q.shape
    if dt == 0.0:
        tangent_stage(indptr, indices, tape[0], q, k)
        copy_matrix(k, q)
        return
    copy_matrix(q, y)
    total[:] = 0.0
    for s in range(4):
        tangent_stage(indptr, indices, tape[s], y, k)
        weight = q.dtype.type(1.0 if s == 0 or s == 3 else 2.0)
        reach = q.dtype.type(dt if s == 2 else 0.5 * dt)
        for i in range(n):
            for c in range(columns):
                total[i, c] += weight * k[i, c]
                y[i, c] = q[i, c] + reach * k[i, c]
    sixth = q.dtype.type(dt / 6.0)
    for i in range(n):
        for c in range(columns):
            q[i, c] += sixth * total[i, c]


@kernel
def cotangent_stage(indptr, indices, jacobian, y, out):
    """out = J' y, row by row of (n, columns)."""
    n, columns = y.shape
    for i in range(n):
        for c in range(columns):
            out[i, c] = 0.0
    for i in range(n):
        for entry in range(indptr[i], indptr[i + 1]):
            weight, j = jacobian[entry], indices[entry]
            for c in range(columns):
                out[j, c] += weight * y[i, c]


@kernel
def cotangent_step(indptr, indices, dt, tape, p, a, y, total):
    """The transpose of `tangent_step`, of one step's tape (stages, nonzeros), on p (n, columns)."""
    n, columns = p.shape
    if dt == 0.0:
        cotangent_stage(indptr, indices, tape[0], p, y)
        for i in range(n):
            for c in range(columns):
                p[i, c] = y[i, c]
        return
    for i in range(n):
        for c in range(columns):
            total[i, c] = p[i, c]
            a[i, c] = dt / 6.0 * p[i, c]
    for stage in range(3, -1, -1):
        cotangent_stage(indptr, indices, tape[stage], a, y)
        # What the stage before gives to the step, and through this one.
        weight = dt / 3.0 if stage > 1 else dt / 6.0
        reach = dt if stage == 3 else 0.5 * dt
        for i in range(n):
            for c in range(columns):
                total[i, c] += y[i, c]
                a[i, c] = weight * p[i, c] + reach * y[i, c]
    for i in range(n):
        for c in range(columns):
            p[i, c] = total[i, c]
