import os
import tempfile

# Before Numba is imported. Compiled code is kept under a stamp of all kernel source, so folders
# that are named already may be shared by many runs: CI's benchmarks and tests share theirs.
_folder = tempfile.mkdtemp(prefix="lyapax-tests-")
os.environ.setdefault("NUMBA_CACHE_DIR", os.path.join(_folder, "numba"))
os.environ.setdefault("LYAPAX_CACHE_DIR", os.path.join(_folder, "generated"))
