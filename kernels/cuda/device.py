"""Where kernels run: a GPU through CuPy, or whatever stands in for it in a test."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from .sources import source

REAL = {"float32": "float", "float64": "double"}


@dataclass(frozen=True, eq=False)
class Device:
    """Arrays, compiler and limits of one device; modules are compiled once for each."""

    arrays: Any  # cupy, or numpy
    compiler: Any  # cupy.RawModule, or what has its shape
    shared_memory: int  # most bytes that a block may have
    free_memory: Callable[[], int]
    sparse_matrix: Any  # cupyx.scipy.sparse.csr_matrix, or SciPy's
    scope: Callable[[], Any] = contextlib.nullcontext  # in which this device is the current one
    _modules: dict[Any, Any] = field(default_factory=dict, repr=False)

    def kernel(
        self,
        file: str,
        name: str,
        dtype: Any,
        replaced: Mapping[str, str] | None = None,
        **defines: int,
    ) -> Any:
        """A function of a .cu file for a type, with macros."""
        texts = tuple(sorted((replaced or {}).items()))
        key = file, np.dtype(dtype).name, texts, tuple(sorted(defines.items()))
        if key not in self._modules:
            self._modules[key] = self.compiler(
                code=source(file, replaced), options=options(dtype, **defines)
            )
        return self._modules[key].get_function(name)

    def upload(self, array: Any, dtype: Any = None) -> Any:
        """A copy on the device, C-contiguous."""
        return self.arrays.array(array, dtype=dtype, order="C")

    def download(self, array: Any) -> Any:
        asnumpy = getattr(self.arrays, "asnumpy", np.asarray)
        return asnumpy(array)


def options(dtype: Any, **defines: int) -> tuple[str, ...]:
    """What a kernel is compiled with."""
    macros = {"REAL": REAL[np.dtype(dtype).name], **defines}
    # Multiply-adds are spelled where they are meant, so that bits do not depend on the compiler.
    return ("-std=c++17", "--fmad=false", *(f"-D{name}={value}" for name, value in macros.items()))


@cache
def gpu(number: int) -> Device:
    """A GPU by its number."""
    import cupy
    import cupyx.scipy.sparse

    with cupy.cuda.Device(number) as current:
        shared = current.attributes["MaxSharedMemoryPerBlockOptin"]
    pool = cupy.get_default_memory_pool()

    def free() -> int:
        """Bytes that are free: the driver's, and those that CuPy holds without using them."""
        with cupy.cuda.Device(number) as current:
            return int(current.mem_info[0] + pool.free_bytes())

    @contextlib.contextmanager
    def scope() -> Iterator[None]:
        """This GPU is the current one, and products in float32 are float32's own."""
        with _true_float32(), cupy.cuda.Device(number):
            yield

    matrix = cupyx.scipy.sparse.csr_matrix
    return Device(cupy, cupy.RawModule, int(shared), free, matrix, scope)


_single = {"users": 0, "before": 0}
_single_lock = threading.Lock()


@contextlib.contextmanager
def _true_float32() -> Iterator[None]:
    """CUPY_TF32 would round factors to 10 bits, and exponents be wrong by 1e-3.

    CuPy has one switch for all threads, so the first to come turns it and the last turns it back.
    """
    from cupy._core._routines_linalg import COMPUTE_TYPE_FP32, get_compute_type, set_compute_type

    kind = np.dtype(np.float32)
    with _single_lock:
        if _single["users"] == 0:
            _single["before"] = get_compute_type(kind)
            set_compute_type(kind, COMPUTE_TYPE_FP32)
        _single["users"] += 1
    try:
        yield
    finally:
        with _single_lock:
            _single["users"] -= 1
            if _single["users"] == 0:
                set_compute_type(kind, _single["before"])
