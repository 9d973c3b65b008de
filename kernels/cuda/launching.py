"""Launches of elementwise kernels."""

from typing import Any

import numpy as np

THREADS = 256


def elementwise(kernel: Any, count: int, *args: Any) -> None:
    """A kernel over `count` elements."""
    kernel((max(1, -(-count // THREADS)),), (THREADS,), args)


def i32(number: int) -> np.int32:
    return np.int32(number)


def i64(number: int) -> np.int64:
    return np.int64(number)
