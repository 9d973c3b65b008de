"""CuPy: its QR alone."""

from collections.abc import Callable

import numpy as np

from .workloads import Workload


def qr(work: Workload, place: str) -> Callable[[int], np.ndarray]:
    if place == "cuda":
        import cupy as xp
    else:
        xp = np  # the same lines, where there is no GPU
    a = xp.asarray(work.data(work.few)["q"].astype(work.dtype))

    def run(steps: int) -> np.ndarray:
        for _ in range(steps):
            _, r = xp.linalg.qr(a)
        logs = xp.log(xp.abs(xp.diagonal(r, axis1=1, axis2=2)))
        logs = logs[work.compared, : work.leading]
        return logs.get() if hasattr(logs, "get") else logs

    run.members = work.few
    return run
