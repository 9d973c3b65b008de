"""python examples/memory: train a model on a task."""

import sys
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for `python examples/memory`

from examples.memory import pixels, tasks
from examples.memory.cells import CELLS
from examples.memory.train import Settings
from examples.memory.train import train as trained

TASKS = {
    "copy": lambda folder, pause, **made: tasks.copy_memory(pause, **made),
    "delay": lambda folder, pause, **made: tasks.random_delay(pause, pause * 6 // 5, **made),
    "order": lambda folder, pause, **made: tasks.temporal_order(shortest=pause, **made),
    "pixels": lambda folder, pause, **made: pixels.permuted_pixels(folder),
    "cifar": lambda folder, pause, **made: pixels.sequential_cifar(folder),
}


@click.group()
def commands():
    """Memory tasks of Park, Sagodi and Sokol (2023)."""


@commands.command()
@click.argument("task", type=click.Choice(list(TASKS)))
@click.argument("model", type=click.Choice(list(CELLS)))
@click.option(
    "--pause",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Steps between symbols and recall; of temporal order, the length.",
)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False),
    help="Images: IDX files, or CIFAR-10's binary batches.",
)
@click.option(
    "--sequences",
    type=click.IntRange(min=10),
    default=10_000,
    show_default=True,
    help="To train with; a tenth each to validate and to test.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--data-seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--units", type=click.IntRange(min=2), default=250, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), default=400, show_default=True)
@click.option("--rate", type=float, default=1e-3, show_default=True)
@click.option("--clip", type=float, default=1.0, show_default=True)
@click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), default=0.0)
@click.option("--decay", type=click.FloatRange(0, 1, min_open=True), default=1.0)
@click.option("--patience", type=click.IntRange(min=1), default=80, show_default=True)
@click.option("--batch", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--checkpoint", type=click.Path(dir_okay=False), help="The same command goes on.")
@click.option("--quiet", is_flag=True)
def train(
    task, model, pause, folder, sequences, seeds, data_seed, device, checkpoint, quiet, **more
):
    """Networks of one model, one for each seed, side by side."""
    sizes = sequences, sequences // 10, sequences // 10
    try:
        made = TASKS[task](folder, pause, seed=data_seed, sizes=sizes)
        found = trained(
            made, Settings(model, **more), range(seeds), device, checkpoint, progress=not quiet
        )
    except (ValueError, ImportError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{made.name}, {model}: {len(made.train)} sequences, chance {made.chance:.3f}")
    click.echo(" seed    loss  right  best epoch  status")
    for i, seed in enumerate(found.seeds):
        row = found.loss[i], found.accuracy[i], found.best_epoch[i], found.status[i]
        click.echo("{:5d} {:7.4f} {:6.1%} {:11d}  {}".format(seed, *row))
    click.echo(f"{len(found.curves.train)} epochs, {found.seconds:.0f} s")


if __name__ == "__main__":
    commands()
