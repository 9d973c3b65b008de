"""dx/dt = L x + D f(B x): the constant matrices of a flow, and how fast the rest of it decays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .._check import Array, quoted, real_array
from ..kernels.phi_functions import phi_functions

RK4_REACH = 2.785  # of dt * |decay rate|: the real stability limit of RK4
ROUNDS = 4  # of the search for the step at which the rest reaches it


Grid = Sequence[ArrayLike]  # B and D of D f(B x)


@dataclass(frozen=True)
class Linear:
    """L as a diagonal (n,) or a matrix (n, n); grid: (B, D), (m, n) and (n, q), or None."""

    matrix: Array
    grid: tuple[Array, Array] | None

    @property
    def sizes(self) -> tuple[int, int]:
        """The number of values that f takes, and of those that it returns."""
        if self.grid is None:
            return len(self.matrix), len(self.matrix)
        return len(self.grid[0]), self.grid[1].shape[1]

    def seen(self, x: Array) -> Array:
        """The values that f takes of a state."""
        return x if self.grid is None else self.grid[0] @ x

    def rate(self, slope: Array, of: Callable[[Array], float]) -> float:
        """The fastest rate that limits the step, of f's Jacobian (q, m).

        L itself does not: it is integrated exactly. It damps the rest, too: a step h adds
        h phi_1(hL) J instead of h J. This is 2.785 / h for the h at which its decay reaches 2.785.
        """
        jacobian = slope if self.grid is None else self.grid[1] @ slope @ self.grid[0]
        found = of(jacobian)
        for _ in range(ROUNDS):  # from below: damping grows with h
            if found == 0.0 or not np.isfinite(RK4_REACH / found):
                break
            _, damping, _, _ = phi_functions(RK4_REACH / found * self.matrix)
            damped = damping @ jacobian if damping.ndim == 2 else damping[:, None] * jacobian
            found = min(found, of(damped))
        return found


def linear_part(linear: ArrayLike | None, grid: Grid | None, dim: int) -> Linear | None:
    """Checked; None where neither is given, and L = 0 where only a grid is."""
    if linear is None and grid is None:
        return None
    matrix = np.zeros(dim)
    if linear is not None:
        matrix = real_array(linear, "linear", ndim_min=1)
        if matrix.shape not in ((dim,), (dim, dim)):
            raise ValueError(
                f"linear must have shape (dim,) = ({dim},), a diagonal, or ({dim}, {dim}), got "
                f"{matrix.shape}"
            )
    if grid is None:
        return Linear(matrix, None)
    if not isinstance(grid, tuple | list) or len(grid) != 2:
        raise TypeError(f"grid must be two matrices, (B, D), got {quoted(grid)}")
    read, write = (real_array(a, f"grid[{i}]", ndim_min=2) for i, a in enumerate(grid))
    if read.shape[1:] != (dim,):
        raise ValueError(f"grid[0] must have shape (m, dim) = (m, {dim}), got {read.shape}")
    if write.ndim != 2 or len(write) != dim:
        raise ValueError(f"grid[1] must have shape (dim, q) = ({dim}, q), got {write.shape}")
    return Linear(matrix, (read, write))
