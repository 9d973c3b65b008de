"""Systems as SymPy, JAX and dysts have them, against the same system typed by hand."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import sympy
from numba import njit

import lyapax as lx
from lyapax.kernels.codegen import on_arrays

LORENZ = {"sigma": 10.0, "rho": 28.0, "beta": 8 / 3}


def typed(x, p):
    return [p.sigma * (x[1] - x[0]), x[0] * (p.rho - x[2]) - x[1], x[0] * x[1] - p.beta * x[2]]


def values(system, x, t=0.3):
    f = on_arrays(system.graph, system.graph.outputs)
    return np.array([float(v) for v in f(t, list(x), system._table().ravel().tolist())])


X = np.array([0.3, -1.2, 0.7])
HAND = values(lx.Flow(typed, 3, LORENZ), X)


def test_sympy_by_symbols_names_and_matrices():
    x, y, z, sigma, rho, beta = sympy.symbols("x y z sigma rho beta")
    right = [sigma * (y - x), x * (rho - z) - y, x * y - beta * z]
    by_symbol = lx.Flow.from_sympy(right, [x, y, z], {sigma: 10.0, rho: 28.0, beta: 8 / 3})
    by_name = lx.Flow.from_sympy(sympy.Matrix(right), sympy.Matrix([x, y, z]), LORENZ)
    for flow in (by_symbol, by_name):
        np.testing.assert_allclose(values(flow, X), HAND, rtol=1e-15)
        assert not flow.is_driven
    batch = lx.Flow.from_sympy(right, [x, y, z], {**LORENZ, "rho": np.linspace(20, 28, 5)})
    assert batch.batch_shape == (5,)


def test_sympy_as_jitcode_writes_it():
    y = sympy.Function("y")
    right = [10 * (y(1) - y(0)), y(0) * (28 - y(2)) - y(1), y(0) * y(1) - y(2) * 8 / 3]
    flow = lx.Flow.from_sympy(right, [y(0), y(1), y(2)])
    np.testing.assert_allclose(values(flow, X), HAND, rtol=1e-15)


def test_sympy_functions_and_time():
    x, y, t = sympy.symbols("x y t")
    right = [
        sympy.tanh(y) - sympy.Abs(x) + sympy.Max(x, y) + sympy.cos(t),
        sympy.Piecewise((x**2, x < y), (sympy.sign(x), True)) + sympy.Heaviside(x) - y,
    ]
    flow = lx.Flow.from_sympy(right, [x, y], time=t)
    assert flow.is_driven
    for a, b in ([0.3, -1.2], [-0.4, 0.2]):
        piece = a**2 if a < b else np.sign(a)
        expected = [np.tanh(b) - abs(a) + max(a, b) + np.cos(0.3), piece + (a > 0) - b]
        np.testing.assert_allclose(values(flow, [a, b]), expected, rtol=1e-14)


def test_sympy_that_is_incomplete():
    x, y, a = sympy.symbols("x y a")
    with pytest.raises(ValueError, match="params must name a, which expressions have"):
        lx.Flow.from_sympy([a * x], [x])
    with pytest.raises(ValueError, match="state must have 2 symbols, one each, got 1"):
        lx.Flow.from_sympy([x, y], [x])
    with pytest.raises(TypeError, match="state must be a list, got str"):
        lx.Flow.from_sympy([x], "x")


class DynSys:
    """What dysts has: numbers of its own, and a function that Numba compiles."""

    params = LORENZ

    @staticmethod
    @njit
    def _rhs(x, y, z, t, beta, rho, sigma):
        xdot = sigma * (y - x)
        ydot = x * (rho - z) - y
        zdot = x * y - beta * z
        return xdot, ydot, zdot

    def rhs(self, X, t):
        return self._rhs(*X.T, t, **self.params)

    def __call__(self, X, t):
        return self.rhs(X, t)


class OnlyRhs:
    def rhs(self, t, y):
        out = np.zeros(3)
        out[0] = 10.0 * (y[1] - y[0])
        out[1] = y[0] * (28.0 - y[2]) - y[1]
        out[2] = y[0] * y[1] - 8 / 3 * y[2]
        return out


def test_objects_with_a_right_hand_side():
    flow = lx.Flow(DynSys(), 3)
    assert flow.params == LORENZ
    np.testing.assert_allclose(values(flow, X), values(lx.Flow(typed, 3, flow.params), X), rtol=0)
    other = lx.Flow(DynSys(), 3, {**LORENZ, "rho": np.linspace(20, 28, 4)})
    assert other.batch_shape == (4,)
    np.testing.assert_allclose(values(lx.Flow(OnlyRhs(), 3), X), HAND, rtol=1e-15)


@pytest.mark.skipif(find_spec("jax") is None, reason="needs JAX")
def test_jax_functions():
    """In a process of its own: JAX warns of every fork that other tests make afterwards."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.jax_functions"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
