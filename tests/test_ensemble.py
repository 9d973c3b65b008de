"""Runs that last as long as it takes, and ensembles of members in place of one long run."""

import io
import pickle

import numpy as np
import pytest

import lyapax as lx
from lyapax import _progress as progress_module
from lyapax import _run as run_module
from lyapax.systems import library

from .helpers import spectrum
from .right_hand_sides import duffing, odd_cubic


def bistable(x, p):
    """Fixed points -1 and a: of a = 2 with exponents -3 and -6."""
    return [-(x[0] + 1) * x[0] * (x[0] - p.a)]


LORENZ = (0.90559, 0.0, -14.57215)  # as in test_statistics.py, errors below 2e-4


def lorenz(**options):
    return spectrum(library["lorenz63"].system(), dt=0.01, **options)


def test_a_run_lasts_until_the_errors_are_small():
    spec = lorenz(tol=0.01)
    assert spec.stderr.max() < 0.01
    assert (np.abs(spec.exponents - LORENZ) < 4 * spec.stderr).all()
    again = lorenz(tol=0.01)
    assert np.array_equal(spec.exponents, again.exponents)  # nothing depends on the clock
    assert lorenz(tol=0.005).duration >= 2 * spec.duration * 0.9


def test_what_goes_before_grows_with_the_run():
    spec = lorenz(tol=0.01)
    now = spec._continuation.run.now
    assert 0.1 * now.measured_steps <= now.lead < 0.2 * now.measured_steps
    assert now.lead > 3000
    given = lorenz(tol=0.01, transient=5.0)
    assert given._continuation.run.now.lead < 2000  # somebody knows better
    extended = spec.duration
    assert spec.extend(10.0, progress=False).duration == pytest.approx(extended + 10, abs=1)


def test_the_limit_holds_too():
    assert lorenz(tol=1e-9, max_duration=50).duration == pytest.approx(50, abs=1)
    with pytest.raises(ValueError, match="tol must be given without a duration"):
        lorenz(tol=0.01, duration=50)
    with pytest.raises(ValueError, match="duration must be given"):
        lorenz()


def test_ctrl_c_ends_a_run_without_limit(monkeypatch):
    calls, measure = [], run_module.Run.measure

    def interrupted(self, steps, tick):
        calls.append(steps)
        if len(calls) == 4:
            raise KeyboardInterrupt
        measure(self, steps, tick)

    monkeypatch.setattr(run_module.Run, "measure", interrupted)
    with pytest.raises(lx.Interrupted, match=r"measured over [\d.]+;") as stop:
        lorenz(tol=1e-9)
    length = stop.value.result.duration
    assert length > 100
    assert stop.value.result.extend(20, progress=False).duration == pytest.approx(
        length + 20, abs=1
    )


class Tty(io.StringIO):
    def isatty(self):
        return True


def shown(**options):
    """What a bar shows of a run, at the last look before its end."""
    seen = []
    expect = progress_module.Bar.expect

    def kept(self, left, error, tol):
        expect(self, left, error, tol)
        seen.append((self.shown.n, self.shown.total, self.shown.postfix))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress_module.Bar, "expect", kept)
        patch.setattr("sys.stderr", Tty())
        spec = lx.lyapunov_spectrum(rng=0, **options)
    return spec, seen


def test_the_bar_knows_how_long_it_takes():
    spec, seen = shown(system=library["lorenz63"].system(), dt=0.01, tol=0.004)
    done, total, text = seen[-1]
    assert total == pytest.approx(spec._continuation.run.now.carry.step, rel=0.01)
    assert total == pytest.approx(2 * done, rel=0.2)
    assert "for 0.004" in text
    assert all(total is None or total >= done for done, total, _ in seen)


def test_the_bar_says_that_an_error_does_not_fall():
    """Rounding is a share of the exponent, whatever the duration."""
    flow = lx.Flow(bistable, 1, {"a": 2.0}, initial=[2.0])
    spec, seen = shown(system=flow, dt=0.02, tol=1e-18, max_duration=500)
    assert spec.duration >= 500
    assert "does not fall: Ctrl-C" in seen[-1][2]


def test_ensemble_gives_the_exponents_of_a_long_run():
    spec = lorenz(tol=2e-3, ensemble=True)
    assert isinstance(spec, lx.EnsembleSpectrum)
    assert (spec.shape, spec.exponents.shape, spec.members.shape) == ((), (3,), (512,))
    assert 1e-3 < spec.stderr.max() < 2e-3
    assert (np.abs(spec.exponents - LORENZ) < 4 * spec.stderr).all()
    assert spec.sign.tolist() == [1, 0, -1]
    assert spec.attractor == "chaotic"
    assert spec.duration == pytest.approx(512 * spec.members.duration)
    assert abs(spec.kaplan_yorke - 2.06215) < 4 * spec.kaplan_yorke_stderr < 2e-3
    assert spec.entropy_stderr == pytest.approx(spec.stderr[0])
    # From summed blocks, as of one run, errors are the same within what these know of them.
    ratio = super(lx.EnsembleSpectrum, spec)._error_of(lambda a: a)[0] / spec.stderr[0]
    assert 0.4 < ratio < 4
    assert np.array_equal(spec.exponents, lorenz(tol=2e-3, ensemble=True).exponents)
    times, running = spec.history
    np.testing.assert_allclose(running[-1] * times[-1] / spec.duration, spec.exponents, rtol=0.1)


@pytest.mark.parametrize("name", ["lorenz63", pytest.param("henon", marks=pytest.mark.slow)])
def test_errors_of_ensembles_cover_the_truth(name):
    known, tol = library[name], {"lorenz63": 0.02, "henon": 3e-3}[name]
    truth = {"lorenz63": LORENZ, "henon": (0.41922, -1.62319)}[name]
    found = [
        lx.lyapunov_spectrum(
            known.system(),
            dt=known.dt,
            tol=tol,
            ensemble=True,
            members=16,
            rng=seed,
            progress=False,
        )
        for seed in range(100)
    ]
    error = np.array([spec.stderr for spec in found])
    away = np.array([spec.exponents for spec in found]) - truth
    assert (0.9 <= (np.abs(away) < 2 * error).mean(axis=0)).all()
    assert ((np.abs(away[:, [0, -1]]) < 2 * error[:, [0, -1]]).mean(axis=0) <= 0.99).all()
    assert (np.abs(away.mean(axis=0)) < 4 * away.std(axis=0) / 10).all()  # no bias of the starts


def test_members_in_step_have_the_error_of_one():
    spec = spectrum(library["van_der_pol"].system(), dt=0.02, tol=1e-3, ensemble=True, members=16)
    assert np.abs(spec.exponents - (0, -1.059377)).max() < 1e-3
    assert spec.attractor == "limit cycle"
    flow = lx.Flow(bistable, 1, {"a": 2.0}, initial=[2.0])
    spec = spectrum(flow, dt=0.02, tol=1e-3, ensemble=True, members=16)
    assert spec.attractor == "fixed point"
    assert 0 < spec.stderr[0] < 1e-9


def test_several_attractors_are_refused_by_name():
    flow = lx.Flow(bistable, 1, {"a": 2.0})
    with pytest.raises(RuntimeError, match="ensemble needs one attractor, but") as refused:
        spectrum(flow, dt=0.02, tol=1e-3, ensemble=True, members=32)
    text = str(refused.value)
    assert "fixed point with exponents -6 (members " in text
    assert "fixed point with exponents -3 (members " in text
    assert "\n" not in text
    members = spectrum(flow, dt=0.02, duration=50, members=32)
    right = np.nonzero(members.exponents[:, 0] < -4.5)[0]
    assert f"{len(right)} fixed point with exponents -6 (members {right[0]}, {right[1]}" in text
    # One of them is one.
    start = np.linspace(0.1, 3, 16)[:, None]
    spec = spectrum(flow, dt=0.02, tol=1e-3, ensemble=True, initial=start)
    assert spec.exponents[0] == pytest.approx(-6, abs=1e-4)  # what the step leaves


def test_chaos_beside_a_fixed_point_is_refused():
    """Lorenz at rho = 24.4: both attract."""
    flow = library["lorenz63"].system(rho=24.4)
    rest = np.sqrt(8 / 3 * 23.4)
    start = np.where(np.arange(32)[:, None] % 4, [1.0, 1.0, 20.0], [rest, rest, 23.4])
    start = start + 0.01 * np.random.default_rng(0).standard_normal((32, 3))
    with pytest.raises(RuntimeError, match=r"8 .* \(members 0, 4, 8, 12, 16, 20, ...\)"):
        spectrum(flow, dt=0.01, tol=0.01, ensemble=True, initial=start)


def test_members_that_diverge_are_another_attractor():
    cubic = lx.Map(odd_cubic, 1, {"a": 2.5, "b": 1.0})
    start = np.linspace(-2.2, 2.2, 32)[:, None]
    with pytest.raises(RuntimeError, match="diverged with exponents nan"):
        spectrum(cubic, tol=0.01, ensemble=True, initial=start)
    gone = spectrum(cubic, tol=0.01, ensemble=True, initial=start + np.sign(start) * 3)
    assert gone.diverged
    assert np.isnan(gone.exponents).all()


def test_a_batch_of_systems_has_an_ensemble_each():
    rho = np.array([28.0, 35.0, 45.0])
    spec = spectrum(
        library["lorenz63"].system(rho=rho), dt=0.01, tol=0.02, ensemble=True, members=16
    )
    assert spec.shape == (3,)
    assert spec.members.shape == (16, 3)
    assert spec.axes[0][0] == "rho"
    assert spec.kaplan_yorke.shape == spec.entropy_stderr.shape == (3,)
    assert (spec.attractor == "chaotic").all()
    assert (np.diff(spec.exponents[:, 0]) > 0.05).all()
    longer = spec._labelled([("draw", np.arange(3))]).extend(16.0, progress=False)
    assert [name for name, _ in longer.axes] == ["draw"]
    assert [name for name, _ in spec.axes] == ["rho"]


def test_ensembles_extend_save_and_travel(tmp_path):
    spec = lorenz(tol=0.02, ensemble=True, members=16)
    before, error = spec.duration, spec.stderr[0]
    assert "measured over" in repr(spec)
    spec = spec.extend(3 * before, progress=False)
    assert spec.duration == pytest.approx(4 * before, rel=0.01)
    assert spec.stderr[0] < 0.8 * error
    copy = pickle.loads(pickle.dumps(spec))
    assert np.array_equal(copy.exponents, spec.exponents)
    assert copy.entropy_stderr == spec.entropy_stderr
    spec.save(tmp_path / "ensemble.npz")
    read = lx.LyapunovSpectrum.load(tmp_path / "ensemble.npz")
    assert np.array_equal(read.stderr, spec.stderr)
    assert read.attractor == spec.attractor
    assert 0.3 < read.entropy_stderr / spec.entropy_stderr < 3


def test_interrupted_ensembles_have_a_result(monkeypatch):
    calls, measure = [], run_module.Run.measure

    def interrupted(self, steps, tick):
        calls.append(steps)
        if len(calls) == 2:
            raise KeyboardInterrupt
        measure(self, steps, tick)

    monkeypatch.setattr(run_module.Run, "measure", interrupted)
    with pytest.raises(lx.Interrupted) as stop:
        lorenz(tol=1e-3, ensemble=True, members=16)
    result = stop.value.result
    assert isinstance(result, lx.EnsembleSpectrum)
    assert abs(result.exponents[0] - 0.9056) < 0.2
    assert result.extend(160, progress=False).duration > 160


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"duration": 10}, "tol must be given with ensemble"),
        ({"tol": 0.1, "ensemble": "yes"}, "ensemble must be True or False"),
        ({"tol": 0.1, "members": 4}, "members must be >= 16"),
        (
            {"tol": 0.1, "initial": [1.0, 1.0, 1.0]},
            "initial must have a leading axis of at least 16",
        ),
        ({"tol": 0.1, "initial": np.ones((20, 3)), "members": 30}, "initial .* of 30 members"),
    ],
)
def test_bad_input(options, text):
    with pytest.raises((ValueError, TypeError), match=text):
        lorenz(**{"ensemble": True, **options})


def test_driven_systems_have_no_ensemble():
    driven = lx.Flow(duffing, 2, {"drive": 0.3})
    with pytest.raises(ValueError, match="ensemble must be False for driven systems"):
        spectrum(driven, dt=0.05, tol=0.1, ensemble=True)
