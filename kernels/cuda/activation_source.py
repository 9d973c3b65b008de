"""CUDA source of a rate network's nonlinearity: value and slope."""

import sympy

from ..codegen import CUDA, Graph, printed
from .sources import indented

SOURCE = """#include "common.cuh"

__device__ __forceinline__ void activation(REAL x0, REAL &value, REAL &slope) {{
{body}}}
"""


def activation_source(graph: Graph) -> str:
    slope = graph.jacobian().get((0, 0), sympy.S.Zero)
    shared, (value, slope) = sympy.cse(
        [*graph.outputs, slope], symbols=sympy.numbered_symbols("c", real=True)
    )
    lines = [f"const REAL {symbol.name} = {printed(e, CUDA)};" for symbol, e in shared]
    lines += [f"value = {printed(value, CUDA)};", f"slope = {printed(slope, CUDA)};"]
    return SOURCE.format(body=indented(lines))
