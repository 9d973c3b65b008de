// Recurrent cells, elementwise, as in kernels/cpu/cells.py: from the sums of the gates to the next
// state or, of a flow, its rate of change, and to the factors of the Jacobian.
#include "common.cuh"
#include "sigmoid.cuh"

enum { RNN = 0, GRU = 1, RESET_GRU = 2, LSTM = 3, RELU = 4 };

#ifndef CELL
#define CELL GRU
#endif
#ifndef FLOW
#define FLOW 0
#endif

// One layer: sums (members, gates, n), inner (members, n), states (members, rows, n) before and
// after, an LSTM's c as many rows as there are layers below its h, factors (members, layers,
// `kinds`, n).
#define LAYER                                                                                      \
    const REAL *all_sums, REAL *all_inner, const REAL *before, REAL *after, REAL *all_factors,     \
        int layer, int layers, int gates, int rows, int kinds, int n, int members

#define EACH_UNIT                                                                                  \
    const long long e = blockIdx.x * (long long)blockDim.x + threadIdx.x;                          \
    if (e >= (long long)members * n) return;                                                       \
    const long long b = e / n, i = e % n;                                                          \
    const REAL *sums = all_sums + b * gates * n + i, *now = before + (b * rows + layer) * n + i;   \
    REAL *inner = all_inner + e, *factors = all_factors + (b * layers + layer) * kinds * n + i;

// The first half of a GRU that resets before the product: inner = r h.
extern "C" __global__ void reset(LAYER) {
    EACH_UNIT
    const REAL h = *now;
    REAL r, rest, slope;
    sigmoid(sums[0], r, rest, slope);
    *inner = r * h;
    factors[0] = r, factors[n] = h * slope;
}

extern "C" __global__ void cell(LAYER) {
    EACH_UNIT
    const REAL h = *now;
    REAL *later = after + (b * rows + layer) * n + i, &next = *later;
    if (CELL == RNN) {
        factors[0] = REAL(0);
        tanh_pair(sums[0], next, factors[n]);
    } else if (CELL == RELU) {
        const REAL u = sums[0];
        factors[0] = REAL(0);
        next = u > REAL(0) ? u : REAL(0) * u;
        factors[n] = u > REAL(0) ? REAL(1) : REAL(0) * u;
    } else if (CELL == LSTM) {
        REAL in, in_slope, kept, kept_slope, out, out_slope, rest, g, g_slope, value, slope;
        sigmoid(sums[0], in, rest, in_slope);
        sigmoid(sums[n], kept, rest, kept_slope);
        tanh_pair(sums[2 * n], g, g_slope);
        sigmoid(sums[3 * n], out, rest, out_slope);
        const REAL old = now[layers * n], c = fma(kept, old, in * g);
        later[layers * n] = c;
        tanh_pair(c, value, slope);
        next = out * value;
        factors[0] = kept, factors[n] = g * in_slope, factors[2 * n] = old * kept_slope;
        factors[3 * n] = in * g_slope, factors[4 * n] = out * slope;
        factors[5 * n] = value * out_slope;
    } else {
        REAL r = REAL(0), r_slope = REAL(0), z, rest, z_slope, m, m_slope, unused;
        if (CELL == GRU) sigmoid(sums[0], r, unused, r_slope);
        sigmoid(sums[n], z, rest, z_slope);
        tanh_pair(CELL == GRU ? fma(r, *inner, sums[2 * n]) : sums[2 * n], m, m_slope);
        const REAL through = rest * m_slope;
        next = FLOW ? rest * (m - h) : fma(z, h, rest * m);
        const REAL own = FLOW ? -rest : z;
        if (CELL == GRU) {
            factors[0] = own, factors[n] = through * *inner * r_slope;
            factors[2 * n] = (h - m) * z_slope, factors[3 * n] = through * r;
        } else { // after `reset`
            factors[2 * n] = own, factors[3 * n] = (h - m) * z_slope;
        }
        factors[4 * n] = through;
    }
}
