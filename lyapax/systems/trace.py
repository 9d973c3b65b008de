"""A user's NumPy function, run once on symbols, becomes an expression graph."""

import os
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy

from .._telling import told_of
from ..kernels.codegen import Graph, without_source
from ..kernels.expressions import alike, in_ours
from . import complex_numbers as complex_numbers  # which add to what is traced
from . import numpy_calls as numpy_calls
from .branches import over_branches
from .elementary import UntraceableError, expression
from .past import Past
from .rebound import rebound
from .traced import INDEX, LIBRARIES, NUMBERS_ONLY, Function, Scalar, Traced, holds_complex, objects

Outputs = tuple[sympy.Expr, ...]


ALL_OF_THEM = "p holds all parameters: write p.a, p[0], or f(x, a)"


class NoSuchParameterError(UntraceableError, AttributeError):
    """Asked for by hasattr and getattr, too."""


class Parameters(SimpleNamespace):
    """The object that `f` gets as `p`: p.a, p["a"], p[0] and a, b = p, in the order of params."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python asks for its protocols
            raise AttributeError(name)
        if name in ("get", "items", "keys", "values"):
            return getattr(vars(self), name)
        raise NoSuchParameterError(
            f"p.{name} is not in params, which has {', '.join(vars(self)) or 'none'}"
        )

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return getattr(self, key)
        values = list(vars(self).values())
        if isinstance(key, int) and not -len(values) <= key < len(values):
            raise UntraceableError(
                f"p[{key}] is not in params, which has {len(values)}; of f(t, y) the first is t, "
                'or signature="ty" says so'
            )
        return values[key]

    def __contains__(self, name: object) -> bool:
        return name in vars(self)

    def __iter__(self) -> Iterator[Any]:
        return iter(vars(self).values())

    def __len__(self) -> int:
        return len(vars(self))

    def __array__(self, *_: object, **__: object) -> Any:
        raise UntraceableError(ALL_OF_THEM)


def trace(
    function: Function,
    dim: int,
    params: Mapping[str, tuple[int, ...]],
    timed: bool,
    scalars: Mapping[str, Scalar] | None = None,
    returned: int | None = None,
    past: Past | None = None,
) -> Graph:
    """Run `function(x, p)` or `function(x, p, t)` on symbols.

    params: the shapes in which `function` sees them; scalars: those of which it is told where it
    takes a number for a vector; returned: how many values are expected, `dim` by default; past:
    what `function` gets as its third argument, whose symbols follow those of x in the graph.
    """
    x, symbols, time, outputs = traced(function, dim, params, timed, scalars, past)
    if returned is None and len(outputs) != dim:
        raise ValueError(f"f must return dim = {dim} values, got {len(outputs)}")
    if returned is not None and len(outputs) != returned:
        raise ValueError(
            f"f must return {returned} values, as many as grid[1] has columns, got {len(outputs)}"
        )
    seen = past.seen(outputs) if past is not None else ()
    return Graph((*x, *seen), symbols, time, outputs)


def traced(
    function: Function,
    dim: int,
    params: Mapping[str, tuple[int, ...]],
    timed: bool,
    scalars: Mapping[str, Scalar] | None = None,
    past: Past | None = None,
    name: str = "f",
) -> tuple[tuple[sympy.Symbol, ...], tuple[sympy.Symbol, ...], sympy.Symbol, Outputs]:
    """The symbols of the state, of parameters and of time, the same each time, and outputs."""
    x = [sympy.Symbol(f"x{i}", real=True) for i in range(dim)]
    time = sympy.Symbol("t", real=True)
    symbols: list[sympy.Symbol] = []
    values: dict[str, Traced] = {}
    for key, shape in params.items():
        count = int(np.prod(shape, dtype=int))
        fresh = [sympy.Symbol(f"p{len(symbols) + i}", real=True) for i in range(count)]
        symbols += fresh
        watched = frozenset([scalars[key]] if scalars and key in scalars else [])
        values[key] = Traced(np.array(fresh, dtype=object).reshape(shape), watched)
    arguments: list[Traced | Parameters | Past] = [Traced(x), Parameters(**values)]
    if past is not None:
        past.among(symbols)
        arguments.append(past)
    if timed:
        arguments.append(Traced(time))
    unnamed = [one for one in (scalars or {}).values() if one.shape]
    names = ", ".join(f"p.{one.name}" for one in unnamed)
    hint = f"{names}: numbers here, since shapes does not name them" if unnamed else ""
    hint += f": shapes={unnamed[0].shapes}" if unnamed and unnamed[0].shapes else ""
    return tuple(x), tuple(symbols), time, outputs_of(function, arguments, name, hint)


def outputs_of(
    function: Function, arguments: Sequence[Traced | Parameters | Past], name: str, hint: str = ""
) -> tuple[sympy.Expr, ...]:
    """What a user's function returns on symbols; `name` is that of the argument it came as."""
    try:
        on_symbols = rebound(function)

        def run() -> list[sympy.Basic]:
            # Copies, since what one way changes in place another must not see.
            result = on_symbols(*(_copy(argument) for argument in arguments))
            return [in_ours(expression(o)) for o in _flat(result, name)]

        with told_of(f"tracing {name}, once"):
            found = over_branches(run)
            again = over_branches(run)
        if not alike(found, again):
            raise UntraceableError(
                "it differs from one call to the next: it is traced once, so random numbers, and "
                "what it remembers, would stay as they are; write noise=..., or a variable more"
            )
    except Exception as error:
        told = f"{name} cannot be traced{_line(error)}: {_reason(error)}"
        if hint and not isinstance(error, UntraceableError):
            told += f" ({hint})"
        raise UntraceableError(told) from error
    for i, output in enumerate(found):
        unknown = without_source(output)
        if unknown is not None:
            raise UntraceableError(
                f"{name} must be real and finite, output {i} has {unknown!s:.60} in {output!s:.60}"
            )
    return tuple(found)


def _copy(argument: Any) -> Any:
    if isinstance(argument, Traced):
        return Traced(argument.values.copy(), argument.scalars)
    if isinstance(argument, Parameters):
        return Parameters(**{name: _copy(value) for name, value in vars(argument).items()})
    return argument


def _flat(result: object, name: str) -> list[object]:
    if holds_complex(result):
        raise UntraceableError(
            f"{name} must return real values: np.concatenate([z.real, z.imag]), or lx.complex_flow"
        )
    if isinstance(result, Traced):
        return list(np.ravel(result.values))
    if isinstance(result, Iterator):
        result = list(result)
    if not isinstance(result, list | tuple | np.ndarray):
        raise UntraceableError(
            f"{name} must return a list or an array, got {type(result).__name__}"
        )
    return [v for item in result for v in np.ravel(objects(item))]


def _line(error: Exception) -> str:
    """The last line of the user's code in a traceback, which ends in ours or in NumPy's."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)[1:]
        if not frame.filename.startswith(LIBRARIES)
    ]
    if not frames:
        hidden = error.__cause__
        return _line(hidden) if isinstance(hidden, Exception) else ""
    last = frames[-1]
    return f" at {Path(last.filename).name}:{last.lineno}: {last.line or '':.60}"


def _reason(error: Exception) -> str:
    number_array = "setting an array element" in str(error) or isinstance(
        error.__cause__, UntraceableError
    )
    if number_array:
        return NUMBERS_ONLY
    frames = traceback.extract_tb(error.__traceback__)
    if not isinstance(error, UntraceableError) and f"{os.sep}scipy{os.sep}" in frames[-1].filename:
        if "sparse" in frames[-1].filename:
            return "a sparse matrix takes numbers; write W.toarray() @ x, or take lx.RateNetwork(W)"
        return "SciPy's functions take numbers; of data write np.interp(t, times, values)"
    if isinstance(error, TypeError) and "'Parameters'" in str(error):
        return ALL_OF_THEM
    if isinstance(error, IndexError) and "valid indices" in str(error):
        return INDEX
    return " ".join(str(error).split()) or type(error).__name__
