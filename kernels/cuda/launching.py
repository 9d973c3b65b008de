"""Launches of kernels that take an element a thread, or a member a block."""

from typing import Any

import numpy as np

THREADS = 256  # of a block of elementwise kernels: full occupancy from sm_75 to sm_100
WITHOUT_ASKING = 48 * 1024  # bytes of shared memory that every launch may have

# CuPy hands on a Python int as 8 bytes, whatever the kernel wants.
i32, i64 = np.int32, np.int64


def elementwise(kernel: Any, count: int, *args: Any) -> None:
    """A kernel over `count` elements."""
    kernel((max(1, -(-count // THREADS)),), (THREADS,), args)


def blockwise(kernel: Any, members: int, threads: int, shared_bytes: int, *args: Any) -> None:
    """A kernel with a block for each member."""
    if shared_bytes > WITHOUT_ASKING:
        kernel.max_dynamic_shared_size_bytes = shared_bytes
    kernel((members,), (threads,), args, shared_mem=shared_bytes)
