"""The product of strips as code for ARM: compiled by LLVM for such a processor, but not run."""

import os
import re
import subprocess
import sys

PROGRAM = """
import re

import llvmlite.binding as llvm
from lyapax.kernels.cpu.simd.strips import strip_product
from lyapax.kernels.cpu.simd.vectors import BYTES, REGISTERS
from numba import float64, int64, types

assert (BYTES, REGISTERS) == (16, 32)
place = types.CPointer(float64)
signature = int64, place, place, int64, int64, place, place
strip_product.compile(signature)
text = strip_product.overloads[signature].library.get_llvm_str()
module = llvm.parse_assembly(re.sub("target (triple|datalayout) = .*", "", text))
llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()
triple = "aarch64-unknown-linux-gnu"
machine = llvm.Target.from_triple(triple).create_target_machine(cpu="neoverse-n1", opt=3)
module.triple, module.data_layout = triple, str(machine.target_data)
print(machine.emit_assembly(module))
"""


def test_tiles_stay_in_registers(tmp_path):
    """8 x 3 sums in one loop, with as many fused products and nothing on the stack."""
    told = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+neon"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **told, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    blocks = re.split(r"\n(?=[.\w]+:)", done.stdout)
    loops = {len(re.findall(r"\tfmla\tv\d+\.2d", block)): block for block in blocks}
    assert max(loops) == 24
    assert "[sp" not in loops[24]
