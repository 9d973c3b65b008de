"""Flows and maps of users' functions: their arguments, their parameters, and other processes."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest

import lyapax as lx
from lyapax.kernels.codegen import interpreted, statements
from lyapax.systems import library, lorenz96_of

from .helpers import spectrum
from .right_hand_sides import duffing


def test_a_third_argument_is_time_whether_it_has_a_default_or_not():
    """Frozen at t = 0 the same oscillator rests, with exponents (-0.1, -0.1)."""
    flow = lx.Flow(lambda x, p, t=0.0: duffing(x, p, t), 2, {"drive": 0.3}, initial=[0.5, 0.0])
    assert flow.is_driven
    spec = spectrum(flow, duration=1000.0, dt=0.02)
    np.testing.assert_allclose(spec.exponents.sum(), -0.2, atol=1e-6)
    np.testing.assert_allclose(spec.exponents, [0.16, -0.36], atol=0.06)


@pytest.mark.parametrize(
    ("f", "driven"),
    [
        (lambda x, p, /: [-x[0]], False),
        (lambda x, p, *rest: [-x[0]], False),
        (lambda x, p, *, rate=2.0: [-rate * x[0]], False),
        (lambda x, p, step=0: [-x[0] + 0 * step], True),
        (lambda x, p, t=1.5: [-x[0] + 0 * t], True),
        (lambda x, p, t, rate=2.0: [-rate * x[0] + 0 * t], True),
    ],
)
def test_arguments(f, driven):
    assert lx.Flow(f, 1).is_driven == driven


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x, p, rate=2.0: [-rate * x[0]], r"takes rate where time comes third.*\*, rate="),
        (lambda x, p, w=np.ones(2): [w[0] * x[0]], "takes w where time comes third"),  # noqa: B008
        (lambda x, p, *, rate: [-rate * x[0]], "needs rate too"),
        (lambda x, p, t, rate: [-rate * x[0]], "needs rate too"),
        (lambda *given: given[0], "takes 0"),
        (np.sin, "arguments"),
    ],
)
def test_other_arguments_are_refused(f, words):
    with pytest.raises(ValueError, match=words):
        lx.Flow(f, 1)


OMEGA = np.linspace(-1.0, 1.0, 5)


def kuramoto(x, p):
    return p.omega + p.k * np.sin(x[:, None] - x).sum(axis=0)


def assigned(x, p):
    rate = np.zeros_like(x)
    rate[:] = p.omega
    return rate


def pairs(x, p):
    """Half as many oscillators as variables."""
    u, v = x[:3], x[3:]
    return np.concatenate([v, -(p.omega**2) * u])


VECTOR = r'shapes=\{"omega": \(5,\)\} if it is a vector, shapes=\{"omega": \(\)\}'


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (kuramoto, r"test_function\.py:\d+: write " + VECTOR),
        (lambda x, p: x * (1 - p.k * p.omega), VECTOR),
        (lambda x, p: np.where(x > p.omega, 0, x), VECTOR),
        (assigned, VECTOR),
        (lambda x, p: np.full_like(x, p.omega), VECTOR),
    ],
)
def test_a_vector_that_no_shapes_name_is_refused(f, words):
    params = {"omega": OMEGA, "k": 1.0}
    with pytest.raises(ValueError, match=words):
        lx.Flow(f, 5, params)
    assert lx.Flow(f, 5, params, shapes={"omega": ()}).batch_shape == (5,)
    assert lx.Flow(f, 5, params, shapes={"omega": (5,)}).batch_shape == ()
    assert lx.Flow(f, 5, {**params, "omega": OMEGA[:4]}).batch_shape == (4,)
    single = lx.Flow(f, 5, {**params, "omega": 1.0})
    assert single.with_params(omega=OMEGA[:3]).batch_shape == (3,)
    with pytest.raises(ValueError, match=words):
        single.with_params(omega=OMEGA)
    with pytest.raises(ValueError, match=words):
        spectrum(single, params={"omega": OMEGA}, duration=1.0, dt=0.1)


def test_a_mean_of_a_number_is_refused_too():
    with pytest.raises(ValueError, match=VECTOR):
        lx.Flow(lambda x, p: x - np.mean(p.omega), 5, {"omega": OMEGA})
    assert lx.Flow(lambda x, p: x - np.mean(p.omega), 5, {"omega": 1.0}).batch_shape == ()


def test_a_vector_shorter_than_the_state_is_refused_too():
    with pytest.raises(ValueError, match=r'shapes=\{"omega": \(3,\)\}'):
        lx.Flow(pairs, 6, {"omega": OMEGA[:3]})
    assert lx.Flow(pairs, 6, {"omega": OMEGA}).batch_shape == (5,)


def test_numbers_side_by_side_with_elements_are_a_batch():
    """Three values of rho for three variables: nothing takes them for a vector."""
    assert library["lorenz63"].system(rho=[1.0, 2.0, 3.0]).batch_shape == (3,)
    lorenz = library["lorenz63"]
    flow = lx.Flow(lorenz.f, 3, {**lorenz.params, "rho": [1.0, 2.0, 3.0]})
    assert flow.batch_shape == (3,)
    assert library["lorenz96"].system(forcing=np.arange(8.0)).batch_shape == (8,)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x, p: [p.w[0] * x[0], x[1]], r'p\.w is a number.*shapes=\{"w": \(2,\)\}'),
        (lambda x, p: [w * y for w, y in zip(p.w, x, strict=True)], r'shapes=\{"w": \(2,\)\}'),
        (lambda x, p: [len(p.w) * y for y in x], r'shapes=\{"w": \(2,\)\}'),
        (lambda x, p: p.w @ x, r'shapes=\{"w": \(2, 2\)\}'),
        (lambda x, p: p.w.T @ x, r'shapes=\{"w": \(2, 2\)\}'),
        (lambda x, p: [p.w.shape[0] * y for y in x], r"p\.w: numbers here, since shapes"),
        (lambda x, p: [p.a[0] * x[0], x[1]], r"p\.a is a number, it has no axes"),
    ],
)
def test_an_index_into_a_number_gets_the_hint(f, words):
    with pytest.raises(TypeError, match=words):
        lx.Flow(f, 2, {"w": np.eye(2), "a": 1.0})


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"shapes": {"a": 3}}, TypeError, r"shapes\['a'\] must be a tuple"),
        ({"shapes": {"a": (3.0,)}}, TypeError, r"shapes\['a'\] must be an integer"),
        ({"shapes": {"a": (0,)}}, ValueError, r"shapes\['a'\] must be >= 1"),
        ({"shapes": {"a": (4,)}}, ValueError, r"params\['a'\] must end in shape \(4,\)"),
        ({"shapes": {"b": (3,)}}, ValueError, "shapes names 'b', params has a"),
        ({"shapes": [("a", (3,))]}, TypeError, "shapes must be a dict"),
        ({"params": {1: 2.0}}, TypeError, "params must have names for keys, got 1"),
        ({"params": "a"}, TypeError, "params must be a dict"),
        ({"initial": [1.0, 2.0]}, ValueError, r"initial must have shape \(3,\)"),
        ({"initial": np.ones((4, 3))}, ValueError, "params and initial must broadcast"),
        ({"initial": "x"}, TypeError, "initial"),
        ({"initial": 1.0}, ValueError, "initial"),
        ({"dim": "3"}, TypeError, "dim"),
        ({"dim": True}, TypeError, "dim"),
        ({"dim": 10**15}, ValueError, r"needed for dim = 1e\+15 variables"),
        ({"f": None}, TypeError, "f must be callable"),
    ],
)
def test_bad_constructions_are_named(options, error, words):
    good = {"f": lambda x, p: [p.a * v for v in x], "dim": 3, "params": {"a": np.ones(5)}}
    with pytest.raises(error, match=words):
        lx.Flow(**{**good, **options})


def test_lorenz96_takes_any_integer_and_refuses_what_has_no_room():
    assert lorenz96_of(np.int64(8), np.float32(8)) == library["lorenz96"]
    with pytest.raises(ValueError, match=r"needed for n = 1e\+15 variables"):
        lorenz96_of(10**15)
    with pytest.raises(ValueError, match="forcing must be finite, got inf"):
        lorenz96_of(8, np.inf)


def test_leading_axes_of_initial_are_a_batch():
    two = lx.Map(lambda x, p: [x[0] / 2 + x[0] ** 3], 1, initial=[[0.1], [0.2]])
    assert two.batch_shape == (2,)
    start = two.start((3, 2), np.random.default_rng(0))
    np.testing.assert_allclose(start, np.broadcast_to([[0.1], [0.2]], (3, 2, 1)), atol=0.01)


def closure(rate):
    return lambda x, p: [rate * p.a * x[0]]


class Unhashable:
    def __init__(self, rate):
        self.rate = rate

    def __eq__(self, other):
        return True

    def __call__(self, x, p):
        return [self.rate * p.a * x[0]]


def test_systems_are_what_the_function_was_when_they_were_built():
    changing = {"rate": 0.5}
    built = lx.Map(lambda x, p: [changing["rate"] * p.a * x[0]], 1, {"a": 1.0})
    changing["rate"] = 0.25
    again = built.with_params(a=0.5)
    functions = [closure(0.5), closure(0.25), Unhashable(0.5), Unhashable(0.25)]
    systems = [built, again, *(lx.Map(f, 1, {"a": 1.0}) for f in functions)]
    slopes = [interpreted(statements(s.graph))(0.0, [1.0], [s.params["a"]])[0, 0] for s in systems]
    assert slopes == [0.5, 0.25, 0.5, 0.25, 0.5, 0.25]


def everything(x, p, t):
    """A function of every node of the graph that is not SymPy's own."""
    u = np.where((x[0] > p.a) & (x[1] < 2), np.sign(x[1]), np.tanh(x[0])) + np.abs(x[1]) ** p.b
    return [0.1 * np.mod(u + t, 2.0) + 0.1 * np.floor(x[0] * np.pi), np.maximum(0.3 * x[0], -1.0)]


def in_another_process(packed):
    system, expected = pickle.loads(packed)
    fresh = lx.Map(everything, 2, {"a": 0.1, "b": 1.3})
    assert system.graph == fresh.graph
    assert hash(system.graph) == hash(fresh.graph)
    assert statements(system.graph) == statements(fresh.graph)
    assert repr(system) == "Map(<lambda>, dim=2)"
    changed = system.with_params(a=0.2)
    assert changed.params["a"] == 0.2
    return statements(system.graph) == expected, spectrum(system, k=1, duration=200).exponents


def test_systems_go_into_other_processes_with_the_same_bits():
    system = lx.Map(lambda x, p, t: everything(x, p, t), 2, {"a": 0.1, "b": 1.3})
    packed = pickle.dumps((system, statements(system.graph)))
    here = spectrum(system, k=1, duration=200).exponents
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        same_source, there = pool.apply(in_another_process, (packed,))
    assert same_source
    np.testing.assert_array_equal(there, here)
    np.testing.assert_array_equal(
        spectrum(copy.deepcopy(system), k=1, duration=200).exponents, here
    )
