"""Lorenz-63, lambda_1 to a standard error of 1e-4: one long run beside an ensemble.

    python -m bench.ensemble [tol of the single run]

writes results/ensemble.md. A single run with a wider tol is extrapolated by 1 / tol^2.
"""

import os
import sys
import time
from pathlib import Path

import lyapax as lx
from lyapax.systems import library

from .machine import processor

TOL = 1e-4


def timed(tol, **options):
    wall, processor = time.perf_counter(), time.process_time()
    spec = lx.lyapunov_spectrum(
        library["lorenz63"].system(), tol=tol, dt=0.01, k=1, rng=0, progress=False, **options
    )
    return spec, time.perf_counter() - wall, time.process_time() - processor


def row(name, spec, wall, processor, scale=1.0):
    value, error = spec.exponents[0], spec.stderr[0]
    return (
        f"| {name} | {value:.5f} | {error:.1e} | {spec.duration:.3g} | {wall * scale:.3g} | "
        f"{processor * scale:.3g} |"
    )


def main(tol):
    timed(0.05)  # compiles
    timed(0.05, ensemble=True)
    ensemble = timed(TOL, ensemble=True)
    single = timed(tol)
    scale = (tol / TOL) ** 2
    name = "one run" if scale == 1 else f"one run to {tol:g}, its times multiplied by {scale:.3g}"
    lines = [
        "# Lorenz-63, lambda_1 to a standard error of 1e-4",
        "",
        f"dt = 0.01, k = 1; {processor()}, load {os.getloadavg()[0]:.1f}.",
        "",
        "| | lambda_1 | standard error | measured time | wall s | processor s |",
        "|---|---|---|---|---|---|",
        row("`ensemble=True`", *ensemble),
        row(name, *single, scale),
        "",
        f"Wall time of one run over that of the ensemble: {single[1] * scale / ensemble[1]:.1f}.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    (Path(__file__).parent / "results" / "ensemble.md").write_text(text)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else TOL)
