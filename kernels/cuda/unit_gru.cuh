// A gated recurrent unit as in kernels/cpu/cells.py, the reset after the product:
// r = s(a), z = s(b), m = tanh(c + r inner); h' = z h + (1 - z) m, or (1 - z) (m - h) of a flow.
#pragma once
#include "common.cuh"
#include "sigmoid.cuh"

constexpr int SUMS = 3;
constexpr int OFFSETS = 4; // the last is of what the reset does not multiply
constexpr int FACTORS = 4;

__device__ __forceinline__ REAL sent(REAL h) { return h; }

__device__ __forceinline__ REAL unit(REAL h, REAL, const REAL (&sums)[SUMS],
                                     const REAL (&offsets)[OFFSETS], REAL (&factors)[FACTORS]) {
    REAL r, z, rest, m, r_slope, z_slope, m_slope, unused;
    sigmoid(sums[0], r, unused, r_slope);
    sigmoid(sums[1], z, rest, z_slope);
    tanh_pair(fma(r, sums[2], offsets[3]), m, m_slope);
    const REAL through = rest * m_slope;
    factors[0] = FLOW ? -rest : z;
    factors[1] = through * sums[2] * r_slope;
    factors[2] = (h - m) * z_slope;
    factors[3] = through * r;
    return FLOW ? rest * (m - h) : fma(z, h, rest * m);
}

__device__ __forceinline__ REAL entry(int i, int l, REAL, const REAL *weight, int apart,
                                      const REAL *factors) {
    const REAL *f = factors + i * FACTORS;
    const REAL gates = fma(f[1], weight[0], fma(f[2], weight[apart], f[3] * weight[2 * apart]));
    return i == l ? f[0] + gates : gates;
}
