"""Source of the field function that `columns` takes."""

from ...codegen import Graph, statements
from ..simd.straight_line import IMPORTS

HEADER = (
    IMPORTS
    + """from lyapax.kernels.cpu.simd.vectors import address
from lyapax.kernels.cpu.traced.steps import SIGNATURE


@straight_line
def values(t, x, p, f, jacobian):
"""
)

FIELD = """

@c_function(SIGNATURE)
def field(t, x, p, f, jacobian):
    values((t, address(x), address(p), address(f), address(jacobian)))
"""


def columns_source(graph: Graph) -> tuple[str, list[tuple[int, int]]]:
    """(module source, positions of the nonzero Jacobian entries in row order)."""
    lines, outputs, entries = statements(graph)
    body = [f"{symbol.name} = x[{i}]" for i, symbol in enumerate(graph.state)]
    body += [f"{symbol.name} = p[{i}]" for i, symbol in enumerate(graph.params)]
    body += [f"{graph.time.name} = t", *lines]
    body += [f"f[{i}] = {text}" for i, text in enumerate(outputs)]
    body += [f"jacobian[{i}] = {text}" for i, text in enumerate(entries.values())]
    return HEADER + "".join(f"    {line}\n" for line in body) + FIELD, list(entries)
