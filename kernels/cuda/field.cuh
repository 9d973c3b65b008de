// A right-hand side to compile the kernels with by themselves: the Lorenz system, as
// `field_source.py` prints it. The loader puts the user's in its place.
#include "common.cuh"

#define DIM 3
#define PARAMETERS 3
#define SLOPES 3

template <class Parameters> __device__ __forceinline__ void
field(double t, const REAL (&x)[DIM], const Parameters &p, REAL (&f)[DIM], REAL (&s)[SLOPES]) {
    f[0] = p[0] * (x[1] - x[0]);
    f[1] = fma(x[0], p[1] - x[2], -x[1]);
    f[2] = fma(x[0], x[1], p[2] * x[2]);
    s[0] = x[0];
    s[1] = x[1];
    s[2] = p[1] - x[2];
}

template <class Parameters> __device__ __forceinline__ void
tangent(const REAL (&s)[SLOPES], const Parameters &p, const REAL (&v)[DIM], REAL (&d)[DIM]) {
    d[0] = p[0] * (v[1] - v[0]);
    d[1] = fma(s[2], v[0], -v[1]) - s[0] * v[2];
    d[2] = fma(s[1], v[0], fma(s[0], v[1], p[2] * v[2]));
}
