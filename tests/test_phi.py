"""A nonlinearity of one's own: traced when the network is made, and carried as a graph."""

import copy
import ctypes
import multiprocessing
import pickle

import numpy as np
import pytest
import scipy.sparse

import lyapax as lx
from lyapax.kernels.codegen import interpreted, statements
from lyapax.kernels.cpu.network.activation import compiled

from .helpers import spectrum

# In one step of a map without leak, at rest at 0: ln(slope) + ln(1/2) for both units.
W = np.eye(2) / 2
QUIET = {"duration": 16, "transient": 0, "initial": np.zeros(2)}


def exponent(phi, **more):
    network = phi if isinstance(phi, lx.RateNetwork) else network_of(phi, **more)
    return spectrum(network, **QUIET).exponents[0]


def network_of(phi, n=2):
    return lx.RateNetwork(np.eye(n) / 2, phi=phi, form="rate", kind="map")


class Unhashable:
    """Equal to all others, whatever its gain."""

    def __init__(self, gain):
        self.gain = gain

    def __call__(self, u):
        return self.gain * np.tanh(u)

    def __eq__(self, other):
        return isinstance(other, Unhashable)

    def method(self, u):
        return self.gain * np.tanh(u)


def closure_of(cell):
    return lambda u: cell[0] * np.tanh(u)


@pytest.mark.parametrize("kind", ["closure", "method", "object"])
def test_traced_anew_at_each_construction(kind):
    cell, thing = [2.0], Unhashable(2.0)
    phi = {"closure": closure_of(cell), "method": thing.method, "object": thing}[kind]
    first = network_of(phi)
    cell[0] = thing.gain = 3.0
    second = network_of(phi)
    networks = first, second, first.with_params(bias=0.0), first.with_params(phi=phi)
    graphs = [network.phi_graph for network in networks]
    slopes = [interpreted(statements(graph))(0.0, [0.0], [])[0, 0] for graph in graphs]
    assert slopes == [2.0, 3.0, 2.0, 3.0]


def test_the_first_values_stay_in_what_runs():
    cell = [2.0]
    first = network_of(closure_of(cell))
    cell[0] = 3.0
    assert exponent(first) == pytest.approx(np.log(2.0 / 2), abs=1e-12)
    assert exponent(network_of(closure_of(cell))) == pytest.approx(np.log(3.0 / 2), abs=1e-12)


def test_large_networks_have_the_same():
    """n = 12 runs in other kernels, which call the activation by its address."""
    thing = Unhashable(2.0)
    first = network_of(thing, 12).propagator((), 0.0, 12, np.dtype(float))
    thing.gain = 3.0
    second = network_of(thing, 12).propagator((), 0.0, 12, np.dtype(float))
    named = network_of("linear", 12).propagator((), 0.0, 12, np.dtype(float))
    for propagator, slope in ((first, 2.0), (second, 3.0), (named, 1.0)):
        u, value, slopes = np.zeros(1), np.empty(1), np.empty(1)
        pointers = [a.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for a in (u, value, slopes)]
        compiled(propagator.phi).ctypes(1, *pointers)
        assert (value[0], slopes[0]) == (0.0, slope)


def test_repr_names_the_function():
    assert "phi='relu'" in repr(network_of("relu"))
    assert "phi=<lambda>" in repr(network_of(lambda u: u))
    assert "phi=tanh" in repr(network_of(np.tanh))
    assert "phi=Unhashable" in repr(network_of(Unhashable(1.0)))


@pytest.mark.parametrize(
    ("phi", "words"),
    [
        (lambda: 1.0, "phi must be a NumPy function of one number"),
        (lambda u: np.spacing(u), r"phi must be .*test_phi\.py:\d+: .*np\.spacing"),
        (lambda u: [u, u], "phi must be"),
        (float, "phi must be"),
        (None, "phi must be a name or a function"),
        (lambda u: float(u), r"phi must be .*np\.floor"),
    ],
)
def test_what_is_no_function_of_a_number(phi, words):
    with pytest.raises((TypeError, ValueError), match=words) as refused:
        network_of(phi)
    assert "\n" not in str(refused.value)


def test_an_if_is_a_function_of_a_number():
    found = network_of(lambda u: u if u > 0 else 0)
    run = dict(duration=5.0, initial=np.linspace(-1, 1, found.dim))
    ours = spectrum(found, **run).exponents
    assert np.array_equal(ours, spectrum(network_of("relu"), **run).exponents)


def everything():
    rng = np.random.default_rng(0)
    return {
        "lambda": network_of(lambda u: 2 * np.tanh(u)),
        "sparse": lx.RateNetwork(scipy.sparse.csr_array(W), kind="map"),
        "rnn": lx.RNN(W, nonlinearity="relu"),
        "gru": lx.GRU(rng.normal(size=(6, 2)), rng.normal(size=(6, 1)), inputs=np.ones((9, 1))),
        "lstm": lx.LSTM(
            [rng.normal(size=(8, 2))] * 2,
            [rng.normal(size=(8, 1)), rng.normal(size=(8, 2))],
            readout=rng.normal(size=(1, 2)),
        ),
    }


def same(a, b):
    assert repr(a) == repr(b)
    assert a.batch_shape == b.batch_shape
    for name in ("W", "weight_hh", "weight_ih", "bias_hh", "inputs", "readout", "tau", "bias"):
        one, other = (getattr(s, name, None) for s in (a, b))
        if scipy.sparse.issparse(one):
            one, other = one.toarray(), other.toarray()
        if one is not None:
            np.testing.assert_equal(one, other)
    assert getattr(a, "phi_graph", None) == getattr(b, "phi_graph", None)


@pytest.mark.parametrize("name", everything())
@pytest.mark.parametrize("how", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies(name, how):
    system = everything()[name]
    again = how(system)
    same(system, again)
    change = "tau" if name in ("lambda", "sparse") else "bias_hh"
    size = {"rnn": 2, "gru": 6, "lstm": 8}.get(name, 2)
    value = np.full(size, 2.0)
    value = [value, value] if name == "lstm" else value
    same(system.with_params(**{change: value}), again.with_params(**{change: value}))


def there_and_back(systems):
    return systems, spectrum(systems["lambda"], **QUIET).exponents


def test_another_process():
    systems = everything()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        again, found = pool.apply(there_and_back, (systems,))
    for name, system in systems.items():
        same(system, again[name])
    np.testing.assert_array_equal(found, spectrum(again["lambda"], **QUIET).exponents)
