// Kernels that take an element a thread, and what the stages of a step do with a rate of change.
#include "common.cuh"

#define EACH(e, count)                                                                             \
    for (long long e = blockIdx.x * (long long)blockDim.x + threadIdx.x; e < count;                \
         e += (long long)gridDim.x * blockDim.x)

// What a stage does with a rate of change: `total` is the weighted sum of stages, `next` where the
// following stage or step begins. A map (dt = 0) has one stage, and `rate` is its next value.
__device__ __forceinline__ void end_stage(int stage, double dt, REAL rate, REAL &base, REAL &total,
                                          REAL &next) {
    if (dt == 0.0) {
        base = next = rate;
        return;
    }
    const REAL reach = REAL(stage == 3 ? dt / 6.0 : stage == 2 ? dt : 0.5 * dt);
    total = stage == 0 ? rate : stage == 3 ? total + rate : fma(REAL(2), rate, total);
    next = fma(reach, stage == 3 ? total : rate, base);
    if (stage == 3) base = next;
}
