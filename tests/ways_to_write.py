"""Right-hand sides as people write them: each with what NumPy itself makes of it."""

import functools
import math
from collections import namedtuple
from dataclasses import dataclass, field
from math import sin as sine
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.special
from numba import njit
from numpy import zeros as blank


@dataclass
class Way:
    name: str
    f: Any
    dim: int
    params: Any = None
    plain: Any = None  # (x, t) -> values, where `f` cannot be called with numbers as it stands
    options: dict[str, Any] = field(default_factory=dict)

    def numbers(self, x, t):
        if self.plain:
            return np.ravel(self.plain(x, t))
        params = self.params
        if isinstance(params, dict):
            params = SimpleNamespace(**params)
        return np.ravel(self.f(x, params))


WAYS: list[Way] = []
LORENZ = {"sigma": 10.0, "rho": 28.0, "beta": 8 / 3}
OWN = SimpleNamespace(**LORENZ)


def way(dim, params=None, plain=None, **options):
    def add(f):
        WAYS.append(Way(f.__name__, f, dim, params, plain, options))
        return f

    return add


def lorenz(x):
    """The plain spelling that most of them are compared with."""
    return [10.0 * (x[1] - x[0]), x[0] * (28.0 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]


like_lorenz = dict(plain=lambda x, t: lorenz(x))


# Signatures.


@way(3)
def two_arguments(x, p):
    return lorenz(x)


@way(3, plain=lambda x, t: lorenz(x))
def state_only(x):
    return lorenz(x)


@way(3, plain=lambda x, t: np.array(lorenz(x)) + np.cos(t))
def with_time(x, p, t):
    return np.array(lorenz(x)) + np.cos(t)


@way(3, **like_lorenz)
def of_scipy(t, y):
    return lorenz(y)


@way(3, LORENZ, **like_lorenz)
def of_scipy_with_names(t, y, sigma, rho, beta):
    return [sigma * (y[1] - y[0]), y[0] * (rho - y[2]) - y[1], y[0] * y[1] - beta * y[2]]


@way(3, (10.0, 28.0, 8 / 3), **like_lorenz)
def of_scipy_with_a_tuple(t, y, sigma, rho, beta):
    return [sigma * (y[1] - y[0]), y[0] * (rho - y[2]) - y[1], y[0] * y[1] - beta * y[2]]


@way(3, LORENZ, **like_lorenz)
def of_scipy_with_star(t, y, *args):
    sigma, rho, beta = args
    return [sigma * (y[1] - y[0]), y[0] * (rho - y[2]) - y[1], y[0] * y[1] - beta * y[2]]


@way(3, LORENZ, **like_lorenz)
def of_scipy_with_one(t, y, q):
    return [q.sigma * (y[1] - y[0]), y[0] * (q.rho - y[2]) - y[1], y[0] * y[1] - q.beta * y[2]]


@way(3, **like_lorenz)
def of_odeint(y, t):
    return lorenz(y)


@way(3, LORENZ, **like_lorenz)
def of_odeint_with_names(state, t, sigma, rho, beta):
    x, y, z = state
    return [sigma * (y - x), x * (rho - z) - y, x * y - beta * z]


@way(3, LORENZ, **like_lorenz)
def parameters_by_name(x, sigma, rho, beta):
    return [sigma * (x[1] - x[0]), x[0] * (rho - x[2]) - x[1], x[0] * x[1] - beta * x[2]]


@way(3, **like_lorenz, signature="ty")
def told_to_be_of_scipy(s, u):
    return lorenz(u)


# Parameters.


@way(3, LORENZ)
def attributes(x, p):
    return [p.sigma * (x[1] - x[0]), x[0] * (p.rho - x[2]) - x[1], x[0] * x[1] - p.beta * x[2]]


@way(3, LORENZ, **like_lorenz)
def items(x, p):
    return [
        p["sigma"] * (x[1] - x[0]),
        x[0] * (p["rho"] - x[2]) - x[1],
        x[0] * x[1] - p["beta"] * x[2],
    ]


@way(3, LORENZ, **like_lorenz)
def places(x, p):
    return [p[0] * (x[1] - x[0]), x[0] * (p[1] - x[2]) - x[1], x[0] * x[1] - p[2] * x[2]]


@way(3, LORENZ, **like_lorenz)
def unpacked(x, p):
    sigma, rho, beta = p
    return [sigma * (x[1] - x[0]), x[0] * (rho - x[2]) - x[1], x[0] * x[1] - beta * x[2]]


@way(3, [10.0, 28.0, 8 / 3], **like_lorenz)
def a_list_of_parameters(x, p):
    sigma, rho, beta = p
    return [sigma * (x[1] - x[0]), x[0] * (rho - x[2]) - x[1], x[0] * x[1] - beta * x[2]]


@way(3, OWN)
def a_namespace(x, p):
    return [p.sigma * (x[1] - x[0]), x[0] * (p.rho - x[2]) - x[1], x[0] * x[1] - p.beta * x[2]]


@dataclass
class Constants:
    sigma: float = 10.0
    rho: float = 28.0
    beta: float = 8 / 3


@way(3, Constants())
def a_dataclass(x, p):
    return [p.sigma * (x[1] - x[0]), x[0] * (p.rho - x[2]) - x[1], x[0] * x[1] - p.beta * x[2]]


@way(3, namedtuple("Named", "sigma rho beta")(10.0, 28.0, 8 / 3))
def a_named_tuple(x, p):
    return [p.sigma * (x[1] - x[0]), x[0] * (p.rho - x[2]) - x[1], x[0] * x[1] - p.beta * x[2]]


W = np.random.default_rng(0).standard_normal((4, 4))


@way(4, {"W": W}, shapes={"W": (4, 4)})
def a_matrix(x, p):
    return -x + p.W @ np.tanh(x)


# In place.


@way(3)
def zeros_filled(x, p):
    dx = np.zeros(3)
    dx[0], dx[1], dx[2] = lorenz(x)
    return dx


@way(3)
def empty_filled(x, p):
    dx = np.empty(3, dtype=float)
    dx[:] = lorenz(x)
    return dx


@way(3)
def ones_multiplied(x, p):
    dx = np.ones(3)
    dx *= np.array(lorenz(x))
    return dx


@way(3)
def full_added(x, p):
    dx = np.full(3, 0.5)
    for i in range(3):
        dx[i] += lorenz(x)[i]
    return dx


@way(3)
def zeros_by_another_name(x, p):
    dx = blank((3,))
    dx[...] = lorenz(x)
    return dx


@way(3)
def zeros_like_state(x, p):
    dx = np.zeros_like(x)
    dx[:2] = lorenz(x)[:2]
    dx[-1] = lorenz(x)[-1]
    return dx


@way(3)
def imported_inside(x, p):
    from math import cos

    import numpy

    dx = numpy.zeros(len(x))
    dx += cos(x[0])
    return dx


@way(3)
def into_out(x, p):
    dx = np.empty(3)
    np.multiply(x, -0.5, out=dx)
    return np.add(dx, np.sin(x), out=dx)


@way(6)
def a_table_of_zeros(x, p):
    d = np.zeros((2, 3))
    d[0] = -x[:3]
    d[1, :] = x[:3] - x[3:]
    return d.ravel()


@way(4)
def eye_changed(x, p):
    a = -np.eye(4)
    a[0, 1] = x[2]
    return a @ x


def helper(x, out):
    out[0] = -x[0]
    out[1:] = np.zeros(2)
    out[1:] -= x[1:] ** 3


@way(3)
def filled_by_a_helper(x, p):
    dx = np.zeros(3)
    helper(x, dx)
    return dx


# Shapes.


@way(6)
def reshaped(x, p):
    q, v = x.reshape(2, 3)
    return np.concatenate([v, -q - 0.1 * v])


@way(4)
def a_square(x, p):
    m = x.reshape((2, 2))
    return (m.T @ m - 2.0 * m @ m.T - m).flatten()


@way(6)
def sums_along_axes(x, p):
    m = np.reshape(x, (2, 3))
    return (m.mean(axis=0) - m + m.sum(axis=1, keepdims=True) / 9).ravel()


@way(4)
def a_mask(x, p):
    dx = -x.copy()
    dx[np.array([True, False, True, False])] *= 2.0
    return dx


@way(5)
def rolled(x, p):
    return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8.0


@way(6)
def split_in_two(x, p):
    q, v = np.split(x, 2)
    return np.hstack((v, -np.sin(q)))


@way(4)
def stacked(x, p):
    return np.vstack([[x[1], -x[0]], [x[3], -x[2]]])


# Elementary functions.


@way(3)
def of_math(x, p):
    return [
        math.sin(x[1]),
        math.exp(-(x[0] ** 2)) - math.pi * x[1],
        sine(x[2]) - math.sqrt(2) * x[2],
    ]


@way(3)
def more_of_math(x, p):
    return [math.atan2(x[1], 1 + x[0] ** 2), -math.hypot(x[1], 1.0) + math.log(2 + x[0] ** 2, 2),
            math.erf(x[2]) - math.pow(x[2], 3)]  # fmt: skip


@way(3)
def built_in_extremes(x, p):
    return [max(x[0], 0.0) - x[0] * 2, min(x[1], x[2], 1.0) - x[1], -max([x[2], 0.5 * x[2]])]


@way(3)
def heaviside(x, p):
    return np.heaviside(x - 0.5, 0.5) - x


@way(3)
def cube_roots(x, p):
    return np.cbrt(x) - x


@way(3)
def hypotenuse(x, p):
    return -x * np.hypot(x[0], x[1])


@way(3)
def cardinal_sines(x, p):
    return np.sinc(x) - x


@way(3)
def log_sums(x, p):
    return np.logaddexp(0.0, x) - x - np.log1p(x**2) + np.expm1(-(x**2))


@way(3)
def of_special(x, p):
    s = scipy.special
    return [s.expit(x[0]) - x[0], s.erf(x[1]) - s.ndtr(x[1]) - x[1], s.log_expit(x[2]) - x[2]]


@way(3)
def whole_parts(x, p):
    return np.floor(x) - 1.5 * x + np.trunc(2 * x) - np.ceil(x) + np.fmod(x, 0.7) - np.rint(x)


@way(3)
def signs(x, p):
    return -np.sign(x) * np.abs(x) ** 1.5 + np.copysign(0.3, x)


# Tables.


@way(3)
def interpolated(x, p):
    return np.interp(x, [-1.0, -0.2, 0.0, 0.7, 2.0], [1.0, 0.3, 0.2, -0.5, -2.0]) - 0.2 * x


@way(3)
def in_pieces(x, p):
    return np.piecewise(x, [x < -0.5, x > 0.5], [lambda y: -2 * y, lambda y: y**2 - 2, 0.25]) - x


@way(3)
def selected(x, p):
    return np.select([x < -0.5, x < 0.5], [x**2, -x], default=1.0 - x)


@way(3)
def clipped(x, p):
    return np.clip(x, -0.4, 0.6) - x


# Linear algebra.


@way(4)
def norms(x, p):
    return -x * np.linalg.norm(x) + x / np.linalg.norm(x + 3.0, 1)


@way(4)
def einsum(x, p):
    return np.einsum("ij,j->i", W, np.tanh(x)) - x


@way(4)
def einsum_of_three(x, p):
    return np.einsum("ij,i,j->j", W, x, x) * 0.1 - x


@way(4)
def tensordot(x, p):
    return np.tensordot(W, np.tanh(x), axes=1) - x


@way(4)
def inner_products(x, p):
    return W.dot(np.tanh(x)) - x * (1 + np.vdot(x, x) + np.inner(x, x)) + 0.1 * x.dot(x)


@way(4)
def kronecker(x, p):
    return np.kron(x[:2], x[2:]) - x


@way(4)
def moments(x, p):
    return np.mean(x) - x + 0.1 * np.var(x) - 0.1 * np.std(x) + np.max(x) - np.min(x)


@way(5)
def gradients(x, p):
    return -np.gradient(x, 0.5) - x


@way(5)
def convolved(x, p):
    return np.convolve(x, [0.2, -1.0, 0.3], mode="same")


@way(2)
def mass_matrix(x, p):
    return np.linalg.solve(np.array([[2.0, 0.5], [0.5, 1.0]]), -x)


@way(2)
def mass_matrix_of_the_state(x, p):
    m = np.array([[2.0, np.cos(x[0])], [np.cos(x[0]), 1.5]])
    return np.linalg.solve(m, -x) + np.linalg.inv(m)[0] - np.linalg.det(m)


@way(4)
def a_polynomial(x, p):
    return np.polyval([-1.0, 0.2, 0.5, 0.1], x)


# Decisions.


@way(2)
def an_if(x, p):
    if x[0] > 0:
        return [-x[0], x[1] - x[1] ** 3]
    return [-2.0 * x[0] + 0.1, -x[1]]


@way(2, {"a": 0.3})
def ifs_in_ifs(x, p):
    push = 0.0
    if x[0] < p.a:
        if x[1] > 0 or x[0] < -1:
            push = 0.5
        elif not x[1] < -0.5:
            push = -0.25
    return [x[1], -x[0] - 0.2 * x[1] + push]


@way(3)
def chained(x, p):
    return [(-v if 0 < v < 1 else 0.5 - v) for v in x]


@way(2)
def absolute_by_hand(x, p):
    speed = x[1] if x[1] >= 0 else -x[1]
    return [x[1], -x[0] - 0.1 * speed * x[1]]


@way(4)
def loops(x, p):
    total = 0.0
    for i, v in enumerate(x):
        total += (i + 1) * v
    return [total * 0.1 - v**3 for v in x]


@way(3)
def equality(x, p):
    return [(x[0] != 1) * -x[0], (x[1] == 2) + -x[1], -x[2] * (x[2] > -9)]


@way(3)
def doubled_before_an_if(x, p):
    """What one way changes in place the other must not see."""
    y = x * 1.0
    v = y[:2]
    v *= 2
    x += 1.0
    if y[1] > 0:
        return y - x
    return -y + x


@way(3)
def asks_for_types(x, p):
    if isinstance(x, np.ndarray) and x.dtype == float and np.isscalar(x[0]):
        return [-v if isinstance(v, float) else v for v in x]
    return [2 * v for v in x]


@way(3, {"a": -3.0}, plain=lambda x, t: -3.0 * x)
def a_parameter_after_a_star(t, y, *, a=2.0):
    return a * y


@way(3, {"a": -3.0}, plain=lambda x, t: -4.0 * x)
def another_after_a_star(x, p, *, a):
    return a * x + p.a * x / 3.0


@way(3, (-7.0,), plain=lambda x, t: [-7.0 * x[0], x[1], x[2]])
def fewer_values_than_arguments(t, y, a=2.0, b=1.0):
    return [a * y[0], b * y[1], y[2]]


@way(3)
def lengths_of_three(x, p):
    return -x * math.hypot(x[0], x[1], x[2])


@way(4)
def norms_of_matrices(x, p):
    m = np.outer(x, x) + np.eye(4)
    return -x * (np.linalg.norm(m, 1) + np.linalg.norm(m, np.inf) + np.linalg.norm(m))


@way(3)
def averages_along_axes(x, p):
    m = np.outer(x, [1.0, 2.0, 3.0])
    rows = np.average(m, axis=0, weights=[1.0, 2.0, 3.0])
    return rows - np.average(m, axis=1, weights=[3.0, 2.0, 1.0]) - x


@way(3)
def conditions_added(x, p):
    return x * ((x > 0) + (x > 0.5)) - x * (True + (x < 0)) - 0.2 * np.sum(x > 0)


@way(3)
def rounded_to_even(x, p):
    return np.rint(np.array([2.5, -1.5, 0.5]) + 0 * x) - x


# What is no plain function.


@njit
def jitted(x, p):
    out = np.zeros(3)
    out[0] = 10.0 * (x[1] - x[0])
    out[1] = x[0] * (28.0 - x[2]) - x[1]
    out[2] = x[0] * x[1] - 8 / 3 * x[2]
    return out


WAYS.append(Way("jitted", jitted, 3, plain=lambda x, t: lorenz(x)))


@njit
def slope(x):
    return np.tanh(x) - x


@way(3)
def calls_a_jitted_one(x, p):
    return slope(x)


class Model:
    def __init__(self):
        self.a = 0.5

    def rhs(self, t, y):
        dy = np.zeros(2)
        dy[0] = y[1]
        dy[1] = -self.a * y[0]
        return dy

    def __call__(self, x, p):
        return self.rhs(0.0, x)


WAYS.append(Way("a_method", Model().rhs, 2, plain=lambda x, t: [x[1], -0.5 * x[0]]))
WAYS.append(Way("a_callable_object", Model(), 2))


def scaled(factor, x, p):
    return factor * x


WAYS.append(Way("partial", functools.partial(scaled, -0.5), 2))
WAYS.append(Way("a_lambda", lambda x, p: -x + np.array([0.0, 1.0]), 2))


def made(n):
    ring = np.roll(np.eye(n), 1, axis=1)

    def f(x, p):
        return coupling(x) - x

    def coupling(x):
        out = np.zeros(n)
        out[:] = ring @ np.sin(x)
        return out

    return f


WAYS.append(Way("a_closure", made(4), 4))


# What has to be written otherwise, and the words that say so.

REFUSED = []


def refused(words, dim=2, error=TypeError):
    def add(f):
        REFUSED.append((f.__name__, f, dim, words, error))
        return f

    return add


@refused("np.floor")
def an_int(x, p):
    return [int(x[0]), -x[1]]


@refused("np.where")
def a_loop_without_end(x, p):
    while x[0] > 1:
        x = x / 2
    return x


@refused("np.where")
def an_index(x, p):
    table = np.array([1.0, 2.0])
    return [table[x[0] > 0], -x[1]]


@refused("np.zeros_like", dim=3)
def a_buffer_from_outside(x, p):
    BUFFER[0] = x[0]
    return BUFFER


BUFFER = np.zeros(3)


@refused("np.floor", dim=1)
def a_caught_refusal(x, p):
    try:
        return [1 / float(x[0])]
    except TypeError:
        return [0.0]


@refused("np.sort")
def sorted_values(x, p):
    return np.sort(x)
