"""One package in one process: prepares workloads and times them when told to, line by line."""

import importlib
import json
import sys
import time
from pathlib import Path

import numpy as np
from workloads import BY_NAME

sys.path.append(str(Path(__file__).resolve().parents[1]))  # for `fields`

SECONDS = 0.5  # that one timing should take


def prepare(package, order):
    """Compile, compare with the reference, find a number of steps that takes long enough."""
    work = BY_NAME[order["prepare"]]
    started = time.perf_counter()
    run = package.make(work)
    sums = np.asarray(run(work.check))
    compiled = time.perf_counter() - started
    members = getattr(run, "members", work.members)
    span = work.check * (work.dt or 1.0)
    expected = np.array(order["expected"])
    gap = np.abs(sums[: len(expected)] - expected[: len(sums)]).max() / span
    # With a basis of its own a package can only agree in the sum.
    total = np.abs((sums[: len(expected)] - expected[: len(sums)]).sum(axis=1)).max() / span
    steps = work.check
    while True:
        started = time.perf_counter()
        run(steps)
        seconds = time.perf_counter() - started
        if seconds > SECONDS / 4:
            break
        steps *= 4
    steps = max(1, round(steps * SECONDS / seconds / work.interval)) * work.interval
    told = {
        "compile": compiled,
        "gap": gap,
        "sum_gap": total,
        "members": members,
        "steps": steps,
        "unequal": getattr(package, "UNEQUAL", ""),
    }
    return told, run, steps


def serve(prepare):
    """Answer orders: ``prepare(package, order)`` returns (told, run, steps); the rest are timed."""
    channel, sys.stdout = sys.stdout, sys.stderr  # packages print
    package = importlib.import_module(sys.argv[1])
    run, steps = None, 0
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if "prepare" in order:
                told, run, steps = prepare(package, order)
            else:
                started = time.perf_counter()
                run(steps)
                told = {"seconds": time.perf_counter() - started}
        except (Exception, SystemExit) as error:
            told = {"failed": f"{type(error).__name__}: {error}".split("\n")[0][:200]}
        print(json.dumps(told), file=channel, flush=True)


if __name__ == "__main__":
    serve(prepare)
