"""Covariant vectors of an orbit's maps J_i: QR forwards, and coefficients backwards.

Bases are kept transposed, (k, n), as `lapack` takes them. Members are jobs.
"""

import numpy as np

from ...jit import kernel
from ..simd.copying import copy_matrix
from ..team.interruptible import raised
from ..team.sharing import take
from .lapack import factorise, solve_upper


@kernel
def factors_along(stop, team, thread, threads, maps, moved, basis, bases, factors, norms):
    """J_i Q_i = Q_(i+1) R_i with R_jj > 0, from the basis (B, k, n) on, which becomes the last Q.

    maps (I, B, n, m): J_i, m = n, or where they have `moved` already J_i Q_i, m = k and I = 1.
    bases (I, B, k, n) gets Q_i, factors (I, B, k, k) R_i, norms (I, B, k) those of J_i Q_i:
    infinite from where a member has diverged.
    """
    intervals, members = maps.shape[:2]
    k = basis.shape[1]
    diagonal = np.empty(k)
    b = take(team)
    while b < members:
        q = basis[b]
        for i in range(intervals):
            if raised(stop):
                break
            copy_matrix(q, bases[i, b])
            if moved:
                copy_matrix(maps[i, b].T, q)
            else:
                q[:] = np.dot(bases[i, b], maps[i, b].T)
            for j in range(k):
                norms[i, b, j] = np.sqrt(np.sum(q[j] ** 2))
            if not np.isfinite(norms[i, b]).all():
                norms[i:, b] = np.inf
                break
            factorise(q, diagonal, factors[i, b])
        b = take(team)


@kernel
def vectors_back(stop, team, thread, threads, factors, bases, coefficients, vectors, growth):
    """C_i = R_i^-1 C_(i+1) with columns of length 1, from coefficients C (B, k, k) back to i = 0.

    The first intervals' vectors Q_i C_i go to vectors (W, B, n, k), and to growth (G, B, k) the
    logarithms of what they grow by, as many as there is room for.
    """
    intervals, members, k = factors.shape[:3]
    size = np.empty(k)
    b = take(team)
    while b < members:
        c = coefficients[b]
        for i in range(intervals - 1, -1, -1):
            if raised(stop):
                break
            solve_upper(factors[i, b], c)
            size[:] = 0.0
            for row in range(k):
                for j in range(row, k):
                    size[j] += c[row, j] ** 2
            for j in range(k):
                size[j] = np.sqrt(size[j])
            for row in range(k):
                for j in range(row, k):
                    c[row, j] /= size[j]
            if i < vectors.shape[0]:
                vectors[i, b] = np.dot(bases[i, b].T, c)
            if i < growth.shape[0]:
                for j in range(k):
                    growth[i, b, j] = -np.log(size[j])
        b = take(team)
