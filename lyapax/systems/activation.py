"""Nonlinearities of networks: by name, or as a NumPy function of one number."""

from functools import cache

import numpy as np
import scipy  # its modules load when they are first used

from .._check import choice, quoted
from ..kernels.codegen import Graph
from .trace import trace
from .traced import Function

# The named activations as a user would write them, for the traced form of small networks.
NUMPY: dict[str, Function] = {
    "tanh": np.tanh,
    "relu": lambda u: np.where(u > 0, u, 0.0),
    "sigmoid": lambda u: 0.5 + 0.5 * np.tanh(0.5 * u),
    "softplus": lambda u: np.where(u > 40, u, np.log1p(np.exp(np.minimum(u, 40)))),
    "erf": lambda u: scipy.special.erf(u),
    "linear": lambda u: u,
}


@cache
def named_graph(name: str) -> Graph:
    return trace(lambda x, p: [NUMPY[name](x[0])], 1, {}, timed=False)


def activation_graph(phi: str | Graph | Function) -> Graph:
    """The graph of a nonlinearity, from its name or from a function, which is traced."""
    if isinstance(phi, str):
        return named_graph(choice(phi, "phi", tuple(NUMPY)))
    if isinstance(phi, Graph):  # of another network
        return phi
    if not callable(phi) or isinstance(phi, type):
        raise TypeError(f"phi must be a name or a function of one number, got {quoted(phi)}")
    try:
        return trace(lambda x, p: [phi(x[0])], 1, {}, timed=False)
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise type(error)(f"phi must be a NumPy function of one number: {reason}") from error
