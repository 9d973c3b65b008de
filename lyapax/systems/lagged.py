"""Couplings with delays: weights as a product with past values, and which values these are."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy  # its modules load when they are first used
from numpy.typing import ArrayLike

from .._check import Array, real_array
from .delays import Delays
from .matrices import Matrix, dense, entries, square

Lag = Array  # (..., 1 or n) by presynaptic unit, or (n, n) by connection; 0: no delay
DENSE = 2  # times n past values, up to which connections of many delays are a dense matrix


def lag_of(delay: ArrayLike, W: Matrix, name: str) -> Lag:
    """A delay as an array, checked: a number, (..., 1), (..., n) or (n, n)."""
    n = W.shape[-1]
    if scipy.sparse.issparse(delay):  # of the connections that W has
        rows, columns = W.nonzero()
        full = np.zeros((n, n))
        full[rows, columns] = entries(square(delay, name), scipy.sparse.csr_array(W))
        delay = full
    found = np.atleast_1d(real_array(delay, name))
    if found.shape[-1] not in (1, n):
        raise ValueError(
            f"{name} must be a number, (..., 1), (..., {n}) by unit or ({n}, {n}) by connection, "
            f"got shape {found.shape}"
        )
    if (found < 0).any():
        raise ValueError(f"{name} must be >= 0, got {found.min():g}")
    return found


def is_pairs(W: object) -> bool:
    """Whether W is a list of pairs (matrix, delay), and no matrix written as lists."""
    return (
        isinstance(W, list | tuple)
        and bool(W)
        and all(isinstance(w, tuple) and len(w) == 2 and np.ndim(w[0]) >= 2 for w in W)
    )


def lagged(W: Matrix, delay: ArrayLike | None) -> "Lagged":
    """Couplings as a user gives them, checked: W with one delay, or a list of pairs."""
    if not is_pairs(W):
        W = square(W, "W")
        return Lagged(((W, lag_of(0.0 if delay is None else delay, W, "delay")),))
    if delay is not None:
        raise ValueError("delay must be left out where W is a list of pairs (W, delay)")
    found: list[tuple[Matrix, Lag]] = []
    for i, (matrix, time) in enumerate(W):
        matrix = square(matrix, f"W[{i}][0]")
        if found and matrix.shape[-1] != found[0][0].shape[-1]:
            raise ValueError(
                f"W[{i}][0] must be of {found[0][0].shape[-1]} units as the first, got shape "
                f"{matrix.shape}"
            )
        found.append((matrix, lag_of(time, matrix, f"W[{i}][1]")))
    if not all(scipy.sparse.issparse(w) for w, _ in found):
        found = [(dense(w), lag) for w, lag in found]
    return Lagged(tuple(found))


@dataclass(frozen=True)
class Lagged:
    """Sum of W_g times the state a lag g ago; W_g all dense (..., n, n) or all CSR."""

    terms: tuple[tuple[Matrix, Lag], ...]

    @property
    def n(self) -> int:
        return int(self.terms[0][0].shape[-1])

    @property
    def sparse(self) -> bool:
        return bool(scipy.sparse.issparse(self.terms[0][0]))

    @property
    def batch_shapes(self) -> list[tuple[int, ...]]:
        """Leading axes of all arrays."""
        lags = [lag.shape[:-1] for _, lag in self.terms if not self._by_connection(lag)]
        return [*(W.shape[:-2] for W, _ in self.terms), *lags]

    def _by_connection(self, lag: Lag) -> bool:
        return lag.shape == (self.n, self.n)

    @cached_property
    def split(self) -> "tuple[Matrix | None, Matrix, Delays] | None":
        """(W without delay or None, W (..., n, S) of past values, which ones); None: no delays."""
        now: Matrix | None = None
        parts: list[Matrix] = []
        which: list[int] = []
        units: list[int] = []
        times: list[Array] = []
        for W, lag in self.terms:
            for time, there in self._groups(lag):
                part = self._kept(W, there)
                if not time.any():
                    now = part if now is None else now + part
                    continue
                if not (time > 0).all():
                    raise ValueError("delay must be 0 for all members of a batch or for none")
                used = np.nonzero(np.broadcast_to(there, (self.n, self.n)).any(axis=0))[0]
                parts.append(part[..., used])
                which += [len(times)] * len(used)
                units += used.tolist()
                times.append(time)
        if not parts:
            return None
        stacked = np.stack(np.broadcast_arrays(*times), axis=-1)
        delays = Delays(stacked, np.array(which, np.int64), np.array(units, np.int64), self.n)
        return now, self._joined(parts), delays

    def _groups(self, lag: Lag) -> "list[tuple[Array, Array]]":
        """(a delay (...), the connections (1 or n, n) that have it)."""
        if self._by_connection(lag) or lag.ndim == 1:
            return [(np.array(t), np.atleast_2d(lag == t)) for t in np.unique(lag)]
        columns = np.arange(lag.shape[-1])
        return [(lag[..., c], np.atleast_2d(columns == c)) for c in columns]

    def _kept(self, W: Matrix, there: Array) -> Matrix:
        """W with zeros but at some connections."""
        if there.all():
            return W
        return scipy.sparse.csr_array(W.multiply(there)) if self.sparse else W * there

    def _joined(self, parts: list[Matrix]) -> Matrix:
        """Parts side by side, sparse if that is much shorter."""
        if self.sparse:
            return scipy.sparse.csr_array(scipy.sparse.hstack(parts))
        shape = np.broadcast_shapes(*(part.shape[:-2] for part in parts))
        whole = np.concatenate([np.broadcast_to(p, (*shape, *p.shape[-2:])) for p in parts], -1)
        if whole.ndim == 2 and whole.shape[1] > DENSE * self.n:
            return scipy.sparse.csr_array(whole)
        return whole
