"""LyapunovSpectrum: exponents with their errors, and what follows from them."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _attractor as attractor
from . import _check
from . import _files as files
from . import _statistics as statistics
from . import _sums as sums
from . import _table as table
from ._check import Array
from ._continuation import Axes, Continuation
from ._device import Home
from ._distribution import hint
from ._estimates import estimated
from ._interrupted import raises_interrupted
from ._measuring import finish
from ._status import Status

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes as PlotAxes

# Of one member, or of each of a batch.
Value = float | Array
Count = np.int64 | NDArray[np.int64]
Words = str | NDArray[np.object_]
Group = tuple[int, int, float, float]  # of exponents: first, past the last, mean, its error
Groups = list[Group] | NDArray[np.object_]


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class LyapunovSpectrum:
    """Lyapunov exponents of a batch of members, shape (..., k), in descending order.

    Natural logarithm, per unit time (flows) or per step (maps).

    Attributes
    ----------
    exponents, stderr : array (..., k)
    status : array (..., k) of `Status`
    sign : array (..., k)
        +1, 0, -1, or 2 where the run cannot tell; zeros are resolved to `resolution`.
    cancellation : array (..., k)
        Largest norm(a_j) / R_jj seen at a QR; eps times it bounds the rounding of exponent j.
    step_bias, step_bias_stderr : array (..., k)
        How far dt moves the exponents, from pairs of runs with dt and dt / 2, and how well that is
        known. NaN for maps, for systems with inputs, where the run is so short that the pairs
        would be a large part of it, and for members of a large batch that are not in the sample.
    step : str
        Why this dt, if it was chosen; empty where it was given.
    duration : float
        Measured time or steps.
    axes : list of (name, values)
        Of the batch axes: the parameter that varies along each, or a plain index.
    diverged_at, last_size : array (...)
        When the state of a member left the floating-point numbers, from the start of the transient,
        and the largest of its components one step before; NaN for the others.
    finer_step_survives : bool or None
        Whether one of the first members that diverged stays finite with half the step; None where
        none diverged, and for maps.
    speed, period : array (...)
        Evidence of the class: relative norm of f (flows); the period of return (maps; 0: none).
    motion : array (...) of `Motion`
        How the state moves: at rest, on its way to rest, coming back, without bound, ...
    preserving : array (...)
        Whether the system preserves volume, as far as the run tells.
    changed_at : array (...)
        Time since 0 at which the growth changed (NaN: it did not).
    changed : array (...)
        Whether the sign of an exponent changed with it.
    blocks : array (m, ..., k)
        Log growth in each of m blocks of `block_duration` that follow each other.
    block_duration, dt : float
    qr_every : int
        Steps from one orthonormalisation to the next.
    system : str
        Its repr.
    dim : int
    is_flow, is_driven, is_noisy, circles : bool
        The last: whether all variables are angles.

    Examples
    --------
    >>> import lyapax as lx
    >>> henon = lx.systems.library["henon"].system()
    >>> spec = lx.lyapunov_spectrum(henon, duration=20_000, rng=0, progress=False)
    >>> spec.attractor, int(spec.n_positive), spec.sign.tolist()
    ('chaotic', 1, [1, -1])
    """

    exponents: Array
    stderr: Array
    status: NDArray[np.int64]
    sign: NDArray[np.int64]
    cancellation: Array
    step_bias: Array
    step_bias_stderr: Array
    blocks: Array
    speed: Array
    period: NDArray[np.int64]
    motion: NDArray[np.int64]
    preserving: NDArray[np.bool_]
    changed_at: Array
    changed: NDArray[np.bool_]
    diverged_at: Array
    last_size: Array
    finer_step_survives: bool | None
    duration: float
    block_duration: float
    dt: float
    qr_every: int
    step: str
    system: str
    dim: int
    is_flow: bool
    is_driven: bool
    is_noisy: bool
    circles: bool
    axes: Axes
    _home: Home | None = None  # the GPU that the system's arrays came from
    _continuation: Continuation | None = None  # None where the run was not kept

    @classmethod
    def _of(cls, continued: Continuation) -> LyapunovSpectrum:
        """Read a result off a run as it stands, and keep the run beside it."""
        return LyapunovSpectrum(**estimated(continued), _continuation=continued)

    def _labelled(self, axes: Axes) -> LyapunovSpectrum:
        """A copy with other names and values of the batch axes."""
        continued = self._continuation
        if continued is not None:
            continued = replace(continued, traits=replace(continued.traits, axes=axes))
        return replace(self, axes=axes, _continuation=continued)

    def __getstate__(self) -> dict[str, Any]:
        """State for pickles and copies, without a run on a GPU or of PyTorch's steps."""
        state = dict(self.__dict__)
        if self._continuation is not None and not self._continuation.portable:
            state["_continuation"] = None
        return state

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the batch."""
        return self.exponents.shape[:-1]

    @property
    def k(self) -> int:
        """How many exponents were measured."""
        return int(self.exponents.shape[-1])

    @property
    def resolution(self) -> float:
        """Exponents smaller than this cannot be told from zero: 2 / duration."""
        return statistics.BOUNDED / self.duration if self.duration else np.inf

    @property
    def diverged(self) -> np.ndarray:
        """Members (...) whose state left the floating-point numbers."""
        return np.asarray((self.status == Status.DIVERGED).any(axis=-1))

    @property
    def n_positive(self) -> Count:
        """How many exponents are positive, beyond three standard errors and `resolution`."""
        return self._count(1)

    @property
    def n_zero(self) -> Count:
        """How many exponents are zero to within `resolution`."""
        return self._count(0)

    def _count(self, sign: int) -> Count:
        found: Count = (self.sign == sign).sum(axis=-1)
        return found

    @cached_property
    def history(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """(times (m,), running estimates (m, ..., k)) at the ends of the blocks."""
        times = self.block_duration * np.arange(1, len(self.blocks) + 1)
        running = np.cumsum(self.blocks, axis=0)
        return times, running / times.reshape(-1, *[1] * (running.ndim - 1))

    def _each(self, function: Callable[..., list[Group]], *arrays: Array) -> Groups:
        """`function` of one member, over the batch."""
        values = np.empty(self.shape, object)
        for index in np.ndindex(*self.shape):
            values[index] = function(*(a[index] for a in arrays))
        return values if self.shape else values[()]

    @cached_property
    def _verdicts(self) -> tuple[Words, Words]:
        members = int(np.prod(self.shape, dtype=int))
        with np.errstate(invalid="ignore"):
            below = (self.sign == 2) & (self.exponents + 2 * self.stderr < 0)
        cases = {
            "signs": np.reshape(np.where(below, 3, self.sign), (members, self.k)),
            "lost": self.diverged.reshape(-1),
            **{
                name: np.reshape(getattr(self, name), members)
                for name in ("motion", "period", "preserving", "changed")
            },
        }
        found = attractor.verdicts(
            cases,
            dim=self.dim,
            is_flow=self.is_flow,
            is_driven=self.is_driven,
            is_noisy=self.is_noisy,
            circles=self.circles,
        )
        names, evidence = (values.reshape(self.shape) for values in found)
        for at in zip(*np.nonzero(np.atleast_1d(self.changed)), strict=True):
            place = at if self.shape else ()
            unit = "t" if self.is_flow else "step"
            evidence[place] = evidence[place].format(
                when=f"at {unit} = {float(self.changed_at[place]):.3g}"
            )
        return (names, evidence) if self.shape else (names[()], evidence[()])

    @property
    def attractor(self) -> Words:
        """The class of each member, a string (an array of them for a batch)."""
        return self._verdicts[0]

    @property
    def evidence(self) -> Words:
        """A sentence: what the class rests on, and what would settle one that is undetermined."""
        return self._verdicts[1]

    @property
    def groups(self) -> Groups:
        """Near-degenerate exponents: (first, past the last, mean, its error) of each group."""
        return self._each(
            self._groups, self.exponents, self.stderr, np.moveaxis(self.blocks, 0, -2)
        )

    def _groups(self, exponents: Array, stderr: Array, blocks: Array) -> list[Group]:
        found = []
        for first, last in statistics.groups(exponents, stderr):
            mean = float(np.mean(exponents[first:last]))
            error, _ = statistics.standard_error(
                blocks[:, first:last].mean(axis=1),
                np.array(mean * self.duration),
                self.duration,
                self.block_duration,
            )
            found.append(
                (first, last, mean, float(error) if last - first > 1 else float(stderr[first]))
            )
        return found

    def _error_of(self, combine: Callable[[Array], Array]) -> Array:
        """The standard error of a linear function of the exponents, which are the last axis."""
        if not self.duration:
            return np.full(np.shape(combine(self.exponents)), np.nan)
        error, _ = statistics.standard_error(
            combine(self.blocks),
            np.asarray(combine(self.exponents * self.duration)),
            self.duration,
            self.block_duration,
        )
        return error

    def _error_of_weighted(self, value: Array, weights: Array) -> Array:
        """The standard error of a weighted sum; 0 where nothing fluctuates that has a weight."""
        error = self._error_of(lambda array: sums.weighted(array, weights))
        error = np.where((weights == 0).all(axis=-1) | np.isneginf(value), 0.0, error)
        return np.where(np.isnan(value), np.nan, error)

    def _plain(self, value: Array) -> Value:
        return np.asarray(value) if self.shape else float(value)

    @property
    def _zeroed(self) -> Array:
        """Exponents, with 0 for those counted as zero and NaN where there is no attractor."""
        zeroed = np.where(self.sign == 0, 0.0, self.exponents)
        unbounded = np.asarray(self.attractor == "unbounded")[..., None]
        return np.where(unbounded, np.nan, zeroed)

    @property
    def kaplan_yorke(self) -> Value:
        """Kaplan-Yorke dimension; a lower bound where `kaplan_yorke_is_bound`."""
        return self._plain(sums.kaplan_yorke(self._zeroed, self.dim)[0])

    @property
    def kaplan_yorke_is_bound(self) -> bool | NDArray[np.bool_]:
        """Whether all k < dim partial sums are positive, so that the dimension is k or more."""
        found = sums.kaplan_yorke(self._zeroed, self.dim)[2]
        return found if self.shape else bool(found)

    @property
    def kaplan_yorke_stderr(self) -> Value:
        """Standard error from the fluctuations of the dimension D.

        dD = sum(dl_i) / abs(l_(j+1)) + S_j dl_(j+1) / l_(j+1)^2, where S_j is the last positive
        sum.
        """
        value, weights, _ = sums.kaplan_yorke(self._zeroed, self.dim)
        return self._plain(self._error_of_weighted(value, weights * (self.sign != 0)))

    @property
    def entropy(self) -> Value:
        """Sum of the positive exponents (Pesin), nats per unit time or step."""
        return self._plain(sums.entropy(self._zeroed)[0])

    @property
    def entropy_stderr(self) -> Value:
        """Standard error, from the fluctuations of the sum."""
        value, weights = sums.entropy(self._zeroed)
        return self._plain(self._error_of_weighted(value, weights))

    @property
    def partial_sums(self) -> tuple[Array, Array]:
        """Sums of the leading 1, 2, ..., k exponents and their standard errors, each (..., k).

        The growth rates of lengths, areas, volumes; with k = dim the last one is the mean
        divergence of the flow, or the mean log determinant of the map.
        """
        value = np.cumsum(self.exponents, axis=-1)
        living = np.isfinite(self.exponents)

        def combine(array: Array) -> Array:
            return np.cumsum(np.where(living, array, 0.0), axis=-1)

        error = np.where(np.isneginf(value), 0.0, self._error_of(combine))
        return value, np.where(np.isnan(value), np.nan, error)

    def linear_combination(self, weights: ArrayLike) -> tuple[Value, Value]:
        r"""Value and standard error of :math:`\sum_j w_j \lambda_j`.

        The error is that of the sum itself: exponents of one orbit fluctuate together.

        Parameters
        ----------
        weights : array (k,) or (..., k)

        Returns
        -------
        value, stderr : float or array (...)

        Raises
        ------
        ValueError, TypeError
            Bad input, naming the argument.

        Examples
        --------
        >>> import lyapax as lx
        >>> lorenz = lx.systems.library["lorenz63"].system()
        >>> spec = lx.lyapunov_spectrum(lorenz, duration=100, dt=0.01, rng=0, progress=False)
        >>> gap, stderr = spec.linear_combination([1, -1, 0])
        >>> abs(gap - 0.9) < 4 * stderr
        True
        """
        weights = _check.real_array(weights, "weights", ndim_min=1)
        if weights.shape[-1] != self.k:
            raise ValueError(f"weights must have shape (..., {self.k}), got {weights.shape}")
        if _check.broadcast("weights and the batch", weights.shape, self.exponents.shape) != (
            self.exponents.shape
        ):
            raise ValueError(
                f"weights must have shape (..., {self.k}) within the batch {self.shape}, got "
                f"{weights.shape}"
            )
        weights = np.broadcast_to(weights, self.exponents.shape)
        value = sums.weighted(self.exponents, weights)
        return self._plain(value), self._plain(self._error_of_weighted(value, weights))

    def on_device(self) -> tuple[Any, Any]:
        """Exponents and errors in the library, and on the GPU, that the system's arrays came from.

        CuPy arrays or PyTorch tensors; NumPy arrays where everything came from the host. The
        attributes of a result are always NumPy arrays.
        """
        if self._home is None:
            return self.exponents, self.stderr
        return self._home.take(self.exponents), self._home.take(self.stderr)

    def pooled(self, axis: int = -1, of: str = "exponents") -> tuple[Array, Array]:
        """Mean over a batch axis, of sequences or of starts, and its standard error.

        The error is the spread over the axis divided by the root of its length, so it needs no
        long runs, and includes what differs from sequence to sequence: initial states, inputs, and
        tangents. It does not include what all of them share: that of a short run the state is not
        yet on its attractor, and the tangents not yet aligned. Compare half the length. Members
        without a number (diverged, unresolved) are left out; where some are dead (-inf), so is the
        mean.

        Parameters
        ----------
        axis : int
        of : {"exponents", "partial_sums", "entropy", "kaplan_yorke"}
            Sums are those of the mean exponents, with errors from the spread of the sums. Exponents
            count as zero where most members count them so, and their mean is within three errors.

        Returns
        -------
        mean, stderr : array (..., k); (...) of entropy and dimension
        """
        _check.choice(of, "of", ("exponents", "partial_sums", "entropy", "kaplan_yorke"))
        if not self.shape:
            raise ValueError("pooled needs a batch axis, this result has a single member")
        axes = len(self.shape)
        at = _check.count(axis, "axis", low=-axes, high=axes - 1) % axes
        if of == "partial_sums":
            return sums.mean_over(np.cumsum(self.exponents, axis=-1), at)
        mean, error = sums.mean_over(self.exponents, at)
        if of == "exponents":
            return mean, error
        most = 2 * (self.sign == 0).sum(axis=at) > self.shape[at]
        zero = most & (np.abs(mean) <= 3 * error)
        zeroed = np.where(zero, 0.0, mean)
        value, weights, *_ = (
            sums.entropy(zeroed) if of == "entropy" else sums.kaplan_yorke(zeroed, self.dim)
        )
        weights = np.where(zero, 0.0, weights)
        _, error = sums.mean_over(sums.weighted(self.exponents, np.expand_dims(weights, at)), at)
        error = np.where((weights == 0).all(axis=-1), 0.0, error)
        return value[()], np.where(np.isnan(value), np.nan, error)[()]

    def needed(self, tol: float) -> Value:
        r"""The duration in all that would bring every standard error to `tol`.

        From the variance :math:`a + ct` of the running sums: the error of a positive or negative
        exponent falls as :math:`1/\sqrt t` in the end, that of a zero one as :math:`1/t`.

        Parameters
        ----------
        tol : float

        Returns
        -------
        float or array (...)
            NaN where nothing is known, as of fewer than 8 blocks or of diverged members; of
            exponents that are no numbers, or unresolved, nothing is awaited.

        Raises
        ------
        ValueError, TypeError
            Bad input, naming the argument.

        Examples
        --------
        >>> import lyapax as lx
        >>> henon = lx.systems.library["henon"].system()
        >>> spec = lx.lyapunov_spectrum(henon, duration=20000, rng=0, progress=False)
        >>> spec.needed(spec.stderr.max() / 2) > 50000
        True
        """
        tol = _check.positive(tol, "tol")
        if not self.duration:
            return self._plain(np.full(self.shape, np.nan))
        time = statistics.needed(
            self.blocks, self.exponents * self.duration, self.duration, self.block_duration, tol
        )
        awaited = self.status == Status.OK
        longest = np.where(awaited, time, 0.0).max(axis=-1)
        return self._plain(np.where(awaited.any(axis=-1), longest, np.nan))

    @raises_interrupted
    def extend(self, duration: float, *, progress: bool = True) -> LyapunovSpectrum:
        """Measure `duration` more: a longer result, with the bits of one run at a fixed cadence.

        Of an interrupted run the transient and the alignment are finished first. On Ctrl-C
        `Interrupted` is raised, whose `result` has what was measured until then.
        """
        if self._continuation is None:
            raise ValueError("this result cannot be extended: its state was not kept")
        duration = _check.positive(duration, "duration")
        steps = _check.steps(duration, self.dt, "duration")
        progress = _check.flag(progress, "progress")
        return finish(self._continuation.branch(), self._of, steps, None, progress)

    def plot(self, ax: PlotAxes | None = None, *, kind: str | None = None) -> PlotAxes:
        """Exponents with error bars, ``kind="history"`` convergence, ``"plane"`` an image."""
        from ._plot import plot

        return plot(self, ax, kind)

    def to_xarray(self) -> xarray.Dataset:
        """An xarray.Dataset with dimensions (batch axes, exponent), labelled by `axes`."""
        try:
            import xarray
        except ImportError as error:
            raise ImportError(f"labelled arrays need xarray: {hint('sweep')}") from error
        coords = dict(self.axes)
        names = list(coords)
        wide = [*names, "exponent"]
        data = {name: (wide, getattr(self, name)) for name in ("exponents", "stderr", "status")}
        data["attractor"] = (names, self.attractor)
        unit = "1/time" if self.is_flow else "1/step"
        attrs = {"system": self.system, "duration": self.duration, "dt": self.dt, "unit": unit}
        return xarray.Dataset(data, coords, attrs)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz, whole or not at all."""
        files.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LyapunovSpectrum:
        """Read what `save` wrote."""
        return LyapunovSpectrum(**files.read(path))

    def summary(self) -> dict[str, Any]:
        """Plain Python values, for JSON."""
        return table.summary(self)

    def __repr__(self) -> str:
        return table.table(self)
