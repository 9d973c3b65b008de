"""lyapax on one NVIDIA GPU beside jax, torch and CuPy: one command, under nine minutes.

    python -m bench.gpu [--only PATTERN] [--seconds 500] [--out bench/results/gpu-<chip>.md]

Nothing is installed: what is not there becomes a row that says so. Each package has a process of
its own, one after the other, which is ended when a measurement takes too long.
"""

import argparse
import re
import sys
import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for `python bench/gpu`

from bench.gpu.floors import measured_chip
from bench.gpu.table import OWN, Told, table
from bench.gpu.worker import ROOT, Worker
from bench.gpu.workloads import WORKLOADS, Workload, expected

SECONDS = 20  # that one measurement may take

# What lyapax must be faster by is `required`.
Rival = namedtuple("Rival", "name package function kinds required")
SMALL = "block", "lorenz"
RIVALS = [
    Rival("jax by hand", "jax_package", "by_hand", SMALL, 2),
    Rival("jax by hand, intervals unrolled", "jax_package", "by_hand_unrolled", SMALL, 2),
    Rival("jax, vmap of jvp", "jax_package", "natural", SMALL, 10),
    Rival("torch, vmap of jvp", "torch_package", "natural", SMALL, 10),
    Rival("torch, batched", "torch_package", "batched", ("tanh", "kuramoto", "gru"), 0),
    Rival("jax, batched", "jax_package", "batched", ("tanh", "kuramoto", "gru"), 0),
    Rival("torch.linalg.qr", "torch_package", "qr", ("qr",), 0),
    Rival("jnp.linalg.qr", "jax_package", "qr", ("qr",), 0),
    Rival("cupy.linalg.qr", "cupy_package", "qr", ("qr",), 0),
]
OURS = [Rival(name, "lyapax_package", name, (*SMALL, "tanh", "kuramoto", "gru"), 0) for name in OWN]
OURS[0] = OURS[0]._replace(kinds=(*OURS[0].kinds, "qr"))


def ask_all(
    works: list[Workload],
    rivals: list[Any],
    told: Told,
    until: float,
    done: Callable[[], None],
    start: Callable[[str], Any] = Worker,
) -> None:
    """Everybody's measurements into `told`, package by package."""
    sums = {}
    for package in dict.fromkeys(rival.package for rival in rivals):
        worker = None
        own = [rival for rival in rivals if rival.package == package]
        jobs = [(work, rival) for rival in own for work in works if work.kind in rival.kinds]
        for work, rival in jobs:
            left = until - time.perf_counter()
            if left < 1:
                told[work, rival.name] = {"failed": "the time was up"}
                continue
            if work not in sums:
                sums[work] = expected(work).tolist()
            worker = worker or start(package)
            answer = worker.ask(rival.function, work, sums[work], min(SECONDS, left))
            told[work, rival.name] = answer
            print(f"{work.name}, {work.dtype}, {rival.name}: {answer}", file=sys.stderr, flush=True)
            if "failed" in answer:  # its GPU may be in any state
                worker.close()
                worker = None
            done()
        if worker is not None:
            worker.close()


def gpu_library() -> Any:
    """CuPy, or the end with a sentence."""
    from lyapax._device import devices_for

    try:
        if not devices_for("cuda", None):
            raise RuntimeError("there is no NVIDIA GPU here")
    except (ImportError, RuntimeError) as error:
        print(f"bench.gpu: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    import cupy

    return cupy


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="a regular expression on names")
    parser.add_argument("--seconds", type=float, default=500.0, help="for everything")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    until = time.perf_counter() + options.seconds
    chip = measured_chip(gpu_library())
    out = options.out or ROOT / "bench" / "results" / f"gpu-{chip.slug}.md"
    works = [w for w in WORKLOADS if re.search(options.only, f"{w.name}, {w.dtype}")]
    told: Told = {}
    write = lambda: out.write_text(table(works, RIVALS, told, chip))  # noqa: E731
    ask_all(works, [*OURS, *RIVALS], told, until, write)
    write()
    print(out.read_text())


if __name__ == "__main__":
    main()
