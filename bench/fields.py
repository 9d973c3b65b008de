"""The benchmarked systems, written once for any library of arrays: what follows x, and J q.

`xp` is NumPy, CuPy, jax.numpy or torch; x is (members, n), q (members, n, k).
"""


def lorenz(xp, x, q):
    """Rates of change of Lorenz-63."""
    a, b, c = x[:, 0], x[:, 1], x[:, 2]
    f = xp.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c], 1)
    u, v, s = q[:, 0], q[:, 1], q[:, 2]
    a, b, c = a[:, None], b[:, None], c[:, None]
    rows = [10 * (v - u), (28 - c) * u - v - a * s, b * u + a * v - 8 / 3 * s]
    return f, xp.stack(rows, 1)


def network(xp, x, q, w):
    """Rates of change of -x + w tanh(x), with one w (n, n) or one for each member."""
    value = xp.tanh(x)
    product = value @ w.T if w.ndim == 2 else (w @ value[:, :, None])[:, :, 0]
    return product - x, w @ ((1 - value * value)[:, :, None] * q) - q


def kuramoto(xp, x, q, w):
    """Rates of change of phases at rest, coupled by the sines of their differences."""
    s, c = xp.sin(x), xp.cos(x)
    sines, cosines = s @ w.T, c @ w.T
    own = (c * cosines + s * sines)[:, :, None]
    products = c[:, :, None] * (w @ (c[:, :, None] * q)) + s[:, :, None] * (w @ (s[:, :, None] * q))
    return c * sines - s * cosines, products - own * q


def rnn(xp, x, q, w, drive):
    """Next state and tangents of tanh(w x + drive)."""
    value = xp.tanh(x @ w.T + drive)
    return value, (1 - value * value)[:, :, None] * (w @ q)


def gru(xp, x, q, w, drive=None, sigmoid=None):
    """Next state and tangents of a GRU, one product for its three gates; drive (members, 3 n)."""
    n = x.shape[1]
    sigmoid = sigmoid or (lambda u: 0.5 + 0.5 * xp.tanh(0.5 * u))
    g, p = x @ w.T, w @ q
    gates = g if drive is None else g + drive
    r, z = sigmoid(gates[:, :n]), sigmoid(gates[:, n : 2 * n])
    inner = g[:, 2 * n :]
    m = xp.tanh(r * inner if drive is None else drive[:, 2 * n :] + r * inner)
    slope = (1 - z) * (1 - m * m)
    q = (
        z[:, :, None] * q
        + (slope * inner * r * (1 - r))[:, :, None] * p[:, :n]
        + ((x - m) * z * (1 - z))[:, :, None] * p[:, n : 2 * n]
        + (slope * r)[:, :, None] * p[:, 2 * n :]
    )
    return m + z * (x - m), q


def runge_kutta(stage, x, q, dt):
    """State and tangents one step on, where `stage` gives the rates of change of both."""
    k1, y1 = stage(x, q)
    k2, y2 = stage(x + dt / 2 * k1, q + dt / 2 * y1)
    k3, y3 = stage(x + dt / 2 * k2, q + dt / 2 * y2)
    k4, y4 = stage(x + dt * k3, q + dt * y3)
    return x + dt / 6 * (k1 + 2 * (k2 + k3) + k4), q + dt / 6 * (y1 + 2 * (y2 + y3) + y4)
