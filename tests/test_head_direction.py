"""examples/head_direction: each level against the one before, readout, predictions, rings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("click")
pytest.importorskip("matplotlib")
from click.testing import CliRunner

from examples.head_direction import (
    comparison,
    oscillators,
    phases,
    predictions,
    readout,
    rings,
    spikes,
)
from examples.head_direction.__main__ import commands
from examples.head_direction.phases import PERIOD, apart
from examples.head_direction.turning import Turning, recorded, walk

EYE = readout.Readout()


# Level 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_phases_integrate_velocity(seed, count):
    """Eq. 26: whatever the way, the difference of phases is the heading, and each only advances."""
    rng = np.random.default_rng(seed)
    turning = Turning(np.cumsum(rng.uniform(0.01, 1, count)), rng.uniform(-500, 500, count))
    t = np.linspace(turning.times[0], turning.times[-1], 3001)
    heading = np.concatenate(
        [[0], np.cumsum(np.diff(t) * turning.velocity_at((t[1:] + t[:-1]) / 2))]
    )
    np.testing.assert_allclose(turning.heading(t), heading, atol=0.05)
    assert (np.diff(turning.sides(t)) >= 0).all()
    np.testing.assert_allclose(np.subtract(*turning.sides(t)), turning.heading(t), atol=1e-9)
    held = phases.heading(phases.phases(turning, t))
    np.testing.assert_allclose(apart(held, turning.heading(t)), 0, atol=1e-8)


def test_velocity_cells_fire_where_the_way_is_passed():
    turning = walk(5.0, 1)
    for cell, side in zip(turning.spikes(0.7), range(2), strict=True):
        ways = turning.sides(cell)[side]
        np.testing.assert_allclose(ways, 0.7 * (np.arange(len(cell)) + 0.5), atol=1e-8)
        assert abs(len(cell) * 0.7 - turning.sides(5.0)[side]) <= 0.35 + 1e-9


def test_walks_keep_to_what_animals_do():
    turning = walk(2000.0, 0, largest=500.0)
    velocity = turning.velocity_at(np.linspace(0, 2000, 13335))  # its knots
    assert np.abs(velocity).max() <= 500
    assert abs(np.sqrt(np.mean(velocity**2)) / 150 - 1) < 0.05
    later = np.mean(velocity[1:] * velocity[:-1]) / np.mean(velocity**2)
    assert abs(later - np.exp(-0.15 / 0.4)) < 0.05


@pytest.mark.parametrize(
    ("times", "velocity", "words"),
    [
        ([0, 1], [1, 2, 3], "one length"),
        ([0.0], [1.0], "at least 2"),
        ([0, 1, 1], [0, 0, 0], "increase"),
        ([0, np.inf], [0, 0], "finite"),
        ([0, 1], [0, np.nan], "finite"),
    ],
)
def test_bad_turnings(times, velocity, words):
    with pytest.raises(ValueError, match=words):
        Turning(times, velocity)


def test_recordings(tmp_path):
    """A header, wraps and gaps; the heading is the recorded one, from its first angle on."""
    t = np.arange(0, 4, 0.01)
    angle = 30 + 400 * np.sin(t)
    path = tmp_path / "recording.csv"
    rows = [f"{a:.4f},{b % 360:.6f}" for a, b in zip(t + 100, angle, strict=True)]
    rows[50] = "100.50,nan"
    path.write_text("\n".join(["time,angle", *rows]))
    turning = recorded(path)
    np.testing.assert_allclose(turning.heading(t), angle, atol=0.2)
    held = phases.heading(phases.phases(turning, np.array([0.0, 1.0])))
    np.testing.assert_allclose(apart(held, angle[[0, 100]]), 0, atol=0.2)


def test_recordings_at_unequal_times(tmp_path):
    """Ten minutes with lost samples, uneven times and noise: the way does not drift away."""
    rng = np.random.default_rng(0)
    t = np.cumsum(rng.uniform(0.01, 0.03, 30_000))[rng.random(30_000) > 0.1]
    angle = np.interp(t, np.arange(0, 700), np.cumsum(60 * rng.standard_normal(700)))
    path = tmp_path / "long.csv"
    noisy = (angle + rng.standard_normal(len(t))) % 360
    path.write_text("\n".join(f"{a},{b}" for a, b in zip(t, noisy, strict=True)))
    turning = recorded(path)
    off = turning.heading(t - t[0]) - angle - (turning.start - angle[0])
    assert np.sqrt(np.mean(off**2)) < 1.5
    assert abs(off[-1]) < 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at least 3 rows"),
        ("1\n2\n3\n", "two columns"),
        ("0,1,2\n1,2,3\n2,3,4\n", "two columns"),
        ("0,5;12,3\n", "two columns"),
        ("t,a\n0,1\n1,2\n", "at least 3 rows"),
        ("0,1\nx,2\n1,3\n2,4\n", "line 2"),
        ("0,1\n1,2\n1,3\n2,4\n", "increase, sample 3"),
        ("0,1\n0.01,2\n0.02,3\n", "at least 0.2 s"),
    ],
)
def test_bad_recordings(tmp_path, text, words):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        recorded(path)


def test_recordings_are_text(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_bytes("0,1".encode("utf-16"))
    with pytest.raises(ValueError, match="UTF-8"):
        recorded(path)


# Level 2


def test_oscillators_have_a_zero_exponent_for_each_pair():
    found = oscillators.spectrum()
    assert found.n_zero == 2
    assert np.abs(found.exponents[:2]).max() < 1e-9
    assert found.exponents[2] < -0.5
    assert found.attractor == "torus of dimension 2"
    rng = np.random.default_rng(0)
    noise = 1 + np.array([0.01, 0.03, 0.1])[:, None, None] * rng.standard_normal((3, 4, 4))
    changed = oscillators.spectrum(oscillators.coupled() * noise, periods=1000)
    assert (changed.n_zero == 2).all()
    assert (changed.exponents[:, 2] < -0.5).all()
    # Pairs that hear each other lock, and one of the two is lost.
    assert oscillators.spectrum(oscillators.coupled(across=0.05)).n_zero == 1


def test_delayed_exponents_are_the_roots_of_the_phases_equation():
    """Phases that neurons of a pair share or differ in: s + K (1 -+ exp(-s tau/2)) = 0."""
    k, delay = oscillators.COUPLING, oscillators.DELAY
    real, imaginary = np.meshgrid(np.linspace(-2, 0, 9), np.linspace(0, 20, 41))
    roots = []
    for sign in (1, -1):
        s = real + 1j * imaginary
        for _ in range(60):
            late = sign * np.exp(-s * delay)
            s = s - (s + k * (1 - late)) / (1 + k * delay * late)
        roots.append(s[np.abs(s + k * (1 - sign * np.exp(-s * delay))) < 1e-9])
    rates = np.concatenate(roots).real
    assert np.abs(rates.max()) < 1e-9
    found = oscillators.spectrum(k=6)
    third = rates[rates < -1e-6].max()
    assert np.abs(found.exponents[2:6] - third).max() < 4 * found.stderr[2:6].max() + 1e-3


@pytest.mark.parametrize("velocity", [500.0, -200.0, 50.0])
def test_ten_turns_end_within_two_degrees(velocity):
    found = predictions.integration(velocity=velocity)
    for end, _ in found.values():
        assert abs(end) < 2
    # The smooth ones turn too far by the third order of a sine; 1e-5 is the step's.
    turned = np.radians(abs(velocity)) * PERIOD * oscillators.DELAY
    expected = 3600 * turned**2 / 6 * (1 - 1 / oscillators.gain()) * np.sign(velocity)
    assert abs(found["oscillators"][0] - expected) < 0.04
    assert abs(found["spikes"][0]) < 1e-6  # whole degrees are whole spikes
    assert found["spikes"][1] <= abs(velocity) * 0.75 * PERIOD + 0.5 + 1e-6


def test_a_walk_at_three_levels():
    turning = oscillators.resampled(walk(3.0, 5))
    periods = 300.0
    times, found = oscillators.run(oscillators.circuit(held=25.0, turning=turning), periods)
    exact = phases.heading(phases.phases(turning, times * PERIOD)) + 25
    assert np.abs(apart(phases.heading(found), exact)).max() < 2
    trains = spikes.Circuit().run(periods, spikes.pushes(turning, 1.0), held=25.0)
    t = np.arange(5.0, periods)
    pair = spikes.phases(trains, t)
    exact = phases.heading(phases.phases(turning, t * PERIOD)) + 25
    lag = 0.75 * PERIOD * np.abs(turning.velocity).max() + 1.5
    assert np.abs(apart(phases.heading(pair), exact)).max() < lag


# Level 3


def test_periods_are_exact():
    for train in spikes.Circuit().run(500.0, held=90.0):
        assert (np.diff(train) == 1).all()
    left, right, *_ = spikes.Circuit().run(20.0, held=90.0)
    assert abs((right[5] - left[5]) % 1) == 0.5


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(1, 30), st.integers(0, 3)), max_size=40))
def test_each_velocity_spike_counts_once_whenever_it_comes(lifts):
    by = 1 / 512
    pushes = [(time, neuron, by) for time, neuron in lifts]
    pair = spikes.phases(spikes.Circuit().run(40.0, pushes, held=0.0), np.array([38.2]))
    turned = 360 * by * sum(1 if neuron < 2 else -1 for _, neuron in lifts)
    assert abs(apart(phases.heading(pair)[0], turned)) < 1e-9


def test_what_is_beyond_the_threshold_stays():
    """Pushes larger than a whole ramp are used up by the following spikes."""
    pushes = [(5.0, 0, 3.5 * spikes.RAMP)]
    pair = spikes.phases(spikes.Circuit().run(30.0, pushes), np.array([28.2]))
    assert abs(apart(phases.heading(pair)[0], 360 * 3.5 * spikes.RAMP)) < 1e-9


def test_a_lost_neuron_takes_its_pair_with_it():
    circuit = spikes.Circuit(delays=np.array([np.inf, 0.4375, 0.4375, 0.4375]))
    trains = circuit.run(50.0)
    assert [len(train) for train in trains] == [1, 1, 50, 50]


def test_velocity_spikes_at_random_add_up_as_counts():
    measured, predicted = predictions.random_spikes(turns=1, trials=200)
    assert abs(measured / predicted - 1) < 4 * np.sqrt(1 / 400)


# Readout


@pytest.mark.parametrize("h", [readout.gaussian(0.075), readout.exponential(0.1)])
@pytest.mark.parametrize("combine", [readout.product, readout.above_one_alone])
def test_tuning_is_symmetric(h, combine):
    curve = readout.Readout(h, combine).tuning()
    mirrored = curve[-np.arange(len(curve)) % len(curve)]
    assert np.abs(curve - mirrored).max() < 1e-12 * curve.max()
    assert curve.argmax() == 0
    # The whole of Eqs. 27 and 28, at places along the delay line.
    places = np.arange(64) / 64
    line = readout.Readout(h, combine).coincidences(90.0, places).mean(axis=-1)
    about = np.roll(line, -16)
    assert np.abs(about - about[-np.arange(64) % 64]).max() < 1e-12 * line.max()


def test_width_is_that_of_the_convolution():
    """Of a product the bump is h convolved with its mirror image."""
    for width in (0.04, 0.075):
        found = readout.half_width(readout.Readout(readout.gaussian(width)).tuning())
        assert abs(found / (2 * np.sqrt(2 * np.log(2)) * np.sqrt(2) * width) - 1) < 1e-3
    for width in (0.03, 0.06):
        curve = readout.Readout(readout.exponential(width)).tuning()
        assert abs(readout.half_width(curve) / (2 * width * np.log(2)) - 1) < 0.02
    signal = EYE.filtered()
    convolved = np.fft.irfft(np.abs(np.fft.rfft(signal)) ** 2, len(signal)) / len(signal)
    np.testing.assert_allclose(EYE.tuning(), convolved, rtol=1e-9)


def test_bumps_of_spikes_are_those_of_the_formula():
    places = np.arange(72) / 72
    trains = spikes.Circuit().run(30.0, held=75.0)
    found = EYE.of_spikes(trains, [20.0, 25.3], places, resolution=1 / 512)
    expected = EYE.coincidences(75.0, places).mean(axis=-1)
    np.testing.assert_allclose(found, np.stack([expected] * 2), atol=1e-3 * expected.max())
    assert places[found[0].argmax()] * 360 == 75


def test_segments_hold_the_heading():
    held = np.arange(0, 360, 7.5)
    activity = EYE.segments(held)
    assert np.abs(apart(readout.population_vector(activity), held)).max() < 0.1
    assert np.abs(apart(readout.best_match(activity, EYE), held)).max() <= 0.5


# Predictions


def test_m1_one_trial_is_decoded():
    found = predictions.decoding(trials=200, windows=(1, 8, 64))
    assert (np.abs(found.measured / found.predicted - 1) < 4 * np.sqrt(1 / 400)).all()


def test_m2_a_reset_erases_after_the_longest_delay():
    found, spread = predictions.resetting((0.1, 0.3, 1.0))
    assert (np.diff(found.measured) > 2).all()
    assert abs(found.measured[-1] - 90) < 0.5
    assert (np.diff(spread) < -10).all()
    assert spread[-1] < 0.2


def test_m3_pulses_move_the_memory_by_the_resetting_curve():
    weak = predictions.pulse_response(0.01, phases=12)
    assert np.abs(weak.measured - weak.predicted).max() < 0.01 * np.abs(weak.predicted).max()
    constant = predictions.spike_response(phases=16)
    np.testing.assert_allclose(constant.measured, constant.predicted, atol=1e-9)


def test_m4_velocity_desynchronises_while_it_lasts():
    locking, after = predictions.desynchronisation((0, 200, 500))
    np.testing.assert_allclose(locking.measured, locking.predicted, atol=3e-4)
    assert locking.measured[-1] < 0.9
    np.testing.assert_allclose(after, 1, atol=1e-9)


def test_m5_lesions():
    found = predictions.lesions(removed=(0, 2, 5))
    assert (found.memory < 1e-9).all()
    assert (found.matched[:2] < 1.2 * found.bound[:2]).all()
    assert (found.matched[:2] > 0.9 * found.bound[:2]).all()
    assert (np.diff(found.vector) > 5).all()
    for errors in found.ring.values():
        assert errors[0] < 1e-6
        assert errors[1] > 40
    # Half of the cosine ring is at the critical gain: no angle moves, but the bump decays.
    assert predictions.ring_after_lesion(rings.cosine_ring(), 0.5) == predictions.CHANCE
    assert predictions.ring_after_lesion(rings.cosine_ring(gain=3.0), 0.5) < 1e-6


# Beside ring attractors


def test_diffusion_constants_are_those_of_the_neutral_covectors():
    found = [comparison.diffusion_of_ring(ring) for ring in (rings.cosine_ring(),)]
    found += [comparison.diffusion_of_ring(rings.local_ring())]
    found += [comparison.diffusion_of_oscillators(), comparison.diffusion_of_spikes()]
    for one in found:
        assert one.errors.shape[0] == 200
        measured, error = one.measured
        assert abs(measured - one.slope) < 3 * error, one.name
        assert error < 0.15 * one.slope


@pytest.mark.parametrize("make", [rings.cosine_ring, rings.local_ring])
def test_weights_make_rings_drift_to_wells(make):
    ring = make()
    found = comparison.drift_of_ring(ring, draws=3, duration=40.0)
    assert abs(found.speed / found.first - 1) < 0.02
    predicted, ends = comparison.wells(ring, starts=24)
    assert len(ends) == len(predicted) == 2
    assert np.abs(apart(ends, predicted)).max() < 3


@pytest.mark.parametrize("kind", comparison.KINDS)
def test_periods_set_by_shared_delays_do_not_drift(kind):
    found = comparison.drift_of_oscillators(kind, draws=6, duration=40.0)
    if kind.startswith("own"):
        assert abs(found.speed / found.first - 1) < 0.05
        assert found.first > 1
    elif kind == "weights off rhythm":
        assert abs(found.speed / found.first - 1) < 0.1
        assert 0.01 < found.first < 0.1
    else:
        assert found.first == 0
        assert found.rms.max() < 1e-3


def test_rings_of_few_units_are_none():
    few, many = comparison.by_units(counts=(8, 64), duration=1000.0)
    assert 10 < few[2] < 22.6
    assert many[2] < 1e-9
    bump = rings.cosine_ring(8).bump  # at the angle 0, where it does not stay
    np.testing.assert_allclose(bump, np.roll(bump[::-1], 1), atol=1e-12)
    counts = comparison.well_counts(rings.cosine_ring(), draws=6)
    assert ((counts >= 1) & (counts <= 8)).all()


def test_kinds_are_named():
    with pytest.raises(ValueError, match="kind must be one of weights"):
        comparison.drift_of_oscillators("all")


# The commands


def test_figure_and_animation(tmp_path):
    run = CliRunner().invoke
    done = run(commands, ["figure", str(tmp_path / "six.png"), "--seconds", "2"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "six.png").stat().st_size > 50_000
    assert float(done.output.split("square ")[1].split()[0]) < 4
    done = run(commands, ["animate", str(tmp_path / "turn.gif"), "--seconds", "1"])
    assert done.exit_code == 0, done.output
    from PIL import Image

    with Image.open(tmp_path / "turn.gif") as moving:
        assert moving.n_frames == 12


def test_what_is_wrong_is_said_in_a_line(tmp_path):
    (tmp_path / "bad.csv").write_text("1\n2\n")
    run = CliRunner().invoke
    done = run(
        commands, ["figure", str(tmp_path / "x.png"), "--heading", str(tmp_path / "bad.csv")]
    )
    assert done.exit_code == 1
    assert "two columns" in done.output
    done = run(commands, ["animate", str(tmp_path / "x.avi"), "--seconds", "1"])
    assert done.exit_code == 2
    assert ".gif or .mp4" in done.output
    done = run(commands, ["animate", str(tmp_path / "x.png"), "--seconds", "1"])
    assert done.exit_code == 1
    assert ".gif or an .mp4" in done.output
    done = run(commands, ["predict", str(tmp_path / "none" / "x.png")])
    assert done.exit_code == 2
    assert "no folder" in done.output
    done = run(commands, ["figure", str(tmp_path / "x.png"), "--seconds", "nan"])
    assert done.exit_code == 1
    assert "got nan" in done.output
