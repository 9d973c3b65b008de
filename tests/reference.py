"""Plain NumPy twins of the propagators: slow, obvious, and independent of the kernels."""

import numpy as np
import scipy.linalg


def rk4(f, jacobian, x, q, dt):
    """One RK4 step of the state and its exact derivative on q."""
    ks, ys = [f(x)], [jacobian(x) @ q]
    for reach in (dt / 2, dt / 2, dt):
        stage = x + reach * ks[-1]
        ys.append(jacobian(stage) @ (q + reach * ys[-1]))
        ks.append(f(stage))
    weights = (1 / 6, 1 / 3, 1 / 3, 1 / 6)
    return (
        x + dt * sum(w * k for w, k in zip(weights, ks, strict=True)),
        q + dt * sum(w * y for w, y in zip(weights, ys, strict=True)),
    )


def etdrk4(linear, f, jacobian, x, q, dt):
    """One ETDRK4 step of dx/dt = linear x + f(x), and its exact derivative on q.

    The phi functions come from one exponential of a block matrix of 4 n rows.
    """

    def phi(z):
        n = len(z)
        block = np.zeros((4 * n, 4 * n))
        block[:n, :n] = z
        for i in range(3):
            block[i * n : (i + 1) * n, (i + 1) * n : (i + 2) * n] += np.eye(n)
        return np.split(scipy.linalg.expm(block)[:n], 4, axis=1)

    half, one, _, _ = phi(linear * dt / 2)
    whole, first, second, third = phi(linear * dt)
    q1 = dt / 2 * one
    places, turned, slopes, turns = [x], [q], [f(x)], [jacobian(x) @ q]
    for s in range(3):
        base = (places[1], turned[1]) if s == 2 else (x, q)
        rise = [2 * a[2] - a[0] if s == 2 else a[s] for a in (slopes, turns)]
        places.append(half @ base[0] + q1 @ rise[0])
        turned.append(half @ base[1] + q1 @ rise[1])
        slopes.append(f(places[-1]))
        turns.append(jacobian(places[-1]) @ turned[-1])
    shares = (
        first - 3 * second + 4 * third,
        2 * second - 4 * third,
        2 * second - 4 * third,
        4 * third - second,
    )
    return (
        whole @ x + dt * sum(w @ k for w, k in zip(shares, slopes, strict=True)),
        whole @ q + dt * sum(w @ k for w, k in zip(shares, turns, strict=True)),
    )


def positive_qr(a):
    q, r = np.linalg.qr(a)
    sign = np.where(np.diag(r) < 0, -1.0, 1.0)
    return q * sign, np.abs(np.diag(r))


def step(f, jacobian, x, q, dt):
    """dt = 0 is a map; an f with a `linear` part takes ETDRK4, one with delays knows its step."""
    if isinstance(f, Delayed):
        return f.step(x), f.tangents(x, q)
    if not dt:
        return f(x), jacobian(x) @ q
    if hasattr(f, "linear"):
        return etdrk4(f.linear, f, jacobian, x, q, dt)
    return rk4(f, jacobian, x, q, dt)


def propagate(f, jacobian, x, q, dt, intervals, steps):
    """(x, q, summed log R_jj)."""
    total = np.zeros(q.shape[1])
    for _ in range(intervals):
        for _ in range(steps):
            x, q = step(f, jacobian, x, q, dt)
        q, r = positive_qr(q)
        total += np.log(r)
    return x, q, total


def network(w, bias, tau, form, kind):
    """(f, jacobian) of a tanh rate network."""
    n = len(w)

    def flow(x):
        if form == "current":
            return (-x + w @ np.tanh(x) + bias) / tau
        return (-x + np.tanh(w @ x + bias)) / tau

    def jacobian(x):
        if form == "current":
            return (-np.eye(n) + w / np.cosh(x) ** 2) / tau
        return (-np.eye(n) + w / np.cosh(w @ x + bias)[:, None] ** 2) / tau

    if kind == "flow":
        return flow, jacobian
    return lambda x: x + flow(x), lambda x: np.eye(n) + jacobian(x)


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


def cell(kind, w, inside, b, h, c):
    """(h', c') of one layer: recurrent weights, what comes from below, biases (hh, ih)."""
    n = len(h)
    gates = np.split(np.arange(len(w)), len(w) // n)
    if kind == "rnn":
        return np.tanh(w @ h + inside + b[0] + b[1]), c
    if kind == "lstm":
        i, f, g, o = ((w @ h + inside + b[0] + b[1])[at] for at in gates)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    at_r, at_z, at_n = gates
    total = w @ h + inside + b[0] + b[1]
    r, z = sigmoid(total[at_r]), sigmoid(total[at_z])
    if kind == "gru":
        m = np.tanh(inside[at_n] + b[1][at_n] + r * ((w @ h)[at_n] + b[0][at_n]))
    else:
        m = np.tanh(inside[at_n] + b[0][at_n] + b[1][at_n] + w[at_n] @ (r * h))
    return z * h + (1 - z) * m, c


def recurrent(kind, w_hh, w_ih, b_hh, b_ih, flow=False, readout=None, offset=0.0):
    """f(x, u) of layers; u is what drives the first one, None with a readout or without."""
    layers, n = len(w_hh), w_hh[0].shape[1]

    def f(x, u=None):
        h = list(np.split(x[: layers * n], layers))
        c = list(np.split(x[layers * n :], layers)) if kind == "lstm" else [None] * layers
        old = list(h)
        if readout is not None:
            u = readout @ h[-1] + offset
        for i in range(layers):
            source = u if i == 0 else (old if flow else h)[i - 1]
            inside = 0 * (w_hh[i] @ h[i]) if source is None else w_ih[i] @ source
            h[i], c[i] = cell(kind, w_hh[i], inside, (b_hh[i], b_ih[i]), old[i], c[i])
        if flow:
            h = [new - before for new, before in zip(h, old, strict=True)]
        return np.concatenate(h + (c if kind == "lstm" else []))

    return f


def threefry(key0, key1, counter0, counter1):
    """Threefry-2x64 of 13 rounds as it is published; arguments are arrays of uint64."""
    keys = [key0, key1, np.uint64(0x1BD11BDAA9FC1A22) ^ key0 ^ key1]
    x = [counter0 + key0, counter1 + key1]
    for i in range(13):
        places = (16, 42, 12, 31, 16, 32, 24, 21)[i % 8]
        x[0] = x[0] + x[1]
        x[1] = (x[1] << np.uint64(places) | x[1] >> np.uint64(64 - places)) ^ x[0]
        if i % 4 == 3:
            injection = i // 4 + 1
            x[0] = x[0] + keys[injection % 3]
            x[1] = x[1] + keys[(injection + 1) % 3] + np.uint64(injection)
    return x


def box_muller(word0, word1):
    """Two normal numbers of two arrays of uint64, as exact as NumPy can be here."""
    wide = np.longdouble
    u = 1 - (word0 >> np.uint64(12)).astype(wide) / 2**52
    angle = ((word1 >> np.uint64(12)).astype(wide) / 2**52 - 0.5) * np.arccos(wide(0))
    radius = np.sqrt(-2 * np.log(u)) * np.where(word1 & np.uint64(1), -1, 1)
    pair = radius * np.cos(angle), radius * np.sin(angle)
    reflected = (word1 & np.uint64(2)) > 0
    return np.where(reflected, pair[1], pair[0]), np.where(reflected, pair[0], pair[1])


def normals(key, member, step, units):
    """Normal numbers of units 0 to `units` on the last axis; the others are int64 and broadcast.

    Units 2 j and 2 j + 1 are the pair of key (key, member) and counter (step, j).
    """
    given = (np.asarray(word, np.int64)[..., None] for word in (key, member, step))
    words = np.broadcast_arrays(*given, np.arange((units + 1) // 2))
    pairs = box_muller(*threefry(*(word.astype(np.uint64) for word in words)))
    both = np.stack(pairs, axis=-1).astype(float)
    return both.reshape(*both.shape[:-2], -1)[..., :units]


def noise(key, member, step, count):
    """The numbers of a step: of an odd count a pair of steps shares as many pairs of numbers."""
    if count % 2 == 0:
        return normals(key, member, step, count)
    both = normals(key, member, step // 2, 2 * count)
    return both[..., count:] if step % 2 else both[..., :count]


class Delayed:
    """x' = f(x, [x(t - tau) for each delay]): RK4 with Hermite's cubic between the last steps.

    The state is (values and slopes of the last steps, the oldest first, and the present value), and
    tangents are its derivative by one complex step, with the weights that their norm is taken in.
    """

    def __init__(self, f, delays, n, dt):
        self.f, self.delays, self.n, self.dt = f, delays, n, dt
        self.points = int(np.ceil(max(delays) / dt - 1e-9))
        steps = max(delays) / dt
        part = steps - (self.points - 1)
        if self.points == 1:
            parts = [part**2 / 2, part - part**2 / 2]
        else:
            parts = [part**2 / 2, 0.5 + part - part**2 / 2, *np.ones(self.points - 2), 0.5]
        values = np.sqrt(np.array(parts) / steps)
        values[-1] = np.sqrt(1 + values[-1] ** 2)
        pairs = np.stack([values, dt / 64 * values], axis=1).ravel()
        self.lengths = np.repeat(pairs[:-1], n)

    def constant(self, x):
        return np.concatenate([*[np.concatenate([x, 0 * x])] * self.points, x])

    def seen(self, values, slopes, at):
        """The past at `at` steps after the present, the last value."""
        left = int(np.floor(at + 1e-9))
        s, i = at - left, left + len(values) - 1
        if s < 1e-9:
            return values[i]
        h = self.dt
        return (
            (1 + 2 * s) * (1 - s) ** 2 * values[i]
            + h * s * (1 - s) ** 2 * slopes[i]
            + s**2 * (3 - 2 * s) * values[i + 1]
            - h * s**2 * (1 - s) * slopes[i + 1]
        )

    def step(self, state):
        grid = state[: -self.n].reshape(self.points, 2, self.n)
        values, slopes = [*grid[:, 0], state[-self.n :]], [*grid[:, 1]]
        x, h = values[-1], self.dt

        def rate(y, c):
            return self.f(y, [self.seen(values, slopes, c - tau / h) for tau in self.delays])

        a = rate(x, 0.0)
        slopes.append(a)
        b = rate(x + h / 2 * a, 0.5)
        c = rate(x + h / 2 * b, 0.5)
        d = rate(x + h * c, 1.0)
        after = x + h / 6 * (a + 2 * b + 2 * c + d)
        pairs = np.stack([values[1:], slopes[1:]], axis=1)
        return np.concatenate([pairs.ravel(), after])

    def tangents(self, state, q):
        tiny = 2.0**-332
        columns = q / self.lengths[:, None]
        found = [self.step(state + 1j * tiny * column).imag / tiny for column in columns.T]
        return np.array(found).T * self.lengths[:, None]
