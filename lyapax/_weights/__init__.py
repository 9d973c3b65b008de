"""Weight matrices as people have them: in files of many formats, and as objects of libraries."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from .._check import flag, quoted
from ..systems.matrices import Matrix, square
from . import arrays, edges, graphs, tables
from .found import Found
from .modules import hidden_name

Reader = Callable[[Path, "str | None"], Any]
READERS: dict[str, Reader] = {
    ".npy": arrays.npy, ".npz": arrays.npz, ".mat": arrays.mat, ".h5": arrays.hdf5,
    ".hdf5": arrays.hdf5, ".mtx": arrays.matrix_market,
    ".graphml": graphs.graphml, ".gml": graphs.graphml, ".edgelist": edges.edges,
    ".edges": edges.edges, ".pt": arrays.tensors, ".pth": arrays.tensors,
    ".safetensors": arrays.tensors,
}  # fmt: skip
TABLES = ".csv", ".tsv", ".txt", ".dat", ".xlsx"
SUFFIXES = (*READERS, *TABLES)
PACKED = ".mtx", ".graphml", ".gml", ".edgelist", ".edges", ".csv", ".tsv", ".txt", ".dat"
# Which hold one matrix.
SINGLE = ".npy", ".mtx", ".edgelist", ".edges", ".csv", ".tsv", ".txt", ".dat"
# What else people bring, and what to do with it.
OTHERWISE = {
    **dict.fromkeys((".net", ".paj"), "lx.read_weights(networkx.read_pajek(file))"),
    ".gexf": "lx.read_weights(networkx.read_gexf(file))",
    ".json": "lx.read_weights(networkx.node_link_graph(json.load(file)))",
    **dict.fromkeys((".zip", ".tar", ".7z", ".bz2", ".tgz"), "unpack it"),
    ".xls": "save it as .xlsx",
    **dict.fromkeys((".pkl", ".pickle"), arrays.PICKLED),
}


def read_weights(source: Any, *, transpose: bool = False, labels: bool | None = None) -> Matrix:
    """The weight matrix of a file, or of an object of another library.

    Row i has the inputs of unit i: an edge i -> j of a graph is W[j, i].

    Parameters
    ----------
    source : path, or object
        .npy, .npz, .csv, .tsv, .txt, .mat, .h5, .mtx, .graphml, .gml, .edgelist, .xlsx, .pt or
        .safetensors; one of several matrices as ``"FILE.npz:name"``. Or an array of any type of
        real numbers, a sparse matrix of SciPy in any format, a DataFrame, a DataArray, a graph of
        NetworkX.
    transpose : bool
        Whether the matrix of the source has the inputs of unit i in column i.
    labels : bool, optional
        Of a table: whether it has names of the units; told from the table where it can be.

    Returns
    -------
    array (n, n), or scipy.sparse CSR (n, n)
        float64.

    Raises
    ------
    ValueError
        In one line, when there is no square matrix of finite numbers, or when reading would run
        code (pickled objects).

    Examples
    --------
    >>> import lyapax as lx, numpy as np
    >>> lx.read_weights(np.array([[0, 1], [2, 0]], dtype=">i2"))
    array([[0., 1.],
           [2., 0.]])
    """
    turned = flag(transpose, "transpose")
    labels = None if labels is None else flag(labels, "labels")
    found = read(source, "source", transpose=turned, labels=labels)
    if isinstance(found, Mapping):
        name = hidden_name(found)
        rows, units = found[name].shape
        what = (
            f"name a matrix, {source}:{name}"
            if rows == units
            else ("lyapax.torch.spectrum takes the module, the command `lyapax spectrum` the file")
        )
        raise ValueError(f"source {source} holds a recurrent module: {what}")
    return found.matrix


def read(
    source: Any, name: str = "WEIGHTS", *, transpose: bool = False, labels: bool | None = None
) -> Any:
    """A `Found`, or the arrays of a recurrent module by name; `name` is for messages."""
    if not isinstance(source, str | os.PathLike):
        return checked(of_object(source, name), transpose, name)
    path, key = file_and_key(source)
    if not present(path):
        raise ValueError(f"{name} must be a file or a matrix: there is no file {quoted(str(path))}")
    try:
        found = of_file(path, key, labels)
        return found if isinstance(found, Mapping) else checked(found, transpose, "its matrix")
    except MemoryError:
        raise
    except Exception as error:  # readers raise all kinds of them on broken files
        said = " ".join(str(error).split())
        raise ValueError(f"{name} {path} cannot be read: {said:.300}") from error


def present(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def file_and_key(source: Any) -> tuple[Path, str | None]:
    """FILE:NAME, where there is no file of that whole name."""
    text = os.fspath(source)
    places = [i for i, letter in enumerate(text) if letter == ":"]
    if not present(Path(text)):
        for i in reversed(places):
            if present(Path(text[:i])):
                return Path(text[:i]), text[i + 1 :]
    return Path(text), None


def of_file(path: Path, key: str | None, labels: bool | None) -> Any:
    name = path.name.lower()
    if name.endswith(tuple(f"{suffix}.gz" for suffix in PACKED)):
        name = name.removesuffix(".gz")
    suffix = next((s for s in SUFFIXES if name.endswith(s)), None)
    if suffix is None:
        hint = next((hint for end, hint in OTHERWISE.items() if name.endswith(end)), None)
        ends = f"its name must end in one of {', '.join(SUFFIXES)}"
        raise ValueError(f"{hint}; {ends}" if hint else ends)
    if labels is not None and suffix not in TABLES:
        raise ValueError("--labels is for tables: .csv, .tsv, .txt, .xlsx")
    if key is not None and suffix in SINGLE:
        raise ValueError(f"it holds one matrix: FILE:{key} is for files of several")
    if not path.stat().st_size:
        raise ValueError("it is empty")
    if suffix in TABLES:
        return tables.table(path, labels, key)
    return READERS[suffix](path, key)


def of_object(value: Any, name: str) -> Found:
    kind = type(value).__module__.partition(".")[0]
    if kind == "networkx":
        return graphs.of_graph(value)
    if kind == "pandas" and hasattr(value, "columns"):
        same = list(value.index) == list(value.columns)
        if not same and set(value.index) == set(value.columns):
            raise ValueError(f"{name} must have its rows in the order of its columns")
        if edges.columns_of(list(map(str, value.columns))) is not None and not same:
            rows = [list(map(str, row)) for row in value.itertuples(index=False)]
            return edges.of_edges([list(map(str, value.columns)), *rows], name, None)
    if kind in ("pandas", "xarray"):
        return Found(value.to_numpy())
    return Found(value)


def checked(found: Found, transpose: bool, name: str) -> Found:
    """Square, of finite real numbers, as float64 or CSR."""
    matrix = square(found.matrix, name)
    if transpose:
        sparse = scipy.sparse.issparse(matrix)
        matrix = matrix.T.tocsr() if sparse else np.ascontiguousarray(matrix.swapaxes(-1, -2))
    found.matrix, found.transposed = matrix, transpose
    return found
