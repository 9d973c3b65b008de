"""Source of what a node does, on blocks of nodes as SIMD lanes.

Value r of lane l lies at w[r * LANES + l]: parameters, variables and sums of a node, and after them
what is computed: the values, then their nonzero slopes in row order.
"""

from ...codegen import Graph, statements
from ...nodes import Edges, Nodes
from ..simd.straight_line import IMPORTS

LANES = 16

HEADER = (
    IMPORTS
    + """from lyapax.kernels.cpu.nodal.blocks import BLOCK

LANES = {lanes}
"""
)

FUNCTION = """

@straight_line
def {name}_of(w, t):
    for l in range(LANES):
{lines}

@c_function(BLOCK)
def {name}(w, t):
    {name}_of((w, t))
"""


def whole_blocks(count):
    """The length of a vector with room for so many elements."""
    return (count + LANES - 1) // LANES * LANES


def nodes_source(nodes: Nodes) -> str:
    """A module with `field(w, t)` and, unless nothing is coupled, `factors(w, t)`."""
    parts = [HEADER.format(lanes=LANES), function("field", nodes.field)]
    if nodes.factors is not None:
        parts.append(function("factors", nodes.factors))
    return "".join(parts)


def edges_source(edges: Edges) -> str:
    """A module with `field(w, t)` and `edge(w, t)`."""
    head = HEADER.format(lanes=LANES)
    return head + function("field", edges.field) + function("edge", edges.edge)


def function(name: str, graph: Graph) -> str:
    found = statements(graph)
    given = [*found.params, *found.state]
    body = [f"{name} = w[{i * LANES} + l]" for i, name in enumerate(given)]
    body += [f"{found.time} = t", *found.lines]
    for i, text in enumerate([*found.outputs, *(slope for _, slope in found.entries)]):
        body.append(f"w[{(len(given) + i) * LANES} + l] = {text}")
    return FUNCTION.format(name=name, lines="".join(f"        {line}\n" for line in body))
