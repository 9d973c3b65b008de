"""Everything public goes into another process and comes back: results, systems, what they hold."""

import copy
import dataclasses
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import lyapax as lx
from lyapax import pta
from lyapax.systems import library

from .helpers import SYSTEMS, network, spectrum

quiet = {"rng": 0, "progress": False}
HENON = library["henon"].system()
WHERE = {**SYSTEMS, "gated": lambda: lx.GRU(np.random.default_rng(0).standard_normal((18, 6)) / 2)}


def run(system, **options):
    unit = 0.02 if system.is_flow else 1.0
    dt = {"dt": unit} if system.is_flow else {}
    return spectrum(system, duration=30 * unit, transient=3 * unit, qr_every=2, **dt, **options)


def extended(result):
    return result.extend(20 * result.dt, progress=False)


def same(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)
        for name in ("exponents", "stderr", "status", "blocks", "sign", "duration")
    )


@pytest.mark.parametrize("name", WHERE)
@pytest.mark.parametrize("back", [lambda a: pickle.loads(pickle.dumps(a)), copy.deepcopy])
def test_systems_and_results_come_back(name, back):
    system = WHERE[name]()
    result = run(system)
    assert same(run(back(system)), result)
    found = back(result)
    assert same(found, result)
    assert repr(found) == repr(result)
    assert same(extended(found), extended(result))


def test_a_batch_of_two_precisions_comes_back():
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((10, 10)))[0]
    scale = np.geomspace(1.0, 0.5, 10) * np.ones((2, 1))
    scale[1, -1] = 1e-6
    net = lx.RateNetwork(turn * scale[:, None, :], phi="linear", kind="map")
    result = spectrum(net, duration=300, dtype="float32")
    found = pickle.loads(pickle.dumps(result))
    assert same(extended(found), extended(result))


OTHERS = {
    "trajectory": lambda: lx.trajectory(HENON, duration=9, **quiet),
    "sensitivity": lambda: lx.sensitivity(HENON, duration=9, **quiet),
    "adjoint": lambda: lx.adjoint(HENON, duration=9, **quiet),
    "covariant": lambda: lx.covariant_vectors(HENON, duration=9, **quiet),
    "horizon": lambda: lx.gradient_horizon(HENON, duration=90, **quiet),
    "floquet": lambda: lx.floquet(library["logistic"].system(r=3.2), transient=200, rng=0),
    "region": lambda: pta.region(),
    "status": lambda: lx.Status.DIVERGED,
    "known": lambda: library["henon"],
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_results_come_back(name):
    value = OTHERS[name]()
    found = pickle.loads(pickle.dumps(value))
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            np.testing.assert_equal(getattr(found, field.name), getattr(value, field.name))
    else:
        assert found == value


def test_interrupted_comes_back():
    found = pickle.loads(pickle.dumps(lx.Interrupted("3 of 4", [1])))
    assert str(found).startswith("interrupted: 3 of 4")
    assert found.result == [1]


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_other_processes(method):
    """Systems there, results back; what was traced is not traced again."""
    systems = [HENON, lx.Map(lambda x, p: [p.a * x[0] * (1 - x[0])], 1, {"a": 3.9}, initial=[0.3])]
    expected = [run(system) for system in systems]
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        found = list(pool.map(run, systems))
        again = list(pool.map(extended, found))
    for a, b, c in zip(found, expected, again, strict=True):
        assert same(a, b)
        assert same(c, extended(b))


def test_joblib():
    joblib = pytest.importorskip("joblib")
    (found,) = joblib.Parallel(2)([joblib.delayed(run)(HENON)])
    assert same(found, run(HENON))


def test_a_network_of_a_lambda():
    net = network(9, phi=lambda u: u / np.sqrt(1 + u**2))
    assert same(run(pickle.loads(pickle.dumps(net))), run(net))
