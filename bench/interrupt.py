# ruff: noqa: E501  (one call a row)
"""How long every public call that can last longer goes on after Ctrl-C: a table on standard output.

    python -m bench.interrupt > bench/results/interrupt.md

Each call runs in a process of its own, is interrupted after some seconds, and tells when its
KeyboardInterrupt came. "Compiling" begins with empty caches and is interrupted in the middle of it.
"""

import os
import platform
import signal
import subprocess
import sys
import tempfile
import time

from .machine import processor

SETUP = """
import signal, sys, time, warnings, numpy as np, scipy.sparse, lyapax as lx
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
from lyapax.systems import library, lorenz96_of
rng = np.random.default_rng(0)
lorenz, henon = library["lorenz63"].system(), library["henon"].system()
def net(n): return lx.RateNetwork(rng.standard_normal((n, n)) * 2 / np.sqrt(n))
def sparse(n): return lx.RateNetwork(scipy.sparse.random_array((n, n), density=0.01, rng=rng))
gru = lx.GRU(rng.standard_normal((768, 256)) / 16)
big = dict(duration=1e9, dt=0.01, rng=0, progress=False)
steps = dict(duration=1e9, rng=0, progress=False)
def chain(x, p): return [np.tanh(x[i - 1] * x[i - 2] - p.a * x[i]) for i in range(8)]
"""
CALLS = {
    "lyapunov_spectrum, Lorenz": "lx.lyapunov_spectrum(lorenz, **big)",
    "lyapunov_spectrum, Lorenz, 10^6 members": "lx.lyapunov_spectrum(lorenz, members=10**6, **big)",
    "lyapunov_spectrum, columns, n = 40": "lx.lyapunov_spectrum(lorenz96_of(40).system(), **big)",
    "lyapunov_spectrum, dense, n = 16": "lx.lyapunov_spectrum(net(16), **big)",
    "lyapunov_spectrum, dense, n = 1500": "lx.lyapunov_spectrum(net(1500), **big)",
    "the same, first basis": "lx.lyapunov_spectrum(net(4000), **big)",
    "lyapunov_spectrum, sparse, n = 4000, k = 100": "lx.lyapunov_spectrum(sparse(4000), k=100, **big)",
    "lyapunov_spectrum, GRU, n = 256": "lx.lyapunov_spectrum(gru, **steps)",
    "lyapunov_spectrum, compiling, n = k = 8": "lx.lyapunov_spectrum(lx.Flow(chain, 8, {'a': 1.0}), **big)",
    "lyapunov_spectrum, one long interval": "lx.lyapunov_spectrum(lorenz, qr_every=10**9, **big)",
    "extend": "lx.lyapunov_spectrum(henon, duration=10, progress=False).extend(1e12, progress=False)",
    "trajectory, transient": "lx.trajectory(lorenz, transient=1e9, duration=1, dt=0.01, progress=False)",
    "trajectory": "lx.trajectory(lorenz, duration=1e9, save_every=10**8, dt=0.01, progress=False)",
    "sensitivity": "lx.sensitivity(net(200), duration=1e6, save_every=10**7, dt=0.01, progress=False)",
    "adjoint, forwards": "lx.adjoint(net(200), np.ones(200), duration=1e6, save_every=10**7, dt=0.01, progress=False)",
    "adjoint, backwards": "lx.adjoint(net(200), duration=1e3, save_every=10**4, dt=0.01, progress=False)",
    "local_exponents, one window": "lx.local_exponents(lorenz, window=1e9, windows=1, dt=0.01, progress=False)",
    "covariant_vectors": "lx.covariant_vectors(net(100), duration=1e4, qr_every=10, dt=0.01, progress=False)",
    "floquet": "lx.floquet(lorenz, dt=0.01, transient=1e9)",
    "gradient_horizon": "lx.gradient_horizon(net(50), **big)",
    "robustness": "lx.robustness(net(50), [0.1, 0.2], **big)",
    "pta.draw": "lx.pta.draw(10**6, lx.pta.region(), 0)",
    "pta.leading_exponents": "lx.pta.leading_exponents(np.full(10**5, 1.2), 0.5, steps=10**6)",
    "torch.spectrum, a step": "tt.spectrum(lambda x: torch.tanh(w @ x), initial=torch.ones(64), **steps)",
    "torch.lyapunov_exponents": "tt.lyapunov_exponents(torch.nn.GRU(1, 64), torch.zeros(64), 8, window=10**6)",
}
TORCH = "import torch, lyapax.torch as tt; w = torch.eye(64)\n"
FIRST = 12.0  # seconds until SIGINT; compilation would end before a longer one


def measured(code: str, caches: dict[str, str], wait: float) -> float | str:
    """Seconds from SIGINT until the call has ended."""
    torch = TORCH if "torch" in code else ""
    program = (
        f"{SETUP}import lyapax.pta\n{torch}print('ready', flush=True)\n"
        f"try:\n    {code}\nexcept KeyboardInterrupt:\n"
        "    print(time.monotonic(), flush=True)\n    import os; os._exit(0)\n"
        "print('done', flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program],
        env={**os.environ, **caches},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    try:
        return float(out) - sent
    except ValueError:
        return (out + err).strip().splitlines()[-1] if out + err else "ended before"


def main() -> None:
    print("# Seconds from Ctrl-C until each call has ended\n")
    print(f"`python -m bench.interrupt`, {time.strftime('%Y-%m-%d')}")
    print(f"{processor()}, Python {platform.python_version()}.\n")
    print("| call | seconds |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        caches = {"NUMBA_CACHE_DIR": f"{folder}/n", "LYAPAX_CACHE_DIR": f"{folder}/g"}
        for name, code in CALLS.items():
            compiling, setting_up = "compiling" in name, "basis" in name
            if not compiling and not setting_up:
                measured(code, caches, FIRST)  # compiles
            found = measured(code, caches, 3.0 if compiling else 1.5 if setting_up else FIRST / 2)
            print(f"| {name} | {found if isinstance(found, str) else f'{found:.2f}'} |", flush=True)


if __name__ == "__main__":
    main()
