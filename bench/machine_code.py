"""What the machine code of the lane kernels is made of.

    python -m bench.machine_code [--isa avx2] [--assembly FOLDER]

Of each kernel the instructions of its largest basic blocks, which are the unrolled stages of a step
and the QR: arithmetic on registers, divisions, loads and stores (to the stack: spills), and moves
between registers. With `--isa avx2` a processor with AVX-512 compiles as one without.
"""

import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "versus"))
from process import MASKS

ARITHMETIC = re.compile(
    r"v?(fn?m(add|sub)|add|sub|mul|max|min|and|andn|or|xor|cmp|blend|round|rndscale|scalef|sll|srl"
    r"|padd|psub|pand|por|pxor|psll|psrl|psra|pcmp|pblend|tern|ptern|getexp|fixup|range)"
)
KINDS = ("arithmetic", "divisions", "folded loads", "loads", "reloads", "stores", "spills", "moves")


def kind_of(line):
    """What an instruction is for, and None for what is none of the kernels' work on vectors."""
    name, _, operands = line.partition("\t")
    if not re.search(r"%[xyz]mm", operands):
        return None
    to_memory = re.search(r"\)\s*(\{.*\})?$", operands)
    from_memory = "(" in operands and not to_memory
    on_stack = "(%rsp" in operands or "(%rbp" in operands
    if re.match(r"v?(div|sqrt|rcp|rsqrt)", name):
        return "divisions"
    if re.match(r"v?(mov|broadcast|pbroadcast|insert|extract|perm|unpck|shuf|lddqu)", name):
        if to_memory:
            return "spills" if on_stack else "stores"
        if from_memory:
            return "reloads" if on_stack else "loads"
        return "moves"
    if ARITHMETIC.match(name):
        return "folded loads" if from_memory else "arithmetic"
    return None


def blocks(assembly):
    """Counters of kinds, of the basic blocks of an assembly text."""
    found = [collections.Counter()]
    for line in assembly.splitlines():
        if re.match(r"[.\w]+:", line):
            found.append(collections.Counter())
        elif kind := kind_of(line.strip()):
            found[-1][kind] += 1
    return found


def kernels():
    """(name, assembly of its run) of the lane kernels that matter most."""
    import numpy as np

    from lyapax.systems import library

    named = {
        "two-unit plane": (library["pta_flow"].system(alpha=2.0, theta=0.6), 0.05),
        "Lorenz-63": (library["lorenz63"].system(), 0.01),
    }
    for name, (system, dt) in named.items():
        for members in (1, 8, 256):
            made = system.propagator((members,), dt, system.dim, np.dtype(float))
            yield f"{name}, {members} members", made.code.run._library.get_asm_str()


def report(folder):
    from lyapax.kernels.cpu.simd.vectors import BYTES, REGISTERS

    print(f"registers: {REGISTERS} of {BYTES} bytes")
    print(f"{'kernel':28}" + "".join(f"{kind:>13}" for kind in KINDS))
    for name, assembly in kernels():
        if folder:
            (folder / f"{name.replace(' ', '_').replace(',', '')}.s").write_text(assembly)
        total = collections.Counter()
        for block in blocks(assembly):
            if sum(block.values()) >= 20:  # the rest are loops over what is left
                total += block
        print(f"{name:28}" + "".join(f"{total[kind]:13d}" for kind in KINDS))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--isa", choices=MASKS, default="native")
    parser.add_argument("--assembly", type=Path, help="a folder to write it into")
    options = parser.parse_args()
    if "LYAPAX_MACHINE_CODE" not in os.environ:
        # Compiled now and not loaded: what comes from a cache has no assembly. And the processor
        # is chosen before Numba is imported.
        with tempfile.TemporaryDirectory() as empty:
            caches = {"NUMBA_CACHE_DIR": f"{empty}/numba", "LYAPAX_CACHE_DIR": f"{empty}/lyapax"}
            told = {**os.environ, **MASKS[options.isa], **caches, "LYAPAX_MACHINE_CODE": "1"}
            command = [sys.executable, "-m", "bench.machine_code", *sys.argv[1:]]
            raise SystemExit(subprocess.run(command, env=told, check=False).returncode)
    if options.assembly:
        options.assembly.mkdir(parents=True, exist_ok=True)
    report(options.assembly)


if __name__ == "__main__":
    main()
