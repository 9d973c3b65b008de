"""Arrays that live on a GPU: brought to the host on their way in, and taken back on their way out.

Nothing here imports CuPy or PyTorch before somebody asks for a GPU or hands in such an array.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._check import NESTED, Array, on_gpu, quoted
from ._distribution import hint

if TYPE_CHECKING:
    from .kernels.cuda.device import Device

CUPY = f"CuPy: {hint('cuda13')}, or {hint('cuda12')} for older drivers"


@dataclass(frozen=True)
class Home:
    """The library and the number of the GPU that arrays came from."""

    library: str  # "cupy" or "torch"
    number: int

    def take(self, array: Array) -> Any:
        """A NumPy array as one of this library, on this GPU."""
        if self.library == "torch":
            import torch

            return torch.as_tensor(np.ascontiguousarray(array), device=f"cuda:{self.number}")
        cupy = _cupy()
        with cupy.cuda.Device(self.number):
            return cupy.asarray(array)


def home_of(*values: Any, levels: int = NESTED) -> Home | None:
    """The GPU of the first array that lies on one; lists of arrays are looked through."""
    for value in values:
        if isinstance(value, list | tuple) and levels:
            found = home_of(*value, levels=levels - 1)
            if found is not None:
                return found
        elif on_gpu(value):
            if hasattr(value, "detach"):
                return Home("torch", int(value.device.index or 0))
            return Home("cupy", int(getattr(getattr(value, "device", None), "id", 0)))
    return None


def devices_for(device: object, home: Home | None) -> Sequence["Device"]:
    """The devices that `device` names, in kernels' terms; none for the CPU.

    Without a name the arrays decide. "cuda" means all visible GPUs, "cuda:1" one of them.
    """
    if device is None:
        device = "cpu" if home is None else f"cuda:{home.number}"
    if isinstance(device, str) and device == "cpu":
        return ()
    if isinstance(device, str) and device.partition(":")[0] == "cuda":
        return _gpus(device)
    from .kernels.cuda.device import Device

    if isinstance(device, Device):
        return [device]
    if isinstance(device, Sequence) and all(isinstance(one, str | Device) for one in device):
        several = [] if isinstance(device, str) else device
        if several:
            return [gpu for one in several for gpu in devices_for(one, None)]
    raise ValueError(f'device must be "cpu", "cuda" or "cuda:N", got {quoted(device)}')


def _gpus(name: str) -> Sequence["Device"]:
    cupy = _cupy()
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise RuntimeError(
            f"device = {name!r} needs an NVIDIA GPU and its driver, CuPy finds none: {error}"
        ) from None
    from .kernels.cuda.device import gpu

    _, colon, number = name.partition(":")
    if not colon:
        return [gpu(i) for i in range(count)]
    if not number.isdecimal() or int(number) >= count:
        raise ValueError(f"device must be one of cuda:0 to cuda:{count - 1}, got {name!r}")
    return [gpu(int(number))]


def described() -> str:
    """The GPUs that are visible, for people."""
    try:
        cupy = _cupy()
        runtime = cupy.cuda.runtime
        names = [runtime.getDeviceProperties(i)["name"] for i in range(runtime.getDeviceCount())]
    except ImportError:
        return f"none visible without {CUPY}"
    except Exception as error:  # a driver that is missing, too old or busy
        return f"none visible: {error}"
    return ", ".join(name.decode() for name in names)


def _cupy() -> Any:
    try:
        import cupy
    except ImportError:
        raise ImportError(f"a GPU needs {CUPY}") from None
    return cupy
