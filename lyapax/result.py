"""LyapunovSpectrum: exponents with their errors, and what follows from them."""

import os
from functools import cached_property
from typing import Any

import numpy as np

from . import _check, attractor, divergence, files, statistics, table
from ._check import Array
from .distribution import hint
from .interrupted import raises_interrupted
from .judgement import judged
from .run import Run
from .settling import settle
from .status import Status


class LyapunovSpectrum:
    """Lyapunov exponents of a batch of members, shape (..., k), in descending order.

    Natural logarithm, per unit time (flows) or per step (maps).

    Attributes
    ----------
    exponents, stderr : array (..., k)
    status : array (..., k) of `Status`
    sign : array (..., k)
        +1, 0, -1, or 2 where the run cannot tell; zeros are resolved to `resolution`.
    growth : array (..., k)
        Largest norm(a_j) / R_jj seen at a QR; eps times it bounds the rounding of exponent j.
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
        Time since 0 at which the growth changed (NaN: it did not); `changed` where a sign did.
    """

    exponents: Any
    stderr: Any
    status: Any
    sign: Any
    growth: Any
    blocks: Any
    speed: Any
    period: Any
    motion: Any
    preserving: Any
    changed_at: Any
    changed: Any
    diverged_at: Any
    last_size: Any
    finer_step_survives: bool | None
    duration: float
    block_duration: float
    dt: float
    qr_every: int
    system: str
    dim: int
    is_flow: bool
    is_driven: bool
    axes: list[tuple[str, Any]]
    circles: bool

    def __init__(self, run: Run | None, system: Any, shape: tuple[int, ...]):
        self._run = run
        self.shape = shape
        self.circles = False  # whether all variables are angles
        self._home: Any = getattr(system, "home", None)
        if system is not None:
            self.dim, self.is_flow = system.dim, system.is_flow
            self.is_driven, self.system = system.is_driven, repr(system)
            turns = system.turns
            self.circles = turns is not None and bool((np.asarray(turns) > 0).all())
            self._nullity = np.broadcast_to(system.nullity, shape)
            self.axes = [
                system.axes.get(i - len(shape), (f"batch_{i}", np.arange(size)))
                for i, size in enumerate(shape)
            ]

    def refresh(self) -> None:
        """Read exponents off the run as it stands: all of them, or none if interrupted."""
        run = self._run
        assert run is not None
        self.__dict__.update(self._read(run))
        for name in ("history", "_verdicts"):
            self.__dict__.pop(name, None)

    def _read(self, run: Run) -> dict[str, Any]:
        now = run.now
        flight = now.flight
        duration = now.measured_steps * run.step_time
        block_duration = now.block_steps * run.step_time
        blocks = np.array(now.blocks) if now.blocks else np.zeros((0, *flight.log_sum.shape))
        status = flight.status.copy()
        if now.measured_steps == 0:
            exponents, stderr = (np.full(flight.log_sum.shape, np.nan) for _ in range(2))
            spread = np.zeros_like(exponents)
            status[:] = Status.UNMEASURED
        else:
            total = now.totals()
            exponents = total / duration
            stderr, spread = statistics.standard_error(blocks, total, duration, block_duration)
            status[(status == 0) & (now.growth > now.bound[:, None])] = Status.UNRESOLVED
        # A diverged direction says nothing of its neighbours either: they share the state.
        lost = (status == Status.DIVERGED).any(axis=1) | ~np.isfinite(flight.state).all(axis=1)
        status[lost] = Status.DIVERGED
        exponents[lost] = stderr[lost] = np.nan
        dead = status == Status.RANK_LOST
        if run.fixed and now.interval > 1:
            # Through several steps a living direction may shrink below rounding as well.
            unproven = dead & (dead.sum(axis=1) > self._nullity.reshape(-1))[:, None]
            dead &= ~unproven
            status[unproven] = Status.UNRESOLVED
            exponents[unproven] = stderr[unproven] = np.nan
        exponents[dead], stderr[dead], spread[dead] = -np.inf, 0.0, 0.0
        seen = judged(run, self.is_flow, self.is_driven, exponents, stderr, spread, blocks, lost)
        exact = np.isfinite(seen.exponents)
        exponents[exact], stderr[exact] = seen.exponents[exact], seen.stderr[exact]
        status[exact & (status == Status.UNRESOLVED)] = Status.OK
        growth = now.growth if now.growth.size else np.zeros_like(exponents)
        order = np.argsort(-np.nan_to_num(exponents, nan=-np.inf), axis=1, kind="stable")

        def arranged(a: Any) -> Any:
            return np.take_along_axis(a, order, axis=1).reshape(*self.shape, -1)

        gone = divergence.examined(now, run.initial, run.step_time, self.is_driven)
        return {
            "duration": duration, "block_duration": block_duration, "qr_every": now.interval,
            "dt": run.step_time, "exponents": arranged(exponents), "stderr": arranged(stderr),
            "status": arranged(status), "sign": arranged(seen.sign),
            "growth": arranged(growth),
            "blocks": np.array([arranged(b) for b in blocks]).reshape(
                len(blocks), *self.shape, status.shape[1]),
            **{
                name: getattr(seen, name).reshape(self.shape)
                for name in ("speed", "period", "motion", "preserving", "changed_at", "changed")
            },
            "diverged_at": gone.time.reshape(self.shape),
            "last_size": gone.size.reshape(self.shape),
            "finer_step_survives": gone.finer_step_survives,
        }  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        """For pickles and copies; a run on a GPU, or of PyTorch's steps, cannot travel along."""
        state = dict(self.__dict__)
        if self._run is not None and not getattr(self._run.now.propagator, "portable", False):
            state["_run"] = None
        return state

    @property
    def k(self) -> int:
        return int(self.exponents.shape[-1])

    @property
    def resolution(self) -> float:
        """Exponents smaller than this cannot be told from zero: 2 / duration."""
        return statistics.BOUNDED / self.duration if self.duration else np.inf

    @property
    def diverged(self) -> np.ndarray:
        return np.asarray((self.status == Status.DIVERGED).any(axis=-1))

    @property
    def n_positive(self) -> Any:
        return (self.sign == 1).sum(axis=-1)

    @property
    def n_zero(self) -> Any:
        return (self.sign == 0).sum(axis=-1)

    @cached_property
    def history(self) -> tuple[Any, Any]:
        """(times (m,), running estimates (m, ..., k)) at the ends of the blocks."""
        times = self.block_duration * np.arange(1, len(self.blocks) + 1)
        running = np.cumsum(self.blocks, axis=0)
        return times, running / times.reshape(-1, *[1] * (running.ndim - 1))

    def _each(self, function: Any, *arrays: Any) -> Any:
        """`function` of one member, over the batch."""
        values = np.empty(self.shape, object)
        for index in np.ndindex(*self.shape):
            values[index] = function(*(a[index] for a in arrays))
        return values if self.shape else values[()]

    @cached_property
    def _verdicts(self) -> tuple[Any, Any]:
        members = int(np.prod(self.shape, dtype=int))
        cases = {
            "signs": np.reshape(self.sign, (members, self.k)), "lost": self.diverged.reshape(-1),
            **{
                name: np.reshape(getattr(self, name), members)
                for name in ("motion", "period", "preserving", "changed")
            },
        }  # fmt: skip
        found = attractor.verdicts(
            cases,
            dim=self.dim,
            is_flow=self.is_flow,
            is_driven=self.is_driven,
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
    def attractor(self) -> Any:
        """The class of each member, a string (an array of them for a batch)."""
        return self._verdicts[0]

    @property
    def evidence(self) -> Any:
        """What each class rests on, and what would settle one that is undetermined, a sentence."""
        return self._verdicts[1]

    @property
    def groups(self) -> Any:
        """Near-degenerate exponents: (first, past the last, mean, its error) of each group."""
        return self._each(self._groups, self.exponents, self.stderr, np.moveaxis(
            self.blocks, 0, -2))  # fmt: skip

    def _groups(self, exponents: Array, stderr: Array, blocks: Array) -> list[Any]:
        found = []
        for first, last in statistics.groups(exponents, stderr):
            mean = float(np.mean(exponents[first:last]))
            error, _ = statistics.standard_error(
                blocks[:, first:last].mean(axis=1), np.array(mean * self.duration),
                self.duration, self.block_duration,
            )  # fmt: skip
            found.append((first, last, mean, float(error) if last - first > 1 else
                          float(stderr[first])))  # fmt: skip
        return found

    def _of_zeroed(self, function: Any, part: int) -> Any:
        values = self._each(
            lambda e, s, g: function(np.where(g == 0, 0.0, e), s)[part],
            self.exponents, self.stderr, self.sign,
        )  # fmt: skip
        return values.astype(float) if self.shape else values

    @property
    def kaplan_yorke(self) -> Any:
        """Kaplan-Yorke dimension; NaN when k is too small to reach it."""
        return self._of_zeroed(statistics.kaplan_yorke, 0)

    @property
    def kaplan_yorke_stderr(self) -> Any:
        return self._of_zeroed(statistics.kaplan_yorke, 1)

    @property
    def entropy(self) -> Any:
        """Sum of the positive exponents (Pesin), nats per unit time or step."""
        return self._of_zeroed(statistics.entropy, 0)

    @property
    def entropy_stderr(self) -> Any:
        return self._of_zeroed(statistics.entropy, 1)

    def on_device(self) -> tuple[Any, Any]:
        """Exponents and errors in the library, and on the GPU, that the system's arrays came from.

        CuPy arrays or PyTorch tensors; NumPy arrays where everything came from the host. The
        attributes of a result are always NumPy arrays.
        """
        if self._home is None:
            return self.exponents, self.stderr
        return self._home.take(self.exponents), self._home.take(self.stderr)

    def pooled(self, axis: int = -1) -> tuple[Array, Array]:
        """Mean over a batch axis, of sequences or of starts, and its standard error.

        The error is the spread over the axis divided by the root of its length, so it needs no
        long runs, and includes what differs from sequence to sequence: initial states, inputs, and
        tangents. It does not include what all of them share: that of a short run the state is not
        yet on its attractor, and the tangents not yet aligned. Compare half the length. Members
        without a number (diverged, unresolved) are left out; where some are dead (-inf), so is the
        mean.

        Returns
        -------
        mean, stderr : array (..., k)
        """
        if not self.shape:
            raise ValueError("pooled needs a batch axis, this result has a single member")
        axes = len(self.shape)
        at = _check.count(axis, "axis", low=-axes, high=axes - 1) % axes
        good = np.isfinite(self.exponents) | np.isneginf(self.exponents)
        count = good.sum(axis=at)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.where(good, self.exponents, 0.0)
            mean = values.sum(axis=at) / count
            apart = np.where(good, values - np.expand_dims(mean, at), 0.0)
            error = np.sqrt((apart**2).sum(axis=at) / (count - 1) / count)
        # All of them dead is no spread; some of them, or one alone, no knowledge.
        dead = np.isneginf(self.exponents).sum(axis=at)
        known = (count > 1) & (dead == 0)
        error = np.where((dead == count) & (count > 0), 0.0, np.where(known, error, np.inf))
        return mean, error

    @raises_interrupted
    def extend(self, duration: float, *, progress: bool = True) -> "LyapunovSpectrum":
        """Measure `duration` more, in place; the bits of one longer run at a fixed cadence.

        Of an interrupted run the transient and the alignment are finished first. On Ctrl-C the
        result has what was measured until then, and `Interrupted` is raised.
        """
        if self._run is None:
            raise ValueError("this result cannot be extended: its state was not kept")
        duration = _check.positive(duration, "duration")
        steps = _check.steps(duration, self.dt, "duration")
        settle(self, steps, None, _check.flag(progress, "progress"))
        return self

    def plot(self, ax: Any = None, *, kind: str | None = None) -> Any:
        """Exponents with error bars, ``kind="history"`` convergence, ``"plane"`` an image."""
        from .plot import plot

        return plot(self, ax, kind)

    def to_xarray(self) -> Any:
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
    def load(cls, path: str | os.PathLike[str]) -> "LyapunovSpectrum":
        """Read what `save` wrote."""
        facts = files.read(path)
        result = cls(None, None, facts["exponents"].shape[:-1])
        result.__dict__.update(facts)
        return result

    def summary(self) -> dict[str, Any]:
        """Plain Python values, for JSON."""
        return table.summary(self)

    def __repr__(self) -> str:
        return table.table(self)
