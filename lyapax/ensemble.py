"""Many members of one system, short each, in place of one long run.

Lanes of a processor run hundreds of members in little more time than one. Their mean has the error
of one run of the same time in all, and the spread over the members gives it, without a model.

What is not averaged away by more members is what they share: their starts. So the first tenth of
what each has measured is not counted, and the mean of the first halves must agree with that of the
second. Nor is there one number to find where the members lie on several attractors: then their
first halves say something of their second.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _check, step
from ._check import Array
from .files import ARRAYS
from .interrupted import Interrupted, raises_interrupted
from .kernels.propagator import OK, Carry, Propagator
from .result import LyapunovSpectrum
from .run import FIRST_CHECK, Moment, Progress, Run
from .settling import settle
from .statistics import descending, standard_error

FEWEST = 16  # members: their spread is an error that is good to 18 %
# By default: as many as fill the lanes of many cores, for systems that run in lanes, or the cores.
MANY, FEW, LANES_DIM = 512, 64, 8
# Steps of the state alone, in which members forget their starts: with 1000 of them means of 512
# members of Lorenz-63 had a bias of 1.1 to 1.5 standard errors. Before, they are scattered over as
# many: members at one phase of Roessler's oscillation have errors in common, which took 200 times
# longer to fall.
MIXING = 10_000
FIRST_LOOK = 4000  # steps at least, for all that happens at the start is in all of the members
CLEAR = 4.5  # standard deviations; one in 300,000 by chance
IN_STEP = 3.0  # times the error of independent members: then they are not
LONGER = 8  # times at most, from one look to the next
MARGIN = 1.05  # on the time that should be enough
# Of the resolution of a member: what rounding leaves of a zero is the same in all of them, and far
# beyond an error that members at one phase of a cycle, or of exactly opposite sums, have.
ROUNDING_SHARE = 0.01
GAP = 8.0  # standard deviations of one member's exponents that no gap within an attractor has
LISTED = 6  # members that a message names


def default_members(dim: int) -> int:
    return MANY if dim <= LANES_DIM else FEW


@dataclass(frozen=True)
class Look:
    """What M members say together: totals (M, ...) over `elapsed`, blocks (m, M, ...)."""

    totals: Array
    blocks: Array
    elapsed: float
    block: float

    @property
    def mean(self) -> Array:
        return np.asarray(self.totals.mean(axis=0) / self.elapsed)

    def mapped(self, combine: Callable[[Array], Any]) -> "Look":
        """The same of a linear function of the exponents, which are the last axis."""
        return replace(self, totals=combine(self.totals), blocks=combine(self.blocks))

    def _halves(self) -> tuple[Array, Array, float]:
        """Sums over the first and the second half of the blocks, and the time of a half."""
        half = len(self.blocks) // 2
        first, second = self.blocks[:half], self.blocks[half : 2 * half]
        return first.sum(axis=0), second.sum(axis=0), max(half, 1) * self.block

    def stderr(self) -> Array:
        """Of the mean: from the spread over members, unless they move together or drift."""
        members = len(self.totals)
        error = self.totals.std(axis=0, ddof=1) / math.sqrt(members) / self.elapsed
        together, _ = standard_error(
            self.blocks.sum(axis=1),
            self.totals.sum(axis=0),
            members * self.elapsed,
            members * self.block,
        )
        # Members at one phase of a cycle, or at one fixed point, have errors in common.
        error = np.where(together > IN_STEP * error, together, error)
        first, second, time = self._halves()
        change = (second - first) / time
        drift = np.abs(change.mean(axis=0))
        noise = change.std(axis=0, ddof=1) / math.sqrt(members)
        return np.where(drift > CLEAR * noise, np.maximum(error, drift), error)

    def differ(self, tol: float) -> NDArray[np.bool_]:
        """Whether members keep apart by more than `tol`: what one half says holds in the other.

        On one attractor the halves of a run are independent, over the members, once a run is long.
        """
        members = len(self.totals)
        first, second, time = self._halves()
        a, b = first - first.mean(axis=0), second - second.mean(axis=0)
        scale = members * time**2
        shared = (a * b).sum(axis=0) / scale
        both = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0)) / scale
        alike = np.clip(shared / np.maximum(both, 1e-300), -1 + 1e-12, 1 - 1e-12)
        clear = np.arctanh(alike) * math.sqrt(members - 3) > CLEAR
        return np.asarray(clear & (np.sqrt(np.maximum(shared, 0.0)) > tol))

    def needed(self, tol: float) -> Array:
        """The time of each member that should bring the error to `tol`.

        The variance over members is a + c t, as seen over the whole and over the halves.
        """
        first, second, time = self._halves()
        half = (first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / 2
        whole = self.totals.var(axis=0, ddof=1)
        slope = np.clip((whole - half) / max(self.elapsed - time, 1e-300), 0, whole / self.elapsed)
        offset = whole - slope * self.elapsed
        with np.errstate(over="ignore"):
            p, q = (part / tol / tol / len(self.totals) for part in (slope, offset))
            return np.asarray(p / 2 + np.sqrt(p**2 / 4 + q))


def look(run: Run, members: int) -> Look:
    """At a run of (members x systems) of a batch; arrays are (members, systems, k)."""
    now = run.now
    totals = now.totals()
    apart = (members, -1, totals.shape[-1])
    blocks = np.array(now.blocks) if now.blocks else np.zeros((0, *totals.shape))
    return Look(
        totals.reshape(apart),
        blocks.reshape(len(blocks), *apart),
        max(now.measured_steps, 1) * run.step_time,
        now.block_steps * run.step_time,
    )


def measure(run: Run, steps: int | None, tol: float, progress: Progress, *, members: int) -> None:
    """Measure until the errors of the means are below `tol`, or members are seen to differ."""
    begin, taken, suspected = run.now.carry.step, 0, False
    target = run.whole(max(FIRST_CHECK * run.now.interval, FIRST_LOOK))
    while True:
        target = target if steps is None else min(target, steps)
        run.measure(run.whole(max(target - taken, 1)), progress)
        taken = run.now.carry.step - begin
        if run.growing:
            run.now = run.now.trimmed()
        now = run.now
        seen = look(run, members)
        awaited = (
            ((now.carry.status == OK) & (now.cancellation <= now.bound[:, None]))
            .reshape(seen.totals.shape)
            .all(axis=0)
        )
        with np.errstate(invalid="ignore"):
            error = float(np.where(awaited, seen.stderr(), 0.0).max())
            wanted = float(np.where(awaited, seen.needed(tol), 0.0).max()) / run.step_time
            differ = bool((seen.differ(tol) & awaited).any())
        # Once may be chance, or starts that are still on their way.
        if (differ and suspected) or (not differ and error < tol):
            return
        if steps is not None and taken >= steps:
            return
        suspected = differ
        left = MARGIN * wanted - now.measured_steps
        if differ or not left > 0:  # or it is the halves that do not agree
            left = taken
        left = min(max(left, 0.1 * taken), LONGER * taken)
        progress.expect(left, error, tol)
        target = taken + math.ceil(left)


class EnsembleSpectrum(LyapunovSpectrum):
    """What ``lyapunov_spectrum(..., ensemble=True)`` returns: the spectrum of one attractor.

    A `LyapunovSpectrum` of the system, without an axis of members. `duration` is the time of all
    members together, `blocks` are sums over them, and errors come from the spread over members. An
    exponent counts as zero where most members count it so and the mean is within 4 errors of 0, as
    signed where most do not and it is beyond; `resolution` is that of one member.

    Equal exponents of parts that do not interact keep apart by the error of one member: QR sorts
    them in each.

    Attributes
    ----------
    members : LyapunovSpectrum
        The members' own spectra, a leading axis of the batch.

    Examples
    --------
    >>> import lyapax as lx
    >>> henon = lx.systems.library["henon"].system()
    >>> spec = lx.lyapunov_spectrum(henon, tol=1e-3, ensemble=True, rng=0, progress=False)
    >>> print(spec.stderr[0] <= 1e-3, abs(spec.exponents[0] - 0.4192) < 4 * spec.stderr[0])
    True True
    """

    members: LyapunovSpectrum

    def __init__(self, members: LyapunovSpectrum, system: Any):
        super().__init__(None, system, members.shape[1:])
        self.members = members
        self._look: Look | None = None

    def refresh(self) -> None:
        """Read the mean off the members' run as it stands."""
        self.members.refresh()
        members, run = self.members, self.members._run
        assert run is not None
        count, seen = members.shape[0], look(run, members.shape[0])
        chosen = self._typical(members)
        facts = self._read(_together(run, count, chosen))
        order = descending(seen.mean) if members.duration else np.arange(seen.mean.shape[-1])[None]

        def arranged(array: Array) -> Array:
            at = order.reshape(*[1] * (array.ndim - 2), *order.shape)
            sorted_ = np.take_along_axis(array, at, axis=-1)
            return sorted_.reshape(*array.shape[:-2], *self.shape, -1)

        systems = np.arange(len(chosen))
        for name in ARRAYS:  # the evidence of one member for what a class is
            if name not in POOLED:
                array = np.asarray(getattr(members, name))
                one = array.reshape(count, -1, *array.shape[len(members.shape) :])[chosen, systems]
                facts[name] = one.reshape((*self.shape, *one.shape[1:]))
        self._look = seen.mapped(arranged)
        self.__dict__.update(facts)
        self.step = members.step
        self.step_bias, self.step_bias_stderr = step.pooled(
            members.step_bias, members.step_bias_stderr
        )
        if members.duration:
            with np.errstate(invalid="ignore"):
                error = self._error_of(lambda array: array)
                # At a fixed point exponents are eigenvalues, and no means.
                means = np.isclose(self.exponents, self._look.mean, rtol=1e-9, atol=1e-12)
            self.stderr = np.where(means, error, self.stderr)
            self.sign = self._signs()
        for name in ("history", "_verdicts"):
            self.__dict__.pop(name, None)

    def _error_of(self, combine: Callable[[Array], Any]) -> Any:
        if self._look is None or not self.duration:  # of a file: sums over members, as of one run
            return super()._error_of(combine)
        return self._look.mapped(combine).stderr()

    def _signs(self) -> NDArray[np.int64]:
        zero = 2 * (self.members.sign == 0).sum(axis=0) >= self.members.shape[0]
        with np.errstate(invalid="ignore"):
            small = np.abs(self.exponents) <= np.maximum(
                4.0 * self.stderr, ROUNDING_SHARE * self.resolution
            )
            sign = np.where(zero & small, 0, np.where(zero | small, 2, np.sign(self.exponents)))
        sign = np.where(np.isneginf(self.exponents), -1, sign)
        return np.where(np.isnan(self.exponents), 2, sign).astype(np.int64)

    @staticmethod
    def _typical(members: LyapunovSpectrum) -> NDArray[np.int64]:
        """Of each system the first member of the class that most members have."""
        count = members.shape[0]
        classes = np.asarray(members.attractor, object).reshape(count, -1)
        chosen = []
        for column in classes.T:
            known = [kind for kind in column if kind != "undetermined"] or list(column)
            most = Counter(known).most_common(1)[0][0]
            chosen.append(list(column).index(most))
        return np.array(chosen)

    @property
    def resolution(self) -> float:
        """Of one member: smaller exponents than this may be counted as zero."""
        return self.members.resolution

    def _expect_one_attractor(self, tol: float) -> None:
        """RuntimeError where members lie on several, with their groups."""
        run = self.members._run
        assert run is not None
        seen = look(run, self.members.shape[0])
        with np.errstate(invalid="ignore"):
            apart = seen.differ(tol)
        lost = self.members.diverged.reshape(len(seen.totals), -1)
        apart[lost.any(axis=0) & ~lost.all(axis=0)] = True
        systems = np.nonzero(apart.any(axis=1))[0]
        if not len(systems):
            return
        first = int(systems[0])
        index = np.unravel_index(first, self.shape) if self.shape else ()
        where = f" of system {tuple(int(i) for i in index)}" if self.shape else ""
        parts = [self._described(group, index) for group in self._groups_of(first, index, seen)]
        raise RuntimeError(
            f"ensemble needs one attractor, but the members{where} disagree: {'; '.join(parts)}. "
            "`initial` (members, ..., dim) chooses starts, and without ensemble each member has "
            "its own spectrum"
        )

    def _groups_of(self, system: int, index: tuple[Any, ...], seen: Look) -> list[Any]:
        """Members of one class each, apart where their exponents leave a gap."""
        own: Any = (slice(None), *index)
        classes = np.asarray(self.members.attractor, object)[own]
        exponents = self.members.exponents[own]
        first, second, time = (*(h[:, system] for h in seen._halves()[:2]), seen._halves()[2])
        noise = np.sqrt(np.nanmean((first - second) ** 2, axis=0)) / time / 2
        found = []
        for kind in dict.fromkeys(classes):
            group = np.nonzero(classes == kind)[0]
            leading = np.nan_to_num(exponents[group, 0], nan=np.inf)
            group = group[np.argsort(leading, kind="stable")]
            with np.errstate(invalid="ignore"):
                steps = np.diff(np.sort(leading)) > GAP * np.nanmax(noise, initial=1e-12)
            found += np.split(group, np.nonzero(steps)[0] + 1)
        return sorted(found, key=len, reverse=True)

    def _described(self, group: NDArray[np.int64], index: tuple[Any, ...]) -> str:
        own: Any = (group, *index)
        kind = np.asarray(self.members.attractor, object)[own][0]
        if self.members.diverged[own].all():
            kind = "diverged"
        means = np.mean(self.members.exponents[own], axis=0)[:3]
        listed = ", ".join(str(i) for i in np.sort(group)[:LISTED])
        more = ", ..." if len(group) > LISTED else ""
        shown = ", ".join(f"{value:.4g}" for value in means)
        return f"{len(group)} {kind} with exponents {shown} (members {listed}{more})"

    @raises_interrupted
    def extend(self, duration: float, *, progress: bool = True) -> "EnsembleSpectrum":
        """Measure `duration` more, of all members together, in place."""
        if self.members._run is None:
            raise ValueError("this result cannot be extended: its state was not kept")
        duration = _check.positive(duration, "duration")
        each = duration / self.members.shape[0]
        steps = _check.steps(each, self.dt, "duration")
        self._settle(steps, None, _check.flag(progress, "progress"))
        step.warn(self)
        return self

    def _settle(self, *asked: Any, **options: Any) -> None:
        """Measure the members and read their mean, of an interrupted run too."""
        try:
            settle(self.members, *asked, **options)
        except Interrupted as stop:
            self.refresh()
            raise Interrupted(stop.args[0], self) from None
        self.refresh()


# The rest of ARRAYS is evidence of a member for its class.
POOLED = ("exponents", "stderr", "status", "sign", "cancellation", "blocks")


def _together(run: Run, members: int, chosen: NDArray[np.int64]) -> Run:
    """One run of each system, whose sums and times are those of all members."""
    now, systems = run.now, len(chosen)
    rows = chosen * systems + np.arange(systems)

    def grouped(array: Any) -> Any:
        return array.reshape(members, systems, *array.shape[1:])

    carry: Carry = now.carry.take(rows, now.carry.basis.dtype)
    carry.log_sum = grouped(now.carry.log_sum + now.carry.compensation).sum(axis=0)
    carry.compensation = np.zeros_like(carry.log_sum)
    carry.status = grouped(now.carry.status).max(axis=0)
    together: Moment = replace(
        now,
        propagator=now.propagator.select(rows, now.propagator.dtype),
        carry=carry,
        bound=grouped(now.bound).min(axis=0),
        losses=(),
        anchor=None,
        cancellation=grouped(now.cancellation).max(axis=0)
        if now.cancellation.size
        else now.cancellation,
        snapshots=tuple(snapshot[rows] for snapshot in now.snapshots),
        blocks=tuple(grouped(block).sum(axis=0) for block in now.blocks),
        block_steps=members * now.block_steps,
        measured_steps=members * now.measured_steps,
        open_steps=members * now.open_steps,
    )
    return replace(run, now=together, initial=run.initial[rows])


def members_of(system: Any, members: int | None, initial: Any) -> int:
    """How many, where an ensemble makes sense."""
    if system.is_driven:
        raise ValueError(
            "ensemble must be False for driven systems: members share what drives them"
        )
    if members is not None:
        members = _check.count(members, "members", low=FEWEST)
    if initial is None:
        return default_members(system.dim) if members is None else members
    start = _check.real_array(initial, "initial", ndim_min=1)
    lead = start.shape[0] if start.ndim == 2 + len(system.batch_shape) else 1
    if lead < FEWEST or (members is not None and lead != members):
        raise ValueError(
            f"initial must have a leading axis of {members or f'at least {FEWEST}'} members with "
            f"ensemble, got shape {start.shape}"
        )
    return lead


def scatter(propagator: Propagator, carry: Carry, members: int) -> None:
    """Move each start to another time of its orbit, evenly over `MIXING` steps."""
    number = np.arange(len(carry.state)) // (len(carry.state) // members)
    for bit in range((members - 1).bit_length()):
        rows = np.nonzero(number >> bit & 1)[0]
        piece = carry.take(rows, propagator.dtype)
        propagator.select(rows, propagator.dtype).advance(piece, max(1, MIXING // members) << bit)
        carry.state[rows] = piece.state


def settled(
    result: LyapunovSpectrum,
    system: Any,
    steps: int | None,
    tol: float,
    progress: bool,
    members: int,
) -> EnsembleSpectrum:
    """Measure the members `result`, and return their mean."""
    ensemble = EnsembleSpectrum(result, system)

    def together(run: Run, limit: int | None, tol: float, shown: Progress) -> None:
        measure(run, limit, tol, shown, members=members)

    ensemble._settle(steps, tol, progress, decay_rate=system.decay_rate, measure=together)
    ensemble._expect_one_attractor(tol)
    return ensemble
