"""Matrices in binary files: NumPy's, MATLAB's, HDF5, Matrix Market, and tensors of PyTorch."""

import codecs
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse

from .cells import MATRIX_MARKET, bytes_of
from .found import Found, fits, one_of, optional, taken

PICKLED = (
    "it holds Python objects, which would run code when they are read: save numbers, "
    "np.save(file, np.asarray(w, float))"
)


def of_npy(file: Any, size: int) -> Any:
    """An array, once its header and the size of the file agree; `size` in bytes."""
    version = np.lib.format.read_magic(file)
    read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    if version[0] not in read:
        raise ValueError(f"its format is of version {version[0]}")
    shape, _, dtype = read[version[0]](file)
    if dtype.hasobject:
        raise ValueError(PICKLED)
    fits(shape, -1)
    needed = int(np.prod(shape, dtype=float)) * dtype.itemsize
    if needed > size - file.tell():
        raise ValueError(f"it is cut off: its header says {shape} of {dtype}")
    file.seek(0)
    return np.load(file, allow_pickle=False)


def npy(path: Path, key: str | None) -> Found:
    del key
    with path.open("rb") as file:
        return Found(of_npy(file, path.stat().st_size))


def npz(path: Path, key: str | None) -> Found:
    import zipfile

    try:
        names = [name.removesuffix(".npy") for name in zipfile.ZipFile(path).namelist()]
    except zipfile.BadZipFile:
        raise ValueError("it is no .npz file, or is cut off") from None
    if {"format", "data", "shape"} <= {*names} and key is None:
        return Found(scipy.sparse.load_npz(path))
    with np.load(path, allow_pickle=False) as file:
        shapes = {}
        for name in names:
            with file.zip.open(f"{name}.npy") as member:
                size = file.zip.getinfo(f"{name}.npy").file_size
                shapes[name] = np.shape(of_npy(io.BytesIO(member.read(size)), size))
        name = one_of(names, key, "arrays", shapes)
        return Found(file[name], taken(name, names, key))


def mat(path: Path, key: str | None) -> Found:
    """MATLAB's format 5; 7.3 is HDF5."""
    with path.open("rb") as file:
        if b"MATLAB 7.3" in file.read(128):
            return hdf5(path, key, turned=True)
    shapes = {name: shape for name, shape, kind in scipy.io.whosmat(path) if "cell" not in kind}
    outer, *inner = (key or "").split(".")
    if inner and outer in shapes and key not in shapes:
        found = scipy.io.loadmat(path, variable_names=[outer], simplify_cells=True)[outer]
        for part in inner:
            if not isinstance(found, dict) or part not in found:
                raise ValueError(f"{outer} has no {'.'.join(inner)}")
            found = found[part]
        return Found(found)
    name = one_of(list(shapes), key, "variables", shapes)
    found = scipy.io.loadmat(path, variable_names=[name])[name]
    fields = getattr(getattr(found, "dtype", None), "names", None)
    if fields:
        raise ValueError(
            f"{name} is a struct of {', '.join(fields)}: say which, FILE:{name}.{fields[0]}"
        )
    if not scipy.sparse.issparse(found) and found.dtype.kind not in "biuf":
        raise ValueError(f"{name} is {found.dtype}, no matrix of real numbers")
    return Found(found, taken(name, list(shapes), key))


def hdf5(path: Path, key: str | None, turned: bool = False) -> Found:
    """turned: MATLAB writes columns first, which others read as rows."""
    h5py = optional("h5py", path.suffix)
    with h5py.File(path, "r") as file:
        shapes: dict[str, Any] = {}
        file.visititems(
            lambda name, item: (
                shapes.update({name: item.shape})
                if isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf"
                else None
            )
        )
        name = one_of(list(shapes), None if key is None else key.strip("/"), "datasets", shapes)
        fits(shapes[name], -1)
        matrix = file[name][()]
    notes = taken(name, list(shapes), key)
    return Found(np.ascontiguousarray(matrix.T) if turned else matrix, notes)


def matrix_market(path: Path, key: str | None) -> Found:
    del key
    text = bytes_of(path)
    notes = []
    text = text.removeprefix(codecs.BOM_UTF8)
    if not text[:20].lower().startswith(MATRIX_MARKET.lower().encode()):
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith(b"%")]
        if not lines or len(lines[0].split()) != 3:
            raise ValueError(f"it does not begin with {MATRIX_MARKET}")
        kind = "pattern" if len(lines) > 1 and len(lines[1].split()) == 2 else "real"
        banner = f"{MATRIX_MARKET} matrix coordinate {kind} general\n"
        text = banner.encode() + text
        notes.append(f"{path.name}: no banner, read as {kind} and general")
    text = MATRIX_MARKET.encode() + text[len(MATRIX_MARKET) :]  # which SciPy wants as it stands
    size = next(line for line in text.splitlines() if not line.startswith(b"%"))
    shape = tuple(int(number) for number in size.split())
    fits(shape[:2], shape[2] if len(shape) > 2 else -1)
    found = scipy.io.mmread(io.BytesIO(text))
    if found.dtype.kind == "c":
        raise ValueError("it holds complex numbers")
    return Found(found, notes)


def tensors(path: Path, key: str | None) -> Found | Mapping[str, Any]:
    """A tensor of a file with weights; of a recurrent module all of them, where none is named."""
    if path.name.lower().endswith(".safetensors"):
        module = optional("safetensors.numpy", ".safetensors")
        values: Any = module.load_file(path)
    else:
        torch = optional("torch", path.suffix)
        try:
            values = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            if "weights_only" not in str(error) and "pickle" not in type(error).__name__.lower():
                raise ValueError(f"it is no file of torch.save: {error!s:.80}") from None
            raise ValueError(
                "it holds a whole module, which would run code when it is read: save its "
                "numbers, torch.save(model.state_dict(), file)"
            ) from None
        if isinstance(values, torch.Tensor):
            if values.is_complex():
                raise ValueError("it holds complex numbers")
            return Found(values.detach().double().numpy())
    if not isinstance(values, Mapping):
        raise ValueError(f"it holds {type(values).__name__}, expected tensors by name")
    arrays = {
        name: np.asarray(value.detach().double() if hasattr(value, "detach") else value)
        for name, value in named_tensors(values).items()
    }
    if key is None and sum("weight_hh" in name for name in arrays) == 1:
        return arrays
    shapes = {name: value.shape for name, value in arrays.items()}
    name = one_of(list(arrays), key, "tensors", shapes)
    return Found(arrays[name], taken(name, list(arrays), key))


def named_tensors(values: Mapping[Any, Any], before: str = "") -> dict[str, Any]:
    """Tensors of a state dict, or of a checkpoint that has one inside: {"model": {...}, "step": 3}.

    Of several dicts with tensors their names come first, "ema.weight_hh_l0".
    """
    own = {before + str(n): value for n, value in values.items() if hasattr(value, "shape")}
    inner = {n: value for n, value in values.items() if isinstance(value, Mapping)}
    found = {n: named_tensors(value, f"{before}{n}.") for n, value in inner.items()}
    found = {n: tensors for n, tensors in found.items() if tensors}
    if not before and not own and len(found) == 1:
        name = next(iter(found))
        return named_tensors(inner[name])
    return own | {name: value for tensors in found.values() for name, value in tensors.items()}
