"""Environments of the packages, and one process for each package."""

import json
import os
import subprocess
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def environment(name: str, *installed: str) -> Path:
    """Python of the environment .asv/`name` with what pip's arguments name, made when missing."""
    folder = ROOT / ".asv" / name
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *installed], check=True)
    return python


# What makes a processor with AVX-512 work as one without: Numba, XLA, OpenBLAS, PyTorch and oneDNN.
# heyoka and compilers of C take the processor that they find.
MASKS = {
    "native": {},
    "avx2": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+bmi,+bmi2,+sse4.2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
}


def surroundings(isa: str = "native") -> dict[str, str]:
    """Variables of a process: kernels of the machine or of `isa`, and only what is installed."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS_", "PYTHONPATH"))}
    return {**own, **MASKS[isa]}


class Worker:
    """A process of `python` that runs `script` on one package's module, an order a line."""

    def __init__(self, python: Path, module: str, script: str = "worker.py", isa: str = "native"):
        self.process = subprocess.Popen(
            [str(python), str(HERE / script), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=surroundings(isa),
            cwd=tempfile.mkdtemp(),  # jitcode builds in it, and a pyproject.toml there would count
        )

    def ask(self, **order):
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps(order), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"failed": "its process ended"}
