"""How large a comparison is: its tasks, models and sizes, and how long each may train."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from .cells import CELLS
from .pixels import permuted_pixels
from .tasks import SIZES, Task, copy_memory, random_delay, temporal_order
from .train import Settings


@dataclass(frozen=True)
class Row:
    """A row of Table S1, maybe at a reduced size, and its number of epochs."""

    paper: str  # the row's name in Table S1
    make: Callable[..., Task]  # of the sizes of its splits, or of a folder of images
    epochs: int
    trials: int = 0
    images: bool = False
    decay: float = 1.0  # of the rate, each epoch


@dataclass(frozen=True)
class Budget:
    """A comparison: each model learns the task of each row, from several seeds."""

    rows: tuple[Row, ...]
    models: tuple[str, ...]
    settings: Settings  # what all models share
    sizes: tuple[int, int, int]
    seeds: int
    images: str | None = None  # a folder

    def task(self, row):
        """The data of a row."""
        return row.make(self.images) if row.images else row.make(sizes=self.sizes)

    def given(self, row, model, hyperparameters):
        """Settings of one model, with hyperparameters that a search found, or `FOUND`."""
        own = {**FOUND[model], **hyperparameters}
        given = {"model": model, "epochs": row.epochs, "decay": row.decay}
        return replace(self.settings, **(given | own))


# What is taken without a search. On the first 1500 updates of copy memory with k = 50, n = 128,
# were tried by hand: rates from 3e-4 to 3e-3 of tanh PTA, 1e-3 and 3e-3 of AntisymmetricRNN and
# LipschitzRNN, and of coRNN, at 3e-3, two other choices of dt, gamma and eps, which stayed at
# chance as well. The others were not tuned.
FOUND: dict[str, dict] = {model: {"rate": 1e-3} for model in CELLS}
FOUND |= {model: {"rate": 3e-3} for model in ("AntisymmetricRNN", "coRNN", "LipschitzRNN")}

# The columns of Table S1.
MODELS = (
    "AntisymmetricRNN", "coRNN", "GRU", "GRU PTA", "LSTM", "LipschitzRNN", "tanh", "tanh PTA",
    "tanh orthogonal",
)  # fmt: skip

PAPER_ROWS = (
    Row("temporal order", temporal_order, 400, 200),
    Row("copy memory, k = 100", partial(copy_memory, 100), 400, 200),
    Row("copy memory, k = 2000", partial(copy_memory, 2000), 400, 200),
    Row("random delay, k = 100 to 120", random_delay, 400, 200),
    Row("permuted pixels", permuted_pixels, 125, 100, images=True),
)

BUDGETS = {
    # At most 40 minutes on two cores. Nothing is searched for.
    "laptop": Budget(
        rows=(
            Row("temporal order", partial(temporal_order, shortest=50), 10, decay=0.88),
            Row("copy memory, k = 100", partial(copy_memory, 50), 24, decay=0.92),
            Row("random delay, k = 100 to 120", partial(random_delay, 20, 24), 18, decay=0.88),
        ),
        models=MODELS,
        settings=Settings(units=128, batch=20, patience=6, goal=1e-3),
        sizes=(5000, 500, 500),
        seeds=3,
    ),
    # The rows that take minutes on one GPU, at the paper's size, with a tenth of its search.
    "gpu": Budget(
        rows=tuple(replace(PAPER_ROWS[i], epochs=200, trials=20) for i in (0, 1, 3)),
        models=MODELS,
        settings=Settings(units=250, goal=1e-5),
        sizes=SIZES,
        seeds=5,
    ),
    "paper": Budget(PAPER_ROWS, MODELS, Settings(units=250), SIZES, 5),
}
