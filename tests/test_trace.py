"""What the tracer accepts compiles, and is what NumPy computes of the same function."""

from functools import cache

import numpy as np
import pytest
import scipy.special

import lyapax as lx
from lyapax.kernels.codegen import interpreted, interpreted_outputs, on_arrays
from lyapax.kernels.cuda.field_source import field_source
from lyapax.kernels.cuda.sources import source
from lyapax.systems.elementary import ELEMENTARY
from lyapax.systems.trace import trace
from lyapax.systems.traced import FUNCTIONS

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


@cache
def made():
    """One function of many outputs: every operation at the root, and choices between them."""
    random = Expressions(0)
    roots = [random.called(name, 2) for name in sorted(ELEMENTARY) for _ in range(2)]
    roots += [random.chosen(2) for _ in range(30)]

    def f(x, p, t):
        with np.errstate(all="ignore"):
            return [root(x, p, t) for root in roots]

    return f, trace(f, len(roots), {"a": ()}, timed=True), len(roots)


class P:
    a = 1.3


TIME = 0.7


def numpy_values(x):
    return np.array([float(v) for v in made()[0](x, P, TIME)])


def points(count=6):
    n = made()[2]
    rng = np.random.default_rng(1)
    return [np.concatenate([rng.normal(size=2), np.zeros(n - 2)]) for _ in range(count)]


def check_jacobian(x, entries):
    """Against central differences, where both sides agree on a slope."""
    h, here = 1e-5, numpy_values(x)
    compared = 0
    for j in range(2):
        step = h * (np.arange(len(x)) == j)
        ahead, behind = (numpy_values(x + step) - here) / h, (here - numpy_values(x - step)) / h
        central = (ahead + behind) / 2
        smooth = abs(ahead - behind) < 1e-2 * (1 + abs(central))
        found = np.array([entries.get((i, j), 0.0) for i in range(len(x))])
        np.testing.assert_allclose(found[smooth], central[smooth], rtol=1e-4, atol=1e-4)
        compared += smooth.mean()
    assert compared > 1.8


def test_every_operation_is_numpy_s_and_so_is_its_slope():
    """In plain Python, from the source that is compiled too; and on arrays."""
    _, graph, n = made()
    field, jacobian, arrays = (
        interpreted_outputs(graph), interpreted(graph), on_arrays(graph, graph.outputs)
    )  # fmt: skip
    for x in points():
        expected = numpy_values(x)
        np.testing.assert_allclose(field(TIME, x.tolist(), [P.a]), expected, rtol=1e-9, atol=1e-12)
        check_jacobian(x, jacobian(TIME, x.tolist(), [P.a]))
        both = arrays(TIME, np.stack([x, x], axis=1), [P.a])
        together = np.array([np.broadcast_to(v, 2) for v in both])
        np.testing.assert_allclose(together.T, [expected, expected], rtol=1e-9, atol=1e-12)


def test_every_operation_compiles():
    from lyapax.kernels.cpu.traced import compiled_field
    from lyapax.kernels.cpu.traced_steps import state_step

    _, graph, n = made()
    field, indptr, indices = compiled_field(graph)
    rows = np.repeat(np.arange(n), np.diff(indptr))
    for x in points():
        state, tape = x.copy(), np.empty((1, len(indices)))
        state_step(field, np.array([P.a]), 0.0, TIME, state, np.empty((3, n)), tape)
        np.testing.assert_allclose(state, numpy_values(x), rtol=1e-9, atol=1e-12)
        places = zip(rows.tolist(), indices.tolist(), strict=True)
        check_jacobian(x, dict(zip(places, tape[0], strict=True)))


KERNEL = """
#include "field.cuh"
extern "C" __global__ void both(const double *x, double a, double *f, double *d) {
    const double p[] = {a};
    double state[DIM], slopes[SLOPES], column[DIM], values[DIM];
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


def cuda_source(tmp_path, monkeypatch):
    monkeypatch.setattr("lyapax.kernels.cuda.sources.FOLDER", tmp_path)
    (tmp_path / "kernel.cu").write_text(KERNEL)
    folder = source.__globals__["__file__"]
    (tmp_path / "common.cuh").write_text(
        (type(tmp_path)(folder).parent / "common.cuh").read_text()
    )  # fmt: skip
    return source("kernel.cu", {"field.cuh": field_source(made()[1])})


def test_every_operation_in_cuda(tmp_path, monkeypatch):
    code, n = cuda_source(tmp_path, monkeypatch), made()[2]
    kernel = RawModule(code=code, options=("-DREAL=double", "-std=c++17")).get_function("both")
    for x in points():
        f, d = np.zeros(n), np.zeros((n, 2))
        kernel((1,), (1,), (x, np.float64(P.a), f, d))
        np.testing.assert_allclose(f, numpy_values(x), rtol=1e-9, atol=1e-12)
        check_jacobian(x, {(i, j): d[i, j] for i in range(n) for j in range(2)})
    if nvrtc.available()[0]:
        assert "both" in nvrtc.compiled(code, ("-DREAL=float", "-std=c++17"), 90)
