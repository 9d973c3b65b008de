"""pta_init_: what it writes, what it leaves, what it refuses, and the zeros it promises."""

import doctest
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")
from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations, prune  # noqa: E402

import lyapax as lx  # noqa: E402
import lyapax.torch  # noqa: E402
from lyapax import pta  # noqa: E402
from lyapax.torch import pta_init_  # noqa: E402


def parts(bank):
    """(alpha, theta) of the blocks of a bank."""
    first = np.arange(0, len(bank) - 1, 2)
    real, imaginary = bank[first, first], bank[first + 1, first]
    rebuilt = pta.bank(np.hypot(real, imaginary), np.arctan2(imaginary, real), len(bank))
    np.testing.assert_allclose(bank, rebuilt, atol=1e-6)
    return np.hypot(real, imaginary), np.arctan2(imaginary, real)


def matrix(tensor):
    return tensor.detach().double().numpy()


def test_rnn():
    rnn = nn.RNN(5, 64, 2, bidirectional=True)
    inputs = {k: v.clone() for k, v in rnn.named_parameters() if "weight_ih" in k}
    assert pta_init_(rnn) is rnn
    banks = []
    for name, value in rnn.named_parameters():
        if "weight_hh" in name:
            alpha, theta = parts(matrix(value))
            assert pta.Region(alpha=(1.05 - 1e-6, 1.5 + 1e-6)).contains(alpha, theta).all()
            assert (theta > 0).any()
            assert (theta < 0).any()
            banks.append(alpha)
        elif "bias" in name:
            assert not value.any()
        else:
            assert torch.equal(value, inputs[name])
        assert value.requires_grad
    assert len(banks) == 4
    assert len({a[0] for a in banks}) == 4  # each its own


def test_gru():
    gru = pta_init_(nn.GRU(5, 64))
    assert not gru.weight_hh_l0[:128].any()
    alpha, theta = parts(matrix(gru.weight_hh_l0[128:]))
    assert pta.Region("gru", offset=(0.0099, 4.001)).contains(alpha, theta).all()


@pytest.mark.parametrize("cell", [nn.RNNCell(3, 8), nn.GRUCell(3, 8, bias=False), nn.RNN(3, 8)])
def test_cells_within_modules(cell):
    model = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Sequential(cell)})
    linear = model["a"].weight.clone()
    pta_init_(model)
    name = "weight_hh" if isinstance(cell, nn.RNNCellBase) else "weight_hh_l0"
    parts(matrix(getattr(cell, name)[-8:]))
    assert torch.equal(linear, model["a"].weight)


def test_seeds_and_generators():
    def one(**options):
        return pta_init_(nn.RNN(3, 16), **options).weight_hh_l0.detach()

    torch.manual_seed(3)
    first = one()
    assert not torch.equal(first, one())
    torch.manual_seed(3)
    assert torch.equal(first, one())
    state = torch.get_rng_state()
    own = pta_init_(torch.empty(16, 16), kind="tanh", generator=torch.Generator().manual_seed(1))
    same = pta_init_(torch.empty(16, 16), kind="tanh", generator=torch.Generator().manual_seed(1))
    assert torch.equal(own, same)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_of_any_precision(dtype):
    tensor = torch.full((9, 9), torch.nan, dtype=dtype)
    assert pta_init_(tensor, kind="tanh") is tensor
    assert not tensor[8].any()  # the unit that an odd number leaves over
    assert not tensor[:, 8].any()
    gates = pta_init_(torch.full((24, 8), torch.nan, dtype=dtype), kind="gru")
    assert not gates[:16].any()
    assert gates[16:].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", ["tanh", "gru"])
def test_no_block_locks_by_rounding(dtype, kind):
    """Of 192 blocks some would: it is what the weights hold that has the zero exponents."""
    rows = 384 * (3 if kind == "gru" else 1)
    for seed in range(3):
        tensor = torch.empty(rows, 384, dtype=dtype)
        pta_init_(tensor, kind=kind, generator=torch.Generator().manual_seed(seed))
        alpha, theta = parts(matrix(tensor)[-384:])
        assert np.abs(pta.leading_exponents(alpha, theta, kind, rng=seed)).max() < 2e-3


def test_ranges_and_values():
    tensor = torch.empty(40, 40, dtype=torch.float64)
    alpha, theta = parts(matrix(pta_init_(tensor, kind="tanh", alpha=(1.2, 1.3))))
    assert ((alpha > 1.2) & (alpha < 1.3)).all()
    given = torch.linspace(1.1, 1.4, 20)
    alpha, theta = parts(matrix(pta_init_(tensor, kind="tanh", alpha=given)))
    np.testing.assert_allclose(alpha, given.numpy(), rtol=1e-6)
    alpha, theta = parts(matrix(pta_init_(tensor, kind="tanh", alpha=1.3, theta=0.7)))
    np.testing.assert_allclose(theta, 0.7)
    gates = pta_init_(torch.empty(120, 40, dtype=torch.float64), kind="gru", offset=(0.5, 0.6))
    alpha, theta = parts(matrix(gates[80:]))
    offset = alpha - pta.gru_offset(theta)
    assert ((offset > 0.5) & (offset < 0.6)).all()


def network(module):
    """A layer without input as a rate network: x + rate (-x + tanh(W x))."""
    if isinstance(module, nn.GRU):
        n = module.hidden_size
        return lx.RateNetwork(
            matrix(module.weight_hh_l0[2 * n :]) / 2, tau=2.0, form="rate", kind="map"
        )
    return lx.RateNetwork(matrix(module.weight_hh_l0), form="rate", kind="map")


@pytest.mark.parametrize("cell", [nn.RNN, nn.GRU])
def test_half_of_the_exponents_are_zero(cell):
    torch.manual_seed(0)
    spectrum = lx.lyapunov_spectrum(
        network(pta_init_(cell(32, 256))), duration=4000, transient=2000, rng=1, progress=False
    )
    assert (np.abs(spectrum.exponents[:128]) < 2e-3).all()
    assert (spectrum.exponents[128:] < -5e-3).all()


@pytest.mark.parametrize("cell", [nn.RNN, nn.GRU])
def test_the_spectrum_is_that_of_its_blocks(cell):
    torch.manual_seed(1)
    module = pta_init_(cell(3, 32, dtype=torch.float64))
    x0 = np.random.default_rng(0).uniform(-0.5, 0.5, 32)
    options = {"duration": 500, "transient": 0, "alignment": 0, "qr_every": 5, "progress": False}
    whole = lx.lyapunov_spectrum(
        network(module), initial=x0, initial_basis=np.eye(32), **options
    ).exponents
    alpha, theta = parts(matrix(module.weight_hh_l0[-32:]))
    kind = "gru" if cell is nn.GRU else "tanh"
    each = lx.lyapunov_spectrum(
        pta.block_system(alpha, theta, kind, "discrete"),
        initial=x0.reshape(16, 2),
        initial_basis=np.eye(2),
        **options,
    ).exponents
    np.testing.assert_allclose(np.sort(whole), np.sort(each.ravel()), atol=1e-10)


def old_weight_norm(module, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(module, name)


class Last(nn.GRU):
    def forward(self, x):
        return super().forward(x)[0][-1]


def test_what_computes_other_weights_is_no_hindrance():
    for module in (
        parametrizations.weight_norm(nn.GRU(3, 8), "weight_ih_l0"),
        old_weight_norm(nn.GRU(3, 8), "weight_ih_l0"),
        prune.random_unstructured(nn.GRU(3, 8), "weight_ih_l0", 0.5),
    ):
        assert lyapax.torch.pta_report(pta_init_(module), steps=1000).layers[0].zeros == 4


def test_a_subclass_is_nothing_to_either():
    with pytest.raises(TypeError, match="Last has a forward of its own"):
        lyapax.torch.pta_report(Last(3, 8))
    model = Last(3, 8)
    pta_init_(model.weight_hh_l0, kind="gru")  # as the refusal says
    parts(matrix(model.weight_hh_l0[16:]))


@pytest.mark.parametrize(
    ("tensor", "error", "words"),
    [
        (torch.eye(4).to_sparse(), TypeError, "dense tensor"),
        (torch.eye(4, dtype=torch.int64), TypeError, "floating point"),
        (torch.eye(4, dtype=torch.complex64), TypeError, "real numbers"),
        (torch.ones(1, 4).expand(4, 4), ValueError, "memory for each"),
        (torch.ones(4), ValueError, "shape"),
    ],
)
def test_tensors_that_cannot_be_written(tensor, error, words):
    with pytest.raises(error, match=f"module_or_tensor must .*{words}"):
        pta_init_(tensor, kind="tanh")


def test_options_that_do_not_fit():
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator, got int"):
        pta_init_(nn.RNN(3, 8), generator=0)
    with pytest.raises(ValueError, match="alpha or offset"):
        pta_init_(nn.GRU(3, 8), alpha=(3.0, 4.0), offset=0.5)
    with pytest.raises(ValueError, match="offset is for the GRU"):
        pta_init_(nn.RNN(3, 8), offset=0.5)
    with pytest.raises(ValueError, match="offset must let blocks oscillate"):
        pta_init_(nn.GRU(3, 8), offset=-1.0)


def test_refusals():
    for module, why in [
        (nn.LSTM(3, 8), "an LSTM's state is a product of gates"),
        (nn.RNN(3, 8, nonlinearity="relu"), "units must be tanh"),
        (nn.Linear(3, 8), "found no nn.RNN"),
        (parametrizations.weight_norm(nn.GRU(3, 8), "weight_hh_l0"), "weight_hh_l0.*parametrized"),
        (prune.random_unstructured(nn.RNN(3, 8), "weight_hh_l0", 0.5), "weight_hh_l0.*pruned"),
        (prune.random_unstructured(nn.RNN(3, 8), "bias_ih_l0", 0.5), "bias_ih_l0.*pruned"),
        (old_weight_norm(nn.GRU(3, 8, 2), "weight_hh_l1"), "weight_hh_l1.*weight-normed"),
        (old_weight_norm(nn.RNNCell(3, 8), "weight_hh"), "weight_hh.*weight-normed"),
        (Last(3, 8), "a forward of its own"),
        ("gru", "wants a torch.nn.Module or a tensor, got str"),
    ]:
        with pytest.raises(TypeError, match=why):
            pta_init_(module)
    with pytest.raises(TypeError, match="kind is for tensors"):
        pta_init_(nn.GRU(3, 8), kind="gru")
    with pytest.raises(ValueError, match=r"must have shape \(n, n\), got \(4, 6\)"):
        pta_init_(torch.empty(4, 6), kind="tanh")
    with pytest.raises(ValueError, match="kind must be one of tanh, gru, got None"):
        pta_init_(torch.empty(4, 4))
    with pytest.raises(ValueError, match=r"alpha must be a tuple .* or 4 numbers"):
        pta_init_(nn.RNN(3, 8), alpha=[1.1, 1.2])
    with pytest.raises(ValueError, match="region must be one of null, paper"):
        pta_init_(nn.RNN(3, 8), region="best")


def test_a_refusal_leaves_everything_as_it_was():
    model = nn.ModuleList([nn.GRU(3, 8), nn.LSTM(3, 8)])
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(TypeError):
        pta_init_(model)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    sizes = nn.ModuleList([nn.GRU(3, 8), nn.RNN(3, 6)])
    before = [p.clone() for p in sizes.parameters()]
    with pytest.raises(ValueError, match="alpha"):
        pta_init_(sizes, alpha=[1.1, 1.2, 1.3, 1.4])
    assert all(torch.equal(a, b) for a, b in zip(before, sizes.parameters(), strict=True))
    with pytest.raises(ValueError, match="at least 2 units"):
        pta_init_(nn.GRU(3, 1))
    with pytest.raises(ValueError, match="meta"):
        pta_init_(nn.GRU(3, 4, device="meta"))


def test_lyapax_alone_does_not_import_torch():
    code = "import sys, lyapax, lyapax.pta; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_torch_one_clear_error():
    code = (
        "import sys\nsys.modules['torch'] = None\n"
        "try:\n    import lyapax.torch\nexcept ImportError as e:\n    print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "pip install 'lyapunov-spectra[torch]'" in done.stdout


def test_docstring_example():
    modules = [
        lyapax.torch.initialize,
        lyapax.torch.spectra,
        lyapax.torch.differentiable,
        lyapax.torch.monitor,
        lyapax.torch.report,
    ]
    failed, tried = np.sum([doctest.testmod(module) for module in modules], axis=0)
    assert tried > 2
    assert failed == 0


class Exponents(torch.utils.data.Dataset):
    """Dataset code that calls lyapax, in whatever process it runs."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        gru = lx.GRU(np.eye(24, 8) * (1 + index))
        spec = lx.lyapunov_spectrum(gru, duration=20, rng=0, progress=False)
        return torch.from_numpy(spec.exponents)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_after_the_threads_have_run(start):
    if start not in torch.multiprocessing.get_all_start_methods():
        pytest.skip("not on this system")
    data = Exponents()
    here = torch.stack([data[i] for i in range(4)])
    pta_init_(nn.GRU(4, 64))
    loader = torch.utils.data.DataLoader(
        data, batch_size=2, num_workers=2, multiprocessing_context=start, timeout=300
    )
    assert torch.equal(torch.cat(list(loader)), here)


THREADS = """
import numpy as np, torch
before = torch.get_num_threads()
import lyapax as lx
from lyapax.torch import pta_init_, spectrum
gru = torch.nn.GRU(2, 64)
pta_init_(gru)
spectrum(gru, duration=64, rng=0, progress=False)
lorenz = lx.systems.library["lorenz63"].system().with_params(rho=np.linspace(1, 30, 300))
lx.lyapunov_spectrum(lorenz, duration=5, dt=0.01, rng=0, progress=False)
assert torch.get_num_threads() == before == 1, (before, torch.get_num_threads())
"""


def test_the_threads_of_pytorch_stay_as_they_are():
    """Numba's pool of threads is OpenMP's, and so is PyTorch's: to start it would set both."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", THREADS], check=True, env=environment)
