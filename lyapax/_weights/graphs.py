"""Graphs: an edge i -> j with weight w is W[j, i] = w, since row j has the inputs of unit j."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from ..systems.matrices import Matrix
from .found import Found, optional

COMMENTS = "#", "%"


def of_graph(graph: Any) -> Found:
    """NetworkX's, directed or not; edges without a weight count 1, several of a pair add up."""
    networkx = optional("networkx", "a graph")
    if not len(graph):
        raise ValueError("it has no nodes")
    try:
        found = networkx.to_scipy_sparse_array(graph, weight="weight", dtype=float, format="csr")
    except (TypeError, ValueError) as error:
        raise ValueError(f"its weights are no numbers: {error!s:.80}") from None
    return Found(found.T.tocsr(), turned=True)


def graphml(path: Path, key: str | None) -> Found:
    del key
    networkx = optional("networkx", path.suffix)
    read = networkx.read_graphml if path.suffix.lower() == ".graphml" else networkx.read_gml
    try:
        return of_graph(read(path))
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"it is no {path.suffix} file: {error!s:.80}") from None


def edges(path: Path, key: str | None) -> Found:
    """Lines `source target` or `source target weight`, by any delimiter."""
    del key
    rows = []
    for line in path.read_text("utf-8-sig").splitlines():
        if line.strip() and not line.lstrip().startswith(COMMENTS):
            rows.append(split(line.partition("{")[0]))
    return of_edges(rows, path.name)


def split(line: str) -> list[str]:
    for delimiter in ("\t", ";", ","):
        if delimiter in line:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    return line.split()


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def counted_first(name: str) -> tuple[int, int, str]:
    """10 after 9, and numbers before other names."""
    return (0, int(name), "") if name.isdecimal() else (1, 0, name)


def of_edges(rows: list[list[str]], name: str) -> Found:
    notes = []
    if rows and len(rows[0]) > 2 and not is_number(rows[0][2]):
        notes.append(f"{name}: first row read as names of the columns")
        rows = rows[1:]
    if not rows:
        raise ValueError("it is empty")
    for number, row in enumerate(rows, 1):
        if len(row) < 2 or (len(row) > 2 and not is_number(row[2])):
            said = " ".join(row)
            raise ValueError(f"edge {number} must be source, target and weight, got {said!r:.60}")
    ends = [cell for row in rows for cell in row[:2]]
    units = sorted(set(ends), key=counted_first)
    place = {unit: i for i, unit in enumerate(units)}
    weights = [float(row[2]) if len(row) > 2 else 1.0 for row in rows]
    sources = [place[row[0]] for row in rows]
    targets = [place[row[1]] for row in rows]
    matrix: Matrix = scipy.sparse.coo_array(
        (np.array(weights), (targets, sources)), shape=(len(units), len(units))
    ).tocsr()
    return Found(matrix, notes, turned=True)
