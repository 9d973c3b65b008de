"""Training of several networks side by side, one for each seed, as if each were alone."""

import contextlib
import copy
import functools
import math
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from .cells import CELLS, together
from .files import whole


@dataclass(frozen=True)
class Settings:
    """A model and its hyperparameters, those of Section S2.3 among them."""

    model: str = "tanh PTA"
    units: int = 250
    rate: float = 1e-3  # of Adam
    clip: float = 1.0  # largest norm of a network's gradient
    dropout: float = 0.0  # of what is read out
    decay: float = 1.0  # of the rate, each epoch: the paper does not say when
    patience: int = 80  # epochs without a better validation loss, after which a network stops
    goal: float = 0.0  # validation loss below which a network stops, since it has learnt the task
    epochs: int = 400
    batch: int = 100
    more: tuple[tuple[str, float], ...] = ()  # hyperparameters of the cell


@dataclass
class Curves:
    """Losses in nats, (epochs, networks), and shares of symbols or classes that were right."""

    train: list = field(default_factory=list)
    validation: list = field(default_factory=list)
    accuracy: list = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """What `train` returns; arrays have one value for each seed.

    status is "done", "learnt" (the goal was reached), "stopped" by patience, "diverged", or
    "interrupted".
    """

    task: str
    settings: Settings
    seeds: tuple[int, ...]
    curves: Curves
    best_epoch: np.ndarray
    loss: np.ndarray  # of the test set, with the weights of the best epoch; NaN if there is none
    accuracy: np.ndarray
    status: tuple[str, ...]
    seconds: float
    model: nn.Module


class Model(nn.Module):
    """Cells and what reads them out, (S, B, T, features) to logits (S, B, T, classes)."""

    def __init__(self, settings, task, seeds):
        super().__init__()
        cells, readouts = [], []
        for seed in seeds:
            torch.manual_seed(seed)
            sizes = 1, task.width, settings.units
            cells.append(CELLS[settings.model](*sizes, **dict(settings.more)))
            readouts.append(nn.Linear(settings.units, task.classes))
        self.cell = together(cells)
        self.weight = nn.Parameter(torch.stack([r.weight.detach() for r in readouts]))
        self.bias = nn.Parameter(torch.stack([r.bias.detach() for r in readouts])[:, None, None])

    def forward(self, inputs, mask=None):
        """Logits of all steps; mask (S, B, T, n) is what dropout leaves."""
        states = self.cell(inputs)
        if mask is not None:
            states = states * mask
        return torch.einsum("sbtn,scn->sbtc", states, self.weight) + self.bias


def losses(task, logits, targets, lengths, reported):
    """Mean losses (S,) and shares (S,) that are right.

    Where each step has a target, training counts all steps and the report the recalled ones.
    """
    networks, batch, steps = logits.shape[:3]
    last = lengths - 1
    if task.recalled:
        at = torch.arange(steps, device=logits.device)
        counts = at <= last[..., None]
        if reported:
            counts &= at > (last - task.recalled)[..., None]
    else:
        rows = torch.arange(batch, device=logits.device)
        logits = logits[torch.arange(networks, device=logits.device)[:, None], rows, last]
        logits, targets = logits[:, :, None], targets[..., None]
        counts = torch.ones_like(targets, dtype=torch.bool)
    each = nn.functional.cross_entropy(
        logits.flatten(0, 2), targets.flatten(), reduction="none"
    ).view(targets.shape)
    right = (logits.argmax(-1) == targets) & counts
    number = counts.sum((1, 2))
    loss = torch.where(counts, each, torch.zeros_like(each)).sum((1, 2)) / number
    return loss, right.sum((1, 2)) / number


class Run:
    """The state of a training, which a checkpoint holds whole."""

    def __init__(self, task, settings, seeds, device):
        self.task, self.settings, self.seeds, self.device = task, settings, seeds, device
        self.splits = {name: split.on(device) for name, split in task.splits.items()}
        self.model = Model(settings, task, seeds).to(device)
        on_gpu = torch.device(device).type == "cuda"
        # A graph reads the rate from the device.
        rate = torch.tensor(settings.rate, device=device) if on_gpu else settings.rate
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=rate, capturable=on_gpu)
        self._update = Recorded(self.update) if on_gpu else self.update
        # The order of the data is the same on every device.
        self.order = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.noise = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        self.best = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.best_loss = np.full(len(seeds), np.inf)
        self.best_epoch = np.zeros(len(seeds), int)
        self.status = ["" for _ in seeds]
        self.curves, self.epoch, self.seconds = Curves(), 0, 0.0
        data = [np.ascontiguousarray(a) for s in task.splits.values() for a in vars(s).values()]
        checksum = functools.reduce(lambda found, array: zlib.crc32(array, found), data, 0)
        self.of = task.name, checksum, settings, tuple(seeds), torch.device(device).type

    def state(self):
        """Everything that the next epoch depends on."""
        return {
            "of": self.of,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generators": [g.get_state() for g in self.order + self.noise],
            "best": self.best,
            "numbers": (self.best_loss, self.best_epoch, self.status, self.epoch, self.seconds),
            "curves": self.curves,
        }

    def load(self, found):
        """Go on from a state of the same training."""
        self.model.load_state_dict(found["model"])
        self.optimizer.load_state_dict(found["optimizer"])
        for generator, state in zip(self.order + self.noise, found["generators"], strict=True):
            generator.set_state(state)
        self.best, self.curves = found["best"], found["curves"]
        self.best_loss, self.best_epoch, self.status, self.epoch, self.seconds = found["numbers"]

    def train_epoch(self):
        """One pass over the training set, each network in an order of its own."""
        rate = self.settings.rate * self.settings.decay**self.epoch
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        split, size = self.splits["train"], self.settings.batch
        orders = torch.stack([torch.randperm(len(split), generator=g) for g in self.order])
        total, batches = 0.0, orders.to(self.device).split(size, 1)
        for rows in batches:
            inputs, targets, lengths = self.task.batch(split, rows)
            total += self._update(inputs, targets, lengths, self._mask(inputs))
        return (total / len(batches)).cpu().numpy()

    def update(self, inputs, targets, lengths, mask):
        """Change the weights by one batch; the losses (S,) are those before."""
        self.optimizer.zero_grad()
        logits = self.model(inputs, mask)
        loss, _ = losses(self.task, logits, targets, lengths, reported=False)
        loss.sum().backward()
        self._clip()
        self.optimizer.step()
        return loss.detach()

    def _mask(self, inputs):
        kept = 1.0 - self.settings.dropout
        if kept == 1.0:
            return None
        shape = (*inputs.shape[1:3], self.settings.units)
        draws = [torch.rand(shape, generator=g, device=self.device) for g in self.noise]
        return (torch.stack(draws) < kept) / kept

    def _clip(self):
        """The norm of each network's gradient, each by itself; a NaN stays its network's own."""
        gradients = [p.grad for p in self.model.parameters()]
        norm = sum(g.flatten(1).square().sum(1) for g in gradients).sqrt()
        scale = (self.settings.clip / norm).clamp(max=1.0)
        for g in gradients:
            g *= scale.view(-1, *[1] * (g.ndim - 1))

    @torch.no_grad()
    def judge(self, part):
        """Reported losses and shares (S,) of "validation" or "test"."""
        split, size = self.splits[part], 5 * self.settings.batch
        loss, right, networks = 0.0, 0.0, len(self.seeds)
        for rows in torch.arange(len(split), device=self.device).split(size):
            inputs, targets, lengths = self.task.batch(split, rows.expand(networks, -1))
            one, share = losses(self.task, self.model(inputs), targets, lengths, reported=True)
            loss, right = loss + len(rows) * one, right + len(rows) * share
        return (loss / len(split)).cpu().numpy(), (right / len(split)).cpu().numpy()

    def advance(self):
        """One epoch, and what it means for each network."""
        started = time.perf_counter()
        self.curves.train.append(self.train_epoch())
        loss, accuracy = self.judge("validation")
        self.curves.validation.append(loss)
        self.curves.accuracy.append(accuracy)
        self.epoch += 1
        for i in range(len(self.seeds)):
            if self.status[i]:
                continue
            if not math.isfinite(loss[i]):
                self.status[i] = "diverged"
            elif loss[i] < self.best_loss[i]:
                self.best_loss[i], self.best_epoch[i] = loss[i], self.epoch
                for name, weights in self.model.named_parameters():
                    self.best[name][i] = weights.detach()[i]
                if loss[i] < self.settings.goal:
                    self.status[i] = "learnt"
            elif self.epoch - self.best_epoch[i] >= self.settings.patience:
                self.status[i] = "stopped"
        self.seconds += time.perf_counter() - started

    def result(self, otherwise):
        """With the weights of each network's best epoch."""
        with torch.no_grad():
            for name, weights in self.model.named_parameters():
                weights.copy_(self.best[name])
        loss, accuracy = self.judge("test")
        untrained = self.best_epoch == 0  # diverged at once
        loss[untrained] = accuracy[untrained] = np.nan
        status = tuple(s or otherwise for s in self.status)
        return Result(
            self.task.name, self.settings, tuple(self.seeds), self.curves, self.best_epoch, loss,
            accuracy, status, self.seconds, self.model,
        )  # fmt: skip


class Recorded:
    """An update of the weights as a CUDA graph, which starts all its kernels at once.

    A step of a small network takes less time than starting its kernels one by one. Some updates
    are done before recording, as PyTorch asks for, and so are batches of another size.
    """

    BEFORE = 3

    def __init__(self, update):
        self._update, self._graph, self._calls = update, None, 0

    def __call__(self, *given):
        """Do one update; `given` are tensors, or None."""
        if self._calls == self.BEFORE:
            self._record(given)
        self._calls += 1
        if self._graph is None or given[0].shape != self._given[0].shape:
            with torch.cuda.stream(self._side()):
                loss = self._update(*given)
            torch.cuda.synchronize()
            return loss
        for own, new in zip(self._given, given, strict=True):
            if own is not None:
                own.copy_(new)
        self._graph.replay()
        return self._loss.clone()

    @staticmethod
    def _side():
        torch.cuda.synchronize()
        return torch.cuda.Stream()

    def _record(self, given):
        self._given = [None if tensor is None else tensor.clone() for tensor in given]
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._loss = self._update(*self._given)
        self._graph = graph


def train(
    task, settings, seeds, device="cpu", checkpoint=None, every=60.0, progress=True, after=None
):
    """Train a network for each seed until all have stopped, or for `settings.epochs`.

    after is called with the `Run` after each epoch.

    checkpoint is a file from which an interrupted or killed training goes on; it is written every
    so many seconds, after an epoch, and at Ctrl-C. On the CPU the bits are those of a training
    that was not interrupted.
    """
    run = Run(task, settings, list(seeds), device)
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and path.exists():
        found = torch.load(path, weights_only=False)
        if found["of"] != run.of:
            raise ValueError(f"{path} is a checkpoint of another training: delete it, or keep both")
        run.load(found)
    written = time.perf_counter()
    kept, otherwise = copy.deepcopy(run.state()), "interrupted"
    bar = tqdm(total=settings.epochs, initial=run.epoch, unit="epoch", disable=not progress)
    with bar, contextlib.suppress(KeyboardInterrupt):
        while run.epoch < settings.epochs and not all(run.status):
            run.advance()
            kept = copy.deepcopy(run.state())
            if after is not None:
                after(run)
            bar.update()
            bar.set_postfix_str(" ".join(f"{x:.3g}" for x in run.curves.validation[-1]))
            if path is not None and time.perf_counter() - written > every:
                written = time.perf_counter()
                write(path, kept)
        otherwise = "done"
    if path is not None:
        write(path, kept)
    if otherwise == "interrupted":  # in the middle of an epoch
        run.load(kept)
    return run.result(otherwise)


def write(path, state):
    """Write a checkpoint."""
    with whole(path) as part:
        torch.save(state, part)
