"""A function as loops gives the values and slopes that its straight-line code gives."""

import json

import numpy as np
import pytest
from numba import njit

import lyapax as lx
from lyapax.kernels.codegen import interpreted, interpreted_outputs, statements
from lyapax.kernels.cpu.traced.linear import compiled_field
from lyapax.kernels.forms import FEWER, LONG, form_of, outputs_on_arrays
from lyapax.kernels.hoist import Hoisted
from lyapax.kernels.loops import Loops, loops_of
from lyapax.kernels.stored import operations

from .helpers import spectrum


def lattice(x, p):
    return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + p.a


def oscillators(x, p):
    return [p.a + p.b * sum(np.sin(v - u) for v in x) / len(x) for u in x]


def switching(x, p, t):
    """Conditions, choices, powers, and what depends on parameters or on time alone."""
    n, found = len(x), []
    for i in range(n):
        near, far = x[(i + 1) % n], x[(i + 5) % n]
        bent = np.where((near > p.a) & (far < 1.0), np.tanh(near * p.b + 3.0) ** 2, np.abs(far))
        found.append(bent / (1 + x[i] ** 2) - x[i] * np.exp(-p.a / p.b) * 2.5 + np.cos(p.a * t))
    found[0] = 0.0 * x[0] + np.sqrt(p.b)
    found[1] = np.pi
    found[2] = x[3]
    found[3] = np.maximum(x[0], 0.1) ** p.b / np.sqrt(1 + np.exp(x[1]))
    return found


def long_product(x, p):
    return [np.prod(1.0 + 0.1 * x), *(p.a * np.sum(x**2 * p.b) - v for v in x[1:])]


FUNCTIONS = {f.__name__: f for f in (lattice, oscillators, switching, long_product)}


@njit
def call(field, t, x, p, f, jacobian):
    field(t, x, p, f, jacobian)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_slopes(name):
    n = 20
    system = lx.Flow(FUNCTIONS[name], n, {"a": 0.3, "b": 1.4})
    graph = system.graph
    made = loops_of(graph)
    loops = Loops.unpacked(json.loads(json.dumps(made.packed())))
    rng = np.random.default_rng(0)
    x, given = rng.standard_normal(n), rng.uniform(0.5, 1.5, (3, len(graph.params)))
    table = loops.table_of(given)
    line = statements(graph)
    field, indptr, indices = compiled_field(loops)
    slopes, outputs = np.empty(len(indices)), np.empty(n)
    for row, p in zip(table, given, strict=True):
        expected = interpreted_outputs(line)(0.4, x, p)
        entries = interpreted(line)(0.4, x, p)
        call(field, 0.4, x, row, outputs, slopes)
        np.testing.assert_allclose(outputs, expected, rtol=1e-13, atol=1e-13)
        assert list(loops.entries) == list(entries)
        np.testing.assert_allclose(slopes, list(entries.values()), rtol=1e-13, atol=1e-13)
        found = loops.jacobian(0.4, x, row)
        np.testing.assert_allclose(
            list(found.values()), list(entries.values()), rtol=1e-13, atol=1e-13
        )
    assert indptr[-1] == len(indices)
    many = rng.standard_normal((n, 5, 3))
    seen = loops.outputs_at(np.full(3, 0.4), many, given.T)
    for i in range(5):
        for j in range(3):
            expected = interpreted_outputs(line)(0.4, many[:, i, j], given[j])
            np.testing.assert_allclose(seen[:, i, j], expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("function", [lattice, oscillators])
def test_the_number_of_loops_does_not_grow(function):
    counts = [
        len(loops_of(lx.Flow(function, n, {"a": 1.0, "b": 1.0}).graph).loops) for n in (20, 45)
    ]
    assert counts[1] <= counts[0] + 4


def test_long_functions_run_as_loops_and_short_ones_in_a_line():
    short = lx.Flow(lattice, 40, {"a": 8.0}).graph
    long = lx.Flow(lattice, LONG // 4 + 2, {"a": 8.0}).graph
    assert operations(short) < LONG < operations(long)
    assert isinstance(form_of(short), Hoisted)
    assert isinstance(form_of(long), Loops)


def test_a_long_function_without_a_pattern_stays_a_line():
    drawn = np.random.default_rng(0).integers(5, size=(100, 12))

    def irregular(x, p):
        """Chains of functions, of which hardly two are alike at any depth."""
        found = list(x)
        for which in drawn:
            for i, v in enumerate(found):
                found[i] = [np.sin, np.cos, np.tanh, np.exp, np.arctan][which[i]](v)
        return found

    graph = lx.Map(irregular, 12).graph
    assert operations(graph) > LONG
    assert FEWER * len(loops_of(graph).loops) > loops_of(graph).size
    assert isinstance(form_of(graph), Hoisted)


def test_both_forms_give_one_spectrum():
    """Of a lattice whose exponents are known: all decay at the rates of its Fourier modes."""
    n = 260
    modes = -1.0 - 0.5 * (1 - np.cos(2 * np.pi * np.arange(n) / n))
    system = lx.Flow(
        lambda x, p: 0.25 * (np.roll(x, 1) + np.roll(x, -1) - 2 * x) - p.a * np.tanh(x),
        n,
        {"a": 1.0},
    )
    assert isinstance(form_of(system.graph), Loops)
    spec = spectrum(system, k=3, duration=300, dt=0.1, transient=50, initial=np.zeros(n))
    np.testing.assert_allclose(spec.exponents, np.sort(modes)[::-1][:3], atol=2e-3)


def test_outputs_on_arrays():
    for n in (10, LONG // 4 + 2):
        graph = lx.Flow(lattice, n, {"a": 8.0}).graph
        x = np.random.default_rng(1).standard_normal((n, 4, 7))
        found = outputs_on_arrays(graph)(np.zeros(7), x, np.full((1, 7), 8.0))
        expected = (np.roll(x, -1, 0) - np.roll(x, 2, 0)) * np.roll(x, 1, 0) - x + 8.0
        np.testing.assert_allclose(np.array(found), expected, rtol=1e-13, atol=1e-13)
