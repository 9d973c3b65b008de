"""What a user's function takes, and mappings of names to values."""

import dataclasses
import inspect
import numbers
from collections.abc import Callable, Collection, Hashable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from .._check import choice


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


def takes_time(
    f: object,
    name: str,
    needed: tuple[str, ...],
    possible: bool = True,
    given: Collection[str] = (),
) -> bool:
    """Whether `f` takes time after the arguments that are `needed`, where that is `possible`.

    given: names of arguments after a star that it will get.
    """
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
    only = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in given]
    missing += [p.name for p in only if p.default is p.empty]
    if len(positional) < len(needed) or missing:
        more = f", needs {', '.join(missing)} too" if missing else f", takes {len(positional)}"
        raise ValueError(f"{name} must take the arguments {wanted}{more}")
    if len(positional) == len(needed) or not possible:
        return False
    last = positional[len(needed)]
    if last.name == "past":
        raise ValueError(f"{name} takes past, which only the function of a Flow does")
    is_parameter = last.name in given or not _could_be_time(last.default, last.empty)
    if last.name not in ("t", "time") and is_parameter:
        raise ValueError(
            f"{name} takes {last.name} where time comes {ORDINALS[len(needed)]}, {long}; put "
            f"{last.name} into params or after a star: {short[:-1]}, *, {last.name}=...)"
        )
    return True


TIME = "t", "time"
UNUSED = "_", "_t"  # time that comes first, and nobody looks at
WHOLE = "p", "params", "parameters", "par", "pars", "args"  # of all of params, as one
ONE_BY_ONE = ("x", "y"), ("u", "v"), ("X", "Y")  # variables that are no array
SIGNATURES = "x", "xp", "xpt", "ty", "yt"


def parameter_names(f: object) -> list[str]:
    """Names of the arguments that `f` takes by position; none where nobody knows."""
    if not callable(f):
        return []
    try:
        parameters = _parameters(f)
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def shape_of_call(f: object, params: Collection[str], signature: str | None) -> str:
    """How `f` is called: one of SIGNATURES, or "xp+" where parameters are arguments of their own.

    SciPy's f(t, y) and f(y, t) are known by the name of time; f(x, a, b) by names in params.
    """
    if signature is not None:
        return choice(signature, "signature", SIGNATURES)
    names = parameter_names(f)
    if names[:1] and names[0] in (*TIME, *UNUSED):
        return "ty"
    if names[1:2] and names[1] in TIME:
        return "yt"
    if len(names) == 1 and not _takes_any(f):
        return "x"
    own = [name for name in names[1:] if name != "p"]
    known = {*params, *(defaults(f) or ())} if params else set()
    if own and len(own) == len(names) - 1 and known.issuperset(own):
        return "xp+"
    if own and own == names[1:] and own[0] in params:  # so p is no argument of it
        missing = ", ".join(name for name in own if name not in known)
        raise ValueError(
            f"f takes {missing}, which params has not: it has {', '.join(params)}; with time "
            "write f(x, p, t) or f(t, x, ...)"
        )
    return "xpt"


def defaults(f: object) -> dict[str, object] | None:
    """Values of f(x, a=1.0, b=2.0), where all that follow the state have such."""
    names = parameter_names(f)
    if not callable(f) or not names[1:] or {*names} & {*TIME, *WHOLE, "past"}:
        return None
    values = {p.name: p.default for p in _parameters(f) if p.name in names[1:]}
    others = [p for p in _parameters(f) if p.name not in names]
    if any(p.kind is not p.KEYWORD_ONLY or p.default is p.empty for p in others):
        return None
    return values if all(map(_is_real, values.values())) else None


def _is_real(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)


def expect_one_state(f: object, dim: int, given: Collection[str]) -> None:
    """f(x, y, ...) means two variables, or SciPy's time and state, where y is no parameter."""
    names = parameter_names(f)
    if dim > 1 and tuple(names[:2]) in ONE_BY_ONE and names[1] not in given:
        first, second = names[:2]
        raise ValueError(
            f"f takes {first}, {second}: if these are its variables write lambda s, p: f(*s, ...); "
            f'if {first} is time, signature="ty"'
        )


def understood(
    f: Any, dim: int, params: object, signature: str | None, looks_back: bool = False
) -> tuple[Callable[..., Any], dict[str, object], str, bool]:
    """`f` as a function of (x, p, t), parameters by name, how it is called, whether with time."""
    empty = params is None or (isinstance(params, Mapping) and not params)
    if empty and signature is None and not looks_back:
        params = defaults(f)
    given = named(values_by_name(params, f), "params")
    if looks_back:
        shape, timed = "xpt", takes_time(f, "f", ("x", "p", "past"), given=given)
    else:
        if signature is None:
            expect_one_state(f, dim, given)
        shape, timed = how_called(f, given, signature)
    return as_xpt(f, shape, given), given, shape, timed


def how_called(f: object, params: Collection[str], signature: str | None) -> tuple[str, bool]:
    """How `f` is called, as `shape_of_call` says, and whether it takes time."""
    shape = shape_of_call(f, params, signature)
    if shape == "xpt":
        return shape, takes_time(f, "f", ("x", "p"), given=params)
    return shape, shape in ("ty", "yt")


def _takes_any(f: object) -> bool:
    parameters = _parameters(f) if callable(f) else []
    return any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _takes_any_name(f: object) -> bool:
    return callable(f) and any(p.kind is p.VAR_KEYWORD for p in _parameters(f))


def as_xpt(f: Callable[..., Any], shape: str, params: Collection[str]) -> Callable[..., Any]:
    """`f` as a function of (x, p, t), or (x, p) if it takes no time, whatever it takes itself.

    What follows state and time are parameters by their names, ``*args`` all of them in the order
    of params, or one argument for all of them.
    """
    own = keyword_only(f, params)
    if shape == "xpt":
        return with_keywords(f, own) if own else f
    before = {"x": 1, "xp": 2, "xp+": 1}.get(shape, 2)
    names = parameter_names(f)[before:]
    required = _required(f)[before:]
    lost = [name for name in required if name not in params]
    every = _takes_any(f)
    whole = len(required) == 1 and lost == required and shape in ("ty", "yt") and not every
    if lost and not whole and not every:
        known = ", ".join(params) or "none"
        raise ValueError(f"f takes {', '.join(lost)}, which params has not: it has {known}")
    given = [name for name in params if name in names or _takes_any_name(f)]
    unused = [name for name in params if name not in (*given, *own)]
    if unused and shape in ("x", "xp+", "ty", "yt") and not whole and not every:
        raise ValueError(
            f"params has {', '.join(unused)}, and f takes {', '.join([*names, *own]) or 'none'}"
        )

    def call(x: Any, p: Any, t: Any = None) -> Any:
        start = {"x": (x,), "xp": (x, p), "xp+": (x,), "ty": (t, x), "yt": (x, t)}[shape]
        if whole:
            return f(*start, p)
        if every:
            return f(*start, *p)
        return f(*start, **{name: p[name] for name in (*given, *own)})

    call.__name__ = str(getattr(f, "__name__", type(f).__name__))
    return call


def keyword_only(f: object, params: Collection[str]) -> list[str]:
    """Names after a star that params gives."""
    parameters = _parameters(f) if callable(f) else []
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name in params]


def with_keywords(f: Callable[..., Any], names: Collection[str]) -> Callable[..., Any]:
    def call(x: Any, p: Any, *more: Any) -> Any:
        return f(x, p, *more, **{name: p[name] for name in names})

    call.__name__ = str(getattr(f, "__name__", type(f).__name__))
    return call


def _required(f: Callable[..., Any]) -> list[str]:
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in _parameters(f) if p.kind in positional and p.default is p.empty]


def of_object(f: Any, params: object) -> tuple[Any, object]:
    """A system of dysts by its ``_rhs(x, y, ..., t, a, b)`` and values ``params``; others as is.

    Elsewhere ``rhs`` of an object that cannot be called itself.
    """
    plain: Any = getattr(f, "_rhs", None)
    plain, values = getattr(plain, "py_func", plain), getattr(f, "params", None)
    names = parameter_names(plain)
    if isinstance(values, Mapping) and "t" in names:
        first = names.index("t")
        own = [name for name in names[first + 1 :] if name in values]
        whole = len(own) == len(names) - first - 1

        def rhs(t: Any, y: Any, p: Any) -> Any:
            return plain(*y, t, **{name: p[name] for name in own})

        if whole and plain is not None:
            rhs.__name__ = type(f).__name__
            return rhs, {name: values[name] for name in own} if params is None else params
    if not callable(f) and callable(getattr(f, "rhs", None)):
        return f.rhs, params
    return f, params


def values_by_name(params: object, f: object) -> object:
    """Parameters as a mapping: of a tuple or list by the names of f's own arguments, or p0, p1."""
    if isinstance(params, SimpleNamespace):
        return vars(params)
    if dataclasses.is_dataclass(params) and not isinstance(params, type):
        fields = dataclasses.fields(params)
        return {field.name: getattr(params, field.name) for field in fields}
    if isinstance(params, tuple) and hasattr(params, "_asdict"):
        return params._asdict()
    if isinstance(params, np.ndarray) and params.ndim == 1:
        params = params.tolist()
    if isinstance(params, tuple | list):
        names = parameter_names(f)
        timed = bool({*names[:2]} & {*TIME} or {*names[:1]} & {*UNUSED})
        own = names[2:] if timed else [n for n in names[1:] if n not in ("p", "past", *TIME)]
        own = [] if len(own) == 1 and own[0] in WHOLE else own
        least = len(_required(f)[2 if timed else 1 :]) if own and callable(f) else 0
        if len(own) > 1 or (own and len(params) == 1):
            if not min(least, len(own)) <= len(params) <= len(own):
                raise ValueError(
                    f"params must have {len(own)} values, {', '.join(own)}, got {len(params)}"
                )
        else:
            own = [f"p{i}" for i in range(len(params))]
        return dict(zip(own, params, strict=False))
    return params


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
