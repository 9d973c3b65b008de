"""The eigenvalues of a Jacobian that limit the step of a flow."""

import numpy as np
import scipy  # its modules load when they are first used

from .._check import Array
from .matrices import Matrix

DENSE = 600  # variables; the eigenvalues of more are those that Arnoldi's method finds
SOUGHT = 6  # of a large matrix


def largest_eigenvalue(matrix: Matrix, tol: float = 1e-2) -> float:
    """The largest |eigenvalue|; NaN where a large sparse matrix does not tell.

    tol: relative, of a large sparse matrix; 0 for the last digit.
    """
    return float(np.abs(_eigenvalues(matrix, "LM", tol)).max(initial=0.0))


def fastest_decay(matrix: Matrix) -> float:
    """The largest |eigenvalue| of those that decay; NaN where a large matrix does not tell."""
    rates = _eigenvalues(matrix, "SR", tol=1e-2)
    return float(np.abs(rates[~(rates.real >= 0)]).max(initial=0.0))


def _eigenvalues(matrix: Matrix, which: str, tol: float) -> Array:
    """All of a dense or small matrix; of a large sparse one those at an end of the spectrum."""
    if isinstance(matrix, np.ndarray):
        return np.asarray(np.linalg.eigvals(matrix))
    if matrix.shape[0] <= DENSE:
        return np.asarray(np.linalg.eigvals(matrix.toarray()))
    start = np.ones(matrix.shape[0])
    try:
        found = scipy.sparse.linalg.eigs(
            matrix, k=SOUGHT, which=which, tol=tol, return_eigenvectors=False, v0=start
        )
    except (scipy.sparse.linalg.ArpackError, RuntimeError):
        return np.array([np.nan])
    return np.asarray(found)
