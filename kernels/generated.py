"""Generated source on disk: a private per-user folder, so that a second process compiles nothing.

The folder is LYAPAX_CACHE_DIR, or lyapax/ in the user's cache folder. Code is run from it, so it
is created with mode 0700 and refused when someone else owns it or may write to it.
"""

import hashlib
import importlib.util
import os
import stat
import sys
import tempfile
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from types import ModuleType

from .background import begin, outcome
from .stamp import STAMP


def folder() -> Path:
    chosen = os.environ.get("LYAPAX_CACHE_DIR")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(chosen) if chosen else Path(base) / "lyapax"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if hasattr(os, "getuid") and (
        stat.S_ISLNK(status.st_mode)
        or status.st_uid != os.getuid()
        or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ):
        raise PermissionError(
            f"{path} must be a folder that only you own and may write to, since code is run from "
            "it; set LYAPAX_CACHE_DIR to one"
        )
    return path


def write(path: Path, text: str) -> None:
    """A file as a whole, whatever another process does to it meanwhile."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(temporary).replace(path)


def module(source: str) -> ModuleType:
    """The source as an imported module, written once under its hash.

    Ctrl-C comes at once, and who asks again waits for what is being compiled already.
    """
    try:
        return outcome(started(source))
    except Exception:
        started.cache_clear()  # a full disk may be empty next time
        raise


@cache
def started(source: str) -> "Future[ModuleType]":
    return begin(imported, source)


if hasattr(os, "register_at_fork"):  # a child has no thread that would finish what was begun
    os.register_at_fork(after_in_child=started.cache_clear)


def imported(source: str) -> ModuleType:
    # Generated code inlines our helpers, and Numba's cache does not see when those change.
    text = f"# helpers {STAMP}\n{source}"
    name = "lyapax_generated_" + hashlib.sha256(text.encode()).hexdigest()[:24]
    path = folder() / f"{name}.py"
    if not path.exists() or path.read_text() != text:
        write(path, text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded  # Numba's cache refers to functions by module name
    spec.loader.exec_module(loaded)
    return loaded
