"""Rate networks, dense or sparse, flows and maps."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...propagator import Array, chosen
from ..simd.strips import lanes_of
from ..taped.propagator import GROUP, Taped
from ..team.interruptible import threads_allowed
from .activation import compiled
from .cotangents import BUFFERS as COTANGENT_BUFFERS
from .cotangents import cotangent_model, network_cotangents
from .model import network_model
from .state import WORK_ROWS, network_state
from .tangents import BUFFERS, most_in_turn, network_strips
from .weights import is_sparse, members_of


@dataclass(kw_only=True)
class Network(Taped):
    """Rate networks with tangents in strips."""

    weights: Any  # (B or 1, n, n), or the CSR triple (indptr, indices, data)
    bias: Array  # (B or 1, n)
    inputs: Array  # (B or 1, T, n); T = 1 when constant
    rate: Array  # (B or 1, n): 1/tau for flows, the leak for maps
    current: bool
    phi: Any  # the name of an activation, or its graph
    dt: float
    noise: Array | None = None  # (B or 1, n): amplitudes of white noise
    keys: Any = None  # (B, 2) of its random numbers

    def _prepare(self) -> None:
        self.dim, self.stages = self.bias.shape[-1], 4 if self.dt else 1
        sparse = is_sparse(self.weights)
        shared = not sparse and self.weights.shape[0] == 1
        most = GROUP if self.dim < 64 else 1
        self._group = min(most, max(1, self.batch // (4 * threads_allowed())))
        self.width = GROUP if shared and self._group == GROUP else 0
        self.state_run = network_state(self.dtype)
        self.strip_run = network_strips(sparse, bool(self.current), self.dtype)
        self.model, self._arrays = network_model(
            self.weights,
            self.bias,
            self.inputs,
            self.rate,
            self.current,
            compiled(self.phi),
            self.dt,
            self.width,
            self.dtype,
            self.noise,
            self.keys,
        )

    def backwards(self) -> tuple[Any, Any, int]:
        record, self._turned = cotangent_model(
            self.weights, self.rate, self.current, self.dt, self.width
        )
        return network_cotangents(), record, COTANGENT_BUFFERS * self.dim

    def select(self, members: Any, dtype: Any) -> "Network":
        return replace(
            self,
            weights=members_of(self.weights, members),
            bias=chosen(self.bias, members),
            inputs=chosen(self.inputs, members),
            rate=chosen(self.rate, members),
            noise=None if self.noise is None else chosen(self.noise, members),
            keys=None if self.keys is None else self.keys[members],
            batch=len(members),
            dtype=dtype,
        )

    def group(self) -> int:
        return self._group

    def row(self, count: int) -> int:
        lanes = lanes_of(np.float64)
        return self.dim * self.width if self.width else count * -(-self.dim // lanes) * lanes

    def state_work(self, count: int, stages: int) -> int:
        return (WORK_ROWS + stages) * self.row(count)

    def strip_work(self, count: int, edges: Any) -> int:
        # A narrow strip takes more members in turn.
        sizes = [BUFFERS * self.dim * int(width) for width in np.diff(edges)]
        return max(most_in_turn(count, size * self.dtype.itemsize) * size for size in sizes)
