"""Flows, maps and networks that run in plain NumPy: tests of the driver compile nothing for them.

They are systems like others, so that the driver knows as much of them, but their propagator
evaluates the right-hand side itself, for all members and tangents at once. It finds state and
tangents by one complex step, f(x + i h q) = f(x) + i h f'(x) q + O(h^2), where h^2 is far below
rounding. So a function may use arithmetic and what NumPy knows of complex numbers, but not abs, mod
or sign; and it takes the state entry by entry, since x[i] has a value for each member and tangent.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np

import lyapax as lx
from lyapax._check import flat_batch
from lyapax.kernels.propagator import DIVERGED, RANK_LOST, Stepping, chosen, rank_unit
from lyapax.systems.activation import NUMPY

TINY = 2.0**-332  # h; a power of two, so that nothing is rounded where tangents are scaled by it


@dataclass
class NumpyPropagator(Stepping):
    """RK4 of `rates(z, step, part)` at time (step + part) dt, or a map of that name if dt is 0.

    It is not `portable`, since lambdas are not. So the driver measures the bias of the time step in
    a share of the run's steps, and not in what a compiled propagator can do in a fiftieth of a
    second.
    """

    arrays: dict[str, np.ndarray]  # of the members, (B or 1, ...)
    batch: int
    dim: int
    dt: float
    dtype: np.dtype  # to which tangents are rounded after each interval

    def select(self, members, dtype):
        arrays = {name: chosen(array, members) for name, array in self.arrays.items()}
        return replace(self, arrays=arrays, batch=len(members), dtype=np.dtype(dtype))

    def one_step(self, z, step):
        """The step of this number of complex states (n, B, m)."""
        dt = self.dt
        if not dt:
            return self.rates(z, step, 0)
        a = self.rates(z, step, 0)
        b = self.rates(z + dt / 2 * a, step, 0.5)
        c = self.rates(z + dt / 2 * b, step, 0.5)
        d = self.rates(z + dt * c, step, 1)
        return z + dt / 6 * (a + 2 * b + 2 * c + d)

    def moved(self, state, step, steps, vectors):
        """State (B, n) and tangents (B, n, m), m > 0, after steps from number `step` on."""
        z = np.moveaxis(state[..., None] + 1j * (TINY * vectors.astype(float)), 0, 1)
        with np.errstate(all="ignore"):  # some members diverge
            for number in range(step, step + steps):
                z = self.one_step(z, number)
        z = np.moveaxis(z, 1, 0)
        return z[..., 0].real, z.imag / TINY

    def advance(self, carry, steps):
        self.tangent_steps(carry.state, carry.step, steps, np.zeros((self.batch, self.dim, 0)))
        carry.step += steps

    def propagate(self, carry, intervals, steps_per_interval):
        for _ in range(intervals):
            self.tangent_steps(carry.state, carry.step, steps_per_interval, carry.basis)
            carry.step += steps_per_interval
            orthonormalise(carry)

    def tangent_steps(self, state, step, steps, vectors):
        given = vectors if vectors.size else np.zeros((*state.shape, 1))
        state[:], found = self.moved(state, step, steps, given)
        if vectors.size:
            vectors[:] = found

    def cotangent_steps(self, state, step, steps, vectors):
        unit = np.broadcast_to(np.eye(self.dim), (self.batch, self.dim, self.dim))
        jacobians = []
        for number in range(step, step + steps):
            state, jacobian = self.moved(state, number, 1, unit)
            jacobians.append(jacobian)
        for jacobian in reversed(jacobians):
            vectors[:] = jacobian.swapaxes(1, 2) @ vectors


def orthonormalise(carry):
    """QR with positive R_jj of each member's basis, and its sums."""
    norm = np.linalg.norm(carry.basis, axis=1).astype(float)
    q, r = np.linalg.qr(carry.basis)
    diagonal = np.diagonal(r, axis1=1, axis2=2)
    carry.basis[:] = q * np.where(diagonal < 0, -1.0, 1.0)[:, None]
    r, unit = np.abs(diagonal).astype(float), rank_unit(carry.basis.shape[1], carry.basis.dtype)
    known = carry.status != RANK_LOST
    finite = np.isfinite(r) & np.isfinite(norm)
    lost = r <= unit * norm
    carry.status[known & ~finite] = DIVERGED
    carry.status[known & finite & lost] = RANK_LOST
    counted = known & finite & ~lost
    ratio = np.divide(norm, r, where=counted, out=np.zeros_like(r))
    np.maximum(carry.cancellation, ratio, out=carry.cancellation)
    term = np.log(r, where=counted, out=np.zeros_like(r))
    # Knuth's sum: what the addition rounds away is kept.
    total = carry.log_sum + term
    added = total - carry.log_sum
    carry.compensation += (carry.log_sum - (total - added)) + (term - added)
    carry.log_sum[:] = total


@dataclass
class OfFunction(NumpyPropagator):
    f: Callable
    timed: bool

    def rates(self, z, step, part):
        time = (step + part) * (self.dt or 1)
        found = np.empty_like(z)
        values = self.f(z, SimpleNamespace(**self.arrays), *[time][: self.timed])
        for i, value in enumerate(values):
            found[i] = value
        return found


class InNumPy:
    """What makes a flow or a map run by its own function."""

    def __init__(self, f, dim, params=None, *, initial=None):
        super().__init__(f, dim, params, initial=initial)
        self.f = f

    def propagator(self, shape, dt, k, dtype, devices=()):
        table = flat_batch(self._table(), shape, 1)
        arrays = {name: table[:, j : j + 1] for j, name in enumerate(self.params)}
        batch, step = int(np.prod(shape, dtype=int)), dt if self.is_flow else 0.0
        return OfFunction(arrays, batch, self.dim, step, np.dtype(dtype), self.f, self.is_driven)


class NumpyFlow(InNumPy, lx.Flow):
    pass


class NumpyMap(InNumPy, lx.Map):
    pass


def in_numpy(known):
    """A known system of `lyapax.systems.library`."""
    kind = NumpyMap if known.dt is None else NumpyFlow
    return kind(known.f, known.dim, known.params, initial=known.initial)


@dataclass
class OfNetwork(NumpyPropagator):
    phi: Callable
    form: str

    def rates(self, z, step, part):
        """Inputs are constant within a step."""
        columns, rate = self.arrays["W"].T[..., None], self.arrays["rate"].T[..., None]
        rows = self.arrays["drive"]
        drive = rows[:, step % rows.shape[1]].T[..., None]
        # Not by `@`: the bits of a BLAS depend on how many columns there are.
        weighted = lambda y: sum(w * unit for w, unit in zip(columns, y, strict=True))  # noqa: E731
        if self.form == "current":
            field = weighted(self.phi(z)) + drive
        else:
            field = self.phi(weighted(z) + drive)
        return rate * (field - z) if self.dt else (1 - rate) * z + rate * field


class NumpyNetwork(lx.RateNetwork):
    """A dense one."""

    def with_params(self, **params):
        changed = super().with_params(**params)
        changed.__class__ = NumpyNetwork
        return changed

    def propagator(self, shape, dt, k, dtype, devices=()):
        drive = flat_batch(self.bias, shape, 1)[:, None]  # a row a step, or one for all steps
        if self.inputs is not None:
            drive = drive + flat_batch(self.inputs, shape, 2)
        arrays = {
            "W": flat_batch(self.W, shape, 2),
            "rate": flat_batch(1.0 / self.tau, shape, 1),
            "drive": drive,
        }
        batch, step = int(np.prod(shape, dtype=int)), dt if self.is_flow else 0.0
        phi = NUMPY[self.phi] if isinstance(self.phi, str) else self.phi
        return OfNetwork(arrays, batch, self.dim, step, np.dtype(dtype), phi, self.form)
