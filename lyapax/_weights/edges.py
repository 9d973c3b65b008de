"""Lists of edges in text: an edge i -> j with weight w is W[j, i] = w."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse

from ..systems.matrices import Matrix
from .cells import Text, cells, delimiter_of, number, pointed, text_of
from .found import Found

# Names of columns, in lower case and without marks: pre_pt_root_id is preptrootid.
SOURCES = (
    "source", "sourceid", "src", "from", "fromid", "fromnode", "fromnodeid", "pre", "preid",
    "prerootid", "preptrootid", "bodyidpre", "presynaptic", "i", "origin",
)  # fmt: skip
TARGETS = (
    "target", "targetid", "tgt", "dst", "to", "toid", "tonode", "tonodeid", "post", "postid",
    "postrootid", "postptrootid", "bodyidpost", "postsynaptic", "j",
)  # fmt: skip
WEIGHTS = (
    "weight", "w", "value", "strength", "synapses", "count", "weights", "syncount", "nsyn",
    "synapsecount", "nsynapses", "numberofsynapses", "numberofconnections", "connectivity",
    "edgeweight",
)  # fmt: skip
KINDS = ("type",)
BESIDES = "id", "edgeid", "label", "timeset", "interval", "key", "color", "time", "timestamp"
INDEX = "", "unnamed0"  # of a DataFrame that was written with its index
BY_NAME = "let a first line name its columns source, target and weight"


class Columns(NamedTuple):
    """Places of columns."""

    source: int
    target: int
    weight: int | None = None  # None: each edge counts 1
    kind: int | None = None


def plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def columns_of(header: list[str], row: list[str] | None = None) -> Columns | None:
    """The columns that a header names; `row` is one of the data below it.

    None where it does not name source and target. A single column of numbers besides is the weight.
    """
    names = [plain(name) for name in header]

    def place(known: tuple[str, ...]) -> int | None:
        return next((names.index(name) for name in known if name in names), None)

    source, target, weight, kind = map(place, (SOURCES, TARGETS, WEIGHTS, KINDS))
    if source is None and target is not None and "neuron" in names:
        source = names.index("neuron")
    if source is None or target is None:
        return None
    if names[source] == "i" and weight is None and len(names) == 3:
        return None  # i, j, k may be names of three units
    others = [
        i
        for i, name in enumerate(names)
        if i not in (source, target, kind) and name not in (*BESIDES, *INDEX)
    ]
    if weight is None and others and row is not None:
        numeric = [i for i in others if i < len(row) and number(row[i])]
        if len(others) > 1 or (numeric != others and kind is None):
            raise ValueError(
                f"which of its columns {', '.join(header)} is the weight of an edge? {BY_NAME}"
            )
        weight = numeric[0] if numeric else None
    return Columns(source, target, weight, kind)


def named_above(text: Text, width: int, delimiter: str | None) -> list[str] | None:
    """Names of columns in the last comment above the data, as ``# source, target, weight``."""
    if not text.above:
        return None
    line = text.above[-1].lstrip(" #%")
    row = cells(line, delimiter if delimiter and delimiter in line else None)
    return row if len(row) == width and columns_of(row) else None


def edges(path: Path, key: str | None) -> Found:
    """Lines `source target` or `source target weight`, by any delimiter."""
    del key
    return edges_of_text(text_of(path), path.name)


def edges_of_text(text: Text, name: str) -> Found:
    rows, mark = [], None
    for line in text.lines:
        before, brace, attributes = line.partition("{")
        # Blanks part cells too, and stand beside tabs: `1<tab>2 1 1138211184`.
        mark = delimiter_of(before, ",;|")
        row = cells(before, mark)
        if brace:  # as NetworkX writes them
            row += weight_of(brace + attributes)
        rows.append(row)
    both = konect(text)
    above = named_above(text, len(rows[0]), mark) if rows else None
    return of_edges([above, *rows] if above else rows, name, mark, both_ways=both)


def konect(text: Text) -> bool:
    """Whether the comment above a file of KONECT says that edges go both ways."""
    words = text.above[0].lstrip("% ").split() if text.above else []
    if text.above and text.above[0].startswith("%") and words[:1] == ["bip"]:
        raise ValueError("it is bipartite: two kinds of nodes, and no network of one")
    return bool(text.above) and text.above[0].startswith("%") and words[:1] == ["sym"]


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


def of_edges(
    rows: list[list[str]], name: str, delimiter: str | None, both_ways: bool = False
) -> Found:
    notes = ["undirected, so each edge goes both ways"] if both_ways else []
    columns = columns_of(rows[0], rows[1] if len(rows) > 1 else None) if rows else None
    if columns is not None:
        notes.append("first row read as names of the columns")
    elif rows and titled(rows, delimiter):
        if any(map(plain, rows[0][3:])) or (rows[0] and plain(rows[0][0]) in INDEX):
            raise ValueError(f"it has the columns {', '.join(rows[0])}: {BY_NAME}")
        notes.append(f"first row read as names of the columns: {' -> '.join(rows[0][:2])}")
        columns = Columns(0, 1, 2 if rows[0][2:] else None)
    if columns is not None:
        rows = [ordered(row, columns) for row in rows[1:]]
    if not rows:
        raise ValueError("it is empty")
    for edge, row in enumerate(rows, 1):
        if len(row) < 2 or (len(row) > 2 and not number(pointed(row[2], delimiter))):
            said = " ".join(row)
            raise ValueError(f"edge {edge} must be source, target and weight, got {said!r:.60}")
    weights = [float(pointed(row[2], delimiter)) if len(row) > 2 else 1.0 for row in rows]
    ends = [row[:2] for row in rows]
    if all(number(cell) for pair in ends for cell in pair):
        ends = [[same(cell) for cell in pair] for pair in ends]
    for pair, weight, row in zip(list(ends), list(weights), rows, strict=True):
        if (both_ways or row[3:4] == ["undirected"]) and pair[0] != pair[1]:
            ends.append(pair[::-1])
            weights.append(weight)
    units = sorted({cell for pair in ends for cell in pair}, key=counted_first)
    place = {unit: i for i, unit in enumerate(units)}
    sources, targets = zip(*([place[cell] for cell in pair] for pair in ends), strict=True)
    matrix: Matrix = scipy.sparse.coo_array(
        (np.array(weights), (targets, sources)), shape=(len(units), len(units))
    ).tocsr()
    return Found(matrix, [f"{name}: {note}" for note in notes], turned=True)


def titled(rows: list[list[str]], delimiter: str | None) -> bool:
    """Whether the first row has words where others have numbers."""
    first = [number(pointed(cell, delimiter)) for cell in rows[0]]
    if len(first) > 2 and not first[2]:
        return True
    others = rows[1:4]
    return (
        not any(first[:2])
        and bool(others)
        and all(number(cell) for row in others for cell in row[:2])
    )


def ordered(row: list[str], columns: Columns) -> list[str]:
    """Source, target, weight and, where it is said, the kind of an edge."""
    source, target, weight, kind = columns
    if len(row) <= max(i for i in columns if i is not None):
        return row[:1]  # too short, which is said later
    found = [row[source], row[target], "1" if weight is None else row[weight]]
    return found if kind is None else [*found, row[kind].lower()]


def same(cell: str) -> str:
    """3, 3.0 and 3e0 are one unit; 720575940596125868 and ...870 are two, and one float64."""
    if re.fullmatch(r"[+-]?\d+", cell):
        return str(int(cell))
    value = float(cell)
    return str(int(value)) if value.is_integer() else f"{value:.17g}"


def counted_first(name: str) -> tuple[int, float, str]:
    """10 after 9, and numbers before other names."""
    if re.fullmatch(r"[+-]?\d+", name):
        return 0, int(name), name
    return (0, float(name), name) if number(name) else (1, 0.0, name)
