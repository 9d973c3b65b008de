"""lyapunov_exponents: values, gradients, dead directions."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")
from torch import nn  # noqa: E402

from lyapax.torch import lyapunov_exponents, spectrum  # noqa: E402


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("layers", [1, 2])
def test_values(kind, layers):
    """Long windows agree with `spectrum`, and one's own step is the module's."""
    torch.manual_seed(0)
    module = kind(2, 5, layers).double()
    n = 5 * layers * (2 if kind is nn.LSTM else 1)
    inputs = torch.randn(2, 200, 2, dtype=torch.float64)
    inputs = inputs.swapaxes(0, 1)  # as the module takes them
    with torch.no_grad():
        found = lyapunov_exponents(
            module, torch.zeros(n).double(), 3, 150, inputs=inputs, transient=50
        )
    spec = spectrum(
        module, inputs, k=3, transient=0, alignment=50, qr_every=1, rng=0, progress=False
    )
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found.numpy(), spec._continuation.run.now.totals() / 150, atol=0.02)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_gradcheck(k, batch):
    torch.manual_seed(0)
    w = (0.8 * torch.randn(4, 4, dtype=torch.float64)).requires_grad_()
    x0 = torch.rand(*batch, 4, dtype=torch.float64)

    def exponents(w):
        # What comes before the window has no gradient, and would have a difference.
        return lyapunov_exponents(lambda x: torch.tanh(w @ x), x0, k, 5, transient=0)

    assert exponents(w).shape == (*batch, k)
    assert torch.autograd.gradcheck(exponents, w)


def test_gradcheck_of_equal_growth():
    """All R_jj alike: nothing divides by their differences."""
    scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    x0 = torch.rand(3, dtype=torch.float64)

    def exponents(scale):
        return lyapunov_exponents(lambda x: scale * x, x0, 3, 4, transient=0)

    assert torch.autograd.gradcheck(exponents, scale)
    (gradient,) = torch.autograd.grad(exponents(scale).sum(), scale)
    assert gradient.item() == pytest.approx(3 / 0.7, rel=1e-12)


def test_dead_directions_leave_the_living_their_gradient():
    w = torch.diag(torch.tensor([0.9, 0.0, 0.5], dtype=torch.float64)).requires_grad_()
    x0 = torch.rand(3, dtype=torch.float64)
    found = lyapunov_exponents(lambda x: w @ x, x0, 3, 4, transient=0)
    values = found.detach().numpy()
    assert np.isneginf(values).sum() == 1
    (gradient,) = torch.autograd.grad(found[:2].sum(), w)
    assert torch.isfinite(gradient).all()
    np.testing.assert_allclose(gradient.diagonal()[[0, 2]].numpy(), [1 / 0.9, 1 / 0.5], atol=0.5)
    all_dead = lyapunov_exponents(lambda x: 0 * (w @ x), x0, 2, 4)
    assert torch.isneginf(all_dead).all()
    assert not torch.autograd.grad(all_dead.sum(), w)[0].any()


def test_dead_directions_are_each_members_own():
    """A member's gradient is what it is alone, whatever dies beside it."""
    torch.manual_seed(0)
    w = torch.randn(6, 6, dtype=torch.float64).requires_grad_()
    x0 = torch.randn(3, 6, dtype=torch.float64)

    def exponents(x0):
        return lyapunov_exponents(lambda x: torch.relu(w @ x), x0, 6, 3, transient=0)

    found = exponents(x0)
    assert torch.isneginf(found).any()
    together = torch.autograd.grad(found[torch.isfinite(found)].sum(), w, retain_graph=True)[0]
    apart = sum(
        torch.autograd.grad(one[torch.isfinite(one)].sum(), w, allow_unused=True)[0]
        for one in map(exponents, x0)
        if torch.isfinite(one).any()
    )
    torch.testing.assert_close(together, apart)
    squares = torch.where(torch.isfinite(found), found, 0.0).square().sum()
    assert torch.isfinite(torch.autograd.grad(squares, w)[0]).all()


def test_training_is_not_disturbed():
    torch.manual_seed(0)
    rnn = nn.RNN(2, 8)
    state = torch.get_rng_state()
    loss = lyapunov_exponents(rnn, torch.zeros(8), 2, 10).square().sum()
    loss.backward()
    assert torch.equal(state, torch.get_rng_state())
    assert rnn.weight_hh_l0.grad.abs().sum() > 0
    assert rnn.weight_ih_l0.grad is None


def test_flossing():
    """A few steps of descent bring two exponents towards zero, and `spectrum` says so too."""
    torch.manual_seed(0)
    rnn = nn.RNN(1, 12)
    optimizer = torch.optim.Adam(rnn.parameters(), 3e-2)
    x0 = 0.1 * torch.randn(4, 12)
    options = {"k": 2, "duration": 400, "initial": np.full(12, 0.1), "rng": 0, "progress": False}
    before = spectrum(rnn, **options).exponents
    for _ in range(20):
        optimizer.zero_grad()
        lyapunov_exponents(rnn, x0, 2, 20).square().sum(-1).mean().backward()
        optimizer.step()
    after = spectrum(rnn, **options).exponents
    assert (np.abs(before) > 0.2).all()
    assert (np.abs(after) < 0.1).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lyapunov_exponents(nn.RNN(1, 3), np.zeros(3), 1), TypeError, "x0"),
        (lambda: lyapunov_exponents(nn.RNN(1, 3), torch.zeros(3), 4), ValueError, "k must"),
        (lambda: lyapunov_exponents(nn.RNN(1, 3), torch.zeros(3), 1, 0), ValueError, "window"),
        (lambda: lyapunov_exponents("rnn", torch.zeros(3), 1), TypeError, "step"),
        (lambda: lyapunov_exponents(nn.RNN(1, 3), torch.zeros(3), 1, inputs=torch.zeros(60, 1)),
         ValueError, "100 steps"),
        (lambda: lyapunov_exponents(nn.RNN(1, 3), torch.zeros(4), 1), ValueError, "x0 must have 3"),
        (lambda: lyapunov_exponents(nn.RNN(1, 3), torch.zeros(3).double(), 1),
         TypeError, "float32"),
        (lambda: lyapunov_exponents(nn.RNN(1, 3), torch.zeros(3), 1, inputs=torch.zeros(100, 2)),
         ValueError, "1 columns"),
        (lambda: lyapunov_exponents(nn.RNN(1, 3), torch.zeros(2, 3), 1,
                                    inputs=torch.zeros(100, 3, 1)), ValueError, "one batch"),
        (lambda: lyapunov_exponents(nn.GRU(1, 3, bidirectional=True), torch.zeros(3), 1),
         ValueError, "bidirectional"),
        (lambda: lyapunov_exponents(nn.LSTM(1, 3, proj_size=2), torch.zeros(6), 1),
         ValueError, "proj_size"),
    ],
)  # fmt: skip
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_that_of_x0(dtype):
    torch.manual_seed(0)
    half, whole = nn.GRU(1, 4).to(dtype), nn.GRU(1, 4)
    whole.load_state_dict({name: value.float() for name, value in half.state_dict().items()})
    x0 = torch.full((4,), 0.1)
    a, b = (lyapunov_exponents(module, x0, 2, 5) for module in (half, whole))
    assert torch.equal(a, b)
    a.sum().backward()
    assert half.weight_hh_l0.grad.dtype == dtype
    assert half.weight_hh_l0.grad.abs().sum() > 0
    with pytest.raises(TypeError, match=f"x0 must .* float32 or float64.*{dtype}"):
        lyapunov_exponents(half, x0.to(dtype), 2, 5)


def tanh(x, *u):
    return torch.tanh(2 * x)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"x0": torch.eye(3).to_sparse()}, TypeError, "x0 must be a dense tensor, got layout"),
        ({"x0": torch.empty(3, device="meta")}, TypeError, "x0 must be a dense.*meta"),
        ({"x0": torch.full((3,), torch.nan)}, ValueError, "x0 must be finite"),
        ({"x0": torch.zeros(0)}, ValueError, "x0 must not be empty"),
        ({"x0": torch.zeros(3, dtype=torch.complex64)}, TypeError, "x0 must .*complex64"),
        ({"inputs": torch.zeros(20, 1).double()}, TypeError, "inputs must be torch.float32"),
        ({"inputs": [[1.0]]}, TypeError, "inputs must be a tensor .* got list"),
        ({"inputs": torch.full((20, 1), torch.inf)}, ValueError, "inputs must be finite"),
        ({"generator": 3}, TypeError, "generator must be a torch.Generator, got int"),
        ({"window": 10**18}, ValueError, "window must be from 1 to"),
        ({"transient": -1}, ValueError, "transient must be"),
        ({"step": lambda x: x[:2]}, ValueError, "step must return the next state"),
        ({"step": lambda x: x.missing}, TypeError, "step must be .* it raised: .*missing"),
        ({"step": nn.Linear(4, 4)}, TypeError, "step must be .* it raised"),
    ],
)
def test_wrong_values_are_named(options, error, words):
    run = {"step": tanh, "x0": torch.zeros(3), "k": 1, "window": 5, **options}
    with pytest.raises(error, match=words):
        lyapunov_exponents(**run)
