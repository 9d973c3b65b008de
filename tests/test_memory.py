"""What cannot fit into memory is refused before it is allocated, in words that say what to do."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse

import lyapax as lx
from lyapax import _check, _memory
from lyapax.systems import library, lorenz96_of

from .helpers import spectrum

GIB = 2**30


def files(root, **texts):
    for name, text in texts.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with 21 GiB, made of files; the limit of this process is not looked at."""
    monkeypatch.setattr(_memory, "ROOT", tmp_path)
    monkeypatch.setattr(_memory, "_own_limit", lambda: float("inf"))
    files(tmp_path, proc__meminfo=f"MemTotal: 1 kB\nMemAvailable: {21 * 2**20} kB\n")
    return tmp_path


def group(root, folder, limit, used, inactive, version=2):
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        2: ("memory.max", "memory.current"),
    }[version]
    path = root / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / names[0]).write_text(f"{limit}\n")
    (path / names[1]).write_text(f"{used}\n")
    (path / "memory.stat").write_text(f"anon 5\ninactive_file {inactive}\n")


def test_the_machine_alone(machine):
    assert _memory.available() == 21 * GIB


@pytest.mark.parametrize(
    ("line", "mount", "version"),
    [("0::/job/step", "sys/fs/cgroup", 2), ("4:cpu,memory:/job/step", "sys/fs/cgroup/memory", 1)],
)
def test_the_tightest_group_decides(machine, line, mount, version):
    files(machine, proc__self__cgroup=f"1:cpu:/elsewhere\n{line}\n")
    group(machine, f"{mount}/job/step", "max" if version == 2 else 2**63 - 4096, 0, 0, version)
    group(machine, f"{mount}/job", 8 * GIB, 6 * GIB, 1 * GIB, version)
    group(machine, mount, 30 * GIB, 0, 0, version)
    assert _memory.available() == 3 * GIB  # of 8, 6 are in use, and 1 of these for cached files


def test_in_a_container_the_group_is_at_the_mount(machine):
    files(machine, proc__self__cgroup="0::/docker/0a1b\n")
    group(machine, "sys/fs/cgroup", 2 * GIB, 3 * GIB, 0)
    assert _memory.available() == 0


def test_the_own_limit(tmp_path, monkeypatch):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(_memory, "ROOT", tmp_path)
    files(tmp_path, proc__self__statm="1000 10 10\n")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (GIB, GIB))
    assert _memory._own_limit() == GIB - 1000 * resource.getpagesize()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert _memory._own_limit() == float("inf")


def test_without_proc(tmp_path, monkeypatch):
    monkeypatch.setattr(_memory, "ROOT", tmp_path)
    sizes = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(_memory.os, "sysconf", sizes.__getitem__, raising=False)
    assert _memory._machine() == 4_096_000
    monkeypatch.delattr(_memory.os, "sysconf", raising=False)
    assert _memory._machine() == float("inf")


def test_small_requests_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(_memory, "available", lambda: 0)
    _check.room(_check.SMALL - 1, "a few numbers", "")
    with pytest.raises(ValueError, match="64 MiB of memory would be needed for many, 0 bytes are"):
        _check.room(_check.SMALL, "many", "give fewer")


def ring(n):
    return lx.RateNetwork(scipy.sparse.eye_array(n, format="csr"), kind="map")


def henon():
    return library["henon"].system()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: spectrum(ring(100_000), duration=9),
            r"447 GiB of memory .* 1 x 100000 x 100000 tangents, 21 GiB are available; give k",
        ),
        (lambda: spectrum(ring(100_000), duration=9, k=50_000), "; give a smaller k"),
        (
            lambda: spectrum(henon(), duration=9, members=10**12),
            "1000000000000 x 2 x 2 tangents.*give fewer members",
        ),
        (lambda: spectrum(henon(), duration=1e9, members=10**7), "fewer members"),
        (lambda: lx.local_exponents(henon(), window=9, windows=10**12), "windows"),
        (lambda: lx.covariant_vectors(henon(), duration=10**12), "qr_every"),
        (lambda: lx.trajectory(henon(), duration=10**12), "larger save_every"),
        (lambda: lx.trajectory(henon(), duration=9, members=10**12), "fewer members"),
        (lambda: lx.sensitivity(ring(100_000), duration=9), "fewer vectors"),
        (lambda: lx.adjoint(ring(100_000), duration=9), "fewer covectors"),
        (lambda: lx.adjoint(henon(), duration=10**12, save_every=10**10), "duration"),
        (lambda: lx.perturb(lx.RateNetwork(np.eye(9)), scale=1, draws=10**10), "fewer draws"),
        (
            lambda: lx.robustness(lx.RateNetwork(np.eye(9)), [0, 1], draws=10**9, duration=9),
            "1000000000 draws of 2 scales.*fewer draws",
        ),
        (lambda: lx.RateNetwork(np.broadcast_to(0.0, (10**6, 10**6))), "W of shape"),
    ],
)
def test_refused_before_anything_runs(machine, call, words):
    with pytest.raises(ValueError, match=words) as refused:
        call()
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


CELLS = np.ones((8, 1, 8, 2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: lx.RateNetwork(np.eye(40)).propagator((), 0.1, 1, float), "copies of the weights"),
        (lambda: lx.GRU(np.zeros((90, 30))).propagator((), 0.0, 1, float), "copies of the weights"),
        (lambda: lx.RateNetwork(np.ones((2, 1, 9, 9)), tau=np.ones((50, 9))).propagator(
            (2, 50), 0.1, 1, float), r"arrays \(9, 9\) of 100 members"),
        (lambda: lx.LSTM(CELLS, bias_hh=np.ones((90, 8)), bias_ih=np.ones((8, 1, 8))),
         "bias_hh and bias_ih of 720 members"),
        (lambda: lx.Network(lambda x, s, p: [s[0]], lambda x, y, p: [np.tanh(y[0] - x[0])],
                            np.ones((20, 20))).propagator((), 0.1, 1, float),
         "the slopes of 400 edges"),
        (lambda: lx.LSTM(CELLS, np.ones((90, 8, 1)), readout=np.ones((8, 1, 1, 2))),
         "weight_ih and readout of 720 members"),
        (lambda: lx.LSTM(CELLS, np.ones((8, 1, 8, 1)), np.ones((90, 8)),
                         readout=np.ones((8, 1, 1, 2))), "biases and readout of 720 members"),
    ],
)  # fmt: skip
def test_batches_that_multiply(monkeypatch, call, words):
    monkeypatch.setattr(_check, "SMALL", 0)
    monkeypatch.setattr(_memory, "available", lambda: 60_000)
    with pytest.raises(ValueError, match=f"{words}.*fewer"):
        call()


def test_what_fits_runs(machine):
    assert spectrum(henon(), duration=16, members=2).exponents.shape == (2, 2)


def test_no_member_has_a_tape_of_its_own():
    """Of 64 steps and 48 Jacobian entries it would be 85 times what the member's basis takes."""
    system = lorenz96_of(12).system()
    options = dict(duration=1.28, dt=0.01, transient=0.0, qr_every=64)

    def peak(members):
        tracemalloc.start()
        try:
            spectrum(system, members=members, **options)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(8)  # compiles
    each = (peak(256) - peak(64)) / 192
    assert 8 * 12 * 12 < each < 12 * 8 * 12 * 12
