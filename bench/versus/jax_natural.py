"""jax as a user would write it: f, jax.jvp under vmap, jnp.linalg.qr, one jitted loop."""

import jax
import jax.numpy as jnp
from jax_loop import runner

jax.config.update("jax_enable_x64", True)


def gru(w, v, x, u):
    n = len(x)
    g, s = w @ x, v @ u
    r, z = jax.nn.sigmoid(g[:n] + s[:n]), jax.nn.sigmoid((g + s)[n : 2 * n])
    m = jnp.tanh(s[2 * n :] + r * g[2 * n :])
    return (1 - z) * m + z * x


def field(work, w, v):
    if work.kind == "gru":
        return lambda x, u: gru(w, v, x, u)
    if work.kind == "lorenz":
        return lambda x, u: jnp.stack(
            [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]
        )
    if work.kind == "block":
        return lambda x, u: jnp.tanh(w @ x) - x
    if work.kind == "rnn":
        return lambda x, u: jnp.tanh(w @ x + u)
    return lambda x, u: w @ jnp.tanh(x) - x


def make(work):
    data, dt = work.data(), work.dt
    v = jnp.asarray(data["v"]) if work.kind == "gru" else None
    f = field(work, jnp.asarray(data["w"]), v)
    inputs = jnp.zeros((1, work.members, work.n)) if data["inputs"] is None else data["inputs"]
    inputs = jnp.asarray(inputs)

    def step(x, u):
        if not dt:
            return f(x, u)
        k1 = f(x, u)
        k2 = f(x + dt / 2 * k1, u)
        k3 = f(x + dt / 2 * k2, u)
        return x + dt / 6 * (k1 + 2 * (k2 + k3) + f(x + dt * k3, u))

    def member_step(x, q, u):
        push = jax.vmap(lambda v: jax.jvp(lambda y: step(y, u), (x,), (v,)), 1, (None, 1))
        return push(q)

    def all_members(x, q, t):
        return jax.vmap(member_step)(x, q, inputs[t % len(inputs)])

    return runner(work, data, all_members)
