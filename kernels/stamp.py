"""A hash of all kernel source, under which what is made of it lies on disk."""

import hashlib
from pathlib import Path


def source_stamp() -> str:
    """A hash of all kernel source."""
    root, digest = Path(__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


STAMP = source_stamp()
