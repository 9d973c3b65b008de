"""Rate networks of any size, dense or sparse, for the gemm propagator."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..propagator import Array, chosen
from .device import Device
from .launching import elementwise, i32, i64
from .matrices import Matrix, matrix_of, own_bytes, shared_bytes


@dataclass
class NetworkEquations:
    weights: Any  # (B or 1, n, n), or the CSR triple (indptr, indices, data)
    offsets: Array  # (B or 1, T, n): bias and inputs
    rate: Array  # (B or 1, n)
    current: bool
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)  # of the activation

    def __post_init__(self) -> None:
        self.dim = self.offsets.shape[-1]

    def select(self, members: Any) -> "NetworkEquations":
        return replace(
            self,
            weights=matrix_of(self.weights, members),
            offsets=chosen(self.offsets, members),
            rate=chosen(self.rate, members),
        )

    def shared_bytes(self, itemsize: int) -> int:
        drive = self.offsets.size if len(self.offsets) == 1 else 0
        return shared_bytes(self.weights, itemsize) + itemsize * drive

    def member_bytes(self, k: int, itemsize: int) -> int:
        drive = self.offsets[0].size if len(self.offsets) > 1 else 0
        vectors = drive + 4 * self.dim + 2 * self.dim * k
        return own_bytes(self.weights, itemsize) + itemsize * vectors

    def on(self, device: Device, dtype: Any, members: slice, dt: float) -> "NetworkStages":
        return NetworkStages(self, device, np.dtype(dtype), members, dt)


class NetworkStages:
    def __init__(
        self, equations: NetworkEquations, device: Device, dtype: Any, members: slice, dt: float
    ):
        self.device, self.dtype, self.dt = device, dtype, np.float64(dt)
        self.current, self.texts = equations.current, equations.texts
        self.offsets = device.upload(chosen(equations.offsets, members), dtype)
        self.rate = device.upload(chosen(equations.rate, members), dtype)
        self.weights = Matrix(device, equations.weights, members, dtype)

    def state(self, x: Any, base: Any, total: Any, stage: int, step: int) -> None:
        offset = self.offsets[:, step % self.offsets.shape[1]]
        xp = self.device.arrays
        self.slope = xp.empty_like(x)
        if self.current:
            value = xp.empty_like(x)
            self._run("activate", x.size, x, value, self.slope, i64(x.size))
            field = self.weights.times(value[:, :, None])[:, :, 0] + offset
        else:
            u, field = self.weights.times(x[:, :, None])[:, :, 0] + offset, xp.empty_like(x)
            self._run("activate", x.size, u, field, self.slope, i64(x.size))
        self._run(
            "move_network",
            x.size,
            field,
            self.rate,
            i32(len(self.rate)),
            base,
            total,
            x,
            i32(x.shape[1]),
            i64(x.size),
            i32(stage),
            self.dt,
        )

    def tangents(self, y: Any, base: Any, total: Any, stage: int) -> None:
        _, n, k = y.shape
        source = y
        if self.current:
            source = self.device.arrays.empty_like(y)
            self._run("scale_rows", y.size, self.slope, y, source, i32(k), i64(y.size))
        product = self.weights.times(source)
        self._run(
            "move_network_tangents", y.size, product, self.slope, self.rate, i32(len(self.rate)),
            base, total, y, i32(n), i32(k), i64(y.size), i32(stage), self.dt, i32(self.current),
        )  # fmt: skip

    def _run(self, name: str, count: int, *args: Any) -> None:
        elementwise(self.device.kernel("stages.cu", name, self.dtype, self.texts), count, *args)
