"""python examples/head_direction: Fig. 6, an animation, the predictions, and ring attractors."""

import contextlib
import sys
import time
from pathlib import Path

import click
import matplotlib

matplotlib.use("agg")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for `python examples/head_direction`

import numpy as np

from examples.head_direction import (
    animation,
    comparison,
    figure6,
    oscillators,
    pictures,
    predictions,
    readout,
)
from examples.head_direction.turning import recorded, walk


@contextlib.contextmanager
def in_words():
    """What is wrong with the input in one line, and an interruption without a trace."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        raise click.exceptions.Exit(130) from None


def writable(context, option, value):
    """A path that can be written, known before anything is computed."""
    place = Path(value)
    if not place.parent.is_dir():
        raise click.BadParameter(f"there is no folder {place.parent}")
    if place.suffix.lower() not in (*PICTURES, ".gif", ".mp4"):
        raise click.BadParameter(f"must end in one of {', '.join(PICTURES)}, .gif or .mp4")
    return value


PICTURES = ".png", ".pdf", ".svg", ".jpg"
PICTURE = {"type": click.Path(dir_okay=False, writable=True), "callback": writable}
HEADING = click.option(
    "--heading",
    type=click.Path(exists=True, dir_okay=False),
    help="A recording: CSV of time (s) and angle (degrees). By default a synthetic walk.",
)
SECONDS = click.option(
    "--seconds", type=click.FloatRange(min=1), default=6.0, show_default=True, help="Of the walk."
)
SEED = click.option("--seed", type=click.IntRange(min=0), default=3, show_default=True)
FOLDER = click.argument("folder", type=click.Path(file_okay=False), default=".")


def turning_of(heading, seconds, seed):
    if heading is None:
        return walk(seconds, seed)
    turning = recorded(heading)
    way = turning.sides(turning.duration).sum()
    click.echo(
        f"{heading}: {len(turning.knots[0])} samples in {turning.duration:.4g} s, from "
        f"{turning.start % 360:.1f} degrees on {way:.4g} degrees of way"
    )
    if way < 7:
        click.echo("hardly a turn: angles must be in degrees", err=True)
    return turning


@click.group()
def commands():
    """Head direction by relative phase: Section 2.11 of Park, Sagodi and Sokol (2023)."""


@commands.command()
@click.argument("picture", default="figure6.png", **PICTURE)
@HEADING
@SECONDS
@SEED
def figure(picture, heading, seconds, seed):
    """Fig. 6 B to E, written as PICTURE."""
    with in_words():
        errors = figure6.draw(picture, turning_of(heading, seconds, seed))
    width = 360 * readout.half_width(readout.Readout().tuning())
    click.echo(f"half width of the bump {width:.1f} degrees")
    click.echo(f"bump beside heading, root mean square {predictions.rms(errors):.2f} degrees")


@commands.command()
@click.argument("picture", default="turning.gif", **PICTURE)
@HEADING
@SECONDS
@SEED
@click.option("--slower", type=click.FloatRange(min=0.1), default=1.0, show_default=True)
def animate(picture, heading, seconds, seed, slower):
    """An animal that turns, written as PICTURE (.gif, or .mp4 where there is ffmpeg)."""
    with in_words():
        frames = animation.animate(picture, turning_of(heading, seconds, seed), slower=slower)
    click.echo(f"{picture}: {frames} frames")


@commands.command()
def exponents():
    """Lyapunov exponents of the oscillators: at rest, with changed weights, and coupled pairs."""
    with in_words():
        click.echo(oscillators.spectrum(k=6))
        rng = np.random.default_rng(0)
        for percent in (1, 3, 10):
            noise = 1 + percent / 100 * rng.standard_normal((20, 4, 4))
            found = oscillators.spectrum(oscillators.coupled() * noise)
            largest = np.abs(found.exponents[:, :2]).max()
            third = found.exponents[:, 2].max()
            click.echo(
                f"weights changed by {percent:2d} %: {(found.n_zero == 2).sum()} of 20 have two "
                f"zeros, |first two| <= {largest:.1e}, third <= {third:.3f}"
            )
        found = oscillators.spectrum(oscillators.coupled(across=0.05))
        click.echo(f"pairs coupled by 0.05: {found.n_zero} zero, {found.exponents[:3].round(4)}")


@commands.command()
def integrate():
    """Ten turns at up to 500 degrees/s: levels 2 and 3 beside level 1."""
    with in_words():
        click.echo("degrees/s   oscillators, largest on the way       spikes, largest on the way")
        for velocity in (50, 150, 300, 500, -500):
            found = predictions.integration(velocity=velocity)
            cells = [f"{end:10.3f} {largest:12.3f}" for end, largest in found.values()]
            click.echo(f"{velocity:9d}   {'      '.join(cells)}")
        measured, predicted = predictions.random_spikes()
        click.echo(
            f"velocity cells that fire at random, 1 degree a spike: rms error {measured:.1f} "
            f"degrees, predicted {predicted:.1f}"
        )


@commands.command()
@click.argument("picture", default="predictions.png", **PICTURE)
def predict(picture):
    """M1 to M5, as numbers and as a PICTURE."""
    with in_words():
        found = pictures.draw_predictions(picture)
    for name in ("M1", "M3", "M3 strong", "M3 spike"):
        one = found[name]
        click.echo(f"{name}: measured and predicted (degrees)")
        for row in zip(one.x, one.measured, one.predicted, strict=True):
            click.echo("  {:8.3f} {:9.3f} {:9.3f}".format(*row))
    reset, spread = found["M2"]
    click.echo("M2: after a reset of so many periods, from the old heading (chance 90), and spread")
    for row in zip(reset.x, reset.measured, spread, strict=True):
        click.echo("  {:8.2f} {:9.2f} {:9.3f}".format(*row))
    locking, after = found["M4"]
    click.echo("M4: locking at so many degrees/s, measured, predicted, afterwards")
    for row in zip(locking.x, locking.measured, locking.predicted, after, strict=True):
        click.echo("  {:8.0f} {:9.4f} {:9.4f} {:9.4f}".format(*row))
    lost = found["M5"]
    click.echo(f"M5: error of the memory {lost.memory:.1e}, whatever is read out")
    click.echo("eighths removed; best match, its bound, population vector; rings")
    for i, row in enumerate(zip(lost.removed, lost.matched, lost.bound, lost.vector, strict=True)):
        ring = " ".join(f"{errors[i]:8.1f}" for errors in lost.ring.values())
        click.echo("  {:4d} {:8.2f} {:8.2f} {:8.2f}  ".format(*row) + ring)


@commands.command()
@click.argument("picture", default="rings.png", **PICTURE)
def compare(picture):
    """Beside ring attractors, under noise in state and weights; numbers and a PICTURE."""
    with in_words():
        diffusions, drifts, wells = pictures.draw_comparison(picture)
    click.echo("noise in the state: degrees^2 a time constant, measured and predicted")
    for one in diffusions:
        measured, error = one.measured
        click.echo(f"  {one.name:30} {measured:9.4f} +- {error:.4f} {one.slope:9.4f}")
    click.echo("cosine rings by units: predicted, and degrees that a bump moves without any noise")
    with in_words():
        for units, slope, moved in comparison.by_units():
            click.echo(f"  {units:3d} {slope:9.4f} {moved:9.1e}")
    click.echo("changed circuits: first speed, degrees a time constant, measured and predicted")
    for one in drifts:
        click.echo(
            f"  {one.name:30} {one.speed:9.2e} {one.first:9.2e}, after all {one.rms[-1]:.3g}"
        )
    for name, (predicted, found, counts) in wells.items():
        click.echo(f"wells of the {name}: {found.round(1)}, predicted {predicted}")
        click.echo(f"  of {len(counts)} draws with 1, 2, ... wells: {np.bincount(counts)[1:]}")


@commands.command("all")
@FOLDER
@HEADING
@click.pass_context
def everything(context, folder, heading):
    """Everything above, pictures into FOLDER."""
    place, begun = Path(folder), time.perf_counter()
    with in_words():
        place.mkdir(parents=True, exist_ok=True)
    given = {"heading": heading, "seconds": 6.0, "seed": 3}
    context.invoke(figure, picture=str(place / "figure6.png"), **given)
    context.invoke(animate, picture=str(place / "turning.gif"), slower=1.0, **given)
    context.invoke(exponents)
    context.invoke(integrate)
    context.invoke(predict, picture=str(place / "predictions.png"))
    context.invoke(compare, picture=str(place / "rings.png"))
    click.echo(f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    commands()
