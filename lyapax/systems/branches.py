"""An `if` on what is traced: the function runs once for each way through it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import sympy
from sympy.logic.boolalg import Boolean

from ..kernels.expressions import Choice
from .elementary import UntraceableError

MOST = 64  # ways through a function
LARGEST = 2**21  # elements that one way computes: about 2 GB, and minutes

Outputs = Sequence[sympy.Expr]


def too_many() -> UntraceableError:
    return UntraceableError(
        f"more than {MOST} ways through its `if`s and loops; write np.where(condition, a, b)"
    )


class Way:
    """One way: the outcomes of the first conditions, then True of each that is met."""

    def __init__(self, outcomes: Sequence[bool]):
        self.outcomes = outcomes
        self.met: list[tuple[Boolean, bool]] = []
        self.refused: UntraceableError | None = None  # which the function may have caught
        self.elements = 0

    def decide(self, holds: Boolean) -> bool:
        if holds in (sympy.true, sympy.false):
            return bool(holds == sympy.true)
        opposite = sympy.Not(holds)
        for condition, outcome in self.met:
            if condition == holds:
                return outcome
            if condition == opposite:
                return not outcome
        place = len(self.met)
        if place == MOST:  # a loop that ends for some states only
            raise too_many()
        outcome = self.outcomes[place] if place < len(self.outcomes) else True
        self.met.append((holds, outcome))
        return outcome


WAY: ContextVar[Way | None] = ContextVar("WAY", default=None)


@contextmanager
def following(way: Way) -> Iterator[None]:
    before = WAY.set(way)
    try:
        yield
    finally:
        WAY.reset(before)


def decided(holds: Boolean) -> bool:
    """The outcome of a condition on the way that is followed."""
    way = WAY.get()
    if way is None:
        raise UntraceableError("an `if` on x, p or t is for functions f; write np.where(...)")
    return way.decide(holds)


def grown(elements: int) -> None:
    """So many elements more are computed on the way that is followed."""
    way = WAY.get()
    if way is not None:
        way.elements += elements
        if way.elements > LARGEST:
            raise UntraceableError(
                f"more than {LARGEST:,} operations on symbols; take lx.Network or lx.RateNetwork "
                "where nodes repeat, and linear= where a matrix is a derivative"
            )


def refused(error: UntraceableError) -> UntraceableError:
    """An error that counts though the function catches it: else it would take another way."""
    way = WAY.get()
    if way is not None:
        way.refused = error
    return error


def over_branches(run: Callable[[], Outputs]) -> Outputs:
    """What `run` returns, both outcomes of each `if` joined by Choice."""
    ways = 0

    def joined(outcomes: list[bool]) -> Outputs:
        nonlocal ways
        ways += 1
        if ways > MOST:
            raise too_many()
        way = Way(outcomes)
        with following(way):
            try:
                found = run()
            except Exception as error:
                # NumPy hides what it was refused, a size for instance, behind words of its own.
                hidden = error is not way.refused and error.__cause__ is None
                if way.refused is not None and hidden:
                    raise way.refused from error
                raise
        if way.refused is not None:
            raise way.refused
        for place in range(len(way.met) - 1, len(outcomes) - 1, -1):
            condition, _ = way.met[place]
            other = joined([outcome for _, outcome in way.met[:place]] + [False])
            if len(other) != len(found):
                raise UntraceableError(
                    f"it returns {len(found)} values where {condition!s:.60} and {len(other)} "
                    "where not"
                )
            pairs = zip(found, other, strict=True)
            found = [a if a == b else Choice(condition, a, b) for a, b in pairs]
        return found

    return joined([])
