// CUDA's language for g++: qualifiers, types, barriers, warp collectives, atomics.
#pragma once
#include "runtime.h"

#define LYAPAX_EMULATED 1

// `used` marks kernels in preprocessed text, where macros are gone (see sources.py).
#define __global__ __attribute__((__used__))
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)
#define __builtin_assume(condition)
// Nothing else is thread_local, so that the runtime finds shared memory as the TLS segment.
#define __shared__ static thread_local
#define DYNAMIC_SHARED(T, name) T *name = static_cast<T *>(emulator_dynamic_shared())

typedef decltype(sizeof(0)) size_t;
extern "C" int printf(const char *, ...);

static const int warpSize = 32;

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

#define EMULATOR_PAIRS(T, name, two, four)                                                    \
    struct __align__(two) name##2 { T x, y; };                                                \
    struct __align__(four) name##4 { T x, y, z, w; };                                         \
    inline name##2 make_##name##2(T x, T y) { return {x, y}; }                                \
    inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
EMULATOR_PAIRS(float, float, 8, 16)
EMULATOR_PAIRS(double, double, 16, 16)
EMULATOR_PAIRS(int, int, 8, 16)
EMULATOR_PAIRS(unsigned, uint, 8, 16)
struct float3 { float x, y, z; };
struct double3 { double x, y, z; };
struct int3 { int x, y, z; };
inline float3 make_float3(float x, float y, float z) { return {x, y, z}; }
inline double3 make_double3(double x, double y, double z) { return {x, y, z}; }
inline int3 make_int3(int x, int y, int z) { return {x, y, z}; }
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }

// Default arguments are evaluated where the call stands: they carry its line.
#define EMULATOR_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(EMULATOR_SITE) { emulator_barrier(0, file, line); }
inline int __syncthreads_count(int predicate, EMULATOR_SITE) {
    return emulator_barrier(predicate, file, line);
}
inline int __syncthreads_or(int predicate, EMULATOR_SITE) {
    return emulator_barrier(predicate, file, line) != 0;
}
inline int __syncthreads_and(int predicate, EMULATOR_SITE) {
    return emulator_barrier(!predicate, file, line) == 0;
}

inline void __syncwarp(unsigned mask = 0xffffffff, EMULATOR_SITE) {
    emulator_collective(SYNCWARP, mask, 0, 0, file, line);
}

template <class T>
inline T emulator_shuffle(unsigned mask, T value, int source, const char *file, int line) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles carry 4 or 8 bytes");
    unsigned long long bits = 0;
    __builtin_memcpy(&bits, &value, sizeof(T));
    bits = emulator_collective(SHUFFLE, mask, bits, source, file, line);
    __builtin_memcpy(&value, &bits, sizeof(T));
    return value;
}

template <class T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMULATOR_SITE) {
    int lane = emulator_lane();
    source = (lane & ~(width - 1)) | (source & (width - 1));
    return emulator_shuffle(mask, value, source, file, line);
}
template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, EMULATOR_SITE) {
    int lane = emulator_lane(), source = lane ^ bits;
    if (source > (lane | (width - 1))) source = lane;
    return emulator_shuffle(mask, value, source, file, line);
}
template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, EMULATOR_SITE) {
    int lane = emulator_lane(), source = lane - int(by);
    if (source < (lane & ~(width - 1))) source = lane;
    return emulator_shuffle(mask, value, source, file, line);
}
template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, EMULATOR_SITE) {
    int lane = emulator_lane(), source = lane + int(by);
    if (source > (lane | (width - 1))) source = lane;
    return emulator_shuffle(mask, value, source, file, line);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, EMULATOR_SITE) {
    return unsigned(emulator_collective(VOTE, mask, predicate != 0, 0, file, line));
}
inline int __any_sync(unsigned mask, int predicate, EMULATOR_SITE) {
    return emulator_collective(VOTE, mask, predicate != 0, 0, file, line) != 0;
}
inline int __all_sync(unsigned mask, int predicate, EMULATOR_SITE) {
    return emulator_collective(VOTE, mask, predicate == 0, 0, file, line) == 0;
}

template <class T> inline T __ldg(const T *address) { return *address; }
template <class T> inline T __ldcg(const T *address) { return *address; }
template <class T> inline T __ldcs(const T *address) { return *address; }
template <class T> inline void __stcg(T *address, T value) { *address = value; }
template <class T> inline void __stcs(T *address, T value) { *address = value; }
inline void __threadfence_block() {}
inline void __threadfence() {}
[[noreturn]] inline void __trap() { __builtin_trap(); }

// Only the address decides on T, as in CUDA: atomicAdd(double *, 1).
template <class T> struct Same { typedef T type; };

// Relaxed, as CUDA's are: ThreadSanitizer must not take them for synchronisation.
template <class T> inline T atomicExch(T *address, typename Same<T>::type value) {
    T old;
    __atomic_exchange(address, &value, &old, __ATOMIC_RELAXED);
    return old;
}
template <class T>
inline T atomicCAS(T *address, typename Same<T>::type expected, typename Same<T>::type value) {
    __atomic_compare_exchange(address, &expected, &value, false, __ATOMIC_RELAXED,
                              __ATOMIC_RELAXED);
    return expected;
}
#define EMULATOR_ATOMIC(name, combined)                                                       \
    template <class T> inline T name(T *address, typename Same<T>::type value) {             \
        T old, next;                                                                          \
        __atomic_load(address, &old, __ATOMIC_RELAXED);                                       \
        do next = combined;                                                                   \
        while (!__atomic_compare_exchange(address, &old, &next, false, __ATOMIC_RELAXED,      \
                                          __ATOMIC_RELAXED));                                 \
        return old;                                                                           \
    }
EMULATOR_ATOMIC(atomicAdd, old + value)
EMULATOR_ATOMIC(atomicSub, old - value)
EMULATOR_ATOMIC(atomicMin, old < value ? old : value)
EMULATOR_ATOMIC(atomicMax, old > value ? old : value)
EMULATOR_ATOMIC(atomicOr, old | value)
EMULATOR_ATOMIC(atomicAnd, old & value)

#include "mathematics.h"
#include "launchers.h"
