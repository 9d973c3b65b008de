"""Training of several networks side by side, one for each seed, as if each were alone."""

import contextlib
import io
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from .cells import CELLS, together


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

    status is "done", "stopped" by patience, "diverged", or "interrupted".
    """

    task: str
    settings: Settings
    seeds: tuple[int, ...]
    curves: Curves
    best_epoch: np.ndarray
    loss: np.ndarray  # of the test set, with the weights of the best epoch
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
        self.model = Model(settings, task, seeds).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=settings.rate)
        # Order of the data and dropout: on the CPU, so that they are the same on every device.
        self.order = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.best = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.best_loss = np.full(len(seeds), np.inf)
        self.best_epoch = np.zeros(len(seeds), int)
        self.status = ["" for _ in seeds]
        self.curves, self.epoch, self.seconds = Curves(), 0, 0.0

    def state(self):
        """Everything that the next epoch depends on."""
        return {
            "of": (self.task.name, self.settings, tuple(self.seeds)),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "order": [g.get_state() for g in self.order],
            "best": self.best,
            "numbers": (self.best_loss, self.best_epoch, self.status, self.epoch, self.seconds),
            "curves": self.curves,
        }

    def load(self, found):
        """Go on from a state, which must be of the same training."""
        if found["of"] != (self.task.name, self.settings, tuple(self.seeds)):
            raise ValueError("the checkpoint is of another training")
        self.model.load_state_dict(found["model"])
        self.optimizer.load_state_dict(found["optimizer"])
        for generator, state in zip(self.order, found["order"], strict=True):
            generator.set_state(state)
        self.best, self.curves = found["best"], found["curves"]
        self.best_loss, self.best_epoch, self.status, self.epoch, self.seconds = found["numbers"]

    def train_epoch(self):
        """One pass over the training set, each network in an order of its own."""
        task, settings = self.task, self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = settings.rate * settings.decay**self.epoch
        size = len(task.train)
        orders = [torch.randperm(size, generator=g).numpy() for g in self.order]
        total, count = torch.zeros(len(self.seeds), device=self.device), 0
        for first in range(0, size, settings.batch):
            rows = [order[first : first + settings.batch] for order in orders]
            inputs, targets, lengths = self._batches(task.train, rows)
            logits = self.model(inputs, self._mask(inputs))
            loss, _ = losses(task, logits, targets, lengths, reported=False)
            self.optimizer.zero_grad()
            loss.sum().backward()
            self._clip()
            self.optimizer.step()
            total += loss.detach()
            count += 1
        return (total / count).cpu().numpy()

    def _batches(self, split, rows):
        found = [self.task.batch(split, own, self.device) for own in rows]
        return [torch.stack(parts) for parts in zip(*found, strict=True)]

    def _mask(self, inputs):
        kept = 1.0 - self.settings.dropout
        if kept == 1.0:
            return None
        shape = (*inputs.shape[1:3], self.settings.units)
        masks = [torch.rand(shape, generator=g) < kept for g in self.order]
        return torch.stack(masks).to(self.device) / kept

    def _clip(self):
        """The norm of each network's gradient, each by itself; a NaN stays its network's own."""
        gradients = [p.grad for p in self.model.parameters()]
        norm = sum(g.flatten(1).square().sum(1) for g in gradients).sqrt()
        scale = (self.settings.clip / norm).clamp(max=1.0)
        for g in gradients:
            g *= scale.view(-1, *[1] * (g.ndim - 1))

    @torch.no_grad()
    def judge(self, split):
        """Reported losses and shares (S,) of a split."""
        loss, right, count = 0.0, 0.0, 0
        for first in range(0, len(split), self.settings.batch):
            rows = np.arange(first, min(first + self.settings.batch, len(split)))
            inputs, targets, lengths = self._batches(split, [rows] * len(self.seeds))
            one, share = losses(self.task, self.model(inputs), targets, lengths, reported=True)
            loss, right = loss + len(rows) * one, right + len(rows) * share
            count += len(rows)
        return (loss / count).cpu().numpy(), (right / count).cpu().numpy()

    def advance(self):
        """One epoch, and what it means for each network."""
        started = time.perf_counter()
        self.curves.train.append(self.train_epoch())
        loss, accuracy = self.judge(self.task.validation)
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
            elif self.epoch - self.best_epoch[i] >= self.settings.patience:
                self.status[i] = "stopped"
        self.seconds += time.perf_counter() - started

    def result(self, otherwise):
        """With the weights of each network's best epoch."""
        with torch.no_grad():
            for name, weights in self.model.named_parameters():
                weights.copy_(self.best[name])
        loss, accuracy = self.judge(self.task.test)
        status = tuple(s or otherwise for s in self.status)
        return Result(
            self.task.name, self.settings, tuple(self.seeds), self.curves, self.best_epoch, loss,
            accuracy, status, self.seconds, self.model,
        )  # fmt: skip


def train(task, settings, seeds, device="cpu", checkpoint=None, every=60.0, progress=True):
    """Train a network for each seed until all have stopped, or for `settings.epochs`.

    checkpoint is a file from which an interrupted or killed training goes on; it is written every
    so many seconds, after an epoch, and at Ctrl-C. On the CPU the bits are those of a training
    that was not interrupted.
    """
    run = Run(task, settings, list(seeds), device)
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and path.exists():
        run.load(torch.load(path, weights_only=False))
    written = time.perf_counter()
    kept, otherwise = serialised(run), "interrupted"
    bar = tqdm(total=settings.epochs, initial=run.epoch, unit="epoch", disable=not progress)
    with bar, contextlib.suppress(KeyboardInterrupt):
        while run.epoch < settings.epochs and not all(run.status):
            run.advance()
            kept = serialised(run)
            bar.update()
            bar.set_postfix_str(" ".join(f"{x:.3g}" for x in run.curves.validation[-1]))
            if path is not None and time.perf_counter() - written > every:
                written = time.perf_counter()
                write_whole(path, kept)
        otherwise = "done"
    if path is not None:
        write_whole(path, kept)
    if otherwise == "interrupted":  # in the middle of an epoch
        run.load(torch.load(io.BytesIO(kept), weights_only=False))
    return run.result(otherwise)


def serialised(run):
    """The state of a run as the bytes of a file."""
    buffer = io.BytesIO()
    torch.save(run.state(), buffer)
    return buffer.getvalue()


def write_whole(path, content):
    """Write a file, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)
