"""Flows that look back: functions and rate networks with delays."""

import json
import pickle

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
import scipy.special
from click.testing import CliRunner

import lyapax as lx
from lyapax.cli import commands
from lyapax.kernels.delays import History
from lyapax.kernels.propagator import initial_carry
from lyapax.systems import delayed

from . import reference
from .helpers import spectrum


def pairs(values):
    """Means of neighbours, which complex pairs have to 1e-12 where each of them is off."""
    return np.asarray(values).reshape(-1, 2).mean(axis=1)


def rightmost(now, late, count):
    """Real parts of the rightmost roots of det(s I - A - sum B e^(-s tau)), descending.

    Breda, Maset and Vermiglio, SIAM J. Sci. Comput. 27 (2005): the derivative on Chebyshev points
    of the past, with the equation itself in place of its first row; 1e-10 with 60 points.
    """
    n, m = len(now), 60
    length = max(tau for _, tau in late)
    x = np.cos(np.pi * np.arange(m + 1) / m)
    c = np.r_[2.0, np.ones(m - 1), 2.0] * (-1.0) ** np.arange(m + 1)
    apart = x[:, None] - x + np.eye(m + 1)
    d = np.outer(c, 1 / c) / apart
    d -= np.diag(d.sum(axis=1))
    generator = np.kron(2 / length * d, np.eye(n))
    generator[:n] = 0.0
    generator[:n, :n] = now
    times = length * (x - 1) / 2
    for matrix, tau in late:
        # Lagrange's polynomials at -tau, by barycentric weights.
        w = (-1.0) ** np.arange(m + 1) * np.r_[0.5, np.ones(m - 1), 0.5]
        gaps = -tau - times
        share = (gaps == 0).astype(float) if (gaps == 0).any() else w / gaps / (w / gaps).sum()
        generator[:n] += np.kron(share, matrix)
    return np.sort(np.linalg.eigvals(generator).real)[::-1][:count]


A = np.array([[-1.0, 0.3, 0.0], [-0.5, -0.7, 0.2], [0.1, -0.4, -1.2]])
B = np.array([[0.2, -1.0, 0.4], [0.9, 0.1, -0.6], [-0.3, 0.8, 0.5]])
C = np.array([[0.0, 0.5, 0.2], [-0.4, 0.0, 0.3], [0.6, -0.2, 0.0]])

LINEAR = {
    "scalar": (np.zeros((1, 1)), [(-np.ones((1, 1)), 1.0)]),
    "scalar, two delays": (
        -0.5 * np.ones((1, 1)), [(-np.ones((1, 1)), 1.0), (0.4 * np.ones((1, 1)), 0.6)]
    ),
    "three": (A, [(B, 1.0)]),
    "three, two delays": (A, [(B, 1.0), (C, 0.7)]),
}  # fmt: skip


def linear_flow(now, late):
    def f(x, p, past):
        return now @ x + sum(matrix @ past(tau) for matrix, tau in late)

    return lx.Flow(f, len(now))


def test_roots_are_those_of_lamberts_function():
    exact = np.sort([scipy.special.lambertw(-1.0, b).real for b in range(-3, 4)])[::-1][:6]
    np.testing.assert_allclose(rightmost(*LINEAR["scalar"], 6), exact, rtol=0, atol=1e-9)


def roots_of_steps(flow, dt, count):
    """The exponents of a linear flow's steps, which are a map of the past: pair means."""
    n = flow.tangent_dim(dt)
    propagator = flow.propagator((), dt, n, np.dtype(float))
    steps = np.eye(n)[None].copy()
    propagator.tangent_steps(np.zeros((1, n)), 0, 1, steps)
    sizes = np.sort(np.abs(np.linalg.eigvals(steps[0])))[::-1]
    return pairs(np.log(sizes[:count]) / dt)


@pytest.mark.parametrize("shares", [(40, 80), (39.3, 79.3)], ids=["whole steps", "parts of steps"])
@pytest.mark.parametrize("name", LINEAR)
def test_linear_flows_have_their_roots_to_fourth_order(name, shares):
    """An order and not a value: two errors of first order can hide behind one another.

    With dt = tau/40 a root s is off by about |s| |s dt|^4 / 720, as by the corrected trapezoidal
    rule: less than 1e-6 for the first four exponents, and 1.5e-5 for the fifth and sixth of a
    scalar equation, which turn 2.2 times a delay.
    """
    now, late = LINEAR[name]
    exact = pairs(rightmost(now, late, 6))
    flow = linear_flow(now, late)
    first, second = (np.abs(roots_of_steps(flow, 1 / share, 6) - exact) for share in shares)
    assert (first[:2] < 1e-6).all(), first
    assert (first < 2e-5).all(), first
    shown = second > 1e-10  # beyond rounding
    assert shown.any()
    order = np.log(first[shown] / second[shown]) / np.log(shares[1] / shares[0])
    assert (np.abs(order - 4) < 0.3).all(), order


@pytest.mark.parametrize("name", LINEAR)
def test_linear_flows_are_measured(name):
    now, late = LINEAR[name]
    exact = pairs(rightmost(now, late, 4))
    spec = spectrum(linear_flow(now, late), k=4, duration=300, dt=1 / 40, transient=50)
    assert spec.attractor == "fixed point"
    # Roots whose real parts are close are told apart by e^(their difference T) only.
    np.testing.assert_allclose(pairs(spec.exponents), exact, rtol=0, atol=2e-5)


def mackey_glass_in_numpy(tau, dt, steps, members, k):
    """Mean exponents over members and their errors: RK4, the past by Hermite's cubic, and
    tangents that are differences of neighbouring orbits, orthonormalised over a delay."""
    rng = np.random.default_rng(5)
    count, size = round(tau / dt), 1e-7
    assert abs(count * dt - tau) < 1e-12
    values = 1.2 * np.ones((count + 1, members, k + 1)) + 0.05 * rng.standard_normal((members, 1))
    values[..., 1:] += size * rng.standard_normal((count + 1, members, k))
    slopes = np.zeros((count, members, k + 1))

    def rate(x, late):
        return 0.2 * late / (1 + late**10) - 0.1 * x

    sums, measured = np.zeros((members, k)), 0
    for period in range(steps // count):
        for _ in range(count):
            x, early, later = values[-1], values[0], values[1]
            a = rate(x, early)
            slopes = np.concatenate([slopes, a[None]])
            middle = (early + later) / 2 + dt / 8 * (slopes[0] - slopes[1])
            b = rate(x + dt / 2 * a, middle)
            c = rate(x + dt / 2 * b, middle)
            d = rate(x + dt * c, later)
            values = np.concatenate([values[1:], (x + dt / 6 * (a + 2 * b + 2 * c + d))[None]])
            slopes = slopes[1:]
        whole = np.concatenate([values, dt * slopes])
        base = whole[..., :1]
        apart = np.moveaxis(whole[..., 1:] - base, 1, 0)
        q, r = np.linalg.qr(apart)
        if period >= steps // count // 5:
            sums += np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)) / size)
            measured += 1
        whole[..., 1:] = base + size * np.moveaxis(q, 0, 1)
        values, slopes = whole[: count + 1], whole[count + 1 :] / dt
    found = sums / (measured * tau)
    return found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(members)


@pytest.mark.parametrize("tau", [17.0, 23.0, 30.0])
def test_mackey_glass_is_that_of_numpy(tau):
    expected, error = mackey_glass_in_numpy(tau, 0.5, 6000, 24, 4)
    spec = spectrum(delayed["mackey_glass"].system(tau=tau), k=4, duration=60_000, dt=0.25)
    both = np.hypot(error, spec.stderr)
    assert (np.abs(spec.exponents - expected) < 4 * both).all(), (spec.exponents, expected, both)
    assert (both < 1e-3).all()
    assert spec.exponents[0] > 4 * spec.stderr[0]


@pytest.mark.parametrize("name", delayed)
def test_known_systems_with_delays(name):
    known = delayed[name]
    spec = spectrum(known.system(), k=known.k, duration=2 * known.duration, dt=known.dt)
    assert spec.attractor == known.attractor
    for value, error, (exact, uncertainty) in zip(
        spec.exponents, spec.stderr, known.exponents, strict=False
    ):
        assert abs(value - exact) < 4 * error + uncertainty + 1e-6, spec.exponents
    chaotic = "chaotic" in known.attractor
    assert (spec.stderr < (0.01 if chaotic else 1e-3)).all()


def test_the_sum_of_all_exponents_is_that_of_determinants():
    """Of the step as a map of the past, whose tangents are the reference's."""

    def f(x, p, past):
        return [-x[0] + 2 * np.sin(past(0.2)[0])]

    step = reference.Delayed(lambda x, seen: -x + 2 * np.sin(seen[0]), [0.2], 1, 0.05)
    flow = lx.Flow(f, 1)
    n = flow.tangent_dim(0.05)
    propagator = flow.propagator((), 0.05, n, np.dtype(float))
    state = step.constant(np.array([1.0]))
    carry = initial_carry(state[None].copy(), np.eye(n)[None])
    propagator.propagate(carry, 30, 1)
    total = 0.0
    for _ in range(30):
        total += np.linalg.slogdet(step.tangents(state, np.eye(n)))[1]
        state = step.step(state)
    assert abs(carry.log_sum.sum() - total) < 1e-9 * abs(total)


def test_uncoupled_flows_have_all_their_exponents():
    now = scipy.linalg.block_diag(A[:1, :1], [[-0.2]])
    late = scipy.linalg.block_diag([[-1.3]], [[-0.9]])
    exact = np.sort(
        np.concatenate([rightmost(now[i : i + 1, i : i + 1], [(late[i : i + 1, i : i + 1], 1.0)], 4)
                        for i in (0, 1)])
    )[::-1]  # fmt: skip
    spec = spectrum(linear_flow(now, [(late, 1.0)]), k=4, duration=200, dt=1 / 40)
    np.testing.assert_allclose(pairs(spec.exponents), pairs(exact[:4]), rtol=0, atol=3e-5)


def test_a_zero_for_each_oscillator():
    flow = delayed["delayed_oscillators"].system(coupling=0.0)
    spec = spectrum(flow, k=4, duration=400, dt=0.05)
    assert spec.n_zero == 2
    np.testing.assert_allclose(spec.exponents[2:], -2.0, rtol=0, atol=1e-3)
    coupled = spectrum(delayed["delayed_oscillators"].system(), k=4, duration=400, dt=0.05)
    assert coupled.n_zero == 1


def test_a_delayed_network_is_that_of_numpy():
    rng = np.random.default_rng(3)
    n, dt = 40, 0.05
    w, bias = rng.standard_normal((n, n)) * 2 / np.sqrt(n), rng.standard_normal(n)
    delay = rng.choice([0.31, 0.6], n)

    def field(x, seen):
        late = np.where(delay == 0.31, seen[0], seen[1])
        return -x + w @ np.tanh(late) + bias

    step = reference.Delayed(field, [0.31, 0.6], n, dt)
    net = lx.RateNetwork(w, bias=bias, delay=delay)
    x = rng.standard_normal(n)
    path = lx.trajectory(net, duration=200 * dt, dt=dt, initial=x, progress=False)
    state = step.constant(x)
    for i in range(1, 201):
        state = step.step(state)
        np.testing.assert_allclose(path.states[i], state[-n:], rtol=0, atol=1e-9)


def test_history_as_a_function_of_time():
    """x' = -x(t - pi/2) goes on as cos t where it was cos t before."""
    errors = []
    for steps in (20, 40):
        dt = np.pi / 2 / steps
        flow = lx.Flow(lambda x, p, past: [-past(np.pi / 2)[0]], 1, history=lambda t: [np.cos(t)])
        path = lx.trajectory(flow, duration=10, dt=dt, initial=[1.0], progress=False)
        errors.append(np.abs(path.states[:, 0] - np.cos(path.times)).max())
    assert errors[0] < 1e-5
    assert 12 < errors[0] / errors[1] < 20


def test_a_constant_history():
    """Its slope jumps at time 0, so the step before is known to second order."""
    flat = lx.Flow(lambda x, p, past: [-past(1.0)[0]], 1, history=[2.0])
    errors = []
    for dt in (0.1, 0.05):
        path = lx.trajectory(flat, duration=1, dt=dt, initial=[2.0], progress=False)
        np.testing.assert_allclose(
            path.states[:-1, 0], 2.0 - 2.0 * path.times[:-1], rtol=0, atol=1e-12
        )
        errors.append(abs(path.states[-1, 0]))
    assert errors[0] < 2e-3
    assert 3.5 < errors[0] / errors[1] < 4.5


def test_delays_as_a_batch():
    """Members with delays of their own are the same as alone, up to the past that they share."""
    taus = np.array([14.0, 17.0, 23.0])
    flow = delayed["mackey_glass"].system()
    options = dict(k=3, duration=4000, dt=0.25, initial=[1.2])
    batch = spectrum(flow, params={"tau": taus}, **options)
    assert batch.axes[0][0] == "tau"
    for i, tau in enumerate(taus):
        alone = spectrum(flow, params={"tau": tau}, **options)
        both = np.hypot(batch.stderr[i], alone.stderr)
        assert (np.abs(batch.exponents[i] - alone.exponents) < 4 * both + 1e-6).all()
    assert batch.attractor[0] == "limit cycle"
    assert batch.attractor[2] == "chaotic"


def test_bits_do_not_depend_on_calls_or_neighbours():
    flow = delayed["mackey_glass"].system()
    options = dict(k=3, dt=0.25, transient=50, alignment=50, qr_every=16)
    long = spectrum(flow, duration=800, **options)
    parts = spectrum(flow, duration=400, **options).extend(400, progress=False)
    assert np.array_equal(long.exponents, parts.exponents)
    betas = np.linspace(0.19, 0.21, 11)
    start = 1.0 + 0.1 * np.arange(11)[:, None]
    many = spectrum(flow, params={"beta": betas}, duration=100, initial=start, **options)
    one = spectrum(flow, params={"beta": betas[7]}, duration=100, initial=start[7], **options)
    assert np.array_equal(many.exponents[7], one.exponents)


@pytest.mark.parametrize("delay", [0.5, [0.0, 0.5, 0.9]])
def test_bits_of_networks_do_not_depend_on_threads(delay, monkeypatch):
    rng = np.random.default_rng(0)
    w = rng.standard_normal((150, 150)) / 8
    if np.ndim(delay):
        delay = rng.choice(delay, (150, 150))
    net = lx.RateNetwork(w, delay=delay)
    found = []
    for threads in ("1", "2"):
        monkeypatch.setenv("LYAPAX_NUM_THREADS", threads)
        options = dict(k=5, duration=6, dt=0.1, transient=1, qr_every=10)
        found.append(spectrum(net, **options).exponents)
    assert np.array_equal(*found)


def test_the_automatic_step():
    flow = delayed["mackey_glass"].system()
    spec = spectrum(flow, k=3, duration=8000)
    assert 0.05 < spec.dt <= 17.0
    fine = spectrum(flow, k=3, duration=8000, dt=0.05)
    both = np.hypot(fine.stderr, spec.stderr)
    assert (np.abs(spec.exponents - fine.exponents) < 4 * both).all()
    assert "chosen" in spec.step
    # More exponents than a coarse past has numbers.
    assert spectrum(flow, k=60, duration=200).k == 60


def test_the_bias_of_the_step():
    now, late = LINEAR["scalar"]
    spec = spectrum(linear_flow(now, late), k=4, duration=400, dt=0.05, transient=50)
    bias = pairs(spec.exponents) - pairs(rightmost(now, late, 4))
    assert 1e-6 < abs(bias[1]) < 1e-4
    np.testing.assert_allclose(pairs(spec.step_bias)[1], bias[1], rtol=0.1)


def test_a_past_at_another_step_is_the_same_past():
    """Cubics are carried over exactly, and tangents stay orthonormal."""
    coarse = History(2, np.array([[1.0, 0.83]]), 1.0, 0.1)
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((4, 2))
    for dt in (0.05, 0.1, 0.2):
        other = History(2, np.array([[1.0, 0.83]]), 1.0, dt)

        def sampled(history):
            t = -history.dt * np.arange(history.points, 0, -1)
            values = sum(c * t[:, None] ** i for i, c in enumerate(factors))
            slopes = sum(i * c * t[:, None] ** (i - 1) for i, c in enumerate(factors) if i)
            return np.concatenate([np.stack([values, slopes], axis=1).ravel(), factors[0]])

        basis = np.linalg.qr(rng.standard_normal((coarse.dim, 3)))[0][None]
        carry = initial_carry(sampled(coarse)[None], basis)
        carry.step = 40
        found = other.resumed(carry, coarse)
        np.testing.assert_allclose(found.state[0], sampled(other), rtol=0, atol=1e-11)
        np.testing.assert_allclose(found.basis[0].T @ found.basis[0], np.eye(3), rtol=0, atol=1e-12)
        assert found.step == round(4 / dt)


def test_what_else_runs_with_delays(tmp_path):
    flow = delayed["mackey_glass"].system()
    local = lx.local_exponents(flow, window=50, windows=200, dt=0.25, k=2, rng=0, progress=False)
    assert local.shape == (200, 2)
    assert abs(local[:, 0].mean() - 0.005) < 0.004
    spec = spectrum(flow, k=2, duration=500, dt=0.25)
    spec.save(tmp_path / "late.npz")
    assert lx.LyapunovSpectrum.load(tmp_path / "late.npz").attractor == spec.attractor
    propagator = flow.propagator((2,), 0.25, 2, np.dtype(float))
    again = pickle.loads(pickle.dumps(propagator))
    state = propagator.lifted(np.array([[1.0], [1.3]]))
    states = [state.copy(), state.copy()]
    for which, one in zip(states, (propagator, again), strict=True):
        one.tangent_steps(which, 0, 50, np.empty((2, one.dim, 0)))
    assert np.array_equal(*states)
    plane = lx.sweep(
        flow, {"tau": [15.0, 17.0]}, store=tmp_path / "late.zarr", duration=200, dt=0.25, k=2,
        rng=0, progress=False,
    )  # fmt: skip
    assert plane.exponents.shape == (2, 2)
    again = lx.sweep(
        flow, {"tau": [15.0, 17.0]}, store=tmp_path / "one.zarr", duration=200, dt=0.25, k=2,
        rng=0, chunk=1, progress=False,
    )  # fmt: skip
    assert np.array_equal(plane.exponents, again.exponents)


def test_a_diverging_member_is_alone():
    flow = lx.Flow(lambda x, p, past: [p.a * past(1.0)[0] ** 3], 1, {"a": [1.0, -0.1]})
    spec = spectrum(flow, k=2, duration=20, dt=0.05, initial=[1.5])
    assert np.isnan(spec.exponents[0]).all()
    assert np.isfinite(spec.exponents[1]).all()


def late(x, p, past):
    return [-past(p.tau)[0]]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: spectrum(lx.Flow(late, 1, {"tau": 1.0}), duration=1, dt=0.1), "k must be given"),
        (
            lambda: spectrum(lx.Flow(late, 1, {"tau": 1.0}), duration=1, dt=1.1, k=1),
            "dt must be at most the shortest delay, 1, got 1.1",
        ),
        (
            lambda: spectrum(lx.Flow(late, 1, {"tau": 1.0}), duration=1, dt=0.1, k=22),
            "k must be from 1 to 21, the numbers",
        ),
        (
            lambda: spectrum(lx.Flow(late, 1, {"tau": -1.0}), duration=1, dt=0.1, k=1),
            "delays must be > 0 and finite, got -1",
        ),
        (lambda: lx.Flow(lambda x, p, past: [past(x[0])[0]], 1), "takes a constant delay"),
        (lambda: lx.Flow(lambda x, p, past: [past(-1)[0]], 1), "takes a delay > 0, got -1"),
        (lambda: lx.Flow(lambda x, p, past: [past(p.t)[0]], 1), "p.t is not in params"),
        (lambda: lx.Flow(lambda x, p, past: [past[0]], 1), "past is a function"),
        (lambda: lx.Flow(late, 1, {"tau": [1.0, 2.0]}, shapes={"tau": (2,)}), "takes one delay"),
        (lambda: lx.Flow(late, 1, {"tau": 1.0}, linear=[1.0]), "linear and grid must be left out"),
        (lambda: lx.Flow(lambda x, p: [x[0]], 1, history=[1.0]), "history must be left out"),
        (
            lambda: lx.Flow(late, 1, {"tau": 1.0}, history=lambda t: [1.0, 2.0]),
            "history must return",
        ),
        (lambda: lx.Map(late, 1, {"tau": 1.0}), "f takes past, which only"),
        (lambda: lx.RateNetwork(np.eye(3), delay=-1.0), "delay must be >= 0"),
        (lambda: lx.RateNetwork(np.eye(3), delay=[1.0, 2.0]), "delay must be a number"),
        (lambda: lx.RateNetwork(np.eye(3), delay=np.nan), "delay must be finite"),
        (lambda: lx.RateNetwork(np.eye(3), kind="map", delay=1.0), "delay must be left out"),
        (
            lambda: lx.RateNetwork([(np.eye(3), 1.0), (np.eye(2), 1.0)]),
            r"W\[1\]\[0\] must be of 3 units",
        ),
        (
            lambda: lx.sensitivity(lx.Flow(late, 1, {"tau": 1.0}), duration=1, dt=0.1),
            "system must have no delays: sensitivity",
        ),
        (
            lambda: lx.covariant_vectors(lx.Flow(late, 1, {"tau": 1.0}), duration=1, dt=0.1),
            "system must have no delays: covariant_vectors",
        ),
        (
            lambda: spectrum(
                lx.Flow(late, 1, {"tau": 1.0}), duration=1, dt=0.1, k=1, initial_basis=[[1.0]]
            ),
            "initial_basis must be left out",
        ),
    ],
)
def test_bad_delays_are_named(make, said):
    with pytest.raises((ValueError, TypeError), match=said):
        make()


def test_the_command_line_knows_delays(tmp_path):
    np.save(tmp_path / "w.npy", [[-3.0]])
    run = ["--duration", "60", "--quiet", "--json"]
    weights = str(tmp_path / "w.npy")
    late = ["spectrum", weights, "--delay", "2"]
    done = CliRunner().invoke(commands, [*late, "-k", "2", "--dt", "0.05", *run])
    assert done.exit_code == 0, done.output
    exact = spectrum(lx.RateNetwork([[-3.0]], delay=2.0), duration=60, k=2, dt=0.05)
    np.testing.assert_array_equal(json.loads(done.output)["exponents"], exact.exponents)
    done = CliRunner().invoke(commands, ["system", "mackey_glass", "--dt", "0.5", *run])
    assert len(json.loads(done.output)["exponents"]) == 5
    done = CliRunner().invoke(commands, [*late, *run])
    assert "k must be given" in str(done.exception)
    done = CliRunner().invoke(
        commands, ["spectrum", weights, "--noise", "0.1", "--dt", "0.05", *run]
    )
    assert json.loads(done.output)["attractor"] == "random sink"


def test_a_history_is_where_it_is_said_to_be():
    flow = lx.Flow(late, 1, {"tau": 1.0}, history=lambda t: [np.cos(t)])
    for seed in (0, 1):
        path = lx.trajectory(flow, duration=0.5, dt=0.1, rng=seed, progress=False)
        # x' = -cos(t - 1) until the delay is over.
        exact = 1.0 - np.sin(path.times - 1) + np.sin(-1.0)
        np.testing.assert_allclose(path.states[:, 0], exact, rtol=0, atol=1e-5)
    batch = lx.Flow(late, 1, {"tau": 1.0}, history=lambda t: [[np.cos(t)], [1.0]])
    path = lx.trajectory(batch, duration=0.5, dt=0.1, progress=False)
    np.testing.assert_allclose(path.states[0, :, 0], exact, rtol=0, atol=1e-5)


def test_pairs_keep_their_delays():
    rng = np.random.default_rng(0)
    w = rng.standard_normal((4, 4))
    net = lx.RateNetwork([(w, 1.5), (0.1 * w, 0.0)])
    with pytest.raises(ValueError, match=r"W must be a list of pairs \(W, delay\)"):
        net.with_params(W=w)
    with pytest.raises(ValueError, match="W must be a list of pairs"):
        lx.robustness(net, [0.1], draws=1, duration=1, dt=0.1, k=1)
    other = net.with_params(W=[(2 * w, 1.0)], tau=2.0)
    assert other.delays.times.tolist() == [1.0]
    late = lx.robustness(
        lx.RateNetwork(w, delay=1.5), [0.0], draws=2, duration=20, dt=0.1, k=2, rng=0,
        progress=False,
    )  # fmt: skip
    assert late.shape == (1, 2)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_delay_for_each_connection(sparse):
    """All different, as distances over a speed are: the same as a pair for each."""
    rng = np.random.default_rng(0)
    n = 5
    w, delay = rng.standard_normal((n, n)), 0.5 + rng.random((n, n))
    delay[0, 1] = delay[2, 2] = 0.0
    given = scipy.sparse.csr_array(w) if sparse else w
    together = lx.RateNetwork(given, delay=delay)
    pairs_ = [
        (np.where(np.arange(n * n).reshape(n, n) == i, w, 0.0), delay.flat[i]) for i in range(n * n)
    ]
    options = dict(initial=rng.standard_normal(n), duration=4, dt=0.1, progress=False)
    found = [lx.trajectory(net, **options).states for net in (together, lx.RateNetwork(pairs_))]
    np.testing.assert_allclose(*found, rtol=0, atol=1e-12)
    # n^2 log n, where a mask for each delay would take n^4.
    large = rng.random((300, 300)) + 1
    assert lx.RateNetwork(rng.standard_normal((300, 300)), delay=large).delays.times.size > 8e4


def test_planes_over_delays(tmp_path):
    """Axes of a network that has neither delays nor noise yet, and the command line."""
    net = lx.RateNetwork([[-3.0]])
    options = dict(duration=100, dt=0.05, qr_every=16, k=2, rng=0, progress=False)
    plane = lx.sweep(net, {"delay": [0.5, 2.0]}, store=tmp_path / "a.zarr", **options)
    assert plane.exponents[0, 0] < -0.1  # below the Hopf point, arccos(-1/3)/sqrt(8) = 0.676
    assert abs(plane.exponents[1, 0]) < 0.02
    assert plane.exponents.shape == (2, 2)
    done = CliRunner().invoke(
        commands,
        ["sweep", "mackey_glass", "--param", "tau=14:17:2", "--duration", "100", "--dt", "0.5",
         "--store", str(tmp_path / "b.zarr"), "--quiet"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output


def test_a_few_periods_are_no_torus():
    """Six of Mackey and Glass's: two exponents are within 2/T of zero, and that is all."""
    flow = delayed["mackey_glass"].system()
    for duration in (300, 600):
        spec = spectrum(flow, k=4, duration=duration, dt=0.25, members=4)
        assert set(spec.attractor) == {"undetermined"}
    apart = delayed["delayed_oscillators"].system(coupling=0.0)
    assert spectrum(apart, k=4, duration=800, dt=0.05).attractor == "torus of dimension 2"


def test_ensembles_and_tolerances():
    flow = delayed["mackey_glass"].system(tau=23.0)
    single = spectrum(flow, k=2, dt=0.5, tol=4e-4, max_duration=2e5)
    assert (single.stderr < 4e-4).all()
    pooled = spectrum(flow, k=2, dt=0.5, ensemble=True, tol=4e-4)
    both = np.hypot(single.stderr, pooled.stderr)
    assert (np.abs(single.exponents - pooled.exponents) < 4 * both).all()


@pytest.mark.parametrize(
    "run",
    [
        lambda flow: lx.trajectory(flow, duration=1, dt=0.1, progress=False),
        lambda flow: spectrum(flow, duration=1, dt=0.1, k=1),
    ],
)
def test_a_past_that_memory_has_no_room_for(run):
    with pytest.raises(ValueError, match="of memory would be needed"):
        run(lx.Flow(late, 1, {"tau": 1e11}))


def test_jumps_in_the_past_are_named():
    flow = lx.Flow(lambda x, p, past: [np.sign(past(p.tau)[0]) - x[0]], 1, {"tau": 1.0})
    assert "past(p.tau)[0]" in flow.jumps[0]
    with pytest.raises(ValueError, match="f must take past third"):
        lx.Flow(lambda x, p, t, past: [past(1.0)[0]], 1)
