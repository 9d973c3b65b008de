"""Noise in the state: which amplitudes it has, and whose random numbers each member draws."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from .._check import Array, real_array
from ..kernels.codegen import Graph
from .elementary import UntraceableError
from .signature import takes_time
from .trace import Parameters, traced
from .traced import Traceable, objects

Amplitudes = tuple[tuple[sympy.Expr, ...], ...]  # of each variable, by the numbers that it adds up


@dataclass(frozen=True)
class Noise:
    """Whose numbers members draw: those of a key, and of their own number unless it is `common`."""

    common: bool
    key: int = 0
    numbers: NDArray[np.int64] | None = None  # of the members, where they are not 0, 1, 2, ...

    def seeded(self, rng: np.random.Generator) -> "Noise":
        return replace(self, key=int(rng.integers(2**63)))

    def numbered(self, numbers: NDArray[np.int64]) -> "Noise":
        return replace(self, numbers=numbers)

    def keys(self, batch: int) -> NDArray[np.int64]:
        """(B, 2): the keys of members."""
        numbers = np.arange(batch) if self.numbers is None else np.asarray(self.numbers)
        own = np.zeros(batch, np.int64) if self.common else np.broadcast_to(numbers, batch)
        return np.stack([np.full(batch, self.key, np.int64), own.astype(np.int64)], axis=1)

    def beside(self, table: Array, drawn: int, batch: int) -> Array:
        """A table of parameters with the bits of the keys, and room for the numbers of a step."""
        keys = self.keys(batch).view(np.float64)
        parameters = np.broadcast_to(table, (batch, table.shape[1]))
        return np.ascontiguousarray(np.hstack([parameters, keys, np.zeros((batch, drawn))]))


def noise_param(noise: object, dim: int) -> tuple[Any, tuple[int, ...]] | None:
    """(value, its shape for one member) of amplitudes that are a parameter; None for a function."""
    if callable(noise):
        return None
    value = real_array(noise, "noise")
    if value.ndim > 2 or (value.ndim and value.shape[0] != dim):
        raise ValueError(
            f"noise must be a number, an array ({dim},), a matrix ({dim}, m) or a function of "
            f"(x, p), got shape {value.shape}"
        )
    return value, value.shape


def amplitudes(noise: object, dim: int, shapes: Mapping[str, tuple[int, ...]]) -> Amplitudes:
    """What multiplies each random number in each variable: of noise as it was given."""
    timed = callable(noise) and takes_time(noise, "noise", ("x", "p"))
    found_shapes: list[tuple[int, ...]] = []

    def function(x: Traceable, p: Parameters, *time: Traceable) -> Traceable:
        if callable(noise):
            found = noise(x, p, *time)
        else:
            found = [p.noise] * dim if shapes["noise"] == () else p.noise
        found_shapes.append(np.shape(objects(found)))
        return found

    *_, outputs = traced(function, dim, shapes, timed, name="noise")
    shape = found_shapes[0]
    count = len(outputs)
    if not count or shape[0] != dim or len(shape) > 2:
        raise ValueError(f"noise must return dim = {dim} values, or ({dim}, m), got shape {shape}")
    if len(shape) == 1:
        zero = sympy.S.Zero
        return tuple(
            tuple(e if i == j else zero for j in range(dim)) for i, e in enumerate(outputs)
        )
    m = count // dim
    return tuple(tuple(outputs[i * m : (i + 1) * m]) for i in range(dim))


def with_noise(graph: Graph, found: Amplitudes) -> Graph:
    """The graph of f + G xi."""
    xi = tuple(sympy.Symbol(f"w{j}", real=True) for j in range(len(found[0])))
    outputs = tuple(
        output + sympy.Add(*(a * b for a, b in zip(row, xi, strict=True)))
        for output, row in zip(graph.outputs, found, strict=True)
    )
    if not sympy.Tuple(*outputs).free_symbols & set(xi):
        raise UntraceableError("noise must not be zero: leave it out")
    return Graph(graph.state, graph.params, graph.time, outputs, noise=xi)
