"""Arguments of a launch against the parameters of its kernel, which CuPy does not check."""

import ctypes

import numpy as np

from .errors import EmulatorError
from .memory import buffers


class Parameter(ctypes.Structure):
    """Mirrors launchers.h."""

    _fields_ = [
        ("pointer", ctypes.c_int),
        ("constant", ctypes.c_int),
        ("bytes", ctypes.c_int),
        ("kind", ctypes.c_char),
    ]


KINDS = {"f": b"f", "i": b"i", "u": b"i", "b": b"i"}
KIND_NAMES = {b"f": "floating-point", b"i": "integer", b"V": "struct"}


class Arguments:
    """Checked and copied arguments: `pointers` is what a launcher takes."""

    def __init__(self, kernel, parameters, names, values):
        if len(values) != len(parameters):
            raise EmulatorError(
                f"{kernel}: {len(values)} arguments for {len(parameters)} parameters"
            )
        if len(names) != len(parameters):
            names = [""] * len(parameters)
        self.kernel = kernel
        named = [f"argument {i} ({name})" for i, name in enumerate(names)]
        arrays, by_value = {}, {}
        for i, (parameter, value) in enumerate(zip(parameters, values, strict=True)):
            try:
                if not parameter.pointer:
                    by_value[i] = bytes_of(parameter, value)
                elif value is None:
                    by_value[i] = bytes(8)
                else:
                    check_array(parameter, value)
                    arrays[i] = value
            except EmulatorError as error:
                raise EmulatorError(f"{kernel}, {named[i]}: {error}") from None
        self.buffers = buffers([(named[i], array) for i, array in arrays.items()])
        addresses = {
            name: buffer.address + array.ctypes.data - buffer.begin
            for buffer in self.buffers
            for name, array in buffer.arrays
        }
        for i in arrays:
            by_value[i] = addresses[named[i]].to_bytes(8, "little")
        self.pack([by_value[i] for i in range(len(parameters))])

    def pack(self, values):
        # A struct may ask for any alignment up to a cache line.
        offsets = np.cumsum([0] + [-(-len(value) // 64) * 64 for value in values])
        memory = np.zeros(offsets[-1] + 64, np.uint8)
        start = -memory.ctypes.data % 64
        for offset, value in zip(offsets, values, strict=False):
            at = start + int(offset)
            memory[at : at + len(value)] = np.frombuffer(value, np.uint8)
        self.memory = memory
        addresses = (memory.ctypes.data + start + offsets[:-1]).tolist()
        self.pointers = (ctypes.c_void_p * (len(values) + 1))(*addresses)

    def buffer_at(self, address):
        return next((buffer for buffer in self.buffers if buffer.holds(address)), None)

    def finish(self):
        for buffer in self.buffers:
            try:
                buffer.check()
            except EmulatorError as error:
                raise EmulatorError(f"{self.kernel}: {error}") from None
        for buffer in self.buffers:
            buffer.copy_back()
            buffer.leave()


def check_array(parameter, value):
    if not isinstance(value, np.ndarray):
        raise EmulatorError(f"{described(value)} for a pointer")
    if not value.flags.c_contiguous:
        raise EmulatorError("the array is not C-contiguous")
    if parameter.bytes and value.itemsize != parameter.bytes:
        raise EmulatorError(
            f"elements of {value.itemsize} bytes ({value.dtype}) for a pointer to "
            f"{parameter.bytes} bytes"
        )
    check_kind(parameter, value.dtype)
    if not parameter.constant and not value.flags.writeable:
        raise EmulatorError("a read-only array for a pointer that is not const")


def bytes_of(parameter, value):
    if isinstance(value, np.ndarray):
        # A number in an array would be an address on a device.
        if parameter.kind != b"V" or value.size != 1:
            raise EmulatorError(f"{described(value)} for a value")
    elif not isinstance(value, np.generic):
        raise EmulatorError(
            f"{described(value)}, which CuPy passes as 8 bytes whatever the parameter: give "
            "np.int32(n)"
        )
    data = value.tobytes()
    if len(data) != parameter.bytes:
        raise EmulatorError(
            f"{len(data)} bytes ({value.dtype}) for a parameter of {parameter.bytes} bytes"
        )
    check_kind(parameter, value.dtype)
    return data


def check_kind(parameter, dtype):
    """Floating-point numbers are not taken for integers of their size, nor the reverse."""
    kind = KINDS.get(dtype.kind)
    if kind and parameter.kind in (b"f", b"i") and kind != parameter.kind:
        raise EmulatorError(f"{dtype} for {KIND_NAMES[parameter.kind]} numbers")


def described(value):
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, np.generic):
        return f"a number of type {value.dtype}"
    return f"a Python {type(value).__name__}"
