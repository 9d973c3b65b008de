"""python examples/memory: the comparison of Table S1, or one model on one task."""

import contextlib
import sys
from dataclasses import replace
from pathlib import Path

import click
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for `python examples/memory`

from examples.memory import pixels, tasks
from examples.memory.budgets import BUDGETS
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


@contextlib.contextmanager
def in_words():
    """What is wrong with the input in one line, and an interruption without a trace."""
    try:
        yield
    except (ValueError, ImportError, RuntimeError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        click.echo("interrupted: the same command goes on", err=True)
        raise click.exceptions.Exit(130) from None


def known_device(context, option, value):
    """A device that this PyTorch has."""
    try:
        torch.zeros(1, device=value)
    except (RuntimeError, AssertionError) as error:
        raise click.BadParameter(str(error).splitlines()[0]) from None
    return value


DEVICE = click.option(
    "--device", default="cpu", show_default=True, callback=known_device, help="cpu, or cuda."
)


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
    help="Steps between symbols and recall; of temporal order, the length (not of images).",
)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False),
    help="Of pixels: IDX files; of cifar: CIFAR-10's binary batches.",
)
@click.option(
    "--sequences",
    type=click.IntRange(min=10),
    default=10_000,
    show_default=True,
    help="To train with; a tenth each to validate and to test (not of images).",
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
@DEVICE
@click.option("--checkpoint", type=click.Path(dir_okay=False), help="The same command goes on.")
@click.option("--quiet", is_flag=True)
def train(
    task, model, pause, folder, sequences, seeds, data_seed, device, checkpoint, quiet, **more
):
    """Networks of one model, one for each seed, side by side."""
    sizes = sequences, sequences // 10, sequences // 10
    with in_words():
        made = TASKS[task](folder, pause, seed=data_seed, sizes=sizes)
        found = trained(
            made, Settings(model, **more), range(seeds), device, checkpoint, progress=not quiet
        )
    click.echo(f"{made.name}, {model}: {len(made.train)} sequences, chance {made.chance:.3f}")
    click.echo(" seed    loss  right  best epoch  status")
    for i, seed in enumerate(found.seeds):
        row = found.loss[i], found.accuracy[i], found.best_epoch[i], found.status[i]
        click.echo("{:5d} {:7.4f} {:6.1%} {:11d}  {}".format(seed, *row))
    click.echo(f"{len(found.curves.train)} epochs, {found.seconds:.0f} s")


def options(command):
    """What all commands of a comparison take."""
    for option in (
        click.option(
            "--budget", type=click.Choice(list(BUDGETS)), default="laptop", show_default=True
        ),
        click.option("--row", "rows", multiple=True, help="Of Table S1; by default all."),
        click.option("--model", "models", multiple=True, type=click.Choice(list(CELLS))),
        click.option(
            "--images",
            type=click.Path(exists=True, file_okay=False),
            help="IDX files of MNIST, for the row of permuted pixels.",
        ),
        DEVICE,
        click.option("--workers", type=click.IntRange(min=1), help="Processes; default: cores."),
        click.option("--quiet", is_flag=True),
    ):
        command = option(command)
    return click.argument("folder", type=click.Path(file_okay=False))(command)


def chosen(budget, rows, models, images):
    """A budget, and of its rows and models those that were named."""
    given = BUDGETS[budget]
    named = {row.paper: row for row in given.rows}
    if unknown := set(rows) - set(named):
        raise click.BadParameter(f"{sorted(unknown)[0]!r} is none of {', '.join(named)}")
    return replace(
        given,
        rows=tuple(named[row] for row in rows) or given.rows,
        models=models or given.models,
        images=images,
    )


@commands.command()
@options
def compare(folder, budget, rows, models, images, device, workers, quiet):
    """Train every model on every task of a budget, and report; results go into FOLDER/BUDGET."""
    from examples.memory.compare import compare as compared
    from examples.memory.report import report

    given, place = chosen(budget, rows, models, images), Path(folder, budget)
    with in_words():
        compared(given, place, device, workers, progress=not quiet)
        click.echo(report(place).read_text())


@commands.command()
@options
@click.option("--trials", type=click.IntRange(min=1), help="By default those of the budget.")
@click.option("--early", is_flag=True, help="Stop bad trials early (ASHA).")
def search(folder, budget, rows, models, images, device, workers, quiet, trials, early):
    """Look for hyperparameters by Ray Tune and Optuna, before `compare` of the same FOLDER.

    With `--budget gpu` there are 27 searches of 20 trials of up to 200 epochs.
    """
    from examples.memory.search import search as searched

    found, place = chosen(budget, rows, models, images), Path(folder, budget)
    with in_words():
        for row in found.rows:
            for model in found.models:
                path = searched(found, row, model, place, device, workers, trials, early)
                if not quiet:
                    click.echo(path)


@commands.command("report")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
def report_command(folder):
    """Table and picture of what `compare` left in FOLDER: table.csv, runs.csv, curves.png."""
    from examples.memory.report import report

    with in_words():
        click.echo(report(folder).read_text())


@commands.command()
@click.argument("picture", type=click.Path(dir_okay=False))
@click.option("--pause", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option("--units", type=click.IntRange(min=2), default=250, show_default=True)
@click.option("--model", "models", multiple=True, type=click.Choice(list(CELLS)))
def gradients(picture, pause, units, models):
    """How far back gradients reach before training; written as a PICTURE."""
    from examples.memory import gradients as of

    found = {model: of.norms(model, pause, units) for model in models or CELLS}
    of.picture(found, picture)
    click.echo(f"gradient with respect to the first symbol beside that {pause} steps later")
    for model, norms in found.items():
        click.echo(f"{model:18} {of.reach(norms, pause):.1e}")


if __name__ == "__main__":
    commands()
