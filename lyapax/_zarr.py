"""Arrays on disk with a checksum on every chunk."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, SupportsInt

from ._distribution import hint

# Zarr's own group and array: it loads where it is used, and its types know no slices.
Group = Any
Stored = Any


def library() -> Any:
    """Zarr, or an error that names the extra."""
    try:
        import zarr
    except ImportError as error:
        raise ImportError(f"store needs zarr: {hint('sweep')}") from error
    return zarr


def options() -> dict[str, Any]:
    """How arrays are written: the default codecs of Zarr would not notice a changed byte."""
    codecs = library().codecs
    return {
        # The checksum comes last, and so covers what lies on the disk.
        "compressors": [codecs.ZstdCodec(), codecs.Crc32cCodec()],
        "config": {"write_empty_chunks": True},
    }


def new_array(path: str | Path, shape: tuple[int, ...], **more: Any) -> Stored:
    """A float64 array in a folder of its own, NaN where nothing is written."""
    zarr = library()
    try:
        return zarr.create_array(
            path, shape=shape, dtype="f8", fill_value=float("nan"), **options(), **more
        )
    except (ValueError, TypeError) as error:  # there is one already, for example
        raise ValueError(f"store must be a path that Zarr can write to: {error}") from error


def opened(group: Group, names: Iterable[str]) -> dict[str, Stored]:
    """Arrays of a group that write every chunk, also of nothing but fill values.

    An array does not remember that: to open it again is to have Zarr's default, under which a
    chunk of NaN is not written, and looks as if it were lost.
    """
    with library().config.set({"array.write_empty_chunks": True}):
        return {name: group[name] for name in names}


def file_of(array: Stored, place: tuple[SupportsInt, ...]) -> Path:
    """The file of the chunk at a place of the first axes."""
    places = [*map(int, place), *[0] * (array.ndim - len(place))]
    name = "/".join(["c", *map(str, places)])
    root = Path(array.store_path.store.root)
    return root / str(array.store_path.path) / name


def is_whole(array: Stored, place: tuple[SupportsInt, ...]) -> bool:
    """Whether the chunk at a place of the first axes is there, as it was written.

    By its checksum, the last four bytes of its file: to read it through Zarr takes ten times as
    long.
    """
    from google_crc32c import value as checksum  # Zarr's own

    try:
        content = file_of(array, place).read_bytes()
    except OSError:
        return False
    return len(content) > 4 and checksum(content[:-4]) == int.from_bytes(content[-4:], "little")
