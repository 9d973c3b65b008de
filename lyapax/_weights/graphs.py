"""Graphs of NetworkX: an edge i -> j with weight w is W[j, i] = w, row j has the inputs of j."""

import numbers
import re
from pathlib import Path
from typing import Any

from .cells import bytes_of
from .edges import BESIDES, WEIGHTS, plain
from .found import Found, optional


def of_graph(graph: Any, key: str | None = None, where: str = "name it weight") -> Found:
    """NetworkX's, directed or not; several edges of a pair add up.

    key: the attribute that is the weight; else one by its name, or the only one that is a number.
    Edges count 1 where no attribute is a number. where: how to say which.
    """
    networkx = optional("networkx", "a graph")
    if not len(graph):
        raise ValueError("it has no nodes")
    kinds: dict[str, bool] = {}  # whether an attribute is a number on all edges that have it
    for *_, data in graph.edges(data=True):
        for name, value in data.items():
            is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            kinds[name] = kinds.get(name, True) and is_number
    name, notes = attribute(kinds, key, where)
    without = sum(name not in data for *_, data in graph.edges(data=True))
    if name is not None and without:
        notes.append(f"{without:,} edges have no {name}, and count 1")
    try:
        found = networkx.to_scipy_sparse_array(graph, weight=name, dtype=float, format="csr")
    except (TypeError, ValueError) as error:
        raise ValueError(f"its weights are no numbers: {error!s:.80}") from None
    return Found(found.T.tocsr(), notes, turned=True)


def attribute(kinds: dict[str, bool], key: str | None, where: str) -> tuple[str | None, list[str]]:
    """The attribute of edges that is their weight, and what to say of it."""
    if key is not None:
        if key not in kinds:
            known = ", ".join(map(str, kinds))
            raise ValueError(f"edges have no {key!r}, but {known or 'nothing'}")
        return key, []
    named = [name for known in WEIGHTS for name in kinds if plain(str(name)) == known]
    if named:
        return named[0], [] if named[0] == "weight" else [f"weights are {named[0]}"]
    numeric = [n for n, is_number in kinds.items() if is_number and plain(str(n)) not in BESIDES]
    if len(numeric) > 1:
        raise ValueError(f"which is the weight of an edge, {', '.join(numeric)}? {where}")
    if numeric:
        return numeric[0], [f"weights are {numeric[0]}"]
    if kinds:
        return None, [f"edges have {', '.join(map(str, kinds))}, and no weight: each counts 1"]
    return None, []


def graphml(path: Path, key: str | None) -> Found:
    networkx = optional("networkx", path.suffix)
    is_gml = path.name.lower().removesuffix(".gz").endswith(".gml")
    try:
        graph = gml(networkx, path) if is_gml else networkx.read_graphml(path)
        return of_graph(graph, key, "say which after a colon, FILE:NAME")
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"it is no {path.suffix} file: {error!s:.80}") from None


def gml(networkx: Any, path: Path) -> Any:
    """A graph, though NetworkX refuses the dialect: of Newman's files and of igraph's."""
    text, label = bytes_of(path).decode("utf-8-sig"), "label"
    for _ in range(4):
        try:
            return networkx.parse_gml(text, label=label)
        except networkx.NetworkXError as error:
            said = str(error)
            if "duplicated" in said and "multigraph 1" not in text:  # parallel edges
                text = re.sub(r"\bgraph\s*\[", "graph [ multigraph 1", text, count=1)
            elif "label" in said and label == "label":
                label = "id"
            elif re.search(r"'-?(nan|inf)", said):
                text = re.sub(r"(?m)^(\s*\w+\s+)(-?(?:nan|inf))\s*$", r'\1"\2"', text)
            else:
                raise
    raise ValueError("it is no .gml file that NetworkX can read")
