"""Arrays of the caller are read, never written to and never looked at again."""

import numpy as np
import pytest
import scipy.sparse

import lyapax as lx

from .helpers import spectrum
from .numpy_system import in_numpy
from .right_hand_sides import linear

RNG = np.random.default_rng(0)
QUIET = {"rng": 0, "progress": False}


def half(*shape):
    return RNG.uniform(-0.5, 0.5, shape)


def duplicated():
    """Unsorted, and twice the same place."""
    return scipy.sparse.csr_array(
        (np.array([0.2, 0.3, 0.4]), np.array([1, 0, 1]), np.array([0, 3, 3])), shape=(2, 2)
    )


SYSTEMS = {
    "dense": (lx.RateNetwork, {"W": half(2, 2), "bias": half(2), "tau": np.array([2.0, 3.0])}),
    "driven": (lx.RateNetwork, {"W": half(2, 2), "inputs": half(9, 2)}),
    "sparse": (lx.RateNetwork, {"W": duplicated()}),
    "coo": (lx.RateNetwork, {"W": duplicated().tocoo()}),
    "rnn": (lx.RNN, {"weight_hh": [half(2, 2)] * 2, "weight_ih": [half(2, 1), half(2, 2)],
                     "bias_hh": [half(2)] * 2, "inputs": half(9, 1)}),
    "gru": (lx.GRU, {"weight_hh": half(6, 2), "weight_ih": half(6, 1), "bias_ih": half(6),
                     "readout": half(1, 2), "readout_bias": half(1)}),
    "lstm": (lx.LSTM, {"weight_hh": half(8, 2), "bias_hh": half(8)}),
    "map": (lambda a, start: lx.Map(linear, 1, {"a": a}, initial=start),
            {"a": half(2), "start": half(1)}),
}  # fmt: skip


def arrays(given):
    for value in given.values():
        for part in value if isinstance(value, list) else [value]:
            if scipy.sparse.issparse(part):
                names = ("data", "indices", "indptr", "row", "col", "coords")
                found = [getattr(part, name, None) for name in names]
                yield from (a for a in found if isinstance(a, np.ndarray))
            else:
                yield part


def writable(given, flag):
    for array in arrays(given):
        array.flags.writeable = flag


def tables(system, **params):
    """All the numbers in a system."""
    found = system.with_params(**params).__dict__
    kept = {}
    for name, value in found.items():
        dense = value.toarray() if scipy.sparse.issparse(value) else value
        parts = dense if isinstance(dense, list) else [dense]
        if isinstance(dense, dict):
            parts = list(dense.values())
        kept[name] = [np.array(p) for p in parts if isinstance(p, np.ndarray)]
    return {name: parts for name, parts in kept.items() if parts}


@pytest.mark.parametrize("name", SYSTEMS)
def test_systems(name):
    build, given = SYSTEMS[name]
    before = [np.array(a) for a in arrays(given)]
    writable(given, False)
    try:
        system = build(**given)
        expected = tables(system)
    finally:
        writable(given, True)
    for array, old in zip(arrays(given), before, strict=True):
        np.testing.assert_array_equal(array, old)
    for array in arrays(given):
        array[:] = 0 if array.dtype.kind == "i" else np.nan
    after = tables(system)
    assert expected.keys() == after.keys()
    assert expected
    for key in expected:
        for a, b in zip(expected[key], after[key], strict=True):
            np.testing.assert_array_equal(a, b)
    assert all(np.isfinite(a).all() for parts in after.values() for a in parts)


def test_duplicates_are_summed_in_the_copy():
    given = duplicated()
    system = lx.RateNetwork(given)
    np.testing.assert_allclose(system.W.toarray(), [[0.3, 0.6], [0.0, 0.0]])
    assert given.nnz == 3


def test_integers_are_summed_as_numbers():
    ones = scipy.sparse.coo_array(
        (np.full(2, 100, np.int8), (np.array([0, 0]), np.array([1, 1]))), shape=(2, 2)
    )
    assert lx.RateNetwork(ones).W.toarray()[0, 1] == 200.0  # int8 ends at 127


def functions():
    henon = in_numpy(lx.systems.library["henon"])
    start, basis, eye = np.array([0.1, 0.1]), np.eye(2), np.eye(2)
    common = {"duration": 16, "initial": start, **QUIET}
    return (
        start,
        basis,
        eye,
        {
            "spectrum": lambda: spectrum(henon, duration=16, initial=start, initial_basis=basis),
            "local": lambda: lx.local_exponents(henon, window=2, windows=4, initial=start, **QUIET),
            "covariant": lambda: lx.covariant_vectors(henon, **common).vectors,
            "trajectory": lambda: lx.trajectory(henon, **common).states,
            "sensitivity": lambda: lx.sensitivity(henon, eye, **common).log_norms,
            "adjoint": lambda: lx.adjoint(henon, eye, **common).log_norms,
        },
    )


@pytest.mark.parametrize("name", functions()[-1])
def test_functions(name):
    *given, calls = functions()
    before = [a.copy() for a in given]
    for array in given:
        array.flags.writeable = False
    found = calls[name]()
    for array, old in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, old)
        array.flags.writeable = True
        array[:] = np.nan
    if name == "spectrum":  # goes on from where it is
        longer = found.extend(16, progress=False).exponents
        *_, again = functions()
        np.testing.assert_array_equal(
            longer, again[name]().extend(16, progress=False).exponents
        )  # the bits of a run whose arrays were left alone
    else:
        assert np.isfinite(found).all()
