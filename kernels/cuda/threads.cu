// One member a thread: state and tangents in registers, for systems of up to eight variables.
// Where they do not fit, two threads side by side take the columns in turn, and both the state.
//
// The state runs through the stages of a step first and leaves their slopes, a few numbers each;
// then the columns follow one after the other, so that the four stages of all of them are never
// live at once (n = k = 8 in double: 4892 bytes spilled that way, see tests/data).
#include "common.cuh"
#include "field.cuh"
#include "householder.cuh"

#ifndef COLUMNS
#define COLUMNS DIM
#endif
#ifndef FLOW
#define FLOW 1
#endif
#ifndef SHARED_PARAMETERS
#define SHARED_PARAMETERS 1
#endif

#ifndef LANES
#define LANES 1
#endif

#define OWN_COLUMNS ((COLUMNS + LANES - 1) / LANES)
#define STAGES (FLOW ? 4 : 1)
#define THREADS 128
#ifdef RESIDENT // blocks that a multiprocessor must hold at the least
#define BOUNDS __launch_bounds__(THREADS, RESIDENT)
#else
#define BOUNDS __launch_bounds__(THREADS)
#endif

// Parameters that all members share come by value, and so from the constant bank: an operand of
// an instruction instead of a register.
struct Shared {
    REAL value[PARAMETERS > 0 ? PARAMETERS : 1];
    __device__ __forceinline__ REAL operator[](int i) const { return value[i]; }
};

// Own ones, and those too many for that, lie parameter by parameter, `apart` from one to the next,
// so that threads side by side read side by side.
struct Own {
    const REAL *table;
    int apart;
    __device__ __forceinline__ REAL operator[](int i) const { return table[(long long)i * apart]; }
};

#if SHARED_PARAMETERS
#define PARAMETER_ARGUMENT Shared
#else
#define PARAMETER_ARGUMENT const REAL *
#endif

__device__ __forceinline__ const Shared &parameters_of(const Shared &given, int, int) {
    return given;
}
__device__ __forceinline__ Own parameters_of(const REAL *table, int member, int apart) {
    return Own{apart > 1 ? table + member : table, apart};
}

// x through one step, with the slopes of its stages.
template <class Parameters> __device__ __forceinline__ void
state_step(REAL (&x)[DIM], const Parameters &p, double t, double dt, REAL (&s)[STAGES][SLOPES]) {
    REAL f[DIM];
#if FLOW
    const REAL half = REAL(0.5 * dt), whole = REAL(dt), sixth = REAL(dt / 6.0);
    REAL total[DIM], y[DIM];
    field(t, x, p, f, s[0]);
#pragma unroll
    for (int i = 0; i < DIM; ++i) total[i] = f[i], y[i] = fma(half, f[i], x[i]);
    field(t + 0.5 * dt, y, p, f, s[1]);
#pragma unroll
    for (int i = 0; i < DIM; ++i)
        total[i] = fma(REAL(2), f[i], total[i]), y[i] = fma(half, f[i], x[i]);
    field(t + 0.5 * dt, y, p, f, s[2]);
#pragma unroll
    for (int i = 0; i < DIM; ++i)
        total[i] = fma(REAL(2), f[i], total[i]), y[i] = fma(whole, f[i], x[i]);
    field(t + dt, y, p, f, s[3]);
#pragma unroll
    for (int i = 0; i < DIM; ++i) x[i] = fma(sixth, total[i] + f[i], x[i]);
#else
    field(t, x, p, f, s[0]);
#pragma unroll
    for (int i = 0; i < DIM; ++i) x[i] = f[i];
#endif
}

// One column v through the same step.
template <class Parameters> __device__ __forceinline__ void
column_step(REAL (&v)[DIM], const Parameters &p, double dt, const REAL (&s)[STAGES][SLOPES]) {
    REAL d[DIM];
    tangent(s[0], p, v, d);
#if FLOW
    const REAL half = REAL(0.5 * dt), whole = REAL(dt), sixth = REAL(dt / 6.0);
    REAL total[DIM], y[DIM];
#pragma unroll
    for (int i = 0; i < DIM; ++i) total[i] = d[i], y[i] = fma(half, d[i], v[i]);
    tangent(s[1], p, y, d);
#pragma unroll
    for (int i = 0; i < DIM; ++i)
        total[i] = fma(REAL(2), d[i], total[i]), y[i] = fma(half, d[i], v[i]);
    tangent(s[2], p, y, d);
#pragma unroll
    for (int i = 0; i < DIM; ++i)
        total[i] = fma(REAL(2), d[i], total[i]), y[i] = fma(whole, d[i], v[i]);
    tangent(s[3], p, y, d);
#pragma unroll
    for (int i = 0; i < DIM; ++i) v[i] = fma(sixth, total[i] + d[i], v[i]);
#else
#pragma unroll
    for (int i = 0; i < DIM; ++i) v[i] = d[i];
#endif
}

__device__ __forceinline__ double time_of(long long step, double dt) {
    return FLOW ? double(step) * dt : double(step);
}

// Arrays as in Carry: state (members, DIM), basis (members, DIM, COLUMNS), the others
// (members, COLUMNS).
extern "C" __global__ void BOUNDS propagate(double *state, REAL *basis, double *log_sum,
                                            double *compensation, double *cancellation,
                                            long long *status, PARAMETER_ARGUMENT given, int apart, int members,
                                            double dt, long long step, int intervals, int steps,
                                            double unit) {
    const int b = (blockIdx.x * THREADS + threadIdx.x) / LANES;
    if (b >= members) return;
    const auto p = parameters_of(given, b, apart);
    const Lanes<LANES> lanes(threadIdx.x);
    REAL x[DIM], q[OWN_COLUMNS][DIM];
#pragma unroll
    for (int i = 0; i < DIM; ++i) {
        x[i] = REAL(state[(long long)b * DIM + i]);
#pragma unroll
        for (int c = 0; c < OWN_COLUMNS; ++c) {
            const int column = c * LANES + lanes.own;
            const bool real = column < COLUMNS;
            q[c][i] = real ? basis[((long long)b * DIM + i) * COLUMNS + column] : REAL(0);
        }
    }
    for (int interval = 0; interval < intervals; ++interval) {
#pragma unroll 1
        for (int m = 0; m < steps; ++m, ++step) {
            REAL s[STAGES][SLOPES];
            state_step(x, p, time_of(step, dt), dt, s);
#pragma unroll
            for (int c = 0; c < OWN_COLUMNS; ++c) column_step(q[c], p, dt, s);
        }
        REAL norm[OWN_COLUMNS], diagonal[OWN_COLUMNS];
        householder<DIM, COLUMNS, LANES>(lanes, q, norm, diagonal);
        // Sums stay in memory: they are touched once an interval, and registers are what is scarce.
#pragma unroll
        for (int c = 0; c < OWN_COLUMNS; ++c) {
            const int column = c * LANES + lanes.own;
            if (column >= COLUMNS) continue;
            const long long at = (long long)b * COLUMNS + column;
            accumulate_at(log_sum, compensation, cancellation, status, at, norm[c], diagonal[c],
                          unit);
        }
    }
#pragma unroll
    for (int i = 0; i < DIM; ++i) {
        if (lanes.own == 0) state[(long long)b * DIM + i] = double(x[i]);
#pragma unroll
        for (int c = 0; c < OWN_COLUMNS; ++c) {
            const int column = c * LANES + lanes.own;
            if (column < COLUMNS) basis[((long long)b * DIM + i) * COLUMNS + column] = q[c][i];
        }
    }
}

extern "C" __global__ void BOUNDS advance(double *state, PARAMETER_ARGUMENT given, int apart,
                                          int members, double dt, long long step, int steps) {
    const int b = blockIdx.x * THREADS + threadIdx.x;
    if (b >= members) return;
    const auto p = parameters_of(given, b, apart);
    REAL x[DIM];
#pragma unroll
    for (int i = 0; i < DIM; ++i) x[i] = REAL(state[(long long)b * DIM + i]);
#pragma unroll 1
    for (int m = 0; m < steps; ++m, ++step) {
        REAL s[STAGES][SLOPES];
        state_step(x, p, time_of(step, dt), dt, s);
    }
#pragma unroll
    for (int i = 0; i < DIM; ++i) state[(long long)b * DIM + i] = double(x[i]);
}
