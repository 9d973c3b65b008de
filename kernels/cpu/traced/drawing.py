"""The random numbers of a step, for kernels that take one member at a time.

Numbers come in pairs. An odd count of them is that of two steps, an even one and the next, which
have the first and the second half of as many pairs.
"""

import math

from ...jit import exact_inlined as inlined
from ...jit import exact_kernel as kernel
from ..simd.elementwise import as_bits
from ..simd.normal_numbers import normal_pair


@inlined
def counted(count, step):
    """(counter, number of the first one there) of `count` numbers of a step."""
    if count % 2:
        return step // 2, (step % 2) * count
    return step, 0


@inlined
def next_pair(key0, key1, counter, number, first, a, b):
    """The pair that a number is one of: the last pair (a, b), or a new one where it begins."""
    if first or number % 2 == 0:
        return normal_pair(key0, key1, counter, number // 2)
    return a, b


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
    counter, begin = counted(drawn, step)
    a, b = 0.0, 0.0
    for j in range(drawn):
        number = begin + j
        a, b = next_pair(key0, key1, counter, number, j == 0, a, b)
        p[first + j] = scale * (b if number % 2 else a)
