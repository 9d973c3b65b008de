"""Flows and maps of complex numbers."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from .adapters import Params
from .complex_numbers import Complex, parts
from .elementary import UntraceableError
from .function import Flow, Map, variables
from .rebound import rebound
from .signature import understood
from .traced import Function


def complex_flow(f: Function, dim: int, params: Params | None = None, **options: Any) -> Flow:
    r"""A flow :math:`\dot z = f(z, p)` of complex numbers, as one of real and imaginary parts.

    Parameters
    ----------
    f : callable
        As of `Flow`, of an array z of `dim` complex numbers, and returning as many.
    dim, params, options
        As of `Flow`. Its state is ``np.concatenate([z.real, z.imag])``, of 2 dim variables.

    Returns
    -------
    Flow

    Raises
    ------
    ValueError, TypeError
        As `Flow`.

    Examples
    --------
    >>> import lyapax as lx
    >>> cycle = lx.complex_flow(lambda z, p: (p.a + 1j) * z - abs(z) ** 2 * z, 1, {"a": 0.5})
    >>> spec = lx.lyapunov_spectrum(cycle, duration=50, dt=0.01, rng=0, progress=False)
    >>> print(abs(spec.exponents.round(4)))  # 0 along the cycle, -2 a across
    [0. 1.]
    """
    return _of_complex(Flow, f, dim, params, options)


def complex_map(f: Function, dim: int, params: Params | None = None, **options: Any) -> Map:
    r"""A map :math:`z_{i+1} = f(z_i, p)` of complex numbers, as one of real and imaginary parts.

    Parameters
    ----------
    f : callable
        As of `Map`, of an array z of `dim` complex numbers, and returning as many.
    dim, params, options
        As of `Map`. Its state is ``np.concatenate([z.real, z.imag])``, of 2 dim variables.

    Returns
    -------
    Map

    Raises
    ------
    ValueError, TypeError
        As `Map`.

    Examples
    --------
    Ikeda's map, in the form in which it is published:

    >>> import numpy as np, lyapax as lx
    >>> def ikeda(z, p):
    ...     return 1 + p.u * z * np.exp(1j * (0.4 - 6 / (1 + abs(z) ** 2)))
    >>> system = lx.complex_map(ikeda, 1, {"u": 0.9})
    >>> spec = lx.lyapunov_spectrum(system, duration=20000, transient=200, rng=0, progress=False)
    >>> print(spec.exponents.round(2), round(spec.exponents.sum(), 6))  # the sum is 2 ln u
    [ 0.51 -0.72] -0.210721
    """
    return _of_complex(Map, f, dim, params, options)


System = TypeVar("System", Flow, Map)


def _of_complex(
    kind: type[System], f: Function, dim: int, params: Params | None, options: dict[str, Any]
) -> System:
    signature = options.pop("signature", None)
    n = variables(dim, "dim")
    initial = options.get("initial")
    if initial is not None and np.iscomplexobj(initial):
        z = np.asarray(initial)
        options["initial"] = np.concatenate([z.real, z.imag], axis=-1)
    inner, given, _, timed = understood(rebound(f), n, params, signature)

    def of_parts(x: Any, p: Any, t: Any = 0.0) -> Any:
        found: Any = inner(Complex(x[:n], x[n:]), p, *([t] if timed else []))
        values: list[Any] = (
            list(found) if isinstance(found, list | tuple) else [*np.atleast_1d(found)]
        )
        if len(values) != n:
            raise UntraceableError(f"f must return dim = {n} complex numbers, got {len(values)}")
        pairs: list[Any] = [parts(value) for value in values]
        return [*(real for real, _ in pairs), *(imag for _, imag in pairs)]

    of_parts.__name__ = inner.__name__
    return kind(of_parts, 2 * n, given, signature="xpt" if timed else "xp", **options)
