"""The network nonlinearities on vectors: value and slope in one pass.

Each is a C function of one signature, which the network kernels take as an argument: a kernel
compiles once and serves every activation, the user's own included. (A jitted function as an
argument is never found in Numba's disk cache.)
"""

from numba import float64, void

from ..jit import c_function
from .elementwise import erf_pair, relu_pair, sigmoid_pair, softplus_pair, tanh_pair

SIGNATURE = void(float64[::1], float64[::1], float64[::1])


@c_function(SIGNATURE)
def tanh(u, value, slope):
    for i in range(u.size):
        value[i], slope[i] = tanh_pair(u[i])


@c_function(SIGNATURE)
def sigmoid(u, value, slope):
    for i in range(u.size):
        value[i], slope[i] = sigmoid_pair(u[i])


@c_function(SIGNATURE)
def softplus(u, value, slope):
    for i in range(u.size):
        value[i], slope[i] = softplus_pair(u[i])


@c_function(SIGNATURE)
def erf(u, value, slope):
    for i in range(u.size):
        value[i], slope[i] = erf_pair(u[i])


@c_function(SIGNATURE)
def relu(u, value, slope):
    for i in range(u.size):
        value[i], slope[i] = relu_pair(u[i])


@c_function(SIGNATURE)
def linear(u, value, slope):
    for i in range(u.size):
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
