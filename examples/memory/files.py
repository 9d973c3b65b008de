"""Files that are written whole or not at all."""

import contextlib
import os
from pathlib import Path


@contextlib.contextmanager
def whole(path):
    """The path of a file that takes the place of `path` once it is complete."""
    part = Path(path).with_name(Path(path).name + ".part")
    yield part
    os.replace(part, path)
