"""One package in one process, as worker.py, for delay equations."""

import time

import numpy as np
from delay_workloads import BY_NAME
from worker import serve

SECONDS = 3.0  # that one timing should take: a run's results cost the same however long it is


def prepare(package, order):
    """Exponents of the check, then a number of steps that takes long enough, compiled."""
    work = BY_NAME[order["prepare"]]
    exponents = np.asarray(package.make(work.fewer())(work.check, work.settle))
    started = time.perf_counter()
    run, steps = package.make(work), 2 * work.interval
    run(steps)
    first = time.perf_counter() - started

    def timed():
        started = time.perf_counter()
        run(steps)
        return time.perf_counter() - started

    compiled = first - timed()
    while (seconds := timed()) < SECONDS / 4:
        steps *= 4
        timed()  # some compile anew for each number of steps
    steps = max(2, round(steps * SECONDS / seconds / work.interval)) * work.interval
    timed()
    told = {
        "compile": compiled,
        "exponents": exponents.tolist(),
        "steps": steps,
        "unequal": getattr(package, "UNEQUAL", ""),
    }
    return told, run, steps


if __name__ == "__main__":
    serve(prepare)
