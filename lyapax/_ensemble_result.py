"""EnsembleSpectrum: the mean of many members of one system, with the error of their spread."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _check
from . import _step as step
from ._check import Array, Integers
from ._continuation import Axes, Continuation
from ._estimates import estimated
from ._files import ARRAYS
from ._interrupted import Interrupted, raises_interrupted
from ._measuring import finish
from ._members import Look, look
from ._result import LyapunovSpectrum
from ._run import Moment
from ._statistics import descending
from .kernels.propagator import Carry

# Of the resolution of a member: what rounding leaves of a zero is the same in all of them, and far
# beyond an error that members at one phase of a cycle, or of exactly opposite sums, have.
ROUNDING_SHARE = 0.01
GAP = 8.0  # standard deviations of one member's exponents that no gap within an attractor has
LISTED = 6  # members that a message names
# The rest of ARRAYS is evidence of a member for its class.
POOLED = ("exponents", "stderr", "status", "sign", "cancellation", "blocks")


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class EnsembleSpectrum(LyapunovSpectrum):
    """The spectrum of one attractor, as ``lyapunov_spectrum(..., ensemble=True)`` returns it.

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
    _look: Look  # at the members, exponents in the order of the mean

    @classmethod
    def _of_members(cls, members: LyapunovSpectrum) -> "EnsembleSpectrum":
        """The mean of what the members' run says as it stands."""
        continued = members._continuation
        assert continued is not None
        count, shape = members.shape[0], members.shape[1:]
        seen, chosen = look(continued.run, count), _typical(members)
        facts = estimated(_together(continued, count, chosen))
        order = descending(seen.mean) if members.duration else np.arange(seen.mean.shape[-1])[None]

        def arranged(array: Array) -> Array:
            at = order.reshape(*[1] * (array.ndim - 2), *order.shape)
            sorted_ = np.take_along_axis(array, at, axis=-1)
            return sorted_.reshape(*array.shape[:-2], *shape, -1)

        systems = np.arange(len(chosen))
        for name in ARRAYS:  # the evidence of one member for what a class is
            if name not in POOLED:
                array = np.asarray(getattr(members, name))
                one = array.reshape(count, -1, *array.shape[len(members.shape) :])[chosen, systems]
                facts[name] = one.reshape((*shape, *one.shape[1:]))
        seen = seen.mapped(arranged)
        facts["step_bias"], facts["step_bias_stderr"] = step.pooled(
            members.step_bias, members.step_bias_stderr
        )
        if members.duration:
            with np.errstate(invalid="ignore"):
                # At a fixed point exponents are eigenvalues, and no means.
                means = np.isclose(facts["exponents"], seen.mean, rtol=1e-9, atol=1e-12)
            facts["stderr"] = np.where(means, seen.stderr(), facts["stderr"])
            facts["sign"] = _signs(members, facts["exponents"], facts["stderr"])
        return cls(**facts, members=members, _look=seen)

    def _labelled(self, axes: Axes) -> "EnsembleSpectrum":
        """A copy with other names and values of the batch axes, of the members' as well."""
        members = self.members._labelled([self.members.axes[0], *axes])
        return replace(self, axes=axes, members=members)

    def _error_of(self, combine: Callable[[Array], Array]) -> Array:
        if not self.duration:
            return super()._error_of(combine)
        return self._look.mapped(combine).stderr()

    @property
    def resolution(self) -> float:
        """Exponents smaller than this, which is 2 / T of one member, may be counted as zero."""
        return self.members.resolution

    def _expect_one_attractor(self, tol: float) -> None:
        """RuntimeError where members lie on several, with their groups."""
        continued = self.members._continuation
        assert continued is not None
        seen = look(continued.run, self.members.shape[0])
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

    def _groups_of(self, system: int, index: tuple[np.intp, ...], seen: Look) -> list[Integers]:
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

    def _described(self, group: NDArray[np.int64], index: tuple[np.intp, ...]) -> str:
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
        """Measure `duration` more, of all members together: a longer result."""
        continued = self.members._continuation
        if continued is None:
            raise ValueError("this result cannot be extended: its state was not kept")
        duration = _check.positive(duration, "duration")
        steps = _check.steps(duration / self.members.shape[0], self.dt, "duration")
        progress = _check.flag(progress, "progress")
        return pooled_after(continued.branch(), steps, None, progress)


def pooled_after(continued: Continuation, *asked: Any, **options: Any) -> EnsembleSpectrum:
    """Measure members, as `finish` does, and pool them; those of an interrupted run too."""
    pooled, members = EnsembleSpectrum._of_members, None
    try:
        members = finish(
            continued, LyapunovSpectrum._of, *asked, **options, of_step=lambda members: None
        )
        found = pooled(members)
        step.warn(found)
        return found
    except Interrupted as stop:
        raise Interrupted(stop.args[0], pooled(stop.result)) from None
    except KeyboardInterrupt:
        if members is None:
            raise
        text = f"measured over {members.duration:g} of each member"
        raise Interrupted(text, pooled(members)) from None


def _signs(members: LyapunovSpectrum, exponents: Array, stderr: Array) -> NDArray[np.int64]:
    zero = 2 * (members.sign == 0).sum(axis=0) >= members.shape[0]
    with np.errstate(invalid="ignore"):
        small = np.abs(exponents) <= np.maximum(4.0 * stderr, ROUNDING_SHARE * members.resolution)
        sign = np.where(zero & small, 0, np.where(zero | small, 2, np.sign(exponents)))
    sign = np.where(np.isneginf(exponents), -1, sign)
    return np.where(np.isnan(exponents), 2, sign).astype(np.int64)


def _typical(members: LyapunovSpectrum) -> NDArray[np.int64]:
    """Number of the first member, for each system, that has the class of most members."""
    classes = np.asarray(members.attractor, object).reshape(members.shape[0], -1)
    chosen = []
    for column in classes.T:
        known = [kind for kind in column if kind != "undetermined"] or list(column)
        most = Counter(known).most_common(1)[0][0]
        chosen.append(list(column).index(most))
    return np.array(chosen)


def _together(continued: Continuation, members: int, chosen: NDArray[np.int64]) -> Continuation:
    """One run of each system, whose sums and times are those of all members."""
    run, traits = continued.run, continued.traits
    now, systems = run.now, len(chosen)
    rows = chosen * systems + np.arange(systems)

    def grouped(array: NDArray[Any]) -> NDArray[Any]:
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
    return replace(
        continued,
        run=replace(run, now=together, initial=run.initial[rows]),
        shape=continued.shape[1:],
        traits=replace(traits, axes=traits.axes[1:], nullity=traits.nullity[0]),
        bias=None,
    )
