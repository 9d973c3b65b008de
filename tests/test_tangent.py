"""Trajectories, sensitivities, adjoints and covariant vectors: laws, exact values, bad input."""

import numpy as np
import pytest

import lyapax as lx
from lyapax import _tangent as tangent
from lyapax.systems import library

from . import reference
from .failing import Failing
from .helpers import SYSTEMS, network, spectrum
from .right_hand_sides import diagonal, square

quiet = {"rng": 0, "progress": False}
MORE = {
    **SYSTEMS,
    "gated": lambda: lx.GRU(np.random.default_rng(0).standard_normal((36, 12)), kind="flow"),
}


def test_trajectory():
    w = np.random.default_rng(0).standard_normal((6, 6))
    f, jacobian = reference.network(w, 0.0, 1.0, "current", "flow")
    start = np.random.default_rng(1).standard_normal((2, 6))
    path = lx.trajectory(
        lx.RateNetwork(w), duration=1.0, dt=0.1, save_every=2, initial=start, progress=False
    )
    assert path.states.shape == (2, 6, 6)
    np.testing.assert_allclose(path.times, np.arange(6) * 0.2)
    x = start[1]
    for s in range(6):
        np.testing.assert_allclose(path.states[1, s], x, atol=1e-13)
        for _ in range(2):
            x, _ = reference.rk4(f, jacobian, x, np.eye(6), 0.1)
    assert np.isnan(path.diverged_at).all()


def test_trajectory_that_diverges_says_when():
    burst = lx.Flow(square, 1)
    path = lx.trajectory(burst, duration=3, dt=0.01, initial=[[1.0], [-1.0]], progress=False)
    assert 1.0 <= path.diverged_at[0] < 1.2  # 1/(1 - t)
    assert np.isnan(path.diverged_at[1])
    delta = lx.sensitivity(burst, duration=3, dt=0.01, initial=[1.0], progress=False)
    assert 1.0 <= delta.diverged_at < 1.2


def test_trajectory_in_zarr(tmp_path):
    pytest.importorskip("zarr", reason="needs the extra sweep")
    same = {"duration": 20, "dt": 0.1, "save_every": 10, "members": 3, **quiet}
    kept = lx.trajectory(network(), **same)
    stored = lx.trajectory(network(), store=tmp_path / "path.zarr", **same)
    assert np.array_equal(kept.states, stored.states[:])
    assert stored.states.attrs["interval"] == 1.0
    assert not isinstance(stored.states, np.ndarray)  # all of it may not fit into memory
    with pytest.raises(ValueError, match="store must be a path that Zarr can write to"):
        lx.trajectory(network(), store=tmp_path / "path.zarr", **same)
    (path,) = (tmp_path / "path.zarr" / "c" / "0" / "7").iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:9] + bytes([content[9] ^ 1]) + content[10:])
    assert np.array_equal(kept.states[:, :7], stored.states[:, :7])
    with pytest.raises(Exception, match=r"crc32c|checksum"):
        stored.states[:, 7]
    path.unlink()
    assert np.isnan(stored.states[:, 7]).all()


def test_an_interrupted_trajectory_in_zarr_has_what_was_saved(tmp_path, monkeypatch):
    pytest.importorskip("zarr", reason="needs the extra sweep")
    from lyapax._orbit import Orbit

    Failing(monkeypatch, Orbit, "tangent_intervals", KeyboardInterrupt, left=2)
    same = {"duration": 20, "dt": 0.1, "save_every": 10, "members": 3, **quiet}
    with pytest.raises(lx.Interrupted) as stop:
        lx.trajectory(network(), store=tmp_path / "path.zarr", **same)
    path = stop.value.result
    assert path.states.shape[1] == len(path.times)
    assert 3 <= len(path.times) <= 4  # the start, one save, and two if the first was quick
    assert np.isfinite(path.states[:]).all()


@pytest.mark.parametrize("name", MORE)
def test_equations_7_and_8(name):
    """Psi' Delta is the same at all times, relative to the norms of both."""
    system = MORE[name]()
    same = {"duration": 2, "dt": 0.01, "save_every": 20, "transient": 1, **quiet}
    delta, psi = lx.sensitivity(system, **same), lx.adjoint(system, **same)
    assert np.array_equal(delta.times, psi.times)
    np.testing.assert_allclose(delta.states, psi.states, atol=1e-9)
    product = np.swapaxes(psi.vectors, -1, -2) @ delta.vectors
    size = np.exp(psi.log_norms.max(-1) + delta.log_norms.max(-1)).max()
    np.testing.assert_allclose(
        product, np.broadcast_to(product[0], product.shape), atol=1e-10 * size
    )
    # At the start Delta is 1, at the end Psi is: both are the time-time Jacobian.
    np.testing.assert_allclose(psi.vectors[0].T, delta.vectors[-1], atol=1e-10 * size)


def test_long_orbits_in_logarithms():
    """Over 2000 time units norms pass 1e800; directions and log norms obey Eq. 7 all the same."""
    lorenz = library["lorenz63"].system()
    same = {"duration": 2000, "dt": 0.01, "save_every": 2000, "transient": 10, **quiet}
    v = np.eye(3)[:, :1]
    delta, psi = lx.sensitivity(lorenz, v, **same), lx.adjoint(lorenz, v, **same)
    assert delta.log_norms.max() > 1000
    assert np.isfinite(delta.log_norms).all()
    overlap = (psi.directions[..., 0] * delta.directions[..., 0]).sum(-1)
    total = psi.log_norms[:, 0] + delta.log_norms[:, 0] + np.log(np.abs(overlap))
    assert np.ptp(total) < 1e-6  # of 1800: along the orbit the two are nearly orthogonal at times
    # The first exponent, from both.
    for log_norms in (delta.log_norms[-1, 0], psi.log_norms[0, 0]):
        assert abs(log_norms / 2000 - 0.9056) < 0.03


@pytest.mark.parametrize("factor", [1e-3, 300.0, 1e-30])
def test_maps_that_shrink_and_stretch_by_orders_of_magnitude(factor):
    fast = lx.Map(diagonal, 2, {"a": factor, "b": 1.0})
    same = {"duration": 128, "save_every": 64, "initial": [0.0, 0.5], "progress": False}
    for found, at in ((lx.sensitivity(fast, **same), -1), (lx.adjoint(fast, **same), 0)):
        np.testing.assert_allclose(found.log_norms[at], [128 * np.log(factor), 0.0], rtol=1e-12)
        assert not np.isnan(found.vectors).any()
    tiny = lx.sensitivity(fast, np.array([1e-200, 0.0]), **same)
    assert tiny.log_norms[0, 0] == pytest.approx(-200 * np.log(10))


def test_propagators_with_float32_tangents_push_in_float64():
    system, rng = network(), np.random.default_rng(0)
    state, v = rng.standard_normal((2, 12)), rng.standard_normal((2, 12, 3))
    found = []
    for dtype in (float, np.float32):
        x, pushed, pulled = state.copy(), v.copy(), v.copy()
        propagator = system.propagator((2,), 0.1, 3, np.dtype(dtype))
        propagator.tangent_steps(x, 0, 5, pushed)
        propagator.cotangent_steps(state, 0, 5, pulled)
        found.append((x, pushed, pulled))
    for a, b in zip(*found, strict=True):
        assert np.array_equal(a, b)


def test_adjoint_exponents_are_forward_exponents():
    system = network()
    spec = spectrum(system, duration=200, dt=0.05, transient=50)
    psi = lx.adjoint(
        system,
        np.random.default_rng(3).standard_normal(12),
        duration=400,
        dt=0.05,
        save_every=8000,
        transient=50,
        **quiet,
    )
    estimate = psi.log_norms[0, 0] / 400
    assert abs(estimate - spec.exponents[0]) < 4 * spec.stderr[0] + 10 / 400


@pytest.mark.parametrize("save_every", [1, 70, 700])
def test_checkpoints_change_nothing(monkeypatch, save_every):
    same = {"duration": 7, "dt": 0.01, "save_every": save_every, **quiet}
    system, w = network(), np.random.default_rng(2).standard_normal((12, 2))
    whole = lx.adjoint(system, w, **same)
    monkeypatch.setattr(tangent, "CHECKPOINT_BYTES", 500)
    few = lx.adjoint(system, w, **same)
    np.testing.assert_allclose(few.log_norms, whole.log_norms, atol=1e-12)
    np.testing.assert_allclose(few.directions, whole.directions, atol=1e-12)
    assert np.array_equal(few.states, whole.states)


def test_driven_networks_have_adjoints():
    rng = np.random.default_rng(0)
    gru = lx.GRU(
        rng.standard_normal((18, 6)),
        rng.standard_normal((18, 2)),
        inputs=rng.standard_normal((3, 50, 2)),
    )
    same = {"duration": 30, "transient": 10, "initial": np.zeros(6), **quiet}
    delta, psi = lx.sensitivity(gru, **same), lx.adjoint(gru, **same)
    assert psi.directions.shape == (3, 31, 6, 6)
    product = np.swapaxes(psi.vectors, -1, -2) @ delta.vectors
    assert np.abs(product - product[:, :1]).max() < 1e-12
    # Not the sequences of one another.
    assert np.abs(product[0] - product[1]).max() > 1e-6


def test_covariant_vectors_are_covariant():
    """One step takes each vector to the next one, the index right, and grows it as it says."""
    lorenz = library["lorenz63"].system()
    found = lx.covariant_vectors(
        lorenz, duration=4, dt=0.01, alignment=20, tail=20, transient=10, qr_every=4, **quiet
    )
    assert found.vectors.shape == (101, 3, 3)
    for s in (0, 17, 99):
        moved = lx.sensitivity(
            lorenz,
            found.vectors[s],
            duration=0.04,
            dt=0.01,
            save_every=4,
            initial=found.states[s],
            progress=False,
        )
        np.testing.assert_allclose(moved.states[-1], found.states[s + 1], atol=1e-9)
        np.testing.assert_allclose(moved.log_norms[-1], found.growth[s], atol=1e-6)
        cosine = (moved.directions[-1] * found.vectors[s + 1]).sum(axis=0)
        np.testing.assert_allclose(cosine, 1.0, atol=1e-9)
    assert (found.angles([0, 1], [2]) > 0.05).all()


def test_the_neutral_vector_is_the_flow():
    lorenz = library["lorenz63"].system()
    found = lx.covariant_vectors(
        lorenz, duration=20, dt=0.005, alignment=20, tail=30, transient=20, qr_every=10, **quiet
    )
    x, y, z = found.states.T
    flow = np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], axis=1)
    flow /= np.linalg.norm(flow, axis=1, keepdims=True)
    neutral = found.vectors[..., 1]
    off = neutral - (neutral * flow).sum(axis=1, keepdims=True) * flow
    assert np.linalg.norm(off, axis=1).max() < 1e-6
    np.testing.assert_allclose(
        found.angles([1], [1]), 0, atol=1e-7
    )  # an angle with itself, exact for small ones


def test_covariant_vectors_of_linear_systems_are_eigenvectors():
    rng = np.random.default_rng(4)
    vectors = rng.standard_normal((5, 5))
    rates = np.array([0.5, 0.0, -0.4, -1.1, -2.0])
    a = vectors @ np.diag(rates) @ np.linalg.inv(vectors)
    net = lx.RateNetwork(a + np.eye(5), phi="linear")
    found = lx.covariant_vectors(
        net,
        duration=2,
        dt=0.02,
        alignment=60,
        tail=60,
        initial=np.zeros(5),
        qr_every=5,
        k=4,
        **quiet,
    )
    expected = vectors[:, :4] / np.linalg.norm(vectors[:, :4], axis=0)
    cosine = np.abs((found.vectors[0] * expected).sum(axis=0))
    np.testing.assert_allclose(cosine, 1.0, atol=1e-9)
    np.testing.assert_allclose(found.exponents, rates[:4], atol=1e-6)


def test_vectors_do_not_depend_on_how_many_intervals_a_call_has(monkeypatch):
    system = network()
    same = {"duration": 6, "dt": 0.1, "k": 4, "alignment": 20, "tail": 20, "rng": 2, **quiet}
    together = lx.covariant_vectors(system, **same)
    monkeypatch.setattr("lyapax._factors.PIECE", 3 * 12 * 12)
    in_threes = lx.covariant_vectors(system, **same)
    assert np.array_equal(together.vectors, in_threes.vectors)
    monkeypatch.setattr("lyapax._factors.SMALL", 0)  # an interval a call, k columns of it
    alone = lx.covariant_vectors(system, **same)
    np.testing.assert_allclose(alone.vectors, together.vectors, atol=1e-9)
    np.testing.assert_allclose(alone.exponents, together.exponents, atol=1e-9)


def test_a_direction_that_shrinks_far_is_right_or_refused():
    """Rates 3, 1, 0.1 and -20 at rest, with more and more steps between two QRs."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    a = turn @ np.diag([3.0, 1.0, 0.1, -20.0]) @ turn.T
    saddle = lx.Flow(lambda x, p: a @ np.sin(x), 4)
    same = {"duration": 24, "dt": 0.02, "initial": np.zeros(4), "rng": 0, **quiet}
    for every in (1, 20, 60):
        found = lx.covariant_vectors(saddle, qr_every=every, **same)
        np.testing.assert_allclose(found.exponents, [3, 1, 0.1, -19.994], atol=2e-3)
    # Here rounding of the whole Jacobian would reach the last: -17.1 was found.
    found = lx.covariant_vectors(saddle, qr_every=100, **same)
    np.testing.assert_allclose(found.exponents, [3, 1, 0.1, -19.994], atol=2e-3)
    with pytest.raises(ValueError, match="qr_every must be less than 120"):
        lx.covariant_vectors(saddle, qr_every=120, **same)


def test_vectors_of_a_batch_are_those_of_its_members():
    system, start = network(), np.random.default_rng(5).standard_normal((2, 12))
    same = {"duration": 3, "dt": 0.1, "k": 3, "alignment": 2, "tail": 2}
    both = lx.covariant_vectors(system, initial=start, **same, **quiet)
    assert both.vectors.shape == (2, 31, 12, 3)
    np.testing.assert_allclose(np.linalg.norm(both.vectors, axis=2), 1.0, atol=1e-12)


@pytest.mark.parametrize(
    ("verb", "calls"), [("tangent_intervals", 3), ("tangent_steps", 7), ("cotangent_steps", 4)]
)
def test_ctrl_c_leaves_what_there_is(monkeypatch, verb, calls):
    from lyapax.kernels.cpu.network.propagator import Network

    system, seen = network(), []
    whole = lx.adjoint(system, np.ones(12), duration=1, dt=0.1, **quiet)
    usual = getattr(Network, verb)

    def stopping(self, *arguments):
        seen.append(1)
        if len(seen) == calls:
            raise KeyboardInterrupt
        return usual(self, *arguments)

    monkeypatch.setattr(Network, verb, stopping)
    run = {"duration": 1, "dt": 0.1, **quiet}
    if verb == "tangent_intervals":  # of saves that become more with each
        with pytest.raises(lx.Interrupted, match=r"interrupted: [34] of 11") as stop:
            lx.trajectory(system, **run)
        assert stop.value.result.states.shape in [(3, 12), (4, 12)]
    elif verb == "tangent_steps":
        with pytest.raises(lx.Interrupted, match="interrupted: 7 of 11") as stop:
            lx.sensitivity(system, **run)
        assert len(stop.value.result.times) == 7
    else:
        with pytest.raises(lx.Interrupted, match="interrupted: 4 of 11") as stop:
            lx.adjoint(system, np.ones(12), **run)
        psi = stop.value.result
        assert np.array_equal(psi.times, whole.times[-4:])
        assert np.array_equal(psi.directions, whole.directions[-4:])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lx.trajectory(network(), duration=-1, dt=0.1), ValueError, "duration"),
        (lambda: lx.trajectory(network(), duration=1), ValueError, "dt"),
        (lambda: lx.trajectory(network(), duration=1, dt=0.1, save_every=11), ValueError, "save"),
        (lambda: lx.trajectory(network(), duration=1, dt=0.1, save_every=1.5), TypeError, "save"),
        (lambda: lx.trajectory("lorenz", duration=1, dt=0.1), TypeError, "system"),
        (lambda: lx.trajectory(network(), duration=1, dt=0.1, transient=-1), ValueError, "transi"),
        (lambda: lx.sensitivity(network(), np.ones(3), duration=1, dt=0.1), ValueError, "vectors"),
        (lambda: lx.adjoint(network(), np.zeros(12), duration=1, dt=0.1), ValueError, "zeros"),
        (lambda: lx.adjoint(network(), "w", duration=1, dt=0.1), TypeError, "covectors"),
        (lambda: lx.adjoint(network(), initial=np.ones(3), duration=1, dt=0.1), ValueError, "init"),
        (lambda: lx.covariant_vectors(network(), duration=1, dt=0.1, k=13), ValueError, "k must"),
        (lambda: lx.covariant_vectors(network(), duration=1, dt=0.1, qr_every=20),
         ValueError, "duration"),
        (lambda: lx.covariant_vectors(lx.RNN(np.zeros((12, 12))), duration=9, rng=0,
                                      progress=False), ValueError, "die"),
        (lambda: lx.covariant_vectors(library["henon"].system(), duration=200, qr_every=20, rng=0,
                                      progress=False), ValueError, "qr_every"),
        (lambda: lx.covariant_vectors(lx.Map(square, 1), duration=50, rng=0,
                                      initial=[3.0], progress=False), ValueError, "diverged"),
        (lambda: lx.covariant_vectors(network(), duration=1, dt=0.1, **quiet).angles([0.7], [1]),
         TypeError, "integers"),
        (lambda: lx.covariant_vectors(
            lx.RNN(np.eye(3), np.ones((3, 1)), inputs=np.ones((9, 1))), duration=9),
         ValueError, "inputs"),
    ],
)  # fmt: skip
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
