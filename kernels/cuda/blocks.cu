// One member a block: tangents in registers, the Jacobian of a stage in shared memory.
//
// Every stage forms its Jacobian once from the weights and a few factors of each unit, and
// multiplies the tangents by it: so one kernel serves rate networks and gated ones. Forming costs
// 1/k of the product. UNIT names the file that says what a unit does.
#ifndef FLOW
#define FLOW 1
#endif
#ifndef RESIDENT
#define RESIDENT 1 // whether weights have room in shared memory; else they stream from the L2 cache
#endif
#include "common.cuh"
#include "block_householder.cuh"
#include "unit.cuh"

constexpr int PARTS = THREADS >= ROWS ? THREADS / ROWS : 1; // threads that share a unit's sums

// Of one member, all padded to ROWS: weights (SUMS, n, ROWS), transposed; offsets (inputs, OFFSETS,
// ROWS), where row `step` of the inputs is in them; rate (ROWS).
struct Member {
    const REAL *weights, *offsets, *rate;
    int n, inputs;
};

// What its block keeps in shared memory, at places that the compiler knows: an address that it
// would have to keep costs a register of a tile.
struct Shared {
    static constexpr int VECTORS = ROWS * ROWS, WEIGHTS = VECTORS + ROWS * COLUMNS,
                         STAGE = WEIGHTS + (RESIDENT ? SUMS * ROWS * ROWS : 0), SENT = STAGE + ROWS,
                         BASE = SENT + ROWS, TOTAL = BASE + ROWS, RATE = TOTAL + ROWS,
                         PARTIAL = RATE + ROWS, FACTOR = PARTIAL + PARTS * SUMS * ROWS,
                         COLUMN = FACTOR + FACTORS * ROWS, SIZE = COLUMN + 3 * COLUMNS;

    REAL *jacobian;

    __device__ __forceinline__ Shared(REAL *memory) : jacobian(memory) {}
    __device__ __forceinline__ REAL *vectors() const { return jacobian + VECTORS; }
    __device__ __forceinline__ REAL *weights() const { return jacobian + WEIGHTS; }
    __device__ __forceinline__ REAL *stage() const { return jacobian + STAGE; }
    __device__ __forceinline__ REAL *sent() const { return jacobian + SENT; }
    __device__ __forceinline__ REAL *base() const { return jacobian + BASE; }
    __device__ __forceinline__ REAL *total() const { return jacobian + TOTAL; }
    __device__ __forceinline__ REAL *rate() const { return jacobian + RATE; }
    __device__ __forceinline__ REAL *partial() const { return jacobian + PARTIAL; }
    __device__ __forceinline__ REAL *factors() const { return jacobian + FACTOR; }
    __device__ __forceinline__ Reflections reflections() const {
        REAL *columns = jacobian + COLUMN;
        return {vectors(), columns, columns + COLUMNS, columns + 2 * COLUMNS};
    }
};

// Sums of weights times what is sent, in PARTS for each unit.
__device__ __forceinline__ void multiply_state(const Member &member, const Shared &shared) {
    const REAL *weights = RESIDENT ? shared.weights() : member.weights;
    const int n = member.n, share = (n + PARTS - 1) / PARTS;
    for (int at = threadIdx.x; at < PARTS * ROWS; at += THREADS) {
        const int i = at % ROWS, part = at / ROWS, last = min(n, (part + 1) * share);
        REAL sums[SUMS];
#pragma unroll
        for (int g = 0; g < SUMS; ++g) sums[g] = REAL(0);
        for (int l = part * share; l < last; ++l)
#pragma unroll
            for (int g = 0; g < SUMS; ++g)
                sums[g] = fma(weights[(g * n + l) * ROWS + i], shared.sent()[l], sums[g]);
#pragma unroll
        for (int g = 0; g < SUMS; ++g) shared.partial()[(part * SUMS + g) * ROWS + i] = sums[g];
    }
}

// From the sums to the state of the next stage (`stage` 3 of a flow: of the next step).
__device__ __forceinline__ void move_state(const Member &member, const Shared &shared, int stage,
                                           long long step, double dt) {
    const REAL *offsets = member.offsets + (step % member.inputs) * OFFSETS * ROWS;
    for (int i = threadIdx.x; i < member.n; i += THREADS) {
        REAL sums[SUMS], own[OFFSETS], factors[FACTORS];
#pragma unroll
        for (int g = 0; g < OFFSETS; ++g) own[g] = offsets[g * ROWS + i];
#pragma unroll
        for (int g = 0; g < SUMS; ++g) {
            sums[g] = own[g];
#pragma unroll
            for (int part = 0; part < PARTS; ++part)
                sums[g] += shared.partial()[(part * SUMS + g) * ROWS + i];
        }
        const REAL f = unit(shared.stage()[i], shared.rate()[i], sums, own, factors);
        REAL next = f;
        if (FLOW) {
            const REAL total = stage == 0   ? f
                               : stage == 3 ? shared.total()[i] + f
                                            : fma(REAL(2), f, shared.total()[i]);
            const REAL reach = REAL(stage == 3 ? dt / 6.0 : stage == 2 ? dt : 0.5 * dt);
            next = fma(reach, stage == 3 ? total : f, shared.base()[i]);
            shared.total()[i] = total;
        }
        if (!FLOW || stage == 3) shared.base()[i] = next;
        shared.stage()[i] = next;
        shared.sent()[i] = sent(next);
#pragma unroll
        for (int e = 0; e < FACTORS; ++e) shared.factors()[i * FACTORS + e] = factors[e];
    }
}

__device__ __forceinline__ void form_jacobian(const Member &member, const Shared &shared) {
    const REAL *weights = RESIDENT ? shared.weights() : member.weights;
    const int n = member.n;
    for (int at = threadIdx.x; at < n * ROWS; at += THREADS) {
        const int i = at % ROWS, l = at / ROWS;
        shared.jacobian[at] =
            i < n ? entry(i, l, shared.rate()[i], weights + at, n * ROWS, shared.factors())
                  : REAL(0);
    }
}

__device__ __forceinline__ void begin(const Member &member, const Shared &shared,
                                      const double *state) {
    const int n = member.n;
    for (int i = threadIdx.x; i < ROWS; i += THREADS) {
        const REAL x = i < n ? REAL(state[i]) : REAL(0);
        shared.base()[i] = shared.stage()[i] = x;
        shared.sent()[i] = i < n ? sent(x) : REAL(0);
        shared.rate()[i] = member.rate[i];
    }
    if (RESIDENT)
        for (int at = threadIdx.x; at < SUMS * n * ROWS; at += THREADS)
            shared.weights()[at] = member.weights[at]; // gate after gate, n rows each
    __syncthreads();
}

// The state moves by a stage, and the Jacobian of where it was is in place.
__device__ __forceinline__ void stage_jacobian(const Member &member, const Shared &shared,
                                               int stage, long long step, double dt) {
    multiply_state(member, shared);
    __syncthreads();
    move_state(member, shared, stage, step, dt);
    __syncthreads();
    form_jacobian(member, shared);
    __syncthreads();
}

// The end of a tangent stage: d becomes the tangents of the next one.
__device__ __forceinline__ void move_tangents(int stage, double dt, const Tile &q, Tile &d,
                                              Tile &total) {
    const REAL reach = REAL(stage == 2 ? dt : 0.5 * dt);
#pragma unroll
    for (int r = 0; r < TILE_ROWS; ++r)
#pragma unroll
        for (int c = 0; c < TILE_COLUMNS; ++c) {
            total[r][c] = stage == 0 ? d[r][c] : fma(REAL(2), d[r][c], total[r][c]);
            d[r][c] = fma(reach, d[r][c], q[r][c]);
        }
}

__device__ __forceinline__ void step_tangents(const Member &member, const Shared &shared,
                                              long long step, double dt, Tile &q) {
#if FLOW
    Tile d, total;
    publish(q, member.n, shared.vectors());
#pragma unroll 1
    for (int stage = 0; stage < 4; ++stage) {
        if (stage > 0) {
            // One barrier more, but tangents are out of the registers while the state moves.
            __syncthreads();
            publish(d, member.n, shared.vectors());
        }
        stage_jacobian(member, shared, stage, step, dt);
        product(shared.jacobian, shared.vectors(), member.n, d);
        if (stage < 3) move_tangents(stage, dt, q, d, total);
    }
    const REAL sixth = REAL(dt / 6.0);
#pragma unroll
    for (int r = 0; r < TILE_ROWS; ++r)
#pragma unroll
        for (int c = 0; c < TILE_COLUMNS; ++c) q[r][c] = fma(sixth, total[r][c] + d[r][c], q[r][c]);
#else
    publish(q, member.n, shared.vectors());
    stage_jacobian(member, shared, 0, step, dt);
    product(shared.jacobian, shared.vectors(), member.n, q);
#endif
    __syncthreads();
}

__device__ __forceinline__ void step_state(const Member &member, const Shared &shared,
                                           long long step, double dt) {
#pragma unroll 1
    for (int stage = 0; stage < (FLOW ? 4 : 1); ++stage) {
        multiply_state(member, shared);
        __syncthreads();
        move_state(member, shared, stage, step, dt);
        __syncthreads();
    }
}

// Elements from member to member of what may be shared by all: 0 then.
struct Strides {
    long long weights, offsets, rate;
};

__device__ __forceinline__ Member member_of(const REAL *weights, const REAL *offsets,
                                            const REAL *rate, const Strides &strides, int n,
                                            int inputs) {
    const long long b = blockIdx.x;
    return Member{weights + b * strides.weights, offsets + b * strides.offsets,
                  rate + b * strides.rate, n, inputs};
}

extern "C" __global__ void __launch_bounds__(THREADS)
    propagate(double *state, REAL *basis, double *log_sum, double *compensation,
              double *cancellation, long long *status, const REAL *weights, const REAL *offsets, const REAL *rate,
              Strides strides, int n, int k, int inputs, double dt, long long step, int intervals,
              int steps, double unit) {
    DYNAMIC_SHARED(REAL, memory);
    const Shared shared(memory);
    const Member member = member_of(weights, offsets, rate, strides, n, inputs);
    const long long b = blockIdx.x;
    Tile q;
    load_tile(basis + b * n * k, n, k, q);
    begin(member, shared, state + b * n);
    for (int interval = 0; interval < intervals; ++interval) {
#pragma unroll 1
        for (int m = 0; m < steps; ++m, ++step) step_tangents(member, shared, step, dt, q);
        orthonormalise(n, k, shared.reflections(), q);
        for (int j = threadIdx.x; j < k; j += THREADS) {
            const long long at = b * k + j;
            accumulate_at(log_sum, compensation, cancellation, status, at,
                          shared.reflections().norm[j], shared.reflections().diagonal[j], unit);
        }
        __syncthreads(); // tangents take the place of reflectors
    }
    store_tile(q, n, k, basis + b * n * k);
    for (int i = threadIdx.x; i < n; i += THREADS) state[b * n + i] = double(shared.base()[i]);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    advance(double *state, const REAL *weights, const REAL *offsets, const REAL *rate,
            Strides strides, int n, int k, int inputs, double dt, long long step, int steps) {
    DYNAMIC_SHARED(REAL, memory);
    const Shared shared(memory);
    const Member member = member_of(weights, offsets, rate, strides, n, inputs);
    double *own = state + (long long)blockIdx.x * n;
    begin(member, shared, own);
#pragma unroll 1
    for (int m = 0; m < steps; ++m, ++step) step_state(member, shared, step, dt);
    for (int i = threadIdx.x; i < n; i += THREADS) own[i] = double(shared.base()[i]);
}
