"""Ctrl-C: a run ends, and what it has computed travels with the exception."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from ._progress import kernels_compiled

P = ParamSpec("P")
R = TypeVar("R")


class Interrupted(KeyboardInterrupt):
    """Raised where Ctrl-C ends a run; a KeyboardInterrupt, so loops and scripts end too.

    Attributes
    ----------
    result : LyapunovSpectrum, Trajectory, Tangents, array or None
        What the interrupted function would have returned, for the time until then: of
        `lyapunov_spectrum` and `LyapunovSpectrum.extend` a result that can be extended; None where
        there is nothing yet. In an interactive session: ``sys.last_value.result``.

    Examples
    --------
    >>> import lyapax as lx
    >>> net = lx.RateNetwork([[0.0, 0.0], [0.0, 0.0]])
    >>> try:
    ...     spec = lx.lyapunov_spectrum(net, duration=10, dt=0.1, progress=False)
    ... except lx.Interrupted as stop:
    ...     spec = stop.result
    """

    def __init__(self, text: str, result: Any = None):
        super().__init__(text, result)

    @property
    def result(self) -> Any:
        """The result until the interruption."""
        return self.args[1]

    def __str__(self) -> str:
        kept = "" if self.result is None else "; `result` of this exception holds what there is"
        return f"interrupted: {self.args[0]}{kept}"


def raises_interrupted(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose interruption is an `Interrupted` also while there is no result yet.

    Unless it is called with progress=False it says when kernels are compiled for it.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with kernels_compiled(kwargs.get("progress", True) is not False):
                return function(*args, **kwargs)
        except Interrupted:
            raise
        except KeyboardInterrupt:
            raise Interrupted(f"{function.__name__} had nothing yet") from None

    return wrapped
