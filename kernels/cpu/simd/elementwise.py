"""Branch-free elementary functions that LLVM turns into SIMD code.

NumPy's and libm's versions are calls, and a call in a loop stops vectorisation (measured: 7
times slower). Accuracy is 1 to 3 ulp; special values propagate as in NumPy.
"""

import math

from llvmlite import ir
from numba import float64, int64, types
from numba.extending import intrinsic

from ...jit import exact_inlined as inlined

LOG2E = 1.4426950408889634
LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it leaves the nearest integer in the low bits
# (exp(r) - 1 - r) / r^2 on |r| <= ln2/2, of degree 9, relative to exp(r): remainder 4e-18, which
# Taylor's polynomial has with two products more.
EXP = (
    0.5000000000000011, 0.16666666666666413, 0.04166666666653016, 0.008333333333494465,
    0.001388888894363005, 0.0001984126950657133, 2.480149309892918e-05, 2.7557586380882427e-06,
    2.7630248379742436e-07, 2.5000059256054842e-08,
)  # fmt: skip


@intrinsic
def as_bits(typingctx, value):
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return int64(types.float64), codegen


@intrinsic
def from_bits(typingctx, value):
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return float64(types.int64), codegen


@intrinsic
def logical_shift_right(typingctx, bits, places):
    """bits >> places with zeros from the left, where >> of a signed integer brings its sign."""

    def codegen(context, builder, signature, args):
        return builder.lshr(*args)

    return int64(types.int64, types.int64), codegen


@intrinsic
def fma(typingctx, a, b, c):
    """a * b + c with one rounding."""

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return float64(types.float64, types.float64, types.float64), codegen


@inlined
def expm1_parts(x):
    """(p, s) with exp(x) = s * p + s and expm1(x) = s * p + (s - 1), for |x| <= 708."""
    shifted = fma(x, LOG2E, ROUND)
    whole = shifted - ROUND
    r = fma(whole, -LN2_LOW, fma(whole, -LN2_HIGH, x))
    # Estrin's scheme: half the depth of Horner's. Two chains of dependent products fill what a
    # core can keep in flight, so depth is time (two-unit block: a seventh faster).
    r2 = r * r
    r4 = r2 * r2
    low = fma(r2, fma(r, EXP[3], EXP[2]), fma(r, EXP[1], EXP[0]))
    middle = fma(r2, fma(r, EXP[7], EXP[6]), fma(r, EXP[5], EXP[4]))
    p = fma(r2, fma(r4, fma(r4, fma(r, EXP[9], EXP[8]), middle), low), r)
    scale = from_bits((as_bits(shifted) + 1023) << 52)
    return p, scale


@inlined
def exp(x):
    bounded = -708.0 if x < -708.0 else x
    bounded = 709.0 if bounded > 709.0 else bounded
    p, scale = expm1_parts(bounded)
    value = fma(scale, p, scale)
    value = 0.0 if x < -708.0 else value
    value = math.inf if x > 709.0 else value
    return value + 0.0 * bounded


@inlined
def tanh_pair(u):
    """(tanh u, sech^2 u); sech^2 from the exponential, 4e/(1+e)^2 with e = exp(-2|u|)."""
    twice = -2.0 * abs(u)
    bounded = -708.0 if twice < -708.0 else twice
    p, scale = expm1_parts(bounded)
    e = fma(scale, p, scale)
    em1 = fma(scale, p, scale - 1.0)
    reciprocal = 1.0 / (1.0 + e)
    value = math.copysign(em1 * reciprocal, u)
    double = 2.0 * reciprocal
    return value, double * double * e


@inlined
def tanh(u):
    return tanh_pair(u)[0]


@inlined
def sech2(u):
    return tanh_pair(u)[1]


@inlined
def sigmoid_pair(u):
    """(1/(1+exp(-u)), its derivative), without overflow for either sign."""
    value, slope = tanh_pair(0.5 * u)
    return 0.5 + 0.5 * value, 0.25 * slope


@inlined
def sigmoid_parts(u):
    """(s, 1 - s, s (1 - s)) of s = 1/(1+exp(-u)), each exact to its own size: a gate that is
    1e-20 from closed is still open to tangents."""
    e = exp(-abs(u))
    large = 1.0 / (1.0 + e)
    small = e * large
    return (large if u > 0.0 else small), (small if u > 0.0 else large), small * large


# (2 atanh(s) - 2 s) / s^3 as a polynomial of s^2, |s| <= .1716: log(1 + f) = 2 atanh(s) with
# s = f / (2 + f). Remainder 2e-18.
LOG = (
    0.6666666666666685, 0.39999999999701613, 0.28571428684278377, 0.22222204095438736,
    0.1818329541354449, 0.15320552887218214, 0.1473405208393403,
)  # fmt: skip


@inlined
def log1p(e):
    """log(1 + e) for 0 <= e <= 1."""
    large = e > 0.41421356237309503
    f = 0.5 * e - 0.5 if large else e
    s = f / (2.0 + f)
    z = s * s
    z2 = z * z
    low = fma(z2, fma(z, LOG[3], LOG[2]), fma(z, LOG[1], LOG[0]))
    p = fma(z2 * z2, fma(z2, LOG[6], fma(z, LOG[5], LOG[4])), low)
    # f - s (f - s^2 p) = 2 s + s^3 p: the leading term is exact.
    value = f - s * fma(-z, p, f)
    return (value + LN2_LOW) + LN2_HIGH if large else value


@inlined
def softplus_pair(u):
    e = exp(-abs(u))
    reciprocal = 1.0 / (1.0 + e)
    value = log1p(e) + (u if u > 0.0 else 0.0)
    return value, (reciprocal if u > 0.0 else e * reciprocal)


# erf(x) = x P(x^2) on [0, 1], remainder 7e-18; above, 1 - exp(-x^2) G(2 / (2 + x)), 2e-17.
ERF = (
    1.1283791670955126, -0.3761263890318352, 0.11283791670944185, -0.02686617064311146,
    0.005223977606118426, -0.0008548325929311893, 0.00012055293576816174, -1.492471230029015e-05,
    1.6447131549126013e-06, -1.6206313583187198e-07, 1.3710979620445635e-08, -7.779467009284168e-10,
)  # fmt: skip
ERFCX = (
    2.856622671602244e-05, 0.2814720475960517, 0.2882185801485814, 0.21112298634321325,
    0.3125213323856387, -0.26822638226878504, 0.6065076996109595, -0.7200306996520397,
    0.2858136753031323, 0.07891464567689094, -0.10075791713798456, 0.0244177491765941,
)  # fmt: skip


@inlined
def twelve(c, z):
    """A polynomial of degree 11, by Estrin's scheme."""
    z2 = z * z
    z4 = z2 * z2
    low = fma(z2, fma(z, c[3], c[2]), fma(z, c[1], c[0]))
    middle = fma(z2, fma(z, c[7], c[6]), fma(z, c[5], c[4]))
    high = fma(z2, fma(z, c[11], c[10]), fma(z, c[9], c[8]))
    return fma(z4, fma(z4, high, middle), low)


@inlined
def erf_pair(u):
    size = abs(u)
    bell = exp(-u * u)
    clipped = 6.0 if size > 6.0 else size  # from where on it is 1
    far = fma(-bell, twelve(ERFCX, 2.0 / (2.0 + clipped)), 1.0)
    near = size * twelve(ERF, u * u)
    return math.copysign(far if size > 1.0 else near, u), 1.1283791670955126 * bell


@inlined
def erf(u):
    return erf_pair(u)[0]


@inlined
def relu_pair(u):
    return (u if u > 0.0 else 0.0 * u), (1.0 if u > 0.0 else 0.0 * u)


@inlined
def sign(u):
    return 1.0 if u > 0.0 else (-1.0 if u < 0.0 else 0.0 * u)


@inlined
def wrap(x, period):
    """x modulo period, in [0, period) for a positive period."""
    return x - period * math.floor(x / period)
