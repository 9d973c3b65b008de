"""A hash of what a system is made of, by which a store knows its sweep again."""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse

from ..kernels.codegen import Graph
from ..kernels.stored import described

CACHED = ("jumps", "turns", "home")  # attributes that are there only once someone asked for them


def digest(thing: Any) -> str:
    """Of a system its expressions and arrays; of a function its code and the data it refers to."""
    found = hashlib.sha256()
    _add(found, thing, 1)
    return found.hexdigest()


def _add(found: Any, value: Any, depth: int) -> None:
    if isinstance(value, np.ndarray):
        found.update(f"{value.dtype}{value.shape}".encode())
        found.update(np.ascontiguousarray(value).tobytes())
    elif scipy.sparse.issparse(value):
        for part in (value.indptr, value.indices, value.data):
            _add(found, np.asarray(part), depth)
    elif isinstance(value, Graph):
        found.update(described(value).encode())
    elif isinstance(value, str | int | float | bool | type(None)):
        found.update(repr(value).encode())
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            found.update(str(key).encode())
            _add(found, value[key], depth)
    elif isinstance(value, list | tuple):
        for item in value:
            _add(found, item, depth)
    elif isinstance(value, partial):
        _add(found, [value.func, value.args, value.keywords], depth)
    elif hasattr(value, "__code__"):
        _add_function(found, value, depth)
    elif depth:
        attributes = {n: v for n, v in getattr(value, "__dict__", {}).items() if n not in CACHED}
        _add(found, attributes, depth - 1)


def _add_function(found: Any, function: Any, depth: int) -> None:
    code = function.__code__
    found.update(code.co_code + repr(code.co_names).encode())
    _add(found, [c for c in code.co_consts if not hasattr(c, "co_code")], depth)
    _add(found, function.__defaults__, depth)
    if depth:  # data that it refers to by name, such as a matrix of the script
        cells = function.__closure__ or ()
        _add(found, [cell.cell_contents for cell in cells], depth - 1)
        known = function.__globals__
        _add(found, [known[name] for name in code.co_names if _is_data(known.get(name))], 0)


def _is_data(value: Any) -> bool:
    return isinstance(value, np.ndarray | int | float | str) or scipy.sparse.issparse(value)
