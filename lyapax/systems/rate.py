"""Rate networks from a weight matrix, dense or sparse."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

from dataclasses import replace
from functools import cached_property

import numpy as np
import scipy  # its modules load when they are first used
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .._check import Array, broadcast, choice, flag, flat_batch, real_array
from .._device import home_of
from ..kernels.hoist import Hoisted
from ..kernels.propagator import Propagator
from .activation import NUMPY, activation_graph
from .base import Devices, Plain
from .delays import Delays
from .jumps import jumps
from .lagged import is_pairs, lagged
from .matrices import Matrix, as_weights, dense, matrix_home, square
from .noise import Noise
from .past import Past
from .routes import (
    is_small,
    of_delayed_function,
    of_delayed_network,
    of_rate_network,
    of_straight_line,
    request,
)
from .straight_line import straight_line
from .trace import Parameters
from .traced import Function, Traceable, Traced

MOST_NOISY = 16  # units of a network with delays and noise, which is a traced function


class RateNetwork(Plain):
    r"""A rate network, as a flow or as a map.

    ``form="current"``: :math:`\tau \dot x = -x + W \phi(x) + b + u`;
    ``form="rate"``: :math:`\tau \dot x = -x + \phi(W x + b + u)`
    (equivalent by a change of variables: Miller & Fumarola 2012). ``kind="map"``: one Euler step
    of size 1, :math:`x_{m+1} = x_m + (-x_m + \ldots)/\tau`, so `tau` is the inverse leak and
    ``tau=1`` is the plain recurrent network :math:`x_{m+1} = \phi(W x_m + b)`.

    Parameters
    ----------
    W : array (..., n, n) or scipy.sparse (n, n)
        Weights; leading axes are a batch of networks. Row i holds the inputs of unit i. With
        delays also a list of pairs (W, delay), whose currents add up.
    bias : array (..., n) or float, optional
    tau : float or array (..., n)
        Time constant; exponents are per unit of the same time. Default 1.
    phi : str or callable
        One of tanh, relu, sigmoid, softplus, erf, linear, or a NumPy function of one argument,
        which is traced once, on one number, and differentiated symbolically.
    form : {"current", "rate"}
    kind : {"flow", "map"}
    inputs : array (..., T, n), optional
        External drive u, one row a step; held constant within a step of a flow.
    delay : float or array, optional
        Flows only: W sees x(t - delay) instead of x(t). A number; (..., n) for the unit that the
        signal comes from, where leading axes are a batch and (..., 1) is one number for each
        member; (n, n) for each connection. 0 is none. Infinitely many exponents, of which k are
        computed; the step is at most the shortest delay.
    noise : float or array (..., n), optional
        Amplitudes of white noise in the state, times sqrt(time):
        :math:`dx = (\ldots)\, dt/\tau + \sigma\, dW`; of a map :math:`\sigma \xi_m` is added at
        each step. As of `Flow`.
    common_noise : bool
        Whether all members see one noise.

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

    >>> late = lx.RateNetwork([[-2.0]], phi="linear", delay=1.0)  # x' = -x - 2 x(t - 1)
    >>> spec = lx.lyapunov_spectrum(late, duration=50, dt=0.05, k=2, rng=0, progress=False)
    >>> print(spec.exponents.round(4))
    [-0.0925 -0.0925]
    """

    turns: Array | None = None
    preparing = "compiling"

    def __init__(
        self,
        W: Matrix,
        bias: ArrayLike | None = None,
        tau: ArrayLike = 1.0,
        phi: str | Function = "tanh",
        form: str = "current",
        kind: str = "flow",
        inputs: ArrayLike | None = None,
        delay: ArrayLike | None = None,
        noise: ArrayLike | None = None,
        common_noise: bool = False,
    ):
        self.form = choice(form, "form", ("current", "rate"))
        self.kind = choice(kind, "kind", ("flow", "map"))
        self.lagged = None
        if delay is not None or is_pairs(W):
            self.lagged = lagged(W, delay)
            W = sum((term for term, _ in self.lagged.terms[1:]), self.lagged.terms[0][0])
        self.delay = delay
        self.home = home_of(matrix_home(W), bias, tau, inputs)
        self.W: Matrix = square(W, "W")
        self.is_sparse = scipy.sparse.issparse(self.W)
        shape: tuple[int, ...] = self.W.shape
        self.dim = n = shape[-1]
        self.bias = self._vector(0.0 if bias is None else bias, "bias")
        self.tau = self._vector(tau, "tau")
        if not (self.tau > 0).all():
            raise ValueError(f"tau must be > 0, got {self.tau.min()}")
        self.phi, self.phi_graph = phi, activation_graph(phi)
        self._phi_name = (
            phi if isinstance(phi, str) else getattr(phi, "__name__", type(phi).__name__)
        )
        self.inputs = None if inputs is None else real_array(inputs, "inputs", ndim_min=2)
        if self.inputs is not None and self.inputs.shape[-1] != n:
            raise ValueError(f"inputs must have shape (..., T, {n}), got {self.inputs.shape}")
        if self.lagged and (self.inputs is not None or not self.is_flow):
            raise ValueError(
                "delay must be left out of "
                + ("a network with inputs" if self.is_flow else "a map, which takes one step back")
            )
        lead = () if self.inputs is None else self.inputs.shape[:-2]
        common = flag(common_noise, "common_noise")
        if noise is None and common:
            raise ValueError("common_noise must be left out without noise")
        self.amplitudes = None if noise is None else self._vector(noise, "noise")
        self.noise = None if noise is None else Noise(common)
        lags = self.lagged.batch_shapes if self.lagged else ()
        self.batch_shape = broadcast(
            "W, bias, tau, inputs, noise and delay",
            shape[:-2],
            self.bias.shape[:-1],
            self.tau.shape[:-1],
            lead,
            () if self.amplitudes is None else self.amplitudes.shape[:-1],
            *lags,
        )

    def _vector(self, value: ArrayLike, name: str) -> Array:
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
    def delays(self) -> Delays | None:
        """The delays that there are; None where all of them are 0."""
        return self.lagged.split[2] if self.lagged and self.lagged.split else None

    @property
    def is_driven(self) -> bool:
        return self.inputs is not None or self.noise is not None

    @property
    def shares_drive(self) -> bool:
        return self.inputs is not None or bool(self.noise and self.noise.common)

    @cached_property
    def jumps(self) -> tuple[str, ...]:
        """Places where a user's nonlinearity jumps, for flows."""
        if not self.is_flow or isinstance(self.phi, str):
            return ()
        found = jumps(self.phi_graph, np.zeros((1, 0)), {"x0": "u"})
        return tuple(text.replace("output 0", "phi") for text in found)

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
        if self.is_sparse:  # which axes are left of a sparse array depends on SciPy
            largest = abs(self.W).max(axis=0).toarray().ravel()
        else:
            largest = abs(self.W).max(axis=-2)
        return np.asarray(((largest == 0) & (self.tau == 1)).sum(axis=-1))

    @property
    def state_shape(self) -> tuple[int, ...]:
        """The shape of a state, as `initial` and `trajectory` have it."""
        return (self.dim,)

    def decay_rate(self, state: Array) -> float | None:
        return float(1.0 / self.tau.min())

    fastest_rate = decay_rate

    def with_params(self, **params: object) -> RateNetwork:
        own = (
            "W",
            "bias",
            "tau",
            "phi",
            "form",
            "kind",
            "inputs",
            "delay",
            "noise",
            "common_noise",
        )
        for name in params:
            choice(name, "params", own)
        same = {name: getattr(self, name) for name in own[:-2]}
        same |= {"noise": self.amplitudes, "common_noise": bool(self.noise and self.noise.common)}
        if self.lagged and self.delay is None:
            same["W"] = list(self.lagged.terms)
            if "W" in params and not is_pairs(params["W"]):
                raise ValueError("W must be a list of pairs (W, delay), as the network has")
        if "noise" in params and params["noise"] is None:
            same["common_noise"] = False
        # Not traced again: a constant that phi closes over may be another one by now.
        same["phi"] = self.phi if isinstance(self.phi, str) else self.phi_graph
        changed = RateNetwork(**{**same, **params})
        if "phi" not in params:
            changed.phi, changed._phi_name = self.phi, self._phi_name
        changed.home = changed.home or self.home
        if changed.noise and self.noise:
            changed.noise = replace(self.noise, common=changed.noise.common)
        return changed

    def __getstate__(self) -> dict[str, object]:
        """A function is left behind: few can be pickled, and what it does is in the graph."""
        phi = self.phi if isinstance(self.phi, str) else self.phi_graph
        return {**self.__dict__, "phi": phi}

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.standard_normal((*shape, self.dim))

    def propagator(
        self, shape: tuple[int, ...], dt: float, k: int, dtype: DTypeLike, devices: Devices = ()
    ) -> Propagator:
        asked = request(self.is_flow, shape, dt, k, dtype, devices)
        small = is_small(asked, self.dim, self.inputs is not None)
        if self.lagged and self.lagged.split:
            now, past, delays = self.lagged.split
            if small or (self.noise and self.dim <= MOST_NOISY):
                function, table = self._looking_back(shape, now, past, delays)
                return of_delayed_function(asked, function, table, delays, shape, self.noise)
            if self.noise:
                raise ValueError(
                    f"noise must be left out of a network of {self.dim} units with delays: only "
                    f"those of up to {MOST_NOISY} and a Flow have both"
                )
            return of_delayed_network(
                asked,
                delays,
                shape,
                weights=as_weights(past, shape),
                now=None if now is None else as_weights(now, shape),
                bias=flat_batch(self.bias, shape, 1),
                rate=flat_batch(1.0 / self.tau, shape, 1),
                current=self.form == "current",
                phi=self.phi if isinstance(self.phi, str) else self.phi_graph,
            )
        if small:
            return of_straight_line(asked, *self._straight_line(shape), self.noise)
        weights = as_weights(self.W, shape)
        inputs = np.zeros((1, self.dim)) if self.inputs is None else self.inputs
        return of_rate_network(
            asked,
            weights,
            flat_batch(self.bias, shape, 1),
            flat_batch(inputs, shape, 2),
            flat_batch(1.0 / self.tau, shape, 1),
            self.form == "current",
            self.phi if isinstance(self.phi, str) else self.phi_graph,
            None if self.amplitudes is None else flat_batch(self.amplitudes, shape, 1),
            self.noise.keys(asked.batch) if self.noise else None,
        )

    def _straight_line(self, shape: tuple[int, ...]) -> tuple[Hoisted, Array]:
        """Small networks are traced functions."""
        phi = NUMPY[self.phi] if isinstance(self.phi, str) else self._substituted

        def f(x: Traceable, p: Parameters) -> Traceable:
            field = p.W @ phi(x) + p.bias if self.form == "current" else phi(p.W @ x + p.bias)
            if self.is_flow:
                return p.rate * (field - x)
            # Not x + rate (field - x), whose slope 1 - 1 + 1e-35 is 0.
            return (1 - p.rate) * x + p.rate * field

        weights = self.W.toarray() if self.is_sparse else self.W
        arrays = {"W": (weights, 2), "bias": (self.bias, 1), "rate": (1.0 / self.tau, 1)}
        if self.amplitudes is not None:
            arrays["noise"] = (self.amplitudes, 1)
        return straight_line(f, self.dim, arrays, self.batch_shape, shape)

    def _looking_back(
        self, shape: tuple[int, ...], now: Matrix | None, past: Matrix, delays: Delays
    ) -> tuple[Hoisted, Array]:
        """Small networks with delays are traced functions of past values."""
        phi = NUMPY[self.phi] if isinstance(self.phi, str) else self._substituted
        current = self.form == "current"

        def f(x: Traceable, p: Parameters, before: Past) -> Traceable:
            states = [before(p.delays[d]) for d in range(delays.times.shape[-1])]
            places = zip(delays.which, delays.units, strict=True)
            seen: Traceable = np.stack([states[d][i] for d, i in places])
            total = p.W @ phi(seen) if current else p.W @ seen
            if now is not None:
                total = total + p.now @ (phi(x) if current else x)
            total = total + p.bias
            return p.rate * ((total if current else phi(total)) - x)

        arrays = {
            "W": (dense(past), 2),
            "bias": (self.bias, 1),
            "rate": (1.0 / self.tau, 1),
            "delays": (delays.times, 1),
        }
        if now is not None:
            arrays["now"] = (dense(now), 2)
        if self.amplitudes is not None:
            arrays["noise"] = (self.amplitudes, 1)
        return straight_line(f, self.dim, arrays, self.batch_shape, shape, Past(self.dim))

    def _substituted(self, u: Traced) -> Traced:
        """phi(u), for the tracer."""
        (x,), (value,) = self.phi_graph.state, self.phi_graph.outputs
        return Traced(np.frompyfunc(lambda e: value.xreplace({x: e}), 1, 1)(u.values))

    def __repr__(self) -> str:
        phi = repr(self.phi) if isinstance(self.phi, str) else self._phi_name
        late = ""
        if self.delays is not None:
            low, high = self.delays.times.min(), self.delays.longest
            late = f", delay={low:g}" + (f" to {high:g}" if high > low else "")
        late += ", noise" if self.noise else ""
        return f"RateNetwork(n={self.dim}, phi={phi}, form={self.form!r}, {self.kind}{late})"
