import os
import tempfile

# Before Numba is imported: a stale cached caller survives an edit of what it inlines.
_folder = tempfile.mkdtemp(prefix="lyapax-tests-")
os.environ["NUMBA_CACHE_DIR"] = os.path.join(_folder, "numba")
os.environ["LYAPAX_CACHE_DIR"] = os.path.join(_folder, "generated")
