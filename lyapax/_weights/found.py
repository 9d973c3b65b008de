"""What was read of a file or an object: a matrix, and what people should know of it."""

import importlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse

from .. import _memory
from .._distribution import hint
from ..systems.matrices import Matrix

EMPTY = 1000  # rows for each entry, and nobody means it
BYTES = 8  # of a number


@dataclass
class Found:
    matrix: Matrix
    notes: list[str] = field(default_factory=list)  # what was guessed
    turned: bool = False  # whether an edge i -> j of the source is W[j, i] here
    transposed: bool = False  # afterwards

    def told(self) -> str:
        """What it is, in a line."""
        n, connections = self.matrix.shape[-1], connections_of(self.matrix)
        if self.turned:
            way = f"edges i -> j are W[{'i, j' if self.transposed else 'j, i'}]"
        else:
            way = f"{'column' if self.transposed else 'row'} i: inputs of unit i"
        batch = f"{len(self.matrix):,} networks of " if self.matrix.ndim > 2 else ""
        return f"{batch}{n:,} units, {connections:,} connections, {way}"


def connections_of(matrix: Matrix) -> int:
    if scipy.sparse.issparse(matrix):
        return int(matrix.count_nonzero())
    return int(np.count_nonzero(matrix))


def fits(shape: tuple[int, ...], stored: int) -> None:
    """Refuse what a header claims before it is allocated; `stored` entries, or -1 for all."""
    if 0 <= stored < shape[0] / EMPTY:
        raise ValueError(f"it says that it has {shape[0]:,} rows, and has {stored:,} entries")
    needed = BYTES * float(np.prod([float(n) for n in shape]) if stored < 0 else shape[0] + stored)
    free = _memory.available()
    if needed > free:
        raise ValueError(
            f"it says that it holds {' x '.join(map(str, shape))} numbers: "
            f"{_memory.readable(needed)}, {_memory.readable(free)} are available"
        )


def optional(module: str, what: str) -> Any:
    """A package that only some files need."""
    try:
        return importlib.import_module(module)
    except ImportError:
        extra = hint("torch") if module == "torch" else hint("files")
        raise ValueError(f"{what} needs {module.partition('.')[0]}: {extra}") from None


def one_of(names: list[str], key: str | None, what: str, shapes: dict[str, Any]) -> str:
    """The name that is asked for, or the only one there is."""
    if key is not None:
        if key not in names:
            raise ValueError(f"it holds no {key!r}; {what}: {listed(names, shapes)}")
        return key
    square = [name for name in names if is_square(shapes.get(name))]
    if len(names) > 1:  # a number beside others is a parameter, and no network
        square = [name for name in square if shapes[name][-1] > 1]
    if len(square) == 1:
        return square[0]
    if not names:
        raise ValueError(f"it holds no {what}")
    if not square:
        raise ValueError(f"no square matrix is among its {what}: {listed(names, shapes)}")
    raise ValueError(f"say which after a colon, FILE:NAME, of its {what}: {listed(names, shapes)}")


def taken(name: str, names: list[str], key: str | None) -> list[str]:
    """What to say of the one that was taken of several, where none was asked for."""
    return [f"{name} is read, of {', '.join(names[:6])}"] if key is None and len(names) > 1 else []


def is_square(shape: Any) -> bool:
    return shape is not None and len(shape) >= 2 and shape[-1] == shape[-2]


def listed(names: list[str], shapes: dict[str, Any], most: int = 8) -> str:
    said = [f"{name} {tuple(shapes[name])}" if name in shapes else name for name in names[:most]]
    return ", ".join(said) + (f" and {len(names) - most} more" if len(names) > most else "")
