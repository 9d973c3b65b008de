"""jitcdde with the tolerances at which its orbit is as accurate as that of RK4 with dt = 0.1."""

import delay_jitcdde

TOLERANCES = {"rtol": 1e-7, "atol": 1e-8}
UNEQUAL = "adaptive step, rtol 1e-7: x(300) is off by 1e-9, as that of RK4"


def make(work):
    return delay_jitcdde.make(work, TOLERANCES)
