"""Graphs: an edge i -> j with weight w is W[j, i] = w, since row j has the inputs of unit j."""

import ast
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from ..systems.matrices import Matrix
from .cells import cells, delimiter_of, number, pointed, text_lines
from .found import Found, optional

# Names of columns, lower case.
SOURCES = "source", "from", "pre", "presynaptic", "i", "src"
TARGETS = "target", "to", "post", "postsynaptic", "j", "dst", "tgt"
WEIGHTS = "weight", "w", "value", "strength", "synapses", "count", "weights"
KINDS = ("type",)


def of_graph(graph: Any) -> Found:
    """NetworkX's, directed or not; edges without a weight count 1, several of a pair add up."""
    networkx = optional("networkx", "a graph")
    if not len(graph):
        raise ValueError("it has no nodes")
    notes = []
    names = {str(name) for *_, data in graph.edges(data=True) for name in data}
    if "weight" not in names and names:
        notes.append(f"edges have {', '.join(sorted(names))}, and no weight: each counts 1")
    try:
        found = networkx.to_scipy_sparse_array(graph, weight="weight", dtype=float, format="csr")
    except (TypeError, ValueError) as error:
        raise ValueError(f"its weights are no numbers: {error!s:.80}") from None
    return Found(found.T.tocsr(), notes, turned=True)


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
    rows, mark = [], None
    for line in text_lines(path):
        plain, brace, attributes = line.partition("{")
        mark = delimiter_of(plain, "\t;,")
        row = cells(plain, mark)
        if brace:  # as NetworkX writes them
            row += weight_of(brace + attributes)
        rows.append(row)
    return of_edges(rows, path.name, mark)


def weight_of(attributes: str) -> list[str]:
    try:
        found = ast.literal_eval(attributes.strip())
    except (ValueError, SyntaxError):
        raise ValueError(f"attributes of an edge must be a dict, got {attributes!r:.60}") from None
    if not found:
        return []
    if "weight" not in found:
        raise ValueError(f"edges have {', '.join(map(str, found))}, and no weight")
    return [str(found["weight"])]


def columns_of(header: list[str]) -> tuple[int, int, int | None, int | None] | None:
    """Places of source, target, weight and kind, where a header names the first two."""
    names = [cell.lower() for cell in header]

    def place(known: tuple[str, ...]) -> int | None:
        return next((i for i, name in enumerate(names) if name in known), None)

    source, target, weight, kind = map(place, (SOURCES, TARGETS, WEIGHTS, KINDS))
    if source is None or target is None:
        return None
    if weight is None and kind is None and len(names) == 3:
        if names[source] == "i":  # i, j, k may be names of three units
            return None
        weight = 3 - source - target
    return source, target, weight, kind


def of_edges(rows: list[list[str]], name: str, delimiter: str | None) -> Found:
    notes = []
    columns = columns_of(rows[0]) if rows else None
    if columns is not None or (rows and rows[0][2:] and not number(pointed(rows[0][2], delimiter))):
        notes.append(f"{name}: first row read as names of the columns")
        rows = rows[1:]
    if columns is not None:
        rows = [ordered(row, columns) for row in rows]
    if not rows:
        raise ValueError("it is empty")
    for edge, row in enumerate(rows, 1):
        if len(row) < 2 or (len(row) > 2 and not number(pointed(row[2], delimiter))):
            said = " ".join(row)
            raise ValueError(f"edge {edge} must be source, target and weight, got {said!r:.60}")
    weights = [float(pointed(row[2], delimiter)) if len(row) > 2 else 1.0 for row in rows]
    ends = [row[:2] for row in rows]
    if all(number(cell) for pair in ends for cell in pair):  # 3, 3.0 and 3.0e0 are one unit
        ends = [[f"{float(cell):.17g}" for cell in pair] for pair in ends]
    for pair, weight, row in zip(list(ends), list(weights), rows, strict=True):
        if row[3:4] == ["undirected"] and pair[0] != pair[1]:
            ends.append(pair[::-1])
            weights.append(weight)
    units = sorted({cell for pair in ends for cell in pair}, key=counted_first)
    place = {unit: i for i, unit in enumerate(units)}
    sources, targets = zip(*([place[cell] for cell in pair] for pair in ends), strict=True)
    matrix: Matrix = scipy.sparse.coo_array(
        (np.array(weights), (targets, sources)), shape=(len(units), len(units))
    ).tocsr()
    return Found(matrix, notes, turned=True)


def ordered(row: list[str], columns: tuple[int, int, int | None, int | None]) -> list[str]:
    """Source, target, weight and, where it is said, the kind of an edge."""
    source, target, weight, kind = columns
    if len(row) <= max(i for i in columns if i is not None):
        return row[:1]  # too short, which is said later
    found = [row[source], row[target], "1" if weight is None else row[weight]]
    return found if kind is None else [*found, row[kind].lower()]


def counted_first(name: str) -> tuple[int, float, str]:
    """10 after 9, and numbers before other names."""
    return (0, float(name), "") if number(name) else (1, 0.0, name)
