"""Rate networks from a weight matrix, dense or sparse."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import scipy  # its modules load when they are first used
from numpy.typing import NDArray

from .._check import Array, broadcast, choice, flat_batch, real_array
from ..device import home_of
from ..kernels.codegen import Graph
from ..kernels.cpu.lanes import LANES_WORK, Lanes
from ..kernels.generated import module
from ..kernels.propagator import Propagator
from .gpu import LARGEST_THREAD, Devices, network, threads
from .straight_line import straight_line
from .trace import trace

# The named activations as a user would write them, for the traced form of small networks.
NUMPY: dict[str, Callable[..., Any]] = {
    "tanh": np.tanh,
    "relu": lambda u: np.where(u > 0, u, 0.0),
    "sigmoid": lambda u: 0.5 + 0.5 * np.tanh(0.5 * u),
    "softplus": lambda u: np.where(u > 40, u, np.log1p(np.exp(np.minimum(u, 40)))),
    "erf": lambda u: scipy.special.erf(u),
    "linear": lambda u: u,
}


class RateNetwork:
    r"""A rate network, as a flow or as a map.

    ``form="current"``: :math:`\tau \dot x = -x + W \phi(x) + b + u`;
    ``form="rate"``: :math:`\tau \dot x = -x + \phi(W x + b + u)`
    (equivalent by a change of variables: Miller & Fumarola 2012). ``kind="map"``: one Euler step
    of size 1, :math:`x_{m+1} = x_m + (-x_m + \ldots)/\tau`, so `tau` is the inverse leak and
    ``tau=1`` is the plain recurrent network :math:`x_{m+1} = \phi(W x_m + b)`.

    Parameters
    ----------
    W : array (..., n, n) or scipy.sparse (n, n)
        Weights; leading axes are a batch of networks. Row i holds the inputs of unit i.
    bias : array (..., n) or float, optional
    tau : float or array (..., n)
        Time constant; exponents are per unit of the same time. Default 1.
    phi : str or callable
        One of tanh, relu, sigmoid, softplus, erf, linear, or a NumPy function of one argument,
        which is differentiated symbolically.
    form : {"current", "rate"}
    kind : {"flow", "map"}
    inputs : array (..., T, n), optional
        External drive u, one row a step; held constant within a step of a flow.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Examples
    --------
    >>> import lyapax as lx
    >>> net = lx.RateNetwork([[0.0, 0.0], [0.5, 0.0]], tau=0.5)
    >>> spec = lx.lyapunov_spectrum(net, duration=10, dt=0.01, rng=0, progress=False)
    >>> print(spec.exponents.mean().round(6))
    -2.0
    """

    def __init__(
        self,
        W: Any,
        bias: Any = None,
        tau: Any = 1.0,
        phi: str | Callable[..., Any] = "tanh",
        form: str = "current",
        kind: str = "flow",
        inputs: Any = None,
    ):
        self.form = choice(form, "form", ("current", "rate"))
        self.kind = choice(kind, "kind", ("flow", "map"))
        if type(W).__module__.startswith("cupyx"):  # a sparse matrix on a GPU
            self.home = home_of(W.data)
            W = W.get()
        else:
            self.home = home_of(W, bias, tau, inputs)
        self.is_sparse = scipy.sparse.issparse(W)
        if self.is_sparse:
            self.W: Any = scipy.sparse.csr_array(W)
            self.W.sum_duplicates()
            real_array(self.W.data if self.W.nnz else [0.0], "W")
            shape: tuple[int, ...] = self.W.shape
        else:
            self.W = real_array(W, "W", ndim_min=2)
            shape = self.W.shape
        if shape[-1] != shape[-2]:
            raise ValueError(f"W must be square, (..., n, n), got shape {shape}")
        self.dim = n = shape[-1]
        self.bias = self._vector(0.0 if bias is None else bias, "bias")
        self.tau = self._vector(tau, "tau")
        if not (self.tau > 0).all():
            raise ValueError(f"tau must be > 0, got {self.tau.min()}")
        self.phi = phi
        if isinstance(phi, str):
            choice(phi, "phi", tuple(NUMPY))
        elif not callable(phi):
            raise TypeError(f"phi must be a name or a callable, got {type(phi).__name__}")
        else:
            activation_graph(phi)
        self.inputs = None if inputs is None else real_array(inputs, "inputs", ndim_min=2)
        if self.inputs is not None and self.inputs.shape[-1] != n:
            raise ValueError(f"inputs must have shape (..., T, {n}), got {self.inputs.shape}")
        lead = () if self.inputs is None else self.inputs.shape[:-2]
        self.batch_shape = broadcast(
            "W, bias, tau and inputs", shape[:-2], self.bias.shape[:-1], self.tau.shape[:-1], lead
        )

    def _vector(self, value: Any, name: str) -> Array:
        array = real_array(value, name)
        if array.ndim == 0:
            return np.full(self.dim, array)
        if array.shape[-1] != self.dim:
            raise ValueError(f"{name} must have shape (..., {self.dim}), got {array.shape}")
        return array

    @property
    def is_flow(self) -> bool:
        return self.kind == "flow"

    @property
    def is_driven(self) -> bool:
        return self.inputs is not None

    @property
    def axes(self) -> dict[int, tuple[str, Array]]:
        return {}  # what varies here are whole arrays

    @property
    def input_steps(self) -> int | None:
        return None if self.inputs is None else self.inputs.shape[-2]

    @property
    def nullity(self) -> NDArray[np.int64]:
        """Units of a map without leak whose column of W is zero: they leave no trace."""
        if self.is_flow:
            return np.zeros((), np.int64)
        if self.is_sparse:
            largest = abs(self.W).max(axis=0).toarray().reshape(-1)  # a row in SciPy 1.11
        else:
            largest = abs(self.W).max(axis=-2)
        return np.asarray(((largest == 0) & (self.tau == 1)).sum(axis=-1))

    def decay_rate(self, state: Array) -> float | None:
        return float(1.0 / self.tau.min())

    def with_params(self, **params: Any) -> "RateNetwork":
        own = ("W", "bias", "tau", "phi", "form", "kind", "inputs")
        for name in params:
            choice(name, "params", own)
        changed = RateNetwork(**{**{name: getattr(self, name) for name in own}, **params})
        changed.home = changed.home or self.home
        return changed

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.standard_normal((*shape, self.dim))

    def propagator(
        self, shape: tuple[int, ...], dt: float, k: int, dtype: Any, devices: Devices = ()
    ) -> Propagator:
        dt, batch = dt if self.is_flow else 0.0, int(np.prod(shape, dtype=int))
        inputs = np.zeros((1, self.dim)) if self.inputs is None else self.inputs
        free = self.inputs is None
        if devices and free and self.dim <= LARGEST_THREAD:
            return threads(devices, *self._straight_line(shape), dt, k, batch, dtype)
        if not devices and free and self.dim**2 * k <= LANES_WORK:
            return Lanes(*self._straight_line(shape), dt, k, batch, dtype)

        weights = (
            (self.W.indptr.astype(np.int64), self.W.indices.astype(np.int64), self.W.data)
            if self.is_sparse
            else flat_batch(self.W, shape, 2)
        )
        if devices:
            offsets = self.bias[..., None, :] + inputs
            phi = NUMPY[self.phi] if isinstance(self.phi, str) else self.phi
            return network(
                devices, weights, flat_batch(offsets, shape, 2),
                flat_batch(1.0 / self.tau, shape, 1), self.form == "current",
                activation_graph(phi), dt, k, batch, dtype,
            )  # fmt: skip
        from ..kernels.cpu.network import Network

        return Network(
            weights=weights, bias=flat_batch(self.bias, shape, 1),
            inputs=flat_batch(inputs, shape, 2), rate=flat_batch(1.0 / self.tau, shape, 1),
            current=self.form == "current", phi=compiled_activation(self.phi),
            dt=dt, k=k, batch=batch, dtype=dtype,
        )  # fmt: skip

    def _straight_line(self, shape: tuple[int, ...]) -> tuple[Graph, Array]:
        """Small networks are traced functions."""
        phi = NUMPY[self.phi] if isinstance(self.phi, str) else self.phi

        def f(x: Any, p: Any) -> Any:
            field = p.W @ phi(x) + p.bias if self.form == "current" else phi(p.W @ x + p.bias)
            if self.is_flow:
                return p.rate * (field - x)
            # Not x + rate (field - x), whose slope 1 - 1 + 1e-35 is 0.
            return (1 - p.rate) * x + p.rate * field

        weights = self.W.toarray() if self.is_sparse else self.W
        arrays = {"W": (weights, 2), "bias": (self.bias, 1), "rate": (1.0 / self.tau, 1)}
        return straight_line(f, self.dim, arrays, self.batch_shape, shape)

    def __repr__(self) -> str:
        return f"RateNetwork(n={self.dim}, phi={self.phi!r}, form={self.form!r}, {self.kind})"


@cache
def activation_graph(phi: Callable[..., Any]) -> Graph:
    return trace(lambda x, p: [phi(x[0])], 1, {}, timed=False)


@cache
def compiled_activation(phi: str | Callable[..., Any]) -> Any:
    """The activation on vectors: built in, or generated from the user's function."""
    from ..kernels.cpu import activation
    from ..kernels.cpu.activation_source import activation_source

    if isinstance(phi, str):
        return activation.BY_NAME[phi]
    return module(activation_source(activation_graph(phi))).phi
