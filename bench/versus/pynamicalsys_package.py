"""pynamicalsys: RK4, one orbit at a time, modified Gram-Schmidt after every step."""

import numpy as np
from numba import njit
from pynamicalsys import ContinuousDynamicalSystem

UNEQUAL = "QR every step, own random basis"


def make(work):
    data, w = work.data(), work.data()["w"]
    if work.members > 1 and work.kind not in ("block", "lorenz"):
        raise NotImplementedError("one orbit at a time")
    if work.k != work.n or work.kind in ("rnn", "gru") or work.n > 32:
        raise NotImplementedError("full spectra of flows; larger ones take minutes")

    @njit
    def lorenz(t, u, p):
        return np.array([10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]])

    @njit
    def lorenz_jacobian(t, u, p):
        return np.array([[-10.0, 10.0, 0.0], [28 - u[2], -1.0, -u[0]], [u[1], u[0], -8 / 3]])

    @njit
    def block(t, u, p):
        return np.tanh(w @ u) - u

    @njit
    def block_jacobian(t, u, p):
        slope = 1 - np.tanh(w @ u) ** 2
        return slope.reshape(-1, 1) * w - np.eye(u.size)

    @njit
    def tanh(t, u, p):
        return w @ np.tanh(u) - u

    @njit
    def tanh_jacobian(t, u, p):
        return w * (1 - np.tanh(u) ** 2) - np.eye(u.size)

    f, jacobian = {
        "lorenz": (lorenz, lorenz_jacobian),
        "block": (block, block_jacobian),
        "tanh": (tanh, tanh_jacobian),
    }[work.kind]
    system = ContinuousDynamicalSystem(
        equations_of_motion=f, jacobian=jacobian, system_dimension=work.n, number_of_parameters=0
    )
    system.integrator("rk4", time_step=work.dt)

    def run(steps):
        found = system.lyapunov(data["x"][0], steps * work.dt)
        return np.broadcast_to(found * steps * work.dt, (1, work.k))

    run.members = 1
    return run
