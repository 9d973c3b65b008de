"""Adjoints against reverse-mode differentiation by PyTorch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")
from torch import nn  # noqa: E402

import lyapax as lx  # noqa: E402
from lyapax.torch.read import system_of  # noqa: E402

STEPS = 30


def gradient(step, start, covector):
    x = start = start.clone().requires_grad_()
    for t in range(STEPS):
        x = step(x, t)
    (found,) = torch.autograd.grad(x @ covector, start)
    return found.numpy()


def compare(system, step, dt=None):
    rng = np.random.default_rng(0)
    start, covector = rng.uniform(-1, 1, (2, system.dim))
    psi = lx.adjoint(
        system,
        covector,
        duration=STEPS * (dt or 1),
        dt=dt,
        initial=start,
        save_every=STEPS,
        progress=False,
    )
    expected = gradient(step, torch.from_numpy(start), torch.from_numpy(covector))
    size = np.linalg.norm(expected)
    assert np.linalg.norm(psi.vectors[0, :, 0] - expected) < 1e-10 * size


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_modules(kind, layers):
    torch.manual_seed(0)
    module = kind(3, 7, layers).double()
    inputs = torch.randn(STEPS, 3).double()
    lstm = kind is nn.LSTM

    def step(x, t):
        n = 7 * layers
        h = x[:n].reshape(layers, 1, 7)
        given = (h, x[n:].reshape(layers, 1, 7)) if lstm else h
        _, after = module(inputs[t].reshape(1, 1, 3), given)
        return torch.cat([part.flatten() for part in after]) if lstm else after.flatten()

    compare(system_of(module, inputs), step)


@pytest.mark.parametrize("form", ["current", "rate"])
def test_runge_kutta_steps(form):
    w = np.random.default_rng(1).standard_normal((12, 12)) * 1.5 / np.sqrt(12)
    weights, dt = torch.from_numpy(w), 0.1

    def f(x):
        return weights @ torch.tanh(x) - x if form == "current" else torch.tanh(weights @ x) - x

    def step(x, t):
        k1 = f(x)
        k2 = f(x + dt / 2 * k1)
        k3 = f(x + dt / 2 * k2)
        return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + f(x + dt * k3))

    compare(lx.RateNetwork(w, form=form), step, dt)


def test_steps_of_ones_own():
    """What only PyTorch can do has tangents and cotangents too."""
    from lyapax.torch.foreign import step_of

    module = nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 5)).double()
    system = step_of(module, torch.zeros(5).double(), None, "float64")
    compare(system, lambda x, t: module(x))
