// The logistic function, for gates.
#pragma once
#include "common.cuh"

// s, 1 - s and s (1 - s), each exact to its own size.
__device__ __forceinline__ void sigmoid(REAL u, REAL &value, REAL &rest, REAL &slope) {
    const REAL lowest = lowest_exponent<REAL>(), down = -fabs(u);
    REAL p, scale;
    exponential(down < lowest ? lowest : down, p, scale);
    const REAL e = fma(scale, p, scale), large = reciprocal(REAL(1) + e), small = e * large;
    value = u > REAL(0) ? large : small;
    rest = u > REAL(0) ? small : large;
    slope = small * large;
}
