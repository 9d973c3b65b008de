"""Covariant Lyapunov vectors, by Ginelli's algorithm."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from . import _check
from ._check import Array, Seed
from ._factors import FactorsAlong, vectors_back
from ._interrupted import raises_interrupted
from ._orbit import BASIS_COPIES, Start, expect_no_memory, heed_jumps
from ._progress import plain_bar
from .systems.base import System


@dataclass(frozen=True)
class CovariantVectors:
    """What `covariant_vectors` returns.

    Attributes
    ----------
    times : array (S,)
        From the beginning of the window; steps of a map.
    states : array (..., S, n)
    vectors : array (..., S, n, k)
        Unit vectors, one a column, that the tangent dynamics carry into each other.
    growth : array (..., S - 1, k)
        Logarithm of the growth of each vector from one time to the next.
    exponents : array (..., k)
        Their means per unit time or step.

    Examples
    --------
    >>> import lyapax as lx
    >>> cat = lx.Map(lambda x, p: [2 * x[0] + x[1], x[0] + x[1]], 2)
    >>> found = lx.covariant_vectors(cat, duration=20, rng=0, progress=False)
    >>> print(found.angles([0], [1])[10].round(6))    # of a symmetric matrix: a right angle
    1.570796
    """

    times: Array
    states: Array
    vectors: Array
    growth: Array
    exponents: Array

    def __repr__(self) -> str:
        sets, n, k = self.vectors.shape[-3:]
        return f"CovariantVectors({sets:,} sets of {k} of {n}, exponents {self.exponents})"

    def angles(self, first: slice | Sequence[int], second: slice | Sequence[int]) -> Array:
        """Smallest angle (radian) between two subspaces at each time.

        Parameters
        ----------
        first, second : slice or sequence of int
            Numbers of the vectors that span them: ``angles([0], slice(1, None))``.

        Returns
        -------
        array (..., S)
        """
        parts = {"first": first, "second": second}
        at = [_numbers(part, name, self.vectors.shape[-1]) for name, part in parts.items()]
        bases = [np.linalg.qr(self.vectors[..., part])[0] for part in at]
        overlap = np.swapaxes(bases[0], -1, -2) @ bases[1]
        largest = np.linalg.svd(overlap, compute_uv=False)[..., 0]
        # Of nearly parallel spaces the cosine says little: 1 - eps is an angle of 1e-8. Below 45
        # degrees, a cosine above 0.7, the sine is the better conditioned of the two.
        apart = bases[1] - bases[0] @ overlap
        sine = np.linalg.svd(apart, compute_uv=False)[..., -1]
        return np.where(
            largest > 0.7, np.arcsin(np.minimum(sine, 1)), np.arccos(np.minimum(largest, 1))
        )


def _numbers(part: slice | Sequence[int], name: str, k: int) -> NDArray[np.int64]:
    """Numbers of vectors, which must be there."""
    wrong = f"{name} must be a slice or integers from {-k} to {k - 1}, got {_check.quoted(part)}"
    if isinstance(part, slice):
        try:
            numbers = np.arange(k)[part]
        except (TypeError, ValueError):
            raise TypeError(wrong) from None
    else:
        numbers = np.atleast_1d(_check.any_array(part, name))
        if numbers.dtype.kind not in "iu" or numbers.ndim != 1:
            raise TypeError(wrong)
    if not numbers.size or ((numbers < -k) | (numbers >= k)).any():
        raise ValueError(wrong)
    return np.asarray(numbers, np.int64)


@raises_interrupted
def covariant_vectors(
    system: System,
    *,
    duration: float,
    dt: float | None = None,
    k: int | None = None,
    transient: float | None = None,
    alignment: float | None = None,
    tail: float | None = None,
    qr_every: int = 1,
    params: Mapping[str, object] | None = None,
    initial: ArrayLike | None = None,
    members: int | None = None,
    rng: Seed | None = None,
    progress: bool = True,
) -> CovariantVectors:
    r"""Covariant vectors :math:`v_j`: the directions whose growth rates the exponents are.

    Forwards, :math:`J_i Q_i = Q_{i+1} R_i`; backwards from any upper triangular start,
    :math:`C_i \propto R_i^{-1} C_{i+1}`, which converges because it turns what grows into what
    decays; then :math:`v_j` is column j of :math:`Q_i C_i`. Bases of the whole run are not kept:
    about the root of their number, and the rest is computed again.

    Parameters
    ----------
    system : RateNetwork, Network, RNN, GRU, LSTM, Flow or Map
    duration : float
        The window in which vectors are kept: one at its start and one each `qr_every` steps.
    dt : float
        Time step; flows only.
    k : int, optional
        How many; default all.
    transient, alignment, tail : float, optional
        Time for the state, for the basis forwards, and for C backwards beyond the window; each is
        by default a tenth of the duration, but the transient as the alignment. At the ends of the
        window vectors are as good as these, times the differences of exponents, are large.
    qr_every : int
        Steps from one QR, and one set of vectors, to the next.
    params, initial, members, rng, progress
        As in `lyapunov_spectrum`.

    Returns
    -------
    CovariantVectors

    Raises
    ------
    Interrupted
        On Ctrl-C; without a `result`, as vectors come from both directions of time.
    ValueError, TypeError
        Bad input, naming the argument.

    References
    ----------
    Ginelli et al., Phys. Rev. Lett. 99 (2007).

    Examples
    --------
    >>> import lyapax as lx
    >>> saddle = lx.Map(lambda x, p: [2 * x[0] + x[1], 0.5 * x[1]], dim=2)
    >>> found = lx.covariant_vectors(saddle, duration=40, alignment=30, initial=[0.0, 0.0], rng=0,
    ...                              progress=False)
    >>> print(abs(found.vectors[0, 1] / found.vectors[0, 0]).round(6))  # (1, 0) and (2, -3)
    [0.  1.5]
    """
    duration = _check.positive(duration, "duration")
    alignment = (
        duration / 10 if alignment is None else _check.positive(alignment, "alignment", zero=True)
    )
    tail = duration / 10 if tail is None else _check.positive(tail, "tail", zero=True)
    before = 0.0 if transient is None else transient
    start = Start.of(system, params, dt, before, initial, members, rng)
    expect_no_memory(start.system, "covariant_vectors")
    progress = _check.flag(progress, "progress")
    n = start.dim
    k = n if k is None else _check.count(k, "k", high=n)
    every = _check.count(qr_every, "qr_every")
    kept = start.steps(duration, "duration") // every
    counts = [
        start.steps(alignment, "alignment") // every,
        kept,
        start.steps(tail, "tail") // every,
    ]
    if transient is None:
        start = replace(start, transient=alignment)
    heed_jumps(start.system)
    if counts[1] < 1:
        raise ValueError(f"duration must be at least {every} steps (qr_every)")
    orbit = start.orbit(
        alignment + duration + tail,
        each=_bytes(n, k, counts),
        what=f"{counts[1]} sets of {{members}} x {{n}} x {k} vectors",
        advice="a larger qr_every or a smaller k",
    )
    orbit.expect(sum(counts) * every)
    along = FactorsAlong.of(orbit, k, every, start.rng)
    with plain_bar(counts[0] + 2 * (counts[1] + counts[2]), "QR", progress) as bar:
        along.forwards(counts[0], bar)
        length = max(1, math.ceil(math.sqrt(counts[1] + counts[2])))
        marks = []
        for i in range(0, counts[1] + counts[2], length):
            marks.append((along.copy_of_present(), min(length, counts[1] + counts[2] - i)))
            along.forwards(marks[-1][1], bar)
        return _backwards(along, marks, counts[1], start.rng, bar)


def _bytes(n: int, k: int, counts: list[int]) -> int:
    """Bytes of a member: bases on the way, marks, twice those between two, and what is returned."""
    bases = BASIS_COPIES + 3 * math.isqrt(counts[1] + counts[2])
    return 8 * (bases * (n + n * k + k * k) + (counts[1] + 1) * (n + n * k + k))


def _backwards(
    along: FactorsAlong,
    marks: list[tuple[tuple[Array, int, Array], int]],
    window: int,
    rng: np.random.Generator,
    bar: tqdm,
) -> CovariantVectors:
    """From the last mark to the first; each comes with the number of intervals that follow it."""
    orbit = along.orbit
    batch, k, n = along.basis.shape
    coefficients: Array = np.triu(rng.standard_normal((batch, k, k)))
    coefficients /= np.linalg.norm(coefficients, axis=1, keepdims=True)
    states, vectors = np.empty((window + 1, batch, n)), np.empty((window + 1, batch, n, k))
    growth = np.empty((window, batch, k))
    begin = sum(length for _, length in marks)
    if begin == window:  # no tail
        states[-1], vectors[-1] = orbit.state, along.basis.swapaxes(1, 2) @ coefficients
    while marks:
        mark, length = marks.pop()
        begin -= length
        along.return_to(*mark)
        found = along.kept(length)
        there = slice(begin, min(begin + length, window + 1))
        vectors_back(batch, found.r, found.bases, coefficients, vectors[there], growth[there])
        states[there] = found.states[: len(states[there])]
        bar.update(length)
    span = float(along.every * orbit.step_time)
    states, vectors, growth = (
        orbit.shaped(np.moveaxis(a, 0, 1)) for a in (states, vectors, growth)
    )
    exponents = growth.mean(axis=-2) / span
    times = np.asarray(np.arange(window + 1) * span)
    return CovariantVectors(times, states, vectors, growth, exponents)
