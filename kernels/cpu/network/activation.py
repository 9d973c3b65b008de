"""The network nonlinearities on vectors: value and slope in one pass.

Each is a C function of one signature, which the network kernels take as an argument: a kernel
compiles once and serves every activation, the user's own included. (A jitted function as an
argument is never found in Numba's disk cache.) They take addresses: three arrays are 21 words on
the stack, and slow for the reason given at `on_stack`.
"""

from functools import cache

from numba import float64, int64, types, void

from ...generated import module
from ...jit import c_function
from ..simd.elementwise import erf_pair, relu_pair, sigmoid_pair, softplus_pair, tanh_pair
from .activation_source import activation_source

_vector = types.CPointer(float64)
SIGNATURE = void(int64, _vector, _vector, _vector)


def tanh(n, u, value, slope):
    for i in range(n):
        value[i], slope[i] = tanh_pair(u[i])


def sigmoid(n, u, value, slope):
    for i in range(n):
        value[i], slope[i] = sigmoid_pair(u[i])


def softplus(n, u, value, slope):
    for i in range(n):
        value[i], slope[i] = softplus_pair(u[i])


def erf(n, u, value, slope):
    for i in range(n):
        value[i], slope[i] = erf_pair(u[i])


def relu(n, u, value, slope):
    for i in range(n):
        value[i], slope[i] = relu_pair(u[i])


def linear(n, u, value, slope):
    for i in range(n):
        value[i] = u[i]
        slope[i] = 1.0


BY_NAME = {
    "tanh": tanh,
    "relu": relu,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "erf": erf,
    "linear": linear,
}


@cache
def built_in(name):
    """Compiled when it is asked for: all six are a tenth of what a first network compiles."""
    return c_function(SIGNATURE)(BY_NAME[name])


def compiled(phi):
    """The C function of an activation: built in, by its name, or generated from its graph."""
    return built_in(phi) if isinstance(phi, str) else module(activation_source(phi)).phi
