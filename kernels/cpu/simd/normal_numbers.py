"""Standard normal numbers, each a function of a key and a counter: no state is carried along.

The noise of member b in step s is the same whichever thread, block of lanes or device works it
out, and steps can be taken again. `straight_line` reads these lines for a register of lanes, Numba
compiles them for single numbers, and the bits are the same: fused products are spelled with fma
and nothing else is fused.

All integers are int64, whose sums wrap, and mean their 64 bits: uint64 and int64 meet as float64
in Numba.

Measured on Zen 4: relative error 6.1e-16 at most, 1.6 ns a number in registers of 8 lanes, 2.2 ns
in those of 4 and 5.7 ns one at a time. A third is Threefry.
"""

import math

from ...jit import exact_inlined as inlined
from .elementwise import as_bits, fma, from_bits, logical_shift_right

PARITY = 0x1BD11BDAA9FC1A22  # of Threefish: no key makes all three words of its schedule 0
ONE = 0x3FF0000000000000  # the bits of 1.0: 52 bits below them make a number in [1, 2)
LARGE = 0x4330000000000000  # those of 2^52: an integer below them is added to it
ROOT_HALF = 0x3FE6A09E667F3BCD  # those of sqrt(1/2)
FRACTION = 0x000FFFFFFFFFFFFF
ZERO_EXPONENT = 2.0**52 + 1023.0

# Minimax polynomials of relative error below 4e-18 (Remez in 60 digits): -2 log((1 + s)/(1 - s))/s
# in s^2 for numbers from sqrt(1/2) to sqrt(2), sin(pi g/2)/g and cos(pi g/2) in g^2, |g| <= 1/2.
L0, L1, L2, L3, L4, L5, L6, L7 = (
    -4.0, -1.3333333333333468, -0.7999999999882864, -0.5714285748494975,
    -0.4444439712697013, -0.3636712973343843, -0.306280716672559, -0.2959221092129676,
)  # fmt: skip
S0, S1, S2, S3, S4, S5, S6 = (
    1.5707963267948966, -0.645964097506245, 0.07969262624606273, -0.004681754132616259,
    0.00016044115259842477, -3.5986493403655836e-06, 5.6346750391854165e-08,
)  # fmt: skip
C1, C2, C3, C4, C5, C6, C7 = (
    -1.2337005501361697, 0.2536695079010469, -0.020863480763315442, 0.0009192602742250308,
    -2.5202036991523858e-05, 4.7106156574020435e-07, -6.321892419573816e-09,
)  # fmt: skip
MINUS_2_LOG_2 = -2.0 * math.log(2.0)


@inlined
def mixed(x0, x1, places):
    """One round: add, rotate, xor. Rotations written so are single instructions of AVX-512."""
    total = x0 + x1
    rotated = (x1 << places) | logical_shift_right(x1, 64 - places)
    return total, rotated ^ total


@inlined
def threefry(key0, key1, counter0, counter1):
    """Threefry-2x64 with 13 rounds (Salmon, Moraes, Dror and Shaw, SC'11): two words of 64 bits.

    13 rounds are the fewest that they found to pass all of BigCrush. Words that are the same for
    all lanes stay single ones for as long as they can.
    """
    key2 = key0 ^ key1 ^ PARITY
    x0, x1 = counter0 + key0, counter1 + key1
    x0, x1 = mixed(x0, x1, 16)
    x0, x1 = mixed(x0, x1, 42)
    x0, x1 = mixed(x0, x1, 12)
    x0, x1 = mixed(x0, x1, 31)
    x0, x1 = x0 + key1, x1 + (key2 + 1)
    x0, x1 = mixed(x0, x1, 16)
    x0, x1 = mixed(x0, x1, 32)
    x0, x1 = mixed(x0, x1, 24)
    x0, x1 = mixed(x0, x1, 21)
    x0, x1 = x0 + key2, x1 + (key0 + 2)
    x0, x1 = mixed(x0, x1, 16)
    x0, x1 = mixed(x0, x1, 42)
    x0, x1 = mixed(x0, x1, 12)
    x0, x1 = mixed(x0, x1, 31)
    x0, x1 = x0 + key0, x1 + (key1 + 3)
    return mixed(x0, x1, 16)


@inlined
def minus_two_log(u):
    """-2 log u of a normal positive number.

    u = 2^e m, where sqrt(1/2) <= m < sqrt(2) as 1 must come from e = 0: its logarithm and those
    near it are then as exact as others. With s = (m - 1)/(m + 1) log m is 2 artanh s: the division
    runs beside everything else, and the polynomial is a third of one in m.
    """
    moved = as_bits(u) + (ONE - ROOT_HALF)
    m = from_bits((moved & FRACTION) + ROOT_HALF)
    e = from_bits(logical_shift_right(moved, 52) | LARGE) - ZERO_EXPONENT
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    z2 = z * z
    low = fma(z2, fma(z, L3, L2), fma(z, L1, L0))
    high = fma(z2, fma(z, L7, L6), fma(z, L5, L4))
    return fma(e, MINUS_2_LOG_2, s * fma(z2 * z2, high, low))


@inlined
def cosine_and_sine(g):
    """Of pi g/2, |g| <= 1/2."""
    y = g * g
    y2 = y * y
    y4 = y2 * y2
    sine_low = fma(y2, fma(y, S3, S2), fma(y, S1, S0))
    sine_high = fma(y2, S6, fma(y, S5, S4))
    cosine_low = fma(y2, C3, fma(y, C2, C1))
    cosine_high = fma(y2, fma(y, C7, C6), fma(y, C5, C4))
    # The terms of the cosine are y (low + y^3 high).
    cosine = fma(y, fma(y * y2, cosine_high, cosine_low), 1.0)
    return cosine, g * fma(y4, sine_high, sine_low)


@inlined
def box_muller(word0, word1):
    """Two standard normal numbers from 128 random bits.

    The upper 52 bits of the first word are u in (0, 1], so no number is beyond 8.5. Those of the
    second are an angle in [-pi/4, pi/4); its lowest two bits, which are not among them, take the
    point from there to anywhere on the circle: half a turn, and a reflection at the diagonal. So
    the angle is reduced without rounding.
    """
    u = 2.0 - from_bits(logical_shift_right(word0, 12) | ONE)
    g = from_bits(logical_shift_right(word1, 12) | ONE) - 1.5
    radius = math.sqrt(minus_two_log(u))
    turned = from_bits(as_bits(radius) ^ (word1 << 63))
    cosine, sine = cosine_and_sine(g)
    reflected = (word1 << 62) < 0
    first = sine if reflected else cosine
    second = cosine if reflected else sine
    return turned * first, turned * second


@inlined
def normal_pair(key0, key1, counter0, counter1):
    """Two standard normal numbers that belong to a key and a counter, each of 128 bits."""
    word0, word1 = threefry(key0, key1, counter0, counter1)
    return box_muller(word0, word1)
