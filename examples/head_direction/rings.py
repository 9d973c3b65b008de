r"""Ring attractors: N units whose bump of activity may stay at any angle.

Two forms of the literature, both dx/dt = -x + phi(W x + b) in units of the time constant:

- cosine: W_ij = 2 g/N cos(theta_i - theta_j), phi = tanh (Ben-Yishai, Bar-Or & Sompolinsky 1995);
- local: W_ij = (A exp(kappa (cos(theta_i - theta_j) - 1)) - B) / N with a sigmoid, excitation of
  neighbours and inhibition of all (Zhang 1996; Turner-Evans et al. 2017).

A bump u_psi at any psi is a fixed point. Its derivative by psi is the neutral direction; how far a
push dx moves it is v . dx with the left null vector v of the Jacobian, v . du/dpsi = 1.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

import lyapax as lx


def angles(n):
    return 2 * np.pi * np.arange(n) / n


@dataclass(frozen=True)
class Ring:
    """Weights (n, n) and what makes a network of them."""

    name: str
    W: np.ndarray
    phi: str
    bias: float = 0.0

    @property
    def n(self):
        return len(self.W)

    def network(self, W=None, **more):
        return lx.RateNetwork(
            self.W if W is None else W, phi=self.phi, bias=self.bias, form="rate", **more
        )

    @cached_property
    def bump(self):
        """The fixed point (n,) at angle 0."""
        state = np.exp(2 * (np.cos(angles(self.n)) - 1)) if self.bias else np.cos(angles(self.n))
        for _ in range(30):
            path = lx.trajectory(
                self.network(), duration=10, dt=0.1, save_every=100, initial=state, progress=False
            )
            # Rounding breaks the symmetry, and few units leave an angle that they do not like.
            state = (path.states[-1] + np.roll(path.states[-1][::-1], 1)) / 2
        return state

    def bumps(self, headings):
        """Fixed points (..., n) at these degrees, of which those at units are exact shifts."""
        waves = np.fft.rfft(self.bump)
        turned = np.exp(-1j * np.arange(len(waves)) * np.radians(headings)[..., None])
        return np.fft.irfft(waves * turned, self.n)

    @cached_property
    def neutral(self):
        """(du/dpsi, v) at angle 0: the ring's direction and the left null vector, per radian."""
        waves = np.fft.rfft(self.bump) * -1j * np.arange(self.n // 2 + 1)
        waves[-1] = 0  # of the highest wave only the cosine is known
        along = np.fft.irfft(waves, self.n)
        found = lx.adjoint(
            self.network(), along[:, None], duration=100, dt=0.1, initial=self.bump, progress=False
        )
        left = found.directions[0, :, 0]
        return along, left / (left @ along)


def cosine_ring(n=64, gain=2.0):
    between = angles(n)[:, None] - angles(n)
    return Ring("cosine ring", 2 * gain / n * np.cos(between), "tanh")


def local_ring(n=64, excitation=40.0, sharpness=2.0, inhibition=16.0, bias=-1.0):
    between = angles(n)[:, None] - angles(n)
    near = np.exp(sharpness * (np.cos(between) - 1))
    return Ring("local ring", (excitation * near - inhibition) / n, "sigmoid", bias)


def length(x):
    """Of the population vector of bumps (..., n)."""
    return np.abs(x @ np.exp(1j * angles(x.shape[-1])))


def drift(ring, W, headings):
    """Degrees per time constant by which weights W move the bump, to first order in W - ring.W."""
    _, left = ring.neutral
    slopes = np.fft.rfft(left)
    psi = np.radians(headings)[..., None]
    turned = np.fft.irfft(slopes * np.exp(-1j * np.arange(len(slopes)) * psi), ring.n)
    bumps = ring.bumps(headings)
    change = _activation(ring, bumps @ W.T) - _activation(ring, bumps @ ring.W.T)
    return np.degrees((turned * change).sum(axis=-1))


def _activation(ring, current):
    current = current + ring.bias
    return np.tanh(current) if ring.phi == "tanh" else 1 / (1 + np.exp(-current))
