"""Hermite's cubic between grid points of a tape, row by row.

A grid point is a row of values and a row of slopes of n variables, each of `width` elements.
"""

from ...jit import exact_inlined as inlined
from ..simd.vectors import fma, load, multiply, splat, store


@inlined
def interpolate(tape, point, variable, n, width, lanes, weights, out):
    """out = the past of a variable after a grid point; weights as those of `History`."""
    here = (point * 2 * n + variable) * width
    a, b, c, e = splat(weights[0]), splat(weights[1]), splat(weights[2]), splat(weights[3])
    if weights[2] == 0.0 and weights[1] == 0.0:  # at the point; the next may not exist yet
        for o in range(0, width, lanes):
            store(out, o, load(tape, here + o))
        return
    slope, after, later = here + n * width, here + 2 * n * width, here + 3 * n * width
    for o in range(0, width, lanes):
        value = fma(b, load(tape, slope + o), multiply(a, load(tape, here + o)))
        value = fma(c, load(tape, after + o), value)
        store(out, o, fma(e, load(tape, later + o), value))
