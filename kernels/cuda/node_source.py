"""CUDA source of the node of a network: its field, its factors, and the tangents of both."""

from functools import cache

import sympy

from ..codegen import Graph
from ..nodes import Nodes
from .clock import Clock
from .sources import indented

SOURCE = """#include "common.cuh"

#define VARIABLES {variables}
#define SUMS {sums}
#define PARAMETERS {parameters}
#define FIELD_SLOPES {field_slopes}
#define FACTOR_SLOPES {factor_slopes}

template <class X, class P, class F, class S>
__device__ __forceinline__ void field(double t, const X &x, const P &p, F &f, S &s) {{
{field}}}

template <class Y, class D>
__device__ __forceinline__ void field_tangent(const REAL *s, const Y &y, D &d) {{
{field_tangent}}}

template <class X, class P, class F, class S>
__device__ __forceinline__ void factors(double t, const X &x, const P &p, F &f, S &s) {{
{factors}}}

template <class Y, class D>
__device__ __forceinline__ void factor_tangent(const REAL *s, const Y &y, D &d) {{
{factor_tangent}}}
"""


@cache
def node_source(nodes: Nodes) -> str:
    factors = nodes.factors or Graph((), (), nodes.field.time, ())
    return SOURCE.format(
        variables=nodes.variables,
        sums=nodes.sums,
        parameters=nodes.columns,
        field_slopes=len(nodes.field.jacobian()),
        factor_slopes=len(factors.jacobian()),
        field=_values(nodes.field),
        field_tangent=_tangents(nodes.field),
        factors=_values(factors),
        factor_tangent=_tangents(factors),
    )


def _values(graph: Graph) -> str:
    """Outputs f and nonzero slopes s, in row order, of x, p and t."""
    clock = Clock(graph)
    names = sympy.numbered_symbols("c", real=True)
    shared, reduced = sympy.cse([*graph.outputs, *graph.jacobian().values()], symbols=names)
    # The clock has to see functions of time whole.
    timed: dict[sympy.Basic, sympy.Basic] = {}
    for symbol, e in shared:
        whole = e.xreplace(timed)
        if graph.time in whole.free_symbols <= {graph.time, *graph.params}:
            timed[symbol] = whole
    body = [
        f"const REAL {symbol.name} = {clock.text(e.xreplace(timed))};"
        for symbol, e in shared
        if symbol not in timed
    ]
    places = [f"f[{i}]" for i in range(len(graph.outputs))]
    places += [f"s[{i}]" for i in range(len(graph.jacobian()))]
    body += [
        f"{place} = {clock.text(e.xreplace(timed))};"
        for place, e in zip(places, reduced, strict=True)
    ]
    given = [f"const REAL {s.name} = x[{i}];" for i, s in enumerate(graph.state)]
    given += [f"const REAL {s.name} = p[{i}];" for i, s in enumerate(graph.params)]
    return indented([*given, *clock.lines(), *body])


def _tangents(graph: Graph) -> str:
    """d = J y, of the slopes s."""
    rows: list[list[str]] = [[] for _ in graph.outputs]
    for place, (i, j) in enumerate(graph.jacobian()):
        rows[i].append(f"fma(s[{place}], y[{j}], " if rows[i] else f"s[{place}] * y[{j}]")
    texts = ["".join(reversed(r[1:])) + r[0] + ")" * (len(r) - 1) if r else "REAL(0)" for r in rows]
    return indented([f"d[{i}] = {text};" for i, text in enumerate(texts)])
