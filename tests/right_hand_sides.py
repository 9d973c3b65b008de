"""Right-hand sides that several tests measure: written once, and compiled once for all of them.

Known systems of the literature are in `lyapax.systems`, those of known classes in `catalogue`.
"""

import numpy as np


def linear(x, p):
    return [p.a * x[0]]


def diagonal(x, p):
    return [p.a * x[0], p.b * x[1]]


def spiral(x, p):
    """Eigenvalues -p.a +- i p.w."""
    return [-p.a * x[0] - p.w * x[1], p.w * x[0] - p.a * x[1]]


def square(x, p):
    return [x[0] ** 2]


def cube(x, p):
    return [p.a * x[0] ** 3]


def odd_cubic(x, p):
    return [p.a * x[0] - p.b * x[0] ** 3]


def duffing(x, p, t):
    """An oscillator in two wells, damped and driven."""
    return [x[1], -0.2 * x[1] + x[0] - x[0] ** 3 + p.drive * np.cos(t)]


def oscillators(m):
    """m oscillators by themselves, each with a limit cycle of radius 1 and its own p.omega[i]."""

    def f(x, p):
        u, v = x[::2], x[1::2]
        grow = 1 - u**2 - v**2
        return np.concatenate(
            [
                [grow[i] * u[i] - p.omega[i] * v[i], p.omega[i] * u[i] + grow[i] * v[i]]
                for i in range(m)
            ]
        )

    return f
