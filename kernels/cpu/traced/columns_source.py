"""Source of the field function that `columns` takes."""

from ...codegen import Statements
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


def columns_source(found: Statements) -> tuple[str, list[tuple[int, int]]]:
    """(module source, positions of the nonzero Jacobian entries in row order)."""
    body = [f"{name} = x[{i}]" for i, name in enumerate(found.state)]
    body += [f"{name} = p[{i}]" for i, name in enumerate(found.params)]
    body += [f"{found.time} = t", *found.lines]
    body += [f"f[{i}] = {text}" for i, text in enumerate(found.outputs)]
    body += [f"jacobian[{i}] = {text}" for i, (_, text) in enumerate(found.entries)]
    source = HEADER + "".join(f"    {line}\n" for line in body) + FIELD
    return source, [place for place, _ in found.entries]
