// One unit of a rate network: dx/dt = rate (-x + W phi(x) + b), or rate (-x + phi(W x + b)).
#pragma once
#include "common.cuh"
#include "activation.cuh"

#ifndef CURRENT
#define CURRENT 1
#endif

constexpr int SUMS = 1;    // products with the state that a unit needs
constexpr int OFFSETS = 1; // constants and inputs that are added to them
constexpr int FACTORS = 1; // numbers that a unit leaves for the Jacobian

// What the products take of a state.
__device__ __forceinline__ REAL sent(REAL x) {
    if (!CURRENT) return x;
    REAL value, slope;
    activation(x, value, slope);
    return value;
}

// From sums of unit i, offsets included, to its rate of change or its next state.
__device__ __forceinline__ REAL unit(REAL x, REAL rate, const REAL (&sums)[SUMS],
                                     const REAL (&)[OFFSETS], REAL (&factors)[FACTORS]) {
    REAL value, slope;
    activation(CURRENT ? x : sums[0], value, slope);
    factors[0] = CURRENT ? slope : rate * slope;
    const REAL change = rate * ((CURRENT ? sums[0] : value) - x);
    return FLOW ? change : x + change;
}

// The Jacobian's entry of row i and column l; `factors` are at unit * FACTORS.
__device__ __forceinline__ REAL entry(int i, int l, REAL rate, const REAL *weight, int,
                                      const REAL *factors) {
    const REAL own = i != l ? REAL(0) : FLOW ? -rate : REAL(1) - rate;
    const REAL scale = CURRENT ? rate * factors[l * FACTORS] : factors[i * FACTORS];
    return fma(scale, weight[0], own);
}
