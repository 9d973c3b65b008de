"""LyapunovSpectrum: exponents with their errors, and what follows from them."""

import io
import json
import os
import uuid
import warnings
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from . import _check, attractor, divergence, statistics
from ._check import Array
from .distribution import hint
from .interrupted import Interrupted, raises_interrupted
from .progress import bar as progress_bar
from .run import Run, measure

FORMAT = 1
RK4_REACH = 2.785  # of dt * |decay rate|: the real stability limit of RK4
VOLUME_KEPT = 1e-3  # nats over the whole run below which the sum of all exponents counts as zero


class Status(IntEnum):
    """Of one exponent."""

    OK = 0
    DIVERGED = 1  # the state or its tangents left the floating-point numbers: NaN
    RANK_LOST = 2  # the direction dies within a step: -inf
    UNRESOLVED = 3  # rounding may reach it: see `LyapunovSpectrum.growth`
    UNMEASURED = 4  # interrupted before the measurement began: NaN


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
    """

    exponents: Any
    stderr: Any
    status: Any
    sign: Any
    growth: Any
    blocks: Any
    speed: Any
    period: Any
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

    def __init__(self, run: Run | None, system: Any, shape: tuple[int, ...]):
        self._run = run
        self.shape = shape
        self._home: Any = getattr(system, "home", None)
        if system is not None:
            self.dim, self.is_flow = system.dim, system.is_flow
            self.is_driven, self.system = system.is_driven, repr(system)
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
        self.__dict__.pop("history", None)

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
        order = np.argsort(-np.nan_to_num(exponents, nan=-np.inf), axis=1, kind="stable")

        def arranged(a: Any) -> Any:
            return np.take_along_axis(a, order, axis=1).reshape(*self.shape, -1)

        volume = np.abs(exponents.sum(axis=1, keepdims=True)) * duration
        preserving = (volume < VOLUME_KEPT) & (flight.basis.shape[2] == self.dim)
        sign = statistics.signs(exponents, stderr, spread, max(duration, 1e-300), preserving)
        growth = now.growth if now.growth.size else np.zeros_like(exponents)
        if not self.is_driven:
            speed, period = attractor.evidence(run, self.is_flow, sign)
        else:
            speed, period = np.full(len(sign), np.nan), np.zeros(len(sign), int)
        gone = divergence.examined(now, run.initial, run.step_time, self.is_driven)
        return {
            "duration": duration, "block_duration": block_duration, "qr_every": now.interval,
            "dt": run.step_time, "exponents": arranged(exponents), "stderr": arranged(stderr),
            "status": arranged(status), "sign": arranged(sign), "growth": arranged(growth),
            "blocks": np.array([arranged(b) for b in blocks]).reshape(
                len(blocks), *self.shape, status.shape[1]),
            "speed": speed.reshape(self.shape), "period": period.reshape(self.shape),
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

    @property
    def attractor(self) -> Any:
        """The class of each member, a string (an array of them for a batch)."""
        return self._each(
            lambda sign, speed, period: attractor.classify(
                sign, self.dim, self.is_flow, self.is_driven, float(speed), int(period)
            ),
            self.sign, self.speed, self.period,
        )  # fmt: skip

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

    _ARRAYS = ("exponents", "stderr", "status", "sign", "growth", "blocks", "speed", "period",
               "diverged_at", "last_size")  # fmt: skip
    _FACTS = ("dim", "is_flow", "is_driven", "system", "duration", "dt", "qr_every",
              "block_duration", "finer_step_survives")  # fmt: skip

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz, whole or not at all."""
        target = _check.file(path, "path")
        buffer = io.BytesIO()
        facts = {"format": FORMAT, **{name: getattr(self, name) for name in self._FACTS}}
        facts["axes"] = [(name, np.asarray(values).tolist()) for name, values in self.axes]
        arrays = {name: getattr(self, name) for name in self._ARRAYS}
        np.savez_compressed(buffer, facts=np.array(json.dumps(facts)), **arrays)
        write_whole(target, buffer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "LyapunovSpectrum":
        """Read what `save` wrote."""
        path = _check.file(path, "path")
        try:
            with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
                facts = json.loads(str(file["facts"]))
                arrays = {name: file[name] for name in cls._ARRAYS if name in file}
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f"path {path} is not a lyapax result: {error}") from error
        if facts.get("format") != FORMAT:
            raise ValueError(
                f"path {path} has result format {facts.get('format')}, this lyapax reads {FORMAT}"
            )
        result = cls(None, None, arrays["exponents"].shape[:-1])
        for name in ("diverged_at", "last_size"):  # which older files lack
            arrays.setdefault(name, np.full(result.shape, np.nan))
        facts.setdefault("finer_step_survives", None)
        facts["axes"] = [(name, np.array(values)) for name, values in facts["axes"]]
        for name, value in {**facts, **arrays}.items():
            if name != "format":
                setattr(result, name, value)
        return result

    def summary(self) -> dict[str, Any]:
        """Plain Python values, for JSON."""
        return {
            "system": self.system, "duration": self.duration, "dt": self.dt,
            "unit": "per unit time" if self.is_flow else "per step",
            "exponents": self.exponents.tolist(), "stderr": self.stderr.tolist(),
            "status": [[Status(s).name for s in row] for row in
                       self.status.reshape(-1, self.k)],
            "n_positive": np.asarray(self.n_positive).tolist(),
            "n_zero": np.asarray(self.n_zero).tolist(),
            "diverged_at": self.diverged_at.tolist(), "last_size": self.last_size.tolist(),
            "attractor": self.attractor.tolist() if self.shape else self.attractor,
            "kaplan_yorke": np.asarray(self.kaplan_yorke).tolist(),
            "entropy": np.asarray(self.entropy).tolist(),
        }  # fmt: skip

    def _divergence(self) -> str:
        """When, from what, and whether the step is to blame; empty if no state was lost."""
        first = np.nanmin(self.diverged_at, initial=np.inf)
        if not np.isfinite(first):
            return ""
        size = float(self.last_size[self.diverged_at == first].max())
        why = {
            True: f"; with half the step, {self.dt / 2:g}, it stays finite: dt is too large",
            False: "; half the step does not help",
            None: "",
        }[self.finer_step_survives]
        unit = "t" if self.is_flow else "step"
        return f"at {unit} = {first:g}, from a state of size {size:.2g}{why}"

    def _dimension(self) -> str:
        if np.isnan(self.kaplan_yorke):
            return f"not reached by {self.k} exponents"
        return f"{self.kaplan_yorke:.4f} +- {self.kaplan_yorke_stderr:.2g}"

    def _pooled_rows(self) -> str:
        mean, stderr = self.pooled()
        rows = [f"{j + 1:4d}  {mean[j]:10.5f}  {stderr[j]:9.2g}" for j in range(min(self.k, 12))]
        return "\n".join(["", "", "   j   mean over       stderr", "          batch", *rows])

    def __repr__(self) -> str:
        unit = "per unit time" if self.is_flow else "per step"
        head = f"{self.system}: {self.k} exponents {unit}, measured over {self.duration:g}"
        if self.shape:
            n_positive = np.asarray(self.n_positive)
            leading = self.exponents[..., 0]
            finite = leading[np.isfinite(leading)]
            span = f"{finite.min():.4g} to {finite.max():.4g}" if finite.size else "none finite"
            head = (
                f"{head}\nbatch {self.shape}: leading exponent {span}; "
                f"{int((n_positive > 0).sum())} members chaotic, "
                f"{int(self.diverged.sum())} diverged"
            )
            head += f", the first {self._divergence()}" if self._divergence() else ""
            return head + self._pooled_rows() if self.is_driven and len(self.shape) == 1 else head
        if self._divergence():
            return f"{head}\ndiverged {self._divergence()}"
        rows = [head, "", "   j    exponent     stderr  sign"]
        words = {1: "+", 0: "0", -1: "-", 2: "?"}
        for j in range(min(self.k, 12)):
            status = Status(int(self.status[j]))
            note = "" if status is Status.OK else f"  {status.name.lower()}"
            sign = words[int(self.sign[j])]
            rows.append(
                f"{j + 1:4d}  {self.exponents[j]:10.5f}  {self.stderr[j]:9.2g}   {sign}{note}"
            )
        if self.k > 12:
            rows.append(f" ... {self.k - 12} more, down to {self.exponents[-1]:.5f}")
        rows += [
            "",
            f"attractor     {self.attractor}",
            f"dimension     {self._dimension()} (Kaplan-Yorke)",
            f"entropy       {self.entropy:.5g} +- {self.entropy_stderr:.2g} (Pesin)",
            f"zero below    {self.resolution:.2g}",
        ]
        return "\n".join(rows)


def settle(
    result: LyapunovSpectrum, steps: int, tol: float | None, progress: bool, decay_rate: Any = None
) -> None:
    """Finish what the run's start lacks, measure `steps` more, and read the result off."""
    run = result._run
    assert run is not None
    begin = run.now
    rates: list[float | None] = []

    def look() -> None:
        if decay_rate is not None and result.is_flow:
            state = run.now.flight.state
            rates.append(decay_rate(state.reshape(*result.shape, state.shape[-1])))

    try:
        todo = begin.transient_left + max(run.alignment - begin.aligned, 0) * begin.aligning + steps
        with progress_bar(run, todo, progress, patient=tol is not None) as tick:
            look()
            run.transient(tick)
            look()
            warn_if_unstable(run.step_time, rates)
            run.align(tick)
            measure(run, steps, tol, tick)
        run.release()
        result.refresh()
        if result.finer_step_survives:
            warnings.warn(f"diverged {result._divergence()}", stacklevel=4)
        stuck = 0 if result.is_flow or result.is_driven else attractor.rounded_away(
            run, result.period.reshape(-1), result.sign.reshape(-1, result.k)
        )  # fmt: skip
        if stuck:
            warnings.warn(
                f"{stuck} of {len(run.initial)} members ended exactly on an unstable orbit, where "
                "only rounding can put them: their exponents are those of this orbit. A map whose "
                "slopes are powers of two (doubling, tent) loses a bit of its state a step; change "
                "a slope a little, by 1e-12",
                stacklevel=4,
            )
    except KeyboardInterrupt:
        result.refresh()
        asked = (begin.measured_steps + steps) * run.step_time
        raise Interrupted(f"measured over {result.duration:g} of {asked:g}", result) from None


def warn_if_unstable(dt: float, rates: list[float | None]) -> None:
    """`rates`: the fastest decay, as far as it is known, where the transient began and ended."""
    known = [rate for rate in rates if rate is not None and np.isfinite(rate)]
    if known and dt * max(known) > RK4_REACH:
        warnings.warn(
            f"dt = {dt:g} is too large for stability: it must stay below "
            f"{RK4_REACH / max(known):.3g}, 2.785 divided by the fastest decay rate",
            stacklevel=5,
        )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file or leave none: a temporary one beside it, then a rename."""
    # Not by `tempfile`, whose files only their owner may read.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
