"""This package: the propagator that the driver would use, fed with the same start."""

import numpy as np

import lyapax as lx
from lyapax.kernels.propagator import initial_carry
from lyapax.systems import library


def make(work):
    data = work.data()
    if work.kind == "lorenz":
        system = library["lorenz63"].system()
    elif work.kind == "block":
        system = library["pta_flow"].system(alpha=2.0, theta=0.6)
    elif work.kind == "gru":
        system = lx.GRU(data["w"], data["v"], inputs=data["inputs"].swapaxes(0, 1))
    else:
        form = "rate" if work.kind == "rnn" else "current"
        kind = "map" if work.kind == "rnn" else "flow"
        drive = None if data["inputs"] is None else data["inputs"].swapaxes(0, 1)
        system = lx.RateNetwork(data["w"], form=form, kind=kind, inputs=drive)
    propagator = system.propagator((work.members,), work.dt or 1.0, work.k, np.dtype(float))

    def run(steps):
        basis = np.broadcast_to(data["q"], (work.members, work.n, work.k)).copy()
        carry = initial_carry(data["x"].copy(), basis)
        propagator.propagate(carry, steps // work.interval, work.interval)
        return carry.log_sum + carry.compensation

    return run
