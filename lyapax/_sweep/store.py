"""A sweep on disk: Zarr with a checksum on every chunk, and a record of those that are committed.

The driver is the only writer. Of a chunk its data come first and then its entry in `committed`, so
that a kill at any moment leaves either a whole chunk or one that is measured again.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _check, _zarr
from .._check import Array, Integers
from .._files import write_whole
from .._zarr import Group, Stored
from .axes import Axes
from .chunks import Chunks
from .names import beside
from .variables import VARIABLES

if TYPE_CHECKING:
    import xarray

COMMITTED = "committed"  # of each chunk, 1 once its data are there, 2 where it failed
FAILED = 2
FORMAT = 2

Settings = dict[str, Any]  # plain values, as JSON has them


def opened(path: Path, settings: Settings, axes: Axes, chunks: Chunks) -> "Store":
    """The store of a sweep, made where there is none; another sweep's is refused."""
    if path.exists() and any(path.iterdir()):
        group = _group(path)
        _expect_the_same(path, _facts(path, group), settings)
        wanted, found = group.attrs["arrays"], _digests(group)
        changed = sorted(name for name in wanted if found.get(name) != wanted[name])
        if changed or found.keys() != wanted.keys():
            raise ValueError(
                f"store {path} is broken: what describes {', '.join(changed) or 'it'} has changed"
            )
        _expect_coordinates(path, group, axes)
        return Store(path, group, chunks)
    # Under another name until it is whole: a kill leaves no store of half the arrays.
    made = beside(path, "making")
    shutil.rmtree(made, ignore_errors=True)
    group = _zarr.library().open_group(made, mode="w", zarr_format=3)
    _make(group, settings, axes, chunks)
    if path.exists():
        path.rmdir()
    os.replace(made, path)
    return Store(path, _group(path), chunks)


def settings_of(path: Path) -> Settings:
    """The settings of a sweep that has begun; nothing where there is none."""
    if not path.exists() or not any(path.iterdir()):
        return {}
    return _facts(path, _group(path))


class Store:
    """A sweep's arrays on disk."""

    def __init__(self, path: Path, group: Group, chunks: Chunks):
        self.path, self.chunks = path, chunks
        # Opening an array takes as long as writing a small chunk of it.
        self.array = _zarr.opened(group, (*(v.name for v in VARIABLES), COMMITTED))
        self.failed: dict[int, str] = {}

    def pending(self) -> tuple[Integers, str]:
        """Chunks that are to be measured, and what was found to be broken, in words."""
        everything = np.arange(len(self.chunks))
        try:
            if not self._records_are_there():
                raise FileNotFoundError(COMMITTED)
            committed = np.nonzero(np.asarray(self.array[COMMITTED][:]) == 1)[0]
            broken = [int(c) for c in committed if not self._is_whole(int(c))]
            done = np.setdiff1d(committed, broken)
            said = _listed(broken)
        except Exception:  # by its own checksum, or because it is gone: ask the data
            done = np.array([c for c in everything if self._is_whole(int(c))], int)
            said = "the record of its chunks was broken and is taken from the data"
        if said:
            records = np.zeros(len(self.chunks), np.uint8)
            records[done] = 1
            self.array[COMMITTED][:] = records
        return np.setdiff1d(everything, done), said

    def _records_are_there(self) -> bool:
        """Whether those of committed chunks are; without their file all would read as pending."""
        per = self.array[COMMITTED].chunks[0]
        files = range(-(-len(self.chunks) // per))
        return all(_zarr.file_of(self.array[COMMITTED], (i,)).exists() for i in files)

    def _is_whole(self, chunk: int) -> bool:
        place = np.unravel_index(chunk, self.chunks.counts)
        return all(_zarr.is_whole(self.array[v.name], place) for v in VARIABLES)

    def commit(self, chunk: int, found: dict[str, Array]) -> None:
        region, size = self.chunks.region(chunk), self.chunks.size(chunk)
        for variable in VARIABLES:
            array = found[variable.name]
            self.array[variable.name][region] = array.reshape(*size, *array.shape[1:])
        self.array[COMMITTED][chunk] = 1

    def fail(self, chunk: int, reason: str) -> None:
        """Mark a chunk as failed; the next sweep with this store tries it again."""
        self.array[COMMITTED][chunk] = FAILED
        self.failed[chunk] = reason
        text = json.dumps({str(c): self.failed[c] for c in sorted(self.failed)}, indent=1)
        write_whole(beside(self.path, "failed.json"), text.encode())

    def finish(self) -> None:
        """Forget why chunks failed that are there now."""
        if not self.failed:
            beside(self.path, "failed.json").unlink(missing_ok=True)

    def arrays(self) -> dict[str, Array]:
        """The variables of all points."""
        return {v.name: np.asarray(self.array[v.name][:]) for v in VARIABLES}

    def dataset(self) -> "xarray.Dataset":
        """The sweep, labelled; numbers are read where they are used."""
        return read(self.path)


def _listed(broken: list[int]) -> str:
    if not broken:
        return ""
    some = ", ".join(map(str, broken[:5])) + (" ..." if broken[5:] else "")
    return f"{len(broken)} of its chunks were broken and are measured again: {some}"


def read(path: Path) -> "xarray.Dataset":
    """The labelled dataset of a store."""
    import xarray

    found = xarray.open_zarr(path, consolidated=False, chunks=None).drop_vars(COMMITTED)
    measured = {v.name for v in VARIABLES}
    found = found.set_coords([name for name in found.data_vars if name not in measured])
    try:
        failed = json.loads(beside(path, "failed.json").read_text())
    except (OSError, ValueError):
        failed = {}
    labelled: xarray.Dataset = found.assign_attrs(reasons(failed))
    return labelled


def reasons(failed: Mapping[int, str] | Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The attribute that names failed chunks, where there are any."""
    return {"failed": {str(c): reason for c, reason in failed.items()}} if failed else {}


def _make(group: Group, settings: Settings, axes: Axes, chunks: Chunks) -> None:
    dims = axes.dims
    for name, (own, values) in axes.coordinates().items():
        array = _create(group, name, values.shape, values.shape, "f8", np.nan, own)
        array[:] = values
    for variable in VARIABLES:
        last = (settings["k"],) if variable.each else ()
        _create(
            group,
            variable.name,
            (*chunks.shape, *last),
            (*chunks.box, *last),
            variable.dtype,
            variable.fill,
            (*dims, "exponent") if variable.each else dims,
            variable.attributes(settings["k"], settings["dim"]),
        )
    size = len(chunks)
    records = _create(group, COMMITTED, (size,), (min(size, 1 << 16),), "u1", 0, ("chunk",))
    records[:] = 0  # written, so that a file that is gone later is known to be gone
    # What describes the arrays is described here in turn: a changed type would change numbers.
    facts = {**settings, "arrays": _digests(group)}
    group.attrs.update({**facts, "fingerprint": fingerprint(facts)})


def _digests(group: Group) -> dict[str, str]:
    """A hash of each array's description, as it lies on the disk."""
    root = Path(group.store_path.store.root)
    found = {}
    for path in sorted(root.glob("*/zarr.json")):
        found[path.parent.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _create(
    group: Group,
    name: str,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: str,
    fill: float,
    dims: tuple[str, ...],
    attributes: Mapping[str, object] | None = None,
) -> Stored:
    return group.create_array(
        name,
        shape=shape,
        chunks=tuple(max(1, c) for c in chunks),
        dtype=dtype,
        fill_value=fill,
        dimension_names=dims,
        attributes=attributes,
        **_zarr.options(),
    )


def fingerprint(settings: Settings) -> str:
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _facts(path: Path, group: Group) -> Settings:
    """What the store says of its sweep, which is what it said at first."""
    found = dict(group.attrs)
    own = found.pop("fingerprint", None)
    if own is None or "format" not in found:
        raise ValueError(f"store {path} exists and is no sweep")
    if own != fingerprint(found):
        raise ValueError(f"store {path} is broken: its settings are not those that it began with")
    return found


def _expect_the_same(path: Path, found: Settings, settings: Settings) -> None:
    wanted = {**json.loads(json.dumps(settings)), "arrays": found.get("arrays")}
    for name in sorted({*found, *wanted}):
        if isinstance(found.get(name), dict) and isinstance(wanted.get(name), dict):
            for part in sorted({*found[name], *wanted[name]}):
                if found[name].get(part) != wanted[name].get(part):
                    raise ValueError(f"store {path} has a sweep of other {name}: {part} differs")
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"store {path} has a sweep of another {name}: {_check.quoted(found.get(name))}, "
                f"this one has {_check.quoted(wanted.get(name))}"
            )


def _group(path: Path) -> Group:
    try:
        return _zarr.library().open_group(path, mode="r+", zarr_format=3)
    except Exception as error:
        raise ValueError(f"store {path} exists and is no sweep: {error}") from None


def _expect_coordinates(path: Path, group: Group, axes: Axes) -> None:
    for name, (_, values) in axes.coordinates().items():
        try:
            same = np.array_equal(np.asarray(group[name][:]), values)
        except Exception as error:
            raise ValueError(f"store {path} is broken: {name} cannot be read: {error}") from None
        if not same:
            raise ValueError(f"store {path} is broken: {name} has changed")
