"""Right-hand sides as people write them: right to the last digits, or refused in one line."""

import numpy as np
import pytest

import lyapax as lx
from lyapax.kernels.codegen import on_arrays

from .ways_to_write import REFUSED, WAYS

STEPS, DT = 100, 0.01


def runge_kutta(f, x):
    t = 0.0
    for _ in range(STEPS):
        k1 = f(x, t)
        k2 = f(x + DT / 2 * k1, t + DT / 2)
        k3 = f(x + DT / 2 * k2, t + DT / 2)
        k4 = f(x + DT * k3, t + DT)
        x, t = x + DT / 6 * (k1 + 2 * k2 + 2 * k3 + k4), t + DT
    return x


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_it_is_what_numpy_makes_of_it(way):
    flow = lx.Flow(way.f, way.dim, way.params, **way.options)
    f = on_arrays(flow.graph, flow.graph.outputs)
    table = flow._table().ravel().tolist()

    def ours(x, t):
        return np.array([float(v) for v in f(t, list(x), table)])

    start = np.random.default_rng(1).uniform(-1, 1, way.dim)
    with np.errstate(all="ignore"):
        found, expected = runge_kutta(ours, start), runge_kutta(way.numbers, start)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_how_many():
    assert len(WAYS) + len(REFUSED) >= 60
    assert len(REFUSED) <= 6


@pytest.mark.parametrize(
    ("f", "dim", "words", "error"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_is_refused_says_what_to_write(f, dim, words, error):
    with pytest.raises(error) as refusal:
        lx.Flow(f, dim)
    said = str(refusal.value)
    assert words in said
    assert "ways_to_write.py:" in said
    assert len(said) < 200
    assert "\n" not in said
