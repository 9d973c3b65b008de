"""Systems of what is not written with NumPy."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Self

from .._check import count
from . import of_jax, of_sympy
from .signature import how_called, named, values_by_name
from .traced import Function

# A mapping of names, or a tuple, list, namespace, dataclass or named tuple.
Params = Mapping[str, object] | Sequence[object] | SimpleNamespace | Any


class FromOthers:
    """Constructors of Flow and Map."""

    @classmethod
    def from_sympy(
        cls,
        expressions: object,
        state: object,
        params: Mapping[Any, object] | None = None,
        *,
        time: object = None,
        **options: Any,
    ) -> Self:
        r"""The system :math:`\dot x_i` (or next :math:`x_i`) = expressions[i] of SymPy.

        Parameters
        ----------
        expressions, state : sequence of length n, or SymPy matrix
            The right-hand sides, and the symbol of each variable: also applied functions as y(0).
        params : mapping, optional
            Values by symbols or their names.
        time : symbol, optional
        options
            As of the class itself.

        Raises
        ------
        ValueError
            When expressions have a symbol that neither `state` nor `params` names.

        Examples
        --------
        >>> import lyapax as lx, sympy
        >>> x, y, a = sympy.symbols("x y a")
        >>> henon = lx.Map.from_sympy([1 - a * x**2 + y, 0.3 * x], [x, y], {a: 1.4})
        >>> print(henon.dim, henon.params["a"])
        2 1.4
        """
        f, dim, named_values = of_sympy.as_function(expressions, state, params, time)
        made: Any = cls
        return made(f, dim, named_values, **options)  # type: ignore[no-any-return]

    @classmethod
    def from_jax(
        cls,
        f: Function,
        dim: int,
        params: Params | None = None,
        *,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        signature: str | None = None,
        **options: Any,
    ) -> Self:
        """The system of a function that is written with jax.numpy, which must be installed.

        JAX traces `f`, and its program is translated; no part of JAX runs afterwards.

        Parameters
        ----------
        f, dim, params, shapes, signature, options
            As of the class itself.

        Raises
        ------
        TypeError
            When JAX's program has a step without an expression; the message names it.
        """
        given = named(values_by_name(params, f), "params")
        shape, timed = how_called(f, given, signature)
        if shape == "xp+":
            raise ValueError("f must take its parameters as one argument: f(x, p)")
        if shape == "xpt" and not timed:
            shape = "xp"
        cores = {name: (shapes or {}).get(name, ()) for name in given}
        traced_by_jax = of_jax.as_function(f, count(dim, "dim"), shape, cores)
        made: Any = cls
        found = made(traced_by_jax, dim, given, shapes=shapes, signature="xpt", **options)
        return found  # type: ignore[no-any-return]
