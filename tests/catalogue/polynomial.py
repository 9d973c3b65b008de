"""Polynomial systems as tables of coefficients, so that one compiled function serves them all.

The systems of a dimension and degree differ only in their coefficients, which are a parameter:
to compile each of a hundred functions would take longer than to run all cases.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import sympy

import lyapax as lx


@cache
def monomials(dim: int, degree: int) -> tuple[tuple[int, ...], ...]:
    """Exponents of all monomials up to `degree`."""
    every = itertools.product(range(degree + 1), repeat=dim)
    return tuple(sorted((e for e in every if sum(e) <= degree), key=lambda e: (sum(e), e)))


def coefficients(
    f: Callable[..., Any], dim: int, degree: int, members: Iterable[Mapping[str, float]]
) -> np.ndarray:
    """(members, dim, monomials) of ``f(*variables, **params)``, which is a polynomial."""
    variables = sympy.symbols(f"x:{dim}")
    members = list(members)
    names = list(members[0]) if members else []
    symbols = {name: sympy.Symbol(f"p_{name}") for name in names}
    order = monomials(dim, degree)
    table = np.zeros((len(members), dim, len(order)))
    for i, component in enumerate(f(*variables, **symbols)):
        known = sympy.Poly(sympy.sympify(component), *variables).as_dict()
        assert set(known) <= set(order), f"{f.__name__} has a degree above {degree}"
        for exponents, c in known.items():
            value = sympy.lambdify(list(symbols.values()), c, "math")
            table[:, i, order.index(exponents)] = [value(*m.values()) for m in members]
    return table


@cache
def function(dim: int, degree: int) -> Callable[[Any, Any], Any]:
    """f(x, p) with the coefficients p.c."""
    order = monomials(dim, degree)

    def polynomial(x: Any, p: Any) -> Any:
        powers = [[1, x[i]] for i in range(dim)]
        for row in powers:
            for _ in range(degree - 1):
                row.append(row[-1] * row[1])
        values = []
        for exponents in order:
            value: Any = 1.0
            for i, e in enumerate(exponents):
                value = value * powers[i][e] if e else value
            values.append(value)
        return [sum(p.c[i, j] * v for j, v in enumerate(values)) for i in range(dim)]

    return polynomial


def system(dim: int, degree: int, *, is_flow: bool = True) -> Callable[..., Any]:
    """What makes the system of coefficients `c`."""
    kind = lx.Flow if is_flow else lx.Map
    shape = (dim, len(monomials(dim, degree)))
    return lambda c: kind(function(dim, degree), dim, {"c": c}, shapes={"c": shape})


def members(**params: Any) -> list[dict[str, float]]:
    """One dict a member, of arrays and numbers."""
    arrays = np.broadcast_arrays(*(np.asarray(v, float) for v in params.values()))
    count = arrays[0].size
    return [
        {name: float(a.ravel()[i]) for name, a in zip(params, arrays, strict=True)}
        for i in range(count)
    ]
