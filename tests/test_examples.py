"""The examples run, on a small scale, and show what they claim."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import lyapax as lx

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_fig5a(tmp_path, capsys):
    example = load("fig5a_lyapunov_plane")
    example.main(24, tmp_path / "plane.png")
    assert (tmp_path / "plane.png").stat().st_size > 10_000
    told = capsys.readouterr().out
    assert told.count("of the region has a zero exponent") == 3
    theta, alpha, exponents = example.plane("tanh", "continuous", 4.0, 24)
    inside = example.pta.Region(time="continuous").contains(alpha[:, None], theta)
    assert (np.abs(exponents[..., 0][inside]) < example.ZERO).mean() > 0.97
    assert (exponents[..., 1] < exponents[..., 0] + 1e-3).all()


def test_training_script(tmp_path):
    pytest.importorskip("torch", reason="needs the extra torch")
    example = load("train_with_pta")
    few = {"steps": 3, "progress": False}
    runs = {
        ("pta", 0): example.train("rnn", "pta", 0, **few),
        ("identity", 0): example.train("gru", "identity", 0, **few),
    }
    losses, before, after = runs["pta", 0]
    assert np.isfinite(losses).all()
    assert (np.abs(before) < 2e-3).sum() == example.UNITS // 2
    assert np.isfinite(after).all()
    example.draw(runs, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_fig5b(tmp_path, capsys):
    example = load("fig5b_oscillation_region")
    example.main(24, tmp_path / "region.png")
    assert (tmp_path / "region.png").stat().st_size > 10_000
    told = capsys.readouterr().out
    agreed = [float(word.rstrip("%")) for word in told.split() if word.endswith("%")]
    assert len(agreed) == 4
    assert min(agreed[::2]) > 96  # borders pass through more of a coarse grid: 99.5 % at 256
    seen, turns, _ = example.observe(np.array([1.5]), np.array([0.8]), "discrete")
    assert seen[0]
    assert abs(turns[0] - 0.8 / (2 * np.pi)) < 0.01


def test_flossing(tmp_path, capsys):
    pytest.importorskip("torch", reason="needs the extra torch")
    example = load("floss_exponents")
    example.main(["--steps", "40", "--picture", str(tmp_path / "floss.png")])
    assert (tmp_path / "floss.png").stat().st_size > 10_000
    sizes = [
        float(line.split("size ")[1].split(",")[0])
        for line in capsys.readouterr().out.splitlines()
        if "size " in line
    ]
    assert sizes[1] < sizes[0] / 2


def test_refined_plane(tmp_path):
    example = load("refined_plane")
    found = example.main(97, tmp_path / "refined.png")
    assert (tmp_path / "refined.png").stat().st_size > 20_000
    assert found.attractor.shape == (97, 97)
    names = found.attractor.attrs["flag_meanings"].split()
    classes = {names[code] for code in np.unique(found.attractor)}
    assert {"closed_curve", "fixed_point", "periodic_orbit"} <= classes
    assert 0.3 < float(found.measured.mean()) < 1


def test_exact_rows_of_fig3():
    """Rows A to C: a fixed point, two of them, and a line of them."""
    example = load("fig3_five_systems")
    point, two, line = (
        example.converged(system, example.starts(system, spread, np.random.default_rng(1))[0])
        for _, system, spread, _ in example.systems()[:3]
    )
    system = example.systems()[0][1]
    rates = np.sort(np.linalg.eigvals(system.W - np.eye(6)).real)[::-1]
    np.testing.assert_allclose(point.exponents.sum(), rates.sum(), atol=1e-6)
    # Of complex pairs the means are exact, each for itself only to the run's resolution.
    np.testing.assert_allclose(point.exponents[[2, 5]], rates[[2, 5]], atol=1e-6)
    pairs = point.exponents[[0, 3]] + point.exponents[[1, 4]]
    np.testing.assert_allclose(pairs / 2, rates[[0, 3]], atol=1e-6)
    np.testing.assert_allclose(two.exponents, [-0.65, -1, -1.01, -1.01, -1.02, -1.03], atol=1e-6)
    np.testing.assert_allclose(line.exponents, [0, -2, -3, -3, -3, -3], atol=1e-6)


@pytest.mark.slow
def test_fig3(tmp_path):
    """Of the whole picture, row D has one zero, positive ones, and the trace; row E one zero."""
    example = load("fig3_five_systems")
    results = dict(example.main(tmp_path / "fig3.png"))
    assert (tmp_path / "fig3.png").stat().st_size > 50_000
    spectra = {name: found[2] for name, found in results.items()}
    chaos, euler = results["chaos"][2:]
    assert chaos.n_positive >= 1
    assert chaos.n_zero == 1
    assert abs(chaos.exponents.sum() + 100) < 1e-3
    assert (euler > 2 * chaos.resolution).sum() > chaos.n_positive
    cycle = spectra["limit cycle"]
    assert (cycle.n_zero, cycle.n_positive) == (1, 0)
    assert cycle.attractor == "limit cycle"


def test_structural_stability(tmp_path, monkeypatch):
    example = load("structural_stability")
    monkeypatch.setattr(example, "SCALES", np.array([0.0, 0.01]))
    monkeypatch.setattr(example, "SHIFTS", np.array([0.0, 0.1]))
    monkeypatch.setattr(example, "DRAWS", 4)
    monkeypatch.setattr(example, "OSCILLATORS", (1, 2))
    monkeypatch.setattr(example, "DURATION", 400)
    results = example.main(tmp_path / "stability.png")
    assert (tmp_path / "stability.png").stat().st_size > 20_000
    weights, states = (
        {name: found.n_zero for name, found in results[kind].items()} for kind in "DS"
    )
    assert (weights["line attractor"][0] == 1).all()
    assert weights["line attractor"][1].mean() < 0.5
    for zeros in weights, states:
        assert (zeros["limit cycle"] == 1).all()
        assert (zeros["2 oscillators"] == 2).all()
    assert (states["line attractor"] == 1).all()
    assert (states["ring of 32 units"] == 1).all()


def test_new_connections_take_zeros_from_many_oscillators():
    """The claim of the picture's caption: one cycle is robust, eight oscillators are not."""
    example = load("structural_stability")
    run = {
        "draws": 4,
        "zeros": True,
        "rng": 0,
        "duration": 600,
        "transient": 500,
        "dt": 0.05,
        "k": 9,
        "progress": False,
    }
    eight = lx.robustness(example.bank(8), [0.0, 0.1], **run)
    assert (eight.n_zero[0] == 8).all()
    assert (eight.n_zero[1] < 8).all()


def test_noise_in_the_state(tmp_path, monkeypatch):
    example = load("noise_in_the_state")
    monkeypatch.setattr(example, "PATHS", 800)
    monkeypatch.setattr(example, "DURATION", 200.0)
    measured, slope, times, across = example.main(tmp_path / "noise.png")
    assert (tmp_path / "noise.png").stat().st_size > 20_000
    # The error of a mean square of so many paths, which later times repeat.
    assert abs(measured / slope - 1) < 4 * np.sqrt(2 / 800)
    early, late = across[(times > 20) & (times < 60)], across[times > 160]
    assert abs(late.mean() / early.mean() - 1) < 0.2


def test_synchrony(tmp_path, monkeypatch):
    """Nothing oscillates: no zero. Oscillators: one each. Strong coupling: a single one."""
    example = load("synchrony")
    monkeypatch.setattr(example, "BANKS", 2)
    monkeypatch.setattr(example, "RISING", example.RISING[[0, 5, 15, 25]])
    monkeypatch.setattr(example, "COUPLING", example.COUPLING[[0, 4, 40]])
    sides, signals = example.main(tmp_path / "synchrony.png")
    assert (tmp_path / "synchrony.png").stat().st_size > 20_000
    (gain, rising, weak), (_, coupled, strong) = sides.values()
    assert (gain[:2] < example.HOPF.min()).all()
    assert rising.n_zero.reshape(2, -1).tolist() == [[0, 0, example.COUNT, example.COUNT]] * 2
    assert coupled.n_zero.reshape(2, -1).tolist() == [[example.COUNT, example.COUNT, 1]] * 2
    assert (weak[:, :2] < 1e-3).all()
    assert (strong[:, 2] > 1.5 * strong[:, 0]).all()
    rest, oscillators, common = (
        signal[delay > example.DELAY - 20] for delay, signal in signals.values()
    )
    assert np.abs(rest).max() < 0.01  # a signal vanishes
    assert np.abs(common).max() > 0.1  # persists in one direction
    assert np.abs(oscillators).max() > 2 * np.abs(common).max()
    assert oscillators.min() < -0.5  # and points against what is to be learned


def test_connectome(tmp_path, monkeypatch):
    example = load("connectome")
    monkeypatch.setattr(example, "COUPLING", np.array([0.0, 1.0, 4.0]))
    monkeypatch.setattr(example, "DURATION", 100.0)
    monkeypatch.setattr(example, "DT", 0.01)
    np.save(tmp_path / "W.npy", example.connectome(20))
    spectrum, order = example.main(tmp_path / "connectome.png", tmp_path / "W.npy")
    assert (tmp_path / "connectome.png").stat().st_size > 20_000
    np.testing.assert_allclose(spectrum.exponents[0], 0.0, atol=1e-9)
    assert spectrum.n_zero[2] == 1
    assert (spectrum.exponents[2, 1:] < 0).all()
    assert order[2] > 0.8 > order[0]
