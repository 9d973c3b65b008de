"""jax: as users write it (vmap of jvp), unrolled by hand, with batched products, its QR alone."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.versus.jax_small import gram_schmidt, lanes, rk4

from .workloads import Workload, member_step, step

jax.config.update("jax_enable_x64", True)
# Otherwise products of float32 are rounded to 10 bits, and exponents are wrong by 1e-3.
jax.config.update("jax_default_matmul_precision", "highest")


def arrays(work: Workload, place: str, members: int) -> tuple[Any, Any, Any]:
    if place == "cuda" and jax.default_backend() != "gpu":
        raise RuntimeError(f"jax {jax.__version__} sees no GPU here")
    data = work.data(members)
    put = lambda name: jnp.asarray(data[name], work.dtype)  # noqa: E731
    q = jnp.broadcast_to(put("q"), (members, work.n, work.n))
    return put("x"), q, put("w") if "w" in data else None


def looped(
    work: Workload,
    forward: Any,
    x: Any,
    q: Any,
    w: Any,
    orthonormal: Any,
    total: Any,
    unroll: int = 1,
) -> Callable[[int], Any]:
    """Sums after a number of steps, in one compiled loop over intervals and scans within them."""

    @jax.jit
    def loop(x, q, w, intervals):
        def one(state, _):
            return forward(*state, w), None

        def interval(_, carry):
            x, q, total = carry
            (x, q), _ = jax.lax.scan(one, (x, q), length=work.interval, unroll=unroll)
            q, logs = orthonormal(q)
            return x, q, total + logs

        return jax.lax.fori_loop(0, intervals, interval, (x, q, total))[2]

    return lambda steps: loop(x, q, w, steps // work.interval)


def by_library(q: Any) -> tuple[Any, Any]:
    q, r = jnp.linalg.qr(q)
    return q, jnp.log(jnp.abs(jnp.diagonal(r, axis1=1, axis2=2)))


def members_first(work: Workload, forward: Any, x: Any, q: Any, w: Any) -> Callable[[int], Any]:
    sums = looped(work, forward, x, q, w, by_library, jnp.zeros((len(x), work.n)))

    def run(steps: int) -> np.ndarray:
        return np.asarray(sums(steps)[work.compared, : work.leading])

    run.members = len(x)
    return run


def batched(work: Workload, place: str) -> Callable[[int], np.ndarray]:
    return members_first(work, step(jnp, work), *arrays(work, place, work.members))


def natural(work: Workload, place: str) -> Callable[[int], np.ndarray]:
    moved = member_step(jnp, work)

    def member(x, q, w):
        push = lambda v: jax.jvp(lambda y: moved(y, w), (x,), (v,))  # noqa: E731
        return jax.vmap(push, 1, (None, 1))(q)

    return members_first(work, jax.vmap(member), *arrays(work, place, work.few))


def by_hand(work: Workload, place: str, unroll: int = 1) -> Callable[[int], np.ndarray]:
    """Variables as tuples, members as the last axis, Gram-Schmidt column by column."""
    x, q, w = arrays(work, place, work.members)
    x = tuple(x.T)
    q = tuple(tuple(q[:, i, j] for i in range(work.n)) for j in range(work.n))
    c, s = (w[:, 0, 0], w[:, 1, 0]) if work.kind == "block" else (w, w)

    def stage(rotation):
        if work.kind == "lorenz":
            return lanes(work, None)
        c, s = rotation

        def block(x, q):
            (a, b), (u, v) = x, (jnp.tanh(x[0]), jnp.tanh(x[1]))
            du, dv = 1 - u * u, 1 - v * v
            columns = tuple(
                (c * (du * y) - s * (dv * z) - y, s * (du * y) + c * (dv * z) - z) for y, z in q
            )
            return (c * u - s * v - a, s * u + c * v - b), columns

        return block

    forward = lambda x, q, rotation: rk4(stage(rotation), x, q, work.dt)  # noqa: E731
    total = jnp.zeros((work.n, work.members))
    sums = looped(work, forward, x, q, (c, s), gram_schmidt, total, unroll)

    def run(steps: int) -> np.ndarray:
        return np.asarray(sums(steps)[: work.leading, work.compared]).T

    run.members = work.members
    return run


def by_hand_unrolled(work: Workload, place: str) -> Callable[[int], np.ndarray]:
    return by_hand(work, place, work.interval)


def qr(work: Workload, place: str) -> Callable[[int], np.ndarray]:
    _, a, _ = arrays(work, place, work.few)
    once = jax.jit(by_library)

    def run(steps: int) -> np.ndarray:
        for _ in range(steps):
            _, logs = once(a)
        return np.asarray(logs[work.compared, : work.leading])

    run.members = work.few
    return run
