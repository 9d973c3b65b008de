"""How a function is run: as straight-line code, or as loops where that is long."""

from collections.abc import Callable
from functools import cache
from typing import Any

from .codegen import Graph, array_lines, run_on_arrays
from .hoist import Hoisted, hoisted
from .loops import Loops, loops_of
from .stored import operations, stored

# Operations of a function. Of 1000 the straight line of a lattice compiles in 4 s and runs in a
# third of the time of loops (1 and 2.8 us, which the tangents of three columns take too); that of
# coupled oscillators in 3 s and as fast as loops. Loops compile in 0.5 to 3 s, whatever the size.
LONG = 1000
FEWER = 10  # operations a loop, at least: else nothing is gained


@cache
def form_of(graph: Graph) -> Hoisted | Loops:
    """A function in the form in which it starts and runs soon."""
    if operations(graph) > LONG:
        loops = Loops.unpacked(stored("loops", graph, lambda: loops_of(graph).packed()))
        if FEWER * len(loops.loops) < loops.size:
            return loops
    return hoisted(graph)


def outputs_on_arrays(graph: Graph) -> Callable[[Any, Any, Any], Any]:
    """``outputs(t, x, p)`` on arrays, whose first axes are those of variables and parameters."""
    form = form_of(graph)
    if isinstance(form, Loops):
        return form.outputs_at
    return run_on_arrays(stored("outputs", graph, lambda: array_lines(graph, graph.outputs)))
