"""The examples run, on a small scale, and show what they claim."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

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
    pytest.importorskip("torch", reason="needs the extra lyapax[torch]")
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
    pytest.importorskip("torch", reason="needs the extra lyapax[torch]")
    example = load("floss_exponents")
    example.main(["--steps", "40", "--picture", str(tmp_path / "floss.png")])
    assert (tmp_path / "floss.png").stat().st_size > 10_000
    sizes = [float(line.split("size ")[1].split(",")[0]) for line in
             capsys.readouterr().out.splitlines() if "size " in line]  # fmt: skip
    assert sizes[1] < sizes[0] / 2
