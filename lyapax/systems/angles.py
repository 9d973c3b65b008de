"""Which variables of a function are angles: a whole turn added to them changes nothing."""

import math
from collections.abc import Sequence

import numpy as np
import sympy

from .._check import Array, Booleans, Integers
from ..kernels.codegen import Graph
from ..kernels.expressions import parts_of, symbols_of
from ..kernels.forms import outputs_on_arrays

# Lengths of a turn that people use: revolutions, half turns, radians, degrees, and 4 pi of a half
# angle.
TURNS = (1.0, 2.0, math.pi, 2 * math.pi, 4 * math.pi, 360.0)
POINTS = 16  # random ones, at all of which a shifted state must give the same values
FEW = 2
SAME = 1e-9  # relative
TOGETHER = 64  # variables that are tried in one call: its time is that of Python's, not of numbers


def turns(graph: Graph, table: Array, is_flow: bool, units: Sequence[int] = ()) -> Array:
    """The length of a turn of each variable, (dim,); 0 where it is no angle.

    units: which variables those of the graph's state are that follow the first `dim`, their past.

    A flow is the same after a turn; a map may add whole turns to its outputs. Variables on which
    nothing depends, or only polynomials do, are no angles: a position that moves uniformly is
    unbounded.
    """
    dim = len(graph.state) - len(units)
    found = np.zeros(dim)
    # Which variable each symbol of the state is: a turn is added to the past as well.
    owner = np.array([*range(dim), *units])
    bent = symbols_of(*(p for p in parts_of(*graph.outputs) if isinstance(p, sympy.Function)))
    candidates = sorted({int(i) for i, s in zip(owner, graph.state, strict=True) if s in bent})
    if not candidates:
        return found
    rng = np.random.default_rng(0)
    field = outputs_on_arrays(graph)
    x = 3.0 * rng.standard_normal((len(graph.state), POINTS))
    p = table[rng.integers(len(table), size=POINTS)].T
    t = rng.uniform(0.0, 10.0, POINTS)

    def values(state: Array, points: int) -> Array:
        """Outputs (outputs, ..., points) of states (dim, ..., points)."""
        shape = state.shape[1:]
        with np.errstate(all="ignore"):
            outputs = field(t[:points], state, p[:, :points])
            return np.array([np.broadcast_to(v, shape) for v in outputs], float)

    before = values(x, POINTS)

    def same(some: Integers, turn: float, points: int) -> Booleans:
        """Whether a turn of each of these variables changes nothing at the first points."""
        moved = np.repeat(x[:, None, :points], len(some), axis=1)
        moved += turn * (owner[:, None] == some)[:, :, None]
        change = values(moved, points) - before[:, None, :points]
        if not is_flow:
            change -= turn * np.round(change / turn)
        defined = np.isfinite(change).all(axis=0)
        close = np.abs(change) <= SAME * (1.0 + np.abs(before[:, None, :points]))
        agrees = (close.all(axis=0) | ~defined).all(axis=-1)
        return np.asarray(agrees if points < POINTS else agrees & defined.any(axis=-1))

    for first in range(0, len(candidates), TOGETHER):
        some = np.array(candidates[first : first + TOGETHER])
        for turn in TURNS:
            perhaps = np.flatnonzero(same(some, turn, FEW))  # of most variables two points say no
            if not perhaps.size:
                continue
            turning = perhaps[same(some[perhaps], turn, POINTS)]
            found[some[turning]] = turn
            some = np.delete(some, turning)
            if not some.size:
                break
    return found
