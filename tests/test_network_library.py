"""Networks of the literature are their definition in plain NumPy, and have known exponents."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import lyapax as lx
from lyapax.cli import commands
from lyapax.systems import networks

from .helpers import spectrum


def field(known, W, x):
    """The node of sums over the coupling of all pairs; x (n, m)."""
    p = SimpleNamespace(**known.params)
    pairs = known.coupling(x.T[:, :, None], x.T[:, None, :], p)
    sums = [np.sum(W * np.broadcast_to(c, W.shape), axis=1) for c in pairs]
    return np.stack(np.broadcast_arrays(*known.node(x.T, sums, p)), axis=1)


def steps(known, W, x, count):
    for _ in range(count):
        if known.dt is None:
            x = field(known, W, x)
            continue
        a = field(known, W, x)
        b = field(known, W, x + 0.5 * known.dt * a)
        c = field(known, W, x + 0.5 * known.dt * b)
        d = field(known, W, x + known.dt * c)
        x = x + known.dt / 6 * (a + 2 * b + 2 * c + d)
    return x


@pytest.mark.parametrize("name", networks)
def test_a_network_is_what_it_says(name):
    known = networks[name]
    n = 7
    rng = np.random.default_rng(0)
    W = rng.random((n, n)) * (1 - np.eye(n)) / n
    net = known.system(W)
    start = net.start((), rng).reshape(net.state_shape)
    count = 100 if known.dt else 10  # of a chaotic map rounding grows in a hundred
    unit = {"dt": known.dt} if known.dt else {}
    path = lx.trajectory(
        net, duration=count * (known.dt or 1), initial=start, progress=False, **unit
    )
    expected = steps(known, W, start, count)
    np.testing.assert_allclose(path.states[-1], expected, rtol=1e-12, atol=1e-12)
    assert not net.jumps


def test_identical_oscillators_all_to_all_lock():
    """Exponents 0 and -K, n - 1 times."""
    net = networks["kuramoto"].system(np.full((6, 6), 1 / 6), K=[0.5, 2.0])
    spec = spectrum(net, duration=100, dt=0.05, transient=100, initial=0.1 * np.eye(6)[0, :, None])
    for found, K in zip(spec.exponents, (0.5, 2.0), strict=True):
        np.testing.assert_allclose(found, [0.0, *[-K] * 5], atol=1e-4)


def test_four_species_of_vano_are_chaotic():
    """Vano et al. 2006: the largest exponent is 0.0203."""
    r = np.array([1, 0.72, 1.53, 1.27])
    A = np.array(
        [[1, 1.09, 1.52, 0], [0, 1, 0.44, 1.36], [2.33, 0, 1, 0.47], [1.21, 0.51, 0.35, 1]]
    )
    W = r[:, None] * A

    def node(x, s, p):
        return [x[0] * (p.r - s[0])]

    net = lx.Network(node, networks["lotka_volterra"].coupling, W, {"r": r}, initial=[0.3])
    spec = spectrum(net, duration=20000, dt=0.1, transient=1000)
    assert abs(spec.exponents[0] - 0.0203) < 4 * spec.stderr[0] + 5e-4
    assert spec.stderr[0] < 0.002
    assert spec.n_zero == 1


def test_an_epidemic_rests_where_theory_says():
    """All to all, x = 1 - recovery / infection; slopes: x' = b (1 - x) s - g x."""
    n, infection, recovery = 5, 2.0, 0.5
    net = networks["sis"].system(np.full((n, n), 1 / n), infection=infection, recovery=recovery)
    spec = spectrum(net, duration=50, dt=0.02, transient=100)
    rest = 1 - recovery / infection
    own = -infection * rest - recovery
    mean = own + infection * (1 - rest)
    np.testing.assert_allclose(spec.exponents, [mean, *[own] * (n - 1)], atol=1e-5)


def test_command_line(tmp_path):
    np.save(tmp_path / "W.npy", np.full((4, 4), 0.25))
    asked = ["system", "kuramoto", "--weights", str(tmp_path / "W.npy"), "--param", "K=0:2:4"]
    done = CliRunner().invoke(commands, [*asked, "--duration", "5", "--json", "--quiet"])
    assert done.exit_code == 0, done.output
    assert np.shape(json.loads(done.output)["exponents"]) == (4, 4)
    done = CliRunner().invoke(commands, ["system", "kuramoto", "--quiet"])
    assert isinstance(done.exception, ValueError)
    assert "needs --weights" in str(done.exception)
