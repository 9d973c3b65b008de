"""Models in the ways in which public code writes them: textbooks, questions, packages for SciPy."""

import random
from math import cos, fabs, sin

import numpy as np
import scipy.interpolate
import scipy.sparse

from .ways_to_write import Way

SYSTEMS: list[Way] = []
RNG = np.random.default_rng(7)
RATES, LINKS = RNG.standard_normal(5), 1.0 * (RNG.random((5, 5)) < 0.6)
LINKED = {"rates": (5,), "links": (5, 5)}


def system(dim, params=None, plain=None, **options):
    def add(f):
        SYSTEMS.append(Way(f.__name__, f, dim, params, plain, options))
        return f

    return add


def by_scipy(*args):
    """Called as solve_ivp does; the function is set by `of_scipy`."""

    def add(f, **options):
        plain = lambda x, t: f(t, x, *args)  # noqa: E731
        SYSTEMS.append(Way(f.__name__, f, options.pop("dim"), args or None, plain, options))
        return f

    return add


def of_scipy(dim, *args, **options):
    return lambda f: by_scipy(*args)(f, dim=dim, **options)


def of_odeint(dim, *args, **options):
    def add(f):
        plain = lambda x, t: f(x, t, *args)  # noqa: E731
        SYSTEMS.append(Way(f.__name__, f, dim, args or None, plain, options))
        return f

    return add


@of_odeint(3)
def chua_with_defaults(u, t, alpha=15.6, beta=28.0, a=-1.143, b=-0.714):
    du = np.zeros(np.shape(u))
    x, y, z = u
    slope = b * x + 0.5 * (a - b) * (np.abs(x + 1) - np.abs(x - 1))
    du[0] = alpha * (y - x - slope)
    du[1] = x - y + z
    du[2] = -beta * y
    return du


@of_scipy(3)
def chua_of_math(t, state, a=15.6, b=28, m0=-1.143, m1=-0.714):
    x, y, z = state
    slope = m1 * x + 0.5 * (m0 - m1) * (fabs(x + 1) - fabs(x - 1))
    return np.array([a * (y - x - slope), x - y + z, -b * y])


@of_scipy(3)
def chua_in_pieces(t, state):
    x, y, z = state
    if x >= 1:
        h = -0.714 * x - 0.429
    elif x >= -1:
        h = -1.143 * x
    else:
        h = -0.714 * x + 0.429
    return [15.6 * (y - x - h), x - y + z, -28.0 * y]


@of_scipy(10)
def ring_of_fitzhugh_nagumo(t, xy):
    n = 5
    weights = np.zeros([n, n])
    for i in range(n):
        for j in range(n):
            if (i - j) in [1, 1 - n]:
                weights[i][j] = 0.3
    dy = np.zeros(2 * n)
    for i in range(n):
        dy[i] = 0.08 * (xy[i + n] + 0.7 - 0.8 * xy[i])
        dy[i + n] = xy[i + n] - xy[i + n] ** 3 / 3 - xy[i] + 0.32
    for i in range(n):
        for j in range(n):
            dy[i + n] += weights[i][j] * (xy[j + n] - xy[i + n])
    return dy


@of_scipy(5, RATES, LINKS, shapes=LINKED)
def kuramoto_by_outer(t, theta, rates, links):
    return rates - np.sum(links * np.sin(np.subtract.outer(theta, theta)), axis=1)


@of_scipy(5, RATES, 3.0, shapes={"rates": (5,)})
def kuramoto_by_a_loop(t, theta, rates, coupling):
    n = len(theta)
    change = np.zeros(n)
    for i in range(n):
        change[i] = rates[i] + coupling / n * np.sum(np.sin(theta - theta[i]))
    return change


@of_scipy(5, RATES, 2.0, 0.5, shapes={"rates": (5,)})
def kuramoto_by_its_mean_field(t, theta, rates, coupling, power):
    field = np.mean(np.exp(1j * theta))
    return rates + coupling * np.abs(field) ** power * np.sin(np.angle(field) - theta)


@of_scipy(4, 1.0, 1.0)
def double_pendulum_by_its_mass_matrix(t, y, mu, length):
    first, second, w1, w2 = y
    mixed = mu * length * np.cos(first - second)
    mass = np.array([[1 + mu, mixed], [mixed, mu * length**2]])
    force = np.array(
        [
            [-(1 + mu) * np.sin(first) - mu * length * np.sin(first - second) * w2**2],
            [mu * length * (-np.sin(second) + np.sin(first - second) * w1**2)],
        ]
    )
    turned = np.matmul(np.linalg.inv(mass), force)
    return [w1, w2, turned[0][0], turned[1][0]]


@of_scipy(4)
def double_pendulum_of_math(t, X):
    a, b, u, v = X
    below = 3 - cos(2 * a - 2 * b)
    swing = 2 * sin(a - b) * ((v**2) + (u**2 * cos(a - b)))
    first = (-9.81 * 3 * sin(a) - 9.81 * sin(a - (2 * b)) - swing) / below
    lift = 2 * u**2 + 2 * 9.81 * cos(a) + v**2 * cos(a - b)
    return [u, v, first, 2 * sin(a - b) * lift / below]


@of_scipy(12)
def three_bodies(t, state):
    p, v = state[:6].reshape(3, 2) + np.array([[0.0, 3.0], [4.0, 0.0], [0.0, -3.0]]), state[6:]
    pull = []
    for i in range(3):
        total = np.zeros(2)
        for j in range(3):
            if i != j:
                total += (p[j] - p[i]) / np.linalg.norm(p[j] - p[i]) ** 3
        pull.append(total)
    return np.concatenate([v.reshape(3, 2).ravel(), np.array(pull).ravel()])


@of_odeint(2, 0.1, 0.25, 10.0, 1.05)
def duffing_that_is_driven(var, t, damping, cubic, force, rate):
    there = var[1]
    return np.array([there, -damping * there + var[0] - cubic * var[0] ** 3 + np.cos(rate * t)])


@system(2, plain=lambda x, t: duffing_without_time(t, x))
def duffing_without_time(_, state):
    x, v = state
    return np.stack([v, -0.5 * v - x * (x**2 - 1)])


@of_scipy(4)
def henon_heiles(t, u):
    q, p, r, s = u
    return [p, -q * (1 + 2 * r), s, -(q * q + r - r * r)]


HODGKIN_HUXLEY = (1.0, 120.0, 36.0, 0.3, 50.0, -77.0, -54.4, 10.0)


@of_scipy(4, *HODGKIN_HUXLEY)
def hodgkin_huxley(t, y, c, g_na, g_k, g_l, e_na, e_k, e_l, current):
    v, n, m, h = y
    v = v - 60.0
    flow = g_k * n**4 * (v - e_k) + g_na * m**3 * h * (v - e_na) + g_l * (v - e_l)
    a_n = 0.01 * (v + 55) / (1 - np.exp(-(v + 55) / 10))
    a_m = 0.1 * (v + 40) / (1 - np.exp(-(v + 40) / 10))
    b_n, b_m = 0.125 * np.exp(-(v + 65) / 80), 4 * np.exp(-(v + 65) / 18)
    a_h, b_h = 0.07 * np.exp(-(v + 65) / 20), 1 / (1 + np.exp(-(v + 35) / 10))
    return np.array(
        [
            (-flow + current) / c / 100,
            a_n * (1 - n) - b_n * n,
            a_m * (1 - m) - b_m * m,
            a_h * (1 - h) - b_h * h,
        ]
    )


def firing(v, e0=2.5, v0=6.0, r=0.56):
    return 2 * e0 / (1 + np.exp(r * (v0 - v)))


@of_scipy(6, 1.2)
def jansen_rit(t, y, drive, pars={"A": 3.25, "a": 1.0, "B": 22.0, "b": 0.5, "C": 1.35}):  # noqa: B006
    A, a, B, b = pars["A"], pars["a"], pars["B"], pars["b"]
    dy = np.zeros_like(y)
    dy[0], dy[2], dy[4] = y[1], y[3], y[5]
    dy[1] = A * a * firing(y[2] - y[4]) - 2 * a * y[1] - a**2 * y[0]
    dy[3] = A * a * (drive + 0.8 * firing(pars["C"] * y[0])) - 2 * a * y[3] - a**2 * y[2]
    dy[5] = B * b * 0.25 * firing(0.25 * y[0]) - 2 * b * y[5] - b**2 * y[4]
    return dy


@of_scipy(8)
def lorenz_96_by_its_ends(t, x):
    n = len(x)
    d = np.zeros(n)
    for i in range(n):
        d[i] = (x[(i + 1) % n] - x[i - 2]) * x[i - 1] - x[i] + 8.0
    return d


@of_scipy(5)
def a_ring_joined_by_hand(t, y):
    left = np.concatenate(([y[-1]], y[:-1]))
    return left - np.append(y[1:], y[0]) - y


@of_scipy(1, 2.0, 0.5)
def more_after_a_star(t, y, rate, *more):
    return [-rate * y[0] + more[0]]


@system(1, {"rate": 2.0, "shift": 0.5}, plain=lambda x, t: more_by_name(t, x, rate=2.0, shift=0.5))
def more_by_name(t, y, rate, **more):
    return [-rate * y[0] + more["shift"]]


@system(4, (1.5, 0.8, 0.3, 0.6), plain=lambda x, t: lotka_volterra(x, (1.5, 0.8, 0.3, 0.6)))
def lotka_volterra(state, parameters):
    a, b, c, d = parameters
    found = []
    for i in range(0, 4, 2):
        found += [a * state[i] - b * state[i] * state[i + 1], c * state[i] - d * state[i + 1]]
    return np.array(found)


@system(2, (1.5,), plain=lambda x, t: standard_map_with_one_parameter(x, (1.5,)))
def standard_map_with_one_parameter(u, parameters):
    k = parameters[0]
    p = u[1] + k * np.sin(u[0])
    return np.array([np.mod(u[0] + p, 2 * np.pi), np.mod(p, 2 * np.pi)])


@system(1, plain=lambda x, t: logistic_with_its_default(x))
def logistic_with_its_default(x, r=3.9):
    return r * x * (1 - x)


@system(2, np.array([1.4, 0.3]), plain=lambda x, t: henon_by_an_array(x, [1.4, 0.3]))
def henon_by_an_array(x, p):
    return [1 - p[0] * x[0] ** 2 + x[1], p[1] * x[0]]


@system(3, plain=lambda x, t: list(roesslers_as_a_generator(t, x)))
def roesslers_as_a_generator(t, y):
    yield -y[1] - y[2]
    yield y[0] + 0.2 * y[1]
    yield 0.2 + y[2] * (y[0] - 5.7)


@of_scipy(2)
def guarded(t, y):
    if np.isnan(y).any():
        return np.zeros(2)
    print(f"{y[0]:.3f}", end="")
    return np.where(np.isfinite(y), -y, 0.0)


@of_scipy(4)
def neural_field_with_weights_inside(t, v):
    weights = np.outer(np.cos(np.arange(4)), np.sin(np.arange(4)))
    rate = 1 / (1 + np.exp(-v))
    return -v + weights.dot(rate) + 0.1 * np.diff(rate, append=rate[0])


# What has to be written otherwise: dim, params, words that say so.
REFUSED = []


def refused(words, dim=2, params=None):
    def add(f):
        REFUSED.append((f.__name__, f, dim, params, words))
        return f

    return add


@refused("differs from one call to the next.*noise=", dim=5)
def noise_inside(theta, p):
    return RATES + np.random.normal(0, 0.01, 5) - theta  # noqa: NPY002


@refused("differs from one call to the next", dim=1)
def noise_of_python(x, p):
    return [random.random() - x[0]]


CALLS = [0]


@refused("differs from one call to the next", dim=1)
def a_count_of_calls(x, p):
    CALLS[0] += 1
    return -CALLS[0] * x


@refused(r"f takes x, y.*lambda s, p: f\(\*s, \.\.\.\).*signature=\"ty\"")
def henon_one_by_one(x, y, a=1.4, b=0.3):
    return 1 - a * x**2 + y, b * x


@refused(r"p.n is a parameter, and a size must be known: functools.partial\(f, n=", params={"n": 2})
def a_size_as_a_parameter(x, p):
    return np.zeros(p.n) - x


@refused(r'shapes=\{"rates": \(5,\), "links": \(5, 5\)\}', 5, {"rates": RATES, "links": LINKS})
def arrays_without_shapes(x, p):
    return p.rates - p.links @ x


@refused(r'shapes=\{"rates": \(5,\), "weights": \(5,\)\}', 5, {"rates": RATES, "weights": RATES})
def vectors_without_shapes(x, p):
    return p.rates - p.weights * x


SPARSE = scipy.sparse.csr_array(np.eye(2))


@refused(r"W\.toarray\(\) @ x, or take lx\.RateNetwork")
def a_sparse_matrix(x, p):
    return SPARSE @ np.tanh(x) - x


MEASURED = scipy.interpolate.interp1d([0.0, 1.0], [0.0, 2.0])


@refused(r"np\.interp\(t, times, values\)")
def an_interpolation_of_scipy(t, y):
    return MEASURED(t) - y


@refused(r"of data np\.interp")
def a_row_of_data(t, y):
    return RATES[int(t)] - y


@refused(r"params\['drive'\] must be real numbers, got a function.*partial", 1, {"drive": np.cos})
def a_function_as_a_parameter(t, y, drive):
    return [drive(t) - y[0]]


@refused(r"dim must be an integer, and x\.reshape\(4, 2\)", dim=(4, 2))
def a_state_of_two_axes(t, x):
    return -x


@refused(r"p holds all parameters: write p\.a", 1, {"rate": 2.0})
def all_parameters_for_one(x, p):
    return -p * x


@refused(r"p holds all parameters: write p\.a", 1, {"rate": 2.0})
def all_parameters_times_the_state(x, p):
    return x * p


TABLE = {"sin": sin}


@refused(r"math\.sin need numbers.*np\.sin", 1)
def a_table_of_functions(x, p):
    return [TABLE["sin"](x[0])]
