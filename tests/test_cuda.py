"""The GPU route from the driver down: on an emulated device, or with -m gpu on a real one."""

import copy
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse

import lyapax as lx
from lyapax.kernels.cuda.blocks import GRU, NETWORK, Blocks, geometry
from lyapax.kernels.cuda.gemm import Gemm
from lyapax.kernels.cuda.spread import Spread
from lyapax.kernels.cuda.threads import Threads
from lyapax.kernels.propagator import initial_carry
from lyapax.systems import library

from .cuda_device import EMULATED, emulated, real
from .cuda_emulator import schedule
from .helpers import network, spectrum
from .test_contract import PATHS, ROWS, on_gpu, started

DEVICES = [
    pytest.param(lambda: EMULATED, id="emulated"),
    pytest.param(real, id="gpu", marks=pytest.mark.gpu),
]


def quiet_network(n, **options):
    """Every exponent is negative: orbits of all devices stay together."""
    w = np.random.default_rng(3).standard_normal((n, n)) * 0.5 / np.sqrt(n)
    return lx.RateNetwork(w, bias=0.3, **options)


def driven(kind, n=5, gates=3, steps=120):
    rng = np.random.default_rng(2)
    w_hh, w_ih = (
        rng.standard_normal((gates * n, n)) / np.sqrt(n),
        rng.standard_normal((gates * n, 2)),
    )
    b_hh, b_ih = rng.standard_normal((2, gates * n)) / 2
    return kind(w_hh, w_ih, b_hh, b_ih, inputs=rng.standard_normal((3, steps, 2)))


def driven_nodes(n=12):
    """Two matrices, one of each member, inputs, times and parameters of nodes."""
    w, v = np.random.default_rng(4).standard_normal((2, n, n)) / n
    return lx.Network(
        lambda x, s, p, t: [
            p.a - x[0] + 0.3 * s[0] + p.input,
            -2.0 * x[1] + s[1] * np.cos(0.7 * t),
        ],
        lambda x, y, p: [np.tanh(y[0]) * y[1] + x[1] * y[0], y[0] - x[0]],
        [np.stack([w, 0.5 * w]), v],
        {"a": np.linspace(0.0, 0.3, n)},
        inputs=0.1 * np.random.default_rng(5).standard_normal((1000, n)),  # a step each
    )


SYSTEMS = {
    "nodes": driven_nodes,
    "threads": lambda: library["lorenz63"].system().with_params(rho=0.5),
    "threads, two lanes": lambda: quiet_network(6),
    "threads map": lambda: quiet_network(7, kind="map", form="rate", tau=2.0),
    "blocks": lambda: quiet_network(12),
    "gemm": lambda: lx.RateNetwork(scipy.sparse.csr_array(quiet_network(12).W), bias=0.3),
}


@pytest.mark.filterwarnings("ignore:dt = .* is too large")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    # The emulator takes half a minute for products.
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n in ("gemm", "nodes"))) for n in SYSTEMS],
)
def test_agrees_with_the_cpu_over_1000_steps(name, device):
    system = SYSTEMS[name]()
    options = {"duration": 800.0, "transient": 100.0, "alignment": 100.0, "qr_every": 10}
    if system.is_flow:
        options = {"duration": 40.0, "transient": 5.0, "alignment": 5.0, "dt": 0.05, "qr_every": 10}
    # A basis of one's own keeps the eigenvalues of a state at rest out of it.
    options["initial_basis"] = np.eye(system.dim)
    cpu = spectrum(system, **options)
    double = spectrum(system, device=device(), **options)
    single = spectrum(system, device=device(), dtype="float32", **options)
    np.testing.assert_allclose(double.exponents, cpu.exponents, rtol=0, atol=1e-9)
    np.testing.assert_allclose(double.stderr, cpu.stderr, rtol=0, atol=1e-9)
    np.testing.assert_allclose(single.exponents, cpu.exponents, rtol=0, atol=1e-4)
    assert np.abs(single.exponents - cpu.exponents).max() > 0


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("kind", "gates"), [(lx.GRU, 3), (lx.RNN, 1), (lx.LSTM, 4)])
def test_inputs(kind, gates, device):
    system = driven(kind, gates=gates)
    cpu, there = spectrum(system), spectrum(system, device=device())
    np.testing.assert_allclose(there.exponents, cpu.exponents, rtol=0, atol=1e-9)


@pytest.mark.parametrize("device", DEVICES)
def test_planes_of_parameters(device):
    flow = library["lorenz63"].system()
    params = {"rho": np.linspace(0.5, 20.0, 7), "sigma": np.array([[8.0], [10.0]])}
    options = {"params": params, "duration": 20.0, "dt": 0.01, "transient": 5.0, "qr_every": 5}
    cpu, there = spectrum(flow, **options), spectrum(flow, device=device(), **options)
    np.testing.assert_allclose(there.exponents, cpu.exponents, rtol=0, atol=1e-8)


@pytest.mark.parametrize("device", DEVICES)
def test_chaos_agrees_within_errors(device):
    options = {"duration": 300.0, "dt": 0.01, "transient": 20.0, "members": 40}
    for dtype in ("float64", "float32"):
        spec = spectrum(library["lorenz63"].system(), device=device(), dtype=dtype, **options)
        mean, stderr = spec.pooled()
        expected = [0.9056, 0.0, -14.5723]
        assert (np.abs(mean - expected) < 4 * stderr + 2e-3).all()
        assert (stderr < 0.01).all()


@pytest.mark.parametrize("device", DEVICES)
def test_the_driver_finds_the_cadence_and_extends(device):
    system = network(10)
    options = {"duration": 30.0, "dt": 0.05, "transient": 5.0}
    whole = spectrum(system, device=device(), **options)
    assert whole.qr_every > 1
    fixed = {**options, "qr_every": 4}
    short = spectrum(
        system, device=device(), **{**fixed, "duration": 15.0, "transient": 3.0, "alignment": 3.0}
    )
    long = spectrum(system, device=device(), **{**fixed, "transient": 3.0, "alignment": 3.0})
    assert np.array_equal(short.extend(15.0).exponents, long.exponents)


@pytest.mark.filterwarnings("ignore:dt = .* is too large")
@pytest.mark.parametrize("device", DEVICES)
def test_float32_turns_to_float64_where_growth_asks_for_it(device):
    w, dt = np.linspace(-40.0, 0.0, 10), 0.05
    options = {"dtype": "float32", "duration": 10, "dt": dt, "qr_every": 20, "alignment": 40}
    spec = spectrum(lx.RateNetwork(np.diag(w), phi="linear"), device=device(), **options)
    z = dt * (w - 1)
    step = 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24
    np.testing.assert_allclose(spec.exponents, np.sort(np.log(step) / dt)[::-1], rtol=1e-9)


@pytest.mark.parametrize(
    ("n", "kilobytes", "kind"),
    [(70, 227, lx.RateNetwork), (40, 64, lx.RateNetwork), (70, 227, lx.GRU)],
)
def test_float32_turns_to_float64_where_blocks_cannot(n, kilobytes, kind):
    w = np.diag(np.linspace(-40.0, 0.0, n))
    system = lx.RateNetwork(w, phi="linear")
    if kind is lx.GRU:
        system = lx.GRU(np.concatenate([w, w, w]) / 10, kind="flow")
    there = system.propagator((3,), 0.05, n, np.dtype("float32"), [emulated(kilobytes * 1024)])
    assert type(there) is Blocks
    members = np.array([0, 2])
    double = there.select(members, np.dtype("float64"))
    cpu = system.propagator((2,), 0.05, n, np.dtype("float64"))
    _, carry = started(system, 2, n, 0.05)
    mine, theirs = carry.copy(), carry.copy()
    double.propagate(mine, 2, 2)
    cpu.propagate(theirs, 2, 2)
    np.testing.assert_allclose(mine.log_sum, theirs.log_sum, rtol=0, atol=1e-10)


class Strided:
    """NumPy, but for a QR that hands back a transposed view, as CuPy's does."""

    class linalg:
        @staticmethod
        def qr(a):
            q, r = np.linalg.qr(a)
            return np.ascontiguousarray(q.swapaxes(-2, -1)).swapaxes(-2, -1), r

    def __getattr__(self, name):
        return getattr(np, name)


def test_bases_of_cusolver_are_put_in_order():
    system, options = quiet_network(70), {"duration": 1.0, "dt": 0.1, "qr_every": 2, "k": 20}
    cupy_like = replace(EMULATED, arrays=Strided(), _modules={})
    cpu, there = spectrum(system, **options), spectrum(system, device=cupy_like, **options)
    np.testing.assert_allclose(there.exponents, cpu.exponents, rtol=0, atol=1e-9)


@pytest.mark.parametrize("device", DEVICES)
def test_time_stays_double_in_float32(device):
    """cos(pi m) at step 2^25 + 1: a float is even there."""
    swing = lx.Map(lambda x, p, m: [0.5 * x[0] * (1.5 + np.cos(np.pi * m))], 1)
    for dtype in ("float64", "float32"):
        propagator = swing.propagator((), 1.0, 1, np.dtype(dtype), [device()])
        carry = initial_carry(np.ones((1, 1)), np.ones((1, 1, 1), dtype))
        carry.step = 2**25 + 1
        propagator.propagate(carry, 1, 2)
        np.testing.assert_allclose(carry.log_sum, np.log(0.25 * 1.25), rtol=1e-6)


@pytest.mark.parametrize("device", DEVICES)
def test_closed_gates_in_float32(device):
    """exp(100) is beyond float32, a gate that is 1e-44 from closed is not."""
    gru = lx.GRU(np.eye(6, 2) / 2, bias_hh=[0.0, 0.0, -100.0, -100.0, 0.0, 0.0])
    spec = spectrum(gru, device=device(), duration=50, dtype="float32", transient=5)
    assert not spec.diverged.any()
    np.testing.assert_allclose(spec.exponents, -100.0, atol=1e-3)


@pytest.mark.parametrize("name", PATHS)
def test_a_piece_is_the_same_in_every_call(name):
    """What a propagator holds itself does not make the next piece smaller; results hold nothing."""
    system, *_, dt = ROWS[name]()
    propagator, carry = started(system, 7, 2, dt, place="emulated")
    shrinking = iter([1 << 20, 1 << 10, 1 << 10])
    propagator = replace(
        propagator, device=replace(EMULATED, free_memory=lambda: next(shrinking), _modules={})
    )
    propagator.propagate(carry, 1, 1)
    first = propagator.room
    propagator.propagate(carry, 1, 1)
    assert propagator.room == first
    assert propagator._held is not None
    propagator.release()
    assert propagator._held is None


@pytest.mark.parametrize(("place", "name"), on_gpu(PATHS))
def test_pieces_give_the_same_bits(place, name):
    """A batch that does not fit into the memory goes through it piece by piece."""
    system, *_, dt = ROWS[name]()
    whole, carry = started(system, 7, 2, dt, place=place)
    parts = carry.copy()
    small = replace(
        whole, device=replace(whole.device, free_memory=lambda: 3 * whole.member_bytes())
    )
    whole.propagate(carry, 3, 2)
    small.propagate(parts, 3, 2)
    whole.advance(carry, 3)
    small.advance(parts, 3)
    if place == "gpu" and isinstance(whole, Gemm):  # cuBLAS picks its kernel by the batch
        np.testing.assert_allclose(parts.state, carry.state, rtol=0, atol=1e-12)
    else:
        assert np.array_equal(carry.state, parts.state)
        assert np.array_equal(carry.log_sum, parts.log_sum)
        assert np.array_equal(carry.basis, parts.basis)


@pytest.mark.parametrize("name", PATHS)
def test_several_devices_give_the_same_bits(name):
    system, *_, dt = ROWS[name]()
    alone, carry = started(system, 7, 2, dt, place="emulated")
    two = [emulated(), emulated()]
    both = system.propagator((7,), dt or 1.0, 2, np.dtype(float), two)
    assert isinstance(both, Spread)
    parts = carry.copy()
    alone.advance(carry, 2)
    both.advance(parts, 2)
    alone.propagate(carry, 3, 2)
    both.propagate(parts, 3, 2)
    assert np.array_equal(carry.log_sum, parts.log_sum)
    assert np.array_equal(carry.state, parts.state)
    assert carry.step == parts.step


@pytest.mark.parametrize("name", PATHS)
def test_no_order_of_threads_changes_bits(name):
    system, *_, dt = ROWS[name]()
    propagator, carry = started(system, 3, 2, dt, place="emulated")
    found = []
    for order in ("forward", "reverse", 1):
        with schedule(order):
            piece = carry.copy()
            propagator.propagate(piece, 2, 2)
            found.append(piece)
    for other in found[1:]:
        assert np.array_equal(found[0].log_sum, other.log_sum)
        assert np.array_equal(found[0].basis, other.basis)
        assert np.array_equal(found[0].state, other.state)


@pytest.mark.gpu
@pytest.mark.parametrize("name", PATHS)
def test_repeats_bit_for_bit(name):
    system, *_, dt = ROWS[name]()
    propagator, carry = started(system, 300, 2, dt, place="gpu")
    first = carry.copy()
    propagator.propagate(first, 5, 3)
    for _ in range(20):
        again = carry.copy()
        propagator.propagate(again, 5, 3)
        assert np.array_equal(first.log_sum, again.log_sum)
        assert np.array_equal(first.basis, again.basis)


def kind_of(system, k=None, dtype="float64", device=EMULATED, shape=(4,)):
    k = k or system.dim
    found = system.propagator(shape, 0.1, k, np.dtype(dtype), [device])
    return type(found)


def test_routes():
    rng = np.random.default_rng(0)
    assert kind_of(library["lorenz63"].system()) is Threads
    assert kind_of(quiet_network(8)) is Threads
    assert kind_of(quiet_network(9)) is Blocks
    assert kind_of(quiet_network(64)) is Blocks
    assert kind_of(quiet_network(65)) is Gemm
    assert kind_of(quiet_network(128), dtype="float32") is Blocks
    assert kind_of(quiet_network(129), dtype="float32") is Gemm
    assert kind_of(quiet_network(64), device=emulated(64 * 1024)) is Gemm
    assert kind_of(quiet_network(3, inputs=np.zeros((5, 3)))) is Blocks
    assert kind_of(SYSTEMS["gemm"]()) is Gemm
    assert kind_of(lx.GRU(rng.standard_normal((30, 10)))) is Blocks
    assert kind_of(lx.GRU(rng.standard_normal((30, 10)), reset="before")) is Gemm
    assert kind_of(lx.GRU(rng.standard_normal((6, 2)))) is Threads
    assert kind_of(lx.LSTM(rng.standard_normal((40, 10)))) is Gemm
    assert kind_of(SYSTEMS["nodes"](), shape=(4, 2)) is Gemm
    assert kind_of(SYSTEMS["nodes"](4), shape=(4, 2)) is Gemm
    with pytest.raises(ValueError, match="device must be the CPU for a Network whose coupling"):
        kind_of(lx.Network(lambda x, s, p: s, lambda x, y, p: [np.tanh(y[0] - x[0])], np.eye(9)))


@pytest.mark.parametrize(
    ("kilobytes", "dtype", "n", "resident"),
    [
        (64, "float32", 64, True),
        (64, "float32", 128, None),
        (64, "float64", 32, True),
        (64, "float64", 64, None),
        (99, "float32", 128, None),
        (99, "float64", 64, False),
        (163, "float32", 128, False),
        (163, "float64", 64, True),
        (227, "float32", 128, True),
        (227, "float64", 64, True),
    ],
)
def test_shared_memory_decides_where_weights_lie(kilobytes, dtype, n, resident):
    found = geometry(NETWORK, n, n, dtype, kilobytes * 1024)
    if resident is None:
        assert found is None
        return
    assert found.resident == resident
    assert found.shared_bytes <= kilobytes * 1024
    assert found.rows == n


def test_gated_units_hold_three_matrices():
    assert geometry(GRU, 128, 128, "float32", 227 * 1024).resident is False
    assert geometry(GRU, 64, 64, "float32", 227 * 1024).resident is True


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kilobytes", [99, 227])
def test_streamed_weights_give_the_same_bits(kilobytes, device):
    small = replace(device(), shared_memory=kilobytes * 1024)
    system = network(40)
    options = {"duration": 1.0, "dt": 0.1, "qr_every": 2, "transient": 0.5}
    streamed = spectrum(system, device=small, **options)
    assert np.array_equal(
        streamed.exponents, spectrum(system, device=device(), **options).exponents
    )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "phi", ["tanh", "relu", "sigmoid", "softplus", "erf", "linear", lambda u: u / (1 + u * u)]
)
def test_activations(phi, device):
    options = {"duration": 20.0, "dt": 0.1, "qr_every": 5, "transient": 5.0, "rng": 1}
    for n in (4, 10):
        # Inputs of zero keep the CPU from compiling straight-line code for each of them.
        twin = quiet_network(n, phi=phi, inputs=np.zeros((400, n)))
        options["initial_basis"] = np.eye(n)
        there = spectrum(quiet_network(n, phi=phi), device=device(), **options)
        cpu = spectrum(twin, **options)
        np.testing.assert_allclose(there.exponents, cpu.exponents, rtol=0, atol=1e-9)


def test_slopes_far_out():
    """sech^2 of 40 is 7e-35, not 0: no direction of these dies."""
    for n in (3, 10):
        system = lx.RateNetwork(0.5 * np.eye(n), phi="tanh", kind="map", bias=40.0)
        options = {"duration": 5, "transient": 2, "alignment": 2, "initial": np.full(n, 40.0)}
        spec = spectrum(system, device=EMULATED, **options)
        u = 40.5
        expected = np.log(0.5 * 4) - 2 * u - 2 * np.log1p(np.exp(-2 * u))
        np.testing.assert_allclose(spec.exponents, expected, rtol=1e-12)


class Far:
    """An array as CuPy has them: on a GPU, with `get` to bring it to the host."""

    def __init__(self, array):
        self.array = np.asarray(array)
        self.ndim, self.shape = self.array.ndim, self.array.shape
        self.__cuda_array_interface__ = {"shape": self.shape}

    def get(self):
        return self.array

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")


def test_arrays_on_a_gpu_decide(monkeypatch):
    w = quiet_network(4).W
    there, here = lx.RateNetwork(Far(w), Far(np.full(4, 0.3))), lx.RateNetwork(w, 0.3)
    assert there.home.library == "cupy"
    assert here.home is None
    asked = []
    monkeypatch.setattr("lyapax._device._gpus", lambda name: asked.append(name) or [EMULATED])
    options = {"duration": 5.0, "dt": 0.1}
    spec = spectrum(there, **options)
    assert asked == ["cuda:0"]
    assert np.array_equal(spec.exponents, spectrum(here, device=EMULATED, **options).exponents)
    assert asked == ["cuda:0"]
    spectrum(there.with_params(tau=3.0), params={"tau": 2.0}, **options)
    assert asked == ["cuda:0"] * 2
    gru = lx.GRU(Far(np.ones((6, 2))))
    assert gru.home == there.home
    flow = lx.Flow(lambda x, p: [-p.a * x[0]], 1, {"a": Far([1.0, 2.0])})
    assert flow.home == there.home
    assert flow.batch_shape == (2,)


def test_results_go_back_where_arrays_came_from(monkeypatch):
    monkeypatch.setattr("lyapax._device._gpus", lambda name: [EMULATED])
    monkeypatch.setattr("lyapax._device.Home.take", lambda home, array: Far(array))
    spec = spectrum(lx.RateNetwork(Far(quiet_network(4).W)), duration=5.0, dt=0.1)
    exponents, stderr = spec.on_device()
    assert np.array_equal(exponents.get(), spec.exponents)
    assert np.array_equal(stderr.get(), spec.stderr)
    travelled = copy.copy(spec)  # without its run, which stays on the GPU
    assert np.array_equal(travelled.on_device()[0].get(), spec.exponents)
    with pytest.raises(ValueError, match="cannot be extended"):
        travelled.extend(1.0)
    here = spectrum(quiet_network(4), duration=5.0, dt=0.1, device=EMULATED)
    assert here.on_device()[0] is here.exponents


def test_a_gpu_without_cupy_is_one_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match=r"pip install 'lyapunov-spectra\[cuda13\]'"):
        spectrum(quiet_network(4), duration=1.0, dt=0.1, device="cuda")


def test_a_gpu_that_is_not_there_is_one_clear_error():
    cupy = pytest.importorskip("cupy")
    if cupy.is_available():
        pytest.skip("there is one")
    with pytest.raises(RuntimeError, match="needs an NVIDIA GPU and its driver"):
        spectrum(quiet_network(4), duration=1.0, dt=0.1, device="cuda")


@pytest.mark.parametrize("device", ["gpu", "cud", 3, ["nonsense"], ""])
def test_other_devices_are_refused(device):
    with pytest.raises(ValueError, match='device must be "cpu", "cuda" or "cuda:N", got'):
        spectrum(quiet_network(4), duration=1.0, dt=0.1, device=device)


@pytest.mark.parametrize("device", DEVICES)
def test_parameters_too_many_to_pass_by_value(device):
    """480 numbers of 8 bytes: a launch takes 4 KB."""
    a = np.random.default_rng(0).uniform(0.5, 1.5, (2, 120, 4)) * [1, 2, 3, 4]
    sums = lambda x, p: [-sum(p.a[m, i] * x[i] for m in range(120)) / 120 for i in range(4)]  # noqa: E731
    flow = lx.Flow(sums, 4, {"a": a[0]}, shapes={"a": (120, 4)})
    options = {"duration": 10.0, "dt": 0.05, "transient": 1.0, "qr_every": 2, "alignment": 30.0}
    for given in (a[0], a):
        system = flow.with_params(a=given)
        table = system.propagator(system.batch_shape, 0.05, 1, np.dtype(float), [device()])
        assert table.params.shape[1] >= 480
        assert not table.shared
        spec = spectrum(system, device=device(), k=2, **options)
        np.testing.assert_allclose(spec.exponents, -given.mean(axis=-2)[..., :2], atol=5e-6)


def test_long_functions_have_no_route():
    system = lx.Flow(lambda x, p: -x, 12)
    with pytest.raises(ValueError, match="more than 8 variables, this one has"):
        spectrum(system, duration=1.0, dt=0.1, device=EMULATED)


def test_importing_lyapax_imports_no_cupy():
    script = "import sys, lyapax, lyapax.cli; sys.exit('cupy' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
