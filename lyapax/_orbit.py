"""Where a run begins: states of a batch, a propagator, and its way to the attractor."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _check
from ._check import Array, Seed
from .kernels.background import in_background
from .kernels.propagator import LinearPropagator, Propagator
from .systems.base import System

# At the most that there are of a batch: where a call began, where a block did, as kernels want it.
STATE_COPIES, BASIS_COPIES = 4, 6


T = TypeVar("T", bound=np.generic)


@dataclass
class Orbit:
    """States (B, n) at one moment of a batch of shape `shape`."""

    system: System
    propagator: LinearPropagator
    state: Array
    shape: tuple[int, ...]
    step_time: float
    step: int = 0  # steps taken since time 0

    @property
    def time(self) -> float:
        return self.step * self.step_time

    @property
    def present(self) -> Array:
        """The states (B, n) that a person sees; with delays a state is its past, too."""
        return self.propagator.present(self.state)

    def steps_in(self, time: float, name: str = "duration") -> int:
        return _check.steps(time, self.step_time, name)

    def expect(self, steps: int) -> None:
        """Whether inputs last so many steps more."""
        rows = self.system.input_steps
        if rows is not None and self.step + steps > rows:
            raise ValueError(
                f"inputs must have one row a step: {self.step + steps} steps are asked for, got "
                f"{rows} rows"
            )

    def advance(self, steps: int) -> None:
        # Not by `advance`: where that is other code, bits differ, and chaotic orbits soon after.
        self.tangent_steps(np.empty((*self.state.shape, 0)), steps)

    def tangent_steps(self, vectors: Array, steps: int) -> None:
        """State and tangents (B, n, m) on."""
        if steps:
            self.propagator.tangent_steps(self.state, self.step, steps, vectors)
        self.step += steps

    def tangent_intervals(self, vectors: Array, steps: int, ends: Array) -> None:
        """Intervals of `steps` steps, each with tangents of its own, vectors (I, B, n, m).

        ends (I, B, n) gets the state after each.
        """
        self.propagator.tangent_intervals(self.state, self.step, steps, vectors, ends)
        self.step += len(ends) * steps

    def states_after(self, intervals: int, steps: int) -> Array:
        """The states (intervals, B, n) after each of so many times `steps` steps."""
        ends = np.empty((intervals, *self.state.shape))
        self.tangent_intervals(np.empty((*ends.shape, 0)), steps, ends)
        return ends

    def shaped(self, array: NDArray[T]) -> NDArray[T]:
        """(B, ...) -> (shape..., ...)."""
        return array.reshape((*self.shape, *array.shape[1:]))


def linear_propagator(system: System, shape: tuple[int, ...], dt: float) -> LinearPropagator:
    """A system's propagator on the CPU, where tangents and cotangents run as they are."""
    return cast(LinearPropagator, system.propagator(shape, dt, 1, np.dtype(float)))


def time_step(system: System, dt: float | str | None) -> float:
    if system.is_flow:
        if dt is None:
            raise ValueError("dt must be given for a flow")
        found = _check.positive(dt, "dt")
        if found > system.largest_step(1) * (1 + 1e-9):
            raise ValueError(
                f"dt must be at most the shortest delay, {system.largest_step(1):g}, got {found:g}"
            )
        return found
    if dt is not None:
        raise ValueError("dt must not be given for a map, which advances one step at a time")
    return 1.0


def exponents_wanted(system: System, k: int | None, dt: float | None) -> int:
    """How many exponents, checked; dt None: not known yet."""
    if k is None:
        if system.has_memory:
            raise ValueError("k must be given: a flow with delays has infinitely many exponents")
        return system.dim
    if dt is None and system.has_memory:
        return _check.count(k, "k")
    most = system.tangent_dim(dt or 0.0)
    if system.has_memory and k > most:
        raise ValueError(
            f"k must be from 1 to {most}, the numbers that the past has with dt = {dt:g} (more "
            f"with a smaller one), got {k}"
        )
    return _check.count(k, "k", high=most)


def expect_no_memory(system: System, name: str) -> None:
    if system.has_memory:
        raise ValueError(
            f"system must have no delays: {name} needs the transposed step, which flows with "
            "delays lack; lyapunov_spectrum, local_exponents and trajectory take them"
        )


def beginning(
    system: System, propagator: Propagator, state: Array, shape: tuple[int, ...], dt: float
) -> Array:
    """States (B, dim) as a propagator takes them, with the past that the system has at time 0."""
    if system.has_memory:
        count = system.tangent_dim(dt)
        _check.room(
            8 * STATE_COPIES * len(state) * count,
            f"{len(state)} x {count} values and slopes of the past",
            "give a larger dt or fewer members",
        )
    found, past = propagator.lifted(state), system.past(shape, dt)
    return found if past is None else found + past


def heed_jumps(system: System, strict: bool = False) -> None:
    """Warn that tangents lack what jumps of the right-hand side do to them; refuse if `strict`."""
    if not system.jumps:
        return
    if strict:
        raise ValueError(f"system must not jump (strict): {jumps_described(system.jumps)}")
    warnings.warn(jumps_described(system.jumps), stacklevel=4)


def jumps_described(found: tuple[str, ...]) -> str:
    """A message on what jumps mean for exponents, and what to do about them."""
    shown = "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
    return (
        f"the right-hand side jumps: {shown}. The exponents lack the jumps of the tangents at the "
        "crossings (saltation) and can be wrong by any amount; smooth the jump, for instance "
        "np.tanh(u / 1e-3) in place of np.sign(u)"
    )


def starting_states(
    system: System,
    initial: ArrayLike | None,
    members: int | None,
    rng: np.random.Generator,
    each: float = 0.0,
    what: str = "{members} x {n} states",
    advice: str = "",
) -> tuple[Array, tuple[int, ...]]:
    """States (B, n) and the shape of the batch, if there is memory for them.

    A member needs `each` bytes beside its states, for what `what` says; `advice` is what else than
    fewer members would help.
    """
    n, shape, start = system.dim, system.batch_shape, None
    if members is not None:
        shape = (_check.count(members, "members"), *shape)
    if initial is not None:
        start = flat_states(system, _check.real_array(initial, "initial", ndim_min=1))
        shape = _check.broadcast("initial and the system", shape, start.shape[:-1])
    batch = math.prod(shape)
    remedies = [*(["fewer members"] if batch > 1 else []), *([advice] if advice else [])]
    _check.room(
        batch * (8 * STATE_COPIES * n + each),
        what.format(members=batch, n=n),
        f"give {' or '.join(remedies)}" if remedies else "",
    )
    if start is None:
        start = system.start(shape, rng)
    return np.array(np.broadcast_to(start, (*shape, n)), order="C").reshape(-1, n), shape


def flat_states(system: System, states: Array) -> Array:
    """States as a user gives them, (..., n) or of the shape that the system has, as (..., n)."""
    own = system.state_shape
    if states.shape[-len(own) :] == own:
        return states.reshape(*states.shape[: states.ndim - len(own)], system.dim)
    if states.shape[-1] != system.dim:
        wanted = ", ".join(map(str, own))
        raise ValueError(f"initial must have shape (..., {wanted}), got {states.shape}")
    return states


@dataclass(frozen=True)
class Start:
    """Where an orbit begins: the options that all functions along an orbit share, checked."""

    system: System
    step_time: float
    transient: float
    initial: ArrayLike | None
    members: int | None
    rng: np.random.Generator

    @classmethod
    def of(
        cls,
        system: System,
        params: Mapping[str, object] | None,
        dt: float | None,
        transient: float,
        initial: ArrayLike | None,
        members: int | None,
        rng: Seed | None,
    ) -> "Start":
        """Check what a user gave."""
        system = _check.system(system, params=params)
        step_time = time_step(system, dt)
        transient = _check.positive(transient, "transient", zero=True)
        _check.steps(transient, step_time, "transient")
        generator = _check.generator(rng, "rng")
        if system.is_noisy:
            system = system.seeded(generator)
        return cls(system, step_time, transient, initial, members, generator)

    @property
    def dim(self) -> int:
        """Variables of the system."""
        return self.system.dim

    def steps(self, time: float, name: str) -> int:
        """Steps that a time lasts, rounded up."""
        return _check.steps(time, self.step_time, name)

    def orbit(self, duration: float, **need: Any) -> Orbit:
        """The orbit after its transient; `duration` is what comes, and inputs must last.

        `need` is what a member needs in memory, as in `starting_states`.
        """
        system, step_time = self.system, self.step_time
        coming = self.steps(_check.positive(duration, "duration"), "duration")
        state, shape = starting_states(system, self.initial, self.members, self.rng, **need)
        propagator = in_background(linear_propagator, system, shape, step_time)
        state = beginning(system, propagator, state, shape, step_time)
        orbit = Orbit(system, propagator, state, shape, step_time)
        before = self.steps(self.transient, "transient")
        orbit.expect(before + coming)
        orbit.advance(before)
        return orbit
