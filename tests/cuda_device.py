"""The devices that CUDA tests run on: an emulated one, and a real one where there is one."""

import numpy as np
import scipy.sparse

from lyapax.kernels.cuda.device import Device, gpu

from .cuda_emulator import RawModule

H200 = 227 * 1024  # bytes of shared memory that a block may have


def emulated(shared_memory=H200, free_memory=1 << 30):
    return Device(np, RawModule, shared_memory, lambda: free_memory, scipy.sparse.csr_matrix)


def real():
    return gpu(0)


EMULATED = emulated()
