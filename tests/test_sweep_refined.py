"""Refined planes: what is measured has the bits of the full plane, the rest is interpolated."""

import shutil
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

import lyapax as lx
from lyapax._sweep.lost import Lost
from lyapax._sweep.refinement import COARSE, Refinement
from lyapax._sweep.variables import VARIABLES, unmeasured
from lyapax.pta import block_system

from .failing import Failing
from .test_sweep import same

OPTIONS = {"duration": 400, "progress": False}


def known(function, shape, k=1):
    """A plane whose values are known, and a count of how often each point was measured."""
    values = tuple(np.linspace(0.0, 1.0, n) for n in shape)
    whole = function(*np.meshgrid(*values, indexing="ij"))
    arrays = {name: a.reshape(-1, *a.shape[len(shape) :]) for name, a in whole.items()}
    counts = np.zeros(shape, int)

    def measure(points):
        counts.ravel()[points] += 1
        return {name: array[points] for name, array in arrays.items()}

    return values, whole, measure, counts


def classes_of(code, exponents=None):
    found = unmeasured(code.shape, 1)
    found["attractor"][:] = code
    found["exponents"][..., 0] = code if exponents is None else exponents
    found["stderr"][:] = 0.0
    found["sign"][:] = found["n_zero"][:] = found["n_positive"][:] = found["status"][:] = 0
    found["measured"][:] = True
    return found


def discs(x, y):
    return classes_of(((x - 0.4) ** 2 + (y - 0.5) ** 2 < 0.1) + 2 * (x + y > 1.6))


SHAPES = [(257, 257), (200, 131), (2 * COARSE + 1, 400), (70, 90)]


@pytest.mark.parametrize("shape", SHAPES)
def test_boundaries_are_exact(shape):
    values, whole, measure, counts = known(discs, shape)
    found = Refinement(values, 1, None)
    found.run(measure)
    assert counts.max() == 1
    np.testing.assert_array_equal(found.arrays["measured"], counts > 0)
    np.testing.assert_array_equal(found.arrays["attractor"], whole["attractor"])
    np.testing.assert_array_equal(found.arrays["exponents"], whole["exponents"])
    if min(shape) > 256:
        assert counts.mean() < 0.15
    # Each point beside another class was measured.
    code = whole["attractor"]
    for axis in (0, 1):
        first, second = np.nonzero(np.diff(code, axis=axis))
        assert counts[first, second].all()


def test_more_and_fewer_axes():
    for shape in ((2000,), (129, 65, 67)):
        values, whole, measure, counts = known(lambda *x: classes_of((sum(x) > 0.7) * 1), shape)
        found = Refinement(values, 1, None)
        found.run(measure)
        np.testing.assert_array_equal(found.arrays["attractor"], whole["attractor"])
        assert 0 < counts.mean() < 0.3


def test_between_points_reals_are_bilinear():
    """On uneven axes, ascending and descending."""
    x, y = np.linspace(0, 1, 65) ** 2, 1 - np.linspace(0, 1, 129) ** 3
    exact = 1 + 2 * x[:, None] - 3 * y + 4 * x[:, None] * y
    whole = classes_of(np.zeros(exact.shape, int), exact)
    found = Refinement((x, y), 1, None)
    found.run(lambda points: {n: a.reshape(-1, *a.shape[2:])[points] for n, a in whole.items()})
    assert found.arrays["measured"].mean() < 0.4
    np.testing.assert_allclose(found.arrays["exponents"][..., 0], exact, rtol=1e-13)
    assert (found.arrays["sign"] == 0).all()


def test_a_tolerance_bounds_the_deviation():
    def ridge(x, y):
        return classes_of(np.zeros(x.shape, int), np.exp(-(((x - 0.5 * y) / 0.03) ** 2)))

    shape, tolerance = (513, 513), 0.01
    values, whole, measure, counts = known(ridge, shape)
    found = Refinement(values, 1, tolerance)
    found.run(measure)
    error = np.abs(found.arrays["exponents"] - whole["exponents"])
    assert error.max() < 5 * tolerance
    assert counts.mean() < 0.3
    loose = Refinement(values, 1, None)
    loose.run(measure)
    assert np.abs(loose.arrays["exponents"] - whole["exponents"]).max() > 5 * tolerance


def test_deviations_within_the_errors_are_no_reason():
    rng = np.random.default_rng(0)
    noisy = classes_of(np.zeros((257, 257), int), 0.1 * rng.standard_normal((257, 257)))
    noisy["stderr"][:] = 0.1
    found = Refinement((np.arange(257.0), np.arange(257.0)), 1, 1e-3)
    found.run(lambda points: {n: a.reshape(-1, *a.shape[2:])[points] for n, a in noisy.items()})
    assert found.arrays["measured"].mean() < 0.1


@pytest.fixture(scope="module")
def block():
    axes = {"alpha": np.linspace(0.5, 2.0, 97), "theta": np.linspace(0.1, 3.0, 65)}
    system = block_system(1.0, 0.5, "tanh", "continuous")
    return system, axes, lx.sweep(system, axes, **OPTIONS)


@pytest.mark.parametrize("refine", ["boundaries", 0.05])
def test_measured_points_have_the_bits_of_the_full_plane(block, refine, tmp_path):
    system, axes, full = block
    found = lx.sweep(system, axes, refine=refine, **OPTIONS)
    at = found.measured.values
    assert 0 < at.mean() < 0.8
    for v in VARIABLES:
        np.testing.assert_array_equal(found[v.name].values[at], full[v.name].values[at])
    assert (found.attractor == full.attractor).mean() > 0.99
    options = {**OPTIONS, "refine": refine, "store": tmp_path / "plane.zarr", "chunk": 500}
    stored = lx.sweep(system, axes, **options)
    assert same(found, stored)
    with pytest.raises(ValueError, match="another refine"):
        lx.sweep(system, axes, **{**options, "refine": 0.06})


def test_refined_planes_resume(block, tmp_path, monkeypatch):
    """After an interruption in any level, and after the loss of what the levels have given."""
    from lyapax._sweep.points import Task

    system, axes, _ = block
    options = {**OPTIONS, "refine": "boundaries", "chunk": 500}
    whole = lx.sweep(system, axes, **options)
    options["store"] = store = tmp_path / "plane.zarr"
    chunks = Failing(monkeypatch, Task, "measured", KeyboardInterrupt)
    partial = []
    for _ in range(30):
        chunks.left = 2
        try:
            found = lx.sweep(system, axes, **options)
            break
        except lx.Interrupted as stop:
            partial.append(stop.result.exponents.shape)
    assert len(partial) >= 2
    assert set(partial) == {(97, 65, 2)}
    assert same(whole, found)
    chunks.left = 0
    assert same(whole, lx.sweep(system, axes, **options))
    shutil.rmtree(store)
    chunks.left = 100
    assert same(whole, lx.sweep(system, axes, **options))


class LosesOne(ThreadPoolExecutor):
    """Of the tasks one is lost, as if its workers had died."""

    left = 1

    def submit(self, *args):
        future = super().submit(*args)
        self.left -= 1
        if self.left == 0:
            future.result()
            future = Future()
            future.set_exception(Lost("its worker died"))
        return future


def test_a_lost_chunk_of_a_level_is_tried_again(block, tmp_path):
    """No further level is measured before, since it would depend on the hole."""
    system, axes, _ = block
    options = {**OPTIONS, "refine": "boundaries", "chunk": 500}
    whole = lx.sweep(system, axes, **options)
    options["store"] = tmp_path / "plane.zarr"
    with LosesOne(1) as executor, pytest.warns(UserWarning, match="its worker died"):
        found = lx.sweep(system, axes, executor=executor, **options)
    assert "its worker died" in found.attrs["failed"].values()
    assert 0 < found.measured.values.mean() < whole.measured.values.mean()
    assert len(list((tmp_path / "plane.zarr.levels").glob("[0-9]"))) == 1
    again = lx.sweep(system, axes, **options)
    assert same(whole, again)
    assert "failed" not in again.attrs


def test_old_levels_beside_an_empty_folder_are_removed(block, tmp_path):
    system, axes, _ = block
    options = {**OPTIONS, "refine": "boundaries", "chunk": 500, "store": tmp_path / "plane.zarr"}
    lx.sweep(system, axes, **options)
    shutil.rmtree(options["store"])
    options["store"].mkdir()
    found = lx.sweep(system, {**axes, "alpha": axes["alpha"][:-10]}, **options)
    assert found.attractor.shape == (87, 65)
