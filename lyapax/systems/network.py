"""Networks of any nodes, from a node, a coupling and a matrix."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

from collections.abc import Callable, Mapping
from copy import copy
from functools import cached_property

import numpy as np
import scipy  # its modules load when they are first used
import sympy
from numpy.typing import ArrayLike, DTypeLike

from .._check import Array, broadcast, choice, count, quoted, real_array
from .._device import Home, home_of
from ..kernels.codegen import Graph
from ..kernels.nodes import Edges
from ..kernels.propagator import Propagator
from .angles import turns
from .base import Devices, Plain
from .batches import named_axes
from .eigenvalues import fastest_decay, largest_eigenvalue
from .jumps import jumps
from .matrices import Matrix, matrix_home, square
from .network_arrays import NetworkArrays
from .network_jacobian import jacobian
from .nodes import MOST_VARIABLES, alone, edge_nodes, graphs, separated_nodes, traces, whole
from .routes import is_small, of_edges, of_nodes, of_straight_line, request
from .signature import named, takes_time
from .traced import Function

SAMPLES = 32  # parameters of nodes and edges at which jumps and angles are looked for
MEMBERS = 4  # at which the Jacobian's eigenvalues are looked at


class Network(Plain):
    r"""A network of n nodes of m variables each, as a flow or as a map.

    .. math::
        s_{li} = \sum_j W_{l,ij}\, c_l(x_i, x_j, p), \qquad
        \dot x_i = f(x_i, s_i, p_i, t)
        \quad\text{or}\quad x_i \to f(x_i, s_i, p_i, t).

    Both functions are traced once, on a single node: nothing that is compiled depends on n or on
    the matrices. A coupling that can be written as a sum of products of a function of x_i and one
    of x_j (differences, products, powers, sines of differences, exponentials of sums, any function
    of x_j alone) becomes products of matrices: `separable` says so, and `products` how many.

    Parameters
    ----------
    node : callable
        ``node(x, s, p)`` or ``node(x, s, p, t)`` -> m values. x has the m variables of a node, s
        its sums, p its parameters as attributes, p.input too where there are `inputs`; t is the
        time, of a map the step.
    coupling : callable
        ``coupling(x_i, x_j, p)`` -> one value for each sum. Parameters of nodes are those of the
        receiving node i.
    W : array (..., n, n), scipy.sparse (n, n), or a list of these, one for each sum
        Weights; row i holds the inputs of node i. Leading axes of arrays are a batch of networks.
    params : mapping, optional
        Values: of shape (..., n) for each node, (..., n, n) or sparse for each edge of the
        coupling, all others the same for all nodes; leading axes are a batch.
    kind : {"flow", "map"}
    shapes : mapping, optional
        Says what a parameter is where its shape does not: ``()`` one number, though there are n
        members, ``(n,)``, or ``(n, n)``.
    inputs : array (..., T, n), optional
        p.input of each node, one row a step; held constant within a step of a flow.
    initial : array (m,), (n, m) or (..., n, m), optional
        Where orbits start by default, otherwise standard normal.
    variables : int, optional
        m, where the node does not tell: by default the fewest with which it can be called.

    Attributes
    ----------
    n, variables, dim : int
        Nodes, variables of one, and n m.
    separable : bool
    products : int
        Products of a matrix with a vector that an evaluation takes.

    Raises
    ------
    TypeError
        When a function cannot be traced; the message names the line.
    ValueError
        When shapes, or numbers of values returned, do not fit.

    Examples
    --------
    Kuramoto's oscillators have one exponent of zero, by the symmetry under a common phase:

    >>> import numpy as np
    >>> import lyapax as lx
    >>> net = lx.Network(
    ...     lambda x, s, p: [p.omega + p.K * s[0]],
    ...     lambda x, y, p: [np.sin(y[0] - x[0])],
    ...     np.ones((4, 4)) / 4,
    ...     params=dict(omega=[-0.2, -0.1, 0.1, 0.2], K=1.0),
    ... )
    >>> net
    Network(n=4, variables=1, separable in 2 products, dense, flow)
    >>> spec = lx.lyapunov_spectrum(net, duration=200, dt=0.05, rng=0, progress=False)
    >>> print(spec.exponents.round(2))
    [ 0.   -0.94 -0.97 -0.98]
    """

    home: Home | None

    def __init__(
        self,
        node: Function,
        coupling: Function,
        W: Matrix,
        params: Mapping[str, object] | None = None,
        *,
        kind: str = "flow",
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        inputs: ArrayLike | None = None,
        initial: ArrayLike | None = None,
        variables: int | None = None,
    ):
        self.kind = choice(kind, "kind", ("flow", "map"))
        timed = takes_time(node, "node", ("x", "s", "p"))
        takes_time(coupling, "coupling", ("x_i", "x_j", "p"), possible=False)
        m = None if variables is None else count(variables, "variables", high=MOST_VARIABLES)
        given = named(params, "params")
        wanted = named(shapes, "shapes")
        self.inputs = None if inputs is None else real_array(inputs, "inputs", ndim_min=2)
        self._several = _is_several(W)
        self._set_matrices(W)
        self._set_params(given, wanted)
        self._check_inputs()
        self.home = home_of(*map(matrix_home, self._listed(W)), *given.values(), inputs, initial)
        kinds = {name: KINDS[len(core)] for name, core in self.shapes.items()}
        if self.inputs is not None:
            kinds["input"] = "node"
        self._traces = traces(node, coupling, kinds, timed, m)
        self.variables: int = len(self._traces.node)
        self.is_driven = timed or self.inputs is not None
        self.name = str(getattr(node, "__name__", type(node).__name__))
        per_node = {name for name, kind in kinds.items() if kind == "node"}
        self._which = self._matrix_of()
        self._separated = separated_nodes(self._traces, self._which, per_node)
        self.initial = None if initial is None else self._flat(initial, "initial")
        self.batch_shape = self._batch()

    def _listed(self, W: Matrix) -> list[Matrix]:
        return list(W) if self._several else [W]

    def _set_matrices(self, W: Matrix) -> None:
        names = [f"W[{i}]" for i in range(len(W))] if self._several else ["W"]
        self.matrices = [square(w, name) for w, name in zip(self._listed(W), names, strict=True)]
        sizes = {w.shape[-1] for w in self.matrices}
        if len(sizes) > 1:
            raise ValueError(f"W must be matrices of one size, got {sorted(sizes)}")
        (self.n,) = sizes

    def _set_params(self, given: Mapping[str, object], wanted: Mapping[str, object]) -> None:
        """Values and shapes; by default the shape says what a parameter is."""
        if self.inputs is not None and "input" in given:
            raise ValueError("params must not name input, which is what inputs are called")
        for name in wanted:
            if name not in given:
                raise ValueError(f"shapes names {name!r}, params has {', '.join(given) or 'none'}")
        self.params: dict[str, Matrix] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        for name, value in given.items():
            label = f"params[{name!r}]"
            sparse = scipy.sparse.issparse(value)
            array = square(value, label) if sparse else real_array(value, label)
            core = wanted.get(name, _core(array.shape, self.n))
            if core not in ((), (self.n,), (self.n, self.n)):
                raise ValueError(
                    f"shapes[{name!r}] must be (), ({self.n},) or ({self.n}, {self.n}), "
                    f"got {quoted(core)}"
                )
            if array.shape[array.ndim - len(core) :] != core:
                raise ValueError(f"{label} must end in shape {core}, got {array.shape}")
            self.params[name], self.shapes[name] = array, core

    def _check_inputs(self) -> None:
        if self.inputs is not None and self.inputs.shape[-1] != self.n:
            raise ValueError(f"inputs must have shape (..., T, {self.n}), got {self.inputs.shape}")

    def _matrix_of(self) -> tuple[int, ...]:
        """Which of the matrices each sum is taken with."""
        sums = len(self._traces.coupling)
        if self._several and len(self.matrices) != sums:
            raise ValueError(
                f"W must have one matrix for each of the {sums} values of coupling, or be one "
                f"matrix, got {len(self.matrices)}"
            )
        return tuple(range(sums)) if self._several else (0,) * sums

    def _leads(self) -> dict[str, tuple[int, ...]]:
        """Batch axes of the parameters."""
        return {
            name: () if scipy.sparse.issparse(a) else a.shape[: a.ndim - len(self.shapes[name])]
            for name, a in self.params.items()
        }

    def _batch(self) -> tuple[int, ...]:
        leads = [w.shape[:-2] for w in self.matrices]
        leads += self._leads().values()
        leads += [a.shape[:-2] for a in [self.inputs] if a is not None]
        leads += [a.shape[:-1] for a in [self.initial] if a is not None]
        return broadcast("W, params, inputs and initial", *leads)

    def _flat(self, value: ArrayLike, name: str) -> Array:
        """States (m,), (n, m) or (..., n, m) as (..., n m)."""
        array = real_array(value, name, ndim_min=1)
        wanted = self.state_shape
        try:
            whole = np.broadcast_to(array, np.broadcast_shapes(array.shape, wanted))
        except ValueError:
            whole = array
        if whole.shape[-2:] != wanted:
            raise ValueError(
                f"{name} must have shape (..., {self.n}, {self.variables}), got {array.shape}"
            )
        return np.ascontiguousarray(whole.reshape(*whole.shape[:-2], self.dim))

    @property
    def dim(self) -> int:
        return int(self.n * self.variables)

    @property
    def state_shape(self) -> tuple[int, int]:
        """The shape of a state, (n, variables)."""
        return self.n, self.variables

    @property
    def is_flow(self) -> bool:
        return self.kind == "flow"

    @property
    def input_steps(self) -> int | None:
        return None if self.inputs is None else self.inputs.shape[-2]

    @property
    def separable(self) -> bool:
        """Whether sums are products of matrices with vectors; else they go edge by edge."""
        return self._separated is not None

    @property
    def products(self) -> int:
        """Products of a matrix with a vector that an evaluation takes; 0 if edge by edge."""
        return 0 if self._separated is None else len(self._separated.nodes.matrices)

    nullity = np.zeros((), np.int64)
    preparing = "compiling a node"

    @property
    def axes(self) -> dict[int, tuple[str, Array]]:
        values = {name: a for name, a in self.params.items() if not scipy.sparse.issparse(a)}
        return named_axes(self.batch_shape, self._leads(), values)

    @cached_property
    def jumps(self) -> tuple[str, ...]:
        """Places where the node or the coupling of a flow jumps."""
        if not self.is_flow:
            return ()
        node, coupling = graphs(self._traces)
        names = {s.name: f"p.{n}" for n, s in self._traces.of_node.items()}
        names |= {s.name: f"p.{n}" for n, s in self._traces.of_edge.items()}
        found = [
            text.replace("output", what)
            for what, graph in (("node's output", node), ("coupling's output", coupling))
            for text in jumps(graph, self._samples(graph), names)
        ]
        return tuple(found)

    @cached_property
    def turns(self) -> Array:
        """The length of a turn of each variable that is an angle; 0 of the others."""
        node, coupling = alone(self._traces)
        rng = np.random.default_rng(0)

        def found(graph: Graph, is_flow: bool) -> Array:
            given = self._samples(graph)
            free = rng.standard_normal((len(given), len(graph.params) - given.shape[1]))
            return turns(graph, np.concatenate([given, free], axis=1), is_flow)

        of_node, of_coupling = found(node, self.is_flow), found(coupling, True)
        used = [
            (
                any(x in e.free_symbols for e in node.outputs),
                any(x in e.free_symbols for e in coupling.outputs),
            )
            for x in self._traces.variables
        ]
        angle = np.zeros(self.variables)
        for v, (in_node, in_coupling) in enumerate(used):
            lengths = {of_node[v]} if in_node else set()
            lengths |= {of_coupling[v]} if in_coupling else set()
            if len(lengths) == 1:
                (angle[v],) = lengths
        return np.tile(angle, self.n)

    def _samples(self, graph: Graph) -> Array:
        """Values of the user's parameters that a graph has, at a few nodes and edges."""
        rng = np.random.default_rng(0)
        named = {s: name for name, s in {**self._traces.of_node, **self._traces.of_edge}.items()}
        columns = []
        for symbol in graph.params:
            if symbol not in named:
                continue
            name = named[symbol]
            value: Matrix = self.inputs if name == "input" else self.params[name]
            flat = value.data if scipy.sparse.issparse(value) else value.ravel()
            columns.append(rng.choice(flat if len(flat) else np.zeros(1), SAMPLES))
        return np.stack(columns, axis=1) if columns else np.zeros((SAMPLES, 0))

    def decay_rate(self, state: Array) -> float | None:
        """The fastest decay by the Jacobian's eigenvalues at a few members."""
        return self._fastest(state, fastest_decay)

    def fastest_rate(self, state: Array) -> float | None:
        return self._fastest(state, largest_eigenvalue)

    def _fastest(self, state: Array, rate: Callable[[Matrix], float]) -> float | None:
        arrays, edges = NetworkArrays(self, state.shape[:-1]), self._edges
        state = state.reshape(-1, *self.state_shape)
        fastest = 0.0
        for b in range(0, len(state), max(1, len(state) // MEMBERS)):
            ends = arrays.receivers, self.pattern.indices
            matrix = jacobian(edges, *ends, *arrays.at(b, edges), state[b])
            found = rate(matrix) if np.isfinite(matrix.data).all() else np.nan
            if np.isnan(found):
                return None
            fastest = max(fastest, found)
        return fastest

    def with_params(self, **params: object) -> Network:
        own = ("W", "inputs", *self.params)
        for name in params:
            choice(name, "params", own)
        changed = copy(self)
        for name in ("jumps", "turns", "pattern"):
            vars(changed).pop(name, None)
        if "W" in params:
            W = params.pop("W")
            if _is_several(W) != self._several:
                raise ValueError(f"W must be {len(self.matrices)} matrices as before")
            changed._set_matrices(W)
            if changed.n != self.n or len(changed.matrices) != len(self.matrices):
                raise ValueError(
                    f"W must be {len(self.matrices)} matrices of {self.n} nodes as before, "
                    f"got {len(changed.matrices)} of {changed.n}"
                )
        if "inputs" in params:
            value = params.pop("inputs")
            if self.inputs is None:
                raise ValueError("inputs must be given when the network is made, to be replaced")
            changed.inputs = real_array(value, "inputs", ndim_min=2)
            changed._check_inputs()
        changed._set_params({**self.params, **params}, self.shapes)
        changed.batch_shape = changed._batch()
        changed.home = home_of(*params.values()) or self.home
        return changed

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        noise = rng.standard_normal((*shape, self.dim))
        return noise if self.initial is None else self.initial + 1e-3 * noise

    def propagator(
        self, shape: tuple[int, ...], dt: float, k: int, dtype: DTypeLike, devices: Devices = ()
    ) -> Propagator:
        asked = request(self.is_flow, shape, dt, k, dtype, devices)
        found = NetworkArrays(self, shape)
        if is_small(asked, self.dim, self.inputs is not None):
            graph = whole(self._traces, self._which, self.n)
            return of_straight_line(asked, *found.straight_line(graph))
        if self._separated is None:
            return of_edges(asked, found.edge_by_edge(self._edges))
        return of_nodes(asked, found.separable(self._separated))

    @property
    def _edges(self) -> Edges:
        """The graphs of sums that go edge by edge."""
        return edge_nodes(self._traces, self._which, self.driven)

    @cached_property
    def pattern(self) -> Matrix:
        """Where any of the matrices has an entry, of any member, as CSR."""
        found = scipy.sparse.csr_array((self.n, self.n))
        for matrix in self.matrices:
            there = matrix != 0
            if not scipy.sparse.issparse(matrix):
                there = there.reshape(-1, self.n, self.n).any(axis=0)
            found = found + scipy.sparse.csr_array(there.astype(float))
        found.sort_indices()
        return found

    @property
    def params_of_nodes(self) -> list[sympy.Symbol]:
        """The symbols of the parameters of nodes in the graphs, in order, without inputs."""
        return [s for name, s in self._traces.of_node.items() if name in self.params]

    @property
    def params_of_edges(self) -> Mapping[str, sympy.Symbol]:
        """The symbols of the parameters of edges in the graphs."""
        return self._traces.of_edge

    @property
    def driven(self) -> tuple[sympy.Symbol, ...]:
        """The symbol of p.input, where there is one."""
        return () if self.inputs is None else (self._traces.of_node["input"],)

    def __repr__(self) -> str:
        road = (
            f"separable in {self.products} product{'s' * (self.products != 1)}"
            if self.separable
            else "edge by edge"
        )
        sparse = all(scipy.sparse.issparse(w) for w in self.matrices)
        return (
            f"Network(n={self.n}, variables={self.variables}, {road}, "
            f"{'sparse' if sparse else 'dense'}, {self.kind})"
        )


KINDS = "number", "node", "edge"


def _is_several(W: Matrix) -> bool:
    """Whether W is a list of matrices, and no matrix written as lists of numbers."""
    return isinstance(W, list | tuple) and bool(W) and all(_axes(w, 2) >= 2 for w in W)


def _axes(value: object, most: int) -> int:
    """The axes of an array or of nested lists, of which `most` are looked for."""
    if isinstance(value, list | tuple):
        return 1 + _axes(value[0], most - 1) if value and most else 0
    return int(getattr(value, "ndim", 0))


def _core(shape: tuple[int, ...], n: int) -> tuple[int, ...]:
    if shape[-2:] == (n, n):
        return n, n
    return (n,) if shape[-1:] == (n,) else ()
