"""The GPU benchmark with tiny sizes and no GPU: that its rows are right, not how fast they are."""

import importlib
import os
import signal
import time

import pytest

from bench.gpu import __main__ as command
from bench.gpu import cupy_package, lyapax_package
from bench.gpu.floors import Chip, floor, instructions
from bench.gpu.table import table
from bench.gpu.worker import Worker, measured
from bench.gpu.workloads import WORKLOADS, Workload, expected

from .cuda_device import EMULATED

CHIP = Chip("NVIDIA H200", 3.3e13, 0.5, 4e12, 6e13)
TINY = [
    Workload("block", 2, 16, "float64", some=9),
    Workload("lorenz", 3, 12, "float64", some=10),
    Workload("tanh", 12, 2, "float64"),
    Workload("kuramoto", 12, 2, "float64"),
    Workload("gru", 12, 2, "float64", interval=2),
    Workload("qr", 3, 30, "float64", 1, 20),
    Workload("qr", 12, 4, "float64", 1),
]


class Emulated:
    """In the place of a worker: the same measurement in this process."""

    def __init__(self, package):
        assert package == "lyapax_package"

    def ask(self, function, work, sums, seconds):
        return measured(getattr(lyapax_package, function), work, EMULATED, sums, 0.0, wanted=0.0)

    def close(self):
        pass


def asked(works, rivals, **options):
    told = {}
    command.ask_all(works, rivals, told, time.perf_counter() + 60, lambda: None, **options)
    return told


def rows(text, *names):
    return [line for line in text.splitlines() if all(f"| {name} |" in line for name in names)]


def test_our_rows(monkeypatch):
    monkeypatch.setattr(lyapax_package, "DRIVEN_INTERVALS", 4)
    told = asked(TINY, command.OURS, start=Emulated)
    assert all(found["deviation"] < 1e-9 for found in told.values()), told
    text = table(TINY, command.RIVALS, told, CHIP)
    for work in TINY:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {work.name} |")][:1]
        assert "not measured" not in row
        assert row.count("|") == 10
    assert len(rows(text, "torch, batched")) == 3
    assert all("not measured: not asked" in row for row in rows(text, "torch, batched"))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own
@pytest.mark.parametrize("function", ["natural", "batched", "qr"])
@pytest.mark.parametrize("package", ["torch", "jax"])
def test_competitors_agree(package, function):
    pytest.importorskip(package)
    module = importlib.import_module(f"bench.gpu.{package}_package")
    kinds = {r.function: r.kinds for r in command.RIVALS}[function]
    for work in TINY:
        if work.kind in kinds:
            make = getattr(module, function)
            told = measured(make, work, "cpu", expected(work), 0.0, wanted=0.0)
            assert told["deviation"] < 1e-9, work


def test_cupys_lines_agree():
    told = measured(cupy_package.qr, TINY[5], "cpu", expected(TINY[5]), 0.0, wanted=0.0)
    assert told["deviation"] < 1e-9
    assert told["members"] == 20


def test_a_missing_competitor_is_a_row():
    absent = command.Rival("absent", "absent_package", "qr", ("qr",), 0)
    told = asked(TINY[5:6], [absent], start=lambda package: Worker(package, "cpu"))
    (row,) = rows(table(TINY, [absent], told, CHIP), "absent", TINY[5].name)
    assert "not measured: ModuleNotFoundError" in row


def test_a_slow_competitor_is_ended_and_a_failed_one_says_why():
    worker = Worker("cupy_package", "cpu")
    try:
        sums = expected(TINY[5]).tolist()
        assert "AttributeError" in worker.ask("nothing", TINY[5], sums, 20.0)["failed"]
        assert worker.ask("qr", TINY[5], sums, 20.0)["deviation"] < 1e-9
        os.kill(worker.process.pid, signal.SIGSTOP)
        assert worker.ask("qr", TINY[5], sums, 0.0)["failed"] == "took more than 0 s"
    finally:
        worker.close()
    assert worker.process.poll() is not None


def test_no_time_left():
    told = {}
    command.ask_all(TINY, command.RIVALS, told, time.perf_counter(), lambda: None)
    assert {found["failed"] for found in told.values()} == {"the time was up"}


@pytest.mark.parametrize("error", [None, ImportError("a GPU needs CuPy"), RuntimeError("no GPU")])
def test_without_a_gpu(monkeypatch, capsys, error):
    def devices_for(name, home):
        if error:
            raise error
        return []

    monkeypatch.setattr("lyapax._device.devices_for", devices_for)
    with pytest.raises(SystemExit) as end:
        command.main([])
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert str(error or "there is no NVIDIA GPU here") in told


def test_floors():
    # Flops of the products, 8 n^2 (k + 1), are two an instruction.
    network = Workload("tanh", 64, 4096, "float32")
    products = 8 * 64**2 * 65 / 2
    rest = 4 * (64 * 64 + 64 * 25) + 7 * 64 * 65 + (2 * 64**2 * (64 - 64 / 3) + 64**2) / 10
    assert instructions(network) == pytest.approx(products + rest)
    assert floor(network, CHIP) == pytest.approx(3.3e13 / (products + rest))
    lorenz = Workload("lorenz", 3, 10, "float64")
    assert instructions(lorenz) == pytest.approx(4 * (6 + 7 * 3) + 7 * 12 + (36 + 9) / 10)
    assert floor(lorenz, CHIP) == pytest.approx(3.3e13 / 2 / instructions(lorenz))
    large = Workload("tanh", 4096, 1, "float64")
    assert floor(large, CHIP) == pytest.approx(6e13 / (8 * 4096**2 * 4097))
    alone = Workload("qr", 3, 10, "float32")  # memory's
    assert floor(alone, CHIP) == pytest.approx(4e12 / (2 * (36 + 96) + 48))
    assert CHIP.slug == "nvidia-h200"


def test_what_is_required_is_possible():
    for work in WORKLOADS:
        assert floor(work, CHIP) > work.required
