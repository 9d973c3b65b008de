"""Options that commands share, and what they say on stderr."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .._distribution import hint
from .._files import write_whole

PICTURES = (".png", ".pdf", ".svg")
FILE = click.Path(dir_okay=False)


def writable(_context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Refuse before the run what could not be written after it."""
    if value is None:
        return None
    path = Path(value)
    if not os.access(path.parent, os.W_OK):
        raise click.BadParameter(f"folder {str(path.parent)!r} cannot be written to")
    if option.name == "plot" and path.suffix not in PICTURES:
        raise click.BadParameter(f"{path.name!r} must end in one of {', '.join(PICTURES)}")
    if option.name == "plot":
        expect_matplotlib()
    return value


def time_step(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> float | str | None:
    if value is None or value == "auto":
        return value
    try:
        return float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither a number nor auto") from None


def expect_matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise click.UsageError(f"pictures need matplotlib: {hint('plot')}")


def save_figure(figure: Any, path: Path) -> None:
    """A picture, whole or not at all."""
    import io

    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=150, format=path.suffix[1:])
    write_whole(path, buffer.getvalue())


def options(*some: Callable[..., Any]) -> Callable[..., Any]:
    """Several options as one decorator; help shows them in this order."""

    def with_them(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(some):
            command = option(command)
        return command

    return with_them


param_option = click.option("--param", multiple=True, help="rho=28, or rho=0:200:512 for a sweep.")
function_options = options(
    click.option("--dim", type=int, help="Variables of a right-hand side FILE.py:function."),
    click.option("--map", "is_map", is_flag=True, help="It gives the next state, not a rate."),
)
run_options = options(
    click.option("--duration", type=float, help="Measured time, or steps of a map."),
    click.option("--dt", callback=time_step, show_default="auto", help="Time step of a flow."),
    click.option("--transient", type=float, help="Time before anything is measured."),
    click.option("-k", type=int, help="How many leading exponents."),
    click.option("--device", help="cpu, cuda or cuda:N.", show_default="cpu"),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True),
    click.option("--quiet", is_flag=True, help="No progress bar."),
)
single_run_options = options(
    run_options,
    click.option(
        "--tol",
        type=float,
        help="Run until every standard error is below, at most --duration if that is given.",
    ),
    click.option(
        "--ensemble",
        is_flag=True,
        help="Many members in place of one long run, until --tol: one attractor only.",
    ),
    click.option("--dtype", default="float64", show_default=True, help="Of the tangents."),
    click.option("--plot", type=FILE, callback=writable, help="Write a picture here."),
    click.option("--out", type=FILE, callback=writable, help="Write the result (.npz)."),
    click.option("--json", "as_json", is_flag=True, help="Print machine-readable JSON."),
)
known_options = options(
    click.argument("name"),
    param_option,
    click.option(
        "--weights",
        type=click.Path(exists=True, dir_okay=False),
        help="A matrix that connects nodes: NAME is that of a known network then.",
    ),
)


def complain(message: object) -> None:
    """One line on stderr."""
    click.echo(f"lyapax: {' '.join(str(message).split())}", err=True)
