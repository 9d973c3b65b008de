// Householder QR of an N x K matrix in the registers of one thread, or of L threads side by
// side in a warp, which take its columns in turn.
#pragma once
#include "common.cuh"

// The lanes of one member: column j belongs to lane j % L, as its column j / L.
template <int L> struct Lanes {
    int own;
    unsigned mask;

    __device__ __forceinline__ Lanes(int thread)
        : own(thread % L), mask(((1u << L) - 1u) << (thread % 32 / L * L)) {}
    __device__ __forceinline__ REAL from(int owner, REAL value) const {
        return __shfl_sync(mask, value, owner, L);
    }
    __device__ __forceinline__ bool holds_beyond(int column, int j) const {
        return column * L + own > j;
    }
};

template <> struct Lanes<1> {
    static constexpr int own = 0;

    __device__ __forceinline__ Lanes(int) {}
    __device__ __forceinline__ REAL from(int, REAL value) const { return value; }
    __device__ __forceinline__ bool holds_beyond(int column, int j) const { return column > j; }
};

// q[c] is one of this lane's columns; on return orthonormal, with R_jj >= 0 in `diagonal` and
// |a_j| in `norm`. Reflectors stay below the diagonal of q until Q overwrites them from the last
// column on, so that nothing of the size of q is needed beside it.
template <int N, int K, int L>
__device__ __forceinline__ void householder(const Lanes<L> &lanes, REAL (&q)[(K + L - 1) / L][N],
                                            REAL (&norm)[(K + L - 1) / L],
                                            REAL (&diagonal)[(K + L - 1) / L]) {
    constexpr int OWN = (K + L - 1) / L;
    REAL inverse[K]; // of the product by which a reflection divides; 0 where there is none
#pragma unroll
    for (int c = 0; c < OWN; ++c) {
        REAL total = q[c][0] * q[c][0];
#pragma unroll
        for (int i = 1; i < N; ++i) total = fma(q[c][i], q[c][i], total);
        norm[c] = sqrt(total);
    }
#pragma unroll
    for (int j = 0; j < K; ++j) {
        const int mine = j / L, owner = j % L;
        if (j == N - 1) {
            if (lanes.own == owner) diagonal[mine] = q[mine][j];
            continue;
        }
        REAL v[N];
#pragma unroll
        for (int i = j; i < N; ++i) v[i] = lanes.from(owner, q[mine][i]);
        REAL total = v[j] * v[j];
#pragma unroll
        for (int i = j + 1; i < N; ++i) total = fma(v[i], v[i], total);
        const REAL length = sqrt(total), r = v[j] >= REAL(0) ? -length : length;
        v[j] -= r;
        const REAL product = -r * v[j];
        inverse[j] = product == REAL(0) ? REAL(0) : REAL(1) / product;
        if (lanes.own == owner) diagonal[mine] = r, q[mine][j] = v[j];
#pragma unroll
        for (int c = mine; c < OWN; ++c) {
            if (c == mine && owner == L - 1) continue;
            REAL dot = v[j] * q[c][j];
#pragma unroll
            for (int i = j + 1; i < N; ++i) dot = fma(v[i], q[c][i], dot);
            dot = lanes.holds_beyond(c, j) ? -inverse[j] * dot : REAL(0);
#pragma unroll
            for (int i = j; i < N; ++i) q[c][i] = fma(dot, v[i], q[c][i]);
        }
    }
#pragma unroll
    for (int j = K - 1; j >= 0; --j) {
        const int mine = j / L, owner = j % L;
        if (j == N - 1) {
#pragma unroll
            for (int i = 0; i < N; ++i)
                if (lanes.own == owner) q[mine][i] = REAL(i == j);
            continue;
        }
        REAL v[N];
#pragma unroll
        for (int i = j; i < N; ++i) v[i] = lanes.from(owner, q[mine][i]);
        // Columns after j are of Q already, but for their row j, which is still 0.
#pragma unroll
        for (int c = mine; c < OWN; ++c) {
            if (c == mine && owner == L - 1) continue;
            REAL dot = v[j + 1] * q[c][j + 1];
#pragma unroll
            for (int i = j + 2; i < N; ++i) dot = fma(v[i], q[c][i], dot);
            if (!lanes.holds_beyond(c, j)) continue;
            dot *= -inverse[j];
            q[c][j] = dot * v[j];
#pragma unroll
            for (int i = j + 1; i < N; ++i) q[c][i] = fma(dot, v[i], q[c][i]);
        }
        if (lanes.own != owner) continue;
        const REAL scale = -inverse[j] * v[j];
#pragma unroll
        for (int i = j + 1; i < N; ++i) q[mine][i] = scale * v[i];
        q[mine][j] = fma(scale, v[j], REAL(1));
#pragma unroll
        for (int i = 0; i < j; ++i) q[mine][i] = REAL(0);
    }
#pragma unroll
    for (int c = 0; c < OWN; ++c) {
        const REAL sign = diagonal[c] >= REAL(0) ? REAL(1) : REAL(-1);
        diagonal[c] *= sign;
#pragma unroll
        for (int i = 0; i < N; ++i) q[c][i] *= sign;
    }
}
