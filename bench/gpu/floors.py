"""The counted floor: what no program could beat that does the same arithmetic on the same chip.

Counted are the instructions that a member-step needs at the least, by hand, a multiply-add as one;
what a chip issues is 4 x 32 lanes a multiprocessor and clock, in float64 half of that on
data-centre chips (compute capability 6.0, 7.0, 8.0, 9.0, 10.0) and 1/64 on others. Left out are
loads, address arithmetic, loops and the k logarithms of a QR, so that 100 % is out of reach.

- Networks: a stage is n^2 (k + 1) multiply-adds (8 n^2 (k + 1) flops a step of Runge and Kutta),
  n k products with slopes, and n tanh with their slopes, which are TANH instructions each.
- Kuramoto networks: two products in place of one, and n sines and cosines, as much as a tanh each.
- GRU: its Jacobian once, 6 n^2 with the three products of the state, then n^2 k; 3 n tanh.
- Lorenz-63: 6 a stage, and 7 a stage and column.
- Runge and Kutta: 7 for each of the n (k + 1) numbers.
- QR: Householder and Q, 2 k^2 (n - k / 3), and n k for the norms of columns.
- A QR alone moves its basis and sums through memory too, at the bandwidth that a copy has.
- From 129 variables on: the products alone, at the rate that CuPy's matmul of n = 4096 has.
"""

import re
import subprocess
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .workloads import EXACT, SMALL, Workload

TANH = {"float32": 25, "float64": 32}  # as in kernels/cuda/common.cuh, moves of bits left out
FULL_DOUBLE = {(6, 0), (7, 0), (8, 0), (9, 0), (10, 0)}


@dataclass
class Chip:
    name: str
    issue: float  # float32 instructions a second, over all lanes
    double: float  # share of it in float64
    bandwidth: float  # bytes a second, read and written
    gemm: float  # float64 flops a second
    versions: dict[str, Any] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def qr_instructions(n: int) -> float:
    return 2 * n * n * (n - n / 3) + n * n


def instructions(work: Workload) -> float:
    """Of one member-step; of one matrix where QR is alone."""
    n = k = work.n
    if work.kind == "qr":
        return qr_instructions(n)
    tanh = TANH[work.dtype]
    stage = {
        "block": n * n * (k + 1) + n * k + n * tanh,
        "tanh": n * n * (k + 1) + n * k + n * tanh,
        "kuramoto": 2 * n * n * (k + 1) + 4 * n * k + 2 * n * tanh,
        "lorenz": 6 + 7 * k,
        "gru": n * n * k + 6 * n * n + 3 * n * tanh,
    }[work.kind]
    step = 4 * stage + 7 * n * (k + 1) if work.dt else stage
    return step + qr_instructions(n) / work.interval


def moved_bytes(work: Workload) -> float:
    """Of one matrix of a QR alone: in and out."""
    state = 2 * 8 * work.n if work.n <= SMALL else 0
    return 2 * (work.n**2 * np.dtype(work.dtype).itemsize + 4 * 8 * work.n) + state


def floor(work: Workload, chip: Chip) -> float:
    """Member-steps a second."""
    n = work.n
    if n > EXACT:
        products = 2 if work.kind == "kuramoto" else 1
        return chip.gemm / (products * 8 * n * n * (n + 1))
    rate = chip.issue * (chip.double if work.dtype == "float64" else 1.0) / instructions(work)
    return min(rate, chip.bandwidth / moved_bytes(work)) if work.kind == "qr" else rate


def event_seconds(cupy: Any, call: Any) -> float:
    """On the GPU's own clock."""
    first, last = cupy.cuda.Event(), cupy.cuda.Event()
    first.record()
    call()
    last.record()
    last.synchronize()
    return float(cupy.cuda.get_elapsed_time(first, last)) / 1e3


def measured_chip(cupy: Any) -> Chip:
    """The current device: attributes, and its rates of products and copies."""
    attributes, runtime = cupy.cuda.Device().attributes, cupy.cuda.runtime
    about = runtime.getDeviceProperties(cupy.cuda.Device().id)
    name, capability = about["name"], (int(about["major"]), int(about["minor"]))
    issue = attributes["MultiProcessorCount"] * 4 * 32 * attributes["ClockRate"] * 1e3
    n, size = 4096, 1 << 27
    factors = cupy.asarray(np.random.default_rng(0).standard_normal((2, n, n)))
    product = _seconds(cupy, cupy.matmul, *factors)
    copy = _seconds(cupy, cupy.copyto, *cupy.zeros((2, size)))
    del factors
    cupy.get_default_memory_pool().free_all_blocks()
    return Chip(
        name.decode() if isinstance(name, bytes) else name,
        issue,
        0.5 if capability in FULL_DOUBLE else 1 / 64,
        2 * 8 * size / copy,
        2 * n**3 / product,
        {
            "driver": _driver(),
            "its CUDA": runtime.driverGetVersion(),
            "CUDA runtime": runtime.runtimeGetVersion(),
        },
    )


def _driver() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return told.stdout.split()[0]


def _seconds(cupy: Any, function: Any, *arrays: Any) -> float:
    """Of one call, the median of five times ten after as many to warm up."""

    def ten() -> None:
        for _ in range(10):
            function(*arrays)

    ten()
    return float(np.median([event_seconds(cupy, ten) / 10 for _ in range(5)]))
