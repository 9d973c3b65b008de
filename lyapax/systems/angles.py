"""Which variables of a function are angles: a whole turn added to them changes nothing."""

import math

import numpy as np
import sympy

from .._check import Array
from ..kernels.codegen import Graph, on_arrays

# Lengths of a turn that people use: revolutions, half turns, radians, degrees, and 4 pi of a half
# angle.
TURNS = (1.0, 2.0, math.pi, 2 * math.pi, 4 * math.pi, 360.0)
POINTS = 16  # random ones, at all of which a shifted state must give the same values
SAME = 1e-9  # relative


def turns(graph: Graph, table: Array, is_flow: bool) -> Array:
    """The length of a turn of each variable, (dim,); 0 where it is no angle.

    A flow is the same after a turn; a map may add whole turns to its outputs. Variables on which
    nothing depends, or only polynomials do, are no angles: a position that moves uniformly is
    unbounded.
    """
    found = np.zeros(len(graph.state))
    functions = sympy.Tuple(*graph.outputs).atoms(sympy.Function)
    bent = {symbol for function in functions for symbol in function.free_symbols}
    candidates = [i for i, symbol in enumerate(graph.state) if symbol in bent]
    if not candidates:
        return found
    rng = np.random.default_rng(0)
    field = on_arrays(graph, graph.outputs)
    x = 3.0 * rng.standard_normal((len(graph.state), POINTS))
    p = table[rng.integers(len(table), size=POINTS)].T
    t = rng.uniform(0.0, 10.0, POINTS)

    def values(state: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.array([np.broadcast_to(v, POINTS) for v in field(t, state, p)], float)

    before = values(x)
    for i in candidates:
        for turn in TURNS:
            moved = x.copy()
            moved[i] += turn
            change = values(moved) - before
            if not is_flow:
                change -= turn * np.round(change / turn)
            defined = np.isfinite(change).all(axis=0)
            if (
                defined.any()
                and (np.abs(change) <= SAME * (1.0 + np.abs(before)))[:, defined].all()
            ):
                found[i] = turn
                break
    return found
