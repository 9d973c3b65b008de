"""The cells and the training of examples/memory, against loops over units and single runs."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")
train = pytest.importorskip("examples.memory.train")
from examples.memory import cells, tasks  # noqa: E402
from examples.memory.__main__ import commands  # noqa: E402
from lyapax.torch import spectrum  # noqa: E402

from .failing import Failing  # noqa: E402

ROOT = Path(__file__).parents[1]
N, FEATURES = 5, 3
TASK = tasks.copy_memory(6, sizes=(120, 40, 40))
TINY = {"units": 12, "epochs": 4, "batch": 40}


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


def dot(matrix, vector, i):
    return sum(matrix[i, j] * vector[j] for j in range(len(vector)))


def tanh_unit(w, h, x, i):
    return np.tanh(dot(w["V"], x, i) + w["b"][i] + dot(w["W"], h, i) + w["c"][i])


def gru_unit(w, h, x, i):
    n = len(h)
    a, b, c = (dot(w["V"], x, i + g * n) + w["b"][i + g * n] for g in range(3))
    d, e, f = (dot(w["W"], h, i + g * n) + w["c"][i + g * n] for g in range(3))
    r, z = sigmoid(a + d), sigmoid(b + e)
    return (1 - z) * np.tanh(c + r * f) + z * h[i]


def lstm_unit(w, state, x, i):
    n = len(state) // 2
    h, c = state[:n], state[n:]
    gates = [
        dot(w["V"], x, i % n + g * n) + w["b"][i % n + g * n]
        + dot(w["W"], h, i % n + g * n) + w["c"][i % n + g * n]
        for g in range(4)
    ]  # fmt: skip
    kept = sigmoid(gates[1]) * c[i % n] + sigmoid(gates[0]) * np.tanh(gates[2])
    return kept if i >= n else sigmoid(gates[3]) * np.tanh(kept)


def antisymmetric_unit(w, h, x, i, eps=0.1, gamma=0.01):
    inner = sum((w["W"][i, j] - w["W"][j, i]) * h[j] for j in range(len(h))) - gamma * h[i]
    return h[i] + eps * np.tanh(inner + dot(w["V"], x, i) + w["b"][i])


def cornn_unit(w, state, x, i, dt=0.042, gamma=2.7, eps=4.7):
    n = len(state) // 2
    y, z, i, is_velocity = state[:n], state[n:], i % n, i >= n
    force = np.tanh(dot(w["W"], y, i) + dot(w["U"], z, i) + dot(w["V"], x, i) + w["b"][i])
    velocity = z[i] + dt * (force - gamma * y[i] - eps * z[i])
    return velocity if is_velocity else y[i] + dt * velocity


def lipschitz_unit(w, h, x, i, eps=0.1, beta=0.75, gamma=0.001):
    def of(name):
        b = w[name]
        return sum(
            (beta * (b[i, j] - b[j, i]) + (1 - beta) * (b[i, j] + b[j, i]) - gamma * (i == j))
            * h[j] for j in range(len(h))
        )  # fmt: skip

    return h[i] + eps * of("A") + eps * np.tanh(of("W") + dot(w["V"], x, i) + w["b"][i])


UNITS = {
    "tanh": tanh_unit,
    "tanh orthogonal": tanh_unit,
    "tanh identity": tanh_unit,
    "tanh PTA": tanh_unit,
    "GRU": gru_unit,
    "GRU PTA": gru_unit,
    "LSTM": lstm_unit,
    "AntisymmetricRNN": antisymmetric_unit,
    "coRNN": cornn_unit,
    "LipschitzRNN": lipschitz_unit,
}


def made(name, networks=2, units=N):
    torch.manual_seed(1)
    return cells.CELLS[name](networks, FEATURES, units).double()


@pytest.mark.parametrize("name", cells.CELLS)
def test_each_unit_does_what_the_paper_says(name):
    cell, unit = made(name), UNITS[name]
    inputs = np.random.default_rng(0).standard_normal((2, 3, 4, FEATURES))
    with torch.no_grad():
        found = cell(torch.from_numpy(inputs)).numpy()
    for network, member in ((0, 0), (1, 2)):
        w = {n: p[network].squeeze(0).detach().numpy() for n, p in cell.named_parameters()}
        state = np.zeros(cell.states * N)
        for t in range(4):
            x = inputs[network, member, t]
            state = np.array([unit(w, state, x, i) for i in range(len(state))])
            np.testing.assert_allclose(found[network, member, t], state[:N], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", cells.CELLS)
def test_each_cell_has_a_spectrum(name):
    """Of its step at a state, whose sum is the logarithm of the Jacobian's determinant."""
    cell = made(name)
    state = torch.full((cell.states * N,), 0.1, dtype=torch.float64)
    run = {"initial": state, "duration": 1, "transient": 0, "alignment": 0, "qr_every": 1}
    found = spectrum(cell.module(1), **run, rng=0, progress=False)
    step = cells.Cell.module(cell, 1)
    jacobian = torch.autograd.functional.jacobian(step, state)
    expected = torch.linalg.slogdet(jacobian).logabsdet
    assert found.exponents.sum() == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("name", cells.CELLS)
def test_seeds_differ_and_the_same_seed_does_not(name):
    settings = train.Settings(name, units=6)
    first, again = (
        [p.detach() for p in train.Model(settings, TASK, [0]).parameters()] for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    random = "W" if name != "tanh identity" else "V"
    cell = [train.Model(settings, TASK, [seed]).cell.state_dict()[random] for seed in (0, 1)]
    assert not torch.equal(*cell)


def test_standard_deviations_are_those_of_the_papers():
    torch.manual_seed(0)
    n = 400
    for name in ("AntisymmetricRNN", "LipschitzRNN"):
        weights = cells.CELLS[name](1, 3, n).W.detach()
        assert float(weights.std()) * n**0.5 == pytest.approx(1.0, abs=0.01)
    orthogonal = cells.CELLS["tanh orthogonal"](1, 3, 40).W.detach()[0]
    torch.testing.assert_close(orthogonal @ orthogonal.T, torch.eye(40), rtol=0, atol=1e-5)


@pytest.mark.parametrize("task", [TASK, tasks.temporal_order(shortest=20, sizes=(120, 40, 40))])
def test_side_by_side_is_as_alone(task):
    settings = train.Settings("GRU PTA", **TINY, dropout=0.2, decay=0.7, clip=0.5)
    both = train.train(task, settings, [4, 7], progress=False)
    for i, seed in enumerate((4, 7)):
        alone = train.train(task, settings, [seed], progress=False)
        ours = np.array(both.curves.train)[:, i], np.array(both.curves.validation)[:, i]
        np.testing.assert_allclose(ours[0], np.ravel(alone.curves.train), rtol=1e-4)
        np.testing.assert_allclose(ours[1], np.ravel(alone.curves.validation), rtol=1e-4)
        assert both.loss[i] == pytest.approx(alone.loss[0], rel=1e-4)
    assert both.status == ("done", "done")


def test_losses_against_single_sequences():
    """Padded steps count nowhere, recalled ones in the report only."""
    task = tasks.random_delay(3, 6, sizes=(12, 10, 10))
    inputs, targets, lengths = task.batch(task.train, np.arange(12))
    logits = torch.randn(1, *targets.shape, task.classes, dtype=torch.float64)
    each = torch.nn.functional.cross_entropy(logits[0].mT, targets, reduction="none").numpy()
    of = [each[i, : lengths[i]] for i in range(12)]
    given = task, logits, targets[None], lengths[None]
    loss, _ = train.losses(*given, reported=False)
    assert float(loss) == pytest.approx(np.concatenate(of).mean())
    loss, share = train.losses(*given, reported=True)
    assert float(loss) == pytest.approx(np.mean([row[-10:] for row in of]))
    right = [
        (logits[0, i].argmax(-1) == targets[i])[lengths[i] - 10 : lengths[i]] for i in range(12)
    ]
    assert float(share) == pytest.approx(float(torch.stack(right).double().mean()))
    assert inputs.shape[1] == targets.shape[1]


def test_training_learns():
    task = tasks.copy_memory(1, sizes=(600, 100, 100))
    settings = train.Settings("tanh PTA", units=40, epochs=12, batch=30, rate=4e-3)
    found = train.train(task, settings, [0], progress=False)
    assert found.loss[0] < 0.8 * task.chance
    assert found.accuracy[0] > 0.25
    assert found.best_epoch[0] == 12
    assert found.curves.train[-1] < found.curves.train[0]


def test_a_network_that_diverges_leaves_the_others_alone():
    settings = train.Settings("tanh", **TINY)
    run = train.Run(TASK, settings, [0, 1], "cpu")
    with torch.no_grad():
        run.model.cell.W[0, 0, 0] = np.nan
    for _ in range(2):
        run.advance()
    found = run.result("done")
    alone = train.Run(TASK, settings, [1], "cpu")
    for _ in range(2):
        alone.advance()
    assert found.status == ("diverged", "done")
    assert np.array(found.curves.validation)[-1, 1] == pytest.approx(
        float(alone.curves.validation[-1][0]), rel=1e-5
    )


def test_patience():
    settings = train.Settings("tanh", units=4, epochs=50, batch=40, patience=2, rate=1e-12)
    found = train.train(TASK, settings, [0], progress=False)
    assert found.status == ("stopped",)
    assert len(found.curves.train) - found.best_epoch[0] == 2


def test_a_network_that_has_stopped_keeps_its_best_weights():
    run = train.Run(TASK, train.Settings("tanh PTA", **TINY, rate=3e-3), [0, 1], "cpu")
    run.advance()
    run.status[0] = "stopped"
    before = {name: weights.clone() for name, weights in run.best.items()}
    for _ in range(3):
        run.advance()
    assert list(run.best_epoch) == [1, 4]
    for name, weights in run.best.items():
        assert torch.equal(weights[0], before[name][0])
    assert not torch.equal(run.best["cell.W"][1], before["cell.W"][1])


@pytest.mark.gpu
def test_a_graph_has_the_bits_of_single_kernels():
    task = tasks.copy_memory(10, sizes=(1010, 100, 100))  # the last batch is a small one
    settings = train.Settings("tanh PTA", units=64, decay=0.5, dropout=0.1)
    recorded, single = (train.Run(task, settings, [0, 1], "cuda") for _ in range(2))
    single._update = single.update
    for run in (recorded, single):
        for _ in range(3):
            run.advance()
    np.testing.assert_array_equal(recorded.curves.train, single.curves.train)
    np.testing.assert_array_equal(recorded.curves.validation, single.curves.validation)


RUN = """
import sys
from examples.memory import tasks
from examples.memory.train import Run, Settings, train
import os, signal
left, advance = int(sys.argv[2]), Run.advance
def stops(self):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    advance(self)
Run.advance = stops
task = tasks.copy_memory(6, sizes=(120, 40, 40))
train(task, Settings("tanh PTA", units=12, epochs=4, batch=40, dropout=0.1), [0, 1],
      checkpoint=sys.argv[1], every=0.0, progress=False)
"""


def test_a_killed_training_goes_on_with_the_same_bits(tmp_path):
    settings = train.Settings("tanh PTA", **TINY, dropout=0.1)
    whole = train.train(TASK, settings, [0, 1], progress=False)
    path = tmp_path / "run.pt"
    run = subprocess.run([sys.executable, "-c", RUN, str(path), "2"], cwd=ROOT, check=False,
                         env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip
    assert run.returncode == -signal.SIGKILL
    assert torch.load(path, weights_only=False)["numbers"][3] == 2
    found = train.train(TASK, settings, [0, 1], checkpoint=path, progress=False)
    np.testing.assert_array_equal(found.curves.train, whole.curves.train)
    np.testing.assert_array_equal(found.loss, whole.loss)
    for a, b in zip(found.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(a, b)
    other = tasks.copy_memory(6, seed=1, sizes=(120, 40, 40))
    for task, seeds in ((TASK, [0, 2]), (other, [0, 1])):
        with pytest.raises(ValueError, match="is a checkpoint of another training"):
            train.train(task, settings, seeds, checkpoint=path, progress=False)


def test_an_interruption_keeps_whole_epochs(tmp_path, monkeypatch):
    settings = train.Settings("tanh PTA", **TINY)
    whole = train.train(TASK, settings, [0], progress=False)
    # Three batches an epoch.
    batches = Failing(monkeypatch, train.Run, "_clip", KeyboardInterrupt, left=7)
    path = tmp_path / "run.pt"
    found = train.train(TASK, settings, [0], checkpoint=path, progress=False)
    assert found.status == ("interrupted",)
    np.testing.assert_array_equal(found.curves.train, whole.curves.train[:2])
    batches.left = 6  # those of the two epochs that are left
    again = train.train(TASK, settings, [0], checkpoint=path, progress=False)
    np.testing.assert_array_equal(again.curves.train, whole.curves.train)
    np.testing.assert_array_equal(again.loss, whole.loss)


def test_command_line(tmp_path):
    size = ["--sequences", "100", "--units", "8", "--epochs", "2", "--seeds", "2", "--quiet"]
    run = ["train", "order", "coRNN", "--pause", "20", *size]
    text = CliRunner().invoke(commands, run, catch_exceptions=False).output
    assert text.startswith("temporal order, 20 steps, coRNN: 100 sequences, chance 1.386")
    assert text.count("done") == 2
    broken = ["train", "pixels", "tanh", "--folder", str(tmp_path), *size]
    found = CliRunner().invoke(commands, broken)
    assert found.exit_code == 1
    assert "cannot be read" in found.output
    assert found.output.count("\n") == 1
