"""QR of tangent bases that lie in memory, with the sums of its growth."""

from typing import Any

import numpy as np

from .device import Device
from .launching import blockwise, elementwise, i32, i64
from .tiles import block_shape


def geometry(n: int, k: int, dtype: Any, shared_memory: int) -> tuple[Any, int] | None:
    """Block and bytes of shared memory of the kernel of `qr.cu`; None where it has no room."""
    shape = block_shape(n, k, dtype)
    if shape is None:
        return None
    rows, columns, _, _ = shape
    bytes_ = np.dtype(dtype).itemsize * (k * rows + 3 * columns)
    return (shape, bytes_) if bytes_ <= shared_memory else None


def orthonormalise(device: Device, basis: Any, sums: tuple[Any, ...], unit: Any) -> Any:
    """The next basis (B, n, k); `sums` are those of a carry, updated in place."""
    members, n, k = basis.shape
    found = geometry(n, k, basis.dtype, device.shared_memory)
    if found is None:
        return by_library(device, basis, sums, unit)
    (rows, columns, tile, threads), bytes_ = found
    kernel = device.kernel(
        "qr.cu",
        "orthonormalise_all",
        basis.dtype,
        ROWS=rows,
        COLUMNS=columns,
        TILE_ROWS=tile[0],
        TILE_COLUMNS=tile[1],
    )
    blockwise(kernel, members, threads, bytes_, basis, *sums, i32(n), i32(k), unit)
    return basis


def by_library(device: Device, basis: Any, sums: tuple[Any, ...], unit: Any) -> Any:
    """QR by LAPACK or cuSOLVER, member by member: for large bases that is as fast as any."""
    xp = device.arrays
    norm = xp.sqrt(xp.sum(basis * basis, axis=1))
    basis, upper = xp.linalg.qr(basis)
    diagonal = xp.ascontiguousarray(xp.diagonal(upper, axis1=1, axis2=2))
    # CuPy hands back a transposed view, and kernels see addresses only.
    basis = xp.ascontiguousarray(basis)
    basis *= xp.where(diagonal < 0, -1, 1).astype(basis.dtype)[:, None, :]
    accumulate = device.kernel("stages.cu", "accumulate_all", basis.dtype)
    elementwise(accumulate, norm.size, norm, diagonal, *sums, i64(norm.size), unit)
    return basis
