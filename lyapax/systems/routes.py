"""Which kernels run a system, on the CPU and on a GPU: the routing table, in one place.

=====================  =======================  =============================  ===========
system                 variables                on a GPU                       on the CPU
=====================  =======================  =============================  ===========
Flow, Map              n^2 k <= 80              threads (n <= 8)               lanes
Flow, Map              more                     threads (n <= 8; no others)    columns
Flow with linear part  any                      none                           etdrk4
Flow with delays       any                      none                           delayed
RateNetwork, delays    n^2 k <= 80              none                           delayed function
RateNetwork, delays    more                     none                           delayed network
RateNetwork            n^2 k <= 80, no inputs   threads (n <= 8)               lanes
RateNetwork            n <= 8, no inputs        threads                        network
RateNetwork            n <= 128 (float64: 64)   blocks, if dense               network
RateNetwork            more                     gemm                           network
Network                n^2 k <= 80, no inputs   threads (n <= 8)               lanes
Network                everything else          gemm, if the coupling          nodal
                                                separates
RNN, GRU, LSTM         n^2 k <= 27, no inputs   threads                        lanes
RNN, one layer         n <= 128 (float64: 64)   blocks                         gated
GRU, one layer         n <= 128 (float64: 64)   blocks, reset after, no loop   gated
RNN, GRU, LSTM         everything else          gemm                           gated
=====================  =======================  =============================  ===========

Where a block has too little shared memory (float64 of 33 to 64 variables on devices with 64 KB)
the next row serves.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from .._check import Array, Integers, room
from ..kernels.codegen import Graph
from ..kernels.forms import form_of
from ..kernels.hoist import Hoisted, hoisted
from ..kernels.propagator import Propagator
from .activation import named_graph
from .arrays import EdgeArrays, GatedArrays, NodalArrays, Weights
from .base import Devices
from .delays import Delays
from .noise import Noise
from .semilinear import Linear

if TYPE_CHECKING:
    from ..kernels.cuda.blocks import Unit

LARGEST_THREAD = 8  # variables of a member on a GPU; more do not stay in registers
LANES_WORK = 80  # n^2 k; unrolled code of n = k = 4 compiles in 5 s, of n = k = 8 in 35 s
GATED_LANES_WORK = 27  # n = k = 3; gates make the code four times as long
# Bytes of inputs times their weights; beyond, the gemm propagator takes both.
MOST_ENTERED = 1 << 30
TAPED = 64  # stages between two QRs, at least, whose slopes on all edges are kept
COPIES = 6  # of weights, at the most that there are while kernels prepare them


@dataclass(frozen=True)
class Request:
    """What the driver asks of a system: how to propagate it, and where."""

    dt: float  # 0 for maps
    k: int
    batch: int
    dtype: DTypeLike
    devices: Devices

    @property
    def common(self) -> tuple[float, int, int, DTypeLike]:
        return self.dt, self.k, self.batch, self.dtype


def request(
    is_flow: bool, shape: tuple[int, ...], dt: float, k: int, dtype: DTypeLike, devices: Devices
) -> Request:
    return Request(dt if is_flow else 0.0, k, int(np.prod(shape, dtype=int)), dtype, devices)


def is_small(asked: Request, dim: int, is_driven: bool, gated: bool = False) -> bool:
    """Whether a network is a traced function: straight-line code, members as lanes or threads."""
    if is_driven:
        return False
    if gated:
        # Straight-line code of gates is long: 4 units with all tangents would compile for 20 s.
        return dim**2 * asked.k <= GATED_LANES_WORK
    return dim <= LARGEST_THREAD if asked.devices else dim**2 * asked.k <= LANES_WORK


def of_straight_line(
    asked: Request, function: Hoisted, table: Array, noise: Noise | None = None
) -> Propagator:
    """The propagator of a small network as a traced function; table: parameters (B or 1, p)."""
    if noise:
        if asked.devices:
            raise ValueError("device must be the CPU for systems with noise; leave it out")
        table = noise.beside(table, function.statements.drawn, asked.batch)
    if not asked.devices:
        from ..kernels.cpu.traced.lanes import Lanes

        return Lanes(function.statements, table, *asked.common)
    from ..kernels.cuda.spread import spread
    from ..kernels.cuda.threads import Threads

    return spread(Threads(*asked.common, asked.devices[0], function.graph, table), asked.devices)


def of_function(
    asked: Request, graph: Graph, params: Array, linear: Linear | None, noise: Noise | None = None
) -> Propagator:
    """The propagator of a function that a user wrote; params (B or 1, parameters)."""
    dim = len(graph.state) if linear is None else len(linear.matrix)
    small = linear is None and dim**2 * asked.k <= LANES_WORK
    if asked.devices and linear:
        raise ValueError(
            "device must be the CPU for a flow with linear= or grid=: ETDRK4 has no GPU kernels; "
            "leave device out"
        )
    if asked.devices and dim > LARGEST_THREAD:
        raise ValueError(
            f"device must be the CPU for functions of more than {LARGEST_THREAD} variables, this "
            f"one has {dim}: leave device out, or write it as a RateNetwork"
        )
    form = hoisted(graph) if noise else form_of(graph)
    if asked.devices or (isinstance(form, Hoisted) and small):
        function = hoisted(graph)
        return of_straight_line(asked, function, function.table_of(params), noise)
    table = form.table_of(params)
    if noise:
        table = noise.beside(table, len(graph.noise), asked.batch)
    code = form.statements if isinstance(form, Hoisted) else form
    if linear:
        from ..kernels.cpu.semilinear.propagator import Etdrk4

        return Etdrk4(code, table, linear.matrix, linear.grid, *asked.common)
    from ..kernels.cpu.traced.columns import Columns  # loads BLAS: 0.2 s

    return Columns(code, table, *asked.common)


def of_delayed_function(
    asked: Request,
    function: Hoisted,
    table: Array,
    delays: Delays,
    shape: tuple[int, ...],
    noise: Noise | None = None,
) -> Propagator:
    """The propagator of a function that looks back, of whose parameters `table` is made."""
    _expect_cpu(asked)
    if noise:
        table = noise.beside(table, function.statements.drawn, asked.batch)
    from ..kernels.cpu.delayed.function import DelayedFunction

    return DelayedFunction(
        function=function.statements,
        params=np.ascontiguousarray(table),
        **_of_delays(asked, delays, shape),
    )


def of_delayed_network(
    asked: Request, delays: Delays, shape: tuple[int, ...], **arrays: Any
) -> Propagator:
    """The propagator of a rate network whose couplings look back: arrays of `DelayedNetwork`."""
    _expect_cpu(asked)
    _expect_copies(arrays["weights"])
    from ..kernels.cpu.delayed.network import DelayedNetwork

    return DelayedNetwork(**arrays, **_of_delays(asked, delays, shape))


def _expect_cpu(asked: Request) -> None:
    if asked.devices:
        raise ValueError("device must be the CPU for systems with delays; leave it out")


def _of_delays(asked: Request, delays: Delays, shape: tuple[int, ...]) -> dict[str, Any]:
    dt, k, batch, dtype = asked.common
    return dict(
        delays=delays.of(shape),
        longest=delays.longest,
        which=delays.which,
        units=delays.units,
        dt=dt,
        k=k,
        batch=batch,
        dtype=dtype,
    )


def of_rate_network(
    asked: Request,
    weights: Weights,
    bias: Array,
    inputs: Array,
    rate: Array,
    current: bool,
    phi: str | Graph,
    noise: Array | None = None,
    keys: Integers | None = None,
) -> Propagator:
    """The propagator of a rate network.

    weights (B or 1, n, n) or a CSR triple, bias, rate and noise (B or 1, n), inputs (., T, n),
    keys of noise (B, 2).
    """
    if asked.devices and noise is not None:
        raise ValueError("device must be the CPU for systems with noise; leave it out")
    if asked.devices:
        graph = named_graph(phi) if isinstance(phi, str) else phi
        return _rate_on_gpu(asked, weights, bias[:, None] + inputs, rate, current, graph)
    _expect_copies(weights)
    from ..kernels.cpu.network.propagator import Network

    dt, k, batch, dtype = asked.common
    return Network(
        weights=weights,
        bias=bias,
        inputs=inputs,
        rate=rate,
        current=current,
        phi=phi,
        dt=dt,
        k=k,
        batch=batch,
        dtype=dtype,
        noise=noise,
        keys=keys,
    )


def of_nodes(asked: Request, arrays: NodalArrays) -> Propagator:
    """The propagator of the arrays of `Nodal`."""
    if asked.devices:
        from ..kernels.cuda.gemm import Gemm
        from ..kernels.cuda.gemm_nodes import NodeEquations
        from ..kernels.cuda.spread import spread

        found = Gemm(*asked.common, asked.devices[0], NodeEquations(**arrays))
        return spread(found, asked.devices)
    _expect_copies(*arrays["matrices"])
    from ..kernels.cpu.nodal.propagator import Nodal

    dt, k, batch, dtype = asked.common
    return Nodal(**arrays, dt=dt, k=k, batch=batch, dtype=dtype)


def of_edges(asked: Request, arrays: EdgeArrays) -> Propagator:
    """The propagator of the arrays of `EdgeByEdge`."""
    if asked.devices:
        raise ValueError(
            "device must be the CPU for a Network whose coupling does not separate; leave it out"
        )
    count = len(arrays["senders"])
    room(
        8 * TAPED * len(arrays["edges"].blocks) * count,
        f"the slopes of {count} edges",
        "give W as a sparse matrix of fewer edges, or a coupling that separates",
    )
    from ..kernels.cpu.nodal.edge_propagator import EdgeByEdge

    dt, k, batch, dtype = asked.common
    return EdgeByEdge(**arrays, dt=dt, k=k, batch=batch, dtype=dtype)


def of_gated_network(asked: Request, cell: str, arrays: GatedArrays) -> Propagator:
    """The propagator of the arrays of `Gated`: hidden, below, entry, bias, inputs."""
    if asked.devices:
        return _gated_on_gpu(asked, cell, arrays)
    _expect_copies(arrays["hidden"], arrays["below"])
    from ..kernels.cpu.gated.propagator import Gated

    dt, k, batch, dtype = asked.common
    return Gated(cell=cell, **arrays, dt=dt, k=k, batch=batch, dtype=dtype)


def _expect_copies(*weights: Weights) -> None:
    """Memory for what kernels make of dense weights: packed, and times the rate of each unit."""
    size = sum(w.nbytes for w in weights if isinstance(w, np.ndarray))
    room(COPIES * size, f"{COPIES} copies of the weights", "give smaller or fewer networks")


def _rate_on_gpu(
    asked: Request, weights: Weights, offsets: Array, rate: Array, current: bool, phi: Graph
) -> Propagator:
    from ..kernels.cuda.activation_source import activation_source
    from ..kernels.cuda.blocks import NETWORK, Blocks
    from ..kernels.cuda.gemm import Gemm
    from ..kernels.cuda.gemm_network import NetworkEquations
    from ..kernels.cuda.spread import spread

    texts = {"activation.cuh": activation_source(phi)}
    first = asked.devices[0]
    equations = NetworkEquations(weights, offsets, rate, current, texts)
    found: Gemm | Blocks = Gemm(*asked.common, first, equations)
    if not isinstance(weights, tuple) and _fits(asked, NETWORK, offsets.shape[-1]):
        found = Blocks(
            *asked.common,
            first,
            NETWORK,
            weights[:, None],
            offsets[:, :, None],
            rate,
            equations,
            {"CURRENT": int(current)},
            texts,
        )
    return spread(found, asked.devices)


def _gated_on_gpu(asked: Request, cell: str, arrays: GatedArrays) -> Propagator:
    from ..kernels.cuda.blocks import GRU, Blocks
    from ..kernels.cuda.gemm import Gemm
    from ..kernels.cuda.gemm_gated import GatedEquations
    from ..kernels.cuda.spread import spread

    hidden, bias = arrays["hidden"], arrays["bias"]
    _, layers, _, n, _ = hidden.shape
    first = asked.devices[0]
    equations = GatedEquations(cell, **arrays)
    found: Gemm | Blocks = Gemm(*asked.common, first, equations)
    if layers > 1 or arrays["closed"] or _entered_bytes(arrays) > MOST_ENTERED:
        return spread(found, asked.devices)
    if cell in ("rnn", "relu"):
        # x -> phi(W x + b + V u) is a rate network without leak.
        offsets = bias[:, 0, None, 0] + _entered(arrays)[..., 0, :]
        phi = named_graph("tanh" if cell == "rnn" else "relu")
        return _rate_on_gpu(asked, hidden[:, 0, 0], offsets, np.ones((1, n)), False, phi)
    if cell == "gru" and _fits(asked, GRU, n):
        # r, z, what the reset multiplies, and the rest of the new memory.
        order, drive = [0, 1, 3, 2], _entered(arrays)
        offsets = bias[:, 0][:, None, order] + np.concatenate(
            [drive[..., :2, :], np.zeros_like(drive[..., :1, :]), drive[..., 2:, :]], axis=-2
        )
        found = Blocks(*asked.common, first, GRU, hidden[:, 0], offsets, np.ones((1, n)), equations)
    return spread(found, asked.devices)


def _entered_bytes(arrays: GatedArrays) -> int:
    """Bytes that `_entered` would take: inputs of few entries grow by the number of units."""
    entry, inputs = arrays["entry"], arrays["inputs"]
    gates, n = entry.shape[1:3]
    return int(8 * max(len(entry), len(inputs)) * inputs.shape[1] * gates * n)


def _entered(arrays: GatedArrays) -> Array:
    """Inputs times their weights, (B or 1, T, gates, n)."""
    entry, inputs = arrays["entry"], arrays["inputs"]
    return np.asarray(np.matmul(entry[:, None], inputs[:, :, None, :, None])[..., 0])


def _fits(asked: Request, unit: "Unit", n: int) -> bool:
    from ..kernels.cuda.blocks import geometry

    return all(
        geometry(unit, n, asked.k, asked.dtype, device.shared_memory) for device in asked.devices
    )
