"""Spectra of PyTorch modules: against autograd's Jacobians, and nothing of the module changed."""

import sys
import types

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")
from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations  # noqa: E402

from lyapax.torch import LyapunovMonitor, pta_init_, pta_report, spectrum  # noqa: E402

CELLS = {nn.RNN: nn.RNNCell, nn.GRU: nn.GRUCell, nn.LSTM: nn.LSTMCell}
quiet = {"rng": 0, "progress": False}


def flat_step(module, layers):
    """(state, input) -> state of a module, called as a user would."""
    lstm = isinstance(module, nn.LSTM)

    def step(x, u):
        n = module.hidden_size * layers
        h = x[:n].reshape(layers, 1, -1)
        given = (h, x[n:].reshape(layers, 1, -1)) if lstm else h
        _, after = module(u.reshape(1, 1, -1), given)
        return torch.cat([part.flatten() for part in after]) if lstm else after.flatten()

    return step


def by_autograd(step, x, inputs, q, transient, alignment):
    """Exponents and state from a product of autograd's Jacobians with a QR at each step."""
    total = np.zeros(q.shape[1])
    for t, u in enumerate(inputs):
        if t >= transient:
            jacobian = torch.autograd.functional.jacobian(lambda y, u=u: step(y, u), x)
            q, r = np.linalg.qr(jacobian.numpy() @ q)
        if t >= transient + alignment:
            total += np.log(np.abs(np.diag(r)))
        x = step(x, u).detach()
    return total / (len(inputs) - transient - alignment)


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_matches_autograd(kind, layers):
    torch.manual_seed(1)
    module = kind(3, 9, layers).double()
    inputs = torch.randn(40, 2, 3, dtype=torch.float64)
    n = 9 * layers * (2 if kind is nn.LSTM else 1)
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((n, 8)))[0]
    spec = spectrum(
        module, inputs, k=8, transient=4, alignment=4, initial_basis=q, qr_every=1, **quiet
    )
    step = flat_step(module, layers)
    for own, sequence in zip(spec.exponents, inputs.unbind(1), strict=True):
        x = torch.zeros(n, dtype=torch.float64)
        expected = by_autograd(step, x, sequence, q, 4, 4)
        np.testing.assert_allclose(own, np.sort(expected)[::-1], atol=1e-8)


@pytest.mark.parametrize("kind", CELLS)
def test_cells_and_layouts(kind):
    """A cell, a layer and a batch-first layer with the same weights have the same spectrum."""
    torch.manual_seed(1)
    layer = kind(3, 6)
    first = kind(3, 6, batch_first=True)
    cell = CELLS[kind](3, 6)
    for name, value in layer.named_parameters():
        for other in (getattr(first, name), getattr(cell, name.removesuffix("_l0"))):
            other.data.copy_(value)
    inputs = torch.randn(40, 2, 3)
    same = [
        spectrum(layer, inputs, **quiet),
        spectrum(first, inputs.swapaxes(0, 1), **quiet),
        spectrum(cell, inputs.swapaxes(0, 1), **quiet),
    ]
    for other in same[1:]:
        assert np.array_equal(same[0].exponents, other.exponents)
    single = spectrum(layer, inputs[:, 0], **quiet)
    assert single.shape == ()
    np.testing.assert_allclose(single.exponents, same[0].exponents[0], atol=1e-12)


@pytest.mark.parametrize("driven", [False, True])
def test_bidirectional_is_two_systems(driven):
    torch.manual_seed(1)
    both = nn.GRU(3, 6, bidirectional=True)
    inputs = torch.randn(50, 2, 3)
    run = {} if driven else {"duration": 50, "initial": np.full(6, 0.1)}
    run["initial_basis"] = np.eye(6)
    spec = spectrum(both, inputs if driven else None, **run, **quiet)
    assert spec.shape == ((2, 2) if driven else (2,))
    for i, (end, given) in enumerate((("", inputs), ("_reverse", inputs.flip(0)))):
        one = nn.GRU(3, 6)
        for name, value in one.named_parameters():
            value.data.copy_(getattr(both, name + end))
        alone = spectrum(one, given if driven else None, **run, **quiet)
        np.testing.assert_allclose(spec.exponents[i], alone.exponents, atol=1e-12)


def test_readout_closes_the_loop():
    torch.manual_seed(1)
    gru, readout = nn.GRU(3, 8).double(), nn.Linear(8, 3).double()
    spec = spectrum(gru, readout=readout, duration=40, qr_every=1, initial=np.zeros(8), **quiet)
    step = flat_step(gru, 1)
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0]
    x, total = torch.zeros(8, dtype=torch.float64), np.zeros(8)
    for t in range(48):
        jacobian = torch.autograd.functional.jacobian(lambda y: step(y, readout(y)), x)
        x = step(x, readout(x)).detach()
        if t >= 4:
            q, r = np.linalg.qr(jacobian.numpy() @ q)
        if t >= 8:
            total += np.log(np.abs(np.diag(r)))
    # Sums over the run: exponents are those of the fixed point that it approaches.
    measured = np.sort(spec.blocks.sum(axis=0))[::-1]
    np.testing.assert_allclose(measured, np.sort(total)[::-1], atol=4e-7)
    assert spec.attractor == "fixed point"


class Wrapped(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell, self.drop = cell, nn.Dropout(0.5)

    def forward(self, h, u):
        return self.drop(self.cell(u[None], h[None])[0])


def test_foreign_steps():
    """A module of one's own, a function, and a function that vmap cannot batch."""
    torch.manual_seed(1)
    cell = nn.GRUCell(3, 6)
    layer = nn.GRU(3, 6)
    for name, value in cell.named_parameters():
        getattr(layer, name + "_l0").data.copy_(value)
    inputs = torch.randn(2, 40, 3)
    basis = np.eye(6)[:, :3]
    options = {"k": 3, "initial_basis": basis, **quiet}
    own = spectrum(cell, inputs, **options)
    start = torch.zeros(6)
    module = Wrapped(cell)
    found = spectrum(module, inputs, initial=start, **options)
    np.testing.assert_allclose(found.exponents, own.exponents, atol=1e-12)
    assert module.training
    assert module.drop.training
    single = spectrum(module, inputs, initial=start, dtype="float32", **options)
    np.testing.assert_allclose(single.exponents, own.exponents, atol=1e-4)
    assert np.abs(single.exponents - own.exponents).max() > 0
    steps = [
        lambda h, u: cell(u[None], h[None])[0],
        lambda h, u: layer(u[None, None], h[None, None])[1][0, 0],
    ]
    for step in steps:
        found = spectrum(step, inputs, initial=start, **options)
        np.testing.assert_allclose(found.exponents, own.exponents, atol=1e-5)
    longer = found.extend  # on the same module, in the same scope
    with pytest.raises(ValueError, match="inputs"):
        longer(100, progress=False)


def test_foreign_map_is_exact():
    def henon(x):
        return torch.stack([1 - 1.4 * x[0] ** 2 + x[1], 0.3 * x[0]])

    spec = spectrum(henon, initial=torch.tensor([0.1, 0.1]).double(), duration=600, **quiet)
    assert abs(spec.exponents.sum() - np.log(0.3)) < 1e-12
    assert abs(spec.exponents[0] - 0.4192) < 4 * spec.stderr[0] < 0.3
    many = spectrum(henon, initial=torch.rand(3, 2).double() / 10, duration=20, **quiet)
    assert many.shape == (3,)


def test_float32_steps_are_judged_as_such():
    """A function in float32 cannot be promoted, so what rounding reaches is unresolved."""
    scale = torch.tensor([1.0, 0.95, 0.9, 0.42])
    turn = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))[0]
    w = turn @ torch.diag(scale) @ turn.T
    expected = np.log(scale.numpy())
    run = {"duration": 400, "rng": 0, "progress": False, "initial": torch.ones(4)}
    found = spectrum(lambda x: w @ x, **run)
    ok = found.status == 0
    np.testing.assert_allclose(found.exponents[ok], expected[ok], atol=1e-5)
    assert ok[:2].all()
    long = spectrum(lambda x: w @ x, qr_every=18, **run)
    assert long.status[3] == 3
    linear = nn.Linear(4, 4, bias=False)
    linear.weight.data.copy_(w)
    promoted = spectrum(linear, qr_every=18, dtype="float32", **run)
    np.testing.assert_allclose(promoted.exponents, expected, atol=1e-5)


def test_branches_in_python():
    def tent(x):
        return 1.9 * x if x[0] < 0.5 else 1.9 * (1 - x)

    run = {"duration": 50, "initial": torch.tensor([0.3]).double(), "rng": 0, "progress": False}
    assert abs(spectrum(tent, **run).exponents[0] - np.log(1.9)) < 1e-12


def test_states_as_torch_has_them():
    torch.manual_seed(1)
    lstm = nn.LSTM(3, 4, 2).double()
    inputs = torch.randn(30, 2, 3).double()
    h, c = torch.randn(2, 2, 2, 4).double()
    start = torch.cat([h.movedim(0, 1).flatten(1), c.movedim(0, 1).flatten(1)], 1)
    a, b = (spectrum(lstm, inputs, initial=x, **quiet) for x in ((h, c), start))
    assert np.array_equal(a.exponents, b.exponents)
    _, (after_h, _) = lstm(inputs, (h, c))
    state = a._continuation.run.now.carry.state.reshape(2, 2, 2, 4)[:, 0]
    np.testing.assert_allclose(state, after_h.movedim(0, 1).detach().numpy(), atol=1e-12)


def test_numbers_in_other_containers():
    gru = nn.GRU(2, 3)
    given = torch.randn(30, 2)
    same = spectrum(gru, given, **quiet).exponents
    for inputs in (given.tolist(), list(given), given.clone().requires_grad_(), given.numpy()):
        assert np.array_equal(spectrum(gru, inputs, **quiet).exponents, same)
    zeros = spectrum(gru, given, initial=(0.0, 0.0, 0.0), **quiet)
    assert np.array_equal(zeros.exponents, same)


def test_members_start_apart():
    spec = spectrum(nn.GRU(2, 6), torch.randn(40, 2), members=3, **quiet)
    assert spec.shape == (3,)
    assert len(np.unique(spec.exponents[:, 0])) == 3


class Halved(nn.GRUCell):
    def forward(self, u, h=None):
        return 0.5 * super().forward(u, h)


def test_a_step_of_ones_own_is_not_read_as_weights():
    torch.manual_seed(1)
    cell = Halved(2, 4)
    with pytest.raises(ValueError, match="initial must be given"):
        spectrum(cell, torch.randn(30, 2))
    with pytest.raises(TypeError, match="none"):
        LyapunovMonitor(cell)


def test_nothing_of_the_module_changes():
    torch.manual_seed(1)
    module = nn.LSTM(3, 6, 2, dropout=0.5)
    module.train()
    inputs = torch.randn(40, 2, 3, requires_grad=True)
    cell = Wrapped(nn.GRUCell(3, 6))
    held = {name: (value.clone(), value._version) for name, value in module.named_parameters()}
    state = torch.get_rng_state()
    flags = torch.backends.mkldnn.enabled, torch.get_num_threads()
    spectrum(module, inputs, **quiet)
    spectrum(cell, inputs.swapaxes(0, 1), initial=torch.zeros(6), **quiet)
    LyapunovMonitor(module).look()
    assert torch.equal(state, torch.get_rng_state())
    assert (torch.backends.mkldnn.enabled, torch.get_num_threads()) == flags
    assert module.training
    assert inputs.grad is None
    for name, value in module.named_parameters():
        assert torch.equal(value, held[name][0])
        assert value._version == held[name][1]
        assert value.grad is None
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_other_dtypes(dtype):
    torch.manual_seed(1)
    gru = nn.GRU(3, 6).to(dtype)
    double = nn.GRU(3, 6).double()
    double.load_state_dict({k: v.double() for k, v in gru.state_dict().items()})
    inputs = torch.randn(40, 2, 3).to(dtype)
    a, b = (spectrum(m, inputs, **quiet).exponents for m in (gru, double))
    assert np.array_equal(a, b)


def training(monitored, **options):
    torch.manual_seed(3)
    layer, head = nn.GRU(2, 16, batch_first=True), nn.Linear(16, 1)
    data = torch.randn(8, 20, 2)
    monitor = LyapunovMonitor(layer, every=3, k=4, **options) if monitored else None
    optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()], 1e-2)
    losses = []
    for _ in range(9):
        optimizer.zero_grad()
        batch = data + 0.1 * torch.randn(8, 20, 2)  # the random state counts too
        loss = (head(layer(batch)[0])[:, -1] - data[:, 0, :1]).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if monitor:
            monitor.step()
    return losses, monitor


@pytest.mark.parametrize("driven", [False, True])
def test_monitor(driven):
    """Training is the same to the bit, and what is seen is what `spectrum` sees."""
    options = {"inputs": torch.ones(4, 60, 2)} if driven else {}
    plain, _ = training(False)
    losses, monitor = training(True, **options)
    assert losses == plain
    assert [step for step, _ in monitor.history] == [0, 3, 6, 9]
    assert monitor.log() == monitor.history[-1][1]
    log = monitor.log()
    first = log["lyapunov/lambda_1"]
    assert first < 0
    assert log["lyapunov/horizon"] == pytest.approx(1 / abs(first), rel=1e-9)
    assert log["lyapunov/horizon_is_bound"] is False
    assert log["lyapunov/near_zero"] == 0


def test_monitor_of_oscillators():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), pta_init_(nn.RNN(2, 16)))
    found = LyapunovMonitor(model, k=16).look()
    assert found["lyapunov/near_zero"] == 8
    assert found["lyapunov/horizon_is_bound"] is True
    assert 100 < found["lyapunov/horizon"] < np.inf
    parts = LyapunovMonitor(nn.ModuleDict({"a": nn.LSTMCell(2, 3), "b": nn.RNN(2, 4)})).look()
    assert {"lyapunov/a/lambda_1", "lyapunov/b/horizon"} < parts.keys()
    gone = nn.RNN(2, 4, nonlinearity="relu")
    monitor = LyapunovMonitor(gone)
    nn.init.constant_(gone.weight_hh_l0, 1e3)
    nn.init.constant_(gone.bias_hh_l0, 10.0)
    assert np.isnan(monitor.look()["lyapunov/horizon"])  # diverges
    nn.init.constant_(gone.weight_hh_l0, torch.nan)
    assert np.isnan(monitor.look()["lyapunov/lambda_1"])
    both = LyapunovMonitor(nn.GRU(2, 3, bidirectional=True)).look()
    assert {"lyapunov/forward/lambda_1", "lyapunov/reverse/lambda_1"} < both.keys()


def test_lightning(monkeypatch):
    """A stand-in for Lightning: what its Trainer calls, and what it is given to log."""
    monitor = LyapunovMonitor(nn.RNN(2, 4), every=2)
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match="pip install lightning"):
        monitor.callback()
    fake = types.ModuleType("lightning.pytorch")
    fake.Callback = type("Callback", (), {})
    monkeypatch.setitem(sys.modules, "lightning", types.ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", fake)
    callback = monitor.callback()
    assert isinstance(callback, fake.Callback)
    logged = []
    module = types.SimpleNamespace(log_dict=logged.append)
    for i in range(4):
        callback.on_train_batch_end(None, module, None, None, i)
    assert len(logged) == 2
    assert set(logged[0]) == set(monitor.log())


def test_report():
    torch.manual_seed(0)
    gru = pta_init_(nn.GRU(3, 16, 2))
    report = pta_report(gru, torch.randn(60, 4, 3))
    assert [(layer.name, layer.zeros) for layer in report.layers] == [
        ("weight_hh_l0", 8),
        ("weight_hh_l1", 8),
    ]
    assert report.driven[0].exponents.shape == (16,)
    assert "weight_hh_l1" in str(report)
    assert pta_report(nn.RNNCell(3, 8)).layers[0].zeros == 0
    model = nn.ModuleDict({"a": nn.LSTM(3, 4), "b": nn.RNN(3, 4, bidirectional=True)})
    bidirectional = pta_report(nn.GRU(3, 4, bidirectional=True), torch.randn(40, 2, 3), steps=50)
    assert [part.name for part in bidirectional.driven] == ["GRU forward", "GRU reverse"]
    assert "GRU reverse" in str(bidirectional)
    turned = parametrizations.orthogonal(nn.RNN(3, 4), "weight_hh_l0")
    assert [layer.name for layer in pta_report(turned, steps=50).layers] == ["weight_hh_l0"]
    assert [layer.name for layer in pta_report(model, steps=50).layers] == [
        "a.weight_hh_l0",
        "b.weight_hh_l0",
        "b.weight_hh_l0_reverse",
    ]


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


def keeps_length(x):
    return x[:-1]


def raises(x):
    raise RuntimeError("no such thing")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: spectrum("gru"), TypeError, "module"),
        (lambda: spectrum(nn.GRU(2, 3, 2, bidirectional=True)), ValueError, "future"),
        (lambda: spectrum(nn.LSTM(2, 4, proj_size=2)), ValueError, "proj_size"),
        (lambda: spectrum(nn.GRU(2, 3)), ValueError, "duration"),
        (lambda: spectrum(nn.GRU(2, 3), torch.ones(5)), ValueError, "inputs"),
        (lambda: spectrum(nn.GRU(2, 3), torch.ones(50, 4, 3)), ValueError, "inputs"),
        (lambda: spectrum(nn.GRU(2, 3), torch.full((50, 4, 2), torch.nan)), ValueError, "finite"),
        (lambda: spectrum(nn.GRU(2, 3), nn.utils.rnn.pack_sequence([torch.ones(5, 2)])),
         TypeError, "PackedSequence"),
        (lambda: spectrum(nn.GRU(2, 3), readout=np.eye(3)), TypeError, "nn.Linear"),
        (lambda: spectrum(nn.GRU(2, 3), duration=9, dtype="float16"), ValueError, "dtype"),
        (lambda: spectrum(nn.GRU(2, 3), duration=9, initial=np.ones(4)), ValueError, "initial"),
        (lambda: spectrum(nn.Linear(3, 3), duration=9), ValueError, "initial must be given"),
        (lambda: spectrum(nn.Sequential(nn.GRU(2, 3)), torch.ones(9, 2)), TypeError, r"0 \(GRU\)"),
        (lambda: spectrum(nn.GRU(2, 3, bidirectional=True), readout=nn.Linear(3, 2), duration=9),
         ValueError, "readout must be left out"),
        (lambda: spectrum(keeps_length, duration=9, initial=torch.ones(3).half()),
         TypeError, "float64 or float32"),
        (lambda: LyapunovMonitor(nn.GRU(2, 3, 2, bidirectional=True)), ValueError, "future"),
        (lambda: LyapunovMonitor(nn.GRU(2, 3), torch.ones(9, 3)), ValueError, "inputs"),
        (lambda: spectrum(nn.Linear(3, 2), duration=9, initial=torch.ones(3)),
         ValueError, "next state"),
        (lambda: spectrum(keeps_length, duration=9, initial=torch.ones(3)), ValueError, "(3,)"),
        (lambda: spectrum(raises, duration=9, initial=torch.ones(3)), TypeError, "no such thing"),
        (lambda: spectrum(nn.Linear(3, 3), readout=nn.Linear(3, 3), initial=torch.ones(3)),
         ValueError, "readout"),
        (lambda: spectrum(nn.GRU(2, 3, device="meta"), duration=9), TypeError, "weight_hh.*meta"),
        (lambda: spectrum(nn.Linear(3, 3, device="meta"), duration=9, initial=torch.ones(3)),
         TypeError, "module must have values, its weight has none"),
        (lambda: spectrum(nn.GRU(2, 3), torch.ones(9, 2).to_sparse()), TypeError, "inputs.*dense"),
        (lambda: spectrum(nn.GRU(2, 3), torch.ones(9, 2).cfloat()), TypeError, "inputs.*complex"),
        (lambda: spectrum(nn.GRU(2, 3), duration=9, initial=torch.eye(3).to_sparse()), TypeError,
         "initial.*dense"),
        (lambda: spectrum(nn.LSTM(2, 3), duration=9, initial=(torch.ones(3), torch.ones(2, 3))),
         ValueError, r"initial must be h and c of one shape, got \(3,\) and \(2, 3\)"),
        (lambda: spectrum(nn.GRU(2, 3), readout=Doubled(3, 2), duration=9), TypeError,
         "readout must be an nn.Linear, got Doubled with a forward of its own"),
        (lambda: LyapunovMonitor(nn.Linear(2, 2)), TypeError, "none"),
        (lambda: LyapunovMonitor("gru"), TypeError, "module"),
        (lambda: LyapunovMonitor(nn.GRU(2, 2), every=0), ValueError, "every"),
        (lambda: LyapunovMonitor(nn.Sequential(nn.GRU(2, 2), nn.GRU(2, 2)), torch.ones(9, 2)),
         ValueError, "inputs"),
        (lambda: pta_report(nn.Linear(2, 2)), TypeError, "none"),
        (lambda: pta_report(nn.GRU(2, 2), steps=1.5), TypeError, "steps"),
    ],
)  # fmt: skip
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


class KeepsItsState(torch.nn.Module):
    """A reservoir whose state is a buffer, and whose forward returns the readout."""

    def __init__(self, n=6):
        super().__init__()
        self.register_buffer("state", torch.zeros(n))
        self.inner = torch.nn.Linear(n, n)

    def forward(self, u):
        self.state = torch.tanh(self.inner(self.state) + u)
        return self.state


class Cell(torch.nn.Module):
    def __init__(self, n=6):
        super().__init__()
        self.inner = torch.nn.Linear(n, n)
        self.outer = torch.nn.Linear(n, n)

    def forward(self, input, hidden):
        return torch.tanh(self.outer(input) + self.inner(hidden))


@pytest.mark.parametrize(
    ("step", "inputs", "words"),
    [
        (KeepsItsState(), None, "keeps its state in itself"),
        (lambda h: torch.tanh(h + torch.randn(6, dtype=h.dtype)), None, "draws random numbers"),
        (Cell(), np.ones((50, 6)), r"takes \(input, hidden\): write lambda h, u: module\(u, h\)"),
        (lambda x, h: torch.tanh(x + 2 * h), np.ones((50, 6)), r"takes \(x, h\)"),
    ],
)
def test_what_is_no_step_of_the_state_is_refused(step, inputs, words):
    initial = torch.zeros(6, dtype=torch.float64)
    with pytest.raises((TypeError, ValueError), match=words):
        spectrum(step, inputs, initial=initial, duration=20, progress=False)


def test_a_cell_in_pytorch_s_order_is_turned_around():
    """Of equal sizes both orders run; the exponents of the state are those of `hidden`."""
    cell = Cell().double()
    inputs = np.random.default_rng(0).standard_normal((400, 6))
    run = dict(initial=torch.zeros(6, dtype=torch.float64), duration=300, rng=0, progress=False)
    found = spectrum(lambda h, u: cell(u, h), inputs, **run)
    same = spectrum(lambda h, u: torch.tanh(cell.outer(u) + cell.inner(h)), inputs, **run)
    np.testing.assert_allclose(found.exponents, same.exponents, atol=1e-10)
