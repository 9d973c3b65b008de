"""Systems with time-dependent right-hand sides, and networks with inputs."""

from collections.abc import Iterator

import numpy as np

import lyapax as lx

from .batch import MAP_STEPS, Batch, batch, flow, map_of
from .flows import SEARCHED
from .networks import gaussian, symmetric

FAMILY, STABLE = "driven", "stable response"


def linear(x, p, t):
    return [x[1], -x[0] - p.d * x[1] + np.cos(p.w * t)]


def adler(x, p, t):
    """A phase pulled by a drive: it follows where |w - v| < k, else its exponent is 0."""
    return [p.w + p.k * np.sin(p.v * t - x[0])]


def duffing(x, p, t):
    return [x[1], x[0] - x[0] * x[0] * x[0] - 0.3 * x[1] + p.a * np.cos(1.2 * t)]


def pendulum(x, p, t):
    return [x[1], -np.sin(x[0]) - 0.5 * x[1] + p.a * np.cos(2.0 / 3.0 * t)]


def strange_nonchaotic(x, p, t):
    """Grebogi, Ott, Pelikan and Yorke 1984: the exponent is ln s where s < 1, negative beyond."""
    return [2.0 * p.s * np.tanh(x[0]) * np.cos(2.0 * np.pi * (0.6180339887498949 * t + p.phase))]


def batches() -> Iterator[Batch]:
    d, w = (v.ravel() for v in np.meshgrid([0.02, 0.1, 0.5, 1.5], [0.6, 1.0, 1.7]))
    yield batch(FAMILY, "linear oscillator", flow(linear, 2), {"d": d, "w": w}, STABLE, dt=0.05,
                initial=[0.5, 0.0])
    ratio = np.concatenate([np.linspace(0.1, 0.95, 8), np.linspace(1.05, 4, 8)])
    kinds = np.where(ratio > 1, STABLE, "torus of dimension 1")
    yield batch(FAMILY, "Adler's phase", flow(adler, 1), {"w": 1.0, "v": 1.4, "k": 0.4 * ratio},
                list(kinds), dt=0.1, unit=2.0, initial=[0.1])
    yield batch(FAMILY, "Duffing", flow(duffing, 2), {"a": np.linspace(0.15, 0.65, 40)}, SEARCHED,
                dt=0.05, initial=[0.5, 0.1], f=duffing, search=1, driven=True)
    yield batch(
        FAMILY,
        "forced pendulum",
        flow(pendulum, 2),
        {"a": np.linspace(0.85, 1.5, 40)},
        SEARCHED,
        dt=0.05,
        initial=[0.2, 0.1],
        f=pendulum,
        search=1,
        driven=True,
    )
    s = np.array([0.3, 0.6, 0.8, 0.95, 1.2, 1.5, 1.8, 2.2])
    yield batch(FAMILY, "quasi-periodically forced map", map_of(strange_nonchaotic, 1),
                {"s": s, "phase": 0.1}, STABLE, initial=[0.5], unit=MAP_STEPS)
    rng = np.random.default_rng(31)
    # Contraction: slopes of tanh are at most 1, so a norm below 1 is enough.
    goal = np.array([0.3, 0.6, 0.8, 0.9, 0.95])
    for n in (5, 40):
        W = symmetric(gaussian(rng, 5, n))
        W *= (goal / np.abs(np.linalg.eigvalsh(W)).max(axis=1))[:, None, None]
        inputs = rng.standard_normal((4100, 2))
        yield batch(FAMILY, f"{n} tanh units with inputs", _with_inputs(inputs, n), {"W": W},
                    STABLE, unit=MAP_STEPS, times=340, k=min(n, 8))
    W = 8.0 * gaussian(rng, 4, 60)
    yield batch(FAMILY, "60 chaotic units with weak inputs", _with_inputs(0.01 * inputs, 60),
                {"W": W}, "chaotic | hyperchaotic", unit=MAP_STEPS, times=340, k=4)


def _with_inputs(inputs, n):
    entry = np.random.default_rng(1).standard_normal((n, 2))
    return lambda W: lx.RNN(W, entry, inputs=inputs)
