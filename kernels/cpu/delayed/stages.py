"""The end of a Runge-Kutta stage, of rows by address."""

from ...jit import exact_kernel as kernel
from ..simd.vectors import add, fma, load, outlined, splat, store


@kernel
def end_stage(s, dt, size, lanes, slope, here, stage, total, after):
    """Stage s ends: the state of the next stage, or after the last one of the next step."""
    outlined()
    if s == 3:
        sixth = splat(dt / 6.0)
        for o in range(0, size, lanes):
            value = fma(sixth, add(load(total, o), load(slope, o)), load(here, o))
            store(after, o, value)
        return
    reach, twice = splat(dt if s == 2 else 0.5 * dt), splat(2.0)
    for o in range(0, size, lanes):
        value = load(slope, o)
        store(total, o, fma(twice, value, load(total, o)) if s else value)
        store(stage, o, fma(reach, value, load(here, o)))
