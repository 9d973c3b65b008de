"""Couplings with delays: weights as a product with past values, and which values these are."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy  # its modules load when they are first used
from numpy.typing import ArrayLike

from .._check import Array, Integers, real_array
from .delays import Delays
from .matrices import Matrix, dense, entries, square

Lag = Array  # (..., 1 or n) by presynaptic unit, or (n, n) by connection; 0: no delay
Places = tuple[Integers, Integers]  # rows and columns
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
class Part:
    """Weights (..., n, S) of the values of `units` (S,), `times[which]` ago; times are (...)."""

    times: list[Array]
    which: Integers
    units: Integers
    weights: Matrix


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
        found: list[Part] = []
        for W, lag in self.terms:
            by = self._of_connections if self._by_connection(lag) else self._of_units
            present, late = by(W, lag)
            if present is not None:
                now = present if now is None else now + present
            found += late
        if not found:
            return None
        before = np.cumsum([0, *(len(p.times) for p in found)])
        which = np.concatenate([d + p.which for d, p in zip(before, found, strict=False)])
        units = np.concatenate([p.units for p in found])
        every = [time for p in found for time in p.times]
        shape = np.broadcast_shapes(*{np.shape(time) for time in every})
        times = np.stack([np.broadcast_to(time, shape) for time in every], axis=-1)
        delays = Delays(times, which.astype(np.int64), units.astype(np.int64), self.n)
        return now, self._joined([p.weights for p in found]), delays

    def _of_units(self, W: Matrix, lag: Lag) -> "tuple[Matrix | None, list[Part]]":
        """W without delay, and parts of the others, by the delays of the columns."""
        if lag.ndim == 1:
            lag = np.broadcast_to(lag, (self.n,))
            groups = [(np.array(t), np.nonzero(lag == t)[0]) for t in np.unique(lag[lag > 0])]
            present = lag == 0
        else:  # members differ: each column has its own delays, or all have one
            units = np.arange(self.n)
            columns = [units] if lag.shape[-1] == 1 else [units[i : i + 1] for i in units]
            groups = [(lag[..., i], column) for i, column in enumerate(columns)]
            if any(time.any() and not time.all() for time, _ in groups):
                raise ValueError("delay must be 0 for all members of a batch or for none")
            present = np.broadcast_to(~lag.any(axis=tuple(range(lag.ndim - 1))), (self.n,))
        late = [
            Part([time], np.zeros(len(units), np.int64), units, W[..., units])
            for time, units in groups
            if time.any()
        ]
        if not present.any():
            return None, late
        now = W.multiply(present) if self.sparse else W * present
        return scipy.sparse.csr_array(now) if self.sparse else now, late

    def _of_connections(self, W: Matrix, lag: Lag) -> "tuple[Matrix | None, list[Part]]":
        """The same by delays of connections (n, n), in n^2 log n."""
        there = W != 0
        if not self.sparse:
            there = there.reshape(-1, self.n, self.n).any(axis=0)
        rows, columns = there.nonzero()
        times = lag[rows, columns]
        kept = times > 0
        now: Matrix | None = None
        if not kept.all():
            at = rows[~kept], columns[~kept]
            now = self._placed(W, at, at, W.shape[-2:])
            now = now if self.sparse else dense(now)
        if not kept.any():
            return now, []
        rows, columns = rows[kept], columns[kept]
        different, which = np.unique(times[kept], return_inverse=True)
        pairs, place = np.unique(which * self.n + columns, return_inverse=True)
        weights = self._placed(W, (rows, columns), (rows, place), (self.n, len(pairs)))
        return now, [Part(list(different), pairs // self.n, pairs % self.n, weights)]

    def _placed(self, W: Matrix, taken: Places, put: Places, shape: tuple[int, ...]) -> Matrix:
        """Entries of W at other places, in a matrix of this shape that is zero elsewhere."""
        if W.ndim == 2:  # many small ones would be mostly zeros
            values = np.asarray(W[taken]).ravel()
            return scipy.sparse.csr_array((values, put), shape=shape)
        out = np.zeros((*W.shape[:-2], *shape))
        out[..., put[0], put[1]] = W[..., taken[0], taken[1]]
        return out

    def _joined(self, parts: list[Matrix]) -> Matrix:
        """Parts side by side, sparse where W is or where that is much shorter."""
        width = sum(part.shape[-1] for part in parts)
        if self.sparse or (all(part.ndim == 2 for part in parts) and width > DENSE * self.n):
            blocks = [scipy.sparse.csr_array(part) for part in parts]
            return scipy.sparse.csr_array(scipy.sparse.hstack(blocks))
        parts = [dense(part) for part in parts]
        shape = np.broadcast_shapes(*(part.shape[:-2] for part in parts))
        return np.concatenate([np.broadcast_to(p, (*shape, *p.shape[-2:])) for p in parts], -1)
