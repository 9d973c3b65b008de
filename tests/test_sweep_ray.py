"""Sweeps on Ray: the same bits, whatever dies, and a reason where nothing could be measured."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import lyapax as lx
from lyapax._sweep.variables import VARIABLES

ray = pytest.importorskip("ray")
WEIGHTS = np.random.default_rng(0).standard_normal((9, 9)) / 3
AXES = {"g": np.linspace(0.5, 3.0, 6)}
OPTIONS = {"duration": 20.0, "dt": 0.1, "qr_every": 5, "chunk": 1, "progress": False}
# Ray leaves sockets and files of processes that it ends to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def network(g):
    return lx.RateNetwork(g * WEIGHTS)


def same(first, second):
    return all(
        np.array_equal(first[v.name].values, second[v.name].values, equal_nan=True)
        for v in VARIABLES
    )


@pytest.fixture(scope="module")
def line():
    return lx.sweep(network, AXES, **OPTIONS)


@pytest.fixture(scope="module")
def here():
    with lx.RayExecutor() as executor:
        yield executor


def test_the_same_bits(line, here, tmp_path):
    for chunk in (1, 4):
        options = {**OPTIONS, "chunk": chunk, "executor": here}
        assert same(line, lx.sweep(network, AXES, **options))
        found = lx.sweep(network, AXES, store=tmp_path / f"{chunk}.zarr", **options)
        assert same(line, found)


def test_workers_have_the_threads_of_their_task(here):
    count = here.submit(lambda: (os.environ["NUMBA_NUM_THREADS"], os.environ["OMP_NUM_THREADS"]))
    assert count.result(timeout=120) == ("1", "1")
    assert here._max_workers == ray.cluster_resources()["CPU"]


def test_killed_workers_are_replaced(line, here, tmp_path):
    def dies_once(g, mark=str(tmp_path / "mark")):
        if g > 2 and not os.path.exists(mark):
            Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return network(g)

    found = lx.sweep(dies_once, AXES, executor=here, **OPTIONS)
    assert (tmp_path / "mark").exists()
    assert same(line, found)
    assert "failed" not in found.attrs


def test_a_chunk_whose_workers_always_die_is_marked(line, here, tmp_path):
    """The rest goes on, the reason is kept, and the same call tries the chunk again."""
    mark, store = tmp_path / "deadly", tmp_path / "plane.zarr"
    mark.touch()

    def dies(g, mark=str(mark)):
        if g > 2.9 and os.path.exists(mark):
            os.kill(os.getpid(), signal.SIGKILL)
        return network(g)

    with pytest.warns(UserWarning, match="chunks without values: 1 of 6, .* 5: WorkerCrashedError"):
        found = lx.sweep(dies, AXES, executor=here, store=store, **OPTIONS)
    assert list(found.attrs["failed"]) == ["5"]
    np.testing.assert_array_equal(found.exponents[:5], line.exponents[:5])
    assert not found.measured[5]
    assert (found.status[5] == lx.Status.UNMEASURED).all()
    assert '"5": "WorkerCrashedError' in (tmp_path / "plane.zarr.failed.json").read_text()
    mark.unlink()
    again = lx.sweep(dies, AXES, executor=here, store=store, **OPTIONS)
    assert same(line, again)
    assert "failed" not in again.attrs
    assert not (tmp_path / "plane.zarr.failed.json").exists()


def test_what_a_task_raises_is_raised(here):
    def raises(g):
        if g > 2:
            raise ValueError("no such network")
        return network(g)

    with pytest.raises(ValueError, match=r"^no such network$"):
        lx.sweep(raises, AXES, executor=here, **OPTIONS)


def test_bad_executors(here):
    with pytest.raises(TypeError, match=r"executor must be .* 'ray' or None, got 'spark'"):
        lx.sweep(network, AXES, executor="spark", **OPTIONS)
    with pytest.raises(TypeError, match="address must be a string"):
        lx.RayExecutor(5)
    with pytest.raises(ValueError, match="cpus_per_task"):
        lx.RayExecutor(cpus_per_task=0)
    with pytest.raises(ValueError, match=r"a task must fit the cluster.* a task takes 1 and 64"):
        lx.RayExecutor(gpus_per_task=64)
    with pytest.raises(ConnectionError, match=r"no Ray cluster answers at 127.0.0.1:9: "):
        lx.RayExecutor("127.0.0.1:9")


def test_ray_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"RayExecutor needs ray: pip install .*\[sweep\]"):
        lx.RayExecutor()


DRIVER = """
import sys, numpy as np, lyapax as lx
weights = np.random.default_rng(0).standard_normal((9, 9)) / 3
def network(g):
    return lx.RateNetwork(g * weights)
lx.sweep(network, {"g": np.linspace(0.5, 3.0, 6)}, duration=20.0, dt=0.1, qr_every=5, chunk=1,
         progress=False, executor="ray", store=sys.argv[1])
"""


@pytest.mark.slow
def test_a_killed_driver_goes_on(line, tmp_path):
    """Its store, written by tasks on Ray until the kill, ends with the same bits."""
    store = tmp_path / "plane.zarr"
    run = subprocess.Popen([sys.executable, "-c", DRIVER, str(store)])
    while not list(store.glob("exponents/c/*/0")):
        assert run.poll() is None or list(store.glob("exponents/c/*/0"))
        time.sleep(0.01)
    run.kill()
    run.wait()
    done = subprocess.run([sys.executable, "-c", DRIVER, str(store)], check=False)
    assert done.returncode == 0
    import xarray

    assert same(line, xarray.open_zarr(store, consolidated=False))


@pytest.mark.slow
def test_a_lost_node(line, tmp_path):
    """Of two nodes the one on which a task hangs is killed; the task moves to the other."""
    from ray.cluster_utils import Cluster

    def hangs_once(g, mark=str(tmp_path / "mark")):
        if g > 2 and not os.path.exists(mark):
            Path(mark + ".part").write_text(ray.get_runtime_context().get_node_id())
            os.rename(mark + ".part", mark)
            time.sleep(3600)
        return network(g)

    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    try:
        with lx.RayExecutor(cluster.address) as executor:

            def kill():
                while not (tmp_path / "mark").exists():
                    time.sleep(0.01)
                lost = (tmp_path / "mark").read_text()
                for node in nodes:
                    if node.node_id == lost:
                        cluster.remove_node(node, allow_graceful=False)

            killer = threading.Thread(target=kill)
            killer.start()
            found = lx.sweep(hangs_once, AXES, executor=executor, **OPTIONS)
            killer.join()
    finally:
        cluster.shutdown()
    assert same(line, found)
    assert "failed" not in found.attrs
