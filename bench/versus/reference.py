"""Plain NumPy: the values that all packages must reach, and with BLAS a competitor itself."""

import fields
import numpy as np


def make(work):
    """A function of the number of steps: runs from the start, returns log sums (members, k)."""
    data, dt = work.data(), work.dt
    w = data["w"]

    def stage(x, q):
        """(f, J q) for x (members, n), q (members, n, k)."""
        if work.kind == "lorenz":
            return fields.lorenz(np, x, q)
        if work.kind == "block":
            value = np.tanh(x @ w.T)
            return value - x, (1 - value**2)[:, :, None] * (w @ q) - q
        return fields.network(np, x, q, w)

    def step(x, q, t):
        if data["inputs"] is None:
            return fields.runge_kutta(stage, x, q, dt)
        drive = data["inputs"][t % len(data["inputs"])]
        if work.kind == "rnn":
            return fields.rnn(np, x, q, w, drive)
        return fields.gru(np, x, q, w, drive @ data["v"].T)

    def run(steps):
        x = data["x"].copy()
        q = np.broadcast_to(data["q"], (work.members, work.n, work.k)).copy()
        total = np.zeros((work.members, work.k))
        for t in range(steps):
            x, q = step(x, q, t)
            if (t + 1) % work.interval == 0:
                q, r = np.linalg.qr(q)
                total += np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)))
        return total

    return run
