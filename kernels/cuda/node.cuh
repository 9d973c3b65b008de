// A node to compile the kernels with by themselves: Kuramoto's oscillator in two products, as
// `node_source.py` prints it. The loader puts the user's in its place.
#include "common.cuh"

#define VARIABLES 1
#define SUMS 2
#define PARAMETERS 2
#define FIELD_SLOPES 3
#define FACTOR_SLOPES 2

template <class X, class P, class F, class S>
__device__ __forceinline__ void field(double t, const X &x, const P &p, F &f, S &s) {
    const REAL sine = p[1] * sin(x[0]), cosine = p[1] * cos(x[0]);
    f[0] = fma(cosine, x[1], fma(-sine, x[2], p[0]));
    s[0] = fma(-sine, x[1], -(cosine * x[2]));
    s[1] = cosine;
    s[2] = -sine;
}

template <class Y, class D>
__device__ __forceinline__ void field_tangent(const REAL *s, const Y &y, D &d) {
    d[0] = fma(s[2], y[2], fma(s[1], y[1], s[0] * y[0]));
}

template <class X, class P, class F, class S>
__device__ __forceinline__ void factors(double t, const X &x, const P &p, F &f, S &s) {
    f[0] = sin(x[0]);
    f[1] = cos(x[0]);
    s[0] = cos(x[0]);
    s[1] = -sin(x[0]);
}

template <class Y, class D>
__device__ __forceinline__ void factor_tangent(const REAL *s, const Y &y, D &d) {
    d[0] = s[0] * y[0];
    d[1] = s[1] * y[0];
}
