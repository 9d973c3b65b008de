"""Flows and maps written as plain NumPy functions."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._check import Array, broadcast, count, flat_batch, real_array
from ..device import home_of
from ..kernels.codegen import interpreted
from ..kernels.cpu.lanes import LANES_WORK, Lanes
from ..kernels.hoist import hoisted
from ..kernels.propagator import Propagator
from .gpu import LARGEST_THREAD, Devices, threads
from .trace import trace


class _Traced:
    """Shared by Flow and Map; `params` may carry leading batch axes where `f` sees none."""

    is_flow = True
    nullity = np.zeros((), np.int64)
    input_steps = None

    def __init__(
        self,
        f: Callable[..., Any],
        dim: int,
        params: Mapping[str, Any] | None = None,
        *,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        initial: Any = None,
    ):
        if not callable(f):
            raise TypeError(f"f must be callable, got {type(f).__name__}")
        if not isinstance(params or {}, Mapping):
            raise TypeError(f"params must be a dict, got {type(params).__name__}")
        self.f = f
        self.home = home_of(*(params or {}).values(), initial)
        self.dim = count(dim, "dim")
        self.params = {
            str(name): real_array(value, f"params[{name!r}]")
            for name, value in (params or {}).items()
        }
        # Without `shapes` every parameter is a number, and its axes are the batch.
        self.shapes = {name: tuple((shapes or {}).get(name, ())) for name in self.params}
        for name in shapes or {}:
            if name not in self.params:
                raise ValueError(f"shapes names {name!r}, params has {', '.join(self.params)}")
        self._lead = {}
        for name, value in self.params.items():
            core = self.shapes[name]
            lead = value.shape[: value.ndim - len(core)]
            if value.shape[value.ndim - len(core) :] != core:
                raise ValueError(f"params[{name!r}] must end in shape {core}, got {value.shape}")
            self._lead[name] = lead
        self.batch_shape = broadcast("params", *self._lead.values())
        self.initial = None if initial is None else real_array(initial, "initial", ndim_min=1)
        try:
            signature = inspect.signature(f)
        except ValueError:  # NumPy's own functions do not tell before NumPy 2.4
            raise ValueError(
                f"f must take (x, p) or (x, p, t), and {f!r} does not tell its arguments"
            ) from None
        positional = [
            p for p in signature.parameters.values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]  # fmt: skip
        if len(positional) not in (2, 3):
            raise ValueError(f"f must take (x, p) or (x, p, t), got {len(positional)} arguments")
        self.is_driven = len(positional) == 3
        self.graph = trace(f, self.dim, self.shapes, self.is_driven)

    def with_params(self, **params: Any) -> "_Traced":
        unknown = set(params) - set(self.params)
        if unknown:
            raise ValueError(
                f"params names {', '.join(sorted(unknown))}; this system has "
                f"{', '.join(self.params) or 'none'}"
            )
        changed = type(self)(
            self.f, self.dim, {**self.params, **params}, shapes=self.shapes, initial=self.initial
        )
        changed.home = changed.home or self.home
        return changed

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        noise = rng.standard_normal((*shape, self.dim))
        return noise if self.initial is None else self.initial + 1e-3 * noise

    def _table(self) -> Array:
        """Parameters side by side, (batch..., parameters)."""
        parts = []
        for name, value in self.params.items():
            core = self.shapes[name]
            parts.append(value.reshape(*self._lead[name], int(np.prod(core, dtype=int))))
        joined = [np.broadcast_to(part, (*self.batch_shape, part.shape[-1])) for part in parts]
        return np.concatenate(joined, axis=-1) if joined else np.zeros((1, 0))

    @property
    def axes(self) -> dict[int, tuple[str, Array]]:
        named = {}
        for axis in range(-len(self.batch_shape), 0):
            varying = [
                name for name, lead in self._lead.items() if len(lead) >= -axis and lead[axis] > 1
            ]
            if len(varying) == 1:
                values = self.params[varying[0]]
                if values.size == self.batch_shape[axis]:
                    named[axis] = varying[0], values.ravel()
        return named

    def decay_rate(self, state: Array) -> float | None:
        """From the Jacobian's eigenvalues at a few members."""
        jacobian = interpreted(self.graph)
        table = self._table()
        table = table.reshape(max(1, int(np.prod(table.shape[:-1]))), table.shape[-1])
        fastest = 0.0
        for b in range(0, len(state), max(1, len(state) // 4)):
            matrix = np.zeros((self.dim, self.dim))
            try:
                entries = jacobian(0.0, state[b].tolist(), table[b % len(table)].tolist())
            except (ArithmeticError, ValueError):
                return None  # outside the function's domain: a status will say so
            for place, value in entries.items():
                matrix[place] = value
            if not np.isfinite(matrix).all():
                return None
            rates = np.linalg.eigvals(matrix)
            fastest = max(fastest, float(np.abs(rates[rates.real < 0]).max(initial=0.0)))
        return fastest

    def propagator(
        self, shape: tuple[int, ...], dt: float, k: int, dtype: Any, devices: Devices = ()
    ) -> Propagator:
        dt, batch = dt if self.is_flow else 0.0, int(np.prod(shape, dtype=int))
        if devices and self.dim > LARGEST_THREAD:
            raise ValueError(
                f"device must be the CPU for functions of more than {LARGEST_THREAD} variables, "
                f"this one has {self.dim}: leave device out, or write it as a RateNetwork"
            )
        graph, table_of = hoisted(self.graph)
        table = table_of(flat_batch(self._table(), shape, 1))
        if devices:
            return threads(devices, graph, table, dt, k, batch, dtype)
        kind: Callable[..., Propagator] = Lanes
        if self.dim**2 * k > LANES_WORK:
            from ..kernels.cpu.columns import Columns  # loads BLAS: 0.2 s

            kind = Columns
        return kind(graph, table, dt, k, batch, dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self.f, '__name__', 'f')}, dim={self.dim})"


class Flow(_Traced):
    r"""A flow :math:`\dot x = f(x, p)` or :math:`f(x, p, t)` from a NumPy function.

    Parameters
    ----------
    f : callable
        ``f(x, p)`` or ``f(x, p, t)``, returning `dim` values. `x` has shape ``(dim,)``, `p` has
        the parameters as attributes. It is traced once, differentiated symbolically and compiled;
        it is never called again. NumPy's elementary functions, ``np.where``, ``@``, slicing, sums
        and array constants work; a data-dependent ``if`` does not.
    dim : int
        Number of state variables.
    params : mapping, optional
        Parameter values; any of them may be an array, whose axes are then the batch.
    shapes : mapping, optional
        Shapes of parameters that are arrays for `f` itself, ``{"W": (n, n)}``.
    initial : array, optional
        Where orbits start by default, ``(dim,)``; otherwise standard normal.

    Raises
    ------
    TypeError
        When `f` cannot be traced; the message names the line.
    ValueError
        When `f` returns another number of values than `dim`.

    Examples
    --------
    >>> import lyapax as lx
    >>> decay = lx.Flow(lambda x, p: [-p.a * x[0], -2 * x[1]], dim=2, params=dict(a=1.0))
    >>> spec = lx.lyapunov_spectrum(decay, duration=50, dt=0.01, rng=0, progress=False)
    >>> print(spec.exponents.round(6))
    [-1. -2.]
    """

    is_flow = True


class Map(_Traced):
    r"""A map :math:`x_{m+1} = f(x_m, p)` or :math:`f(x_m, p, m)`; see `Flow`."""

    is_flow = False
