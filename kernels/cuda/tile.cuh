// A ROWS x COLUMNS matrix spread over the registers of a block: every thread has a tile of it.
//
// Thread (across, down) holds TILE_COLUMNS columns from across * TILE_COLUMNS on. Its rows come in
// groups of 16 bytes, so that they load as vectors without bank conflicts; the DOWN threads that
// share columns lie side by side in a warp, so that sums over rows are shuffles.
#pragma once
#include "common.cuh"

#ifndef ROWS
#define ROWS 64
#endif
#ifndef COLUMNS
#define COLUMNS ROWS
#endif
#ifndef TILE_ROWS
#define TILE_ROWS (sizeof(REAL) == 4 ? 8 : 4)
#endif
#ifndef TILE_COLUMNS
#define TILE_COLUMNS 4
#endif

constexpr int GROUP = 16 / sizeof(REAL);
constexpr int DOWN = ROWS / (TILE_ROWS);
constexpr int ACROSS = COLUMNS / TILE_COLUMNS;
constexpr int THREADS = DOWN * ACROSS;

static_assert((TILE_ROWS) % GROUP == 0, "rows of a tile are whole groups");
static_assert(DOWN <= 32 && (DOWN & (DOWN - 1)) == 0, "columns lie within a warp");

typedef REAL Tile[TILE_ROWS][TILE_COLUMNS];

// A number that the compiler has to take as new each time. Otherwise it computes the addresses and
// limits of all loops once and keeps them: 100 registers where tiles need 200 of 255.
__device__ __forceinline__ int renewed(int number) {
#ifndef LYAPAX_EMULATED
    asm volatile("" : "+r"(number));
#endif
    return number;
}

// Where a thread stands; every function asks anew.
struct Place {
    int across, down;
    unsigned mask; // of the threads that share these columns

    __device__ __forceinline__ Place() {
        const int thread = renewed(threadIdx.x);
        across = thread / DOWN, down = thread % DOWN;
        mask = (DOWN == 32 ? 0xffffffffu : (1u << (DOWN % 32)) - 1u) << (thread % 32 / DOWN * DOWN);
    }
    __device__ __forceinline__ int first_column() const { return across * TILE_COLUMNS; }
    __device__ __forceinline__ int row(int r) const {
        return (r / GROUP * DOWN + down) * GROUP + r % GROUP;
    }
    // The sum over all rows of a column, the same bits in each of its threads.
    __device__ __forceinline__ REAL sum(REAL value) const {
#pragma unroll
        for (int distance = DOWN / 2; distance > 0; distance /= 2)
            value += __shfl_xor_sync(mask, value, distance);
        return value;
    }
};

struct __align__(16) Vector {
    REAL value[GROUP];
};

// The rows of this thread out of one column in shared memory.
__device__ __forceinline__ void load_rows(const Place &place, const REAL *column,
                                          REAL (&a)[TILE_ROWS]) {
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r += GROUP) {
        const Vector v = *reinterpret_cast<const Vector *>(column + place.row(r));
#pragma unroll
        for (int e = 0; e < GROUP; ++e) a[r + e] = v.value[e];
    }
}

// Its columns out of one row.
__device__ __forceinline__ void load_columns(const REAL *row, REAL (&b)[TILE_COLUMNS]) {
    if constexpr (TILE_COLUMNS % GROUP != 0) {
#pragma unroll
        for (int c = 0; c < TILE_COLUMNS; ++c) b[c] = row[c];
    } else {
#pragma unroll
        for (int c = 0; c < TILE_COLUMNS; c += GROUP) {
            const Vector v = *reinterpret_cast<const Vector *>(row + c);
#pragma unroll
            for (int e = 0; e < GROUP; ++e) b[c + e] = v.value[e];
        }
    }
}

// d = J y: column l of J at matrix + l * ROWS, row l of y at vectors + l * COLUMNS.
__device__ __forceinline__ void product(const REAL *matrix, const REAL *vectors, int n, Tile &d) {
    const Place place;
#pragma unroll
    for (int r = 0; r < TILE_ROWS; ++r)
#pragma unroll
        for (int c = 0; c < TILE_COLUMNS; ++c) d[r][c] = REAL(0);
    const REAL *row = vectors + place.first_column();
#pragma unroll 2
    for (int l = 0; l < n; ++l) {
        REAL a[TILE_ROWS], b[TILE_COLUMNS];
        load_rows(place, matrix + l * ROWS, a);
        load_columns(row + l * COLUMNS, b);
#pragma unroll
        for (int r = 0; r < TILE_ROWS; ++r)
#pragma unroll
            for (int c = 0; c < TILE_COLUMNS; ++c) d[r][c] = fma(a[r], b[c], d[r][c]);
    }
}

__device__ __forceinline__ void publish(const Tile &y, int n, REAL *vectors) {
    const Place place;
#pragma unroll
    for (int r = 0; r < TILE_ROWS; ++r) {
        const int i = place.row(r);
        if (i >= n) continue;
#pragma unroll
        for (int c = 0; c < TILE_COLUMNS; ++c)
            vectors[i * COLUMNS + place.first_column() + c] = y[r][c];
    }
}

// Of an (n, k) matrix in memory; what the tile has beyond it is zero and stays so.
__device__ __forceinline__ void load_tile(const REAL *from, int n, int k, Tile &q) {
    const Place place;
#pragma unroll
    for (int r = 0; r < TILE_ROWS; ++r)
#pragma unroll
        for (int c = 0; c < TILE_COLUMNS; ++c) {
            const int i = place.row(r), j = place.first_column() + c;
            q[r][c] = i < n && j < k ? from[(long long)i * k + j] : REAL(0);
        }
}

__device__ __forceinline__ void store_tile(const Tile &q, int n, int k, REAL *to) {
    const Place place;
#pragma unroll
    for (int r = 0; r < TILE_ROWS; ++r)
#pragma unroll
        for (int c = 0; c < TILE_COLUMNS; ++c) {
            const int i = place.row(r), j = place.first_column() + c;
            if (i < n && j < k) to[(long long)i * k + j] = q[r][c];
        }
}
