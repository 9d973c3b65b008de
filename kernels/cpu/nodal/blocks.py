"""A generated function on whole vectors of nodes, block by block."""

from numba import float64, types, void

from ...jit import kernel
from ..simd.records import invoke
from ..simd.vectors import load, outlined, shift, store
from .source import LANES

BLOCK = void(types.CPointer(float64), float64)  # the rows of a block, time


@kernel
def on_blocks(function, t, size, rows, results, lanes, source, block, target):
    """Results (results, size) of rows (rows, size) of the source; `size` fills whole blocks."""
    outlined()
    for o in range(0, size, LANES):
        for r in range(rows):
            for e in range(0, LANES, lanes):
                store(block, r * LANES + e, load(source, r * size + o + e))
        invoke(function, (block, t))
        for r in range(results):
            for e in range(0, LANES, lanes):
                store(target, r * size + o + e, load(shift(block, rows * LANES), r * LANES + e))
