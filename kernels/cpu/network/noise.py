"""White noise of rate networks, by counters: a function of the key, the step and the unit.

A C function that is compiled where there is noise: with the generator it would be a sixteenth of
all that a network without noise compiles.
"""

from functools import cache

from numba import float64, int64, types, void

from ...jit import c_function
from ..traced.drawing import counted, next_pair


def draw(n, count, across, down, step, noise_size, noise, keys, out):
    """out = the noise of a step for so many members, each by its own key; all by address."""
    for g in range(count):
        counter, begin = counted(n, step)
        a, b = 0.0, 0.0
        for i in range(n):
            number = begin + i
            first, second = keys[2 * g], keys[2 * g + 1]
            a, b = next_pair(first, second, counter, number, i == 0, a, b)
            own = noise[g * noise_size + i]
            out[g * across + i * down] = (b if number % 2 else a) * own


@cache
def noise_of_step():
    numbers = [int64] * 6
    addresses = types.CPointer(float64), types.CPointer(int64), types.CPointer(float64)
    return c_function(void(*numbers, *addresses))(draw)
