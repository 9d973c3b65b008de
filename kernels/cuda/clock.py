"""Functions of time in CUDA source: they are computed in double, once for all that uses them."""

from dataclasses import replace

import sympy

from ..codegen import CUDA, Graph, printed


class Clock:
    """The functions of time that a graph's source uses, as symbols t0, t1, ..."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self._fixed = {graph.time, *graph.params}
        self._times: dict[sympy.Basic, sympy.Symbol] = {}

    def text(self, e: sympy.Basic) -> str:
        """Source of e, in which what depends on time alone is a symbol."""
        return printed(self._named(e), CUDA)

    def lines(self) -> list[str]:
        """The symbols' values. A float would have lost the phase after 1e5 periods."""
        wide = {p: sympy.Symbol(f"double({p.name})", real=True) for p in self._graph.params}
        language = replace(CUDA, number="double({})")
        return [
            f"const REAL {symbol.name} = REAL({printed(e.xreplace(wide), language)});"
            for e, symbol in self._times.items()
        ]

    def _named(self, e: sympy.Basic) -> sympy.Basic:
        if self._graph.time not in e.free_symbols:
            return e
        if isinstance(e, sympy.Expr) and e.free_symbols <= self._fixed:
            return self._times.setdefault(e, sympy.Symbol(f"t{len(self._times)}", real=True))
        return e.func(*(self._named(a) for a in e.args))
