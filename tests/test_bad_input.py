"""Bad input is refused at the boundary, naming the argument; odd but right input is not."""

from functools import partial

import numpy as np
import pytest
import scipy.sparse

import lyapax as lx

from .helpers import network, spectrum


def filled_by_index(x, p):
    out = np.empty(2)
    out[0] = x[1]
    return out


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lx.RateNetwork(np.zeros((3, 4))), ValueError, "square"),
        (lambda: lx.RateNetwork([[np.nan]]), ValueError, "finite"),
        (lambda: lx.RateNetwork([["a"]]), TypeError, "real"),
        (lambda: lx.RateNetwork([[1j]]), TypeError, "real"),
        (lambda: lx.RateNetwork(np.zeros((0, 3, 3))), ValueError, "empty"),
        (lambda: lx.RateNetwork(np.eye(3), tau=-1.0), ValueError, "tau"),
        (lambda: lx.RateNetwork(np.eye(3), phi="tan"), ValueError, "softplus"),
        (lambda: lx.RateNetwork(np.eye(3), bias=np.zeros(4)), ValueError, "bias"),
        (lambda: spectrum(network(), duration=1.0, dt=0.0), ValueError, "dt"),
        (lambda: spectrum(network(inputs=np.zeros((9, 12))), duration=1.0), ValueError, "dt"),
        (lambda: spectrum(network(), duration=1.0, dt="fine"), TypeError, "dt"),
        (lambda: spectrum(network(), duration=-1.0, dt=0.1), ValueError, "duration"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, k=13), ValueError, "k must"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, k=1.5), TypeError, "k must"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, qr_every=0), ValueError, "qr_every"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, initial="a"), TypeError, "initial"),
        (lambda: spectrum("lorenz", duration=1.0, dt=0.1), TypeError, "system"),
        (lambda: lx.Flow(lambda x, p: [x[0]], 2), ValueError, "dim = 2"),
        (
            lambda: lx.Flow(lambda x, p: [x[0] if any(x > i for i in range(99)) else 0], 1),
            TypeError,
            "np.where",
        ),
        (lambda: lx.Flow(lambda x, p: [np.spacing(x[0])], 1), TypeError, "spacing"),
        (lambda: lx.Flow(lambda: 1.0, 1), ValueError, "arguments"),
        (lambda: lx.Flow(lambda x, p: [p.b * x[0]], 1, {"a": 1.0}), TypeError, r"p\.b"),
        (lambda: lx.Flow(lambda x, p: [1j * x[0]], 1), TypeError, "real"),
        (lambda: lx.Flow(lambda x, p: [x[0] * np.nan], 1), TypeError, "finite"),
        (lambda: lx.Flow(lambda x, p: [x[0] / 0], 1), TypeError, "finite"),
        (lambda: lx.Flow(lambda x, p: ["x"], 1), TypeError, "real"),
        (lambda: lx.Flow(lambda x, p: None, 1), TypeError, "list or an array"),
        (lambda: lx.Flow(filled_by_index, 2), TypeError, "output 1 has nan"),
        (lambda: lx.Flow(np.cbrt, 1), ValueError, "arguments"),
        (lambda: lx.Flow("f", 1), TypeError, "callable"),
        (lambda: lx.Flow(lambda x, p: x, 1, "a"), TypeError, "params"),
        (lambda: lx.Flow(lambda x, p: x, 1, {"a": "b"}), TypeError, "params"),
        (lambda: lx.Flow(lambda x, p: x, 2.0), TypeError, "dim"),
        (lambda: lx.Flow(lambda x, p: x, 0), ValueError, "dim"),
        (
            lambda: lx.Flow(lambda x, p: x, 1, {"a": np.ones(2), "b": np.ones(3)}),
            ValueError,
            "broadcast",
        ),
        (lambda: lx.RateNetwork(np.array([[None]])), TypeError, "real"),
        (lambda: lx.RateNetwork(scipy.sparse.csr_array(np.eye(3, 4))), ValueError, "square"),
        (lambda: lx.RateNetwork(scipy.sparse.csr_array([[np.inf]])), ValueError, "finite"),
        (lambda: lx.RateNetwork(np.eye(3), form="both"), ValueError, "current, rate"),
        (lambda: lx.RateNetwork(np.eye(3), kind="ode"), ValueError, "flow, map"),
        (lambda: lx.RateNetwork(np.eye(3), phi=3), TypeError, "phi"),
        (lambda: lx.RateNetwork(np.eye(3), inputs=np.ones((5, 2))), ValueError, "inputs"),
        (
            lambda: lx.RateNetwork(np.zeros((2, 3, 3)), bias=np.zeros((4, 3))),
            ValueError,
            "broadcast",
        ),
        (lambda: spectrum(network(), duration=np.inf, dt=0.1), ValueError, "duration"),
        (lambda: spectrum(network(), duration="1", dt=0.1), TypeError, "duration"),
        (lambda: spectrum(network(), duration=1.0, dt=np.nan), ValueError, "dt"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, k=0), ValueError, "k must"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, k=-2), ValueError, "k must"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, members=0), ValueError, "members"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, dtype="int32"), ValueError, "dtype"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, dtype="no"), ValueError, "dtype"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, transient=-1), ValueError, "transient"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, qr_every="x"), TypeError, "qr_every"),
        (
            lambda: spectrum(network(), duration=1.0, dt=0.1, initial=np.ones((0, 12))),
            ValueError,
            "empty",
        ),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, initial=np.ones(5)), ValueError, "12"),
        (
            lambda: spectrum(network(), duration=1.0, dt=0.1, initial=np.full(12, np.nan)),
            ValueError,
            "finite",
        ),
        (
            lambda: spectrum(network(), duration=1.0, dt=0.1, initial_basis=np.ones((12, 12))),
            ValueError,
            "independent",
        ),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, rng="a"), TypeError, "rng"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, rng=-1), ValueError, "rng"),
        (lambda: spectrum(network(), tol=0.1, duration=9, dt=0.1), ValueError, "max_duration"),
        (lambda: spectrum(network(), dt=0.1), ValueError, "duration"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, errors="no"), ValueError, "errors"),
        (lambda: spectrum(network(kind="map"), duration=9, dt=0.1), ValueError, "dt"),
        (lambda: spectrum(network(), duration=1.0, dt=0.1, params={"V": 1}), ValueError, "params"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


class Oscillator:
    """Filled by index, from a callable without a code object of its own."""

    def __call__(self, x, p):
        rate = np.zeros_like(x)
        rate[0] = x[1]
        rate[1] = -x[0]
        return rate


def test_functions_of_other_shapes_are_traced():
    spec = spectrum(lx.Flow(Oscillator(), 2), duration=100.0, dt=0.01)
    np.testing.assert_allclose(spec.exponents, 0.0, atol=1e-6)
    with pytest.raises(TypeError, match=r"test_bad_input\.py:\d+: .*np\.spacing"):
        lx.Flow(partial(lambda power, x, p: [np.spacing(x[0]) ** power], 2), 1)
