"""A Runge-Kutta step of a state, register by register."""

from ...jit import inlined
from ..simd.vectors import add, fma, load, splat, store


@inlined
def reach_of(r, dt):
    """How far stage r goes along its slope, in each element of a register."""
    return splat(dt / 6.0 if r == 3 else dt if r == 2 else 0.5 * dt)


@inlined
def end_stage(r, reach, slope, o, here, stage, total):
    """Stage r ends: the sum of stages, and the state of the next stage or of the next step."""
    start = load(here, o)
    if r == 3:
        start = fma(reach, add(load(total, o), slope), start)
        store(here, o, start)
        store(stage, o, start)
    else:
        store(total, o, fma(splat(2.0), slope, load(total, o)) if r else slope)
        store(stage, o, fma(reach, slope, start))
