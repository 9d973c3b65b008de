"""Flows and maps written as plain NumPy functions."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

from collections.abc import Callable, Mapping
from copy import copy
from functools import cached_property
from typing import Self

import numpy as np
import scipy  # its modules load when they are first used
import sympy
from numpy.typing import ArrayLike, DTypeLike

from .._check import Array, broadcast, count, flag, flat_batch, real_array, room
from .._device import Home, home_of
from ..kernels.codegen import Graph, on_arrays
from ..kernels.expressions import symbols_of
from ..kernels.forms import form_of
from ..kernels.hoist import hoisted
from ..kernels.propagator import Propagator
from ..kernels.stored import operations
from .adapters import FromOthers, Params
from .angles import turns
from .base import Devices, Plain
from .batches import named_axes
from .delays import Beginning, Delays
from .eigenvalues import DENSE, fastest_decay, largest_eigenvalue
from .jumps import jumps
from .matrices import Matrix
from .noise import Noise, amplitudes, noise_param, with_noise
from .past import Past
from .routes import of_delayed_function, of_function, request
from .semilinear import Grid, Linear, linear_part
from .signature import looks_back, named, of_object, understood
from .trace import trace
from .traced import Function, Scalar

BYTES = 1000  # of a variable in a trace, at least

MANY = 16  # variables, from which on a network of nodes starts sooner


class _Traced(FromOthers, Plain):
    """Shared by Flow and Map; `params` may carry leading batch axes where `f` sees none.

    The function is run once and not kept: its graph serves for other parameters, too, and goes
    where a lambda cannot, into another process.
    """

    is_flow = True
    nullity = np.zeros((), np.int64)
    input_steps = None
    home: Home | None
    linear: Linear | None = None
    # Delays, and (delay, variable) of each past value that the graph's state ends with.
    lags: tuple[tuple[sympy.Expr, ...], list[int], list[int]] | None = None
    beginning: Beginning | None = None
    starts_exactly = False  # where a history is given
    params: dict[str, Array]

    def __init__(
        self,
        f: Function,
        dim: int,
        params: Params | None = None,
        *,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        initial: ArrayLike | None = None,
        past: Past | None = None,
        noise: object = None,
        common_noise: bool = False,
        signature: str | None = None,
    ):
        f, params = of_object(f, params)
        self.name = str(getattr(f, "__name__", type(f).__name__))
        self.dim = variables(dim, "dim")
        f, given, shape, timed = understood(f, self.dim, params, signature, past is not None)
        amplitude = None if noise is None else noise_param(noise, self.dim)
        if amplitude is not None:
            if "noise" in given:
                raise ValueError("params must not have the name noise, which noise= has")
            given["noise"], core = amplitude
            own: Mapping[str, object] = {**named(shapes, "shapes"), "noise": core}
            shapes = _shapes(own, given)
        elif flag(common_noise, "common_noise") and noise is None:
            raise ValueError("common_noise must be left out without noise")
        shapes = _shapes(shapes, given)
        # Without `shapes` every parameter is a number, and its axes are the batch.
        self.shapes = {name: shapes.get(name, ()) for name in given}
        self.initial = None if initial is None else real_array(initial, "initial", ndim_min=1)
        self._set(given)
        self.home = self.home or home_of(initial)
        arrays = {n: a.shape for n, a in self.params.items() if a.ndim and n not in shapes}
        every = shapes_line(arrays) if len(arrays) > 1 else ""
        unnamed = {
            name: Scalar(name, array.shape, every)
            for name, array in self.params.items()
            if name not in shapes
        }
        seen, returned = self.linear.sizes if self.linear else (self.dim, None)
        self.graph = trace(f, seen, self.shapes, timed, unnamed, returned, past)
        self.noisy_graph = self.graph
        if noise is not None:
            found = amplitudes(noise, self.dim, self.shapes)
            self.noisy_graph = with_noise(self.graph, found)
            self.noise = Noise(flag(common_noise, "common_noise"))
        outputs, now = self.noisy_graph.outputs, self.graph.time
        # SciPy's functions take time, whether they depend on it or not.
        depends = now in symbols_of(*outputs)
        self.is_timed = depends or (timed and signature is None and shape == "xpt")
        self.is_driven = self.is_timed or noise is not None
        if past and past.delays:
            self.lags = tuple(past.delays), *past.places(self.graph.outputs)
        self._vectors = {name: scalar.met for name, scalar in unnamed.items() if scalar.met}
        self._refuse_hidden_vectors()

    def _set(self, params: Mapping[str, object]) -> None:
        self.home = home_of(*params.values())
        for name, v in params.items():
            if callable(v):
                raise TypeError(
                    f"params[{name!r}] must be real numbers, got a function: leave it out of "
                    f"params, functools.partial(f, {name}=...)"
                )
        self.params = {name: real_array(v, f"params[{name!r}]") for name, v in params.items()}
        self._lead = {}
        for name, value in self.params.items():
            core = self.shapes[name]
            lead = value.shape[: value.ndim - len(core)]
            if value.shape[value.ndim - len(core) :] != core:
                raise ValueError(f"params[{name!r}] must end in shape {core}, got {value.shape}")
            self._lead[name] = lead
        leads = list(self._lead.values())
        if self.initial is not None:
            if self.initial.shape[-1] not in (1, self.dim):
                raise ValueError(
                    f"initial must have shape ({self.dim},) or (..., {self.dim}), got "
                    f"{self.initial.shape}"
                )
            leads.append(self.initial.shape[:-1])
        try:
            self.batch_shape = broadcast("params and initial", *leads)
        except ValueError as error:
            wanted = {name: lead for name, lead in self._lead.items() if lead}
            if len(wanted) < 2:
                raise
            text = f"{error}; if they are no batch but arrays for f: shapes={shapes_line(wanted)}"
            raise ValueError(text) from None

    def _refuse_hidden_vectors(self) -> None:
        """A vector that no shapes name would silently become a batch of systems."""
        found = {}
        for name, met in self._vectors.items():
            value = self.params[name]
            length = value.shape[-1] if value.ndim else 1
            line = met.get(length) or met.get(0)
            if length > 1 and line is not None:
                found[name] = length, line
        if found:
            name, (length, line) = next(iter(found.items()))
            vectors = shapes_line({n: (size,) for n, (size, _) in found.items()})
            batch = shapes_line({n: () for n in found})
            raise ValueError(
                f"params[{name!r}] has {length} values, and f takes p.{name} for a vector at "
                f"{line}: write shapes={vectors} if it is a vector, shapes={batch} if its values "
                "are the members of a batch"
            )

    def with_params(self, **params: object) -> Self:
        unknown = set(params) - set(self.params)
        if unknown:
            raise ValueError(
                f"params names {', '.join(sorted(unknown))}; this system has "
                f"{', '.join(self.params) or 'none'}"
            )
        changed = copy(self)
        for name in ("jumps", "turns", "delays"):
            vars(changed).pop(name, None)
        changed._set({**self.params, **params})
        changed.home = changed.home or self.home
        changed._refuse_hidden_vectors()
        return changed

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        noise = rng.standard_normal((*shape, self.dim))
        if self.starts_exactly:
            noise[:] = 0.0
        return noise if self.initial is None else self.initial + 1e-3 * noise

    def _table(self) -> Array:
        """Parameters side by side, (batch..., parameters)."""
        parts = []
        for name, value in self.params.items():
            core = self.shapes[name]
            parts.append(value.reshape(*self._lead[name], int(np.prod(core, dtype=int))))
        joined = [np.broadcast_to(part, (*self.batch_shape, part.shape[-1])) for part in parts]
        return np.concatenate(joined, axis=-1) if joined else np.zeros((1, 0))

    @cached_property
    def delays(self) -> Delays | None:
        """The delays by the parameters; None where nothing looks back."""
        if self.lags is None:
            return None
        expressions, which, units = self.lags
        table = self._table()
        lead = table.shape[:-1]
        members = int(np.prod(lead, dtype=int))
        flat = table.reshape(members, table.shape[-1]).T
        values = on_arrays(self.graph, expressions)(0.0, [], flat)
        times = np.stack([np.broadcast_to(v, members) for v in values], axis=-1)
        times = np.asarray(times, float)
        if (times == times[:1]).all():  # so that members can lie side by side
            times, lead = times[:1], ()
        found = times.reshape(*lead, len(expressions))
        return Delays(found, np.array(which, np.int64), np.array(units, np.int64), self.dim)

    def past(self, shape: tuple[int, ...], dt: float) -> Array | None:
        if self.delays is None or self.beginning is None:
            return None
        return self.beginning.past(self.delays.history(dt), shape)

    @property
    def shares_drive(self) -> bool:
        return self.is_timed or bool(self.noise and self.noise.common)

    @property
    def axes(self) -> dict[int, tuple[str, Array]]:
        return named_axes(self.batch_shape, self._lead, self.params)

    @cached_property
    def jumps(self) -> tuple[str, ...]:
        """Places where the right-hand side of a flow jumps; a map needs no correction there."""
        if not self.is_flow:
            return ()
        names, place = {}, 0
        for name, core in self.shapes.items():
            for index in np.ndindex(core):
                names[f"p{place}"] = f"p.{name}" + (str(list(index)) if core else "")
                place += 1
        if self.lags:
            times, which, units = self.lags
            known = {sympy.Symbol(s, real=True): sympy.Symbol(name) for s, name in names.items()}
            for d, i in zip(which, units, strict=True):
                names[f"y{d}_{i}"] = f"past({times[d].xreplace(known)})[{i}]"
        return jumps(*self._whole, names)

    @cached_property
    def turns(self) -> Array:
        """The length of a turn of each variable that is an angle; 0 of the others."""
        if self.linear:  # which an angle would be turned by
            return np.zeros(self.dim)
        return turns(*self._whole, self.is_flow, self.lags[2] if self.lags else [])

    @property
    def _whole(self) -> tuple[Graph, Array]:
        """The right-hand side with its noise, whose numbers are parameters, and a table of them."""
        graph, table = self.noisy_graph, self._table()
        table = table.reshape(-1, table.shape[-1]) if table.size else np.zeros((1, 0))
        if not graph.noise:
            return graph, table
        numbers = np.random.default_rng(0).standard_normal((len(table), len(graph.noise)))
        params = (*graph.params, *graph.noise)
        whole = Graph(graph.state, params, graph.time, graph.outputs)
        return whole, np.hstack([table, numbers])

    @property
    def preparing(self) -> str:
        """How much is compiled, and what would be less where all depends on all."""
        said = f"compiling {operations(self.graph):,} operations"
        coupled = sum(len(symbols_of(e) & {*self.graph.state}) for e in self.graph.outputs)
        if self.dim < MANY or 2 * coupled < self.dim**2:
            return said
        return f"{said} (an lx.Network would compile one node)"

    @property
    def state_shape(self) -> tuple[int, ...]:
        """The shape of a state, as `initial` and `trajectory` have it."""
        return (self.dim,)

    def decay_rate(self, state: Array) -> float | None:
        """The fastest decay by the Jacobian's eigenvalues at a few members, without `linear`."""
        return self._fastest(state, fastest_decay)

    def fastest_rate(self, state: Array) -> float | None:
        return self._fastest(state, largest_eigenvalue)

    def _fastest(self, state: Array, rate: Callable[[Matrix], float]) -> float | None:
        """The largest of the Jacobian's rates that limit the step."""
        form, linear = form_of(self.graph), self.linear
        table = form.table_of(flat_batch(self._table(), state.shape[:-1], 1))
        state = state.reshape(-1, self.dim)
        fastest = 0.0
        for b in range(0, len(state), max(1, len(state) // 4)):
            seen = linear.seen(state[b]) if linear else state[b]
            if self.lags:  # as if it had been there all the time
                seen = np.concatenate([seen, seen[self.lags[2]]])
            try:
                entries = form.jacobian(0.0, seen.tolist(), table[b % len(table)].tolist())
            except (ArithmeticError, ValueError):
                return None  # outside the function's domain: a status will say so
            values = np.array(list(entries.values()), float)
            if not np.isfinite(values).all():
                return None
            rows, columns = np.array(list(entries), int).reshape(-1, 2).T
            shape = len(self.graph.outputs), len(self.graph.state)
            matrix: Matrix = scipy.sparse.csr_array((values, (rows, columns)), shape=shape)
            if linear or self.lags or self.dim <= DENSE:
                matrix = matrix.toarray()
            found = linear.rate(matrix, rate) if linear else rate(matrix[:, : self.dim])
            if self.lags and rate is largest_eigenvalue:
                past = np.zeros((self.dim, self.dim))
                np.add.at(past.T, self.lags[2], np.abs(matrix[:, self.dim :]).T)
                found += rate(past)
            if np.isnan(found):
                return None
            fastest = max(fastest, found)
        return fastest

    def propagator(
        self, shape: tuple[int, ...], dt: float, k: int, dtype: DTypeLike, devices: Devices = ()
    ) -> Propagator:
        table = flat_batch(self._table(), shape, 1)
        asked = request(self.is_flow, shape, dt, k, dtype, devices)
        if self.delays is not None:
            function = hoisted(self.noisy_graph)
            values = function.table_of(table)
            return of_delayed_function(asked, function, values, self.delays, shape, self.noise)
        return of_function(asked, self.noisy_graph, table, self.linear, self.noise)

    def __repr__(self) -> str:
        by = ", ETDRK4" if self.linear else ""
        if self.lags:
            by = f", {len(self.lags[0])} delay{'s' * (len(self.lags[0]) > 1)}"
        by += ", noise" if self.noise else ""
        return f"{type(self).__name__}({self.name}, dim={self.dim}{by})"


def shapes_line(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """A `shapes` that names the arrays among them, as one would write it."""
    return "{" + ", ".join(f'"{name}": {shape}' for name, shape in shapes.items()) + "}"


def variables(value: object, name: str) -> int:
    """The number of state variables, checked: memory must have room for their trace."""
    if isinstance(value, tuple) and 1 < len(value) < 5:
        each = ", ".join(map(str, value))
        raise TypeError(f"{name} must be an integer, and x.reshape({each}) in f: got {value!r:.60}")
    found = count(value, name)
    room(BYTES * found, f"{name} = {found:.3g} variables", "a function can have fewer")
    return found


def _shapes(shapes: object, params: Mapping[str, object]) -> dict[str, tuple[int, ...]]:
    found = {}
    for name, shape in named(shapes, "shapes").items():
        if name not in params:
            known = ", ".join(params) or "none"
            raise ValueError(f"shapes names {name!r}, params has {known}")
        if not isinstance(shape, tuple | list):
            raise TypeError(f"shapes[{name!r}] must be a tuple such as (3,), got {shape!r:.60}")
        found[name] = tuple(count(n, f"shapes[{name!r}]") for n in shape)
    return found


class Flow(_Traced):
    r"""A flow :math:`\dot x = f(x, p)` or :math:`f(x, p, t)` from a NumPy function.

    With delays :math:`\dot x(t) = f(x(t), p, x(t - \tau_1), x(t - \tau_2), \ldots)`: a third
    argument of the name `past` is a function, ``past(tau)`` is the state at t - tau. The step is
    RK4 with the past between steps by Hermite's cubic, of fourth order for all delays of at least
    one step, and tangents are the exact derivative of that step. Such a flow has infinitely many
    exponents, of which the leading k are computed.

    A linear part that would limit the step, as of a partial differential equation, goes into
    `linear`: :math:`\dot x = L x + D f(B x, p, t)` is integrated by ETDRK4, exactly for f = 0, and
    with the exact derivative of its steps. Everything else by RK4.

    Parameters
    ----------
    f : callable
        ``f(x, p)`` or ``f(x, p, t)``, returning `dim` values: a third argument is time, whether it
        has a default or not. ``f(x)``, ``f(x, a, b)`` with names of `params`, SciPy's ``f(t, y)``,
        ``f(t, y, a, b)`` and ``f(y, t)`` are known by their names. With delays ``f(x, p, past)`` or
        ``f(x, p, past, t)``, where the argument of ``past(tau)`` is a number or a parameter. `x`
        has shape ``(dim,)``; parameters are ``p.a``, ``p["a"]``, ``p[0]`` or ``a, b = p``. It is
        traced once, differentiated symbolically and compiled; it is never called again. NumPy's and
        math's functions, slicing, ``np.zeros`` filled by index, loops and ``if`` work (at most 64
        ways through all of them); ``while`` does not.
    dim : int
        Number of state variables.
    params : mapping, optional
        Parameter values; any of them may be an array, whose axes are then the batch. A tuple or
        list is named by the arguments of `f`, or p0, p1, ...; a namespace, dataclass or named tuple
        by its fields.
    shapes : mapping, optional
        Shapes of parameters that are arrays for `f` itself, ``{"W": (n, n)}``; ``()`` says that
        the values of a parameter are the members of a batch, though as many as a vector of `f` has.
    linear : array (dim,) or (dim, dim), optional
        The constant matrix L, or its diagonal, in 1/time.
    grid : pair of arrays (m, dim) and (dim, q), optional
        B and D; without them, `f` acts on x itself. A pseudo-spectral method takes B to go from
        amplitudes to values on a grid, and D back: `f` then has m arguments and returns q values,
        and neither B nor D is traced.
    initial : array (dim,) or (..., dim), optional
        Where orbits start by default, otherwise standard normal; leading axes are a batch.
    noise : float, array (dim,) or (dim, m), or callable, optional
        Amplitudes of white noise, :math:`dx = f dt + G \circ dW` in the sense of Stratonovich,
        times sqrt(time): one for all variables, one for each, a matrix, or a function ``g(x, p)``
        or ``g(x, p, t)`` of them. Steps are those of RK4 with the noise held for a step (Ruemelin
        1982): strongly of order 1 where amplitudes commute, as constant ones do. Tangents see the
        same noise, so exponents are those of the random flow. Numbers are a parameter, ``noise``.
    common_noise : bool
        Whether all members see one noise; else each has its own, by its number in the batch.
    signature : {"x", "xp", "xpt", "ty", "yt"}, optional
        How `f` is called, where the names of its arguments do not say so.
    history : array (..., dim) or callable, optional
        With delays, in place of `initial`: the state at all times t <= 0, or a function of t. An
        `initial` that is given to a run shifts the whole of it to that state at t = 0.

    Raises
    ------
    TypeError
        When `f` cannot be traced; the message names the line.
    ValueError
        When `f` returns another number of values than `dim`, or takes a parameter for a vector
        that `shapes` does not name; when `linear` or `grid` have other shapes.

    References
    ----------
    Cox & Matthews, J. Comput. Phys. 176 (2002); Kassam & Trefethen, SIAM J. Sci. Comput. 26 (2005);
    Ruemelin, SIAM J. Numer. Anal. 19 (1982).

    Examples
    --------
    >>> import lyapax as lx
    >>> decay = lx.Flow(lambda x, p: [-p.a * x[0], -2 * x[1]], dim=2, params=dict(a=1.0))
    >>> spec = lx.lyapunov_spectrum(decay, duration=50, dt=0.01, rng=0, progress=False)
    >>> print(spec.exponents.round(6))
    [-1. -2.]

    >>> stiff = lx.Flow(lambda x, p: [x[1] ** 2, 0.0], dim=2, linear=[-1.0, -1000.0])
    >>> spec = lx.lyapunov_spectrum(stiff, duration=50, dt=0.01, rng=0, progress=False)
    >>> print(spec.exponents.round(6))
    [   -1. -1000.]

    >>> late = lx.Flow(lambda x, p, past: -past(p.tau), dim=1, params=dict(tau=1.0))
    >>> spec = lx.lyapunov_spectrum(late, duration=50, dt=0.05, k=2, rng=0, progress=False)
    >>> print(spec.exponents.round(4))  # the real part of Lambert's W of -1, twice
    [-0.3181 -0.3181]
    """

    is_flow = True

    def __init__(
        self,
        f: Function,
        dim: int,
        params: Params | None = None,
        *,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        linear: ArrayLike | None = None,
        grid: Grid | None = None,
        initial: ArrayLike | None = None,
        history: ArrayLike | Callable[[float], ArrayLike] | None = None,
        noise: ArrayLike | Function | None = None,
        common_noise: bool = False,
        signature: str | None = None,
    ):
        count = variables(dim, "dim")
        self.linear = linear_part(linear, grid, count)
        if noise is not None and self.linear:
            raise ValueError("noise must be left out of a flow with linear= or grid=")
        past = Past(count) if looks_back(f) else None
        if past and self.linear:
            raise ValueError("linear and grid must be left out for a function that looks back")
        if history is not None:
            if past is None or initial is not None:
                raise ValueError(
                    "history must be left out "
                    + ("where initial is given" if past else "unless f looks back: f(x, p, past)")
                )
            self.beginning, initial = Beginning.of(history, count)
            self.starts_exactly = True
        super().__init__(
            f,
            dim,
            params,
            shapes=shapes,
            initial=initial,
            past=past,
            noise=noise,
            common_noise=common_noise,
            signature=signature,
        )


class Map(_Traced):
    r"""A map :math:`x_{m+1} = f(x_m, p)` or :math:`f(x_m, p, m)` from a plain NumPy function.

    Parameters
    ----------
    f : callable
        ``f(x, p)`` returns the next state (dim,), where ``x`` has `dim` entries and ``p.name`` is a
        parameter. With a third argument ``f(x, p, m)`` the number of the step drives the map.
    dim, params, shapes, initial
        As of `Flow`.
    signature
        As of `Flow`, time being the number of the step.
    noise, common_noise
        As of `Flow`, but added at each step: :math:`x_{m+1} = f(x_m, p) + G \xi_m`.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came; where the function cannot be traced.

    Examples
    --------
    >>> import lyapax as lx
    >>> henon = lx.Map(lambda x, p: [1 - p.a * x[0] ** 2 + x[1], 0.3 * x[0]], 2, {"a": 1.4})
    >>> spec = lx.lyapunov_spectrum(henon, duration=20_000, rng=0, progress=False)
    >>> print(abs(spec.exponents[0] - 0.4192) < 4 * spec.stderr[0])
    True
    """

    is_flow = False

    def __init__(
        self,
        f: Function,
        dim: int,
        params: Params | None = None,
        *,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        initial: ArrayLike | None = None,
        noise: ArrayLike | Function | None = None,
        common_noise: bool = False,
        signature: str | None = None,
    ):
        super().__init__(
            f,
            dim,
            params,
            shapes=shapes,
            initial=initial,
            noise=noise,
            common_noise=common_noise,
            signature=signature,
        )
