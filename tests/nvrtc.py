"""NVRTC, the compiler that CuPy uses, by ctypes: it needs no GPU and no driver."""

import ctypes
import importlib.util
import re
from functools import cache
from pathlib import Path

VERSION = "13.0.88"  # the register table was written with it


@cache
def library():
    """The library, or None where the package nvidia-cuda-nvrtc is not installed."""
    spec = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in spec.submodule_search_locations] if spec else []
    found = [path for folder in folders for path in folder.glob("*/lib/libnvrtc*.so*")]
    # The builtins first: NVRTC finds them by name only.
    for path in sorted(found, key=lambda path: "builtins" not in path.name):
        opened = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        if "builtins" not in path.name and "alt" not in path.name:
            return opened
    return None


def check(code):
    if code:
        name = library().nvrtcGetErrorString
        name.restype = ctypes.c_char_p
        raise RuntimeError(name(code).decode())


def text_of(program, what):
    """The log, "ProgramLog"."""
    size = ctypes.c_size_t()
    check(getattr(library(), f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    text = ctypes.create_string_buffer(size.value)
    check(getattr(library(), f"nvrtcGet{what}")(program, text))
    return text.value.decode()


def program_of(code, options, architecture):
    """(handle of the compiled program, its log)."""
    program = ctypes.c_void_p()
    check(
        library().nvrtcCreateProgram(
            ctypes.byref(program), code.encode(), b"kernel.cu", 0, None, None
        )
    )
    every = [*options, f"--gpu-architecture={architecture}", "-ftz=true", "--ptxas-options=-v"]
    array = (ctypes.c_char_p * len(every))(*(option.encode() for option in every))
    status = library().nvrtcCompileProgram(program, len(every), array)
    log = text_of(program, "ProgramLog")
    if status:
        raise RuntimeError(log)
    return program, log


def compiled(code, options, architecture):
    """{kernel: (registers, bytes spilled)}."""
    program, log = program_of(code, options, f"sm_{architecture}")
    library().nvrtcDestroyProgram(ctypes.byref(program))
    pattern = (
        r"Function properties for (\w+)\s+ptxas\s+\.\s+\d+ bytes stack frame, (\d+) bytes spill "
        r"stores, (\d+) bytes spill loads\s+ptxas info\s+: Used (\d+) registers"
    )
    return {
        name: (int(registers), max(int(stores), int(loads)))
        for name, stores, loads, registers in re.findall(pattern, log)
    }


def assembly(code, options, architecture):
    """PTX."""
    program, _ = program_of(code, options, f"compute_{architecture}")
    text = text_of(program, "PTX")
    library().nvrtcDestroyProgram(ctypes.byref(program))
    return text


def available():
    """(whether the pinned version is there, the reason why not)."""
    from importlib import metadata

    try:
        version = metadata.version("nvidia-cuda-nvrtc")
    except metadata.PackageNotFoundError:
        return False, "needs nvidia-cuda-nvrtc"
    if version != VERSION:
        return False, f"the register table is NVRTC {VERSION}'s, this is {version}"
    return library() is not None, "libnvrtc is not where it was"
