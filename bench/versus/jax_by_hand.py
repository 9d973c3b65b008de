"""jax in its best form: tangents written out, small systems unrolled with members as lanes."""

import fields
import jax
import jax.numpy as jnp
import numpy as np
from jax_loop import runner
from jax_small import gram_schmidt, lanes, rk4

jax.config.update("jax_enable_x64", True)


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


def make(work):
    if work.kind in ("lorenz", "block"):
        return make_small(work)
    data = work.data()
    w = jnp.asarray(data["w"])
    inputs = None if data["inputs"] is None else jnp.asarray(data["inputs"])
    v = jnp.asarray(data["v"]) if work.kind == "gru" else None

    def step(x, q, t):
        if inputs is None:
            return rk4(lambda x, q: fields.network(jnp, x, q, w), x, q, work.dt)
        drive = inputs[t % len(inputs)]
        if v is None:
            return fields.rnn(jnp, x, q, w, drive)
        return fields.gru(jnp, x, q, w, drive @ v.T, jax.nn.sigmoid)

    return runner(work, data, step)
