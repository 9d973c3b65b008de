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

    def plain(x, t):
        return way.numbers(x.copy(), t)

    start = np.random.default_rng(1).uniform(-1, 1, way.dim)
    with np.errstate(all="ignore"):
        found, expected = runge_kutta(ours, start), runge_kutta(plain, start)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, p: x.astype(int) * 1.0,
        lambda x, p: np.array([x[0], x[1]], dtype=int),
        lambda x, p: np.zeros_like(x, dtype=int) + x,
        lambda x, p: np.sum(x, dtype=int) + x,
    ],
)
def test_integers_are_refused(f):
    """NumPy would cut off what is behind the point."""
    with pytest.raises(TypeError, match=r"int64 of what varies: write np\.trunc"):
        lx.Flow(f, 2)


def test_parameters_are_asked_for_by_name():
    def f(x, p):
        assert not hasattr(p, "z")
        assert "a" in p
        return [getattr(p, "z", 3.0) * x[0] * p.get("a")]

    assert str(lx.Flow(f, 1, {"a": 2.0}).graph.outputs[0]) == "3*p0*x0"
    with pytest.raises(ValueError, match="params must have 2 values, a, b, got 3"):
        lx.Flow(lambda t, y, a, b: y, 1, (3.0, 4.0, 5.0))
    with pytest.raises(TypeError, match=r'signature="ty" says so'):
        lx.Flow(lambda s, y: [y[0]], 1)


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
