"""jitcode: generated C, adaptive dopri5 on the state's error, QR after each call."""

import numpy as np
from jitcode import jitcode_lyap, y
from symbolic import equations
from symengine import tanh

UNEQUAL = "adaptive step"


def make(work):
    if work.kind not in ("lorenz", "block"):
        raise NotImplementedError("symbolic: n = 8 takes minutes to compile, n = 24 does not")
    data = work.data()
    system = jitcode_lyap(equations(work, data["w"], y, tanh), n_lyap=work.k, verbose=False)
    system.set_integrator("dopri5")

    def run(steps):
        system.set_initial_value(data["x"][0], 0.0)
        total, width = np.zeros(work.k), work.interval * work.dt
        for i in range(steps // work.interval):
            total += np.asarray(system.integrate((i + 1) * width)[1]) * width
        return total[None]

    run.members = 1
    return run
