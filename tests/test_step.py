"""The time step: what dt does to exponents is known, and a step can be chosen by it."""

import warnings

import numpy as np
import pytest

import lyapax as lx
from lyapax._automatic_step import round_down
from lyapax._step import BLOCKS, blocks_in, sample
from lyapax.kernels.split import Split
from lyapax.systems import library

from .helpers import network, spectrum
from .numpy_system import NumpyNetwork
from .right_hand_sides import diagonal, linear


def rotation_and_decay(x, p):
    """Linear: x' = A x with eigenvalues -p.fast, and -1 +- i p.turn."""
    return [-p.fast * x[0], -x[1] - p.turn * x[2], p.turn * x[1] - x[2]]


def turning(**params):
    return lx.Flow(rotation_and_decay, 3, {"fast": 4.0, "turn": 3.0, **params})


def growth(z):
    """log |R(z)| of a Runge-Kutta step of fourth order, for dt times an eigenvalue."""
    z = np.asarray(z, complex)
    return np.log(np.abs(1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24))


def quiet(system, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the step is too large
        return spectrum(system, **options)


def test_of_a_linear_system_the_bias_is_that_of_the_stability_polynomial():
    dt = 0.2
    spec = quiet(turning(), duration=200, dt=dt)
    expected = growth([dt * (-1 + 3j), dt * (-1 + 3j), -4 * dt]) / dt - [-1, -1, -4]
    # The pair's two halves are good to how its tangents turn; their mean is not.
    mean = [spec.step_bias[:2].mean(), spec.step_bias[2]]
    np.testing.assert_allclose(mean, [expected[:2].mean(), expected[2]], rtol=0.12)
    assert (np.abs(spec.step_bias - expected) < 3 * spec.step_bias_stderr + 1e-4).all()
    assert (spec.step_bias_stderr < 0.2 * np.abs(expected).max()).all()


def test_it_falls_with_the_fourth_power_of_the_step():
    bias = [quiet(turning(), duration=200, dt=dt).step_bias[2] for dt in (0.1, 0.05)]
    assert 14 < bias[0] / bias[1] < 20


# Differences of means over 64 members and 4000 time units at dt and at a quarter of it
# (bench/step_bias.py), and their errors.
TRUE = [
    ("roessler", {}, 0.1, 2000, 0.17434, 0.0003),
    ("lorenz63", {}, 0.04, 1000, 0.0353, 0.0005),
    ("van_der_pol", {"mu": 10.0}, 0.04, 1000, 0.28143, 1e-4),
]


@pytest.mark.parametrize(("name", "params", "dt", "duration", "truth", "doubt"), TRUE)
def test_of_nonlinear_systems_it_is_what_long_runs_differ_by(
    name, params, dt, duration, truth, doubt
):
    system = library[name].system(**params)
    with pytest.warns(UserWarning, match=f"dt = {dt:g} is too large: it moves exponent"):
        spec = spectrum(system, duration=duration, dt=dt)
    bias, error = spec.step_bias[-1], spec.step_bias_stderr[-1]
    assert abs(bias - truth) < 3 * np.hypot(error, doubt)
    assert error < truth / 4
    assert "would do" in repr(spec)


def test_the_step_that_would_do_does():
    lorenz = library["lorenz63"].system()
    with pytest.warns(UserWarning, match="would do") as seen:
        spectrum(lorenz, duration=1000, dt=0.04)
    finer = float(str(seen[0].message).split("dt = ")[2].split(" ")[0])
    spec = spectrum(lorenz, duration=1000, dt=finer)
    assert 0.01 < finer < 0.03
    assert (np.abs(spec.step_bias) < spec.stderr / 2).all()
    assert "would do" not in repr(spec)


def test_exponents_do_not_depend_on_the_estimate(monkeypatch):
    lorenz = library["lorenz63"].system()
    seen = spectrum(lorenz, duration=100, dt=0.01)
    monkeypatch.setattr("lyapax._step.bias", lambda run: None)
    unseen = spectrum(lorenz, duration=100, dt=0.01)
    np.testing.assert_array_equal(seen.exponents, unseen.exponents)
    assert np.isfinite(seen.step_bias).all()
    assert np.isnan(unseen.step_bias).all()


def test_extend_looks_again_and_goes_on_where_the_run_was():
    lorenz = library["lorenz63"].system()
    spec = spectrum(lorenz, duration=50, dt=0.01, qr_every=10)
    before = spec.step_bias
    spec = spec.extend(50, progress=False)
    whole = spectrum(lorenz, duration=100, dt=0.01, qr_every=10, transient=5, alignment=5)
    np.testing.assert_array_equal(spec.exponents, whole.exponents)
    np.testing.assert_array_equal(spec.step_bias, whole.step_bias)
    assert (spec.step_bias != before).all()


def test_where_there_is_no_other_step_nothing_is_claimed():
    inputs = np.zeros((400, 12))
    for spec in (
        spectrum(library["henon"].system(), duration=200),
        spectrum(network(of=NumpyNetwork, inputs=inputs), duration=30, dt=0.1),
        spectrum(network(of=NumpyNetwork), duration=1, dt=0.1),
    ):
        assert np.isnan(spec.step_bias).all()
        assert np.isnan(spec.step_bias_stderr).all()


def test_a_system_that_depends_on_time_is_at_the_same_time_with_half_the_step():
    def driven(x, p, t):
        return [-x[0] * (2 + np.cos(3 * t))]

    spec = quiet(lx.Flow(driven, 1), duration=200, dt=0.25)
    finest = quiet(lx.Flow(driven, 1), duration=200, dt=0.025)
    assert abs(spec.step_bias[0] - (spec.exponents[0] - finest.exponents[0])) < 3e-4
    assert spec.step_bias[0] > 1e-3


def test_of_a_batch_members_are_sampled_and_the_worst_is_named():
    mu = np.linspace(0.1, 20.0, 40)
    with pytest.warns(UserWarning, match=r"member \[\d+\]"):
        spec = spectrum(library["van_der_pol"].system(mu=mu), duration=500, dt=0.02)
    known = np.isfinite(spec.step_bias).all(axis=1)
    assert known.sum() == 32
    assert known[[0, -1]].all()
    assert np.nanargmax(np.abs(spec.step_bias[:, 1])) > 30
    assert "step " in repr(spec)


def test_results_keep_it_in_files_and_older_files_lack_it(tmp_path):
    spec = spectrum(library["van_der_pol"].system(), duration=100)
    spec.save(tmp_path / "one.npz")
    again = lx.LyapunovSpectrum.load(tmp_path / "one.npz")
    assert again.step == spec.step != ""
    np.testing.assert_array_equal(again.step_bias, spec.step_bias)
    with np.load(tmp_path / "one.npz") as file:
        arrays = {k: v for k, v in file.items() if not k.startswith("step_bias")}
    arrays["facts"] = np.array(str(arrays["facts"]).replace('"step"', '"no_longer"'))
    arrays["growth"] = arrays.pop("cancellation")
    np.savez(tmp_path / "old.npz", **arrays)
    old = lx.LyapunovSpectrum.load(tmp_path / "old.npz")
    assert old.step == ""
    np.testing.assert_array_equal(old.cancellation, spec.cancellation)
    assert np.isnan(old.step_bias).all()
    assert old.step_bias.shape == (2,)
    assert "step " not in repr(old)


def test_parts_of_a_split_change_their_step_together():
    system = library["lorenz63"].system()
    part = system.propagator((2,), 0.1, 3, np.dtype(float))
    split = Split([(np.array([0, 1]), part)])
    assert split.at_step(0.05).parts[0][1].dt == 0.05
    assert part.dt == split.dt == 0.1
    henon = library["henon"].system().propagator((2,), 0.0, 2, np.dtype(float))
    assert henon.dt == Split([(np.array([0, 1]), henon)]).dt == 0.0


@pytest.mark.parametrize("steps", [16, 100, 6400, 100_000])
@pytest.mark.parametrize("leading", [-1.0, 0.01, 1.0, 100.0])
def test_blocks_are_short_where_tangents_grow(steps, leading):
    interval, per, blocks = blocks_in(steps, leading, 0.01, 32)
    assert 1 <= interval <= 32
    assert interval * per * blocks <= steps
    assert blocks <= BLOCKS
    assert leading * 0.01 * interval * per <= 0.5 or interval * per == 1


def test_samples_are_spread_over_all():
    np.testing.assert_array_equal(sample(np.arange(5), 8), np.arange(5))
    found = sample(np.arange(1000), 32)
    assert len(set(found)) == 32
    assert found[0] == 0
    assert found[-1] == 999


def test_of_an_ensemble_it_is_the_mean_beside_the_error_of_the_mean():
    lorenz = library["lorenz63"].system()
    with pytest.warns(UserWarning, match="dt = 0.03 is too large: it moves exponent 3 by") as seen:
        spec = spectrum(lorenz, tol=0.01, ensemble=True, members=64, dt=0.03)
    assert len(seen) == 1
    assert spec.step_bias.shape == (3,)
    one = quiet(lorenz, duration=2000, dt=0.03)
    off = abs(spec.step_bias[2] - one.step_bias[2])
    assert off < 3 * np.hypot(spec.step_bias_stderr[2], one.step_bias_stderr[2])
    assert spec.step_bias_stderr[2] < spec.step_bias[2] / 4
    chosen = spectrum(lorenz, tol=0.01, ensemble=True, members=64)
    assert chosen.step
    assert (np.abs(chosen.step_bias) < np.maximum(chosen.stderr, 0.02)).all()


# ---- dt="auto" ----


@pytest.mark.parametrize(
    ("name", "params", "duration", "least", "most"),
    [  # a quarter of what is needed, and the largest whose bias is half an error
        ("roessler", {}, 2000, 0.0125, 0.05),
        ("lorenz63", {}, 1000, 0.005, 0.03),
        ("van_der_pol", {"mu": 10.0}, 1000, 0.005, 0.025),
        ("pta_flow", {}, 1000, 0.1, 0.8),
    ],
)
def test_a_step_is_chosen_that_does_not_show(name, params, duration, least, most):
    system = library[name].system(**params)
    spec = spectrum(system, duration=duration)
    assert least <= spec.dt <= most
    bound = np.maximum(spec.stderr / 3, 0.2 / duration)
    assert (np.abs(spec.step_bias) < bound + 3 * spec.step_bias_stderr).all()
    assert spec.step.startswith(f"dt = {spec.dt:g}, chosen")
    assert f"step          {spec.step}" in repr(spec)
    assert spec.summary()["step"] == spec.step


def test_the_choice_has_no_chance_in_it_and_leaves_the_generator_alone():
    lorenz = library["lorenz63"].system()
    runs = [spectrum(lorenz, duration=300, dt=dt, rng=3) for dt in (None, "auto")]
    given = spectrum(lorenz, duration=300, dt=runs[0].dt, rng=3)
    for spec in runs:
        assert spec.dt == given.dt
        np.testing.assert_array_equal(spec.exponents, given.exponents)
    assert given.step == ""


def test_in_other_units_the_step_is_the_same_to_its_rounding():
    slow = lx.Flow(diagonal, 2, {"a": -1e-6, "b": -3e-6})
    fast = lx.Flow(diagonal, 2, {"a": -1.0, "b": -3.0})
    one, other = spectrum(slow, duration=2e8), spectrum(fast, duration=200)
    assert one.dt == pytest.approx(1e6 * other.dt)
    # Relative 1e-6 of the largest rate, and no more: (3 dt)^4 / 120.
    assert 1e-8 < (3 * other.dt) ** 4 / 120 < 1e-6
    np.testing.assert_allclose(other.exponents, [-1, -3], atol=3e-6)


def test_a_stiff_system_is_called_stiff():
    spec = spectrum(library["van_der_pol"].system(mu=100.0), duration=1000)
    assert "stiff: states decay at rates up to" in spec.step
    assert spec.dt < 2.785 / 300
    assert spec.attractor == "limit cycle"


def test_the_fastest_member_decides():
    rates = np.array([1.0, 2.0, 40.0])
    system = lx.Flow(linear, 1, {"a": -rates})
    batch = spectrum(system, duration=100)
    alone = spectrum(lx.Flow(linear, 1, {"a": -40.0}), duration=100)
    assert batch.dt == alone.dt
    np.testing.assert_allclose(batch.exponents[:, 0], -rates, rtol=2e-6)


def test_members_that_diverge_at_every_step_decide_nothing():
    system = lx.Flow(lambda x, p: [p.a + x[0] ** 2], 1, {"a": [-1.0, 5.0]}, initial=[-1.0])
    spec = spectrum(system, duration=50)
    alone = spectrum(system.with_params(a=-1.0), duration=50)
    assert spec.dt == alone.dt
    assert list(spec.diverged) == [False, True]
    nobody = spectrum(system.with_params(a=5.0), duration=50)
    assert nobody.diverged
    assert "diverge at each step" in nobody.step


def test_a_step_needs_a_flow_without_rows_of_inputs():
    with pytest.raises(ValueError, match="dt must not be given for a map"):
        spectrum(library["henon"].system(), duration=10, dt="auto")
    with pytest.raises(ValueError, match="dt must be given"):
        spectrum(network(inputs=np.zeros((50, 12))), duration=1)
    with pytest.raises(TypeError, match="dt must be a number"):
        spectrum(network(), duration=1, dt="fine")


def test_a_tolerance_counts_as_the_error_that_is_expected():
    roessler = library["roessler"].system()
    loose = spectrum(roessler, tol=0.05, max_duration=2000)
    tight = spectrum(roessler, duration=2000)
    assert loose.dt > tight.dt


@pytest.mark.parametrize("value", [1e-300, 0.00123, 0.02, 0.0999999, 0.1, 7.0, 3e8])
def test_steps_are_round_and_no_larger(value):
    found = round_down(value)
    assert value / 2.5 < found <= value * (1 + 1e-9)
    assert f"{found:e}"[0] in "125"
    assert float(f"{found:.0e}") == found
