"""The instances of the CUDA kernels whose registers are watched, and the table of them.

``python -m tests.cuda_instances`` writes the table anew.
"""

import json
from pathlib import Path

import numpy as np

from lyapax import RateNetwork
from lyapax.kernels.cuda.device import options
from lyapax.kernels.cuda.field_source import field_source
from lyapax.kernels.cuda.sources import source
from lyapax.kernels.cuda.threads import lanes_of, residency
from lyapax.kernels.cuda.tiles import TILES

from . import nvrtc

TABLE = Path(__file__).parent / "data" / "cuda_registers.json"
ARCHITECTURES = (75, 80, 90, 100)
SHORT = {"float32": "fp32", "float64": "fp64"}


def threads(n, dtype):
    """A tanh network of n units with all its tangents, one thread a member or two."""
    network = RateNetwork(np.ones((n, n)), np.ones(n), np.ones(n))
    function, _ = network._straight_line((1,))
    lanes = lanes_of(n, n, np.dtype(dtype))
    macros = {"LANES": lanes, **residency(n, np.dtype(dtype))}
    text = field_source(function.graph)
    return source("threads.cu", {"field.cuh": text}), options(dtype, **macros)


def tiles(file, rows, dtype, **macros):
    down, across = TILES[dtype][rows]
    return file, options(
        dtype, ROWS=rows, COLUMNS=rows, TILE_ROWS=down, TILE_COLUMNS=across, **macros
    )


def blocks(rows, dtype, unit="network", **macros):
    file, chosen = tiles("blocks.cu", rows, dtype, **macros)
    return source(file, {"unit.cuh": f'#include "unit_{unit}.cuh"'}), chosen


def qr(rows, dtype):
    file, chosen = tiles("qr.cu", rows, dtype)
    return source(file), chosen


INSTANCES = {
    **{
        f"threads {SHORT[dtype]} n = k = {n}": lambda n=n, dtype=dtype: threads(n, dtype)
        for dtype, sizes in (("float32", (2, 4, 8)), ("float64", (2, 3, 4, 5, 6, 8)))
        for n in sizes
    },
    **{
        f"blocks {SHORT[dtype]} {rows}": lambda rows=rows, dtype=dtype: blocks(rows, dtype)
        for dtype in TILES
        for rows in TILES[dtype]
    },
    "blocks fp32 128, streamed": lambda: blocks(128, "float32", RESIDENT=0),
    "blocks fp32 64, gru map": lambda: blocks(64, "float32", "gru", FLOW=0),
    "blocks fp64 64, gru flow": lambda: blocks(64, "float64", "gru"),
    "qr fp32 128": lambda: qr(128, "float32"),
    "qr fp64 64": lambda: qr(64, "float64"),
}


def measured(name, architecture):
    """[registers, bytes spilled] of the kernel that carries tangents."""
    found = nvrtc.compiled(*INSTANCES[name](), architecture)
    return list(found.get("propagate") or found["orthonormalise_all"])


if __name__ == "__main__":
    table = {name: {f"sm_{a}": measured(name, a) for a in ARCHITECTURES} for name in INSTANCES}
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in table.items())
    TABLE.write_text(f"{{\n{rows}\n}}\n")
    print(TABLE.read_text())
