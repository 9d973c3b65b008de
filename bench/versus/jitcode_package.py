"""jitcode: generated C, adaptive dopri5 on the state's error, QR after each call."""

import numpy as np
from jitcode import jitcode_lyap, y
from symbolic import equations
from symengine import tanh

UNEQUAL = "adaptive step"


def make(work):
    if work.kind == "rnn" or work.n > 16 or (work.kind == "tanh" and work.members > 1):
        raise NotImplementedError("symbolic: minutes to compile from n = 24 on; one orbit")
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
