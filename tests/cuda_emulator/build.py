"""Source texts to shared libraries, kept under a hash of all that goes into them."""

import ctypes
import functools
import hashlib
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

from . import sources

HERE = Path(__file__).parent
HEADER = HERE / "device.h"
RUNTIME = HERE / "runtime.cpp"

COMMON = ["-std=c++17", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti"]
# An index outside of an array, and a local variable that nobody set, should not go unseen; two
# modules may have shared arrays of one name.
KERNELS = [
    *COMMON,
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-fno-gnu-unique",
    "-nostdlib",
    "-Wno-unknown-pragmas",
    "-fsanitize=bounds",
    "-fsanitize-undefined-trap-on-error",
    "-ftrivial-auto-var-init=pattern",
]
PLAIN = ["-O1", "-g1"]
# At -O2 g++ deletes racy loads before ThreadSanitizer sees them.
SANITIZED = ["-O0", "-g", "-fsanitize=thread"]


def cache():
    folder = os.environ.get("LYAPAX_EMULATOR_CACHE")
    path = Path(folder or Path(tempfile.gettempdir()) / f"lyapax-emulator-{os.getuid()}")
    path.mkdir(parents=True, exist_ok=True)
    return path


@functools.cache
def own_sources():
    files = [*sorted(HERE.glob("*.[ch]*")), HERE / "build.py", HERE / "sources.py"]
    return "".join(path.read_text() for path in files)


def compiler(*arguments):
    """What gcc says on its standard error, where it fails, is raised."""
    done = subprocess.run(["gcc", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"gcc cannot compile this source:\n{done.stderr}")


def macros(options):
    """Of NVRTC's options, those that mean the same to gcc."""
    return [option for option in options if re.match(r"-[DUI]", option)]


def built(make, *ingredients):
    """The library that `make(path, final)` writes to `path`, unless it is at `final` already."""
    whole = json.dumps([own_sources(), *ingredients])
    path = cache() / f"{hashlib.sha256(whole.encode()).hexdigest()[:24]}.so"
    if not path.exists():
        # Processes may build the same at the same time.
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            unfinished = Path(folder) / path.name
            make(unfinished, path)
            for file in [*Path(folder).glob("*.json"), unfinished]:
                os.replace(file, path.parent / file.name)
    return path


@functools.cache
def runtime():
    """The library with fibers and scheduler, one for all modules."""
    flags = [*COMMON, "-O2", "-g1", "-U_FORTIFY_SOURCE"]
    path = built(lambda path, _: compiler("-x", "c++", *flags, RUNTIME, "-o", path), flags)
    return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)


def library(code, options=(), sanitized=False):
    """(path, {kernel: {"parameters": names, "shared": bytes of static shared memory}})."""
    flags = [*KERNELS, *(SANITIZED if sanitized else PLAIN)]
    options = macros(options)

    def make(path, final):
        source, preprocessed = final.with_suffix(".cu"), path.with_suffix(".ii")
        path.with_suffix(".cu").write_text(code)
        os.replace(path.with_suffix(".cu"), source)
        compiler(
            "-x",
            "c++",
            "-std=c++17",
            "-E",
            "-include",
            HEADER,
            *options,
            source,
            "-o",
            preprocessed,
        )
        text = preprocessed.read_text()
        found = sources.kernels(text)
        preprocessed.write_text(text + sources.launchers(found))
        compiler(
            "-x", "c++", "-fpreprocessed", *flags, preprocessed, "-lm", "-lc", "-lgcc", "-o", path
        )
        shared = shared_bytes(path, found)
        kernels = {
            name: {"parameters": parameters, "shared": shared[name]}
            for name, parameters in found.items()
        }
        path.with_suffix(".json").write_text(json.dumps(kernels))

    path = built(make, code, options, flags)
    return path, json.loads(path.with_suffix(".json").read_text())


def shared_bytes(path, kernels):
    """Static shared memory of every kernel: all there is but what other kernels declare."""
    listed = subprocess.run(["readelf", "-sW", path], capture_output=True, text=True, check=True)
    own = dict.fromkeys(kernels, 0)
    common = 0
    for size, symbol in re.findall(r"\s(\d+) TLS .* (\S+)$", listed.stdout, re.MULTILINE):
        kernel = re.match(r"_ZZ(\d+)(\w+)", symbol)
        name = kernel and kernel[2][: int(kernel[1])]
        if name in own:
            own[name] += int(size)
        elif "6anchor" not in symbol:
            common += int(size)
    return {name: bytes_ + common for name, bytes_ in own.items()}
