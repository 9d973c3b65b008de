"""One package in a process of its own: measures what it is told to, line by line."""

import importlib
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .workloads import Workload

ROOT = Path(__file__).resolve().parents[2]
WANTED, REPEATS = 0.2, 5  # seconds that a timing takes at the least, and how many there are
START_SECONDS = 60  # for a process to import its package


def pace(
    clock: Callable[[int], float], quantum: int, wanted: float, until: float
) -> tuple[float, int]:
    """Median seconds a step, of runs long enough to trust, and how many these were."""
    steps = quantum
    costs = [clock(steps)]
    while costs[0] < wanted and time.perf_counter() < until:
        steps *= 4
        costs = [clock(steps)]
    while len(costs) < REPEATS and time.perf_counter() < until:
        costs.append(clock(steps))
    return statistics.median(costs) / steps, len(costs)


def measured(
    make: Any, work: Workload, place: Any, expected: Any, seconds: float, wanted: float = WANTED
) -> dict[str, Any]:
    """Compile, compare, then time for as long as half of `seconds` is left."""
    until = time.perf_counter() + seconds / 2
    run = make(work, place)
    gap = np.abs(np.asarray(run(work.check)) - np.asarray(expected)).max() / work.span

    def wall(steps: int) -> float:
        begun = time.perf_counter()
        run(steps)
        return time.perf_counter() - begun

    clock, quantum = getattr(run, "seconds", wall), getattr(run, "quantum", work.interval)
    cost, repeats = pace(clock, quantum, wanted, until)
    members = getattr(run, "members", work.members)
    return {"rate": members / cost, "deviation": float(gap), "members": members, "runs": repeats}


class Worker:
    """A package's process, seen from outside: killed when it takes too long."""

    def __init__(self, package: str, place: str = "cuda", python: str = sys.executable):
        self.errors = tempfile.TemporaryFile("w+")
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen(
            [python, "-m", "bench.gpu.worker", package, place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false", "PYTHONPATH": path},
        )
        self.started = False

    def ask(self, function: str, work: Workload, expected: Any, seconds: float) -> dict[str, Any]:
        order = {"function": function, "work": vars(work), "expected": expected, "seconds": seconds}
        if not self.started:
            told = self._told(START_SECONDS)
            if "failed" in told:
                return told
            self.started = True
        try:
            print(json.dumps(order), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            return {"failed": self._last_words()}
        return self._told(seconds)

    def _told(self, seconds: float) -> dict[str, Any]:
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            return {"failed": f"took more than {seconds:.0f} s"}
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"failed": self._last_words()}

    def _last_words(self) -> str:
        self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines() or [f"exit {self.process.returncode}"]
        return f"its process ended: {lines[-1][:160]}"

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            stream.close()


def reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0][:160]


def main() -> None:
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # packages print
    name, place = sys.argv[1:]
    try:
        package = importlib.import_module(f"bench.gpu.{name}")
        told: dict[str, Any] = {"ready": name}
    except Exception as error:
        told = {"failed": reason(error)}
    print(json.dumps(told), file=channel, flush=True)
    for line in sys.stdin if "ready" in told else ():
        order = json.loads(line)
        try:
            make, work = getattr(package, order["function"]), Workload(**order["work"])
            told = measured(make, work, place, order["expected"], order["seconds"])
        except Exception as error:
            told = {"failed": reason(error)}
        print(json.dumps(told), file=channel, flush=True)


if __name__ == "__main__":
    main()
