"""Weight matrices from files."""

import csv
from pathlib import Path

import numpy as np

from ._check import Array
from .systems.matrices import Matrix

SUFFIXES = (".npy", ".npz", ".csv", ".mtx")


def read_weights(path: Path, labels: bool | None = None) -> tuple[Matrix, str]:
    """A matrix, and what to tell people about how it was read; `labels` as in `read_csv`."""
    import scipy.io
    import scipy.sparse

    if path.suffix not in SUFFIXES:
        raise ValueError(f"WEIGHTS must be {', '.join(SUFFIXES)}, got {path.name}")
    if labels is not None and path.suffix != ".csv":
        raise ValueError(f"--labels is for .csv files, got {path.name}")
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False), ""
        if path.suffix == ".csv":
            return read_csv(path, labels)
        if path.suffix == ".mtx":
            return scipy.io.mmread(path), ""
        with np.load(path, allow_pickle=False) as file:
            names = list(file)
            if "format" not in names:
                if len(names) != 1:
                    raise ValueError(f"it holds {len(names)} arrays, expected one")
                return file[names[0]], ""
        return scipy.sparse.load_npz(path), ""
    except (ValueError, OSError, EOFError, KeyError) as error:
        raise ValueError(f"WEIGHTS {path} cannot be read: {error}") from error


def read_csv(path: Path, labels: bool | None) -> tuple[Array, str]:
    """A square matrix, with or without names of the units above and beside it.

    The table's shape says where labels can be: as many rows as columns, on both sides or nowhere.
    There, labels that are numbers cannot be told from weights, and `labels` must say which.
    """
    lines = [
        line
        for line in path.read_text("utf-8-sig").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise ValueError("it is empty")
    top, width = cells(lines[0]), len(cells(lines[-1]))
    if len(top) == width - 1:
        top = ["", *top]  # as R writes it: nothing in the corner
    left = [
        cells(line)[0] if line.lstrip().startswith('"') else line.partition(",")[0]
        for line in lines
    ]
    left = [cell.strip() for cell in left]
    above, beside = len(lines) >= width, len(lines) <= width
    if labels is None:
        labels = labelled(top, left, above, beside)
    if not labels or abs(len(lines) - width) > 1:
        return np.loadtxt(lines, delimiter=",", ndmin=2, quotechar='"'), ""
    names = top[1:], left[1:]
    if above and beside and names[0] != names[1] and not any(map(counted, names)):
        raise ValueError("the labels of its rows and of its columns differ")
    matrix = np.loadtxt(
        lines[above:], delimiter=",", ndmin=2, quotechar='"', usecols=range(beside, width)
    )
    sides = ["first row"] * above + ["first column"] * beside
    return matrix, f"{path.name}: {' and '.join(sides)} read as labels"


def labelled(top: list[str], left: list[str], above: bool, beside: bool) -> bool:
    """Whether the first row, the first column or both are labels, where the shape allows it."""
    if above != beside:
        border = top if above else left
        return counted(border) or not all(map(number, border))
    if not all(map(number, [*top, *left])):
        return True
    if len(top) > 2 and counted(top[1:]) and counted(left[1:]):
        raise ValueError(
            f"its first row and column count {top[1]}, {top[2]}, ...: say --labels if these are "
            "names of the units, --no-labels if they are weights"
        )
    return False


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True))]


def number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def counted(cells: list[str]) -> bool:
    """0, 1, 2, ... or 1, 2, 3, ..."""
    if not all(map(number, cells)):
        return False
    values = np.array(cells, float)
    return values[0] in (0.0, 1.0) and bool((np.diff(values) == 1).all())
