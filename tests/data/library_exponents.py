"""Exponents of the known systems that the literature gives to two digits or not at all.

Plain NumPy, none of the project's kernels: RK4 (the exact derivative for tangents) with complex
steps for Jacobians and LAPACK's QR, 64 members; prints mean and standard error over them.
"""

import sys

import numpy as np

from lyapax.systems import library

MEMBERS = 64


def lorenz96(x, p):
    """The library's, for members side by side."""
    roll = lambda by: np.roll(x, by, axis=0)  # noqa: E731
    return (roll(-1) - roll(2)) * roll(1) - x + p.forcing


def standard_map(x, p):
    """Without the wrapping, which has no complex step."""
    momentum = x[1] + p.kick * np.sin(x[0])
    return [x[0] + momentum, momentum]


def derivative(f, x):
    """(n, B) -> f (n, B) and its Jacobian (B, n, n)."""
    n, step = len(x), 1e-30
    columns = [np.imag(f(x + 1j * step * np.eye(n)[:, [j]])) / step for j in range(n)]
    return np.real(f(x + 0j)), np.moveaxis(np.array(columns), (0, 1, 2), (2, 1, 0))


def step(f, x, q, dt):
    if dt is None:
        x, jacobian = derivative(f, x)
        return x, jacobian @ q
    moved, turned, k, y = 0.0, 0.0, 0.0, 0.0
    for reach, weight in ((0, 1), (dt / 2, 2), (dt / 2, 2), (dt, 1)):
        k, jacobian = derivative(f, x + reach * k)
        y = jacobian @ (q + reach * y)
        moved, turned = moved + weight * k, turned + weight * y
    return x + dt / 6 * moved, q + dt / 6 * turned


def exponents(name, steps, discarded):
    known = library[name]
    plain = {"lorenz96": lorenz96, "standard_map": standard_map}.get(name, known.f)
    p = type("Parameters", (), dict(known.params))
    f = lambda x: np.asarray(plain(x, p))  # noqa: E731
    rng = np.random.default_rng(0)
    x = np.array(known.initial)[:, None] + 1e-2 * rng.standard_normal((known.dim, MEMBERS))
    q = np.broadcast_to(np.eye(known.dim), (MEMBERS, known.dim, known.dim))
    total = np.zeros((MEMBERS, known.dim))
    for i in range(discarded + steps):
        x, q = step(f, x, q, known.dt)
        if name == "standard_map":
            x = np.mod(x, 2 * np.pi)
        q, r = np.linalg.qr(q)
        if i >= discarded:
            total += np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)))
    found = total / (steps * (known.dt or 1.0))
    return found.mean(axis=0), found.std(axis=0) / np.sqrt(MEMBERS)


if __name__ == "__main__":
    for name in sys.argv[1:] or library:
        mean, error = exponents(name, 40_000, 5_000)
        print(name, *(f"({m:.5f}, {e:.5f})" for m, e in zip(mean, error, strict=True)), flush=True)
