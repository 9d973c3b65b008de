"""What the tracer accepts compiles, and is what NumPy computes of the same function."""

from functools import cache

import numpy as np
import pytest
import scipy.special
import sympy

import lyapax as lx
from lyapax.kernels.codegen import (
    ARRAYS,
    PYTHON,
    Graph,
    interpreted,
    interpreted_outputs,
    on_arrays,
    printed,
    statements,
    without_source,
)
from lyapax.kernels.cuda.field_source import field_source
from lyapax.kernels.cuda.sources import source
from lyapax.kernels.derivatives import Derivatives
from lyapax.kernels.expressions import in_ours
from lyapax.systems import library
from lyapax.systems.elementary import ELEMENTARY
from lyapax.systems.trace import trace
from lyapax.systems.traced import FUNCTIONS

from . import nvrtc
from .cuda_emulator import RawModule

CONDITIONS = {
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "equal",
    "not_equal",
    "logical_and",
    "logical_or",
    "logical_not",
    "bitwise_and",
    "bitwise_or",
    "invert",
}
GUARDS = {"isnan", "isinf", "isfinite"}  # which are constants, or refused
SAFE = {  # arguments inside the domain, and of moderate size
    **dict.fromkeys(
        ["sqrt", "log", "log2", "log10", "power", "float_power", "reciprocal"],
        lambda u: 0.5 + abs(u),
    ),
    **dict.fromkeys(["log1p", "hypot", "cbrt"], lambda u: 0.1 + abs(u)),
    "logit": lambda u: 0.5 + 0.4 * np.sin(u),
    **dict.fromkeys(["arcsin", "arccos", "arctanh"], lambda u: 0.9 * np.sin(u)),
    **dict.fromkeys(["exp", "expm1", "exp2", "sinh", "cosh"], lambda u: 2 * np.tanh(u)),
    "arccosh": lambda u: 1.5 + abs(u),
    "tan": np.sin,
}
DENOMINATORS = {"divide", "floor_divide", "remainder", "mod", "fmod"}


class Expressions:
    """Random functions of (x, p, t) out of all accepted operations."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def pick(self, options):
        return options[self.rng.integers(len(options))]

    def leaf(self):
        constant = float(np.round(self.rng.normal(), 2))
        return self.pick(
            [
                lambda x, p, t: x[0],
                lambda x, p, t: x[1],
                lambda x, p, t: x[0] - constant * x[1],
                lambda x, p, t: p.a * x[0],
                lambda x, p, t: x[1] + np.sin(t),
                lambda x, p, t: constant + 0 * x[0],
            ]
        )

    def number(self, depth):
        names = sorted(set(ELEMENTARY) - CONDITIONS - GUARDS)
        return self.leaf() if depth == 0 else self.called(self.pick(names), depth)

    def condition(self, depth):
        name = self.pick(sorted(CONDITIONS)) if depth > 0 else self.pick(["greater", "less_equal"])
        return self.called(name, max(depth, 1))

    def called(self, name, depth):
        function = getattr(np, name, None) or getattr(scipy.special, name)
        logical = name in CONDITIONS and ("and" in name or "or" in name or "t" == name[-1])
        logical = logical or name == "logical_not"
        build = self.condition if logical and name != "equal" else self.number
        arguments = [build(depth - 1) for _ in range(function.nin)]
        safe = SAFE.get(name, lambda u: u)
        if function.nin == 1:
            return lambda x, p, t: function(safe(arguments[0](x, p, t)))
        a, b = arguments
        if name == "xlogy":
            return lambda x, p, t: function(a(x, p, t), 0.5 + abs(b(x, p, t)))
        if name in DENOMINATORS:
            return lambda x, p, t: function(a(x, p, t), 0.5 + abs(b(x, p, t)))
        if "power" in name:
            exponent = self.pick([0.5, 2, -1.5, 3.0, None])
            if exponent is not None:
                return lambda x, p, t: function(safe(a(x, p, t)), exponent)
            return lambda x, p, t: function(safe(a(x, p, t)), np.sin(b(x, p, t)))
        return lambda x, p, t: function(safe(a(x, p, t)), b(x, p, t))

    def chosen(self, depth):
        where, a, b = self.condition(2), self.number(depth), self.number(depth)
        return self.pick(
            [
                lambda x, p, t: np.where(where(x, p, t), a(x, p, t), b(x, p, t)),
                lambda x, p, t: np.clip(a(x, p, t), -1.0, np.maximum(b(x, p, t), 0.5)),
                lambda x, p, t: np.minimum(np.sqrt(a(x, p, t) ** 2), np.maximum(b(x, p, t), 0.3)),
                lambda x, p, t: a(x, p, t) * where(x, p, t),
                lambda x, p, t: np.where(np.clip(a(x, p, t), 0, 1) > b(x, p, t), x[0], 1.0),
            ]
        )


class P:
    a = 1.3


TIME = 0.7


class Function:
    """Every operation at the root of an output, and choices between them."""

    def __init__(self, seed, depth, choices):
        random = Expressions(seed)
        self.roots = [random.called(name, depth) for name in sorted(set(ELEMENTARY) - GUARDS)]
        self.roots += [random.chosen(depth) for _ in range(choices)]
        self.n = len(self.roots)
        self.graph = trace(self, self.n, {"a": ()}, timed=True)

    def __call__(self, x, p, t):
        return [root(x, p, t) for root in self.roots]

    def at(self, x):
        return np.array([float(v) for v in self(x, P, TIME)])

    def points(self, count=4):
        rng = np.random.default_rng(1)
        return [np.concatenate([rng.normal(size=2), np.zeros(self.n - 2)]) for _ in range(count)]

    def check(self, x, values, slopes):
        """Slopes against central differences, where both sides agree on one."""
        h, here = 1e-5, self.at(x)
        np.testing.assert_allclose(values, here, rtol=1e-9, atol=1e-12)
        compared = 0
        for j in range(2):
            step = h * (np.arange(self.n) == j)
            ahead, behind = (self.at(x + step) - here) / h, (here - self.at(x - step)) / h
            central = (ahead + behind) / 2
            smooth = abs(ahead - behind) < 1e-2 * (1 + abs(central))
            found = np.array([slopes.get((i, j), 0.0) for i in range(self.n)])
            np.testing.assert_allclose(found[smooth], central[smooth], rtol=1e-4, atol=1e-4)
            compared += smooth.mean()
        assert compared > 1.8


@cache
def shallow():
    return Function(0, 1, 8)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_operation_is_numpy_s_and_so_is_its_slope(seed):
    """In plain Python, from the source that is compiled too; and on arrays."""
    f = Function(seed, 2, 20)
    values, slopes = interpreted_outputs(statements(f.graph)), interpreted(statements(f.graph))
    arrays = on_arrays(f.graph, f.graph.outputs)
    for x in f.points():
        f.check(x, values(TIME, x.tolist(), [P.a]), slopes(TIME, x.tolist(), [P.a]))
        both = arrays(TIME, np.stack([x, x], axis=1), [P.a])
        for value, expected in zip(both, f.at(x), strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


def test_derivatives_in_all_variables_at_once_are_those_of_one_after_the_other():
    """To the expression, since code, and so the bits of results, is made of it."""
    graphs = [Function(5, 2, 10).graph, *(known.system().graph for known in library.values())]
    compared = 0
    for graph in graphs:
        derivatives = Derivatives(graph.state)
        for output in graph.outputs:
            slopes = derivatives.of(output)
            for x in graph.state[:8]:
                assert slopes.get(x, 0) == sympy.diff(output, x)
                compared += x in slopes
    assert compared > 150


def test_every_operation_compiles():
    from lyapax.kernels.cpu.traced.linear import compiled_field
    from lyapax.kernels.cpu.traced.steps import state_step

    f = shallow()
    field, indptr, indices = compiled_field(statements(f.graph))
    rows = np.repeat(np.arange(f.n), np.diff(indptr)).tolist()
    for x in f.points():
        state, tape = x.copy(), np.empty((1, len(indices)))
        state_step(field, np.array([P.a]), 0.0, TIME, state, np.empty((3, f.n)), tape)
        places = zip(rows, indices.tolist(), strict=True)
        f.check(x, state, dict(zip(places, tape[0], strict=True)))


def test_registers_give_the_bits_of_single_numbers():
    """One member at a time, two registers side by side, and registers in a loop."""
    from lyapax.kernels.cpu.traced.lanes import Lanes
    from lyapax.kernels.propagator import initial_carry

    f, members = shallow(), 40
    rng = np.random.default_rng(0)
    state, basis = np.zeros((members, f.n)), np.zeros((members, f.n, 1))
    state[:, :2] = rng.normal(size=(members, 2))
    basis[:, :2, 0] = rng.normal(size=(members, 2))
    params, found = np.full((1, 1), P.a), []
    for lanes in (1, 8, 32):
        run = Lanes(statements(f.graph), params, 0.0, 1, members, np.float64, lanes)
        carry = initial_carry(state.copy(), basis.copy())
        run.propagate(carry, 1, 1)
        found.append((carry.state, carry.basis, carry.log_sum))
    for single, two, loop in zip(*found, strict=True):
        assert np.array_equal(single, two, equal_nan=True)
        assert np.array_equal(single, loop, equal_nan=True)
    expected = [[float(root(x, P, 0.0)) for root in f.roots] for x in state]
    np.testing.assert_allclose(found[0][0], expected, rtol=1e-9, atol=1e-12)


KERNEL = """
extern "C" __global__ void both(const double *x, double a, double *f, double *d) {
    const REAL p[] = {REAL(a)};
    REAL state[DIM], slopes[SLOPES], column[DIM], values[DIM];
    for (int i = 0; i < DIM; ++i) state[i] = x[i];
    field(0.7, state, p, values, slopes);
    for (int i = 0; i < DIM; ++i) f[i] = values[i];
    for (int j = 0; j < 2; ++j) {
        for (int i = 0; i < DIM; ++i) column[i] = i == j;
        tangent(slopes, p, column, values);
        for (int i = 0; i < DIM; ++i) d[2 * i + j] = values[i];
    }
}
"""


def test_every_operation_in_cuda():
    f = shallow()
    code = (
        source("common.cuh") + field_source(f.graph).replace('#include "common.cuh"', "") + KERNEL
    )
    kernel = RawModule(code=code, options=("-DREAL=double", "-std=c++17")).get_function("both")
    for x in f.points():
        values, slopes = np.zeros(f.n), np.zeros((f.n, 2))
        kernel((1,), (1,), (x, np.float64(P.a), values, slopes))
        f.check(x, values, dict(np.ndenumerate(slopes)))
    if nvrtc.available()[0]:
        assert "both" in nvrtc.compiled(code, ("-DREAL=float", "-std=c++17"), 90)


def same_as_numpy(f, x):
    """The values of f, a list of numbers, and those of its graph."""
    x = np.asarray(x)
    expected = np.array([float(v) for v in f(x.copy(), P)])
    n = max(len(expected), len(x))
    padded = np.concatenate([x, np.ones(n - len(x))])

    def whole(y, p):
        found = f(y[: len(x)].copy(), p)
        return [*found, *[0.0] * (n - len(expected))]

    graph = trace(whole, n, {"a": ()}, timed=False)
    found = interpreted_outputs(statements(graph))(0.0, padded.tolist(), [P.a])[: len(expected)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_the_largest_of_many_does_not_grow_by_powers_of_two():
    """As a chain of comparisons, 20 elements were a million expressions."""
    weights = np.cos(np.arange(65.0)).reshape(13, 5)

    def largest(x, p):
        scaled = p.W * x[0]
        return [np.max(scaled), np.min(p.W, axis=1)[3] * x[1], *np.max(scaled, axis=0)[:2]]

    step = lx.Map(largest, 4, {"W": weights}, shapes={"W": weights.shape})
    path = lx.trajectory(step, duration=1, initial=[0.7, 1.0, 0.0, 0.0], progress=False)
    expected = [(0.7 * weights).max(), weights.min(axis=1)[3], *(0.7 * weights).max(axis=0)[:2]]
    np.testing.assert_allclose(path.states[1], expected, rtol=1e-14)


def test_a_long_sum_is_source_that_parses():
    """Python's parser takes 200 parentheses within one another."""
    many = sympy.symbols("a:1000", real=True)
    total = sympy.Add(*(a * b for a, b in zip(many[::2], many[1::2], strict=True)), many[0])
    values = np.random.default_rng(0).standard_normal(1000)
    given = {symbol.name: value for symbol, value in zip(many, values, strict=True)}
    found = eval(printed(total, PYTHON), {**ARRAYS, **given})
    assert abs(found - values[::2] @ values[1::2] - values[0]) < 1e-11


X = [0.3, -1.2, 0.7, 2.1]
CALLS = {
    "where": lambda x: np.where(x, x**2, [1, 2, 3, 4]),
    "clip": lambda x: [np.clip(x, -1, a_max=x[2]), np.clip(x, None, 1), x.clip(0)],
    "zeros_like": lambda x: np.zeros_like(x, dtype=float) + np.zeros_like(x, shape=(2, 4)),
    "ones_like": lambda x: np.ones_like(x) / 3,
    "empty_like": lambda x: np.multiply(x, 2, out=np.empty_like(x)),
    "full_like": lambda x: np.full_like(x, x[1]),
    "max": lambda x: [np.max(x), x.max(), *np.max(x.reshape(2, 2), axis=1)],
    "amax": lambda x: [
        *np.amax(x.reshape(2, 2), axis=0, keepdims=True)[0],
        *np.max(x.reshape(2, 2), axis=(0, 1), keepdims=True)[0],
        *np.max(x.reshape(2, 2), axis=np.int64(-1)),
        np.max(x.reshape(2, 2), axis=None, keepdims=True)[0, 0],
        np.max(x, initial=9.0),
        np.max(x[:0], initial=3.0),
    ],
    "min": lambda x: [np.min(x), x.min()],
    "amin": lambda x: np.amin(x.reshape(2, 2), axis=-1),
    "any": lambda x: [np.any(x > 2) * 1.0, np.any(x > 3) * 1.0],
    "all": lambda x: np.where(np.all(x.reshape(2, 2) > 0, axis=1), 1.0, 2.0),
    "sum": lambda x: [np.sum(x > 0), x.sum(), *np.sum(x.reshape(2, 2), axis=0), sum(x)],
    "prod": lambda x: [np.prod(x), np.multiply.reduce(x, initial=2.0)],
    "dot": lambda x: [np.dot(x, x), x.dot(np.arange(4.0)), np.dot(np.arange(4), x)],
    "inner": lambda x: np.inner(x.reshape(2, 2), x[:2]),
    "outer": lambda x: np.outer(x, x[:2]),
    "cumsum": lambda x: np.cumsum(x),
    "cumprod": lambda x: np.cumprod(x),
    "diff": lambda x: np.diff(x, prepend=0.5),
    "trace": lambda x: [np.trace(x.reshape(2, 2))],
    "mean": lambda x: [np.mean(x), *x.reshape(2, 2).mean(axis=1)],
    "tensordot": lambda x: np.tensordot(x.reshape(2, 2), np.eye(2), 1),
    "einsum": lambda x: np.einsum("ij,j->i", x.reshape(2, 2), x[:2]),
    "cross": lambda x: np.cross(x[:3], [1.0, 2.0, 3.0]),
    "concatenate": lambda x: np.concatenate([x, np.zeros(1), [x[0]]]),
    "stack": lambda x: np.stack([x, 2 * x], axis=1),
    "hstack": lambda x: np.hstack([x[0], x]),
    "vstack": lambda x: np.vstack([x, x]) @ x,
    "roll": lambda x: [np.roll(x, 1), np.where(np.roll(x > 0, 1), 1.0, x)],
    "reshape": lambda x: np.reshape(x, (2, 2)).T @ x.reshape(2, -1),
    "transpose": lambda x: [np.transpose(x.reshape(2, 2)), x.reshape(2, 2).transpose(1, 0)],
    "ravel": lambda x: np.ravel(x.reshape(2, 2).T),
    "diag": lambda x: np.diag(x),
    "flip": lambda x: np.flip(x),
    "tile": lambda x: np.tile(x, 2),
    "repeat": lambda x: np.repeat(x, 2),
    "squeeze": lambda x: np.squeeze(x[None]),
    "expand_dims": lambda x: np.expand_dims(x, 1) - x,
    "append": lambda x: np.append(x, 3.0),
    "atleast_1d": lambda x: np.atleast_1d(x[2]),
    "copy": lambda x: np.copy(x) + x.copy(),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 4)),
    "swapaxes": lambda x: np.swapaxes(x.reshape(2, 2), 0, 1),
    "moveaxis": lambda x: np.moveaxis(x.reshape(2, 2), 0, 1),
    "column_stack": lambda x: np.column_stack([x, 2 * x]),
    "dstack": lambda x: np.dstack([x, x]),
    "block": lambda x: np.block([[x[:2], x[2:]], [x]]),
    "pad": lambda x: [*np.pad(x, 1), *np.pad(x, (2, 1), mode="wrap"), *np.pad(x, 1, mode="edge")],
    "take": lambda x: np.take(x, [2, 0]),
    "delete": lambda x: np.delete(x, 1),
    "insert": lambda x: np.insert(x, 1, 5.0),
    "flipud": lambda x: np.flipud(x),
    "fliplr": lambda x: np.fliplr(x.reshape(2, 2)),
    "rot90": lambda x: np.rot90(x.reshape(2, 2)),
    "atleast_2d": lambda x: np.atleast_2d(x),
    "atleast_3d": lambda x: np.atleast_3d(x),
    "diagonal": lambda x: np.diagonal(x.reshape(2, 2)),
    "compress": lambda x: np.compress([True, False, True], x),
    "rollaxis": lambda x: np.rollaxis(x.reshape(2, 2), 1),
    "resize": lambda x: np.resize(x, 7),
    "norm": lambda x: [
        np.linalg.norm(x),
        np.linalg.norm(x, 1),
        np.linalg.norm(x, np.inf),
        *np.linalg.norm(x.reshape(2, 2), axis=0),
        np.linalg.norm(x.reshape(2, 2)),
    ],
    "interp": lambda x: [
        *np.interp(x, [-1.0, 0.3, 0.5, 2.0], [1.0, -2.0, 0.0, 3.0]),
        *np.interp(x, [-1.0, 2.0], [1.0, 3.0], left=9.0, right=x[0]),
        *np.interp(x, [0.0], [2.0]),
        np.interp(x[2], [0, 1], [x[1], x[3]]),
    ],
    "sinc": lambda x: [np.sinc(x), np.sinc(0 * x[0])],
    "var": lambda x: [np.var(x), x.var(ddof=1), *np.var(x.reshape(2, 2), axis=1)],
    "std": lambda x: [np.std(x), *x.reshape(2, 2).std(axis=0)],
    "average": lambda x: [np.average(x), np.average(x, weights=[1.0, 2.0, 3.0, 4.0])],
    "gradient": lambda x: [
        *np.gradient(x),
        *np.gradient(x, 0.5),
        *np.gradient(np.outer(x, x), 2.0, axis=1),
    ],
    "convolve": lambda x: [
        *np.convolve(x, [1.0, -2.0]),
        *np.convolve([1.0, 2.0, 3.0], x, "same"),
        *np.convolve(x, x, "valid"),
    ],
    "correlate": lambda x: [*np.correlate(x, [1.0, -2.0]), *np.correlate(x, [3.0, 1.0], "full")],
    "piecewise": lambda x: [
        *np.piecewise(x, [x < 0, x > 1], [lambda v: v**2, -1.0]),
        *np.piecewise(x, [x < 0], [2.0, np.sin]),
        *np.piecewise(x, [x > -2, x > 0], [1.0, 3.0]),
    ],
    "select": lambda x: [*np.select([x < 0, x < 1], [x, x**2]), *np.select([x > 9], [x], x[0])],
    "inv": lambda x: [
        np.linalg.inv(np.reshape(x, (2, 2))),
        np.linalg.inv([[2.0, 1], [0, 4]]) @ x[:2],
    ],
    "solve": lambda x: [
        *np.linalg.solve([[2.0, 1], [0, 4]], x[:2]),
        *np.linalg.solve(np.reshape(x, (2, 2)), [1.0, x[1]]),
    ],
    "det": lambda x: [np.linalg.det(np.reshape(x, (2, 2)))],
    "kron": lambda x: [np.kron(x, x[:2]), np.kron(np.eye(2), x.reshape(2, 2))],
    "polyval": lambda x: np.polyval([2.0, 0.0, -1.0], x),
    "trapezoid": lambda x: [
        np.trapezoid(x),
        np.trapezoid(x, dx=0.5),
        np.trapezoid(x, [0.0, 1.0, 3.0, 4.0]),
    ],
    "fill_diagonal": lambda x: filled(np.fill_diagonal, x),
    "copyto": lambda x: filled(np.copyto, x),
    "triu": lambda x: np.triu(np.outer(x, x), 1),
    "tril": lambda x: np.tril(np.outer(x, x)),
    "vdot": lambda x: [np.vdot(x, x)],
    "real": lambda x: np.real(x),
    "imag": lambda x: np.imag(x),
    "fft": lambda x: [np.real(np.fft.fft(x)), np.imag(np.fft.fft(x))],
    "ifft": lambda x: [np.fft.ifft(x).real, np.fft.ifft(x.reshape(2, 2), axis=0).imag],
    "rfft": lambda x: [np.abs(np.fft.rfft(x)), np.angle(np.fft.rfft(x))],
    "irfft": lambda x: [np.fft.irfft(x), np.fft.irfft(x, 5), np.fft.irfft(1j * x)],
    "fix": lambda x: np.fix(x),
    "shape": lambda x: x * np.shape(x)[0],
    "ndim": lambda x: x * np.ndim(x),
    "size": lambda x: [np.size(x) * x, np.size(x.reshape(2, 2), 0) * x],
    "iscomplexobj": lambda x: x * np.iscomplexobj(x),
    "isrealobj": lambda x: x * np.isrealobj(x),
    "result_type": lambda x: np.zeros(4, np.result_type(x, 1.0)) + x,
    "split": lambda x: [part * i for i, part in enumerate(np.split(x, 2), 1)],
    "array_split": lambda x: [part * i for i, part in enumerate(np.array_split(x, 3), 1)],
    "hsplit": lambda x: [part * i for i, part in enumerate(np.hsplit(x, 2), 1)],
    "vsplit": lambda x: [part * i for i, part in enumerate(np.vsplit(x.reshape(2, 2), 2), 1)],
}


def filled(function, x):
    found = np.zeros_like(np.reshape(x, (2, 2)))
    function(found, x[3])
    return found


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n != "trapz"])
def test_every_function_is_numpy_s(name):
    def f(x, p):
        found = CALLS[name](x)
        parts = found if isinstance(found, list) else [found]
        return [value for part in parts for value in np.ravel(part)]

    same_as_numpy(f, X)


def augmented(x, p):
    """Arrays change in place, through views too; numbers do not."""
    rate, total = np.zeros_like(x), 0
    for j in range(4):
        rate[j] += p.a * x[j]
        total += x[j]
    rate += total
    rate[1:3] -= x[:2]
    rate *= 2
    rate /= x + 3
    rate **= 2
    rate %= 5
    first = rate[0]
    again = first
    again += 1
    view = rate.reshape(2, 2)
    view[0] += 10
    np.add(rate, 1, out=rate)
    np.clip(rate, 0, 20, out=rate)
    other = x
    other += 100
    return [*rate, first, again, *x]


def test_augmented_assignment_is_numpy_s():
    same_as_numpy(augmented, X)


def by_accumulation(x, p):
    rate = np.zeros_like(x)
    for i in range(2):
        for j in range(2):
            rate[i] += np.sin(x[j] - x[i])
    rate -= 0.5 * x
    return rate


def test_accumulation_gives_the_same_graph():
    def listed(x, p):
        return [np.sin(x[1] - x[0]) - 0.5 * x[0], np.sin(x[0] - x[1]) - 0.5 * x[1]]

    assert lx.Flow(by_accumulation, 2).graph == lx.Flow(listed, 2).graph


BUFFER = np.zeros(2)


def into_numbers(x, p):
    global BUFFER
    BUFFER += x
    return BUFFER


def an_element_at_a_time(x, p):
    for i in range(2):
        BUFFER[i] += x[i]
    return BUFFER


def unset(x, p):
    rate = np.empty_like(x)
    rate[0] = x[1]
    return 2 * rate


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (into_numbers, r"test_trace\.py:\d+: BUFFER \+= x: .* write np\.zeros_like\(x\)"),
        (an_element_at_a_time, r"BUFFER\[i\] \+= x\[i\]: .* write np\.zeros_like\(x\)"),
        (unset, r"return 2 \* rate: .*nan"),
        (lambda x, p: np.sum(x, out=BUFFER), "zeros_like"),
        (
            lambda x, p: np.add.accumulate(x),
            r"np\.add\.accumulate is not supported; use np\.cumsum",
        ),
        (
            lambda x, p: np.subtract.reduceat(x, [0]),
            r"np\.subtract\.reduceat is not supported; call",
        ),
        (lambda x, p: np.add(x, 1, where=[True, False]), r"use np\.where"),
        (lambda x, p: x[x > 0], r"np\.where"),
        (lambda x, p: [float(x[0]), 0], r"write x itself, np\.floor"),
        (lambda x, p: [x[0] if x > 0 else 0, 0], r"np\.any or np\.all"),
        (lambda x, p: [x[0] / 0, x[1]], r"test_trace\.py:\d+: .*finite"),
        (lambda x, p: [np.sqrt(-np.exp(x[0])), x[1]], "real"),
        (lambda x, p: [1e300 * x[0] * 1e300, x[1]], "finite"),
        (lambda x, p: [x[0] & 1, x[1]], "conditions"),
        (lambda x, p: x * np.ma.array([1, 2], mask=[True, False]), "real numbers"),
        (lambda x, p: x[0][0], "no axes"),
    ],
)
def test_what_cannot_be_traced_is_named_in_one_line(f, words):
    with pytest.raises(TypeError, match=words) as caught:
        lx.Flow(f, 2)
    assert "\n" not in str(caught.value)


def test_functions_that_sympy_makes_have_sources():
    """Whatever a simplification leaves behind, nested in others and in conditions."""
    x, y = sympy.symbols("x0 x1", real=True)
    made = [
        (
            sympy.Max(x, y, 0.5) + sympy.Min(x, y, -0.5),
            lambda x, y: max(x, y, 0.5) + min(x, y, -0.5),
        ),
        (sympy.Abs(sympy.sign(x) - y), lambda x, y: abs(np.sign(x) - y)),
        (sympy.Heaviside(x - y) * x, lambda x, y: np.heaviside(x - y, 0.5) * x),
        (
            sympy.Piecewise((1, sympy.Abs(x) > 1), (x * y, y > 0), (y, True)),
            lambda x, y: 1 if abs(x) > 1 else x * y if y > 0 else y,
        ),
    ]
    outputs = tuple(in_ours(e) for e, _ in made)
    assert [without_source(e) for e in outputs] == [None] * len(made)
    graph = Graph((x, y), (), sympy.Symbol("t", real=True), outputs)
    for at in ((0.3, -1.2), (1.4, 0.2), (-0.4, 0.9), (-0.4, -0.9)):
        expected = [float(f(*at)) for _, f in made]
        np.testing.assert_allclose(interpreted_outputs(statements(graph))(0.0, at, []), expected)
        assert len(interpreted(statements(graph))(0.0, at, [])) == 6


def test_powers_have_slopes_at_zero():
    """A Hill function of a gene that is switched off."""
    graph = trace(lambda x, p: [x[0] ** p.n / (1 + x[0] ** p.n)], 1, {"n": ()}, timed=False)
    assert interpreted(statements(graph))(0.0, [0.0], [2.0])[0, 0] == 0.0
    assert interpreted(statements(graph))(0.0, [1.0], [2.0])[0, 0] == pytest.approx(0.5)
