// Householder QR of an (n, k) matrix spread over the registers of a block.
#pragma once
#include "tile.cuh"

// What the threads share: reflector j at reflectors + j * ROWS; for each column the factor of its
// reflection, R_jj and |a_j|.
struct Reflections {
    REAL *reflectors, *factor, *diagonal, *norm;
};

__device__ __forceinline__ void column_norms(const Tile &q, int k, REAL *norm) {
    const Place place;
#pragma unroll
    for (int c = 0; c < TILE_COLUMNS; ++c) {
        REAL total = REAL(0);
#pragma unroll
        for (int r = 0; r < TILE_ROWS; ++r) total = fma(q[r][c], q[r][c], total);
        total = place.sum(total);
        const int j = place.first_column() + c;
        if (place.down == 0 && j < k) norm[j] = sqrt(total);
    }
}

// The threads of column j make its reflector; `c` is where they have it.
template <int c>
__device__ __forceinline__ void make_reflector(const Tile &q, int j, const Reflections &all) {
    const Place place;
    REAL total = REAL(0), pivot = REAL(0);
#pragma unroll
    for (int r = 0; r < TILE_ROWS; ++r) {
        const int i = place.row(r);
        if (i == j) pivot = q[r][c];
        if (i >= j) total = fma(q[r][c], q[r][c], total);
    }
    total = place.sum(total);
    pivot = place.sum(pivot); // one of them has it, the others 0
    const REAL length = sqrt(total), R = pivot >= REAL(0) ? -length : length;
    const REAL head = pivot - R, divisor = -R * head;
    REAL *v = all.reflectors + j * ROWS;
#pragma unroll
    for (int r = 0; r < TILE_ROWS; ++r) {
        const int i = place.row(r);
        v[i] = i > j ? q[r][c] : i == j ? head : REAL(0);
    }
    if (place.down == 0) {
        all.factor[j] = divisor == REAL(0) ? REAL(0) : REAL(-1) / divisor;
        all.diagonal[j] = R;
    }
}

// Columns of q from `first` on, reflected.
__device__ __forceinline__ void reflect(int j, int first, const Reflections &all, Tile &q) {
    const Place place;
    if (place.first_column() + TILE_COLUMNS <= first) return;
    REAL v[TILE_ROWS];
    load_rows(place, all.reflectors + j * ROWS, v);
    const REAL factor = all.factor[j];
#pragma unroll
    for (int c = 0; c < TILE_COLUMNS; ++c) {
        REAL dot = REAL(0);
#pragma unroll
        for (int r = 0; r < TILE_ROWS; ++r) dot = fma(v[r], q[r][c], dot);
        dot = place.sum(dot) * (place.first_column() + c >= first ? factor : REAL(0));
#pragma unroll
        for (int r = 0; r < TILE_ROWS; ++r) q[r][c] = fma(dot, v[r], q[r][c]);
    }
}

template <int c>
__device__ __forceinline__ void eliminate(int across, int k, const Reflections &all, Tile &q) {
    const int j = across * TILE_COLUMNS + c;
    if (j < k) {
        if (Place().across == across) make_reflector<c>(q, j, all);
        __syncthreads();
        reflect(j, j + 1, all, q);
    }
    if constexpr (c + 1 < TILE_COLUMNS) eliminate<c + 1>(across, k, all, q);
}

// q becomes Q with R_jj >= 0; norms and R_jj are left in `all`, to be read after a barrier.
// Shared memory must not be in use before this by anybody.
__device__ __forceinline__ void orthonormalise(int n, int k, const Reflections &all, Tile &q) {
    const Place place;
    column_norms(q, k, all.norm);
#pragma unroll 1
    for (int across = 0; across * TILE_COLUMNS < k; ++across) eliminate<0>(across, k, all, q);
    // From the identity by all reflections backwards: columns need nothing of each other.
#pragma unroll
    for (int r = 0; r < TILE_ROWS; ++r)
#pragma unroll
        for (int c = 0; c < TILE_COLUMNS; ++c) {
            const int i = place.row(r), j = place.first_column() + c;
            q[r][c] = REAL(i == j && j < k);
        }
#pragma unroll 1
    for (int j = k - 1; j >= 0; --j) reflect(j, j, all, q);
#pragma unroll
    for (int c = 0; c < TILE_COLUMNS; ++c) {
        const int j = place.first_column() + c;
        const bool turn = j < k && all.diagonal[j] < REAL(0);
#pragma unroll
        for (int r = 0; r < TILE_ROWS; ++r) q[r][c] = turn ? -q[r][c] : q[r][c];
    }
}
