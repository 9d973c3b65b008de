"""jax in its best form: tangents written out, small systems unrolled with members as lanes."""

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def lanes(work, w):
    """(x, columns) -> (f, J columns) on tuples of arrays over the members."""
    if work.kind == "lorenz":

        def stage(x, q):
            a, b, c = x
            f = (10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c)
            out = []
            for u, v, s in q:
                out.append((10 * (v - u), (28 - c) * u - v - a * s, b * u + a * v - 8 / 3 * s))
            return f, tuple(out)

        return stage

    def stage(x, q):
        a, b = x
        s, t = jnp.tanh(w[0, 0] * a + w[0, 1] * b), jnp.tanh(w[1, 0] * a + w[1, 1] * b)
        ds, dt = 1 - s * s, 1 - t * t
        columns = tuple(
            (ds * (w[0, 0] * u + w[0, 1] * v) - u, dt * (w[1, 0] * u + w[1, 1] * v) - v)
            for u, v in q
        )
        return (s - a, t - b), columns

    return stage


def gram_schmidt(q):
    """Modified Gram-Schmidt, unrolled: (columns, log norms)."""
    done, logs = [], []
    for column in q:
        for other in done:
            dot = sum(a * b for a, b in zip(column, other, strict=True))
            column = tuple(a - dot * b for a, b in zip(column, other, strict=True))
        square = sum(a * a for a in column)
        inverse = jax.lax.rsqrt(square)
        done.append(tuple(a * inverse for a in column))
        logs.append(0.5 * jnp.log(square))
    return tuple(done), jnp.stack(logs)


def rk4(stage, x, q, dt):
    add = lambda a, b, s: jax.tree.map(lambda u, v: u + s * v, a, b)  # noqa: E731
    k1 = stage(x, q)
    k2 = stage(*add((x, q), k1, dt / 2))
    k3 = stage(*add((x, q), k2, dt / 2))
    k4 = stage(*add((x, q), k3, dt))
    return jax.tree.map(
        lambda a, b, c, d, e: a + dt / 6 * (b + 2 * (c + d) + e), (x, q), k1, k2, k3, k4
    )


def make_small(work):
    data = work.data()
    stage = lanes(work, data["w"])

    @jax.jit
    def loop(x, q, intervals):
        def interval(_, carry):
            x, q, total = carry
            one = lambda _, state: rk4(stage, *state, work.dt)  # noqa: E731
            x, q = jax.lax.fori_loop(0, work.interval, one, (x, q))
            q, logs = gram_schmidt(q)
            return x, q, total + logs

        start = jnp.zeros((work.k, work.members))
        return jax.lax.fori_loop(0, intervals, interval, (x, q, start))[2]

    def run(steps):
        x = tuple(jnp.asarray(column) for column in data["x"].T)
        full = np.ones(work.members)
        q = tuple(tuple(jnp.asarray(e * full) for e in column) for column in data["q"].T)
        return np.asarray(loop(x, q, steps // work.interval)).T

    return run


def gru(w, v, x, u, q):
    """Next state and tangents, one product for the three gates."""
    n = x.shape[1]
    g, s, p = x @ w.T, u @ v.T, w @ q
    r, z = jax.nn.sigmoid(g[:, :n] + s[:, :n]), jax.nn.sigmoid((g + s)[:, n : 2 * n])
    inner = g[:, 2 * n :]
    m = jnp.tanh(s[:, 2 * n :] + r * inner)
    slope = (1 - z) * (1 - m * m)
    q = (
        z[:, :, None] * q
        + (slope * inner * r * (1 - r))[:, :, None] * p[:, :n]
        + ((x - m) * z * (1 - z))[:, :, None] * p[:, n : 2 * n]
        + (slope * r)[:, :, None] * p[:, 2 * n :]
    )
    return m + z * (x - m), q


def make(work):
    if work.kind in ("lorenz", "block"):
        return make_small(work)
    data, dt = work.data(), work.dt
    w = jnp.asarray(data["w"])
    inputs = None if data["inputs"] is None else jnp.asarray(data["inputs"])

    def stage(x, q):
        value = jnp.tanh(x)
        return value @ w.T - x, w @ ((1 - value * value)[:, :, None] * q) - q

    v = jnp.asarray(data["v"]) if work.kind == "gru" else None

    def step(x, q, t):
        if v is not None:
            return gru(w, v, x, inputs[t % len(inputs)], q)
        if inputs is None:
            return rk4(stage, x, q, dt)
        value = jnp.tanh(x @ w.T + inputs[t % len(inputs)])
        return value, (1 - value * value)[:, :, None] * (w @ q)

    @jax.jit
    def loop(x, q, intervals):
        def interval(i, carry):
            x, q, total = carry
            one = lambda j, state: step(*state, i * work.interval + j)  # noqa: E731
            x, q = jax.lax.fori_loop(0, work.interval, one, (x, q))
            q, r = jnp.linalg.qr(q)
            return x, q, total + jnp.log(jnp.abs(jnp.diagonal(r, axis1=1, axis2=2)))

        total = jnp.zeros((work.members, work.k))
        return jax.lax.fori_loop(0, intervals, interval, (x, q, total))[2]

    def run(steps):
        q = jnp.broadcast_to(jnp.asarray(data["q"]), (work.members, work.n, work.k))
        return np.asarray(loop(jnp.asarray(data["x"]), q, steps // work.interval))

    return run
