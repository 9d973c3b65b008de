"""Sums of exponents: entropy, dimension, partial sums, and their errors."""

import numpy as np
import pytest

import lyapax as lx
from lyapax import _sums as sums
from lyapax.systems import library, lorenz96_of

from .helpers import spectrum

# Entropy and dimension with their errors, from `pooled` over 64 runs of 16 times the length at the
# same dt, with other seeds.
RUNS = {
    "roessler": (library["roessler"].system, 2000, 300, ((0.07139, 0.00011), (2.013234, 0.00002))),
    "lorenz96": (lorenz96_of(20).system, 200, 20, ((4.9435, 0.0055), (13.4735, 0.0040))),
}


@pytest.mark.parametrize("name", ["roessler", pytest.param("lorenz96", marks=pytest.mark.slow)])
def test_two_standard_errors_cover_entropy_and_dimension(name):
    """On Lorenz-96 the errors of exponents, added as if independent, cover 81 to 89 %."""
    build, duration, transient, truth = RUNS[name]
    spec = spectrum(build(), duration=duration, dt=0.02, transient=transient, members=200, rng=1)
    for quantity, (value, uncertainty) in zip(("entropy", "kaplan_yorke"), truth, strict=True):
        found, error = getattr(spec, quantity), getattr(spec, f"{quantity}_stderr")
        assert uncertainty < np.median(error) / 10
        assert 0.90 <= (np.abs(found - value) < 2 * error).mean() <= 0.99
        assert 0.8 < np.median(error) / found.std() < 1.4


@pytest.fixture(scope="module")
def lorenz():
    return spectrum(library["lorenz63"].system(), duration=200, dt=0.01, members=20)


def test_the_sum_of_all_exponents_is_the_divergence(lorenz):
    """-(sigma + 1 + beta), which does not fluctuate although the exponents do."""
    value, error = lorenz.partial_sums
    assert value.shape == error.shape == lorenz.exponents.shape
    assert np.abs(value[:, -1] + 10 + 1 + 8 / 3).max() < 2e-4  # what the step leaves
    assert error[:, -1].max() < 1e-3 * error[:, 0].min()
    np.testing.assert_array_equal(value[:, 0], lorenz.exponents[:, 0])
    np.testing.assert_allclose(error[:, 0], lorenz.stderr[:, 0], rtol=1e-9)


def test_a_linear_combination_is_what_the_others_are_made_of(lorenz):
    np.testing.assert_allclose(
        lorenz.linear_combination([1, 1, 0]), [a[:, 1] for a in lorenz.partial_sums], rtol=1e-9
    )
    positive = np.where(lorenz.sign == 1, 1.0, 0.0)
    value, error = lorenz.linear_combination(positive)
    np.testing.assert_allclose(value, lorenz.entropy, rtol=1e-12)
    np.testing.assert_allclose(error, lorenz.entropy_stderr, rtol=1e-9)
    assert isinstance(spectrum(library["henon"].system(), duration=200).entropy, float)


@pytest.mark.parametrize(
    ("weights", "error", "text"),
    [
        ([1, 2], ValueError, r"weights must have shape \(..., 3\)"),
        (np.ones((7, 3)), ValueError, "weights"),
        ("word", TypeError, "weights"),
        ([1, np.nan, 0], ValueError, "weights must be finite"),
        (np.ones((2, 20, 3)), ValueError, "weights"),
    ],
)
def test_wrong_weights(lorenz, weights, error, text):
    with pytest.raises(error, match=text):
        lorenz.linear_combination(weights)


def test_dimension_of_known_exponents():
    def dimension(values, dim=None):
        value, weights, bound = sums.kaplan_yorke(np.array(values), dim or len(values))
        return float(value), weights.tolist(), bool(bound)

    assert dimension([0.9, 0.0, -14.5])[0] == pytest.approx(2 + 0.9 / 14.5)
    value, weights, bound = dimension([1.0, 0.5, -2.0, -9.0])
    assert (value, weights, bound) == (2.75, [0.5, 0.5, 0.375, 0.0], False)
    assert dimension([np.log(2)]) == (1.0, [0.0], False)
    assert dimension([0.9, 0.0], dim=3) == (2.0, [0.0, 0.0], True)
    assert dimension([-1.0, -2.0]) == (0.0, [0.0, 0.0], False)
    assert dimension([0.0, -1.0]) == (1.0, [1.0, 0.0], False)
    assert dimension([0.5, -np.inf])[0] == 1.0
    assert dimension([0.5, np.nan]) == (1.0, [0.0, 0.0], True)
    assert np.isnan(dimension([np.nan, np.nan])[0])
    many = sums.kaplan_yorke(np.array([[1.0, 0.5, -2.0], [-1.0, -2.0, -3.0]]), 3)
    assert many[0].tolist() == [2.75, 0.0]


def test_where_all_sums_are_positive_the_dimension_is_that_of_the_space():
    for name, dim in (("logistic", 1), ("cat_map", 2)):
        spec = spectrum(library[name].system(), duration=2000)
        assert spec.kaplan_yorke == pytest.approx(dim, abs=1e-9)
        assert not spec.kaplan_yorke_is_bound
    spec = spectrum(library["lorenz63"].system(), duration=200, dt=0.01, k=2)
    assert (spec.kaplan_yorke, spec.kaplan_yorke_is_bound) == (2.0, True)
    assert ">= 2, not reached by 2 exponents" in repr(spec)
    assert spec.summary()["kaplan_yorke_is_bound"] is True


def test_a_cycle_has_dimension_1_without_an_error():
    spec = spectrum(library["stuart_landau"].system(), duration=200, dt=0.05)
    assert (spec.kaplan_yorke, spec.kaplan_yorke_stderr) == (1.0, 0.0)
    assert (spec.entropy, spec.entropy_stderr) == (0.0, 0.0)


def test_a_dead_or_lost_direction_does_not_spoil_the_others():
    w = np.diag([0.5, 0.9, 0.0])
    spec = spectrum(lx.RateNetwork(w, kind="map", phi="linear"), duration=300, qr_every=1)
    value, error = spec.partial_sums
    assert np.isneginf(value[-1])
    assert error[-1] == 0.0
    assert np.isfinite(value[:-1]).all()
    assert spec.linear_combination([1, 1, 0])[0] == pytest.approx(np.log(0.45))
    gone = spectrum(lx.Map(lambda x, p: [2 * x[0] + 1], 1), duration=2000, transient=100)
    assert np.isnan([gone.entropy, gone.entropy_stderr, gone.kaplan_yorke, gone.needed(1.0)]).all()


def test_pooled_sums_have_the_spread_of_the_sums(lorenz):
    mean, error = lorenz.pooled(of="partial_sums")
    assert mean.shape == error.shape == (3,)
    assert error[-1] < 1e-4 * error[0]
    value, error = lorenz.pooled(of="entropy")
    assert value == lorenz.pooled()[0][0]
    assert error == pytest.approx(lorenz.pooled()[1][0])
    value, error = lorenz.pooled(of="kaplan_yorke")
    assert abs(value - 2.0621) < 4 * error < 0.01


def test_the_needed_duration_is_enough():
    """Four times as long for half the error; ten times for a tenth of a cycle's zero."""
    henon = library["henon"].system()
    short = spectrum(henon, duration=20000)
    needed = short.needed(short.stderr.max() / 2)
    assert 2.5 * 20000 < needed < 6 * 20000
    long = spectrum(henon, duration=needed)
    assert 0.6 < long.stderr.max() / (short.stderr.max() / 2) < 1.5
    cycle = spectrum(library["van_der_pol"].system(), duration=200, dt=0.02)
    assert 8 < cycle.needed(cycle.stderr[0] / 10) / cycle.duration < 12
    assert np.isnan(spectrum(henon, duration=4, qr_every=1).needed(1e-3))
    assert np.isinf(short.needed(1e-300))
