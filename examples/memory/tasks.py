"""Tasks that need a long memory, the same to the bit for the same seed.

Inputs are kept as bytes, tokens or pixels, and become one-hot vectors or numbers from 0 to 1 batch
by batch: of copy memory over 2000 steps all one-hot vectors at once would take 0.8 GB.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

SIZES = 10_000, 1_000, 1_000  # sequences to train, to validate and to test with
SYMBOLS, SHOWN = 8, 10  # of copy memory: the alphabet, and how many are to be recalled
BLANK, START = SYMBOLS, SYMBOLS + 1
ORDER = "XYabcdBE"  # the alphabet of temporal order


@dataclass(frozen=True)
class Split:
    """Sequences (N, T) of tokens, or (N, T, channels) of pixels, and what they should give.

    targets are (N, T) where each step has one, and (N,) where a sequence has one; lengths (N,) say
    where sequences end that are padded. Arrays, or tensors of one device.
    """

    inputs: np.ndarray | torch.Tensor
    targets: np.ndarray | torch.Tensor
    lengths: np.ndarray | torch.Tensor

    def __len__(self):
        return len(self.inputs)

    def some(self, rows):
        """Some of the sequences."""
        return Split(self.inputs[rows], self.targets[rows], self.lengths[rows])

    def on(self, device):
        """The same as tensors of a device."""
        arrays = self.inputs, self.targets, self.lengths
        return Split(*(torch.as_tensor(array, device=device) for array in arrays))


@dataclass(frozen=True)
class Task:
    """A data set, and how a network is judged by it.

    `chance` is the reported loss, in nats, of a network that remembers nothing.
    """

    name: str
    width: int  # of an input vector
    classes: int
    chance: float
    recalled: int  # last steps of a sequence that count in the report; 0: a sequence has one class
    train: Split
    validation: Split
    test: Split

    @property
    def splits(self):
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def batch(self, split, rows):
        """Inputs (*rows, T, width), targets, and lengths (*rows) of some rows of a split."""
        split = split.on(None)
        rows = torch.as_tensor(rows, device=split.inputs.device)
        inputs = split.inputs[rows]
        if split.inputs.ndim == 2:
            inputs = nn.functional.one_hot(inputs.long(), self.width).float()
        else:
            inputs = inputs.float() / 255.0
        return inputs, split.targets[rows].long(), split.lengths[rows]


class Draws:
    """Random integers that no version of a library changes: from the raw bits of Philox."""

    def __init__(self, seed, task, part):
        name = zlib.crc32(task.encode()) << 32 | zlib.crc32(part.encode())
        self._bits = np.random.Philox(key=np.array([seed, name], np.uint64))

    def below(self, n, shape):
        """Integers from 0 to n - 1."""
        raw = self._bits.random_raw(int(np.prod(shape))).reshape(shape)
        return ((raw >> np.uint64(11)) * (n * 2.0**-53)).astype(np.int64)


def copy_memory(pause=100, seed=0, sizes=SIZES):
    """Ten symbols are shown and must be recalled after so many blanks (Section S2.2.1)."""
    return _copy(f"copy memory, k = {pause}", (pause, pause), seed, sizes)


def random_delay(shortest=100, longest=120, seed=0, sizes=SIZES):
    """Copy memory, each sequence with a pause of its own (Section S2.2.3)."""
    return _copy(f"random delay, k = {shortest} to {longest}", (shortest, longest), seed, sizes)


def _copy(name, pauses, seed, sizes):
    shortest, longest = pauses

    def split(count, part):
        draws = Draws(seed, "copy", part)
        symbols = draws.below(SYMBOLS, (count, SHOWN))
        pause = shortest + draws.below(longest - shortest + 1, (count,))
        inputs = np.full((count, longest + 2 * SHOWN), BLANK, np.uint8)
        targets = inputs.copy()
        rows = np.arange(count)
        inputs[:, :SHOWN] = symbols
        inputs[rows, SHOWN + pause] = START
        places = SHOWN + pause[:, None] + np.arange(SHOWN)
        targets[rows[:, None], places] = symbols
        return Split(inputs, targets, pause + 2 * SHOWN)

    return Task(name, SYMBOLS + 2, SYMBOLS + 1, float(np.log(SYMBOLS)), SHOWN, *_each(split, sizes))


def temporal_order(seed=0, sizes=SIZES, shortest=100):
    """Which of X and Y came first and second, among distractors (Section S2.2.2).

    Experiment 6a of Hochreiter and Schmidhuber (1997): E, then symbols a to d, X or Y at a step
    from 10 to 20 and at one from 50 to 60, and B at the end of 100 to 110 symbols. For a shorter
    task all of these are scaled.
    """
    if shortest < 10:
        raise ValueError(f"shortest must be at least 10 steps, got {shortest}")
    at = lambda step: round(step * shortest / 100)  # noqa: E731

    def split(count, part):
        draws = Draws(seed, "order", part)
        lengths = shortest + draws.below(at(10) + 1, (count,))
        inputs = ORDER.index("a") + draws.below(4, (count, shortest + at(10)))
        first = at(10) + draws.below(at(20) - at(10) + 1, (count,))
        second = at(50) + draws.below(at(60) - at(50) + 1, (count,))
        kinds, rows = draws.below(2, (count, 2)), np.arange(count)
        inputs[rows, first], inputs[rows, second] = kinds.T
        inputs[:, 0] = ORDER.index("E")
        inputs[rows, lengths - 1] = ORDER.index("B")
        return Split(inputs.astype(np.uint8), 2 * kinds[:, 0] + kinds[:, 1], lengths)

    name = "temporal order" + ("" if shortest == 100 else f", {shortest} steps")
    return Task(name, len(ORDER), 4, float(np.log(4)), 0, *_each(split, sizes))


def _each(split, sizes):
    return [
        split(count, part)
        for count, part in zip(sizes, ("train", "validation", "test"), strict=True)
    ]
