"""Data races within a block, found by ThreadSanitizer in a process of its own."""

import functools
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from . import build
from .errors import EmulatorError
from .recording import Launch

ROOT = Path(__file__).parents[2]
RACES_FOUND = 66
TRIVIAL = 'extern "C" __global__ void trivial(int *x) { x[threadIdx.x] = 1; }'


def races(code, options=(), launches=(), schedule="forward"):
    """ThreadSanitizer's reports, as one text: empty where no two threads of a block race.

    `launches` are Launch tuples. Of the ways to order memory only barriers and __syncwarp
    count; blocks run one after another, so that races between them are not found.
    """
    usable, reason = can_check()
    if not usable:
        raise RuntimeError(reason)
    return watch(code, options, launches, schedule, way()[0])


def races_in(recorded, schedule="forward"):
    """races() of what `recorded()` has listed."""
    modules = {}
    for code, options, launch in recorded:
        modules.setdefault((code, options), []).append(launch)
    return "".join(races(*module, launches, schedule) for module, launches in modules.items())


def can_check():
    """(whether races() works here, why not)."""
    prefix, reason = way()
    return prefix is not None, reason


@functools.cache
def way():
    """(what a command under ThreadSanitizer starts with, "") or (None, why there is no way)."""
    if not library():
        return None, "gcc has no libtsan"
    # Older ThreadSanitizers do not bear the randomised addresses of newer kernels.
    prefixes = [[], ["setarch", "-R"]] if shutil.which("setarch") else [[]]
    trivial = Launch("trivial", (1,), (2,), (np.zeros(2, np.int32),))
    for prefix in prefixes:
        try:
            watch(TRIVIAL, (), [trivial], "forward", prefix)
            return prefix, ""
        except RuntimeError as error:
            reason = str(error)
    return None, reason


@functools.cache
def library():
    """The path of libtsan, "" where there is none."""
    asked = ["gcc", "-print-file-name=libtsan.so"]
    path = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return os.path.realpath(path) if os.path.isabs(path) else ""


def watch(code, options, launches, schedule, prefix):
    # Here, where the compiler runs without ThreadSanitizer.
    build.runtime()
    build.library(code, options, sanitized=True)
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder) / "task.pickle"
        contents = (code, tuple(options), schedule, [tuple(launch) for launch in launches])
        task.write_bytes(pickle.dumps(contents))
        settings = {
            "LD_PRELOAD": library(),
            "TSAN_OPTIONS": f"log_path={folder}/report exitcode={RACES_FOUND} history_size=4",
            # Their threads would be watched as well.
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", f"{__package__}.watched", str(task)]
        done = subprocess.run(
            [*prefix, *command], cwd=ROOT, env=os.environ | settings, capture_output=True, text=True
        )
        report = "".join(path.read_text() for path in Path(folder).glob("report.*"))
    report = shortened(report)
    if done.returncode not in (0, RACES_FOUND) or (done.returncode and "WARNING" not in report):
        last = re.findall(r"^.*EmulatorError: (.*)$", done.stderr, re.MULTILINE)
        if last:
            raise EmulatorError(last[-1])
        raise RuntimeError(f"ThreadSanitizer does not run: {report}{done.stderr}")
    return report


def shortened(report):
    """Without what is below the kernels, and with CUDA's numbers of threads."""
    report = re.sub(
        r"^    #\d+ .*(emulator::|emulator_launch_|runtime\.cpp).*\n",
        "",
        report,
        flags=re.MULTILINE,
    )
    report = re.sub(r"^  (Thread T\d+|Location) .*\n(    .*\n)*\n", "", report, flags=re.MULTILINE)
    # T0 is Python's, and fibers are made in the order of threads.
    return re.sub(r"thread T(\d+)", lambda found: f"CUDA thread {int(found[1]) - 1}", report)
