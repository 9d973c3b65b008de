"""What takes SymPy long, on disk by what an expression graph says: a second process reads it.

Differentiating and sharing subexpressions of 900 sines takes 5 s, reading the result 10 ms.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable
from typing import Any

import sympy

from .codegen import Graph
from .expressions import parts_of
from .generated import folder, write
from .stamp import STAMP


def stored(what: str, graph: Graph, make: Callable[[], Any]) -> Any:
    """What `make` returns for a graph, which JSON can hold; made once and read from then on."""
    key = "\n".join([what, STAMP, sympy.__version__, described(graph)])
    path = folder() / f"{what}_{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_text())
    made = make()
    with contextlib.suppress(OSError):  # a disk that is full
        write(path, json.dumps(made))
    return made


def described(graph: Graph) -> str:
    """A graph as text, in which a shared part of an expression comes once."""
    lines, places = _parts(graph)
    outputs = [places[e] for e in graph.outputs]
    entries = [f"{at} {places[e]}" for at, e in graph.entries or ()]
    names = [s.name for s in (*graph.state, graph.time, *graph.params, *graph.noise)]
    known = graph.entries is not None
    return "\n".join([*lines, f"{len(graph.state)} {known} {names} {outputs} {entries}"])


def operations(graph: Graph) -> int:
    """Operations of an evaluation, each part that is shared counted once."""
    return sum(bool(e.args) for e in parts_of(*_expressions(graph)))


def _expressions(graph: Graph) -> list[sympy.Basic]:
    return [*graph.outputs, *(entry for _, entry in graph.entries or ())]


def _parts(graph: Graph) -> tuple[list[str], dict[sympy.Basic, str]]:
    """Every part of the expressions: a line each, and what it is called in others."""
    lines: list[str] = []
    places: dict[sympy.Basic, str] = {}
    for e in parts_of(*_expressions(graph)):
        if e.args:
            lines.append(f"{type(e).__name__}({', '.join([places[a] for a in e.args])})")
        else:
            lines.append(sympy.srepr(e))
        places[e] = f"e{len(places)}"
    return lines, places
