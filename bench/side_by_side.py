"""Seconds of an epoch of five networks side by side, and of the same one after another.

    python -m bench.side_by_side

Copy memory with k = 50, 1000 sequences in batches of 20, on all cores.
"""

import time

from bench.machine import processor
from examples.memory.tasks import copy_memory
from examples.memory.train import Run, Settings

SEEDS = range(5)
REPEATS = 3


def epoch(task, settings, seeds):
    """Seconds of one epoch of networks that share every product."""
    run = Run(task, settings, list(seeds), "cpu")
    run.train_epoch()  # the first one allocates
    started = time.perf_counter()
    run.train_epoch()
    return time.perf_counter() - started


def main():
    """Print both for tanh and GRU networks of 64, 128 and 250 units, the best of three each."""
    print(processor())
    print("model      units  side by side  one by one  ratio")
    task = copy_memory(50, sizes=(1000, 1, 1))
    for model in ("tanh PTA", "GRU PTA"):
        for units in (64, 128, 250):
            settings = Settings(model, units=units, batch=20)
            both = [
                (epoch(task, settings, SEEDS), sum(epoch(task, settings, [s]) for s in SEEDS))
                for _ in range(REPEATS)
            ]
            together, alone = (min(times) for times in zip(*both, strict=True))
            print(
                f"{model:10} {units:5d} {together:11.2f} s {alone:9.2f} s {alone / together:6.2f}"
            )


if __name__ == "__main__":
    main()
