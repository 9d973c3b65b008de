"""Rate networks whose couplings look back, dense or sparse."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ...propagator import Array, chosen, rank_unit
from ..network.activation import compiled
from ..network.weights import NONE, is_sparse, members_of
from ..simd.strips import ROWS, SLACK, lanes_of, packed
from ..team.interruptible import call, threads_allowed
from .looking_back import LONGEST, LookingBack
from .network_runs import Plan, room_of, run
from .network_steps import Net

COLUMNS = 192  # of one product, about: with more the rate is the same


@dataclass(kw_only=True)
class DelayedNetwork(LookingBack):
    """tau x' = -x + W phi(past) + now phi(x) + b, or phi of the sum of both products.

    `weights` (B or 1, n, S) multiplies the S past values `units` (of delay `which`), dense or a
    CSR triple; `now` is (B or 1, n, n) or a CSR triple as weights are, None where all is delayed.
    """

    weights: Any
    now: Any
    bias: Array  # (B or 1, n)
    rate: Array  # (B or 1, n): 1/tau
    current: bool
    phi: Any
    which: Any
    units: Any
    n: int = field(init=False)

    def __post_init__(self) -> None:
        self.n = self.bias.shape[-1]
        super().__post_init__()

    def chosen(self, members: Any) -> dict[str, Any]:
        matrices = {
            name: None if w is None else members_of(w, members)
            for name, w in (("weights", self.weights), ("now", self.now))
        }
        return {**matrices, "bias": chosen(self.bias, members), "rate": chosen(self.rate, members)}

    @cached_property
    def _factors(self) -> tuple[Any, ...]:
        """(w, indptr, indices) of the past, and of the present."""
        return *_factor(self.weights), *_factor(self.now)

    def run(
        self, state: Array, vectors: Array, step: int, intervals: int, steps: int, closing: bool,
        sums: tuple[Any, ...],
    ) -> None:  # fmt: skip
        history, lanes, k = self.history, lanes_of(np.float64), vectors.shape[2]
        w, indptr, indices, now, now_indptr, now_indices = self._factors
        width = (1 + k + lanes - 1) // lanes * lanes
        coupled = self.now is not None
        net = Net(
            self.n, width, lanes, len(self.units), self.which, self.units,
            is_sparse(self.weights), indptr, indices, coupled, is_sparse(self.now), now_indptr,
            now_indices,
            bool(self.current), coupled and not self.current, compiled(self.phi),
        )  # fmt: skip
        ahead = max(1, min(int(history.steps.min()), COLUMNS // (2 * width), steps))
        room = max(ahead, min(steps, max(LONGEST, history.points)))
        plan = Plan(
            self.dt, intervals, steps, ahead, room, history.points, k, closing,
            rank_unit(self.dim, np.float64), int(np.clip(self.n // JOBS // ROWS * ROWS, ROWS, 64)),
        )  # fmt: skip
        threads = threads_allowed()
        alone = self.batch >= threads
        if not alone and self.n * width * (1 + k) < SMALL:
            threads = 1
        size = room_of(net, plan, self.dim, (k + lanes - 1) // lanes * lanes).size
        rooms = np.zeros((threads if alone else 1, int(size) + SLACK))
        call(
            run,
            min(threads, self.batch) if alone else threads,
            alone,
            net,
            plan,
            history.places,
            history.weights,
            history.lengths,
            w,
            now,
            self.rate,
            self.bias,
            rooms,
            state,
            vectors,
            *sums,
        )


JOBS = 8  # or so, that the rows make
SMALL = 1 << 14  # of n times columns: threads would wait for each other longer than they work


def _factor(weights: Any) -> tuple[Any, Any, Any]:
    """Weights as `rows_product` takes them."""
    if weights is None:
        return np.zeros((1, 1)), NONE, NONE
    if is_sparse(weights):
        indptr, indices, data = weights
        return np.ascontiguousarray(data, float).reshape(-1, len(indices)), indptr, indices
    return packed(weights, np.float64), NONE, NONE
