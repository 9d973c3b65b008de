"""Plain NumPy: the values that all packages must reach, and with BLAS a competitor itself."""

import numpy as np


def gru(w, v, x, u, q):
    """Next state and tangents, one product for the three gates."""
    n = x.shape[1]
    g, s, p = x @ w.T, u @ v.T, w @ q
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    r, z = sigmoid(g[:, :n] + s[:, :n]), sigmoid((g + s)[:, n : 2 * n])
    inner = g[:, 2 * n :]
    m = np.tanh(s[:, 2 * n :] + r * inner)
    slope = (1 - z) * (1 - m * m)
    q = (
        z[:, :, None] * q
        + (slope * inner * r * (1 - r))[:, :, None] * p[:, :n]
        + ((x - m) * z * (1 - z))[:, :, None] * p[:, n : 2 * n]
        + (slope * r)[:, :, None] * p[:, 2 * n :]
    )
    return m + z * (x - m), q


def make(work):
    """A function of the number of steps: runs from the start, returns log sums (members, k)."""
    data, dt = work.data(), work.dt
    w = data["w"]

    def stage(x, q):
        """(f, J q) for x (members, n), q (members, n, k)."""
        if work.kind == "lorenz":
            a, b, c = x.T
            f = np.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c], 1)
            u, v, s = q[:, 0], q[:, 1], q[:, 2]
            a, b, c = a[:, None], b[:, None], c[:, None]
            return f, np.stack(
                [10 * (v - u), (28 - c) * u - v - a * s, b * u + a * v - 8 / 3 * s], 1
            )
        if work.kind == "block":
            value = np.tanh(x @ w.T)
            return value - x, (1 - value**2)[:, :, None] * (w @ q) - q
        value = np.tanh(x)
        slope = (1 - value**2)[:, :, None]
        return value @ w.T - x, w @ (slope * q) - q

    def step(x, q, t):
        if work.kind == "gru":
            return gru(w, data["v"], x, data["inputs"][t % len(data["inputs"])], q)
        if work.kind == "rnn":
            drive = data["inputs"][t % len(data["inputs"])]
            value = np.tanh(x @ w.T + drive)
            return value, (1 - value**2)[:, :, None] * (w @ q)
        k1, y1 = stage(x, q)
        k2, y2 = stage(x + dt / 2 * k1, q + dt / 2 * y1)
        k3, y3 = stage(x + dt / 2 * k2, q + dt / 2 * y2)
        k4, y4 = stage(x + dt * k3, q + dt * y3)
        return x + dt / 6 * (k1 + 2 * (k2 + k3) + k4), q + dt / 6 * (y1 + 2 * (y2 + y3) + y4)

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
