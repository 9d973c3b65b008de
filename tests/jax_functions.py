"""Functions of jax.numpy against the same typed by hand: python -m tests.jax_functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lyapax as lx

from .test_adapters import HAND, X, values


def main():
    weights = np.random.default_rng(0).standard_normal((3, 3))

    def network(x, p):
        drive = jnp.where(x > 0, jnp.tanh(p.W @ x), jax.nn.sigmoid(x))
        ring = jnp.roll(x, 1) * jnp.sum(x**2) + jnp.clip(x, -0.5, 0.5)
        return -x + drive + p.a * ring + jnp.concatenate([x[1:], x[:1]]) + jnp.max(x)

    def by_hand(x, p):
        drive = np.where(x > 0, np.tanh(p.W @ x), 1 / (1 + np.exp(-x)))
        ring = np.roll(x, 1) * np.sum(x**2) + np.clip(x, -0.5, 0.5)
        return -x + drive + p.a * ring + np.concatenate([x[1:], x[:1]]) + np.max(x)

    params, shapes = {"W": weights, "a": 0.3}, {"W": (3, 3)}
    flow = lx.Flow.from_jax(network, 3, params, shapes=shapes)
    hand = lx.Flow(by_hand, 3, params, shapes=shapes)
    np.testing.assert_allclose(values(flow, X), values(hand, X), rtol=1e-14)

    @jax.jit
    def lorenz(t, y):
        return jnp.array([10.0 * (y[1] - y[0]), y[0] * (28.0 - y[2]) - y[1],
                          y[0] * y[1] - 8 / 3 * y[2]])  # fmt: skip

    found = lx.Flow.from_jax(lorenz, 3)
    assert not found.is_driven
    np.testing.assert_allclose(values(found, X), HAND, rtol=1e-14)
    with pytest.raises(TypeError, match=r"JAX's sort has no expression"):
        lx.Flow.from_jax(lambda x: jnp.sort(x), 3)


if __name__ == "__main__":
    main()
