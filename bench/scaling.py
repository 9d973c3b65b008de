"""How cost grows with n, k, batch, density, duration and threads: a table and docs/scaling.png.

python -m bench.scaling
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import lyapax as lx

from .running import Running, known, network

ROOT = Path(__file__).resolve().parents[1]


def seconds_a_step(running, wanted=0.2):
    """Best of five, each long enough to trust; a step of all members."""
    steps = 16
    while True:
        started = time.perf_counter()
        running.propagate(steps)
        taken = time.perf_counter() - started
        if taken > wanted / 4:
            break
        steps *= 4
    best = taken
    for _ in range(4):
        started = time.perf_counter()
        running.propagate(steps)
        best = min(best, time.perf_counter() - started)
    return best / steps


def curves():
    """(title, x label, x, {label: seconds}, slope that theory gives)."""
    n = [8, 16, 32, 64, 128, 256, 512, 1024]
    yield (
        "units, k = n",
        "n",
        n,
        {
            kind: [seconds_a_step(Running(network(i), dtype=kind)) for i in n]
            for kind in ("float64", "float32")
        },
        3,
    )
    k = [1, 4, 16, 64, 256, 512]
    yield (
        "tangents, n = 512",
        "k",
        k,
        {"dense": [seconds_a_step(Running(network(512), i)) for i in k]},
        1,
    )
    b = [1, 8, 64, 512, 4096, 32768]
    yield (
        "members",
        "members",
        b,
        {
            "Lorenz-63": [
                seconds_a_step(Running(known("lorenz63"), members=i, dt=0.01)) for i in b
            ],
            "two-unit block": [seconds_a_step(Running(known("pta_flow"), members=i)) for i in b],
            "n = 16": [seconds_a_step(Running(network(16), members=i)) for i in b[:-1]],
        },
        1,
    )
    p = [0.002, 0.01, 0.05, 0.1]
    sparse = [seconds_a_step(Running(network(4000, i), 32)) for i in p]
    dense = seconds_a_step(Running(network(4000), 32))
    yield (
        "density, n = 4000, k = 32",
        "density",
        [*p, 1.0],
        {"sparse": [*sparse, np.nan], "dense": [dense] * 5},
        1,
    )
    t = [20, 100, 500, 2500]
    net = network(64)
    lx.lyapunov_spectrum(net, duration=20, dt=0.05, progress=False)

    def whole(duration):
        started = time.perf_counter()
        lx.lyapunov_spectrum(
            net, duration=duration, dt=0.05, transient=5, alignment=5, rng=0, progress=False
        )
        return time.perf_counter() - started

    yield "duration, a whole run of n = 64", "duration", t, {"run": [whole(i) for i in t]}, 1


THREADS = """
import json
from bench.running import Running, known, network
from bench.scaling import seconds_a_step
cases = {
    "Lorenz-63, 65,536 members": Running(known("lorenz63"), members=65536, dt=0.01),
    "n = 16, 256 members": Running(network(16), members=256),
    "n = 128": Running(network(128)),
    "n = 512": Running(network(512)),
    "n = 4000, density 0.01, k = 32": Running(network(4000, 0.01), 32),
}
print(json.dumps({name: seconds_a_step(running) for name, running in cases.items()}))
"""


def threads():
    """Seconds a step with 1 thread and with 2, by case."""
    told = []
    for count in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", THREADS],
            env={**os.environ, "NUMBA_NUM_THREADS": count},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        told.append(json.loads(done.stdout))
    return {name: (told[0][name], told[1][name]) for name in told[0]}


def main():
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(12, 7), layout="constrained")
    for ax, (title, label, x, lines, slope) in zip(axes.flat, curves(), strict=False):
        print(title)
        for name, y in lines.items():
            print(f"  {name}: " + ", ".join(f"{i}: {s:.3g} s" for i, s in zip(x, y, strict=False)))
            ax.loglog(x[: len(y)], y, "o-", ms=3, label=name)
        last = next(iter(lines.values()))
        end = np.nanmax(last)
        at = x[int(np.nanargmax(last))]
        guide = np.array([at / 8, at])
        ax.loglog(guide, end * (guide / at) ** slope / 2, "k--", lw=1, label=f"slope {slope}")
        ax.set_title(title)
        ax.set_xlabel(label)
        ax.set_ylabel("seconds" if label == "duration" else "seconds a step")
        ax.legend(fontsize=8)
    print("2 threads against 1")
    ratios = {name: one / two for name, (one, two) in threads().items()}
    for name, ratio in ratios.items():
        print(f"  {name}: {ratio:.2f} times")
    ax = axes.flat[-1]
    ax.barh(list(ratios), list(ratios.values()), color="0.6")
    ax.axvline(2.0, color="k", lw=1, ls="--")
    ax.set_title("2 threads against 1")
    ax.tick_params(axis="y", labelsize=7)
    figure.savefig(ROOT / "docs" / "scaling.png", dpi=100)


if __name__ == "__main__":
    main()
