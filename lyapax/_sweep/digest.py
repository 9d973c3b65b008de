"""A hash of what a system is made of, by which a store knows its sweep again."""

import hashlib
import sys
from collections.abc import Mapping
from functools import cached_property, partial
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import scipy.sparse

from ..kernels.codegen import Graph
from ..kernels.stored import described

DEEPEST = 8  # objects within objects, functions that call functions
OURS = __name__.partition(".")[0]
ELSEWHERE = ("home",)  # attributes that say where arrays came from, not what they are


def digest(thing: object) -> str:
    """Of a system its expressions and arrays; of a function its code and all that it refers to.

    Functions of installed packages count by their names: their versions are not looked at.
    """
    found = _Digest()
    found.add(thing, DEEPEST)
    return found.hash.hexdigest()


class _Digest:
    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.seen: set[int] = set()  # functions, which may call each other in circles

    def write(self, kind: str, content: bytes = b"") -> None:
        """With kind and length, so that neighbours cannot be divided otherwise."""
        self.hash.update(f"{kind} {len(content)}:".encode() + content)

    def add(self, value: Any, depth: int) -> None:
        if not depth:
            return
        if isinstance(value, np.ndarray):
            content = np.ascontiguousarray(value).tobytes()
            self.write(f"array {value.dtype} {value.shape}", content)
        elif scipy.sparse.issparse(value):
            self.write(f"sparse {value.shape}")
            value = value.tocsr()
            for part in (value.indptr, value.indices, value.data):
                self.add(np.asarray(part), depth)
        elif isinstance(value, Graph):
            self.write("graph", described(value).encode())
        elif isinstance(value, str | bytes | int | float | complex | np.generic | type(None)):
            self.write(type(value).__name__, repr(value).encode())
        elif isinstance(value, Mapping):
            self.write(f"mapping {len(value)}")
            for key in sorted(value, key=str):
                self.write("key", str(key).encode())
                self.add(value[key], depth)
        elif isinstance(value, list | tuple):
            self.write(f"sequence {len(value)}")
            for item in value:
                self.add(item, depth)
        elif isinstance(value, set | frozenset):
            self.add(sorted(map(repr, value)), depth)
        elif isinstance(value, partial):
            self.add([value.func, value.args, value.keywords], depth)
        elif isinstance(value, MethodType):
            self.add([value.__func__, value.__self__], depth)
        elif isinstance(value, CodeType):
            self.code(value, depth)
        elif isinstance(value, FunctionType):
            self.function(value, depth)
        elif isinstance(value, ModuleType | type) or not hasattr(value, "__dict__"):
            self.write("named", f"{getattr(value, '__name__', type(value).__name__)}".encode())
        else:
            kind = type(value)
            # What is there only because someone has asked for it.
            own = {
                n: v
                for n, v in vars(value).items()
                if n not in ELSEWHERE and not is_cached(kind, n)
            }
            self.write(f"object {kind.__qualname__}")
            self.add(own, depth - 1)

    def code(self, code: CodeType, depth: int) -> None:
        """Functions within functions are among the constants."""
        self.write("code", code.co_code)
        self.add([code.co_names, code.co_varnames, code.co_freevars, code.co_consts], depth)

    def function(self, function: FunctionType, depth: int) -> None:
        """With the functions and the data that it refers to by name, such as a script's matrix."""
        if is_installed(function):
            self.write("installed", f"{function.__module__}.{function.__qualname__}".encode())
            return
        self.write("function")
        if id(function) in self.seen:
            return
        self.seen.add(id(function))
        self.code(function.__code__, depth)
        cells = [cell.cell_contents for cell in function.__closure__ or () if not is_empty(cell)]
        self.add([function.__defaults__, function.__kwdefaults__, cells], depth - 1)
        known = function.__globals__
        self.add({n: known[n] for n in sorted(names(function.__code__)) if n in known}, depth - 1)


def names(code: CodeType) -> set[str]:
    """Names that code refers to, and the code within it."""
    inner = (names(c) for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*inner)


def is_cached(kind: type, name: str) -> bool:
    """Whether an attribute is that of a `cached_property`."""
    return isinstance(getattr(kind, name, None), cached_property)


def is_empty(cell: CellType) -> bool:
    """Whether a variable of an outer function has no value yet."""
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return True
    return False


def is_installed(function: FunctionType) -> bool:
    """Whether a function belongs to an installed package, and not to somebody's script."""
    package = str(function.__module__).partition(".")[0]
    path = function.__code__.co_filename
    installed = "site-packages" in path or "dist-packages" in path
    return installed or package in (OURS, *sys.stdlib_module_names)
