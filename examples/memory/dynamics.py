"""Spectra of recurrent networks before and after training, without input."""

import math

import numpy as np
import torch

from lyapax import gradient_horizon
from lyapax.torch import spectrum

STEPS, TRANSIENT = 500, 300


def dynamics(cell, networks):
    """Zero exponents, largest exponents and gradient horizons of the first so many networks.

    Of the leading n/2 + 1 exponents, since oscillations have one zero exponent for two units.
    Without input, from a random state: prediction L4 of the paper is that oscillations weaken as a
    task is learnt. The horizon is the number of steps after which a signal that is carried back has
    changed by a factor e in every direction: that of the exponent nearest to zero, less two
    standard errors.
    """
    found = {"zero": [], "largest": [], "horizon": []}
    states = np.random.default_rng(0).normal(0, 0.1, (networks, cell.states * cell.units))
    for i in range(networks):
        run = {"duration": STEPS, "transient": TRANSIENT, "rng": 0, "progress": False}
        start = torch.from_numpy(states[i])
        measured = spectrum(cell.module(i), initial=start, k=cell.units // 2 + 1, **run)
        horizon = gradient_horizon(measured, low=math.exp(-1), high=math.e)
        found["zero"].append(int(measured.n_zero))
        found["largest"].append(float(measured.exponents[0]))
        found["horizon"].append(float(horizon.earliest.max()))
    return found
