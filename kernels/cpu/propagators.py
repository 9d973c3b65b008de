"""The CPU propagators: lanes for small traced systems, columns for larger ones, networks."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numba import get_num_threads
from threadpoolctl import threadpool_limits

from ..codegen import Graph
from ..generated import module
from ..propagator import Array, Flight
from . import columns, network
from .columns_source import columns_source
from .lanes_source import lanes_source

LANES_WORK = 80  # n^2 k; unrolled code of n = k = 4 compiles in 5 s, of n = k = 8 in 35 s


def chosen(array: Array, members: Any) -> Array:
    """Rows of an array with a leading axis of the batch, or of 1 for all members."""
    return array if array.shape[0] == 1 else array[members]


def rank_unit(dim: int, dtype: Any) -> float:
    return 8 * dim * float(np.finfo(dtype).eps)


@dataclass
class Lanes:
    """Members as SIMD lanes of generated straight-line code. Tangents run in float64."""

    graph: Graph
    params: Array  # (B or 1, parameters)
    dt: float  # 0 for a map
    k: int
    batch: int
    dtype: Any
    dim: int = field(init=False)

    def __post_init__(self) -> None:
        self.dim = len(self.graph.outputs)
        self.dtype = np.dtype(np.float64)
        self.lanes = 1 if self.batch < 4 else 8 if self.batch < 32 else 32
        source = lanes_source(self.graph, self.k, self.lanes, self.dt != 0.0)
        self.code = module(source)

    def select(self, members: Any, dtype: Any) -> "Lanes":
        params = chosen(self.params, members)
        return replace(self, params=params, batch=len(members), dtype=dtype)

    def advance(self, flight: Flight, steps: int) -> None:
        def run(start: int, stop: int) -> None:
            self.code.advance(
                start, stop, self.params, self.dt, flight.step, steps, flight.state, flight.basis
            )

        self._over_members(run)
        flight.step += steps

    def propagate(self, flight: Flight, intervals: int, steps_per_interval: int) -> None:
        unit = rank_unit(self.dim, np.float64)

        def run(start: int, stop: int) -> None:
            self.code.propagate(
                start, stop, self.params, self.dt, flight.step, intervals, steps_per_interval,
                unit, flight.state, flight.basis, flight.log_sum, flight.compensation,
                flight.growth, flight.status,
            )  # fmt: skip

        self._over_members(run)
        flight.step += intervals * steps_per_interval

    def _over_members(self, run: Callable[[int, int], None]) -> None:
        """The batch in lane blocks over threads; kernels hold no lock and share nothing."""
        threads = min(get_num_threads(), -(-self.batch // self.lanes))
        if threads == 1:
            run(0, self.batch)
            return
        # Four pieces a thread even out what the operating system takes away.
        blocks = -(-self.batch // self.lanes)
        pieces = min(blocks, 4 * threads)
        edges = [self.lanes * (blocks * i // pieces) for i in range(pieces)] + [self.batch]
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(run, *edge) for edge in pairwise(edges)]:
                done.result()


@dataclass
class Columns:
    """Straight-line field and Jacobian entries, tangent columns as lanes."""

    graph: Graph
    params: Array
    dt: float
    k: int
    batch: int
    dtype: Any
    dim: int = field(init=False)

    def __post_init__(self) -> None:
        self.dim = len(self.graph.outputs)
        source, positions = columns_source(self.graph)
        self.field = module(source).field
        rows = np.array([i for i, _ in positions], np.int64)
        self.indices = np.array([j for _, j in positions], np.int64)
        self.indptr = np.searchsorted(rows, np.arange(self.dim + 1))

    def select(self, members: Any, dtype: Any) -> "Columns":
        params = chosen(self.params, members)
        return replace(self, params=params, batch=len(members), dtype=dtype)

    def advance(self, flight: Flight, steps: int) -> None:
        columns.advance(
            self.field, self.indices.size, self.params, self.dt, flight.step, steps, flight.state
        )
        flight.step += steps

    def propagate(self, flight: Flight, intervals: int, steps_per_interval: int) -> None:
        basis = np.ascontiguousarray(np.swapaxes(flight.basis, 1, 2))
        with threadpool_limits(1, user_api="blas"):
            columns.propagate(
                self.field, self.indptr, self.indices, self.params, self.dt, flight.step,
                intervals, steps_per_interval, rank_unit(self.dim, self.dtype), flight.state,
                basis, flight.log_sum, flight.compensation, flight.growth, flight.status,
            )  # fmt: skip
        flight.basis = np.ascontiguousarray(np.swapaxes(basis, 1, 2))
        flight.step += intervals * steps_per_interval


@dataclass
class Network:
    """Rate networks: BLAS or CSR products on panels of tangent columns."""

    weights: Any  # (B or 1, n, n), or the CSR triple (indptr, indices, data)
    bias: Array  # (B or 1, n)
    inputs: Array  # (B or 1, T, n); T = 1 when constant
    rate: Array  # (B or 1, n): 1/tau for flows, the leak for maps
    current: bool
    phi: Any  # a compiled activation
    dt: float
    k: int
    batch: int
    dtype: Any
    dim: int = field(init=False)

    def __post_init__(self) -> None:
        self.dim = self.bias.shape[-1]
        if isinstance(self.weights, tuple):
            indptr, indices, data = self.weights
            self._state_weights = self.weights
            self._tangent_weights: Any = (indptr, indices, data.astype(self.dtype))
        else:
            self._state_weights = np.ascontiguousarray(np.swapaxes(self.weights, 1, 2))
            self._tangent_weights = self.weights.astype(self.dtype)
        self._tangent_rate = self.rate.astype(self.dtype)

    def select(self, members: Any, dtype: Any) -> "Network":
        sparse = isinstance(self.weights, tuple)
        return replace(
            self, weights=self.weights if sparse else chosen(self.weights, members),
            bias=chosen(self.bias, members), inputs=chosen(self.inputs, members),
            rate=chosen(self.rate, members), batch=len(members), dtype=dtype,
        )  # fmt: skip

    def advance(self, flight: Flight, steps: int) -> None:
        network.advance(
            self._state_weights, self.bias, self.inputs, self.rate, self.current, self.phi,
            self.dt, flight.step, steps, flight.state,
        )  # fmt: skip
        flight.step += steps

    def propagate(self, flight: Flight, intervals: int, steps_per_interval: int) -> None:
        basis = np.ascontiguousarray(np.swapaxes(flight.basis, 1, 2))
        with threadpool_limits(1, user_api="blas"):
            network.propagate(
                self._state_weights, self._tangent_weights, self.bias, self.inputs, self.rate,
                self._tangent_rate, self.current, self.phi, self.dt, flight.step, intervals,
                steps_per_interval, rank_unit(self.dim, self.dtype), flight.state, basis,
                flight.log_sum, flight.compensation, flight.growth, flight.status,
            )  # fmt: skip
        flight.basis = np.ascontiguousarray(np.swapaxes(basis, 1, 2))
        flight.step += intervals * steps_per_interval


def threads() -> int:
    return min(get_num_threads(), os.cpu_count() or 1)
