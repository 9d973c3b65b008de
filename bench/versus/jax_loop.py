"""The loop over steps and QRs, jitted, that both forms of jax share."""

import jax
import jax.numpy as jnp
import numpy as np


def runner(work, data, step):
    """A function of the number of steps, where ``step(x, q, t)`` moves all members on."""

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
