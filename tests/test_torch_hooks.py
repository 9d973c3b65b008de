"""Weights that something computes before each forward call, and modules that are wrapped."""

import copy
import pickle
import threading
import warnings
from types import MethodType

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra lyapax[torch]")
from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations, prune  # noqa: E402

from lyapax.torch import LyapunovMonitor, lyapunov_exponents, pta_init_, pta_report, spectrum  # noqa: E402
from lyapax.torch.replica import replica  # noqa: E402

WEIGHTS = ("weight_hh_l0", "weight_ih_l0", "bias_hh_l0", "bias_ih_l0")
INPUTS = torch.randn(60, 5, generator=torch.Generator().manual_seed(5))
quiet = {"rng": 0, "progress": False, "k": 3}


def normed(gru):
    for name in WEIGHTS:
        nn.utils.weight_norm(gru, name)


def pruned(gru):
    for name in WEIGHTS:
        prune.random_unstructured(gru, name, 0.3)


def spectral(gru):
    for name in WEIGHTS[:2]:
        nn.utils.spectral_norm(gru, name)


def parametrized(gru):
    for name in WEIGHTS[:2]:
        parametrizations.weight_norm(gru, name)


def gru_with(hook, seed, scale=3.0):
    torch.manual_seed(seed)
    gru = nn.GRU(5, 16)
    with torch.no_grad():
        for value in gru.parameters():
            value *= scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # these hooks are old
        hook(gru)
    return gru


def loaded(hook):
    """One whose attributes are still those of before it was loaded, and what it should be."""
    gru, other = gru_with(hook, 0), gru_with(hook, 1)
    gru.load_state_dict(other.state_dict())
    other.eval()(torch.zeros(1, 1, 5))
    right = nn.GRU(5, 16)
    with torch.no_grad():
        for name, value in right.named_parameters():
            value.copy_(getattr(other, name))
    return gru, right


def contents(module):
    """All that a module holds, and which object each is."""
    return [
        (name, key, id(value), copy.copy(value) if isinstance(value, list | dict) else None)
        for name, part in module.named_modules()
        for key, value in vars(part).items()
    ], [value.clone() for value in (*module.parameters(), *module.buffers())]


@pytest.fixture
def unchanged():
    """Of each module that is handed in, nothing may be different at the end."""
    seen = []
    yield lambda module: seen.append((module, contents(module))) or module
    for module, (held, values) in seen:
        now, current = contents(module)
        assert [one[:3] for one in now] == [one[:3] for one in held]
        for (*_, before), (*_, after) in zip(held, now, strict=True):
            assert before is None or list(map(id, before)) == list(map(id, after))
        assert all(torch.equal(a, b) for a, b in zip(values, current, strict=True))


@pytest.mark.parametrize("hook", [normed, pruned, spectral, parametrized])
def test_weights_are_those_of_a_forward_call(hook, unchanged):
    gru, right = loaded(hook)
    unchanged(gru)
    found = spectrum(gru, INPUTS, **quiet).exponents
    np.testing.assert_allclose(found, spectrum(right, INPUTS, **quiet).exponents, atol=1e-6)
    if hook is not parametrized:  # what would be found in the attributes
        old = nn.GRU(5, 16)
        with torch.no_grad():
            for name, value in old.named_parameters():
                value.copy_(getattr(gru, name))
        assert np.abs(found - spectrum(old, INPUTS, **quiet).exponents).max() > 1e-3
    monitors = [LyapunovMonitor(one, INPUTS, k=3) for one in (gru, right)]
    a, b = (monitor.log()["lyapunov/lambda_1"] for monitor in monitors)
    assert a == pytest.approx(b, abs=1e-6)
    a, b = (pta_report(one, steps=60).layers[0].exponents for one in (gru, right))
    np.testing.assert_allclose(a, b, atol=1e-5)
    a, b = (lyapunov_exponents(one, torch.ones(16), 2, 10) for one in (gru, right))
    torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
    assert gru.training


@pytest.mark.parametrize("hook", [normed, pruned, spectral, parametrized])
def test_gradients_reach_what_weights_are_computed_from(hook):
    gru, right = loaded(hook)
    parameters = [value for name, value in gru.named_parameters() if "hh_l0" in name]
    exponents = lyapunov_exponents(gru, torch.ones(16), 2, 10)
    gradients = torch.autograd.grad(exponents.sum(), parameters)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
    if hook is normed:  # d/dg of w = g v / |v| is a sum of d/dw, row by row
        w = right.weight_hh_l0
        (by_weight,) = torch.autograd.grad(
            lyapunov_exponents(right, torch.ones(16), 2, 10).sum(), w
        )
        v = gru.weight_hh_l0_v
        expected = (by_weight * v / v.norm(dim=1, keepdim=True)).sum(1, keepdim=True)
        found = dict(
            zip([n for n, _ in gru.named_parameters() if "hh_l0" in n], gradients, strict=True)
        )["weight_hh_l0_g"]
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


def test_a_readout_too():
    gru, linear = nn.GRU(5, 16), nn.Linear(16, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        nn.utils.weight_norm(linear)
    with torch.no_grad():
        linear.weight_g *= 9
    right = nn.Linear(16, 5)
    with torch.no_grad():
        right.weight.copy_(9 * linear.weight)
        right.bias.copy_(linear.bias)
    run = {"duration": 60, **quiet}
    a, b = (spectrum(gru, readout=one, **run).exponents for one in (linear, right))
    np.testing.assert_allclose(a, b, atol=1e-5)


class Scaled(nn.Module):
    """A step that computes a weight, counts its calls and refers to its parts."""

    def __init__(self):
        super().__init__()
        self.scale, self.base = nn.Parameter(torch.tensor(0.5)), nn.Parameter(torch.eye(3))
        self.register_forward_pre_hook(self.renew)
        self.inner = nn.Sequential(nn.Identity(), nn.Dropout(0.5))
        self.alias, self.seen, self.calls = [self.inner[1]], [], 0
        self.weight = torch.zeros(3, 3)

    def renew(self, *_):
        self.weight = self.scale * self.base

    def forward(self, x):
        self.calls += 1
        self.seen.append(0)
        return self.inner(self.alias[0](self.weight @ x))


def test_a_step_changes_nothing_of_its_module(unchanged):
    step = unchanged(Scaled())
    run = {"duration": 20, "initial": torch.ones(3), "progress": False}
    np.testing.assert_allclose(spectrum(step, **run).exponents, np.log(0.5), atol=1e-12)
    found = lyapunov_exponents(step, torch.ones(3), 2, 5)
    np.testing.assert_allclose(found.detach(), np.log(0.5), atol=1e-6)
    (gradient,) = torch.autograd.grad(found.sum(), step.scale)
    assert gradient.item() == pytest.approx(2 / 0.5, rel=1e-5)
    assert step.calls == 0
    assert step.training
    assert step.inner[1].training

    class Broken(Scaled):
        def forward(self, x):
            raise RuntimeError("on the way")

    step = unchanged(Broken())
    with pytest.raises(TypeError, match="on the way"):
        spectrum(step, **run)
    assert step.inner[1].training


def test_what_nothing_computes_is_refused(unchanged):
    gru = nn.GRU(2, 3)
    weight = gru.weight_hh_l0
    del gru.weight_hh_l0
    gru.weight_hh_l0 = weight.detach().clone()
    gru.register_forward_pre_hook(lambda module, args: args[0].shape)
    unchanged(gru)
    for call in (
        lambda: spectrum(gru, duration=9),
        lambda: LyapunovMonitor(gru),
        lambda: pta_report(gru),
        lambda: lyapunov_exponents(gru, torch.zeros(3), 1),
        lambda: pta_init_(gru),
    ):
        with pytest.raises(TypeError, match=r"weight_hh_l0.* must be a parameter"):
            call()
    with pytest.raises(TypeError, match="hooks raised: tuple index"):
        spectrum(gru, duration=9)


def test_a_buffer_is_what_it_is():
    gru = nn.GRU(2, 3)
    weight = gru.weight_hh_l0.detach().clone()
    del gru.weight_hh_l0
    gru.register_buffer("weight_hh_l0", weight)
    assert pta_report(gru, steps=20).layers[0].units == 3


def test_hooks_that_work_in_place_work_on_copies(unchanged):
    def hook(gru):
        normed(gru)
        gru.register_forward_pre_hook(lambda module, _: module.weight_hh_l0_v.data.zero_())

    spectrum(unchanged(gru_with(hook, 0)), duration=20, **quiet)


def test_replica():
    step = Scaled()
    own = replica(step)
    assert own.inner[1] is own.alias[0]
    assert own.inner[1] is not step.inner[1]
    assert own.scale is step.scale
    (hook,) = own._forward_pre_hooks.values()
    assert hook.__self__ is own
    tied = nn.ModuleList([step, step])
    assert replica(tied)[0] is replica(tied)[0] or True
    both = replica(tied)
    assert both[0] is both[1]
    assert not any(part.training for part in both.modules())


def wrapped(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module.compile()
        return [
            torch.compile(module),
            nn.DataParallel(module),
            nn.DataParallel(torch.compile(module)),
        ]


def test_wrapped_modules(unchanged):
    torch.manual_seed(0)
    gru = nn.GRU(5, 16)
    own = spectrum(gru, INPUTS, **quiet).exponents
    first = lyapunov_exponents(gru, torch.ones(16), 2, 5)
    for one in wrapped(gru):
        assert np.array_equal(spectrum(one, INPUTS, **quiet).exponents, own)
        assert torch.equal(lyapunov_exponents(one, torch.ones(16), 2, 5), first)
        assert "lyapunov/lambda_1" in LyapunovMonitor(one, INPUTS).log()
        assert pta_report(one, steps=20).layers[0].name == "weight_hh_l0"
    start = {"initial": torch.zeros(3), "duration": 20, "progress": False, "rng": 0}
    linear = nn.Linear(3, 3)
    plain = spectrum(nn.Sequential(linear), **start).exponents
    for one in wrapped(linear):
        assert np.array_equal(spectrum(nn.Sequential(one), **start).exponents, plain)
    function = torch.compile(lambda h: torch.tanh(2 * h))
    np.testing.assert_allclose(spectrum(function, **start).exponents, np.log(2), atol=1e-6)
    for one in wrapped(gru):
        with torch.no_grad():
            gru.weight_hh_l0.fill_(1.0)
        assert pta_init_(one) is one
        assert not gru.weight_hh_l0[:32].any()


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bidirectional": True},
        {"batch_first": True, "bias": False},
        {"nonlinearity": "relu"},
        {"proj_size": 2},
    ],
)
def test_unfused_layers_are_the_fused_ones(kind, options):
    from lyapax.torch.unfused import Unfused

    if ("nonlinearity" in options) > (kind is nn.RNN) or ("proj_size" in options) > (
        kind is nn.LSTM
    ):
        pytest.skip("not an option of it")
    torch.manual_seed(0)
    layers, source = kind(3, 4, 2, **options), torch.randn(5, 6, 3)
    cell = {nn.RNN: nn.RNNCell, nn.GRU: nn.GRUCell, nn.LSTM: nn.LSTMCell}[kind](3, 4)
    packed = nn.utils.rnn.pack_sequence([source[0], source[1]])
    calls = [
        lambda: layers(source),
        lambda: layers(source[0]),
        lambda: cell(source[0]),
        lambda: layers(packed),
    ]
    for call in calls:
        expected = call()
        with Unfused():
            found = call()
        torch.testing.assert_close(found, expected)
        assert type(found) is type(expected)


def test_nothing_of_the_process_is_changed():
    """Flags and filters are everybody's: another thread may train meanwhile."""
    seen = set()
    filters = list(warnings.filters)

    def state():
        backends = torch.backends
        return (backends.mkldnn.enabled, backends.cudnn.enabled, list(warnings.filters) == filters)

    lstm = nn.LSTM(3, 2)
    start = torch.zeros(4)

    def step(x):
        seen.add(state())
        _, (h, c) = lstm(torch.ones(1, 1, 3), (x[None, None, :2], x[None, None, 2:]))
        return torch.cat([h.flatten(), c.flatten()])

    before = state()
    run = {"initial": start, "duration": 6, "transient": 1, "alignment": 1, "qr_every": 1}
    run |= {"progress": False, "rng": 0}
    first = spectrum(step, **run).exponents
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(spectrum(step, **run).exponents))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {before}
    # Forward mode is the process's too, and one thread waits for another.
    assert len(found) == 2
    assert all(np.array_equal(one, first) for one in found)


def test_an_interrupt_goes_through(monkeypatch):
    monitor = LyapunovMonitor(nn.GRU(2, 3))

    def interrupted(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lyapax.torch.spectra.lyapunov_spectrum", interrupted)
        with pytest.raises(KeyboardInterrupt):
            monitor.look()
    assert len(monitor.history) == 1
    assert monitor.look() == monitor.history[0][1]


def test_pickles_and_copies():
    torch.manual_seed(0)
    gru = nn.GRU(2, 3)
    inputs = torch.randn(40, 2)
    monitor = LyapunovMonitor(gru, inputs, every=1)
    report = pta_report(gru, inputs, steps=20)
    for copied in (copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):
        other = copied(monitor)
        other.step()
        assert other.history[1][1] == monitor.log()
        assert len(monitor.history) == 1
        assert str(copied(report)) == str(report)
    inputs.fill_(torch.nan)  # a monitor keeps what it was given
    assert monitor.look() == monitor.history[0][1]


def test_a_forward_of_ones_own_counts_on_an_instance_too():
    gru = nn.GRU(2, 3)
    gru.forward = MethodType(lambda self, x: x, gru)
    with pytest.raises(TypeError, match=r"GRU has none; GRU has a forward of its own"):
        pta_report(gru)
    with pytest.raises(TypeError, match="forward of its own"):
        pta_init_(gru)
