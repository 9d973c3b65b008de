"""Names of files beside a store."""

from pathlib import Path


def beside(path: Path, ending: str) -> Path:
    """A file or folder beside a store: Zarr does not know others inside."""
    return path.with_name(f"{path.name}.{ending}")
