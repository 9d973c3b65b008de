"""Right-hand sides that are SymPy's expressions already."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sympy

from .elementary import UntraceableError
from .traced import Traced


def as_function(
    expressions: object, state: object, params: Mapping[Any, object] | None, time: Any
) -> tuple[Callable[..., Any], int, dict[str, object]]:
    """(f(x, p, t), number of variables, parameters by name) of expressions of symbols."""
    symbols = [sympy.sympify(s) for s in _listed(state, "state")]
    if isinstance(expressions, Mapping) and set(expressions) == set(symbols):
        expressions = [expressions[s] for s in symbols]
    listed = [sympy.sympify(e) for e in _listed(expressions, "expressions")]
    if len(listed) != len(symbols):
        raise ValueError(f"state must have {len(listed)} symbols, one each, got {len(symbols)}")
    given = {
        key: float(value) if isinstance(value, sympy.Expr) and value.is_real else value
        for key, value in (params or {}).items()
    }
    named = {str(key): value for key, value in given.items()}
    known = {str(key): sympy.sympify(key) for key in given}
    allowed = {*symbols, *known.values(), *([] if time is None else [time])}
    loose = {s for e in listed for s in e.free_symbols if s not in allowed}
    loose -= {s for one in symbols for s in one.free_symbols}
    # Symbols of a parameter that came by its name may have any assumptions.
    by_name = {s: s.name for s in loose if s.name in named}
    unknown = sorted(str(s) for s in loose - set(by_name))
    if unknown:
        raise ValueError(f"params must name {', '.join(unknown)}, which expressions have")

    if time is not None and not any(e.has(time) for e in listed):
        time = None

    def timed(x: Traced, p: Any, t: Any) -> list[sympy.Expr]:
        new = {symbol: x.values[i] for i, symbol in enumerate(symbols)}
        new |= {symbol: getattr(p, name).values[()] for name, symbol in known.items()}
        new |= {symbol: getattr(p, name).values[()] for symbol, name in by_name.items()}
        if time is not None:
            new[time] = t.values[()]
        found = [e.xreplace(new) for e in listed]
        if any(e.has(sympy.Derivative, sympy.Integral) for e in found):
            raise UntraceableError("derivatives and integrals must be done first: .doit()")
        return found

    def f(x: Traced, p: Any) -> list[sympy.Expr]:
        return timed(x, p, None)

    found = f if time is None else timed
    found.__name__ = "of_sympy"
    return found, len(listed), named


def _listed(value: object, name: str) -> list[Any]:
    if isinstance(value, sympy.MatrixBase):
        return list(value)
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list, got {type(value).__name__}")
    return list(value)
