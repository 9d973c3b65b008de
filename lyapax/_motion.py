"""How the state itself moves: evidence of an attractor's class that exponents do not give.

Zero exponents and a moving state are what a limit cycle has, and what a state has that decays too
slowly for the run. So the class also asks whether the orbit comes back, grows without bound, or
comes to rest, and where it does the exponents are those of the fixed point itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ._check import Array, Booleans, Integers
from ._equilibrium import LARGEST, Equilibria, equilibria, stepped
from ._recurrence import creeps, decays, falls, grows, returns
from ._run import Run
from ._statistics import mean_of

REST = 1e-6  # of the state's scale, that a state at rest moves in a run of the same length
JITTER = 4e-15  # of the scale: a state at rest still moves by rounding
UNDERFLOWN = 10 * np.finfo(float).tiny  # nearer to 0 a state has lost digits
GONE = 1e-9  # of a start's size: a state that is smaller has decayed
LONGEST_PERIOD = 4096  # steps of a map; looking for it takes as many steps of the state alone
LONGEST_STUCK = 64  # of orbits that a chaotic map can only be on by its start or by rounding
APART = 1e-4  # of the scale, that the points of a periodic orbit are apart
SUSPECTED = 64  # periods that are tried with Newton's method where the orbit is not yet that near
NEARLY = 0.05  # of the way between two steps
RESOLVED = 0.05  # nats over the run: an exact exponent below is zero
DOUBLE_ROOT = 1e-9  # of 1: so near it a multiplier is that of a root which is not a single one
SLOW = 3.0  # nats over the run: a focus that decays less is not told from a cycle
TURNS = 30  # that an orbit takes at least if more than one zero exponent is believed
SAMPLES = 64  # steps along an orbit from which its length is taken, to about 1/8
GOLDEN = (5**0.5 - 1) / 2  # apart in blocks, so that no period of the orbit fits them
LARGEST_WORK = 50_000  # variables times period, of which eigenvalues are taken
# Eigenvalues of n variables take about as long as n / k times so many measured steps, on the CPU
# and on a GPU: shorter runs do without, unless there are so few variables that it does not matter.
WORTH, WORTH_ON_GPU = 100, 10_000
SMALL, SMALL_ON_GPU = 64, 8  # variables, whose eigenvalues take 1 ms and 50 us


class Motion(IntEnum):
    UNKNOWN = 0  # chaos, systems driven by inputs, and what was not asked
    RESTS = 1  # at a fixed point or on a periodic orbit of a map
    SETTLES = 2  # approaches one
    SETTLES_SLOWLY = 3  # the same, and the leading exponent there is zero
    RETURNS = 4  # comes back to where it was
    STRAYS = 5  # neither comes back nor comes to rest
    SPIRALS = 6  # turns around a fixed point that attracts, or nearly
    GROWS = 7  # without bound
    STOPS = 8  # rests at a saddle that it can only reach by underflow
    TURNS_FEW = 9  # comes back, but turned less than 30 times
    CENTRE = 10  # rests where what neither grows nor decays turns around it


Newton = Callable[[Integers, Array, int], Equilibria]  # of members, their states and a period


@dataclass
class Evidence:
    """How each member moves, and its exponents where a fixed point tells them exactly, else NaN."""

    motion: Integers
    speed: Array  # |f| relative to the state's scale, flows
    period: Integers  # steps until a map is back, 0: it is not
    exponents: Array  # (B, k)
    stderr: Array
    towards: Array  # (B, k): exponents of a fixed point that a moving state may be on its way to


def evidence(
    run: Run, is_flow: bool, is_driven: bool, sign: Integers, preserving: Booleans, lost: Booleans
) -> Evidence:
    """Looks at a copy: the run itself does not move.

    Members that are `preserving` volume approach nothing: no open set of theirs shrinks.
    """
    batch, k = sign.shape
    found = Evidence(
        np.zeros(batch, np.int64),
        np.full(batch, np.nan),
        np.zeros(batch, np.int64),
        *(np.full((batch, k), np.nan) for _ in range(3)),
    )
    now = run.now
    members = np.nonzero(~lost)[0]
    if not len(members) or not now.measured_steps:
        return found
    with np.errstate(all="ignore"):
        sight = _Sight(run, members)
        found.motion[members[sight.growing]] = Motion.GROWS
        if is_driven:
            return found
        found.speed[members] = sight.speed
        if not is_flow:
            _map_periods(run, members, sign, GONE * sight.size, found)
        _look(run, sight, sign, preserving, is_flow, found)
    return found


class _Sight:
    """Snapshots of some members, and one more step of them."""

    def __init__(self, run: Run, members: Integers):
        now = run.now
        self.members = members
        self.state = now.carry.state[members]
        self.snapshots = np.array(now.snapshots)[:, members]
        first = now.carry.step - now.measured_steps
        self.times = first + now.block_steps * np.arange(float(len(self.snapshots)))
        sizes = np.linalg.norm(np.asarray(self.snapshots, float), axis=2)
        start = np.linalg.norm(np.asarray(run.observed(run.initial[members]), float), axis=1)
        # What has left the numbers of float32 has no bound either.
        self.growing = grows(sizes, self.times, start) | ~np.isfinite(sizes).all(axis=0)
        self.spread = np.ptp(self.snapshots, axis=0).max(axis=1).astype(float)
        angles = run.observed.turns > 0
        self.scale = scales(run, members, self.state)
        self.size = self.scale.max(axis=1)
        # The scale of where the state is now; of where it came from, only that it has left it.
        here = np.maximum(np.abs(np.where(angles, 0.0, self.state)).max(axis=1), self.spread)
        here = np.maximum(here, GONE * self.size)
        after = stepped(run, members, self.state, 1)
        move = np.abs(run.observed.apart(after, self.state)).max(axis=1)
        self.resting = move <= np.maximum(REST / now.measured_steps, JITTER) * here
        self.speed = move / here / run.step_time


def _look(
    run: Run, sight: _Sight, sign: Integers, preserving: Booleans, is_flow: bool, found: Evidence
) -> None:
    """Rest, return or neither, of members that are not chaotic or stand still."""
    members = sight.members
    sign = sign[members]
    positive = (sign == 1).any(axis=1)
    open_signs = ((sign == 0) | (sign == 2)).sum(axis=1)
    period = found.period[members]
    if not is_flow:
        # Exactly periodic with a positive exponent: the class says so, nothing is to be found out.
        stuck = positive & (period > 0)
        found.motion[members[stuck]] = Motion.RESTS
        positive = positive & ~stuck
        resting = period > 0
        resting[stuck] = False
    else:
        resting = sight.resting.copy()
        period = np.where(resting, 1, 0)
        positive = positive & ~resting
    asked = ~positive & ~sight.growing & (found.motion[members] == Motion.UNKNOWN)
    moving = asked & ~resting
    back = np.zeros(len(members), bool)
    some = np.nonzero(moving & (open_signs > 0))[0]
    back[some] = returns(sight.snapshots[:, some])
    found.motion[members[moving]] = np.where(back[moving], Motion.RETURNS, Motion.STRAYS)
    if not _worth(run):
        found.motion[members[asked & resting]] = Motion.RESTS
        # Without the fixed point, the last state stands for it.
        nearer = falls(np.linalg.norm(sight.snapshots[:-1] - sight.snapshots[-1], axis=2))
        found.motion[members[moving & (open_signs == 0) & nearer]] = Motion.SETTLES
        if is_flow:
            _expect_turns(run, sight, moving & (open_signs > 1), found)
        return

    def newton(which: Integers, states: Array, length: int) -> Equilibria:
        return equilibria(run, members[which], states, sight.scale[which], length)

    for length in np.unique(period[asked & resting]):
        which = np.nonzero(asked & resting & (period == length))[0]
        found.motion[members[which]] = Motion.RESTS
        if length * run.now.propagator.dim <= LARGEST_WORK:
            there = newton(which, sight.state[which], length)
            _rests(run, sight, which, there, length, is_flow, found)
    # A state on its way to rest: without return, or with exponents that are all negative.
    settling = moving & ~preserving[members]
    which = np.nonzero(settling & (~back | (open_signs == 0)))[0]
    if len(which):
        _settles(run, sight, which, newton(which, sight.state[which], 1), 1, found)
    if not is_flow:
        _settles_periodically(run, sight, settling, found, newton)
    which = np.nonzero((found.motion[members] == Motion.STRAYS) & (open_signs > 0))[0]
    if len(which):
        back[which] = returns(_closely(run, members[which]))
        found.motion[members[which[back[which]]]] = Motion.RETURNS
    which = np.nonzero((found.motion[members] == Motion.RETURNS) & (open_signs > 0))[0]
    if len(which):
        centre = sight.state[which]
        if run.observed.linear:
            centre = mean_of(sight.snapshots[:, which]).astype(float)
        _turns_around(run, sight, which, newton(which, centre, 1), found)
    if is_flow:
        _expect_turns(run, sight, moving & (open_signs > 1), found)


def _worth(run: Run) -> bool:
    """Whether fixed points are looked for."""
    dim, k = run.now.propagator.dim, run.now.carry.basis.shape[2]
    offloaded = run.now.propagator.offloaded
    factor, small = (WORTH_ON_GPU, SMALL_ON_GPU) if offloaded else (WORTH, SMALL)
    long_enough = dim <= small or run.now.measured_steps >= factor * dim / k
    return dim <= LARGEST and doubles(run) and long_enough


def doubles(run: Run) -> bool:
    """Whether states are computed in float64: on a GPU they have the tangents' type."""
    propagator = run.now.propagator
    return not propagator.offloaded or propagator.dtype == np.float64


def scales(run: Run, members: Integers, states: Array) -> Array:
    """Sizes of the variables (m, n), for differences."""
    turns = run.observed.turns
    own = np.abs(np.where(turns > 0, turns, states))
    own = np.maximum(own, np.abs(np.where(turns > 0, 0.0, run.initial[members])))
    if run.observed.linear:
        own = np.maximum(own, np.ptp(np.array(run.now.snapshots)[:, members], axis=0))
    size = own.max(axis=1, keepdims=True)
    return np.maximum(own, np.where(size > 0, 1e-3 * size, 1.0))


def _complex_rates(run: Run, at: Equilibria, length: int) -> Array:
    """Sizes (m, n) of the growth rates as complex numbers: growth and rotation together."""
    return np.asarray(np.abs(np.log(at.multipliers + 0j)) / (length * run.step_time))


def _rates(run: Run, at: Equilibria, length: int) -> tuple[Array, Array]:
    """Exponents (m, n) at fixed points and their errors, that of the time step included."""
    time = length * run.step_time
    size = np.abs(at.multipliers)
    rates = np.log(size) / time
    error = at.error / size / time
    dt = run.now.propagator.dt
    if dt:
        complex_rates = _complex_rates(run, at, length)
        error = error + complex_rates * (complex_rates * dt) ** 4 / 120
    # Newton's method ends 1e-5 from a triple root, where the slope is not yet 1.
    double = np.abs(at.multipliers - 1.0) < DOUBLE_ROOT
    return rates, np.where(double, np.maximum(error, np.abs(rates)), error)


def _exactly(
    run: Run, place: Integers, at: Equilibria, good: Booleans, length: int, found: Evidence
) -> None:
    """Exponents of members `place` from eigenvalues, but for directions that die within a step."""
    if not run.generic or not good.any():
        return
    k = found.exponents.shape[1]
    rates, error = _rates(run, at, length)
    alive = np.abs(at.multipliers) > 1e-8 * np.abs(at.multipliers[:, :1])
    found.exponents[place[good]] = np.where(alive, rates, np.nan)[good, :k]
    found.stderr[place[good]] = np.where(alive, error, np.nan)[good, :k]


def _rests(
    run: Run,
    sight: _Sight,
    which: Integers,
    at: Equilibria,
    length: int,
    is_flow: bool,
    found: Evidence,
) -> None:
    place = sight.members[which]
    near = np.abs(at.state - sight.state[which]).max(axis=1) <= 1e-3 * sight.size[which]
    good = at.found & near
    _exactly(run, place, at, good, length, found)
    rates, error = _rates(run, at, length)
    neutral = np.abs(rates) * _time(run) <= RESOLVED
    turned = np.abs(np.angle(at.multipliers)) * run.now.measured_steps / length
    centre = good & neutral.any(axis=1) & (~neutral | (turned > 1.0)).all(axis=1)
    found.motion[place[centre]] = Motion.CENTRE
    if not is_flow:
        return
    unstable = (rates > 3 * error) & (rates * _time(run) > RESOLVED)
    # From its start, along the stable directions of a saddle only? Otherwise it came along the
    # unstable ones, which underflow has made zero, or it moved on from another saddle.
    apart = run.initial[place] - at.state
    along = np.abs(np.einsum("mij,mj->mi", at.left, apart))
    along = along / (np.linalg.norm(at.left, axis=2) * np.linalg.norm(apart, axis=1)[:, None])
    reached = (np.where(unstable, along, 0.0) > 1e-9).any(axis=1)
    stops = good & unstable.any(axis=1) & reached
    found.motion[place[stops]] = Motion.STOPS


def _time(run: Run) -> float:
    return run.now.measured_steps * run.step_time


def _distances(run: Run, sight: _Sight, which: Integers, at: Equilibria) -> Array:
    there = run.observed(at.state).astype(float)
    return np.asarray(np.linalg.norm(sight.snapshots[:, which] - there, axis=2))


def _settles(
    run: Run, sight: _Sight, which: Integers, at: Equilibria, length: int, found: Evidence
) -> None:
    place = sight.members[which]
    rates, error = _rates(run, at, length)
    time = _time(run)
    leading = rates[:, 0]
    unstable = (leading > 3 * error[:, 0]) & (leading * time > RESOLVED)
    distances = _distances(run, sight, which, at)
    slowly = np.abs(leading) * time <= RESOLVED
    # A single direction that neither grows nor decays: along its centre manifold, which is a line,
    # a state goes one way.
    one = slowly & (_complex_rates(run, at, length) * time > RESOLVED)[:, 1:].all(axis=1)
    likely = at.found & ~unstable
    good = likely & (
        falls(distances)
        | decays(distances, leading * run.now.block_steps * run.step_time)
        | (one & creeps(distances))
    )
    k = found.towards.shape[1]
    if run.generic:
        found.towards[place[likely]] = rates[likely, :k]
    kind = np.where(slowly, Motion.SETTLES_SLOWLY, Motion.SETTLES)
    found.motion[place[good]] = kind[good]
    found.period[place[good]] = length
    _exactly(run, place, at, good, length, found)


def _settles_periodically(
    run: Run, sight: _Sight, moving: Booleans, found: Evidence, newton: Newton
) -> None:
    """Maps on their way to an orbit of a few steps."""
    members = sight.members
    left = np.nonzero(moving & (found.motion[members] == Motion.STRAYS))[0]
    if not len(left):
        return
    path = [sight.state[left]]
    for _ in range(SUSPECTED):
        path.append(stepped(run, members[left], path[-1], 1))
    distance = np.abs(run.observed.apart(np.array(path[1:]), path[0])).max(axis=2)
    nearly = distance < NEARLY * distance.max(axis=0)
    period = np.where(nearly.any(axis=0), nearly.argmax(axis=0) + 1, 0)
    for length in np.unique(period[period > 1]):
        which = left[period == length]
        there = newton(which, sight.state[which], int(length))
        _settles(run, sight, which, there, int(length), found)


def _turns_around(
    run: Run, sight: _Sight, which: Integers, at: Equilibria, found: Evidence
) -> None:
    """A focus that decays slowly has two exponents near zero and comes back, as a torus does."""
    place = sight.members[which]
    rates, error = _rates(run, at, 1)
    time = _time(run)
    unstable = ((rates > 3 * error) & (rates * time > RESOLVED)).any(axis=1)
    slow = (np.abs(rates) * time < SLOW) & (np.abs(at.multipliers.imag) > 0)
    centre = (np.abs(rates) * time <= RESOLVED).all(axis=1)
    focus = at.found & ~unstable & slow.any(axis=1)
    found.motion[place[focus & ~centre]] = Motion.SPIRALS
    settled = focus & falls(_distances(run, sight, which, at))
    leading = np.abs(rates[:, 0]) * time <= RESOLVED
    kind = np.where(leading, Motion.SETTLES_SLOWLY, Motion.SETTLES)
    found.motion[place[settled]] = kind[settled]
    _exactly(run, place, at, settled, 1, found)


def _closely(run: Run, members: Integers) -> Array:
    """Snapshots of what comes next, at times that no period fits: every block may be a period."""
    gap = max(1, round(GOLDEN * run.now.block_steps / 4))
    state, seen = run.now.carry.state[members], []
    for _ in range(SAMPLES):
        state = stepped(run, members, state, gap)
        seen.append(run.observed(state))
    return np.array(seen)


def _expect_turns(run: Run, sight: _Sight, several: Booleans, found: Evidence) -> None:
    """Orbits that come back with several zero exponents must have turned 30 times."""
    which = np.nonzero(several & (found.motion[sight.members] == Motion.RETURNS))[0]
    if len(which):
        few = _turns(run, sight, which) < TURNS
        found.motion[sight.members[which[few]]] = Motion.TURNS_FEW


def _turns(run: Run, sight: _Sight, which: Integers) -> Array:
    """How often orbits turned in the run, from the length of a piece of their way."""
    members = sight.members[which]
    points = np.asarray(sight.snapshots[:, which], float)
    across = np.linalg.norm(points - mean_of(points), axis=2).max(axis=0) * 2
    state = sight.state[which]
    place = run.observed(state).astype(float)
    after = run.observed(stepped(run, members, state, 1)).astype(float)
    pace = np.linalg.norm(after - place, axis=1)
    gap = max(1, int(np.median(0.2 * across / np.maximum(pace, 1e-300))))
    gap = min(gap, max(1, run.now.measured_steps // (4 * SAMPLES)))
    way = np.zeros(len(which))
    for _ in range(SAMPLES):
        state = stepped(run, members, state, gap)
        here = run.observed(state).astype(float)
        way += np.linalg.norm(here - place, axis=1)
        place = here
    return np.asarray(way / (SAMPLES * gap) * run.now.measured_steps / (np.pi * across))


def rounded_away(run: Run, period: Integers, sign: Integers) -> int:
    """Members of a map that are exactly periodic, have a positive exponent, and began elsewhere.

    No orbit reaches an unstable one but by rounding.
    """
    members = np.nonzero((period > 0) & (sign == 1).any(axis=1))[0]
    state = run.now.carry.state[members]
    there = np.zeros(len(members), bool)
    for _ in range(int(period[members].max(initial=0))):
        there |= (state == run.initial[members]).all(axis=1)
        state = stepped(run, members, state, 1)
    return int((~there).sum())


def _map_periods(run: Run, members: Integers, sign: Integers, gone: Array, found: Evidence) -> None:
    """Write after how many steps maps are back where they are now, as far as the class needs it.

    Where an exponent may be positive the return must be exact: chaotic orbits come close to
    themselves. A state smaller than `gone` (B,) has decayed, and need not be back by its own scale.
    """
    signs = sign[members]
    close = max(REST / run.now.measured_steps, JITTER)
    regular = (signs < 1).all(axis=1)
    contracting = (signs == -1).all(axis=1)
    _periods(run, members[regular], 1, found.period, close, gone[regular])
    # From the start each time, for those that are left: long periods are rare. Each bound is 16
    # times the last, so that starting again costs a fifteenth.
    for longest in (16, 256, LONGEST_PERIOD):
        left = contracting & (found.period[members] == 0)
        _periods(run, members[left], longest, found.period, close, gone[left])
    _periods(run, members[~regular], LONGEST_STUCK, found.period, 0.0, gone[~regular])


def _periods(
    run: Run, members: Integers, longest: int, period: Integers, near: float, gone: Array
) -> None:
    if not len(members):
        return
    from .kernels.cpu.returning import are_back  # loads Numba: 0.2 s

    now = run.now
    carry = now.carry.take(members, now.propagator.dtype)
    propagator = now.propagator.select(members, now.propagator.dtype)
    origin = np.array(carry.state, float, order="C")
    turns = run.observed.turns
    scale = np.maximum(_largest(np.where(turns > 0, turns, origin)), gone)
    scale = np.where(scale > 0, scale, 1.0)
    furthest = np.zeros(len(members))
    for step in range(1, longest + 1):
        propagator.advance(carry, 1)
        back = np.empty(len(members), bool)
        # A fixed point that is approached from both sides in turn is no orbit of two steps.
        apart = APART if step > 1 else -1.0
        # The smallest numbers there are: rounding turns -0.95 x into -x.
        least = UNDERFLOWN
        state = np.ascontiguousarray(carry.state, float)
        if not are_back(state, origin, turns, scale, step * near, apart, least, furthest, back):
            continue
        period[members[back & (period[members] == 0)]] = step
        left = np.nonzero(period[members] == 0)[0]
        if not left.size:
            break
        if 2 * left.size <= len(members):  # those that are back need not go on
            carry = carry.take(left, carry.basis.dtype)
            propagator = propagator.select(left, propagator.dtype)
            members, origin = members[left], origin[left]
            scale, furthest = scale[left], furthest[left]


def _largest(values: Array) -> Array:
    """The largest |value| of each row; of few columns faster than NumPy's own along an axis."""
    found = np.abs(values[:, 0])
    for column in values.T[1:]:
        found = np.maximum(found, np.abs(column))
    return found
