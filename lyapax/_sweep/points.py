"""The task of a sweep: the spectra of some points, which depend on nothing but their numbers."""

import inspect
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .. import _check
from .._check import Array, Integers
from .._result import LyapunovSpectrum
from .._spectrum import lyapunov_spectrum
from .._status import Status
from ..systems.base import System
from ..systems.rate import RateNetwork
from .axes import LABELS, STARTS, Axes
from .variables import unmeasured, values

HALVINGS = 7  # of the cadence, for points whose QRs lose digits at it: 64 steps to one


@dataclass(frozen=True)
class Task:
    """All that is common to the points of a sweep."""

    system: "System | Function"  # or a function of named parameters that returns one
    axes: Axes
    seed: int
    options: Mapping[str, Any]  # of `lyapunov_spectrum`, dt and cadence included

    def measured(self, points: Integers) -> dict[str, Array]:
        """The variables of these points, along the first axis."""
        found = unmeasured((len(points),), self.options["k"])
        every = self.options["qr_every"]
        left = np.arange(len(points))
        for _ in range(HALVINGS):
            some = values(self.spectrum(points[left], qr_every=every))
            for name, array in some.items():
                found[name][left] = array
            # These alone, since a point must not depend on its neighbours in a chunk.
            lost = (found["status"][left] == Status.UNRESOLVED).any(axis=1)
            left = left[lost]
            if not left.size or every == 1:
                break
            every //= 2
        return found

    def spectrum(self, points: Integers, **options: Any) -> Any:
        """A result with a batch of these points."""
        at = self.axes.at(points)
        systems = self.systems(at)
        initial = np.concatenate(
            [self.starts(system, points[part], {n: v[part] for n, v in at.items()})
             for system, part in systems]
        )  # fmt: skip
        given = {"rng": self.seed, "progress": False, **self.options, **options}
        with quietly():
            found = [
                lyapunov_spectrum(
                    s.numbered(np.array([self.axes.number(p) for p in points[part]]))
                    if s.is_noisy
                    else s,
                    initial=initial[part],
                    **given,
                )
                for s, part in systems
            ]
        return found[0] if len(found) == 1 else Several(found)

    def systems(self, at: dict[str, Array]) -> list[tuple[System, slice]]:
        """Systems, and the points that each has."""
        named = {n: v for n, v in at.items() if n not in (STARTS, *LABELS)}
        count = len(next(iter(at.values())))
        if not isinstance(self.system, Function):
            whole = with_values(self.system, named)
            edges = delay_edges(whole, count)
            if len(edges) == 2:
                return [(whole, slice(0, count))]
            return [
                (with_values(self.system, {n: v[first:last] for n, v in named.items()}),
                 slice(first, last))
                for first, last in pairwise(edges)
            ]  # fmt: skip
        return [
            (self.system({n: v[i] for n, v in named.items()}), slice(i, i + 1))
            for i in range(count)
        ]

    def starts(self, system: System, points: Integers, at: dict[str, Array]) -> Array:
        """Where these points begin, each by its number and the seed alone."""
        if STARTS in at:
            return at[STARTS]
        numbers = Numbers(self.seed)
        states = [system.start((1,), numbers.of(self.axes.number(point)))[0] for point in points]
        return np.array(states).reshape(len(points), -1)


@contextmanager
def quietly() -> Iterator[None]:
    """Without warnings of single points, which their status and class say.

    Filters belong to the process: on another thread than the main one they stay as they are, and
    the driver that waits for the thread has set them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


class Numbers:
    """Random numbers of each point: a generator that counts, whose key is the point's number.

    A generator of its own for each would take ten times as long to make.
    """

    def __init__(self, seed: int):
        self._bits = np.random.Philox(key=np.array([key(seed), 0], np.uint64))
        self._state: Any = self._bits.state
        self._generator = np.random.Generator(self._bits)

    def of(self, point: int) -> np.random.Generator:
        """The generator, at the beginning of a point's numbers."""
        self._state["state"]["key"][1] = point
        self._bits.state = self._state
        return self._generator


def key(seed: int) -> int:
    """The first half of the key of each point's numbers; its number is the second."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])


class Several:
    """Results of one point each, as one result."""

    def __init__(self, specs: list[LyapunovSpectrum]):
        self.specs = specs
        self.k, self.dim = specs[0].k, specs[0].dim
        self.shape = (len(specs),)

    def __getattr__(self, name: str) -> Any:
        return np.concatenate([np.asarray(getattr(spec, name)) for spec in self.specs])


class Function:
    """A function of named parameters that returns a system, checked."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        self.dim: int | None = None

    def __reduce__(self) -> tuple[Callable[..., "Function"], tuple[object]]:
        # Python's pickle knows functions of importable modules only, no lambda of a script.
        try:
            import cloudpickle
        except ImportError:
            return Function, (self.function,)
        return _function_of, (cloudpickle.dumps(self.function),)

    def __call__(self, named: Mapping[str, Array]) -> System:
        try:
            inspect.signature(self.function).bind(**named)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"system must be a function of {', '.join(named) or 'nothing'}: {error}"
            ) from None
        system = _check.system(self.function(**{n: float(v) for n, v in named.items()}))
        if system.batch_shape:
            raise ValueError(
                f"system must return a single system, got a batch of {system.batch_shape}"
            )
        if self.dim not in (None, system.dim):
            raise ValueError(
                f"system must return systems of one size, got {self.dim} and {system.dim}"
            )
        self.dim = system.dim
        return system


def _function_of(pickled: bytes) -> Function:
    import cloudpickle

    return Function(cloudpickle.loads(pickled))


def delay_edges(system: System, count: int) -> list[int]:
    """Where the delays change from one member of a batch to the next, 0 and `count` included.

    Members with one delay only run together: of several, all have the past that the longest needs,
    and a point must not depend on its neighbours in a chunk.
    """
    delays = system.delays
    if delays is None or delays.times.ndim == 1 or len(delays.times) != count:
        return [0, count]
    times = delays.times
    return [0, *(1 + np.nonzero((times[1:] != times[:-1]).any(axis=1))[0]).tolist(), count]


def parameters(system: System) -> tuple[str, ...]:
    """Names that an axis may have."""
    if isinstance(system, RateNetwork):
        # Not of a matrix or of pairs, nor where delays are refused.
        one = system.lagged is None if system.delay is None else np.ndim(system.delay) == 0
        late = one and system.is_flow and system.inputs is None
        return ("bias", "tau", "noise", *["delay"] * late)
    shapes = getattr(system, "shapes", {})
    return tuple(name for name, core in shapes.items() if core == ())


def with_values(system: System, named: dict[str, Array]) -> System:
    """The system with values (B,) of some parameters, as a batch of B."""
    if isinstance(system, RateNetwork):
        sizes = {n: 1 if n == "delay" else system.dim for n in named}
        named = {n: np.repeat(v[:, None], sizes[n], axis=1) for n, v in named.items()}
    return system.with_params(**named) if named else system
