"""Code compiled by an older version is never taken for ours, whichever file has changed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import lyapax

CODE = """
import numpy as np
import lyapax
from lyapax.kernels.cpu.qr.orthonormal import orthonormalise
log_sum, rest = np.zeros(2), [np.zeros(2), np.zeros(2), np.zeros(2, np.int64)]
orthonormalise(np.diag([2.0, 4.0]), 1e-15, log_sum, *rest)
print(*np.exp(log_sum).round(9), sum(orthonormalise.stats.cache_hits.values()), lyapax.__file__)
"""


def test_an_edited_helper_is_compiled_anew(tmp_path):
    """`orthonormalise` inlines `accumulate` of another file, which Numba's stamp does not see."""
    package = tmp_path / "lyapax"
    shutil.copytree(
        Path(lyapax.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )

    def run():
        done = subprocess.run(
            [sys.executable, "-c", CODE],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": "."},
        )
        *values, hits, where = done.stdout.split()
        assert Path(where).parent == package
        return [*map(float, values)], int(hits)

    assert run() == ([2.0, 4.0], 0)
    helper = package / "kernels" / "cpu" / "qr" / "accumulate.py"
    text = helper.read_text()
    assert "term = math.log(r)\n" in text
    helper.write_text(text.replace("term = math.log(r)\n", "term = math.log(3.0 * r)\n"))
    assert run() == ([6.0, 12.0], 0)
    helper.write_text(text)  # back: the first version's code is still there, and is right again
    assert run() == ([2.0, 4.0], 1)
