"""Small systems in jax, unrolled with members as lanes: fields, a Runge-Kutta step and a QR."""

import jax
import jax.numpy as jnp


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
