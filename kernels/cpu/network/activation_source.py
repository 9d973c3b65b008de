"""Source of a user's activation: value and slope on a vector."""

from ...codegen import Graph, statements

SOURCE = """import math
import numpy as np
from lyapax.kernels.jit import c_function
from lyapax.kernels.cpu.network.activation import SIGNATURE
from lyapax.kernels.cpu.simd.elementwise import erf, exp, fma, sech2, sign, tanh, wrap


@c_function(SIGNATURE)
def phi(n, u, value, slope):
    for i in range(n):
        x0 = u[i]
{body}"""


def activation_source(graph: Graph) -> str:
    found = statements(graph)
    slope = dict(found.entries).get((0, 0), "0.0")
    body = [*found.lines, f"value[i] = {found.outputs[0]}", f"slope[i] = {slope}"]
    return SOURCE.format(body="".join(f"        {line}\n" for line in body))
