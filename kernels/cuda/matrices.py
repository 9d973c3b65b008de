"""A matrix of some members on a device, dense or sparse."""

from typing import Any

import numpy as np

from ..propagator import chosen
from .device import Device


class Matrix:
    """weights: (B or 1, n, n), or a CSR triple (indptr, indices, data) that all members share."""

    def __init__(self, device: Device, weights: Any, members: slice, dtype: Any):
        self._device, self._sparse = device, isinstance(weights, tuple)
        if self._sparse:
            indptr, indices, data = weights
            n = len(indptr) - 1
            parts = (
                device.upload(data, dtype),
                device.upload(indices, np.int32),
                device.upload(indptr, np.int32),
            )
            self._weights = device.sparse_matrix(parts, (n, n))
        else:
            self._weights = device.upload(chosen(weights, members), dtype)

    def times(self, vectors: Any) -> Any:
        """The matrix times (members, n, m), C-contiguous."""
        xp = self._device.arrays
        if not self._sparse:
            return xp.matmul(self._weights, vectors)
        members, n, m = vectors.shape
        flat = xp.ascontiguousarray(vectors.transpose(1, 0, 2)).reshape(n, members * m)
        found = (self._weights @ flat).reshape(n, members, m)
        return xp.ascontiguousarray(found.transpose(1, 0, 2))


def matrix_of(weights: Any, members: Any) -> Any:
    """The weights of some members."""
    return weights if isinstance(weights, tuple) else chosen(weights, members)


def shared_bytes(weights: Any, itemsize: int) -> int:
    """Bytes of weights that all members share."""
    if isinstance(weights, tuple):
        return int(weights[2].size * (itemsize + 4))
    return int(itemsize * weights.size) if len(weights) == 1 else 0


def own_bytes(weights: Any, itemsize: int) -> int:
    """Bytes of a member's own weights."""
    own = not isinstance(weights, tuple) and len(weights) > 1
    return int(itemsize * weights[0].size) if own else 0
