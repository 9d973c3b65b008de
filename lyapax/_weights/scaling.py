"""What is done to a matrix that was read, and what is doubtful about it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from ..systems.eigenvalues import largest_eigenvalue
from ..systems.matrices import Matrix

SATURATED = 20.0  # spectral radius from which nearly all units of a tanh network are saturated


class Scale(NamedTuple):
    gain: float = 1.0
    radius: float | None = None


def scale_of(gain: float, normalise: str | None) -> Scale:
    """--gain and --normalise radius:R."""
    if not np.isfinite(gain):
        raise ValueError(f"--gain must be finite, got {gain}")
    if normalise is None:
        return Scale(gain)
    name, _, value = normalise.partition(":")
    try:
        asked = float(value)
    except ValueError:
        asked = np.nan
    if name != "radius" or not 0 < asked < np.inf:
        raise ValueError(f"--normalise must be radius:R with a number R > 0, got {normalise!r}")
    return Scale(gain, asked)


def scaled(matrix: Matrix, scale: Scale) -> Matrix:
    if scale.radius is not None:
        found = largest_eigenvalue(matrix, tol=0.0)
        if not found > 0:
            raise ValueError("--normalise must be left out: the spectral radius is 0")
        matrix = matrix * (scale.radius / found)
    return matrix if scale.gain == 1.0 else matrix * scale.gain


def components(matrix: Matrix) -> int:
    """Groups of units that reach one another, a unit alone included."""
    graph = scipy.sparse.csr_array(matrix)
    return int(connected_components(graph, connection="strong", return_labels=False))


def doubts(matrix: Matrix, phi: str) -> Iterator[str]:
    """What is seldom meant."""
    if matrix.ndim > 2:
        return
    sums = np.asarray(abs(matrix).sum(axis=1))  # the largest bounds the spectral radius
    silent = int(np.count_nonzero(sums == 0))
    if silent:
        yield f"{silent:,} of {matrix.shape[0]:,} units have no inputs"
    if sums.any() and not matrix.diagonal().any() and components(matrix) == matrix.shape[0]:
        yield "no connection is part of a cycle: are they undirected, and each listed once?"
    values = matrix.data if scipy.sparse.issparse(matrix) else matrix
    most = 1.0 if phi == "relu" else SATURATED if phi in ("tanh", "sigmoid", "erf") else np.inf
    if sums.max() <= most or (phi == "relu" and (np.asarray(values) < 0).any()):
        return
    found = largest_eigenvalue(scipy.sparse.csr_array(matrix))  # Arnoldi's method if it is large
    if not found > most:
        return
    if phi == "relu":
        yield f"no weight is negative and the spectral radius is {found:.3g}: relu grows for ever"
    else:
        yield f"spectral radius {found:.3g}: most units saturate; see --normalise radius:1.5"
