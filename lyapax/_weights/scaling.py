"""What is done to a matrix that was read, what is doubtful about it, and modules as systems."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from ..systems.base import System
from ..systems.matrices import Matrix
from .found import connections_of

SATURATED = 20.0  # spectral radius from which nearly all units of a tanh network are saturated
DENSE = 1000  # units up to which all eigenvalues are computed
CELLS = {1: "RNN", 3: "GRU", 4: "LSTM"}  # by the blocks of rows of weight_hh
ARGUMENTS = "weight_hh", "weight_ih", "bias_hh", "bias_ih"


class Scale(NamedTuple):
    gain: float = 1.0
    radius: float | None = None


def radius(matrix: Matrix) -> float:
    """The spectral radius; NaN where Arnoldi's method does not converge."""
    if not scipy.sparse.issparse(matrix):
        return float(np.abs(np.linalg.eigvals(matrix)).max())
    if matrix.shape[0] <= DENSE:
        return radius(matrix.toarray())
    start = np.ones(matrix.shape[0])
    try:
        found = scipy.sparse.linalg.eigs(matrix, k=1, return_eigenvectors=False, v0=start)
    except scipy.sparse.linalg.ArpackError:
        return np.nan
    return float(np.abs(found).max())


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
        found = radius(matrix)
        if not found > 0:
            raise ValueError("--normalise must be left out: the spectral radius is 0")
        matrix = matrix * (scale.radius / found)
    return matrix if scale.gain == 1.0 else matrix * scale.gain


def doubts(matrix: Matrix, phi: str) -> Iterator[str]:
    """What is seldom meant."""
    if matrix.ndim > 2:
        return
    sums = abs(matrix).sum(axis=1)
    silent = int(np.count_nonzero(np.asarray(sums) == 0))
    if silent:
        yield f"{silent:,} of {matrix.shape[0]:,} units have no inputs"
    if not connections_of(matrix):
        return
    found = radius(matrix)
    values = matrix.data if scipy.sparse.issparse(matrix) else matrix
    if phi == "relu" and found > 1 and (np.asarray(values) >= 0).all():
        yield f"no weight is negative and the spectral radius is {found:.3g}: relu grows for ever"
    elif found > SATURATED and phi in ("tanh", "sigmoid", "erf"):
        yield f"spectral radius {found:.3g}: most units saturate; see --normalise radius:1.5"


def recurrent(tensors: Mapping[str, Any]) -> tuple[System, str]:
    """The system of one recurrent layer by its tensors, as PyTorch names them."""
    from .. import systems

    name = next(name for name in tensors if "weight_hh" in name)
    hidden = tensors[name]
    rows, units = hidden.shape
    blocks = rows // units if units else 0
    if rows != blocks * units or blocks not in CELLS:
        raise ValueError(f"{name} must have 1, 3 or 4 times {units} rows, got {rows}")
    cell = CELLS[blocks]
    found = {argument: tensors.get(name.replace("weight_hh", argument)) for argument in ARGUMENTS}
    system = getattr(systems, cell)(**{k: v for k, v in found.items() if v is not None})
    return system, f"{cell} of {units} units by {name}, without inputs"
