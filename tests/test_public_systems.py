"""Models as public code writes them, and published exponents of some."""

import functools
import warnings

import numpy as np
import pytest

import lyapax as lx

from . import public_systems
from .public_systems import REFUSED, SYSTEMS
from .test_ways_to_write import test_it_is_what_numpy_makes_of_it as compare


@pytest.mark.parametrize("way", SYSTEMS, ids=lambda way: way.name)
def test_it_is_what_numpy_makes_of_it(way, capsys):
    compare(way)


@pytest.mark.parametrize(
    ("f", "dim", "params", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_is_refused_says_what_to_write(f, dim, params, words):
    with pytest.raises((TypeError, ValueError), match=words) as refusal:
        lx.Flow(f, dim, params)
    assert len(str(refusal.value)) < 300
    assert "\n" not in str(refusal.value)


# Exponents that are known: of the book, the paper or the package that is named.
PUBLISHED = {
    "logistic_with_its_default": (lx.Map, [0.4945], "r = 3.9: Sprott (2003), ln 2 at r = 4"),
    "henon_by_an_array": (lx.Map, [0.41922, -1.62319], "Sprott (2003)"),
    "lorenz_96_by_its_ends": (lx.Flow, None, "Lorenz (1996): sum -n"),
    "roesslers_as_a_generator": (lx.Flow, [0.0714, 0.0, -5.3943], "Sprott (2003)"),
    "chua_of_math": (lx.Flow, None, "Chua's circuit: one positive"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_exponents(name):
    kind, expected, _ = PUBLISHED[name]
    way = next(w for w in SYSTEMS if w.name == name)
    system = kind(way.f, way.dim, way.params, **way.options)
    run = dict(rng=0, progress=False, initial=np.full(way.dim, 0.1) + 0.01 * np.arange(way.dim))
    run |= dict(dt=0.01, duration=4000, transient=200) if system.is_flow else dict(duration=200_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = lx.lyapunov_spectrum(system, **run)
    if expected is not None:
        assert (spec.stderr < 0.01).all()
        np.testing.assert_array_less(np.abs(spec.exponents - expected), 4 * spec.stderr + 2e-4)
    elif name.startswith("lorenz"):
        assert spec.exponents.sum() == pytest.approx(-8, abs=1e-3)
        assert spec.exponents[0] > 1
    else:
        assert spec.exponents[0] > 10 * spec.stderr[0]
        assert abs(spec.exponents[1]) < 4 * spec.stderr[1] + 1e-3


def test_ikeda_as_it_is_published():
    system = lx.complex_map(
        lambda z, p: 1 + p.u * z * np.exp(1j * (0.4 - 6 / (1 + abs(z) ** 2))), 1, {"u": 0.9}
    )
    spec = lx.lyapunov_spectrum(system, duration=100_000, transient=500, rng=0, progress=False)
    assert abs(spec.exponents[0] - 0.508) < 4 * spec.stderr[0] + 1e-3
    assert spec.stderr[0] < 0.01
    assert spec.exponents.sum() == pytest.approx(2 * np.log(0.9), abs=1e-9)


def test_defaults_are_parameters():
    """Of f(x, r=3.9), which can be swept."""
    system = lx.Map(public_systems.logistic_with_its_default, 1)
    assert system.params["r"] == 3.9
    assert system.with_params(r=[3.9, 4.0]).batch_shape == (2,)
    given = lx.Map(lambda x, r=3.9, k=1.0: k * r * x * (1 - x), 1, {"r": 3.5})
    assert list(given.params) == ["r"]


def test_expressions_by_their_variable():
    import sympy

    x, y = sympy.symbols("x y")
    flow = lx.Flow.from_sympy({y: -x, x: y}, [x, y])
    assert [str(e) for e in flow.graph.outputs] == ["x1", "-x0"]
    once = lx.Flow.from_sympy({y: -x, x: y}, iter([x, y]))  # which can be read once only
    assert once.graph.outputs == flow.graph.outputs


def test_an_operation_too_many(monkeypatch):
    monkeypatch.setattr("lyapax.systems.branches.LARGEST", 1000)
    weights = np.random.default_rng(0).standard_normal((40, 40))
    with pytest.raises(TypeError, match=r"more than 1,000 operations on symbols; take lx\.Network"):
        lx.Flow(lambda x, p: weights @ np.tanh(x), 40)


def test_long_sums_are_what_numpy_makes_of_them():
    """By loops, reductions and products; terms that come twice are counted twice."""
    rng = np.random.default_rng(3)
    weights, n = rng.standard_normal((30, 30)), 30

    def by_hand(x, p):
        found = []
        for i in range(n):
            total = 0.0
            for j in range(n):
                total = total + weights[i, j] * np.sin(x[j]) + x[i] * x[j]
                total = total - x[j] + x[j] + x[j]
                total += x[0]
            found.append(total)
        return (
            np.array(found) + 2 * (weights @ (3 * x)) + np.einsum("ij,j->i", weights, x) + x.sum()
        )

    graph = lx.Flow(by_hand, n).graph
    from lyapax.kernels.codegen import on_arrays

    x = rng.standard_normal(n)
    found = on_arrays(graph, graph.outputs)(0.0, x.tolist(), [])
    np.testing.assert_allclose(np.array(found, float), by_hand(x, None), rtol=1e-12, atol=1e-10)


TWO = np.float32(2.0)


def outputs(*args, **options):
    return [str(e) for e in lx.Flow(*args, **options).graph.outputs]


def test_parameters_go_where_they_are_named():
    assert outputs(lambda x, a, theta: x * a + np.sin(theta), 1, [1.0, 2.0]) == ["p0*x0 + sin(p1)"]
    assert list(lx.Flow(lambda x, theta: -theta * x, 1, [1.0]).params) == ["theta"]
    assert outputs(lambda x, y: -y * x, 1, {"y": 2.0}) == ["-p0*x0"]
    assert outputs(lambda x, y: -y * x, 2, {"y": 2.0}) == ["-p0*x0", "-p0*x1"]
    assert outputs(lambda x, y=2.0: -y * x, np.int64(2)) == ["-p0*x0", "-p0*x1"]
    assert outputs(lambda x, a=TWO: -a * x, 1) == ["-p0*x0"]


@pytest.mark.parametrize(
    ("f", "params", "words"),
    [
        (
            lambda x, s=10.0, r=28.0: [s * x[0] + r],
            {"R": 1.0},
            "takes s where time comes|params has R",
        ),
        (
            lambda x, s=10.0, r=28.0: [s * x[0] + r],
            {"s": 1.0, "R": 1.0},
            "params has R, and f takes",
        ),
        (lambda t, y, s=10.0: [s * y[0]], {"R": 1.0}, "params has R, and f takes s"),
        (lambda x: -x, {"a": 1.0}, "params has a, and f takes none"),
        (lambda x, a, omega: -a * x, {"a": 1.0}, "f takes omega, which params has not"),
        (lambda x, p, r=0: -r * x, {"a": 2.0, "r": 3.0}, "takes r where time comes third"),
        (lambda x, p: [np.where(np.isnan(np.sqrt(x[0])), 1, 2)], None, "write the condition"),
        (lambda x, p: np.dot(x > 0.5, x > 0.2) - x, None, "of conditions only"),
    ],
)
def test_what_would_be_read_as_something_else(f, params, words):
    with pytest.raises((TypeError, ValueError), match=words):
        lx.Flow(f, 1, params)


def lattice(x, force=8.0, n=5):
    d = np.zeros(n)
    for i in range(n):
        d[i] = (x[(i + 1) % n] - x[i - 2]) * x[i - 1] - x[i] + force
    return d


def test_a_size_is_given_by_partial():
    with pytest.raises(TypeError, match=r"functools\.partial\(f, n="):
        lx.Flow(lattice, 5)
    flow = lx.Flow(functools.partial(lattice, n=5), 5)
    assert list(flow.params) == ["force"]


def test_layers_within_layers():
    """A shared part is looked at once: of four layers each path through them is one of 10^5."""
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((20, n)) / 5 for n in (2, 20, 20)] + [
        rng.standard_normal((2, 20))
    ]

    def field(x, p=None):
        for w in weights[:-1]:
            x = np.tanh(w @ x)
        return weights[-1] @ x

    from lyapax.kernels.codegen import on_arrays

    graph = lx.Flow(lambda x, p: field(x), 2).graph
    x = np.array([0.3, -0.7])
    found = on_arrays(graph, graph.outputs)(0.0, x.tolist(), [])
    np.testing.assert_allclose(np.array(found, float), field(x), rtol=1e-12)


def test_numbers_of_sympy_and_complex_starts():
    import sympy

    x, b = sympy.symbols("x b")
    flow = lx.Flow.from_sympy([-b * x], [x], {b: sympy.Rational(8, 3)})
    assert flow.params["b"] == 8 / 3
    cycle = lx.complex_flow(lambda z, p: 1j * z, 2, initial=[1 + 2j, 3j])
    assert np.array_equal(cycle.initial, [1, 0, 2, 3])


def test_what_a_person_sees_of_covariant_vectors():
    found = lx.covariant_vectors(
        lx.Map(lambda x, p: [2 * x[0] + x[1], x[0] + x[1]], 2), duration=5, rng=0, progress=False
    )
    assert repr(found).startswith("CovariantVectors(6 sets of 2 of 2, exponents [ 0.9")
