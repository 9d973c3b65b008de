"""jitcdde: generated C, adaptive Bogacki-Shampine steps of the third order, its defaults.

Its error control sees the tangents too. x(300) was compared with that of RK4 with dt = 0.0125, both
from a straight history that has the slope of the equation at its end, where RK4 is of fourth order.
"""

import numpy as np
from jitcdde import jitcdde_lyap, t, y

TOLERANCES = {"rtol": 1e-5, "atol": 1e-10}
UNEQUAL = "adaptive step, rtol 1e-5: x(300) is off by 2e-8, that of RK4 by 1e-9"


def make(work, tolerances=TOLERANCES):
    if work.kind == "network":
        raise NotImplementedError(
            "symbolic: n = 100, k = 20 takes more than two minutes to compile"
        )
    if work.members > 1:
        raise NotImplementedError("one system at a time: each takes as long as one alone")
    data = work.data()
    past = y(0, t - work.tau)
    field = [float(data["beta"][0]) * past / (1 + past**10) - 0.1 * y(0)]
    system = jitcdde_lyap(field, n_lyap=work.k, max_delay=work.tau, verbose=False)
    system.compile_C()

    def run(steps, settle=0):
        system.purge_past()
        system.constant_past(data["x"])
        system.set_integration_parameters(**tolerances)
        system.step_on_discontinuities()
        total, elapsed = np.zeros(work.k), 0.0
        start, end = settle * work.dt, steps * work.dt
        while system.t < end:
            local, weight = system.integrate(min(system.t + work.tau, end + work.dt))[1:]
            if system.t > start:
                total += local * weight
                elapsed += weight
        return (total / max(elapsed, work.dt))[None]

    return run
