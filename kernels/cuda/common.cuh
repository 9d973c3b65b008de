// What all kernels share: the type of a run, branch-free functions, the sums after a QR.
// REAL is float or double; sums, cancellation and states on their way in and out are double.
#pragma once

#ifndef REAL
#define REAL double
#endif

#ifndef DYNAMIC_SHARED
#define DYNAMIC_SHARED(T, name)                                                                    \
    extern __shared__ __align__(16) unsigned char shared_bytes[];                                  \
    T *name = reinterpret_cast<T *>(shared_bytes)
#endif

enum { OK = 0, DIVERGED = 1, RANK_LOST = 2 }; // as in kernels/propagator.py

__device__ __forceinline__ float from_bits(int bits, float) { return __int_as_float(bits); }
__device__ __forceinline__ double from_bits(long long bits, double) {
    return __longlong_as_double(bits);
}

// 1 / x for x from 1 to 2: no special cases, so a guess and Newton's steps do.
__device__ __forceinline__ float reciprocal(float x) { return __fdividef(1.0f, x); }
__device__ __forceinline__ double reciprocal(double x) {
#ifdef LYAPAX_EMULATED
    double r = double(1.0f / float(x));
#else
    double r;
    asm("rcp.approx.ftz.f64 %0, %1;" : "=d"(r) : "d"(x));
#endif
    r = fma(fma(-x, r, 1.0), r, r);
    return fma(fma(-x, r, 1.0), r, r);
}

// exp(x) = scale p + scale for -708 <= x <= 0 (float: -87): a polynomial on |r| <= ln2 / 2, with
// Estrin's scheme, and a scale put together from bits. Taylor's remainder is below rounding.

__device__ __forceinline__ void exponential(double x, double &p, double &scale) {
    const double round = 6755399441055744.0; // 1.5 2^52: leaves the nearest integer in the low bits
    const double shifted = fma(x, 1.4426950408889634, round);
    const double whole = shifted - round;
    const double r =
        fma(whole, -1.90821492927058770002e-10, fma(whole, -6.93147180369123816490e-01, x));
    const double r2 = r * r, r4 = r2 * r2;
    const double low = fma(r2, fma(r, 1.0 / 120, 1.0 / 24), fma(r, 1.0 / 6, 0.5));
    const double middle = fma(r2, fma(r, 1.0 / 362880, 1.0 / 40320), fma(r, 1.0 / 5040, 1.0 / 720));
    const double high = fma(r2, fma(r, 1.0 / 6227020800.0, 1.0 / 479001600.0),
                            fma(r, 1.0 / 39916800.0, 1.0 / 3628800.0));
    p = fma(r2, fma(r4, fma(r4, high, middle), low), r);
    scale = from_bits((__double_as_longlong(shifted) + 1023) << 52, 0.0);
}

__device__ __forceinline__ void exponential(float x, float &p, float &scale) {
    const float round = 12582912.0f; // 1.5 2^23
    const float shifted = fmaf(x, 1.44269504f, round);
    const float whole = shifted - round;
    const float r = fmaf(whole, 2.12194440e-4f, fmaf(whole, -0.693359375f, x));
    const float r2 = r * r;
    const float low = fmaf(r, 1.0f / 6, 0.5f);
    const float middle = fmaf(r2, fmaf(r, 1.0f / 5040, 1.0f / 720), fmaf(r, 1.0f / 120, 1.0f / 24));
    p = fmaf(r2, fmaf(r2, middle, low), r);
    scale = from_bits((__float_as_int(shifted) + 127) << 23, 0.0f);
}

template <class T> __device__ __forceinline__ T lowest_exponent();
template <> __device__ __forceinline__ float lowest_exponent<float>() { return -87.0f; }
template <> __device__ __forceinline__ double lowest_exponent<double>() { return -708.0; }

// tanh u and sech^2 u = 4 e / (1 + e)^2 with e = exp(-2 |u|): 1 - tanh^2 would be 0 from u = 10
// on in float, which reads as a dead direction.
template <class T> __device__ __forceinline__ void tanh_pair(T u, T &value, T &slope) {
    const T twice = T(-2) * fabs(u), lowest = lowest_exponent<T>();
    T p, scale;
    exponential(twice < lowest ? lowest : twice, p, scale);
    const T e = fma(scale, p, scale);
    const T inverse = reciprocal(T(1) + e);
    value = copysign(fma(scale, p, scale - T(1)) * inverse, u);
    slope = T(2) * inverse * (T(2) * inverse) * e;
}

template <class T> __device__ __forceinline__ T tanh_of(T u) {
    T value, slope;
    tanh_pair(u, value, slope);
    return value;
}

template <class T> __device__ __forceinline__ T sech2_of(T u) {
    T value, slope;
    tanh_pair(u, value, slope);
    return slope;
}

template <class T> __device__ __forceinline__ T sign_of(T u) {
    return u > T(0) ? T(1) : u < T(0) ? T(-1) : T(0) * u;
}

template <class T> __device__ __forceinline__ T wrap_of(T x, T period) {
    return x - period * floor(x / period);
}

// One exponent after a QR, as `accumulate` in kernels/cpu/qr/accumulate.py: compensated sums, and
// a length |R_jj| <= unit |a_j| counts as lost.
struct Sums {
    double log_sum, compensation, cancellation;
    long long status;

    __device__ __forceinline__ void accumulate(REAL norm, REAL diagonal, double unit) {
        const double r = fabs(double(diagonal)), a = double(norm);
        if (status == RANK_LOST) return;
        if (!(r <= 1.7976931348623157e308) || !(a <= 1.7976931348623157e308)) {
            status = DIVERGED;
        } else if (r <= unit * a) {
            status = RANK_LOST;
        } else {
            cancellation = fmax(cancellation, a / r);
            const double term = log(r), total = log_sum + term;
            compensation +=
                fabs(log_sum) >= fabs(term) ? (log_sum - total) + term : (term - total) + log_sum;
            log_sum = total;
        }
    }
};

// The same on the arrays of a carry.
__device__ __forceinline__ void accumulate_at(double *log_sum, double *compensation,
                                              double *cancellation, long long *status,
                                              long long at, REAL norm, REAL diagonal,
                                              double unit) {
    Sums sums = {log_sum[at], compensation[at], cancellation[at], status[at]};
    sums.accumulate(norm, diagonal, unit);
    log_sum[at] = sums.log_sum, compensation[at] = sums.compensation;
    cancellation[at] = sums.cancellation, status[at] = sums.status;
}
