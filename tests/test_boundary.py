"""Every parameter of every public callable: a wrong value is refused in one line that names it.

Nobody has to think of a new parameter: signatures are walked through, and a public callable that
`GOOD` does not know is a failure.
"""

import contextlib
import functools
import importlib
import inspect
import pickle
import warnings

import matplotlib as mpl
import numpy as np
import pytest
import scipy.sparse

import lyapax as lx
import lyapax.pta as pta
from lyapax.systems import library

MODULES = ["lyapax", "lyapax.systems", "lyapax.pta", "lyapax.torch"]
# What functions return; people do not build them.
RESULTS = {
    "CovariantVectors",
    "EnsembleSpectrum",
    "Floquet",
    "GradientHorizon",
    "Interrupted",
    "KnownNetwork",
    "KnownSystem",
    "LyapunovSpectrum",
    "Status",
    "Tangents",
    "Trajectory",
}
# In which a working call is not an exception but a long one.
TIMES = {
    "duration",
    "transient",
    "alignment",
    "tail",
    "window",
    "period",
    "max_period",
    "max_duration",
    "steps",
}
FILES = {"path", "store"}  # whose errors may also be those of the operating system


class Long:
    def __repr__(self):
        return "word " * 2400


class Broken:
    def __repr__(self):
        raise RuntimeError("no words")

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array")

    def __index__(self):
        raise RuntimeError("no index")


def recursive():
    value = []
    value.append(value)
    return value


def values():
    """What may come in place of an argument, by name."""
    ragged = np.empty(2, object)
    ragged[:] = [1.0], [1.0, 2.0]
    found = {
        "None": None, "True": True, "False": False, "empty text": "", "text": "henon",
        "long text": "x" * 12_000, "bytes": b"abc", "0": 0, "-1": -1, "2": 2, "0.0": 0.0,
        "-0.5": -0.5, "1.5": 1.5, "NaN": np.nan, "inf": np.inf, "-inf": -np.inf, "1e300": 1e300,
        "1e-300": 1e-300, "10^18": 10**18, "-10^18": -(10**18), "10^30": 10**30,
        "10^5000": 10**5000, "1j": 1j, "float64": np.float64(0.5), "int64": np.int64(2),
        "bool_": np.True_, "0-d": np.array(0.5), "0-d integer": np.array(2),
        "array": np.array([0.1, 0.2]), "empty array": np.array([]), "NaNs": np.full(2, np.nan),
        "matrix": np.eye(3), "complex array": np.array([1j, 2]), "text array": np.array(["a", "b"]),
        "object array": ragged, "times": np.array(["2020-01-01"], "datetime64[D]"),
        "ragged": [[1.0], [1.0, 2.0]], "deep ragged": [[[1.0], [1.0, 2.0]], [[1.0], [2.0]]],
        "empty list": [], "recursive": recursive(), "texts": ["a", "b"], "Nones": [None, None],
        "masked": np.ma.array([1.0, 2.0], mask=[True, False]), "masked one": np.ma.masked,
        "masked list": [np.ma.masked, 1.0], "sparse": scipy.sparse.eye_array(2, format="csr"),
        "sparse vector": scipy.sparse.coo_array([1.0, 0.0]),
        "wide": np.broadcast_to(0.0, (10**6, 10**6)), "dict": {}, "names": {"a": 1.0},
        "unnamed": {1: 2.0}, "unknown": {"zz": 1.0}, "set": {1.0, 2.0}, "object": object(),
        "function": lambda: 1.0, "class": lx.Map, "slice": slice(None), "far slice": slice(9, 9),
        "text slice": slice("a"), "generator": (x for x in [1.0]), "dots": ..., "long": Long(),
        "long list": [Long()], "broken": Broken(), "broken list": [Broken()],
    }  # fmt: skip
    with contextlib.suppress(ImportError):
        torch = importlib.import_module("torch")
        found |= {
            "tensor": torch.ones(2, requires_grad=True),
            "bfloat16": torch.ones(2).bfloat16(),
            "0-d tensor": torch.tensor(2.0),
            "0-d bool": torch.tensor(True),
            "sparse tensor": torch.eye(2).to_sparse(),
            "meta": torch.ones(2, device="meta"),
            "0-d meta": torch.ones((), device="meta"),
            "tensors": [torch.ones(2).bfloat16()] * 2,
            "complex tensor": torch.ones(2, dtype=torch.complex64),
            "dtype": torch.float32,
        }
    return found


@functools.cache
def henon():
    return library["henon"].system()


@functools.cache
def measured():
    return lx.lyapunov_spectrum(henon(), duration=16, members=2, rng=0, progress=False)


def copied(make):
    """A function that gives a new copy of what `make` gives."""
    return lambda: pickle.loads(stored(make))


@functools.cache
def stored(make):
    return pickle.dumps(make())


@copied
def fresh():
    return lx.lyapunov_spectrum(henon(), duration=16, rng=0, progress=False)


@copied
def together():
    return lx.lyapunov_spectrum(
        henon(), tol=1.0, ensemble=True, members=16, max_duration=160, transient=8, **QUIET
    )


@functools.cache
def vectors():
    return lx.covariant_vectors(henon(), duration=16, rng=0, progress=False)


@functools.cache
def network():
    return lx.RateNetwork(np.eye(2) / 2, kind="map")


def scaled(x, p):
    return [-p.a * x[0]]


def fed(x, s, p):
    return [-p.a * x[0] + s[0]]


def sent(x, y, p):
    return [np.sin(y[0] - x[0])]


def stepped(x, u=None):
    return torch.tanh(x)


def layer():
    torch.manual_seed(0)
    return torch.nn.RNN(1, 2)


W, V = np.eye(2) / 2, np.ones((2, 1))
QUIET = {"rng": 0, "progress": False}
GOOD = {
    "RateNetwork": [(lx.RateNetwork, {"W": W}), (lx.RateNetwork, {"W": W, "kind": "map"})],
    "Network": [
        (lx.Network, {"node": lambda: fed, "coupling": lambda: sent, "W": W, "params": {"a": 1.0}}),
        (lx.Network, {"node": lambda: fed, "coupling": lambda: sent, "W": W, "params": {"a": 1.0},
                      "kind": "map"}),
    ],
    "RNN": [(lx.RNN, {"weight_hh": W}), (lx.RNN, {"weight_hh": [W, W], "weight_ih": [V, W]})],
    "GRU": [
        (lx.GRU, {"weight_hh": np.tile(W, (3, 1))}),
        (lx.GRU, {"weight_hh": np.tile(W, (3, 1)), "weight_ih": np.ones((6, 1)),
                  "readout": np.ones((1, 2))}),
    ],
    "LSTM": [
        (lx.LSTM, {"weight_hh": np.tile(W, (4, 1))}),
        (lx.LSTM, {"weight_hh": np.tile(W, (4, 1)), "weight_ih": np.ones((8, 1)),
                   "inputs": np.ones((9, 1))}),
    ],
    "Flow": [
        (lx.Flow, {"f": lambda: scaled, "dim": 1, "params": {"a": 1.0}}),
        (lx.Flow, {"f": lambda: scaled, "dim": 1, "params": {"a": 1.0}, "linear": [-1.0],
                   "grid": ([[1.0]], [[1.0]])}),
    ],
    "complex_flow": [(lx.complex_flow, {"f": lambda: scaled, "dim": 1, "params": {"a": 1.0}})],
    "complex_map": [(lx.complex_map, {"f": lambda: scaled, "dim": 1, "params": {"a": 1.0}})],
    "Map": [(lx.Map, {"f": lambda: scaled, "dim": 1, "params": {"a": 1.0}})],
    "KnownNetwork.system": [(lx.systems.networks["kuramoto"].system, {"W": W})],
    "kuramoto_sivashinsky_of": [(lx.systems.kuramoto_sivashinsky_of, {"modes": 4})],
    "lorenz96_of": [(lx.systems.lorenz96_of, {"n": 4})],
    "read_weights": [(lx.read_weights, {"source": W})],
    "lyapunov_spectrum": [
        (lx.lyapunov_spectrum, {"system": henon, "duration": 16, **QUIET}),
        (lx.lyapunov_spectrum, {"system": henon, "tol": 1.0, "max_duration": 16, **QUIET}),
        (lx.lyapunov_spectrum, {"system": library["stuart_landau"].system, "duration": 2, **QUIET}),
        (lx.lyapunov_spectrum, {"system": henon, "tol": 1.0, "max_duration": 160, "ensemble": True,
                                "members": 16, "transient": 8, **QUIET}),
    ],
    "local_exponents": [
        (lx.local_exponents, {"system": henon, "window": 2, "windows": 4, **QUIET})
    ],
    "covariant_vectors": [(lx.covariant_vectors, {"system": henon, "duration": 16, **QUIET})],
    "trajectory": [
        (lx.trajectory, {"system": henon, "duration": 16, **QUIET}),
        (lx.trajectory, {"system": library["van_der_pol"].system, "duration": 16, "dt": 1.0,
                         **QUIET}),
    ],
    "sensitivity": [(lx.sensitivity, {"system": henon, "duration": 16, **QUIET})],
    "adjoint": [(lx.adjoint, {"system": henon, "duration": 16, **QUIET})],
    "floquet": [(lx.floquet, {"system": lambda: library["van_der_pol"].system(), "period": 6.66,
                              "dt": 0.1, "initial": [2.0, 0.0]})],
    "perturb": [
        (lx.perturb, {"system": network, "scale": 0.1}),
        (lx.perturb, {"system": network, "scale": 0.1, "kind": "S"}),
    ],
    "sweep": [
        (lx.sweep, {"system": henon, "axes": {"a": [1.0, 1.2]}, "duration": 16, "progress": False})
    ],
    "robustness": [
        (lx.robustness, {"system": network, "scales": [0.1], "draws": 1, "duration": 16, **QUIET})
    ],
    "gradient_horizon": [
        (lx.gradient_horizon, {"result_or_system": henon, "duration": 16, **QUIET}),
        (lx.gradient_horizon, {"result_or_system": measured}),
    ],
    "LyapunovSpectrum.extend": [
        (lambda *a, **k: fresh().extend(*a, **k), {"duration": 16, "progress": False})
    ],
    "LyapunovSpectrum.plot": [(lambda *a, **k: measured().plot(*a, **k), {})],
    "LyapunovSpectrum.pooled": [(lambda *a, **k: measured().pooled(*a, **k), {})],
    "LyapunovSpectrum.linear_combination": [
        (lambda *a, **k: measured().linear_combination(*a, **k), {"weights": [1.0, 2.0]})
    ],
    "LyapunovSpectrum.needed": [(lambda *a, **k: measured().needed(*a, **k), {"tol": 0.1})],
    "EnsembleSpectrum.extend": [
        (lambda *a, **k: together().extend(*a, **k), {"duration": 16, "progress": False})
    ],
    "LyapunovSpectrum.save": [(lambda *a, **k: measured().save(*a, **k), {"path": "one.npz"})],
    "LyapunovSpectrum.load": [(lx.LyapunovSpectrum.load, {"path": "two.npz"})],
    "LyapunovSpectrum.to_xarray": [(lambda: measured().to_xarray(), {})],
    "LyapunovSpectrum.summary": [(lambda: measured().summary(), {})],
    "LyapunovSpectrum.on_device": [(lambda: measured().on_device(), {})],
    "CovariantVectors.angles": [
        (lambda *a, **k: vectors().angles(*a, **k), {"first": [0], "second": [1]})
    ],
    "Region": [(pta.Region, {}), (pta.Region, {"cell": "gru", "offset": (0.1, 1.0)})],
    "Region.contains": [(pta.Region().contains, {"alpha": 1.3, "theta": 0.5})],
    "Region.sample": [(pta.Region("gru").sample, {"size": 3, "rng": 0})],
    "Region.borders": [(pta.Region().borders, {})],
    "Region.plot": [(pta.Region().plot, {})],
    "blocks": [(pta.blocks, {"alpha": 1.3, "theta": [0.5, 0.6]})],
    "bank": [(pta.bank, {"alpha": 1.3, "theta": [0.5, 0.6], "n": 5})],
    "saddle_node": [(pta.saddle_node, {"alpha": 1.3})],
    "gru_offset": [(pta.gru_offset, {"theta": 0.5})],
    "region": [(pta.region, {})],
    "block_system": [
        (pta.block_system, {"alpha": 1.3, "theta": 0.5, "cell": "tanh", "time": "discrete"})
    ],
    "leading_exponents": [
        (pta.leading_exponents, {"alpha": 1.3, "theta": 0.5, "transient": 50, "steps": 50}),
        (pta.leading_exponents, {"alpha": 1.3, "theta": 0.5, "time": "continuous",
                                 "transient": 50, "steps": 50}),
    ],
    "draw": [
        (pta.draw, {"size": 2, "where": pta.Region("gru"), "rng": 0, "rounded": lambda: np.copy})
    ],
}  # fmt: skip
with contextlib.suppress(ImportError):
    torch = importlib.import_module("torch")
    lxt = importlib.import_module("lyapax.torch")
    INPUTS = torch.zeros(16, 1)
    GOOD |= {
        "spectrum": [
            (lxt.spectrum, {"module": layer, "inputs": INPUTS, **QUIET}),
            (
                lxt.spectrum,
                {"module": lambda: stepped, "initial": torch.ones(2), "duration": 4, **QUIET},
            ),
        ],
        "lyapunov_exponents": [
            (lxt.lyapunov_exponents, {"step": layer, "x0": torch.ones(2), "k": 1, "window": 2}),
            (
                lxt.lyapunov_exponents,
                {"step": layer, "x0": torch.ones(2), "k": 1, "window": 2, "inputs": INPUTS},
            ),
            (
                lxt.lyapunov_exponents,
                {"step": lambda: stepped, "x0": torch.ones(2), "k": 1, "window": 2},
            ),
        ],
        "LyapunovMonitor": [
            (lxt.LyapunovMonitor, {"module": layer, "steps": 16}),
            (lxt.LyapunovMonitor, {"module": layer, "inputs": INPUTS}),
        ],
        "pta_init_": [(lxt.pta_init_, {"module_or_tensor": torch.eye(6)[:, :2], "kind": "gru"})],
        "pta_report": [(lxt.pta_report, {"module": layer, "inputs": INPUTS, "steps": 16})],
    }


def public():
    """Names of what people call, with the objects: functions, classes and methods of results."""
    found = {}
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:  # without PyTorch
            continue
        for key in dir(module):  # some are loaded at their first use
            if key in ("pta", "torch"):  # modules, of which one may be missing
                continue
            value = getattr(module, key)
            home = str(getattr(value, "__module__", ""))
            own = home.startswith("lyapax")
            if callable(value) and own and not key.startswith("_"):
                found[key] = value
                if inspect.isclass(value) and key in {*RESULTS, "Region"} - {"KnownSystem"}:
                    found |= methods(key, value)
    return found


def methods(name, kind):
    return (
        {
            f"{name}.{key}": inspect.unwrap(getattr(kind, key))
            for key, value in vars(kind).items()
            if inspect.isfunction(getattr(value, "__func__", value)) and not key.startswith("_")
        }
        if name != "Status"
        else {}
    )


def test_every_public_callable_is_known():
    names = set(public()) - RESULTS
    assert names <= set(GOOD)


@pytest.fixture(scope="module", autouse=True)
def quiet_pictures():
    mpl.use("agg")


@pytest.mark.parametrize("name", GOOD)
def test_wrong_values_are_named(name, tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    # To look for blocks where there are none takes all tries.
    monkeypatch.setattr("lyapax.pta._region.TRIES", 30)
    measured().save("two.npz")
    wrong = []
    for call, good in GOOD[name]:
        good = {key: value() if callable(value) else value for key, value in good.items()}
        call(**good)  # or nothing below means anything
        for parameter in inspect.signature(public()[name]).parameters.values():
            for label, value in values().items():
                if parameter.name in TIMES and label == "10^18":
                    continue  # starts, and says how long it will take
                wrong += complaint(call, good, parameter, label, value)
            plt.close("all")
    assert not wrong, "\n".join([f"{len(wrong)} of {name}:", *wrong[:400]])


def complaint(call, good, parameter, label, value):
    """What is wrong with how one value is taken, or nothing."""
    key = parameter.name
    if key == "self":
        return []
    if parameter.kind is parameter.VAR_KEYWORD:
        key = "no_such_option"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a dt too large, for example
            call(**{**good, key: value})
    except (ValueError, TypeError) as error:
        text = str(error)
        if key in text and "\n" not in text and len(text) < 700:
            return []
        return [f"{key} = {label}: {type(error).__name__}: {text[:300]!r}"]
    except Exception as error:
        if key in FILES and isinstance(error, OSError):
            return []
        return [f"{key} = {label}: {type(error).__name__}: {str(error)[:300]!r}"]
    return []
