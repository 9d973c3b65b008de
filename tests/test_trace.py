"""What the tracer accepts compiles, and is what NumPy computes of the same function."""

from functools import cache

import numpy as np
import pytest
import scipy.special

from lyapax.kernels.codegen import interpreted, interpreted_outputs, on_arrays
from lyapax.kernels.cuda.field_source import field_source
from lyapax.kernels.cuda.sources import source
from lyapax.systems.elementary import ELEMENTARY
from lyapax.systems.trace import trace

from . import nvrtc
from .cuda_emulator import RawModule

CONDITIONS = {
    "greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "logical_and",
    "logical_or", "logical_not", "bitwise_and", "bitwise_or", "invert",
}  # fmt: skip
SAFE = {  # arguments inside the domain, and of moderate size
    **dict.fromkeys(
        ["sqrt", "log", "log2", "log10", "power", "float_power", "reciprocal"],
        lambda u: 0.5 + abs(u),
    ),
    **dict.fromkeys(["log1p", "hypot"], lambda u: 0.1 + abs(u)),
    **dict.fromkeys(["arcsin", "arccos", "arctanh"], lambda u: 0.9 * np.sin(u)),
    **dict.fromkeys(["exp", "expm1", "exp2", "sinh", "cosh"], lambda u: 2 * np.tanh(u)),
    "arccosh": lambda u: 1.5 + abs(u),
    "tan": np.sin,
}
DENOMINATORS = {"divide", "floor_divide", "remainder", "mod"}


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
        names = sorted(set(ELEMENTARY) - CONDITIONS)
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
        self.roots = [random.called(name, depth) for name in sorted(ELEMENTARY)]
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
    values, slopes = interpreted_outputs(f.graph), interpreted(f.graph)
    arrays = on_arrays(f.graph, f.graph.outputs)
    for x in f.points():
        f.check(x, values(TIME, x.tolist(), [P.a]), slopes(TIME, x.tolist(), [P.a]))
        both = arrays(TIME, np.stack([x, x], axis=1), [P.a])
        for value, expected in zip(both, f.at(x), strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


def test_every_operation_compiles():
    from lyapax.kernels.cpu.traced import compiled_field
    from lyapax.kernels.cpu.traced_steps import state_step

    f = shallow()
    field, indptr, indices = compiled_field(f.graph)
    rows = np.repeat(np.arange(f.n), np.diff(indptr)).tolist()
    for x in f.points():
        state, tape = x.copy(), np.empty((1, len(indices)))
        state_step(field, np.array([P.a]), 0.0, TIME, state, np.empty((3, f.n)), tape)
        places = zip(rows, indices.tolist(), strict=True)
        f.check(x, state, dict(zip(places, tape[0], strict=True)))


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
