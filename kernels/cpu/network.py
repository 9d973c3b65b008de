"""Rate networks, dense or sparse: state first, then the tangent columns in strips.

Over one interval the state runs alone and leaves its slopes phi'(u) at every stage on a tape; the
strips of tangent columns then run through the same stages, with no exchange between them. So the
partition of work is fixed by n and k, members and strips run on any number of threads with the
same bits, and the leading columns of a full run follow the same orbit.
"""

from collections import namedtuple
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numba import get_num_threads

from ..jit import kernel
from ..propagator import Array, Flight, chosen, rank_unit
from .interruptible import call, raised
from .network_members import ahead_arrays, propagate_ahead, propagate_members
from .network_state import net_of, state_steps, work_size
from .network_strips import propagate_strips, strips_arrays
from .network_tangents import strip_steps, tangents_of
from .reflections import strip_functions
from .sharing import take
from .strips import SLACK, WIDEST, from_strips, lanes_of, strip_edges, to_strips
from .vectors import boundary, keep
from .weights import is_sparse, members_of, state_product

# Members whose states run side by side: whole registers, one strip at most.
GROUP = min(8, WIDEST * lanes_of(np.float64))
ADVANCE = 16  # steps of a state in one piece

# What the kernels have in common of one run: steps between two QRs and stages in them; `unit` as
# in `account`; lanes of a register of tangents.
Course = namedtuple("Course", "dt step intervals steps stages unit lanes")


@kernel
def advance(stop, team, thread, threads, phi, weigh, net, dt, step, steps, group, x):
    members, n = x.shape
    stages = (4 if dt != 0.0 else 1) * ADVANCE
    works = np.zeros(work_size(net, n, group, stages) + SLACK)
    first = take(team) * group
    while first < members:
        count = min(group, members - first)
        for s in range(0, steps, ADVANCE):
            if raised(stop):
                break
            piece = min(ADVANCE, steps - s)
            state_steps(
                stop, phi, weigh, net, first, count, dt, step + s, piece, x, boundary(works)
            )
        first = take(team) * group
    keep(works)


@dataclass
class Network:
    """Rate networks with tangents in strips."""

    weights: Any  # (B or 1, n, n), or the CSR triple (indptr, indices, data)
    bias: Array  # (B or 1, n)
    inputs: Array  # (B or 1, T, n); T = 1 when constant
    rate: Array  # (B or 1, n): 1/tau for flows, the leak for maps
    current: bool
    phi: Any  # a compiled activation
    dt: float
    k: int
    batch: int
    dtype: Any
    dim: int = field(init=False)

    def __post_init__(self) -> None:
        self.dim = self.bias.shape[-1]
        self.dtype = np.dtype(self.dtype)
        self._lanes = lanes_of(self.dtype)
        sparse = is_sparse(self.weights)
        lanes = not sparse and self.weights.shape[0] == 1 and self._group() == GROUP
        self._weigh = state_product(sparse, lanes)
        self._strip_steps = strip_steps(sparse, bool(self.current), self.dtype)
        self._net = net_of(
            self.weights, self.bias, self.inputs, self.rate, self.current,
            GROUP if lanes else 0,
        )  # fmt: skip
        self._tangents = tangents_of(self.weights, self.rate, self.current, self.dt, self.dtype)

    def select(self, members: Any, dtype: Any) -> "Network":
        return replace(
            self, weights=members_of(self.weights, members), bias=chosen(self.bias, members),
            inputs=chosen(self.inputs, members), rate=chosen(self.rate, members),
            batch=len(members), dtype=dtype,
        )  # fmt: skip

    def _group(self) -> int:
        """Members a job: several when they are small, but enough jobs for all threads."""
        most = GROUP if self.dim < 64 else 1
        return min(most, max(1, self.batch // (4 * get_num_threads())))

    def advance(self, flight: Flight, steps: int) -> None:
        call(
            advance, min(self.batch, get_num_threads()), self.phi, self._weigh, self._net,
            float(self.dt), flight.step, steps, self._group(), flight.state,
        )  # fmt: skip
        flight.step += steps

    def propagate(self, flight: Flight, intervals: int, steps_per_interval: int) -> None:
        edges = strip_edges(self.k, self._lanes)
        strips = to_strips(flight.basis, self.dtype)
        stages = (4 if self.dt else 1) * steps_per_interval
        course = Course(
            float(self.dt), flight.step, intervals, steps_per_interval, stages,
            rank_unit(self.dim, self.dtype), self._lanes,
        )  # fmt: skip
        compiled, jobs, parts = propagate_members, self.batch, (self._group(),)
        if self.batch < get_num_threads() and len(edges) == 2:
            compiled, jobs = propagate_ahead, 2 * self.batch
            parts = ahead_arrays(self._net, course, flight.state, self.dtype)
        elif self.batch < get_num_threads():
            compiled, jobs = propagate_strips, self.batch * len(edges)
            parts = strips_arrays(self._net, course, edges, flight.state, self.k, self.dtype)
        call(
            compiled, min(jobs, get_num_threads()), self.phi, self._weigh, self._strip_steps,
            *strip_functions(self.dtype), self._net, self._tangents, course, edges, *parts,
            flight.state, strips, flight.log_sum, flight.compensation, flight.growth, flight.status,
        )  # fmt: skip
        from_strips(strips, flight.basis)
        flight.step += intervals * steps_per_interval
