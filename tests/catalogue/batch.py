"""A batch of cases: one system at many parameters, and what each of them is known to be."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import lyapax as lx

MAP_STEPS = 10.0  # that count as one characteristic time of a map


@dataclass(frozen=True)
class Batch:
    """Cases that share one compiled system.

    `expected` has, for each member, the accepted verdicts separated by " | ". `unit` is the
    characteristic time in the system's own time; runs last `times` of them. Members that are
    `open` are right when undetermined. Members that are `hard` are those that a plain program,
    too, needs 100 times longer to tell: they are listed but not counted.
    """

    family: str
    name: str
    make: Callable[..., Any]
    params: Mapping[str, np.ndarray]  # each (members, ...)
    expected: tuple[str, ...]
    dt: float | None = None
    unit: float = 1.0
    times: float = 2048.0
    initial: np.ndarray | None = None  # (n,) or (members, n)
    k: int | None = None
    transient: float | None = None  # in characteristic times
    open: tuple[bool, ...] = ()
    hard: tuple[bool, ...] = ()
    zeros: tuple[int, ...] = ()  # expected numbers of exponents, -1 where unknown
    positives: tuple[int, ...] = ()
    f: Callable[..., Any] | None = None  # for long runs, which know nothing of the package
    order: tuple[tuple[int, ...], ...] = ()  # exponents of the monomials of a polynomial system
    search: int = 0  # exponents that a long run follows to tell the class; 0: theory does
    driven: bool = False
    preserving: int = 0  # degrees of freedom of a system that preserves volume

    def __len__(self) -> int:
        return len(self.expected)

    def take(self, members: Sequence[int]) -> "Batch":
        """Some of the members."""
        i = np.asarray(members, int)

        def chosen(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(values[j] for j in i)

        initial = self.initial
        return replace(
            self, params={name: np.asarray(v)[i] for name, v in self.params.items()},
            initial=initial[i] if initial is not None and initial.ndim == 2 else initial,
            expected=chosen(self.expected), open=chosen(self.open), hard=chosen(self.hard),
            zeros=chosen(self.zeros), positives=chosen(self.positives),
        )

    def run(self, times: float | None = None) -> Any:
        """The spectrum of all members; random starts depend on the batch's name only."""
        duration = (times or self.times) * self.unit
        dt = {} if self.dt is None else {"dt": self.dt}
        early = {} if self.transient is None else {"transient": self.transient * self.unit}
        return lx.lyapunov_spectrum(
            self.make(**self.params), duration=duration, initial=self.initial, k=self.k,
            rng=zlib.crc32(self.name.encode()), progress=False, **dt, **early,
        )


def batch(
    family: str, name: str, make: Callable[..., Any], params: Mapping[str, Any], expected: Any,
    **how: Any,
) -> Batch:
    """A `Batch` whose parameters and expectations are broadcast to all members.

    Parameters that are plain numbers or one-dimensional broadcast; arrays of more axes have the
    members in front.
    """
    initial = how.pop("initial", None)
    initial = None if initial is None else np.asarray(initial, float)
    arrays = {key: np.asarray(value, float) for key, value in params.items()}
    sizes = [a.shape[0] for a in arrays.values() if a.ndim]
    sizes += [] if isinstance(expected, str) else [len(expected)]
    sizes += [len(initial)] if initial is not None and initial.ndim == 2 else []
    members = max(sizes, default=1)

    def each(value: Any, kind: Any) -> tuple[Any, ...]:
        listed = isinstance(value, list | tuple | np.ndarray)
        return tuple(kind(v) for v in value) if listed else (kind(value),) * members

    full = {key: np.array(np.broadcast_to(a, (members, *a.shape[1:]))) for key, a in arrays.items()}
    if not full:
        full = {"unused": np.zeros(members)}
    found = Batch(
        family, name, make, full, each(expected, str), initial=initial,
        open=each(how.pop("open", False), bool), hard=each(how.pop("hard", False), bool),
        zeros=each(how.pop("zeros", -1), int), positives=each(how.pop("positives", -1), int),
        **how,
    )
    for field in (found.expected, found.open, found.hard, found.zeros, found.positives):
        assert len(field) == members, name
    return found


def flow(f: Callable[..., Any], dim: int) -> Callable[..., Any]:
    """What makes a flow of numbers as parameters."""
    return lambda **params: lx.Flow(f, dim, params)


def map_of(f: Callable[..., Any], dim: int) -> Callable[..., Any]:
    return lambda **params: lx.Map(f, dim, params)
