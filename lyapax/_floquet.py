"""Floquet multipliers of periodic orbits."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from . import _check
from ._check import Array, Complex, Seed
from ._orbit import Orbit, Start, expect_no_memory, linear_propagator
from ._periodic import Closing, check_symmetry, first_return, refine
from .systems.base import System

SEGMENTS = 32  # at most, of one period: growth within one must stay far from rounding
TURNS = 400  # at most, around the period, until the bases repeat
REPEATED = 1e-9  # of the bases' overlap: more, and directions share a block
STATE_BYTES, STATE_COPIES = 120, 4  # of a state that is kept: as an array, and its numbers
ALIKE = 10.0  # nats: multipliers that far apart must not share a block, the smaller would be lost
MISFIT = 1e-3  # of the growth in a period: a larger flow error, and multipliers lack three digits


@dataclass(frozen=True)
class Floquet:
    r"""What `floquet` returns.

    Attributes
    ----------
    period : float
        In units of time; steps of a map.
    state : array (n,)
        A point of the periodic orbit; of driven systems, the one at time 0.
    orbit : array (steps + 1, n)
        All of it, each step.
    dt : float
        Time step used: the period is a whole number of them.
    multipliers : complex array (n,)
        Eigenvalues of the derivative after one period, largest first. Those below 1e-308 are 0.
    exponents : array (n,)
        :math:`\ln|\mu| / T`, also where the multiplier itself is too small for a float64.
    trivial : complex
        Flows: the multiplier nearest to 1. It is 1 to rounding whatever dt is, as the steps form a
        periodic orbit of their own (not of conservative systems). NaN for maps and driven systems.
    flow_error : float
        :math:`|M f - f| / |f|` with f along the flow: how well the derivative M and the orbit fit
        together. NaN for maps and driven systems.
    residual : float
        Distance of the state after one period from the state, less whole turns of phases. Of
        conservative systems it is what the steps fail to conserve in a period.

    Examples
    --------
    >>> import lyapax as lx
    >>> hopf = lx.systems.library["stuart_landau"].system()
    >>> found = lx.floquet(hopf, dt=0.05, initial=[1.0, 0.0])
    >>> print(abs(found.trivial - 1) < 1e-6)
    True
    """

    period: float
    state: Array
    orbit: Array
    dt: float
    multipliers: Complex
    exponents: Array
    trivial: complex
    flow_error: float
    residual: float


def floquet(
    system: System,
    period: float | None = None,
    *,
    dt: float | None = None,
    transient: float = 0.0,
    max_period: float | None = None,
    params: Mapping[str, object] | None = None,
    initial: ArrayLike | None = None,
    wrap: Mapping[int, float] | None = None,
    rng: Seed | None = None,
) -> Floquet:
    r"""Periodic orbit and its Floquet multipliers.

    The orbit is refined by Newton's method for :math:`\Phi_T(x) = x` in x and, for flows, in T; the
    step is changed so that a whole number of steps makes a period. The multipliers come from QR
    around the period until the bases repeat (a periodic Schur form), so the smallest is as good
    as the largest; their product formed as one matrix would lose all below 1e-16 of the largest.

    The orbit of a driven system, f(x, p, t) or one with inputs, has the period of what drives it:
    `period` is then exact, and the orbit starts at time 0. For a linear system with periodic
    coefficients that orbit is 0, and the multipliers are those of its monodromy matrix.

    Periodic orbits of conservative systems come in families; the member nearest to the start is
    taken. Their multipliers 1 come in pairs, usually with one eigenvector only, and then an error
    e of the step or of rounding moves them by :math:`\sqrt e`: expect 1e-4 to 1e-8.

    Parameters
    ----------
    system : RateNetwork, Network, RNN, GRU, LSTM, Flow or Map
        A single one. Inputs are taken to repeat after `period`, and only the first are read.
    period : float, optional
        A guess, of one period (of several, several are taken for one); by default found from the
        first return after the transient. Driven systems: that of what drives them, or several.
    dt : float
        Largest time step; flows only.
    transient : float
        Time to come close to the orbit, which must attract for that. An unstable one needs `period`
        and `initial` near it. Driven systems: rounded up to whole periods.
    max_period : float, optional
        Where to stop looking for a return; default 1000 steps.
    params, initial, rng
        As in `lyapunov_spectrum`.
    wrap : mapping of int to float, optional
        Variables that are phases, and after how much each is the same again: with
        ``{0: 2 * np.pi}`` an orbit is closed when ``x[0]`` has gained any multiple of it, like the
        angle of a pendulum that turns over.

    Returns
    -------
    Floquet

    Raises
    ------
    ValueError, TypeError
        Bad input, naming the argument; also when no period is found, with the nearest return,
        when Newton's method does not converge, or when the flow error exceeds 1e-3 of the largest
        multiplier, as it does where the right-hand side jumps.

    Examples
    --------
    >>> import lyapax as lx
    >>> vdp = lx.systems.library["van_der_pol"].system()
    >>> cycle = lx.floquet(vdp, dt=0.05, transient=50, rng=0)
    >>> print(round(cycle.period, 5), round(cycle.exponents[1], 5))
    6.66329 -1.05938
    >>> bool(abs(cycle.trivial - 1) < 1e-8)
    True

    Mathieu's equation, whose resting state is unstable in the first tongue:

    >>> import numpy as np
    >>> mathieu = lx.Flow(
    ...     lambda x, p, t: [x[1], -(p.a + p.b * np.cos(2 * t)) * x[0]], 2, dict(a=1.0, b=0.2)
    ... )
    >>> print(lx.floquet(mathieu, np.pi, dt=0.01).multipliers.real.round(6))
    [-1.169874 -0.854793]
    """
    start = Start.of(system, params, dt, transient, initial, None, rng)
    expect_no_memory(start.system, "floquet")
    system, step = start.system, start.step_time
    limit = _length(system, max_period, step, "max_period") or 1000 * step
    period = _length(system, period, step, "period")
    if period is not None and not system.is_flow and period != round(period):
        raise ValueError(f"period must be a whole number of steps of a map, got {period:g}")
    if system.is_driven:
        return _driven(start, period, wrap)
    closing = _closing(start.orbit(limit), wrap, free=system.is_flow)
    length = period or first_return(closing, closing.orbit.steps_in(limit))
    x, step_time = closing.orbit.state[0].copy(), math.inf
    while step_time > step * (1 + 1e-9):
        # Again with more steps where the period turns out longer, so that none is larger than dt.
        steps = _steps(length, step)
        x, step_time = refine(closing, x, steps, length / steps)
        length = steps * step_time
    return _around(closing, x, step_time, steps)


def _length(system: System, value: float | None, step: float, name: str) -> float | None:
    """The length that a user gave, checked, if there is memory for an orbit of it."""
    if value is None:
        return None
    found = _check.positive(value, name)
    steps = _check.steps(found, step, name)
    _check.room(
        steps * (STATE_BYTES + 8 * STATE_COPIES * system.dim),
        f"the states of {name} = {found:g}, {steps:.3g} steps",
        f"give a shorter {name}",
    )
    return found


def _steps(length: float, step: float) -> int:
    return max(1, math.ceil(length / step * (1 - 1e-12)))


def _driven(start: Start, period: float | None, wrap: Mapping[int, float] | None) -> Floquet:
    """The orbit of a system that depends on time; it starts at time 0, or whole periods later."""
    system, step = start.system, start.step_time
    if period is None:
        raise ValueError("period must be given for a driven system: that of what drives it")
    steps = _steps(period, step)
    if system.input_steps is not None and abs(steps * step - period) > 1e-9 * period:
        raise ValueError(
            f"period must be a whole number of dt where each step has its row of inputs, got "
            f"{period / step:g} of them"
        )
    if system.is_flow:
        step = period / steps
    orbit = replace(start, step_time=step, transient=0.0).orbit(period)
    closing = _closing(orbit, wrap, free=False)
    before = steps * math.ceil(start.transient / period)
    orbit.expect(before)
    orbit.advance(before)
    _check_finite(orbit)
    x, _ = refine(closing, orbit.state[0].copy(), steps, step)
    return _around(closing, x, step, steps)


def _closing(orbit: Orbit, wrap: Mapping[int, float] | None, free: bool) -> Closing:
    if orbit.shape:
        raise ValueError(
            f"system and initial must be of a single orbit, got a batch of shape {orbit.shape}"
        )
    _check_finite(orbit)
    wrap = {} if wrap is None else wrap
    if not isinstance(wrap, Mapping):
        raise TypeError(f"wrap must be a dict of variables and lengths, got {type(wrap).__name__}")
    lengths = np.zeros(orbit.system.dim)
    for variable, length in wrap.items():
        place = _check.count(variable, "wrap's variables", low=0, high=len(lengths) - 1)
        lengths[place] = _check.positive(length, f"wrap[{place}]")
    return Closing(orbit, lengths, free)


def _check_finite(orbit: Orbit) -> None:
    if not np.isfinite(orbit.state).all():
        raise ValueError(f"system diverged within the transient of {orbit.time:g}")


def _around(closing: Closing, x: Array, dt: float, steps: int) -> Floquet:
    """Once around the orbit that Newton's method has found."""
    check_symmetry(closing, x, steps, dt)
    n, system = len(x), closing.orbit.system
    edges = np.unique(np.linspace(0, steps, min(steps, SEGMENTS) + 1).round().astype(int))
    matrices, state, path = [], x, [x]
    propagator = linear_propagator(system, (), dt)
    for a, b in pairwise(edges):
        inside = np.empty((b - a - 1, 1, n))
        nothing = np.empty((*inside.shape, 0))
        propagator.tangent_intervals(state[None].copy(), int(a), 1, nothing, inside)
        path.extend(inside[:, 0])
        matrix = np.eye(n)
        state = closing.flown(state, dt, int(b - a), matrix, int(a))
        matrices.append(matrix)
        path.append(state)
    period = steps * dt if system.is_flow else float(steps)
    logs, units = _multipliers(matrices)
    order = np.argsort(-logs, kind="stable")
    logs, units = logs[order], units[order]
    with np.errstate(under="ignore"):
        multipliers = units * np.exp(logs)
    trivial, error = complex("nan"), np.nan
    if closing.free:
        along = closing.slope(x, dt, steps)
        carried = along
        for matrix in matrices:
            carried = matrix @ carried
        trivial = complex(multipliers[np.abs(multipliers - 1).argmin()])
        error = float(np.linalg.norm(carried - along) / np.linalg.norm(along))
        if not error < MISFIT * max(1.0, float(np.exp(min(logs[0], 300.0)))):
            raise ValueError(
                f"the derivative after one period misses the flow's direction by {error:.2g} (flow "
                "error): the right-hand side jumps on the way (sign, floor, mod, or where with "
                "branches that do not meet), or dt is too large"
            )
    return Floquet(
        period,
        x,
        np.array(path),
        dt if system.is_flow else 1.0,
        multipliers,
        logs / period,
        trivial,
        error,
        float(np.linalg.norm(closing.difference(state, x))),
    )


def _multipliers(matrices: list[Array]) -> tuple[Array, Complex]:
    """(ln|mu|, mu/|mu|) of the product of the matrices, the first acting first."""
    n = matrices[0].shape[0]
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))[0]
    for turn in range(TURNS):
        start, triangles = basis, []
        for matrix in matrices:
            basis, r = np.linalg.qr(matrix @ basis)
            triangles.append(r)
        overlap = start.T @ basis
        with np.errstate(divide="ignore"):
            rates = np.sum([np.log(np.abs(np.diagonal(r))) for r in triangles], axis=0)
        blocks = _blocks(overlap)
        apart = [np.ptp(rates[a:b]) for a, b in blocks if np.isfinite(rates[a:b]).all()]
        if turn > 0 and max(apart, default=0.0) < ALIKE:
            break
    else:
        warnings.warn("multipliers that lie close together are not well resolved", stacklevel=4)
    logs, units = np.empty(n), np.empty(n, complex)
    for first, last in blocks:
        block, scale = np.eye(last - first), 0.0
        for r in triangles:
            block = r[first:last, first:last] @ block
            size = np.abs(block).max()
            if size == 0:
                break
            block, scale = block / size, scale + np.log(size)
        values = np.linalg.eigvals(overlap[first:last, first:last] @ block)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs[first:last] = np.log(np.abs(values)) + scale
            units[first:last] = np.where(np.abs(values) > 0, values / np.abs(values), 0)
    return logs, units


def _blocks(overlap: Array) -> list[tuple[int, int]]:
    """Ranges of directions that turn into each other: nothing below them is coupled to them."""
    coupled, first = np.abs(overlap) > REPEATED, 0
    found: list[tuple[int, int]] = []
    while first < len(overlap):
        last = first + 1
        while last < len(overlap) and coupled[last:, first:last].any():
            last += 1
        found.append((first, last))
        first = last
    return found
