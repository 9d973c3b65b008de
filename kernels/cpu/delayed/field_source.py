"""Source of the right-hand side of a flow with delays, for a register of members."""

from ...codegen import Statements
from ..simd.straight_line import IMPORTS, WIDTH

HEADER = (
    IMPORTS
    + """from lyapax.kernels.cpu.delayed.function_steps import FIELD

LANES = {lanes}


@straight_line
def values(t, x, p, f, jacobian):
    for l in range(LANES):
{body}

@c_function(FIELD)
def field(t, x, p, f, jacobian):
    values((t, x, p, f, jacobian))
"""
)


def field_source(found: Statements) -> str:
    """A module with `field(t, x, p, f, jacobian)`, all by address: element i of lane l is at
    i * LANES + l."""

    def at(array: str, i: int) -> str:
        return f"{array}[{i * WIDTH} + l]"

    body = [f"{name} = {at('x', i)}" for i, name in enumerate(found.state)]
    body += [f"{name} = {at('p', i)}" for i, name in enumerate(found.params)]
    body += [f"{found.time} = t", *found.lines]
    body += [f"{at('f', i)} = {text}" for i, text in enumerate(found.outputs)]
    body += [f"{at('jacobian', i)} = {text}" for i, (_, text) in enumerate(found.entries)]
    return HEADER.format(lanes=WIDTH, body="".join(f"        {line}\n" for line in body))
