"""What a new process pays: first call with empty caches, warm start, code generation, memory."""

import os
import subprocess
import sys
import tempfile

from lyapax.kernels.codegen import statements
from lyapax.systems import lorenz96_of

LORENZ = "from lyapax.cli import main; main()"
NETWORK = (
    "import numpy as np, lyapax as lx; w = np.random.default_rng(0).standard_normal((50, 50)) / 5; "
    "lx.lyapunov_spectrum(lx.RateNetwork(w), duration=1, dt=.05, progress=False)"
)


def run(code, folder, *arguments):
    caches = {"NUMBA_CACHE_DIR": f"{folder}/numba", "LYAPAX_CACHE_DIR": f"{folder}/lyapax"}
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **caches},
        check=True,
        stdout=subprocess.DEVNULL,
    )


class Process:
    params = ("lorenz63", "network")
    param_names = ("system",)
    timeout = 300
    number = repeat = 1

    def setup(self, system):
        self.call = (
            (LORENZ, "system", "lorenz63", "--quiet") if system == "lorenz63" else (NETWORK,)
        )
        self.warm = tempfile.TemporaryDirectory()
        run(self.call[0], self.warm.name, *self.call[1:])

    def teardown(self, system):
        self.warm.cleanup()

    def time_first_call(self, system):
        with tempfile.TemporaryDirectory() as empty:
            run(self.call[0], empty, *self.call[1:])

    def time_warm_start(self, system):
        run(self.call[0], self.warm.name, *self.call[1:])


class CodeGeneration:
    """Differentiation and printing of Lorenz-96; tracing is in the constructor."""

    params = (8, 40)
    param_names = ("n",)

    def setup(self, n):
        self.graph = lorenz96_of(n).system().graph
        statements.cache_clear()

    def time_trace(self, n):
        lorenz96_of(n).system()

    def time_statements(self, n):
        statements.__wrapped__(self.graph)


class Memory:
    """Peak resident memory of whole runs; `peakmem_nothing` is what imports take."""

    timeout = 300

    def peakmem_nothing(self):
        pass

    def peakmem_dense_1000(self):
        from .running import Running, network

        Running(network(1000), 100).propagate(16)

    def peakmem_swing_4941(self):
        from .networks import swing
        from .running import Running

        case = swing()
        Running(case.network, case.k, dt=case.dt).propagate(64)

    def peakmem_sparse_10000(self):
        from .running import Running, network

        Running(network(10_000, 0.01), 20).propagate(16)
