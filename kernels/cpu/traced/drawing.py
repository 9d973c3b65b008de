"""The random numbers of a step, for kernels that take one member at a time."""

import math

from ...jit import exact_kernel as kernel
from ..simd.elementwise import as_bits
from ..simd.normal_numbers import normal_pair


@kernel
def draw(drawn, p, step, dt):
    """The last `drawn` parameters of a member become the noise of a step, by the key before them.

    Of a flow it is white noise held for a step, numbers divided by sqrt(dt); dt = 0 means a map.
    """
    if not drawn:
        return
    first = p.size - drawn
    key0, key1 = as_bits(p[first - 2]), as_bits(p[first - 1])
    scale = 1.0 / math.sqrt(dt) if dt else 1.0
    for at in range(0, drawn, 2):
        a, b = normal_pair(key0, key1, step, at // 2)
        p[first + at] = scale * a
        if at + 1 < drawn:
            p[first + at + 1] = scale * b
