"""The transpose of a Runge-Kutta step, stage by stage from the last, on strips of cotangents."""

from ...jit import kernel
from ..simd.vectors import add, fma, load, multiply, outlined, splat, store


@kernel
def begin_step(dt, size, lanes, p, a, total):
    """total = p, and the a = dt/6 p that the last stage starts from."""
    outlined()
    sixth = splat(dt / 6.0)
    for o in range(0, size, lanes):
        value = load(p, o)
        store(total, o, value)
        store(a, o, multiply(sixth, value))


@kernel
def transposed_stage(r, dt, size, lanes, p, y, a, total):
    """Stage r is done, y = A' a: what the step has so far, and the a of the stage before."""
    outlined()
    weight = splat(dt / 3.0 if r > 1 else dt / 6.0)
    reach = splat(dt if r == 3 else 0.5 * dt)
    for o in range(0, size, lanes):
        value = load(y, o)
        store(total, o, add(load(total, o), value))
        store(a, o, fma(reach, value, multiply(weight, load(p, o))))
