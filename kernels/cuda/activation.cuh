// The nonlinearity of a rate network: tanh, unless the loader puts another in its place.
#include "common.cuh"

__device__ __forceinline__ void activation(REAL u, REAL &value, REAL &slope) {
    tanh_pair(u, value, slope);
}
