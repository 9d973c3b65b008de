"""The past that a right-hand side with delays looks at, while it is traced."""

from collections.abc import Iterable

import numpy as np
import sympy

from ..kernels.expressions import symbols_of
from .elementary import UntraceableError, expression
from .traced import Traced, objects


class Past:
    """What `f` gets as `past`: ``past(tau)`` is the state at t - tau, one symbol a variable.

    `delays` are the different tau, as numbers or expressions of parameters.
    """

    def __init__(self, dim: int):
        self.dim = dim
        self.delays: list[sympy.Expr] = []
        self.allowed: set[sympy.Symbol] = set()

    def among(self, params: Iterable[sympy.Symbol]) -> None:
        """Delays may depend on these symbols only."""
        self.allowed = set(params)

    def symbols(self, delay: int) -> list[sympy.Symbol]:
        return [sympy.Symbol(f"y{delay}_{i}", real=True) for i in range(self.dim)]

    def __call__(self, tau: object) -> Traced:
        found = objects(tau)
        if np.shape(found):
            raise UntraceableError("past(tau) takes one delay; call it once for each")
        delay = expression(found[()])
        if delay.free_symbols - self.allowed:
            raise UntraceableError(
                "past(tau) takes a constant delay, a number or a parameter: one that depends on "
                "the state or on time is not supported"
            )
        if delay.is_number and not float(delay) > 0:
            raise UntraceableError(f"past(tau) takes a delay > 0, got {float(delay):g}")
        if delay not in self.delays:
            self.delays.append(delay)
        return Traced(self.symbols(self.delays.index(delay)))

    def __getitem__(self, key: object) -> Traced:
        raise UntraceableError("past is a function: write past(tau)[i]")

    def seen(self, outputs: Iterable[sympy.Expr]) -> tuple[sympy.Symbol, ...]:
        """The symbols of the past that outputs depend on, delay by delay."""
        used = symbols_of(*outputs)
        every = [s for delay in range(len(self.delays)) for s in self.symbols(delay)]
        return tuple(s for s in every if s in used)

    def places(self, outputs: Iterable[sympy.Expr]) -> tuple[list[int], list[int]]:
        """(delay, variable) of each of these symbols."""
        names = [s.name[1:].split("_") for s in self.seen(outputs)]
        return [int(d) for d, _ in names], [int(i) for _, i in names]
