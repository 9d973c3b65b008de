"""Recurrent networks in PyTorch's layout: RNN, GRU and LSTM, driven, autonomous or in a loop."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

import math
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .._check import Array, broadcast, choice, flat_batch, real_array, room
from .._device import home_of
from ..kernels.cells import CELLS
from ..kernels.hoist import Hoisted
from ..kernels.propagator import Propagator
from .arrays import GatedArrays
from .base import Devices, Plain
from .rate import RateNetwork
from .routes import is_small, of_gated_network, of_straight_line, request
from .straight_line import straight_line
from .trace import Parameters
from .traced import Traceable

Rows = list[Traceable]  # vectors of a unit's states, or of its gates


def per_layer(value: ArrayLike, name: str, core: int = 2) -> list[Array]:
    """One array (..., core axes) for each layer, of an array or a list of arrays."""
    if isinstance(value, list | tuple) and value and _axes(value[0]) >= core:
        return [real_array(part, f"{name}[{i}]") for i, part in enumerate(value)]
    return [real_array(value, name)]


def _axes(value: object) -> int:
    """The number of axes of an array or of nested lists, which may be ragged; at most 2."""
    found = 0
    while isinstance(value, list | tuple) and value and found < 2:
        found, value = found + 1, value[0]
    return found + int(getattr(value, "ndim", 0))


class Recurrent(Plain):
    """What RNN, GRU and LSTM have in common; `cell` names the kernel's elementwise part."""

    cell: str
    is_flow = False
    jumps: tuple[str, ...] = ()
    turns: Array | None = None
    preparing = "compiling"
    _own: tuple[str, ...] = (
        "weight_hh",
        "weight_ih",
        "bias_hh",
        "bias_ih",
        "inputs",
        "readout",
        "readout_bias",
    )

    def __init__(
        self,
        weight_hh: ArrayLike,
        weight_ih: ArrayLike | None = None,
        bias_hh: ArrayLike | None = None,
        bias_ih: ArrayLike | None = None,
        *,
        inputs: ArrayLike | None = None,
        readout: ArrayLike | None = None,
        readout_bias: ArrayLike | None = None,
    ):
        self.home = home_of(weight_hh, weight_ih, bias_hh, bias_ih, inputs, readout)
        gates = self.gates
        # Copies of the caller's arrays, which `with_params` takes again.
        hidden = self.weight_hh = per_layer(weight_hh, "weight_hh")
        self.layers, self.n = len(hidden), hidden[0].shape[-1] if hidden[0].ndim else 0
        n, layers = self.n, self.layers
        for w in hidden:
            self._expect(w, "weight_hh", (gates * n, n))
        below = [] if weight_ih is None else per_layer(weight_ih, "weight_ih")
        self.weight_ih = below or None
        if len(below) != layers and (below or layers > 1):
            raise ValueError(f"weight_ih must have {layers} layers as weight_hh, got {len(below)}")
        for w in below[1:]:
            self._expect(w, "weight_ih", (gates * n, n))
        entries = below[0].shape[-1] if below and below[0].ndim else 0
        if below:
            self._expect(below[0], "weight_ih", (gates * n, entries))
        biases = self._biases(bias_hh, "bias_hh"), self._biases(bias_ih, "bias_ih")
        self.bias_hh, self.bias_ih = biases
        if readout_bias is not None and readout is None:
            raise ValueError("readout must be given with readout_bias")
        if inputs is not None and readout is not None:
            raise ValueError("inputs and readout must not both be given: the loop is the input")
        for name, given in (("inputs", inputs), ("readout", readout)):
            if given is not None and not below:
                raise ValueError(f"weight_ih must be given with {name}")
        self.inputs = None if inputs is None else real_array(inputs, "inputs", ndim_min=2)
        if self.inputs is not None:
            self._expect(self.inputs, "inputs", ("T", entries))
        self._inputs = np.zeros((1, 0)) if self.inputs is None else self.inputs
        self.readout = None if readout is None else real_array(readout, "readout", ndim_min=2)
        self.readout_bias = (
            None if readout_bias is None else real_array(readout_bias, "readout_bias")
        )
        self._assemble(hidden, below, *biases)
        loop = () if self.readout is None else self._close(below[0], self.readout, entries)
        arrays = (self._hidden, 4), (self._below, 4), (self._entry, 3), (self._bias, 3)
        leads = [a.shape[: a.ndim - core] for a, core in (*arrays, (self._inputs, 2))]
        self.batch_shape = broadcast("weights, biases and inputs", *leads, *loop)

    def _expect(self, array: Array, name: str, core: tuple[int | str, ...]) -> None:
        got = array.shape[-len(core) :]
        if len(got) < len(core) or any(
            isinstance(want, int) and want != size for want, size in zip(core, got, strict=True)
        ):
            raise ValueError(
                f"{name} must have shape (..., {', '.join(map(str, core))}), got {array.shape}"
            )

    def _biases(self, value: ArrayLike | None, name: str) -> list[Array]:
        rows = self.gates * self.n
        if value is None:
            return [np.zeros(rows)] * self.layers
        found = per_layer(value, name, core=1)
        if len(found) != self.layers:
            raise ValueError(f"{name} must have {self.layers} layers, got {len(found)}")
        for b in found:
            self._expect(b, name, (rows,))
        return found

    def _assemble(
        self, hidden: list[Array], below: list[Array], bias_hh: list[Array], bias_ih: list[Array]
    ) -> None:
        """Arrays as the kernel wants them: (..., layers, gates, n, n) and so on."""
        gates, n = self.gates, self.n

        def split(w: Array) -> Array:
            return w.reshape(*w.shape[:-2], gates, n, w.shape[-1])

        self._hidden = _stacked([split(w) for w in hidden], 3)
        # Of a single open layer nothing is below.
        alone = self.layers == 1 and self.readout is None
        unused = np.zeros((gates, 1, 1) if alone else (gates, n, n))
        self._below = _stacked([unused, *(split(w) for w in below[1:])], 3)
        driven = self.inputs is not None
        self._entry = split(below[0]) if driven else np.zeros((gates, n, 0))
        sums = []
        for b_hh, b_ih in zip(bias_hh, bias_ih, strict=True):
            inner, outer = (b.reshape(*b.shape[:-1], gates, n) for b in (b_hh, b_ih))
            both = broadcast("bias_hh and bias_ih", b_hh.shape[:-1], b_ih.shape[:-1])
            _expect_room("bias_hh and bias_ih", both, 2 * gates * n)
            total, rest = inner + outer, np.zeros_like(inner[..., :1, :])
            if self.cell == "gru":  # the reset multiplies this one, but not the input's
                rest = inner[..., 2:, :]
                total[..., 2, :] = outer[..., 2, :]
            sums.append(np.concatenate(_leads_alike("biases", [total, rest], 2), axis=-2))
        self._bias = _stacked(sums, 2)

    def _close(self, weight_ih: Array, readout: Array, entries: int) -> list[tuple[int, ...]]:
        """Fold the readout into weights from the last layer to the first."""
        gates, n = self.gates, self.n
        self._expect(readout, "readout", (entries, n))
        offset = np.zeros(()) if self.readout_bias is None else self.readout_bias
        if offset.ndim:
            self._expect(offset, "readout_bias", (entries,))
        both = broadcast("weight_ih and readout", weight_ih.shape[:-2], readout.shape[:-2])
        _expect_room("weight_ih and readout", both, gates * n * n)
        back = weight_ih @ readout
        fed = weight_ih @ np.broadcast_to(offset, (*offset.shape[:-1], entries))[..., None]
        loop = back.reshape(*back.shape[:-2], 1, gates, n, n)
        rest = self._below[..., 1:, :, :, :]
        self._below = np.concatenate(_leads_alike("weights and readout", [loop, rest], 4), axis=-4)
        first = fed.reshape(*fed.shape[:-2], gates, n)
        lead = broadcast("biases and readout", first.shape[:-2], self._bias.shape[:-3])
        _expect_room("biases and readout", lead, 2 * math.prod(self._bias.shape[-3:]))
        self._bias = np.array(np.broadcast_to(self._bias, (*lead, *self._bias.shape[-3:])))
        self._bias[..., 0, :gates, :] += first
        return [lead]

    @property
    def gates(self) -> int:
        """The number of gates, or sums, of a unit: 1, 3 or 4."""
        return int(CELLS[self.cell].gates)

    @property
    def states(self) -> int:
        """The number of states of a unit: h, and c of an LSTM."""
        return int(CELLS[self.cell].states)

    @property
    def dim(self) -> int:
        return self.states * self.layers * self.n

    @property
    def is_driven(self) -> bool:
        return self.inputs is not None

    @property
    def input_steps(self) -> int | None:
        return self._inputs.shape[-2] if self.is_driven else None

    @property
    def axes(self) -> dict[int, tuple[str, Array]]:
        return {}  # what varies here are whole arrays

    @property
    def nullity(self) -> NDArray[np.int64]:
        """Units whose state reaches nothing at the next step."""
        if self.is_flow or self.readout is not None or "gru" in self.cell:
            return np.zeros((), np.int64)
        # Of an LSTM's h it is enough that the output gate does not see it.
        reach = self._hidden[..., -1:, :, :] if self.cell == "lstm" else self._hidden
        dead = (reach == 0).all(axis=(-3, -2))
        return np.asarray(dead.sum(axis=(-2, -1)))

    @property
    def state_shape(self) -> tuple[int, ...]:
        """The shape of a state, as `initial` and `trajectory` have it."""
        return (self.dim,)

    def decay_rate(self, state: Array) -> float | None:
        return 1.0 if self.is_flow else None

    fastest_rate = decay_rate

    def with_params(self, **params: object) -> Self:
        for name in params:
            choice(name, "params", self._own)
        changed = type(self)(**{**{name: getattr(self, name) for name in self._own}, **params})
        changed.home = changed.home or self.home
        return changed

    def start(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.uniform(-1, 1, (*shape, self.dim))

    def propagator(
        self, shape: tuple[int, ...], dt: float, k: int, dtype: DTypeLike, devices: Devices = ()
    ) -> Propagator:
        asked = request(self.is_flow, shape, dt, k, dtype, devices)
        if is_small(asked, self.dim, self.is_driven, gated=True):
            return of_straight_line(asked, *self._straight_line(shape))
        arrays: GatedArrays = {
            "hidden": flat_batch(self._hidden, shape, 4),
            "below": flat_batch(self._below, shape, 4),
            "entry": flat_batch(self._entry, shape, 3),
            "bias": flat_batch(self._bias, shape, 3),
            "inputs": flat_batch(self._inputs, shape, 2),
            "closed": self.readout is not None,
        }
        return of_gated_network(asked, self.cell, arrays)

    def _straight_line(self, shape: tuple[int, ...]) -> tuple[Hoisted, Array]:
        arrays = {"hidden": (self._hidden, 4), "below": (self._below, 4), "bias": (self._bias, 3)}
        return straight_line(self._field, self.dim, arrays, self.batch_shape, shape)

    def _field(self, x: Traceable, p: Parameters) -> Traceable:
        """One step, or the rate of change, for the tracer."""
        n, layers = self.n, self.layers
        h = [x[i * n : (i + 1) * n] for i in range(self.states * layers)]
        out = list(h)
        for i in range(layers):
            source = None
            if i > 0:
                source = h[i - 1] if self.is_flow else out[i - 1]
            elif self.readout is not None:
                source = h[layers - 1]
            sums = []
            for g in range(self.gates):
                total = p.bias[i, g]
                sums.append(total if source is None else total + p.below[i, g] @ source)
            self._unit(i, h, out, sums, p.hidden[i], p.bias[i])
        return np.concatenate(out)

    def _unit(
        self, i: int, h: Rows, out: Rows, sums: Rows, weights: Traceable, bias: Traceable
    ) -> None:
        raise NotImplementedError

    def __repr__(self) -> str:
        kind = "flow" if self.is_flow else "map"
        return f"{type(self).__name__}(n={self.n}, layers={self.layers}, {kind})"


def _stacked(parts: list[Array], core: int) -> Array:
    """Arrays (..., core axes) side by side along a new axis before the core."""
    return np.stack(_leads_alike("weights and biases of the layers", parts, core), axis=-core - 1)


def _leads_alike(name: str, parts: list[Array], core: int) -> list[Array]:
    """Arrays (..., core axes) with their leading axes broadcast together."""
    lead = broadcast(name, *(a.shape[: a.ndim - core] for a in parts))
    _expect_room(name, lead, sum(math.prod(a.shape[a.ndim - core :]) for a in parts))
    return [np.broadcast_to(a, (*lead, *a.shape[-core:])) for a in parts]


def _expect_room(name: str, lead: tuple[int, ...], each: int) -> None:
    """Memory for so many numbers of each member, before their axes multiply."""
    members = math.prod(lead)
    room(
        8 * members * each,
        f"{name} of {members} members",
        "give fewer networks, or batch axes that do not multiply",
    )


def sigmoid(u: Traceable) -> Traceable:
    """The logistic function for the tracer, without overflow, exact to its own size."""
    e = np.exp(np.where(u > 0.0, -u, u))
    large = 1.0 / (1.0 + e)
    return np.where(u > 0.0, large, e * large)


class RNN(Recurrent):
    r"""The recurrent network of `torch.nn.RNN`, as a map.

    :math:`h_l \leftarrow \phi(W^{ih}_l x + b^{ih}_l + W^{hh}_l h_l + b^{hh}_l)`, layer by layer; x
    is the input, or the new state of the layer below. The state is
    :math:`(h_0, \ldots, h_{L-1})`.

    Parameters
    ----------
    weight_hh : array (..., n, n) or list of such
        Recurrent weights, of one layer or of each; leading axes are a batch of networks.
    weight_ih : array (..., n, d) or list, optional
        Input weights; d inputs for the first layer, n for the others.
    bias_hh, bias_ih : array (..., n) or list, optional
    inputs : array (..., T, d), optional
        Drives the first layer, one row a step; leading axes are a batch of sequences. Without
        inputs the network is autonomous.
    readout : array (..., d, n), optional
        Closes the loop: the input is ``readout @ h + readout_bias`` with h the last layer's state.
    readout_bias : array (..., d) or float, optional
    nonlinearity : {"tanh", "relu"}

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Examples
    --------
    >>> import numpy as np, lyapax as lx
    >>> rng = np.random.default_rng(0)
    >>> rnn = lx.RNN(rng.normal(0, 0.1, (8, 8)), rng.normal(size=(8, 2)),
    ...              inputs=rng.normal(size=(5, 100, 2)))
    >>> spec = lx.lyapunov_spectrum(rnn, rng=0, progress=False)
    >>> spec.exponents.shape, bool((spec.exponents < 0).all())
    ((5, 8), True)
    """

    _own = (*Recurrent._own, "nonlinearity")

    def __init__(
        self,
        weight_hh: ArrayLike,
        weight_ih: ArrayLike | None = None,
        bias_hh: ArrayLike | None = None,
        bias_ih: ArrayLike | None = None,
        *,
        inputs: ArrayLike | None = None,
        readout: ArrayLike | None = None,
        readout_bias: ArrayLike | None = None,
        nonlinearity: str = "tanh",
    ):
        self.nonlinearity = choice(nonlinearity, "nonlinearity", ("tanh", "relu"))
        self.cell = "relu" if nonlinearity == "relu" else "rnn"
        drive = {"inputs": inputs, "readout": readout, "readout_bias": readout_bias}
        super().__init__(weight_hh, weight_ih, bias_hh, bias_ih, **drive)

    def propagator(
        self, shape: tuple[int, ...], dt: float, k: int, dtype: DTypeLike, devices: Devices = ()
    ) -> Propagator:
        if self.layers > 1 or self.is_driven:
            return super().propagator(shape, dt, k, dtype, devices)
        # One layer by itself is a rate network, which needs no Jacobian.
        weights = self._hidden[..., 0, 0, :, :]
        if self.readout is not None:
            weights = weights + self._below[..., 0, 0, :, :]
        network = RateNetwork(
            weights, self._bias[..., 0, 0, :], phi=self.nonlinearity, form="rate", kind="map"
        )
        return network.propagator(shape, dt, k, dtype, devices)

    def _unit(
        self, i: int, h: Rows, out: Rows, sums: Rows, weights: Traceable, bias: Traceable
    ) -> None:
        u = sums[0] + weights[0] @ h[i]
        out[i] = np.where(u > 0, u, 0.0) if self.cell == "relu" else np.tanh(u)


class GRU(Recurrent):
    r"""The gated recurrent units of `torch.nn.GRU`, as a map or as a flow.

    With gates in PyTorch's order r, z, n and :math:`\circ` elementwise,

    .. math:: r = \sigma(W_r h + V_r x + b_r), \quad z = \sigma(W_z h + V_z x + b_z), \quad
       m = \tanh(r \circ (W_n h + b_{hn}) + V_n x + b_{in}),

    :math:`h \leftarrow z \circ h + (1 - z) \circ m`. As a flow,
    :math:`\dot h = (1 - z) \circ (m - h)` (Jordan, Sokol & Park, Front. Comput. Neurosci. 15,
    2021). ``reset="before"`` takes the state before the product,
    :math:`m = \tanh(W_n (r \circ h) + V_n x + b_{hn} + b_{in})`, as in that article and in Cho et
    al. (2014). The state is :math:`(h_0, \ldots, h_{L-1})`.

    Parameters
    ----------
    weight_hh : array (..., 3 n, n) or list of such
        Recurrent weights, of one layer or of each; leading axes are a batch of networks.
    weight_ih : array (..., 3 n, d) or list, optional
    bias_hh, bias_ih : array (..., 3 n) or list, optional
    inputs, readout, readout_bias : optional
        As in `RNN`. A flow holds its inputs constant within a step, and its layers are driven by
        the present state of the layer below.
    kind : {"map", "flow"}
    reset : {"after", "before"}

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Examples
    --------
    >>> import numpy as np, lyapax as lx
    >>> gru = lx.GRU(np.zeros((6, 2)))  # z = 1/2, m = 0: the state halves
    >>> spec = lx.lyapunov_spectrum(gru, duration=50, rng=0, progress=False)
    >>> print(np.exp(spec.exponents).round(9))
    [0.5 0.5]
    """

    _own = (*Recurrent._own, "kind", "reset")

    def __init__(
        self,
        weight_hh: ArrayLike,
        weight_ih: ArrayLike | None = None,
        bias_hh: ArrayLike | None = None,
        bias_ih: ArrayLike | None = None,
        *,
        inputs: ArrayLike | None = None,
        readout: ArrayLike | None = None,
        readout_bias: ArrayLike | None = None,
        kind: str = "map",
        reset: str = "after",
    ):
        self.kind = choice(kind, "kind", ("map", "flow"))
        self.reset = choice(reset, "reset", ("after", "before"))
        self.cell = "gru" if reset == "after" else "reset_gru"
        self.is_flow = kind == "flow"
        drive = {"inputs": inputs, "readout": readout, "readout_bias": readout_bias}
        super().__init__(weight_hh, weight_ih, bias_hh, bias_ih, **drive)

    def _unit(
        self, i: int, h: Rows, out: Rows, sums: Rows, weights: Traceable, bias: Traceable
    ) -> None:
        r = sigmoid(sums[0] + weights[0] @ h[i])
        closed = sigmoid(-(sums[1] + weights[1] @ h[i]))  # 1 - z
        if self.reset == "after":
            m = np.tanh(sums[2] + r * (weights[2] @ h[i] + bias[3]))
        else:
            m = np.tanh(sums[2] + weights[2] @ (r * h[i]))
        if self.is_flow:
            out[i] = closed * (m - h[i])
        else:
            out[i] = sigmoid(sums[1] + weights[1] @ h[i]) * h[i] + closed * m


class LSTM(Recurrent):
    r"""The long short-term memory of `torch.nn.LSTM`, as a map.

    With gates in PyTorch's order i, f, g, o,
    :math:`c \leftarrow \sigma(f) \circ c + \sigma(i) \circ \tanh(g)` and
    :math:`h \leftarrow \sigma(o) \circ \tanh(c)`, where each gate is
    :math:`W h + V x + b`. The state is :math:`(h_0, \ldots, h_{L-1}, c_0, \ldots, c_{L-1})`, of
    dimension 2 L n.

    Parameters
    ----------
    weight_hh : array (..., 4 n, n) or list of such
        Recurrent weights, of one layer or of each; leading axes are a batch of networks.
    weight_ih : array (..., 4 n, d) or list, optional
    bias_hh, bias_ih : array (..., 4 n) or list, optional
    inputs, readout, readout_bias : optional
        As in `RNN`.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Examples
    --------
    >>> import numpy as np, lyapax as lx
    >>> lstm = lx.LSTM(np.zeros((8, 2)))  # every gate half open: c halves, h is forgotten
    >>> spec = lx.lyapunov_spectrum(lstm, duration=50, rng=0, progress=False)
    >>> print(np.exp(spec.exponents).round(9))
    [0.5 0.5 0.  0. ]
    """

    cell = "lstm"

    def _unit(
        self, i: int, h: Rows, out: Rows, sums: Rows, weights: Traceable, bias: Traceable
    ) -> None:
        u = [sums[g] + weights[g] @ h[i] for g in range(4)]
        c = self.layers + i
        out[c] = sigmoid(u[1]) * h[c] + sigmoid(u[0]) * np.tanh(u[2])
        out[i] = sigmoid(u[3]) * np.tanh(out[c])
