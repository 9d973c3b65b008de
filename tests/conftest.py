"""Where the tests' compiled code lies: in one folder that outlives the run."""

import atexit
import hashlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

KEPT = 3  # folders of older kernels


def compiled_code() -> Path:
    """A folder for these kernels, this Numba, this Python and this processor."""
    kernels = Path(__file__).parents[1] / "kernels"
    info = Path("/proc/cpuinfo")
    flags = (
        [line for line in info.read_text().splitlines() if "flags" in line] if info.exists() else []
    )
    digest = hashlib.sha256()
    for part in (
        platform.python_version(),
        platform.machine(),
        "".join(flags[:1]),
        *(importlib.metadata.version(name) for name in ("numba", "llvmlite", "sympy", "numpy")),
        *(os.environ.get(name, "") for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")),
        *(path.read_text() for path in sorted(kernels.rglob("*.py"))),
    ):
        digest.update(part.encode())
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "lyapax-tests" / digest.hexdigest()[:16]


def prepared() -> Path:
    if "--fresh" in sys.argv:
        found = Path(tempfile.mkdtemp(prefix="lyapax-tests-"))
        atexit.register(shutil.rmtree, found, ignore_errors=True)
        return found
    folder = compiled_code()
    folder.mkdir(parents=True, exist_ok=True)
    folder.touch()
    older = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime)
    for path in older[: -1 - KEPT]:
        shutil.rmtree(path, ignore_errors=True)
    return folder


def pytest_addoption(parser):
    parser.addoption("--fresh", action="store_true", help="compile everything anew")


# Before PyTorch is imported. Two processes share the cores, and its threads wait for each other at
# full load: a training step of `examples/floss_exponents.py` takes 8 CPU-seconds then, not 0.9.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Before Numba is imported. Workers of pytest-xdist inherit both; folders that are named already
# may be shared as well, since compiled code is kept under a stamp of all kernel source.
if not {"NUMBA_CACHE_DIR", "LYAPAX_CACHE_DIR"} <= os.environ.keys():
    _folder = prepared()
    os.environ.setdefault("NUMBA_CACHE_DIR", str(_folder / "numba"))
    os.environ.setdefault("LYAPAX_CACHE_DIR", str(_folder / "generated"))
