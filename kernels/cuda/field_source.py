"""CUDA source of a traced function: `field` of the state, and `tangent` of one column."""

from collections.abc import Callable
from functools import cache

import sympy

from ..codegen import CUDA, Graph, printed
from ..linearise import Linearised, Statement
from .clock import Clock
from .sources import indented

SOURCE = """#include "common.cuh"

#define DIM {dim}
#define PARAMETERS {parameters}
#define SLOPES {slopes}

template <class Parameters>
__device__ __forceinline__ void field(
    double {time}, const REAL (&x)[DIM], const Parameters &p, REAL (&f)[DIM], REAL (&s)[SLOPES]
) {{
{field}}}

template <class Parameters>
__device__ __forceinline__ void tangent(
    const REAL (&s)[SLOPES], const Parameters &p, const REAL (&v)[DIM], REAL (&d)[DIM]
) {{
{tangent}}}
"""


@cache
def field_source(graph: Graph) -> str:
    taken = Linearised(graph)
    every = [*taken.statements, *taken.outputs]
    state = [f"const REAL {s.name} = x[{i}];" for i, s in enumerate(graph.state)]
    params = [f"const REAL {s.name} = p[{i}];" for i, s in enumerate(graph.params)]
    clock = Clock(graph)
    text = clock.text
    values = [f"const REAL {s.symbol.name} = {text(s.value)};" for s in every]
    slopes: dict[sympy.Basic, str] = {}
    fixed = set(graph.params)

    def spelled(slope: sympy.Basic) -> str:
        if slope.free_symbols <= fixed:
            return printed(slope, CUDA)
        return slopes.setdefault(slope, f"s[{len(slopes)}]")

    tangents = [f"const REAL d_{s.name} = v[{i}];" for i, s in enumerate(graph.state)]
    tangents += [f"const REAL d_{s.symbol.name} = {_derivative(s, taken, spelled)};" for s in every]
    kept = [
        f"{place} = {text(slope) if isinstance(slope, sympy.Expr) else _flag(text(slope))};"
        for slope, place in slopes.items()
    ]
    n = range(len(graph.outputs))
    return SOURCE.format(
        dim=len(graph.outputs),
        parameters=len(graph.params),
        slopes=max(1, len(slopes)),
        time=graph.time.name,
        field=indented(
            [*state, *params, *clock.lines(), *values, *kept, *(f"f[{i}] = f{i};" for i in n)]
        ),
        tangent=indented([*params, *tangents, *(f"d[{i}] = d_f{i};" for i in n)]),
    )


def _derivative(statement: Statement, taken: Linearised, spelled: Callable[..., str]) -> str:
    if statement.condition is not None:
        a, b = (f"d_{e.name}" if e in taken.active else "REAL(0.0)" for _, e in statement.slopes)
        return f"{spelled(statement.condition)} != REAL(0.0) ? {a} : {b}"
    total = ""
    for slope, argument in statement.slopes:
        d = f"d_{argument.name}"
        if slope == 0:
            continue
        if slope in (1, -1):
            sign = "-" if slope == -1 else ""
            total = f"{total} {sign or '+'} {d}" if total else f"{sign}{d}"
        elif total:
            total = f"fma({spelled(slope)}, {d}, {total})"
        else:
            total = f"{spelled(slope)} * {d}"
    return total or "REAL(0.0)"


def _flag(condition: str) -> str:
    return CUDA.choice.format(condition=condition, a="REAL(1.0)", b="REAL(0.0)")
