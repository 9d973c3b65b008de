"""Many members of one system, short each, in place of one long run.

Lanes of a processor run hundreds of members in little more time than one. Their mean has the error
of one run of the same time in all, and the spread over the members gives it, without a model.

What is not averaged away by more members is what they share: their starts. So the first tenth of
what each has measured is not counted, and the mean of the first halves must agree with that of the
second. Nor is there one number to find where the members lie on several attractors: then their
first halves say something of their second.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from . import _check
from ._check import Array
from ._continuation import Continuation
from ._ensemble_result import EnsembleSpectrum, pooled_after
from ._members import look
from ._orbit import flat_states
from ._run import FIRST_CHECK, Progress, Run
from .kernels.propagator import OK, Carry, Propagator
from .systems.base import System

FEWEST = 16  # members: their spread is an error that is good to 18 %
# By default: as many as fill the lanes of many cores, for systems that run in lanes, or the cores.
MANY, FEW, LANES_DIM = 512, 64, 8
# Steps of the state alone, in which members forget their starts: with 1000 of them means of 512
# members of Lorenz-63 had a bias of 1.1 to 1.5 standard errors. Before, they are scattered over as
# many: members at one phase of Roessler's oscillation have errors in common, which took 200 times
# longer to fall.
MIXING = 10_000
FIRST_LOOK = 4000  # steps at least, for all that happens at the start is in all of the members
LONGER = 8  # times at most, from one look to the next
MARGIN = 1.05  # on the time that should be enough


def default_members(dim: int) -> int:
    return MANY if dim <= LANES_DIM else FEW


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


def members_of(system: System, members: int | None, initial: ArrayLike | None) -> int:
    """The number of members; ValueError where an ensemble makes no sense."""
    if system.shares_drive:
        raise ValueError(
            "ensemble must be False for driven systems: members share what drives them"
        )
    if members is not None:
        members = _check.count(members, "members", low=FEWEST)
    if initial is None:
        return default_members(system.dim) if members is None else members
    start = flat_states(system, _check.real_array(initial, "initial", ndim_min=1))
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


def ensemble_of(
    continued: Continuation,
    steps: int | None,
    tol: float,
    progress: bool,
    members: int,
    *,
    decay_rate: Callable[[Array], float | None],
) -> EnsembleSpectrum:
    """Measure the members of a run, and return their mean."""

    def together(run: Run, limit: int | None, tol: float, shown: Progress) -> None:
        measure(run, limit, tol, shown, members=members)

    found = pooled_after(continued, steps, tol, progress, decay_rate=decay_rate, measure=together)
    found._expect_one_attractor(tol)
    return found
