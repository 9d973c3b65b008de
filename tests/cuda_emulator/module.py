"""CuPy's RawModule and its kernels, on the CPU."""

import ctypes
import math
import threading
from contextlib import contextmanager

import numpy as np

from . import build
from .arguments import Arguments, Parameter
from .errors import EmulatorError
from .recording import record
from .reports import Failure, Index, Thread, raise_failure

MOST_THREADS = 1024
BLOCK_LIMITS = (1024, 1024, 64)
GRID_LIMITS = (2**31 - 1, 65535, 65535)
DEFAULT_SHARED = 48 << 10
MOST_SHARED = 227 << 10

default_schedule = "forward"
# The runtime has one state.
running = threading.RLock()


@contextmanager
def schedule(order):
    """Modules that name no schedule run threads and blocks in this order meanwhile."""
    global default_schedule
    before, default_schedule = default_schedule, order
    try:
        yield
    finally:
        default_schedule = before


class Request(ctypes.Structure):
    """The Launch of runtime.cpp."""

    _fields_ = [
        ("entry", ctypes.c_void_p),
        ("arguments", ctypes.c_void_p),
        ("grid", Index),
        ("block", Index),
        ("dynamic_bytes", ctypes.c_size_t),
        ("schedule", ctypes.c_int),
        ("seed", ctypes.c_ulonglong),
    ]


class RawModule:
    """`schedule`: "forward", "reverse", or the seed of an order at random."""

    def __init__(self, *, code, options=(), backend="nvrtc", schedule=None, sanitized=False):
        self.code, self.options, self.schedule = code, tuple(options), schedule
        self.path, self.kernels = build.library(code, self.options, sanitized)
        self.runtime = build.runtime()
        self.runtime.emulator_launch.restype = ctypes.POINTER(Failure)
        self.library = ctypes.CDLL(str(self.path))

    def get_function(self, name):
        if name not in self.kernels:
            raise EmulatorError(f"no kernel {name}, but {', '.join(self.kernels) or 'none'}")
        return Kernel(self, name)


class Kernel:
    def __init__(self, module, name):
        self.module, self.name = module, name
        self.names = module.kernels[name]["parameters"]
        self.static_shared = module.kernels[name]["shared"]
        describe = module.library[f"emulator_describe_{name}"]
        self.entry = ctypes.cast(module.library[f"emulator_launch_{name}"], ctypes.c_void_p)
        self.parameters = (Parameter * describe(None))()
        describe(self.parameters)
        self._most_dynamic = None
        if self.static_shared > DEFAULT_SHARED:
            raise EmulatorError(f"{name}: {self.static_shared} bytes of static shared memory")

    @property
    def max_dynamic_shared_size_bytes(self):
        if self._most_dynamic is None:
            return DEFAULT_SHARED - self.static_shared
        return self._most_dynamic

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, size):
        if self.static_shared + size > MOST_SHARED:
            raise EmulatorError(
                f"{self.name}: {size} bytes of shared memory and {self.static_shared} static "
                f"ones, of {MOST_SHARED}"
            )
        self._most_dynamic = int(size)

    def __call__(self, grid, block, args, *, shared_mem=0, stream=None):
        record(self.module, self.name, grid, block, args, shared_mem)
        grid, block = (Index(*sizes(extent)) for extent in (grid, block))
        self.check_extents(grid, block, shared_mem)
        library, runtime = self.module.library, self.module.runtime
        arguments = Arguments(self.name, self.parameters, self.names, args)
        request = Request(
            self.entry, ctypes.addressof(arguments.pointers), grid, block, shared_mem, *self.order()
        )
        with running:
            failure = runtime.emulator_launch(
                ctypes.byref(request), library.emulator_touch_shared
            ).contents
            if failure.code:
                runtime.emulator_threads.restype = ctypes.POINTER(Thread * math.prod(block))
                threads = runtime.emulator_threads().contents
                raise_failure(self.name, failure, threads, arguments, self.module.path)
        arguments.finish()

    def order(self):
        """As the runtime takes it: (schedule, seed)."""
        chosen = default_schedule if self.module.schedule is None else self.module.schedule
        if chosen in ("forward", "reverse"):
            return ("forward", "reverse").index(chosen), 0
        # Neighbouring seeds give unlike orders, and none is zero, where the generator stays.
        return 2, int(np.random.SeedSequence(chosen).generate_state(1, np.uint64)[0]) | 1

    def check_extents(self, grid, block, shared_mem):
        for what, extent, limits in (("grid", grid, GRID_LIMITS), ("block", block, BLOCK_LIMITS)):
            if any(not 0 < size <= most for size, most in zip(extent, limits, strict=True)):
                raise EmulatorError(f"{self.name}: a {what} of {extent}")
        if math.prod(block) > MOST_THREADS:
            raise EmulatorError(f"{self.name}: a block of {block} is over {MOST_THREADS} threads")
        if not 0 <= shared_mem <= self.max_dynamic_shared_size_bytes:
            raise EmulatorError(
                f"{self.name}: {shared_mem} bytes of dynamic and {self.static_shared} of static "
                f"shared memory; max_dynamic_shared_size_bytes is "
                f"{self.max_dynamic_shared_size_bytes}"
            )


def sizes(extent):
    """(x, y, z) of a tuple of up to three."""
    if not isinstance(extent, tuple) or not 1 <= len(extent) <= 3:
        raise EmulatorError(f"a grid and a block are tuples of one to three, not {extent!r}")
    if any(not 0 <= size < 2**32 for size in extent):
        raise EmulatorError(f"an extent of {extent}")
    return (*map(int, extent), 1, 1)[:3]
