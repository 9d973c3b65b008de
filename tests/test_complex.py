"""Complex states and Fourier transforms in right-hand sides."""

import numpy as np
import pytest

import lyapax as lx
from lyapax.kernels.codegen import on_arrays


def values(flow, x, t=0.3):
    f = on_arrays(flow.graph, flow.graph.outputs)
    return np.array([float(v) for v in f(t, list(x), flow._table().ravel().tolist())])


N = 6
A = np.random.default_rng(0).standard_normal((N, N)) + 1j * np.eye(N)
K = np.fft.fftfreq(N, 1 / N)
M = np.fft.rfftfreq(N, 1 / N)


def stuart_landau(z, p):
    return (0.3 + 1j) * z - np.abs(z) ** 2 * z


def kuramoto(z, p):
    mean = np.mean(z)
    return 1j * z + 0.5 * (mean - np.conj(mean) * z**2)


def coupled(z, p):
    dz = np.zeros(N, dtype=complex)
    for i in range(N):
        dz[i] = (A @ z)[i] / (2 + z[i] * z[i].conjugate()) - z[i] ** 3
    return dz + np.exp(1j * z.real) * z.imag


def schroedinger(z, p):
    return np.fft.ifft(-1j * K**2 * np.fft.fft(z)) + 1j * abs(z) ** 2 * z


def sums(z, p):
    rolled = np.roll(z, 1) - 2 * z + np.roll(z, -1)
    return rolled + z.sum() / N - 1 / (3 + z) + np.dot(A, z) + np.vdot(z, z) + z.T - (-z)


@pytest.mark.parametrize("f", [stuart_landau, kuramoto, coupled, schroedinger, sums])
def test_complex_flows(f):
    rng = np.random.default_rng(1)
    z = rng.standard_normal(N) + 1j * rng.standard_normal(N)
    flow = lx.complex_flow(f, N)
    expected = f(z, None)
    found = values(flow, np.r_[z.real, z.imag])
    np.testing.assert_allclose(found, np.r_[expected.real, expected.imag], rtol=1e-12, atol=1e-12)


def burgers(u, p):
    modes = np.fft.rfft(u)
    slope = np.fft.irfft(1j * M * modes, N)
    return -u * slope + np.fft.irfft(-(M**2) * modes, N)


def by_fft(u, p):
    return np.fft.ifft(1j * K * np.fft.fft(u)).real + np.real(np.fft.fft(u))[0] * u


@pytest.mark.parametrize("f", [burgers, by_fft])
def test_transforms_of_real_states(f):
    u = np.random.default_rng(2).standard_normal(N)
    np.testing.assert_allclose(values(lx.Flow(f, N), u), f(u, None), rtol=1e-12, atol=1e-12)


def test_signatures_and_parameters():
    def driven(t, z, a):
        return a * z + np.exp(1j * t)

    z = np.array([0.3 - 0.2j])
    flow = lx.complex_flow(driven, 1, {"a": 0.5})
    assert flow.is_driven
    expected = driven(0.3, z, 0.5)
    np.testing.assert_allclose(values(flow, [0.3, -0.2]), [*expected.real, *expected.imag])
    batch = lx.complex_flow(lambda z, p: p.a * z, 1, {"a": np.ones(4)})
    assert batch.batch_shape == (4,)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda z, p: z**0.5, "whole power"),
        (lambda z, p: np.sin(z), r"np\.sin of complex numbers is not supported"),
        (lambda z, p: np.sort(z), r"np\.sort of complex numbers"),
        (lambda z, p: [z[0]], "dim = 2 complex numbers, got 1"),
        (lambda z, p: np.fft.fft(z, 4), "whole axis"),
    ],
)
def test_what_is_refused(f, words):
    with pytest.raises(TypeError, match=words) as refusal:
        lx.complex_flow(f, 2)
    assert "\n" not in str(refusal.value)


def test_a_real_flow_that_returns_complex_numbers():
    with pytest.raises(TypeError, match=r"lx\.complex_flow"):
        lx.Flow(lambda x, p: 1j * x, 2)
