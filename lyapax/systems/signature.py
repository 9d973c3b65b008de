"""What a user's function takes, and mappings of names to values."""

import inspect
from collections.abc import Callable, Hashable, Mapping

import numpy as np


def looks_back(f: object) -> bool:
    """Whether a function's third argument is the past."""
    if not callable(f):
        return False
    try:
        return [p.name for p in _parameters(f)][2:3] == ["past"]
    except (TypeError, ValueError):
        return False  # `takes_time` says so


def _parameters(f: Callable[..., object]) -> list[inspect.Parameter]:
    if isinstance(f, np.ufunc):
        raise ValueError
    # `inspect` looks functions up in a set.
    hashable = isinstance(f, Hashable)
    called: Callable[..., object] = f if hashable else f.__call__  # type: ignore[operator]
    return list(inspect.signature(called).parameters.values())


def takes_time(f: object, name: str, needed: tuple[str, ...], possible: bool = True) -> bool:
    """Whether `f` takes time after the arguments that are `needed`, where that is `possible`."""
    if not callable(f):
        raise TypeError(f"{name} must be callable, got {type(f).__name__}")
    short = f"({', '.join(needed)})"
    long = f"({', '.join((*needed, 't'))})"
    wanted = f"{short} or {long}" if possible else short
    try:
        parameters = _parameters(f)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must take {wanted}, its arguments are unknown") from None
    if "past" in [p.name for p in parameters[3:]]:
        raise ValueError(f"{name} must take past third: f(x, p, past) or f(x, p, past, t)")
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    most = len(needed) + possible
    missing = [p.name for p in positional[most:] if p.default is p.empty]
    missing += [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if len(positional) < len(needed) or missing:
        more = f", needs {', '.join(missing)} too" if missing else f", takes {len(positional)}"
        raise ValueError(f"{name} must take the arguments {wanted}{more}")
    if len(positional) == len(needed) or not possible:
        return False
    last = positional[len(needed)]
    if last.name == "past":
        raise ValueError(f"{name} takes past, which only the function of a Flow does")
    if last.name not in ("t", "time") and not _could_be_time(last.default, last.empty):
        raise ValueError(
            f"{name} takes {last.name} where time comes {ORDINALS[len(needed)]}, {long}; put "
            f"{last.name} into params or after a star: {short[:-1]}, *, {last.name}=...)"
        )
    return True


ORDINALS = "first", "second", "third", "fourth"


def _could_be_time(default: object, empty: object) -> bool:
    return default is empty or default is None or (np.isscalar(default) and default == 0)


def named(values: object, name: str) -> dict[str, object]:
    """A mapping of names to values as a new dict; empty for None."""
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise TypeError(f"{name} must be a dict, got {type(values).__name__}")
    for key in values:
        if not isinstance(key, str):
            raise TypeError(f"{name} must have names for keys, got {key!r:.60}")
    return dict(values)
