"""Lists of edges in text: an edge i -> j with weight w is W[j, i] = w."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from ..systems.matrices import Matrix
from .cells import COMMAS, Text, cells, delimiter_of, number, pointed, text_of
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
# Others of the kind: pre_neuron, source_node, dst_id.
OF = r"(?:[^a-z].*|syn\w*|id|node|neuron|cell|unit)?"
LIKE_SOURCE = re.compile(r"(?:pre|source|src|from|origin)" + OF)
LIKE_TARGET = re.compile(r"(?:post|target|tgt|dst|dest|to)" + OF)
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

    def place(known: tuple[str, ...], like: re.Pattern[str] | None = None) -> int | None:
        found = next((names.index(name) for name in known if name in names), None)
        if found is None and like:
            similar = [i for i, name in enumerate(header) if like.fullmatch(name.lower())]
            found = similar[0] if len(similar) == 1 else None
        return found

    source, target = place(SOURCES, LIKE_SOURCE), place(TARGETS, LIKE_TARGET)
    weight, kind = place(WEIGHTS), place(KINDS)
    if source is None and target is not None and "neuron" in names:
        source = names.index("neuron")
    if source is None or target is None:
        return None
    if names[source] == "i" and weight is None and len(names) == 3:
        return None  # i, j, k may be names of three units
    others = unknown(header, Columns(source, target, weight, kind))
    if weight is None and others and row is not None:
        numeric = [i for i in others if i < len(row) and number(row[i])]
        if len(others) > 1 or (numeric != others and kind is None):
            raise ValueError(
                f"which of its columns {', '.join(header)} is the weight of an edge? {BY_NAME}; if "
                "they are names of units, say --labels"
            )
        weight = numeric[0] if numeric else None
    return Columns(source, target, weight, kind)


def unknown(header: list[str], columns: Columns) -> list[int]:
    """Places of names that are of no known use."""
    return [
        i
        for i, name in enumerate(map(plain, header))
        if i not in columns and name not in (*BESIDES, *INDEX, *WEIGHTS)
    ]


def named_above(above: list[str], width: int, delimiter: str | None) -> list[str] | None:
    """Names of columns in the last comment above the data, as ``# source, target, weight``."""
    if not above:
        return None
    line = above[-1].lstrip(" #%")
    row = cells(line, delimiter if delimiter and delimiter in line else None)
    return row if len(row) == width and columns_of(row) else None


def edges(path: Path, key: str | None) -> Found:
    """Lines `source target` or `source target weight`, by any delimiter."""
    del key
    return edges_of_text(text_of(path), path.name)


def edges_of_text(text: Text, name: str) -> Found:
    # Blanks part cells too, and stand beside tabs: `1<tab>2 1 1138211184`.
    before = [line.partition("{")[0] for line in text.lines]
    mark = delimiter_of(before, (",", ";", "|"))
    rows = [cells(line, mark) for line in before]
    for row, line in zip(rows, text.lines, strict=True):
        _, brace, attributes = line.partition("{")
        if brace:  # as NetworkX writes them
            row += weight_of(brace + attributes)
    if not rows:
        raise ValueError("it is empty")
    return of_edges(rows, name, mark, text.above)


def goes_both_ways(above: list[str]) -> bool:
    """Whether comments above the edges, KONECT's or SNAP's, say that they are undirected."""
    words = above[0].lstrip("% ").split() if above and above[0].startswith("%") else []
    if words[:1] == ["bip"]:
        raise ValueError("it is bipartite: two kinds of nodes, and no network of one")
    snap = any(re.match(r"#\s*undirected graph\b", line, re.IGNORECASE) for line in above)
    return words[:1] == ["sym"] or snap


def weight_of(attributes: str) -> list[str]:
    try:
        # NumPy 2 writes np.float64(3.0) where it wrote 3.0.
        found = ast.literal_eval(re.sub(r"\bnp\.\w+\(([^()]*)\)", r"\1", attributes.strip()))
    except (ValueError, SyntaxError):
        raise ValueError(f"attributes of an edge must be a dict, got {attributes!r:.60}") from None
    if not found:
        return []
    if "weight" not in found:
        raise ValueError(f"edges have {', '.join(map(str, found))}, and no weight")
    return [str(found["weight"])]


def of_edges(
    rows: list[list[str]], name: str, delimiter: str | None, above: list[str] | None = None
) -> Found:
    """A matrix of edges; the first row may name the columns, or the last comment `above` them."""
    notes = []
    both_ways = goes_both_ways(above or [])
    titles = named_above(above or [], len(rows[0]), delimiter)
    below = rows if titles else rows[1:]
    columns = columns_of(titles or rows[0], below[0] if below else None)
    if columns is None and titled(rows, delimiter):
        columns = by_place(rows[0])
    if columns is not None:
        header = titles or rows[0]
        weight = "each counts 1" if columns.weight is None else f"weight {header[columns.weight]}"
        where = "comment" if titles else "first row"
        said = f"{header[columns.source]} -> {header[columns.target]}, {weight}"
        notes.append(f"{where} read as names of the columns: {said}")
        rows = [ordered(row, columns) for row in below]
    if not rows:
        raise ValueError("it is empty")
    commas = False
    place: dict[str, int] = {}
    sources, targets, weights = [], [], []
    for edge, row in enumerate(rows, 1):
        value = pointed(row[2], delimiter) if len(row) > 2 else "1"
        if len(row) < 2 or "" in row[:2] or not number(value):
            said = " ".join(row)
            raise ValueError(f"edge {edge} must be source, target and weight, got {said!r:.60}")
        commas = commas or (len(row) > 2 and value != row[2])
        ends = [place.setdefault(cell, len(place)) for cell in row[:2]]
        both = both_ways or (columns is not None and row[3:4] == ["undirected"])
        ways = [ends, ends[::-1]] if both and ends[0] != ends[1] else [ends]
        for source, target in ways:
            sources.append(source)
            targets.append(target)
            weights.append(float(value))
    if len(weights) > len(rows):
        notes.append(f"{len(weights) - len(rows):,} edges are undirected, and go both ways")
    if commas:
        notes.append(COMMAS)
    n, order = sorted_places(list(place))
    matrix: Matrix = scipy.sparse.coo_array(
        (np.array(weights), (order[targets], order[sources])), shape=(n, n)
    ).tocsr()
    return Found(matrix, [f"{name}: {note}" for note in notes], turned=True)


def sorted_places(names: list[str]) -> tuple[int, NDArray[np.int64]]:
    """How many units there are, and the place of each name among them, sorted.

    Of numbers 3, 3.0 and 3e0 are one unit.
    """
    numeric = all(map(number, names))
    units = [same(name) for name in names] if numeric else names
    place = {unit: i for i, unit in enumerate(sorted(set(units), key=counted_first))}
    return len(place), np.array([place[unit] for unit in units])


def by_place(header: list[str]) -> Columns:
    """Columns whose names say nothing: source, target and weight in this order."""
    names = list(map(plain, header))
    if any(names[3:]) or names[0] in INDEX or {*names[:2]} & {*WEIGHTS}:
        raise ValueError(f"it has the columns {', '.join(header)}: {BY_NAME}")
    return Columns(0, 1, 2 if header[2:] else None)


def titled(rows: list[list[str]], delimiter: str | None) -> bool:
    """Whether the first row has words where others have numbers, and names no unit of theirs."""
    first = [number(pointed(cell, delimiter)) for cell in rows[0]]
    below = rows[1:]
    if not below or any(cell in row[:2] for row in below for cell in rows[0][:2]):
        return False
    if len(first) > 2:
        return not first[2]
    return not any(first[:2]) and all(number(cell) for row in below[:3] for cell in row[:2])


def ordered(row: list[str], columns: Columns) -> list[str]:
    """Source, target, weight and, where it is said, the kind of an edge."""
    source, target, weight, kind = columns
    if len(row) <= max(i for i in columns if i is not None):
        return row[:1]  # too short, which is said later
    found = [row[source], row[target], "1" if weight is None else row[weight]]
    return found if kind is None else [*found, row[kind].lower()]


def same(cell: str) -> str:
    """720575940596125868 and ...870 are two, and one float64; 01 is a name."""
    whole = re.fullmatch(r"([+-]?(?:0|[1-9]\d*))(?:\.0*)?", cell)
    if whole:
        return str(int(whole[1]))
    if re.fullmatch(r"[+-]?0\d+", cell):
        return cell
    value = float(cell)
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else cell


def counted_first(name: str) -> tuple[int, float, str]:
    """10 after 9, and numbers before other names."""
    if re.fullmatch(r"[+-]?\d+", name):
        return 0, int(name), name
    return (0, float(name), name) if number(name) else (1, 0.0, name)
