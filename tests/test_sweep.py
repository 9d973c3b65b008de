"""Sweeps: a point depends on its parameters, number and seed alone, and no store lies."""

import json
import os
import signal
import subprocess
import sys
import warnings
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
import xarray

import lyapax as lx
from lyapax._sweep import compiled_once
from lyapax._sweep.axes import checked
from lyapax._sweep.chunks import of_about, stratified
from lyapax._sweep.digest import digest
from lyapax._sweep.executors import workers_of
from lyapax._sweep.points import Numbers, Task
from lyapax._sweep.store import Store
from lyapax._sweep.variables import VARIABLES, kinds

from .failing import Failing
from .numpy_system import NumpyNetwork
from .right_hand_sides import diagonal, linear, odd_cubic

HENON = lx.systems.library["henon"].system()
AXES = {"a": np.linspace(0.9, 1.4, 6), "b": np.linspace(0.1, 0.3, 5)}
OPTIONS = {"duration": 1000, "progress": False}


def same(first, second):
    return {
        v.name
        for v in VARIABLES
        if not np.array_equal(first[v.name].values, second[v.name].values, equal_nan=True)
    } == set()


@pytest.fixture(scope="module")
def plane():
    return lx.sweep(HENON, AXES, **OPTIONS)


def test_labels(plane):
    assert plane.exponents.dims == ("a", "b", "exponent")
    np.testing.assert_array_equal(plane.a, AXES["a"])
    meanings = plane.attractor.attrs["flag_meanings"].split()
    assert [m.replace("_", " ") for m in meanings] == kinds(2, 2)
    assert "chaotic" in {meanings[code] for code in plane.attractor.values.ravel()}
    assert plane.attrs["seed"] == 0
    assert plane.attrs["duration"] == 1000
    assert plane.attrs["fixed"] == {}
    line = lx.sweep(HENON.with_params(b=0.2), {"a": [1.0, 1.1]}, **OPTIONS)
    assert line.attrs["fixed"] == {"b": 0.2}
    assert "Map(henon" in plane.attrs["system"]


def test_a_point_is_the_spectrum_of_its_system(plane):
    """With the start of its number, and the sweep's cadence."""
    point = plane.sel(a=1.4, b=0.3)
    number = np.ravel_multi_index((5, 4), (6, 5))
    start = HENON.start((1,), Numbers(0).of(number))[0]
    system = HENON.with_params(a=1.4, b=0.3)
    every = plane.attrs["qr_every"]
    spec = lx.lyapunov_spectrum(system, initial=start, rng=0, qr_every=every, **OPTIONS)
    np.testing.assert_array_equal(point.exponents, spec.exponents)
    np.testing.assert_array_equal(point.stderr, spec.stderr)
    assert point.kaplan_yorke == spec.kaplan_yorke
    assert point.entropy_stderr == spec.entropy_stderr


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_chunks_do_not_change_bits(plane, chunk, tmp_path):
    found = lx.sweep(HENON, AXES, chunk=chunk, store=tmp_path / "plane.zarr", **OPTIONS)
    assert same(plane, found)
    np.testing.assert_array_equal(found.b, AXES["b"])
    assert same(plane, lx.sweep(HENON, AXES, chunk=chunk, **OPTIONS))


@pytest.mark.parametrize("kind", ["threads", "spawn"])
def test_executors_do_not_change_bits(plane, kind):
    pool = (
        ThreadPoolExecutor(2)
        if kind == "threads"
        else ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    )
    with pool as executor:
        assert same(plane, lx.sweep(HENON, AXES, chunk=7, executor=executor, **OPTIONS))


def test_a_lambda_travels_to_processes():
    weights = np.random.default_rng(0).standard_normal((6, 6)) / 3
    axes, options = {"g": [0.5, 1.5, 3.0]}, {"duration": 20.0, "dt": 0.1, "progress": False}
    scaled = lambda g: NumpyNetwork(g * weights)  # noqa: E731
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        found = lx.sweep(scaled, axes, chunk=1, executor=executor, **options)
    assert same(found, lx.sweep(scaled, axes, **options))


SYSTEMS = {
    "flow": (lx.systems.library["lorenz63"].system(), {"rho": np.linspace(10, 200, 7)}, 40.0, 3),
    "one exponent": (lx.systems.library["lorenz63"].system(), {"rho": [20.0, 28, 90]}, 40.0, 1),
    "network": (
        lx.systems.networks["kuramoto"].system(np.ones((9, 9)) / 9, omega=np.linspace(-1, 1, 9)),
        {"K": np.linspace(0, 3, 5)}, 20.0, 3,
    ),
    "rate network": (
        lx.RateNetwork(np.random.default_rng(0).standard_normal((20, 20)) / 3),
        {"tau": [0.5, 1.0, 2.0], "bias": [0.0, 0.3]}, 20.0, 4,
    ),
    "function": (
        lambda g: lx.RateNetwork(g * np.random.default_rng(0).standard_normal((12, 12)) / 3),
        {"g": [0.5, 1.5, 3.0]}, 20.0, 4,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SYSTEMS)
def test_systems(name):
    system, axes, duration, k = SYSTEMS[name]
    options = {"duration": duration, "k": k, "progress": False}
    whole = lx.sweep(system, axes, **options)
    assert same(whole, lx.sweep(system, axes, chunk=1, **options))
    assert np.isfinite(whole.exponents).all()
    assert whole.exponents.shape == (*(len(v) for v in axes.values()), k)


def test_starts_and_labels():
    flips = lx.Map(odd_cubic, 1, {"a": 1.4, "b": 0.4})  # at rest at -1, 0 and 1
    basins = lx.sweep(flips, {"initial": [[-0.5], [0.0], [0.5]]}, duration=200, progress=False)
    np.testing.assert_array_equal(basins.initial_state[:, 0], [-0.5, 0.0, 0.5])
    np.testing.assert_allclose(basins.exponents[:, 0], np.log([0.2, 1.4, 0.2]), rtol=1e-6)
    members = lx.sweep(HENON, {"member": [0, 1, 2]}, **OPTIONS)
    assert len(np.unique(members.exponents[:, 0])) == 3
    again = lx.sweep(HENON, {"member": [0, 1, 2]}, rng=1, **OPTIONS)
    assert not (again.exponents[:, 0] == members.exponents[:, 0]).any()


def test_scattered_points(plane):
    points = xarray.Dataset({"a": ("p", [1.4, 0.9]), "b": ("p", [0.3, 0.1])})
    found = lx.sweep(HENON, points, **OPTIONS)
    assert found.exponents.dims == ("point", "exponent")
    np.testing.assert_array_equal(found.a, [1.4, 0.9])
    assert abs(found.exponents[0, 0] - plane.sel(a=1.4, b=0.3).exponents[0]) < 0.05


def test_points_whose_qr_loses_digits_are_measured_at_a_finer_cadence():
    """At 64 steps the contraction by 1e-8 a step is lost; at one it is not."""
    wide = lx.Map(diagonal, 2, {"a": 0.5, "b": 0.4})
    found = lx.sweep(wide, {"b": [0.4, 1e-8]}, duration=640, qr_every=64, progress=False)
    expected = np.log([[0.5, 0.4], [0.5, 1e-8]])
    np.testing.assert_allclose(found.exponents, expected, rtol=1e-9)
    assert not found.status.any()


RUN = """
import os, signal, sys, numpy as np, lyapax as lx, zarr
left, write = int(sys.argv[2]), zarr.Array.__setitem__

def killed(self, *args):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, *args)

zarr.Array.__setitem__ = killed
axes = {"a": np.linspace(0.9, 1.4, 6), "b": np.linspace(0.1, 0.3, 5)}
henon = lx.systems.library["henon"].system()
lx.sweep(henon, axes, chunk=1, store=sys.argv[1], duration=1000, progress=False)
"""


def test_kills_and_resumes_end_with_the_same_bits(plane, tmp_path):
    """Before a write of coordinates, of a chunk's data, of its record, and between chunks."""
    store, done = tmp_path / "plane.zarr", []
    each = len(VARIABLES) + 1
    for writes in (1, 2 + 5, 2 * each - 1, 3 * each):
        run = subprocess.run([sys.executable, "-c", RUN, str(store), str(writes)], check=False)
        assert run.returncode == -signal.SIGKILL
        done.append(len(list(store.glob("exponents/c/*/*/0"))))
    assert done == [0, 1, 2, 4]
    found = lx.sweep(HENON, AXES, chunk=1, store=store, **OPTIONS)
    assert same(plane, found)


def files(store):
    return sorted(path for path in store.rglob("*") if path.is_file())


def damages(path, rng):
    """A file with single bytes changed, cut short, and gone (None)."""
    whole = path.read_bytes()
    places = range(len(whole)) if rng is None else rng.integers(len(whole), size=3)
    for i in places:
        yield whole[:i] + bytes([whole[i] ^ 0x10]) + whole[i + 1 :]
    yield whole[: len(whole) // 2]
    yield None


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_flipped_byte_gives_a_wrong_number(tmp_path, every):
    """Damaged stores are mended, or refused. A sample of damages, and nightly all of them."""
    axes, store = {"a": [1.0, 1.4]}, tmp_path / "plane.zarr"
    options = {**OPTIONS, "duration": 64, "chunk": 1, "qr_every": 1, "store": store}
    truth = lx.sweep(HENON, axes, **options).load()
    rng = np.random.default_rng(0)
    cases = [(p, d) for p in files(store) for d in damages(p, None if every else rng)]
    if not every:
        cases = [cases[i] for i in rng.permutation(len(cases))[:60]]
    mended, messages = 0, []
    for path, content in cases:
        whole = path.read_bytes()
        path.unlink() if content is None else path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="the store was damaged")
                found = lx.sweep(HENON, axes, **options).load()
        except ValueError as error:
            messages.append(str(error))
        else:
            assert same(truth, found), path
            mended += 1
        path.write_bytes(whole)
    assert mended > 10
    assert len(messages) > 10
    assert all("store" in message for message in messages)


def test_a_broken_chunk_is_measured_again_and_said(plane, tmp_path):
    options = {**OPTIONS, "store": tmp_path / "plane.zarr", "chunk": 7}
    lx.sweep(HENON, AXES, **options)
    path = files(tmp_path / "plane.zarr" / "stderr" / "c")[0]
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.warns(
        UserWarning, match=r"the store was damaged: 1 of its chunks were broken .* again: 0$"
    ):
        found = lx.sweep(HENON, AXES, **options)
    assert same(plane, found)


def test_data_that_a_function_refers_to_are_part_of_the_sweep(tmp_path):
    options = {"duration": 5.0, "dt": 0.1, "qr_every": 1, "progress": False}

    def scaled(weights):
        return lambda g: lx.RateNetwork(g * weights)

    store = tmp_path / "plane.zarr"
    lx.sweep(scaled(np.eye(3)), {"g": [0.1, 0.2]}, store=store, **options)
    lx.sweep(scaled(np.eye(3)), {"g": [0.1, 0.2]}, store=store, **options)
    with pytest.raises(ValueError, match="another system_digest"):
        lx.sweep(scaled(2 * np.eye(3)), {"g": [0.1, 0.2]}, store=store, **options)
    with pytest.raises(ValueError, match="another system"):
        lx.sweep(partial(scaled(np.eye(3))), {"g": [0.1, 0.2]}, store=store, **options)


def test_chunks_of_nothing_but_fill_values_are_whole(tmp_path, monkeypatch):
    """Without bounds there is no dimension: NaN, the value of no data."""
    grows = lx.Map(linear, 1, {"a": 2.0})
    options = {"duration": 300, "progress": False, "chunk": 1, "qr_every": 1}
    options["store"] = tmp_path / "plane.zarr"
    found = lx.sweep(grows, {"a": [2.0, 3.0]}, **options).load()
    assert np.isnan(found.kaplan_yorke).all()
    for variable in VARIABLES:
        assert len(files(tmp_path / "plane.zarr" / variable.name / "c")) == 2, variable.name
    monkeypatch.setattr(Task, "measured", None)
    assert same(found, lx.sweep(grows, {"a": [2.0, 3.0]}, **options))


def test_a_lost_record_costs_no_chunk(plane, tmp_path, monkeypatch):
    """Whether its file is damaged or gone: what is whole is known by its own checksums."""
    options = {**OPTIONS, "store": tmp_path / "plane.zarr", "chunk": 7}
    lx.sweep(HENON, AXES, **options)
    monkeypatch.setattr(Task, "measured", None)
    path = tmp_path / "plane.zarr" / "committed" / "c" / "0"
    content = path.read_bytes()
    for spoilt in (bytes([content[0] ^ 1]) + content[1:], None):
        path.unlink() if spoilt is None else path.write_bytes(spoilt)
        with pytest.warns(UserWarning, match="the record of its chunks was broken"):
            found = lx.sweep(HENON, AXES, **options)
        assert same(plane, found)
        assert path.read_bytes() == content


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_worker_does_not_hold_the_lock(tmp_path):
    """After a sweep the same pool may write to its store again; nor does an orphan keep it."""
    store = tmp_path / "plane.zarr"
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as executor:
        options = {**OPTIONS, "store": store, "executor": executor}
        for duration in (500, 500):
            lx.sweep(HENON, {"a": [1.0, 1.4]}, **{**options, "duration": duration})
        opened = f"/proc/{next(iter(executor._processes))}/fd"
        if os.path.isdir(opened):
            names = [os.path.realpath(f"{opened}/{n}") for n in os.listdir(opened)]
            assert not [name for name in names if name.endswith(".lock")]


def ring(n, m):
    return lx.RateNetwork(np.eye(3) * n + m)


class Weighted:
    def __init__(self, weight):
        self.weight = weight

    def network(self, g):
        return lx.RateNetwork(self.weight * g * np.eye(3))


FACTORS = [1.0, 2.0]


def helped(g):
    return lx.RateNetwork(FACTORS[0] * g * np.eye(3))


def calling(g):
    return helped(g)


def inner(c):
    def build(g):
        def field(x, p):
            return [-g * x[0], (-2 if c else -7) * x[1]]

        return lx.Flow(field, 2)

    return build


def test_what_a_digest_sees(monkeypatch):
    """Constants of inner functions, helpers, lists, defaults, objects; and only what matters."""
    different = [
        inner(True), inner(False), calling, ring, partial(ring, m=1), partial(ring, m=2),
        Weighted(1.0).network, Weighted(2.0).network,
        lambda g: [ring(1, 12)], lambda g: [ring(11, 2)],
        lambda g: [x for x in (g, 1)], lambda g: [x for x in (g, 2)],
        lambda g, *, m=1: ring(g, m), lambda g, *, m=2: ring(g, m),
        HENON, HENON.with_params(a=1.0), lx.RateNetwork(np.eye(2)), lx.RateNetwork(np.ones((2, 2))),
    ]  # fmt: skip
    assert len({digest(thing) for thing in different}) == len(different)
    before = digest(calling)
    monkeypatch.setitem(globals(), "FACTORS", [1.0, 2.5])
    assert digest(calling) != before


def test_a_system_that_was_used_is_the_same_system():
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((6, 6)) / 3
    systems = {name: known.system() for name, known in lx.systems.library.items()}
    networks = lx.systems.networks.items()
    systems |= {f"network {name}": known.system(weights) for name, known in networks}
    for name, system in systems.items():
        before = digest(system)
        repr(system), system.turns, system.jumps
        run = {"dt": 0.01, "duration": 0.1} if system.is_flow else {"duration": 10}
        lx.trajectory(system, progress=False, rng=0, **run)
        assert digest(system) == before, name


def test_axes_named_like_results():
    flow = lx.Flow(lambda x, p: [-p.period * x[0]], 1, {"period": 1.0})
    for name in ("period", "exponent", "status", "committed", "measured", "point"):
        with pytest.raises(ValueError, match=rf"axes\['{name}'\] must have another name"):
            lx.sweep(flow, {name: [1.0, 2.0]}, **OPTIONS)
    renamed = lx.sweep(
        lambda forcing: flow.with_params(period=forcing), {"forcing": [1.0, 2.0]},
        duration=20.0, dt=0.05, progress=False,
    )  # fmt: skip
    np.testing.assert_allclose(renamed.exponents[:, 0], [-1.0, -2.0], atol=1e-5)


def test_a_flow_is_refused_by_the_store_of_a_map(tmp_path):
    store = tmp_path / "plane.zarr"
    lx.sweep(HENON, {"a": [1.0, 1.4]}, store=store, **OPTIONS)
    lorenz = lx.systems.library["lorenz63"].system()
    with pytest.raises(ValueError, match="has a sweep of"):
        lx.sweep(lorenz, {"rho": [1.0, 1.4]}, store=store, duration=1.0, progress=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "float16"}, "dtype"),
        ({"dt": 0}, "dt must be"),
        ({"dt": "abc"}, "dt must be"),
        ({"transient": -1}, "transient must be"),
        ({"k": 4}, "k must be"),
        ({"device": "tpu"}, "device"),
        ({"qr_every": 0}, "qr_every must be"),
        ({"strict": 3}, "strict must be"),
    ],
)
def test_bad_options_leave_no_store(tmp_path, options, words):
    """Also where nothing is automatic, so that no sample is measured first."""
    lorenz, store = lx.systems.library["lorenz63"].system(), tmp_path / "plane.zarr"
    good = {"duration": 1.0, "dt": 0.01, "qr_every": 4, "progress": False}
    with pytest.raises((ValueError, TypeError), match=words):
        lx.sweep(lorenz, {"rho": [1.0, 9.0]}, store=store, **{**good, **options})
    assert not store.exists()
    spoken = {**good, "dtype": np.float32, "transient": np.int64(1)}
    lx.sweep(lorenz, {"rho": [1.0, 9.0]}, store=store, **spoken)
    lx.sweep(
        lorenz, {"rho": [1.0, 9.0]}, store=store, **{**good, "dtype": "float32", "transient": 1.0}
    )


def test_stores_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="store must be a folder, got the file"):
        lx.sweep(HENON, AXES, store=tmp_path / "file", **OPTIONS)
    with pytest.raises(ValueError, match=r"store .*plane\.zarr cannot be written"):
        lx.sweep(HENON, AXES, store=tmp_path / "file" / "plane.zarr", **OPTIONS)


def test_an_interruption_of_the_sample_has_no_result(monkeypatch):
    def stops(self, points, **options):
        raise lx.Interrupted("measured over 3 of 5", "a spectrum")

    monkeypatch.setattr(Task, "spectrum", stops)
    with pytest.raises(lx.Interrupted, match="interrupted: sweep had nothing yet") as stop:
        lx.sweep(HENON, AXES, **OPTIONS)
    assert stop.value.result is None


def test_a_store_reads_like_the_plane_in_memory(tmp_path):
    scattered = xarray.Dataset({"a": ("p", [1.4, 0.9]), "b": ("p", [0.3, 0.1])})
    starts = {"initial": [[0.1, 0.1], [0.2, 0.2]], "a": [1.0, 1.4]}
    for number, axes in enumerate((scattered, starts, AXES)):
        whole = lx.sweep(HENON, axes, **OPTIONS)
        found = lx.sweep(HENON, axes, store=tmp_path / f"{number}.zarr", **OPTIONS)
        assert whole.equals(found.load())
        assert set(whole.coords) == set(found.coords)


def test_without_a_folder_for_compiled_code(plane, monkeypatch):
    def refuses():
        raise PermissionError("read-only")

    monkeypatch.setattr(compiled_once, "folder", refuses)
    with ThreadPoolExecutor(1) as executor:
        assert same(plane, lx.sweep(HENON, AXES, chunk=7, executor=executor, **OPTIONS))


def test_executors_that_do_not_say_how_many_work():
    class Quiet:
        _max_workers = 0

    assert workers_of(Quiet()) >= 1
    assert workers_of(object()) == os.cpu_count()
    assert workers_of(ThreadPoolExecutor(3)) == 3


def test_what_waits_is_cancelled_when_the_disk_is_full(tmp_path, monkeypatch):
    """Before the pool is left, which waits for all that it was given."""

    def full(self, chunk, found):
        raise OSError("full")

    class Slow(ThreadPoolExecutor):
        """All tasks but the first wait for ever."""

        waiting = ()

        def submit(self, *args):
            if not begun:
                begun.append(super().submit(*args))
                return begun[0]
            self.waiting = (*self.waiting, Future())
            return self.waiting[-1]

    begun = []
    monkeypatch.setattr(Store, "commit", full)
    with pytest.raises(OSError, match="full"), Slow(2) as executor:
        lx.sweep(HENON, AXES, chunk=1, executor=executor, store=tmp_path / "p.zarr", **OPTIONS)
    assert len(executor.waiting) == 3
    assert all(future.cancelled() for future in executor.waiting)


def test_the_same_sweep_goes_on_and_another_is_refused(tmp_path):
    store = tmp_path / "plane.zarr"
    options = {**OPTIONS, "store": store, "chunk": 7}
    lx.sweep(HENON, AXES, **options)
    before = {path: path.stat().st_mtime_ns for path in files(store)}
    lx.sweep(HENON, AXES, **options)
    assert before == {path: path.stat().st_mtime_ns for path in files(store)}
    other = {**AXES, "b": np.linspace(0.1, 0.29, 5)}
    for call, words in [
        (lambda: lx.sweep(HENON, other, **options), "other axes: b differs"),
        (lambda: lx.sweep(HENON, AXES, rng=1, **options), "another seed: 0, this one has 1"),
        (lambda: lx.sweep(HENON, AXES, **{**options, "duration": 999}), "another duration"),
        (lambda: lx.sweep(HENON, AXES, **{**options, "chunk": 3}), "another chunk"),
        (lambda: lx.sweep(HENON.with_params(a=1.0), AXES, **options), "another system_digest"),
        (lambda: lx.sweep(HENON, AXES, resume=False, **options), "must not exist"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()


def test_a_folder_that_is_no_sweep_is_left_alone(tmp_path):
    store = tmp_path / "mine"
    store.mkdir()
    (store / "thesis.txt").write_text("do not touch")
    with pytest.raises(ValueError, match="exists and is no sweep"):
        lx.sweep(HENON, AXES, store=store, **OPTIONS)
    assert (store / "thesis.txt").read_text() == "do not touch"


def test_two_drivers_of_one_store(tmp_path):
    from lyapax._sweep.lock import locked

    store = tmp_path / "plane.zarr"
    with locked(store), pytest.raises(ValueError, match="being written to by another sweep"):
        lx.sweep(HENON, AXES, store=store, **OPTIONS)


def test_an_interruption_keeps_what_is_measured(tmp_path, plane):
    class Stops(ThreadPoolExecutor):
        """Ctrl-C after some tasks."""

        left = 9

        def submit(self, *args):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().submit(*args)

    store = tmp_path / "plane.zarr"
    for options in ({}, {"store": store}):
        with Stops(1) as executor, pytest.raises(lx.Interrupted) as stop:
            lx.sweep(HENON, AXES, chunk=1, executor=executor, **options, **OPTIONS)
        result = stop.value.result
        done = np.isfinite(result.exponents[..., 0].values)
        assert 0 < done.sum() < 30
        np.testing.assert_array_equal(result.exponents.values[done], plane.exponents.values[done])
        assert (result.status.values[~done] == lx.Status.UNMEASURED).all()
    assert same(plane, lx.sweep(HENON, AXES, chunk=1, store=store, **OPTIONS))


def test_a_failed_chunk_leaves_what_is_committed(tmp_path):
    def sometimes(g):
        if g > 2:
            raise RuntimeError("no such network")
        return lx.RateNetwork(np.full((9, 9), g))

    store = tmp_path / "plane.zarr"
    options = {"duration": 5.0, "dt": 0.1, "qr_every": 1, "chunk": 1, "progress": False}
    with pytest.raises(RuntimeError, match="no such network"):
        lx.sweep(sometimes, {"g": [0.1, 0.2, 3.0]}, store=store, **options)
    assert json.loads((store / "zarr.json").read_text())["attributes"]["seed"] == 0
    assert len(list(store.glob("exponents/c/*/0"))) == 2


def test_a_full_disk_leaves_what_is_committed(tmp_path, plane, monkeypatch):
    """At any write of a chunk: the error is the system's, and the same sweep goes on later."""
    import errno

    import zarr

    error = OSError(errno.ENOSPC, "No space left on device")
    disk = Failing(monkeypatch, zarr.Array, "__setitem__", error)
    options = {**OPTIONS, "store": tmp_path / "plane.zarr", "chunk": 7}
    for writes in (1, 5, 5 + 2 * len(VARIABLES)):
        disk.left = writes
        with pytest.raises(OSError, match="No space left"):
            lx.sweep(HENON, AXES, **options)
    disk.left = 1000
    assert same(plane, lx.sweep(HENON, AXES, **options))


@pytest.mark.parametrize(
    ("axes", "error", "words"),
    [
        ({"q": [1.0]}, ValueError, "axes must be among a, b, initial, member, seed, got 'q'"),
        ({}, TypeError, "axes must be a mapping"),
        ([1, 2], TypeError, "axes must be a mapping"),
        ({1: [1.0]}, TypeError, "names for keys"),
        ({"a": []}, ValueError, r"axes\['a'\] must not be empty"),
        ({"a": [1.0, np.nan]}, ValueError, r"axes\['a'\] must be finite"),
        ({"a": [[1.0]]}, ValueError, r"axes\['a'\] must have shape \(m,\)"),
        ({"a": [1.0, 1.0]}, ValueError, "a value twice"),
        ({"a": "abc"}, TypeError, r"axes\['a'\]"),
        ({"initial": [0.1, 0.2]}, ValueError, r"\(states, dim\)"),
        ({"initial": [[0.1, 0.2, 0.3]]}, ValueError, r"\(states, 2\)"),
    ],
)  # fmt: skip
def test_bad_axes(axes, error, words):
    with pytest.raises(error, match=words):
        lx.sweep(HENON, axes, **OPTIONS)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"duration": None}, ValueError, "duration must be given"),
        ({"members": 3}, ValueError, "options must be one of"),
        ({"chunk": 0}, ValueError, "chunk"),
        ({"chunk": 1.5}, TypeError, "chunk"),
        ({"rng": -1}, ValueError, "rng"),
        ({"rng": np.random.default_rng(0)}, TypeError, "rng"),
        ({"k": 3}, ValueError, "k must be"),
        ({"resume": "yes"}, TypeError, "resume"),
        ({"refine": "all"}, ValueError, "refine must be 'boundaries' or a number, got 'all'"),
        ({"refine": 0}, ValueError, "refine"),
        ({"refine": [1]}, TypeError, "refine"),
        ({"executor": "spark"}, TypeError, "'ray' or None, got 'spark'"),
        ({"duration": -1}, ValueError, "duration"),
        ({"dt": 0.1}, ValueError, "dt must not be given for a map"),
    ],
)
def test_bad_options(options, error, words):
    with pytest.raises(error, match=words):
        lx.sweep(HENON, AXES, **{**OPTIONS, **options})


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"a": [1.0]}, r"axes\['a'\] must ascend or descend"),
        ({"a": [1.0, 1.2, 1.1]}, r"axes\['a'\] must ascend or descend"),
        ({"a": [1.0, 1.2], "member": [0, 1]}, "refine needs axes of parameters, got 'member'"),
        (xarray.Dataset({"a": ("p", [1.0, 1.2])}), "refine needs a grid"),
    ],
)
def test_planes_that_cannot_be_refined(axes, words):
    with pytest.raises(ValueError, match=words):
        lx.sweep(HENON, axes, refine="boundaries", **OPTIONS)


def test_bad_systems():
    with pytest.raises(TypeError, match="system must be a system or a function"):
        lx.sweep("henon", AXES, **OPTIONS)
    with pytest.raises(ValueError, match="system must be a single one"):
        lx.sweep(HENON.with_params(a=[1.0, 1.2]), {"b": [0.1, 0.2]}, **OPTIONS)
    with pytest.raises(TypeError, match="system must be a function of g: missing"):
        lx.sweep(lambda h: lx.RateNetwork(np.eye(3)), {"g": [1.0, 2.0]}, duration=1.0)
    sizes = iter([4, 5, 6, 7])
    with pytest.raises(ValueError, match="systems of one size, got 4 and 5"):
        lx.sweep(lambda g: lx.RateNetwork(np.eye(next(sizes))), {"g": [1.0, 2.0]}, duration=1.0)


def test_chunks_are_boxes_that_cover_all_points():
    for shape in ((10,), (6, 5), (3, 4, 5), (1, 7)):
        for points in (1, 3, 7, 1000):
            chunks = of_about(shape, points)
            every = np.concatenate([chunks.points(i) for i in range(len(chunks))])
            assert sorted(every) == list(range(int(np.prod(shape))))
            assert max(len(chunks.points(i)) for i in range(len(chunks))) <= points
    for shape in ((1000,), (300, 200), (9, 9, 9, 9)):
        some = stratified(shape, 64)
        assert 16 <= len(np.unique(some)) == len(some) <= 64
        for axis, size in zip(np.unravel_index(some, shape), shape, strict=True):
            assert (axis.min(), axis.max()) == (0, size - 1)


def test_numbers_of_points():
    """Those of a generator of one's own, whatever was drawn before, and unlike others'."""
    numbers, alone = Numbers(5), Numbers(5)
    first = [numbers.of(i).standard_normal(3).tolist() for i in (0, 1, 2, 1)]
    assert first[1] == first[3] == alone.of(1).standard_normal(3).tolist()
    assert len({tuple(row) for row in first}) == 3
    assert Numbers(6).of(1).standard_normal(3).tolist() != first[1]
    many = np.array([numbers.of(i).standard_normal() for i in range(10_000)])
    assert abs(many.mean()) < 0.04
    assert abs(many.std() - 1) < 0.03
    assert abs(np.corrcoef(many[1:], many[:-1])[0, 1]) < 0.04


def test_axes_at_points():
    axes = checked({"a": [1, 2], "b": [5, 6, 7]}, None)
    found = axes.at([0, 4, 5])
    assert (list(found["a"]), list(found["b"])) == ([1, 2, 2], [5, 6, 7])
