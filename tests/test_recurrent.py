"""RNN, GRU and LSTM as systems: drive, loops, batches of weights, slopes far out, bad input."""

import numpy as np
import pytest

import lyapax as lx

from . import reference
from .helpers import spectrum

GATES = {lx.RNN: 1, lx.GRU: 3, lx.LSTM: 4}


def weights(kind, n, d, layers=1, seed=0):
    rng, rows = np.random.default_rng(seed), GATES[kind] * n
    w_hh = [rng.standard_normal((rows, n)) / np.sqrt(n) for _ in range(layers)]
    w_ih = [rng.standard_normal((rows, n if i else d)) / 2 for i in range(layers)]
    b_hh, b_ih = 0.3 * rng.standard_normal((2, layers, rows))
    return w_hh, w_ih, list(b_hh), list(b_ih)


@pytest.mark.parametrize("kind", [lx.RNN, lx.GRU, lx.LSTM])
@pytest.mark.parametrize("layers", [1, 2])
def test_drive_follows_the_inputs(kind, layers):
    """Each sequence moves its own member, row by row; the orbit is NumPy's."""
    n, d, rows = 7, 3, 12
    given = weights(kind, n, d, layers)
    inputs = np.random.default_rng(1).standard_normal((2, rows, d))
    system = kind(*given, inputs=inputs)
    start = np.random.default_rng(2).uniform(-1, 1, (2, system.dim))
    spec = spectrum(system, transient=2, alignment=3, initial=start)
    assert spec.duration == rows - 5
    f = reference.recurrent(kind.__name__.lower(), *given)
    for x, sequence, end in zip(start, inputs, spec._continuation.run.now.carry.state, strict=True):
        for u in sequence:
            x = f(x, u)
        np.testing.assert_allclose(end, x, atol=1e-13)


def test_inputs_of_a_flow_are_held_within_a_step():
    given = weights(lx.GRU, 5, 2)
    inputs = np.random.default_rng(1).standard_normal((8, 2))
    spec = spectrum(
        lx.GRU(*given, inputs=inputs, kind="flow"),
        dt=0.1,
        transient=0.2,
        alignment=0.1,
        initial=np.zeros(5),
    )
    f = reference.recurrent("gru", *given, flow=True)
    x = np.zeros(5)
    for u in inputs:
        x, _ = reference.rk4(lambda y, u=u: f(y, u), lambda y: np.zeros((5, 5)), x, np.eye(5), 0.1)
    np.testing.assert_allclose(spec._continuation.run.now.carry.state[0], x, atol=1e-13)


def test_a_batch_of_weights_is_its_members():
    given = [weights(lx.GRU, 6, 2, 2, seed) for seed in range(3)]
    inputs = np.random.default_rng(1).standard_normal((60, 2))
    stacked = [[np.stack(parts) for parts in zip(*each, strict=True)] for each in zip(*given)]  # noqa: B905
    options = {"initial": np.zeros(12), "initial_basis": np.eye(12)[:, :4], "k": 4}
    batch = spectrum(lx.GRU(*stacked, inputs=inputs), **options)
    assert batch.shape == (3,)
    for own, exponents in zip(given, batch.exponents, strict=True):
        alone = spectrum(lx.GRU(*own, inputs=inputs), **options)
        np.testing.assert_array_equal(alone.exponents, exponents)


def test_weights_and_sequences_broadcast():
    w_hh, w_ih, *_ = weights(lx.RNN, 5, 2)
    many = np.stack([w_hh[0], 0.5 * w_hh[0]])[:, None]
    inputs = np.random.default_rng(1).standard_normal((3, 40, 2))
    spec = spectrum(lx.RNN(many, w_ih[0], inputs=inputs))
    assert spec.exponents.shape == (2, 3, 5)
    # Slopes depend on the weights, but halved weights always shrink more here.
    assert (spec.exponents[1].sum(-1) < spec.exponents[0].sum(-1)).all()


def test_a_closed_loop_is_what_feeding_back_gives():
    """The loop as inputs computed beforehand has the same orbit, the tangents differ."""
    w_hh, w_ih, b_hh, b_ih = weights(lx.LSTM, 6, 3)
    readout = np.random.default_rng(3).standard_normal((3, 6))
    closed = lx.LSTM(w_hh, w_ih, b_hh, b_ih, readout=readout, readout_bias=0.2)
    start = np.random.default_rng(2).uniform(-1, 1, 12)
    f = reference.recurrent("lstm", w_hh, w_ih, b_hh, b_ih)
    x, inputs = start, []
    for _ in range(40):
        inputs.append(readout @ x[:6] + 0.2)
        x = f(x, inputs[-1])
    same = {"transient": 4, "alignment": 4, "initial": start, "qr_every": 1}
    loop = spectrum(closed, duration=32, **same)
    open_ = spectrum(lx.LSTM(w_hh, w_ih, b_hh, b_ih, inputs=np.array(inputs)), **same)
    np.testing.assert_allclose(
        loop._continuation.run.now.carry.state, open_._continuation.run.now.carry.state, atol=1e-12
    )
    assert abs(loop.exponents[0] - open_.exponents[0]) > 1e-3
    assert not closed.is_driven


def test_one_layer_by_itself_is_a_rate_network():
    w_hh, w_ih, b_hh, b_ih = weights(lx.RNN, 12, 3)
    readout = np.random.default_rng(3).standard_normal((3, 12)) / 3
    same = {"initial": np.full(12, 0.1), "duration": 64, "qr_every": 2}
    loop = spectrum(lx.RNN(w_hh, w_ih, b_hh, b_ih, readout=readout), **same)
    rate = spectrum(
        lx.RateNetwork(w_hh[0] + w_ih[0] @ readout, b_hh[0] + b_ih[0], form="rate", kind="map"),
        **same,
    )
    np.testing.assert_allclose(loop.exponents, rate.exponents, atol=1e-12)


@pytest.mark.parametrize(("dtype", "far"), [("float64", 40.0), ("float32", 15.0)])
@pytest.mark.parametrize("driven", [False, True])
def test_slopes_far_out(dtype, far, driven):
    """phi' = 1 - tanh^2 is 0 from u = 10 in float32 and 19 in float64."""
    u = far - 1.0  # from the bias; the state is 1
    loop = {"inputs": np.full((64, 1), u)} if driven else {"readout": None, "bias_ih": u}
    rnn = (
        lx.RNN(np.eye(12), np.ones((12, 1)), **loop)
        if driven
        else lx.RNN(np.eye(12), bias_ih=np.full(12, u))
    )
    duration = {} if driven else {"duration": 64}
    spec = spectrum(rnn, dtype=dtype, initial=np.ones(12), **duration)
    expected = np.log(4) - 2 * far - 2 * np.log1p(np.exp(-2 * far))
    np.testing.assert_allclose(spec.exponents, expected, rtol=1e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("n", [2, 10])
@pytest.mark.parametrize("far", [40.0, -40.0])
def test_gates_far_out(far, n):
    """A gate 1e-18 from closed, or from open, still lets its part of the tangents through."""
    bias = np.zeros((3, n))
    bias[1], bias[2] = far, 0.2
    gru = lx.GRU(np.zeros((3 * n, n)), bias_hh=bias.ravel())
    spec = spectrum(gru, duration=40)
    np.testing.assert_allclose(
        spec.exponents, -np.log1p(np.exp(-far)), rtol=1e-12, atol=1e-16
    )  # z, the rest being constant


def test_units_that_reach_nothing_are_dead():
    w_hh, w_ih, *_ = weights(lx.RNN, 10, 2, 2)
    w_hh[1][:, 3:5] = 0
    rnn = lx.RNN(w_hh, w_ih, inputs=np.random.default_rng(0).standard_normal((80, 2)))
    assert rnn.nullity == 2
    assert np.isneginf(spectrum(rnn).exponents).sum() == 2
    closed = np.r_[np.zeros(2), np.full(2, -40.0), np.zeros(4)]  # the forget gate
    kept = spectrum(lx.LSTM(np.zeros((8, 2)), bias_hh=closed), duration=20).exponents
    np.testing.assert_allclose(kept[:2], -40.0, rtol=1e-12)
    lstm = lx.LSTM(np.zeros((40, 10)))
    assert lstm.nullity == 10


@pytest.mark.parametrize(
    ("dtype", "kind"), [("float64", "map"), ("float32", "map"), ("float64", "flow")]
)
def test_gru_threads_do_not_change_bits(dtype, kind):
    """One member on two threads: columns of a strip by strip, states ahead."""
    import numba

    given = weights(lx.GRU, 40, 2, 2)
    system = lx.GRU(*given, kind=kind)
    options = {"duration": 30, "k": 60, "dtype": dtype, "qr_every": 2}
    options |= {"dt": 0.5} if kind == "flow" else {}
    found = []
    for threads in (1, 2):
        before = numba.get_num_threads()
        numba.set_num_threads(min(threads, before))
        try:
            found.append(spectrum(system, **options).exponents)
        finally:
            numba.set_num_threads(before)
    assert np.array_equal(*found)


def test_short_sequences():
    """Few steps make few blocks, two at least, and a pooled error that holds."""
    given = weights(lx.GRU, 6, 2)
    rng = np.random.default_rng(1)
    short = spectrum(lx.GRU(*given, inputs=rng.standard_normal((400, 12, 2))), k=2)
    assert short.duration == 8
    mean, stderr = short.pooled()
    long = spectrum(lx.GRU(*given, inputs=rng.standard_normal((20_000, 2))), k=2)
    # What the sequences share, two steps of alignment only, is not in their spread.
    assert (np.abs(mean - long.exponents) < 4 * stderr + 0.03).all()
    assert (stderr < 0.01).all()
    halves = [short.exponents[::2], short.exponents[1::2]]
    apart = np.abs(halves[0].mean(0) - halves[1].mean(0))
    assert (apart < 4 * np.sqrt(2) * np.sqrt(2) * stderr).all()
    tiny = spectrum(lx.GRU(*given, inputs=rng.standard_normal((3, 4, 2))), k=2)
    assert tiny.duration == 2
    assert np.isinf(tiny.stderr).all()


def test_pooled():
    given = weights(lx.RNN, 5, 2)
    inputs = np.random.default_rng(1).standard_normal((3, 4, 50, 2))
    spec = spectrum(lx.RNN(*given, inputs=inputs))
    for axis in (0, 1, -1):
        mean, stderr = spec.pooled(axis)
        size = spec.shape[axis]
        at = axis % 2
        np.testing.assert_allclose(mean, spec.exponents.mean(axis=at))
        np.testing.assert_allclose(stderr, spec.exponents.std(axis=at, ddof=1) / np.sqrt(size))
    with pytest.raises(ValueError, match="axis"):
        spec.pooled(2)
    dead = np.stack([np.eye(4), np.diag([1.0, 1.0, 1.0, 0.0])])
    mean, stderr = spectrum(lx.RateNetwork(dead, phi="linear", kind="map"), duration=20).pooled()
    assert (mean[3], stderr[3]) == (-np.inf, np.inf)
    mean, stderr = spectrum(lx.RateNetwork(dead[1:], phi="linear", kind="map"), duration=9).pooled()
    assert (mean[3], stderr[3]) == (-np.inf, 0.0)
    with pytest.raises(ValueError, match="batch"):
        spectrum(lx.RNN(np.eye(3)), duration=10).pooled()


W3, V3 = np.zeros((9, 3)), np.zeros((9, 2))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lx.GRU(np.zeros((8, 3))), ValueError, r"weight_hh.*\(\.\.\., 9, 3\)"),
        (lambda: lx.GRU(np.zeros(9)), ValueError, "weight_hh"),
        (lambda: lx.GRU([W3, np.zeros((8, 3))], [V3, W3]), ValueError, "weight_hh"),
        (lambda: lx.GRU("weights"), TypeError, "weight_hh"),
        (lambda: lx.GRU(W3 * np.nan), ValueError, "weight_hh must be finite"),
        (lambda: lx.GRU([W3, W3]), ValueError, "weight_ih must have 2 layers"),
        (lambda: lx.GRU([W3, W3], [V3, V3]), ValueError, r"weight_ih.*9, 3"),
        (lambda: lx.GRU(W3, np.zeros((6, 2))), ValueError, "weight_ih"),
        (lambda: lx.GRU(W3, bias_hh=np.zeros(3)), ValueError, "bias_hh"),
        (lambda: lx.GRU(W3, bias_ih=[np.zeros(9)] * 2), ValueError, "bias_ih must have 1"),
        (lambda: lx.GRU(W3, inputs=np.zeros((5, 2))), ValueError, "weight_ih must be given"),
        (lambda: lx.GRU(W3, V3, inputs=np.zeros((5, 3))), ValueError, "inputs"),
        (lambda: lx.GRU(W3, V3, inputs=np.zeros(5)), ValueError, "inputs"),
        (lambda: lx.GRU(W3, V3, inputs=np.full((5, 2), np.inf)), ValueError, "inputs"),
        (lambda: lx.GRU(W3, V3, readout=np.zeros((3, 3))), ValueError, "readout"),
        (lambda: lx.GRU(W3, V3, readout=np.zeros((2, 3)), readout_bias=[1, 2, 3]),
         ValueError, "readout_bias"),
        (lambda: lx.GRU(W3, V3, inputs=np.zeros((5, 2)), readout=np.zeros((2, 3))),
         ValueError, "not both"),
        (lambda: lx.GRU(W3, kind="network"), ValueError, "kind"),
        (lambda: lx.GRU(W3, reset="never"), ValueError, "reset"),
        (lambda: lx.RNN(np.eye(3), nonlinearity="sine"), ValueError, "nonlinearity"),
        (lambda: lx.LSTM(W3), ValueError, "weight_hh"),
        (lambda: lx.GRU(np.zeros((2, 9, 3)), bias_hh=np.zeros((3, 9))), ValueError, "broadcast"),
        (lambda: lx.GRU(W3).with_params(W=W3), ValueError, "params"),
        (lambda: spectrum(lx.GRU(W3)), ValueError, "duration"),
        (lambda: spectrum(lx.GRU(W3, V3, inputs=np.zeros((3, 2)))), ValueError, "two steps"),
        (lambda: spectrum(lx.GRU(W3, V3, inputs=np.zeros((9, 2))), transient=-1),
         ValueError, "transient"),
        (lambda: spectrum(lx.GRU(W3, V3, inputs=np.zeros((9, 2))), duration=1),
         ValueError, "two steps"),
        (lambda: lx.GRU(W3, V3, readout_bias=np.zeros(2)), ValueError, "readout must be given"),
        (lambda: lx.GRU([np.zeros((2, 9, 3)), np.zeros((3, 9, 3))], [V3, W3]),
         ValueError, "layers"),
        (lambda: spectrum(lx.GRU(W3, V3, inputs=np.zeros((9, 2))), duration=20),
         ValueError, "inputs"),
    ],
)  # fmt: skip
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
