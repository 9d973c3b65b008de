"""CUDA kernels executed on the CPU, called as CuPy calls them, with checks that CuPy lacks."""

from .errors import EmulatorError
from .module import RawModule, schedule
from .recording import recorded

__all__ = ["EmulatorError", "RawModule", "recorded", "schedule"]
