"""What a command measures: a known system, the matrix of a file, or a function of a file."""

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .. import _check
from .._check import Array
from .._weights import SUFFIXES, file_and_key, read
from .._weights.modules import recurrent
from .._weights.scaling import Scale, doubts, scaled
from ..systems import Flow, Map, RateNetwork, delayed, library, networks
from ..systems.base import System
from ..systems.matrices import Matrix
from ..systems.traced import Function
from .options import complain

SEPARATOR = ".py:"  # between the file and the name of its function


def known_system(name: str, weights: str | None) -> tuple[Any, Callable[..., System]]:
    """A known system, or network with a matrix from a file; and what builds it of parameters."""
    names = {**library, **delayed} if weights is None else networks
    if name not in names:
        hint = ""
        if weights is None and name in networks:
            hint = "; a network needs --weights"
        raise ValueError(f"NAME must be one of {', '.join(names)}, got {name!r}{hint}")
    known: Any = names[name]
    if weights is None:
        return known, known.system
    return known, partial(known.system, matrix_of(weights))


def read_param(text: str) -> tuple[str, float | Array]:
    name, equals, value = text.partition("=")
    try:
        parts = [float(part) for part in value.split(":")]
        if equals and len(parts) == 1:
            return name, parts[0]
        if equals and len(parts) == 3 and parts[2] == round(parts[2]):
            return name, np.linspace(parts[0], parts[1], round(parts[2]))
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"--param must be name=value or name=first:last:count, got {text!r}")


def read_params(texts: tuple[str, ...]) -> dict[str, Any]:
    """All of --param."""
    found: dict[str, Any] = {}
    for text in texts:
        name, value = read_param(text)
        if name in found:
            raise ValueError(f"--param must give {name} once, got {text!r} as well")
        found[name] = value
    return found


def names_a_file(text: str) -> bool:
    """Whether a file with weights is meant, FILE or FILE:NAME."""
    path, _ = file_and_key(text)
    return path.name.lower().endswith(SUFFIXES)


def matrix_of(path: str) -> Matrix:
    """The weight matrix of a file; what was understood is said."""
    found = read(path)
    if isinstance(found, Mapping):
        raise ValueError(f"{path} holds a recurrent module: name one of its tensors, FILE:NAME")
    for note in found.notes:
        complain(note)
    return found.matrix


def network_of(
    path: str,
    labels: bool | None,
    transpose: bool,
    scale: Scale,
    options: Mapping[str, Any],
    asked: list[str],
    quiet: bool,
) -> System:
    """The system of a file with weights: a rate network, or a recurrent module by its tensors.

    asked: options on the command line that a recurrent module has not.
    """
    found = read(path, labels=labels, transpose=transpose)
    if isinstance(found, Mapping):
        if asked:
            raise ValueError(
                f"{', '.join(asked)} must be left out: {path} holds a recurrent module, no matrix"
            )
        system, what = recurrent(found)
        complain(what)
        return system
    matrix = scaled(found.matrix, scale)
    network = RateNetwork(matrix, **options)
    understood = [] if quiet else [found.told()]
    for note in (*found.notes, *understood, *doubts(matrix, str(options["phi"]))):
        complain(note)
    return network


def is_function(text: str) -> bool:
    """Whether FILE.py:function is meant."""
    return SEPARATOR in text


def function_of(text: str) -> Callable[..., Any]:
    """The function that FILE.py:function names."""
    file, _, name = text.partition(SEPARATOR)
    path = Path(file + ".py")
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    sys.path.insert(0, str(path.parent.resolve()))  # for what it imports from beside it
    # Not among sys.modules when it is done: workers cannot import it, and what is not there is
    # sent to them whole.
    before = sys.modules.get(path.stem)
    sys.modules[path.stem] = module
    try:
        exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    except Exception as error:
        raise ValueError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    finally:
        del sys.modules[path.stem]
        if before is not None:
            sys.modules[path.stem] = before
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"{path} has no function {name!r}")
    return function  # type: ignore[no-any-return]


def right_hand_side(
    function: Function, dim: int, is_map: bool, params: Mapping[str, float]
) -> Flow | Map:
    """The system whose rate of change, or next state, is function(x, p)."""
    kind: type[Flow | Map] = Map if is_map else Flow
    return kind(function, _check.count(dim, "--dim"), dict(params) or None)


def built(function: Callable[..., Any], params: Mapping[str, float]) -> System:
    """The system that a function of these parameters returns."""
    name = getattr(function, "__name__", "function")
    try:
        inspect.signature(function).bind(**params)
    except TypeError as error:
        raise ValueError(
            f"{name} must be a function of {', '.join(params) or 'nothing'} that returns a system: "
            f"{error}; a right-hand side needs --dim"
        ) from None
    try:
        found = function(**params)
    except Exception as error:
        raise ValueError(f"{name} cannot be built: {type(error).__name__}: {error}") from error
    return _check.system(found, name)
