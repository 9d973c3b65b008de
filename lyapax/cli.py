"""The command line: spectra of weight files and of known systems."""

import importlib.util
import json
import math
import os
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from . import __version__
from ._distribution import hint
from ._files import write_whole
from ._interrupted import Interrupted
from ._result import LyapunovSpectrum
from ._spectrum import lyapunov_spectrum
from ._weight_files import read_weights
from .systems import RateNetwork, library, networks

PICTURES = (".png", ".pdf", ".svg")
FILE = click.Path(dir_okay=False)


def writable(_context: Any, option: click.Parameter, value: str | None) -> str | None:
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


def time_step(_context: Any, _option: click.Parameter, value: str | None) -> Any:
    if value is None or value == "auto":
        return value
    try:
        return float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither a number nor auto") from None


def expect_matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise click.UsageError(f"pictures need matplotlib: {hint('plot')}")


def options(*some: Callable[..., Any]) -> Callable[..., Any]:
    """Several options as one decorator; help shows them in this order."""

    def with_them(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(some):
            command = option(command)
        return command

    return with_them


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
    click.option("--param", multiple=True, help="rho=28, or rho=0:200:512 for a sweep."),
    click.option(
        "--weights",
        type=click.Path(exists=True, dir_okay=False),
        help="A matrix that connects nodes: NAME is that of a known network then.",
    ),
)


def report(result: LyapunovSpectrum, plot: str | None, out: str | None, as_json: bool) -> None:
    if not result.duration:
        raise click.Abort
    click.echo(
        json.dumps(without_nan(result.summary()), allow_nan=False) if as_json else repr(result)
    )
    if out:
        result.save(out)
    if plot:
        save_picture(result, Path(plot))


def without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinities: null, and the status says why."""
    if isinstance(value, dict):
        return {key: without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def save_picture(result: LyapunovSpectrum, path: Path) -> None:
    import io

    import matplotlib

    matplotlib.use("agg")
    buffer = io.BytesIO()
    result.plot().figure.savefig(buffer, dpi=150, format=path.suffix[1:])
    write_whole(path, buffer.getvalue())


def measure(system: Any, duration: float, run: dict[str, Any]) -> LyapunovSpectrum:
    tol, asked = run["tol"], run["duration"]
    length = duration if asked is None and tol is None else asked
    try:
        return lyapunov_spectrum(
            system,
            duration=length if tol is None else None,
            dt=run["dt"],
            transient=run["transient"],
            k=run["k"],
            tol=tol,
            max_duration=None if tol is None else length,
            ensemble=run["ensemble"],
            dtype=run["dtype"],
            rng=run["seed"],
            progress=not run["quiet"],
            device=run["device"],
        )
    except Interrupted as stop:
        complain(f"interrupted: {stop.args[0]}")
        result: LyapunovSpectrum | None = stop.result
        if result is None or not result.duration:
            raise click.Abort from None
        return result


@click.group()
@click.version_option(__version__)
def commands() -> None:
    """Lyapunov spectra of networks, with an error bar on every exponent."""


@commands.command()
@click.argument("weights", type=click.Path(exists=True, dir_okay=False))
@click.option("--tau", type=float, default=1.0, show_default=True)
@click.option("--phi", default="tanh", show_default=True)
@click.option("--form", default="current", show_default=True, help="current or rate.")
@click.option("--map", "is_map", is_flag=True, help="The discrete-time network.")
@click.option(
    "--labels/--no-labels", default=None, help="Of a .csv: a first row and column of names."
)
@single_run_options
def spectrum(
    weights: str,
    tau: float,
    phi: str,
    form: str,
    is_map: bool,
    labels: bool | None,
    plot: str | None,
    out: str | None,
    as_json: bool,
    **run: Any,
) -> None:
    """Spectrum of the rate network with a weight matrix from a file.

    WEIGHTS is .npy, .npz (one array, or scipy.sparse), .csv or .mtx.
    """
    kind = "map" if is_map else "flow"
    matrix, note = read_weights(Path(weights), labels)
    if note:
        complain(note)
    network = RateNetwork(matrix, tau=tau, phi=phi, form=form, kind=kind)
    report(measure(network, 5000.0 if is_map else 500 * tau, run), plot, out, as_json)


@commands.command()
@known_options
@single_run_options
def system(
    name: str,
    param: tuple[str, ...],
    weights: str | None,
    plot: str | None,
    out: str | None,
    as_json: bool,
    **run: Any,
) -> None:
    """Spectrum of a known system, or of a network of known nodes, over parameters if asked."""
    known, build = known_system(name, weights)
    params = dict(read_param(text) for text in param)
    sweep = [key for key, value in params.items() if np.ndim(value)]
    for axis, key in enumerate(sweep):
        params[key] = params[key].reshape(-1, *[1] * (len(sweep) - 1 - axis))
    if run["dt"] is None:
        run["dt"] = known.dt
    # As many values as there are nodes are members of a batch, too.
    shapes = {} if weights is None else {"shapes": dict.fromkeys(sweep, ())}
    report(measure(build(**shapes, **params), known.duration, run), plot, out, as_json)


@commands.command()
@known_options
@click.option("--store", type=click.Path(file_okay=False), required=True, help="A Zarr folder.")
@click.option("--chunk", type=int, help="Points that are committed together.")
@run_options
def sweep(
    name: str,
    param: tuple[str, ...],
    weights: str | None,
    store: str,
    chunk: int | None,
    seed: int,
    quiet: bool,
    **run: Any,
) -> None:
    """A plane of spectra in a store; after Ctrl-C or a kill the same command goes on."""
    from ._sweep import sweep as swept

    known, build = known_system(name, weights)
    params = dict(read_param(text) for text in param)
    axes = {key: value for key, value in params.items() if np.ndim(value)}
    if not axes:
        raise ValueError("--param must give an axis at least, such as rho=0:200:512")
    given = build(**{key: value for key, value in params.items() if key not in axes})
    asked = {"duration": known.duration, "dt": known.dt}
    asked |= {key: value for key, value in run.items() if value is not None}
    try:
        plane = swept(given, axes, store=store, chunk=chunk, rng=seed, progress=not quiet, **asked)
    except Interrupted as stop:
        complain(f"interrupted: {stop.args[0]} are in {store}; the same command goes on")
        raise click.Abort from None
    names = plane.attractor.attrs["flag_meanings"].split()
    codes, counts = np.unique(plane.attractor.values, return_counts=True)
    click.echo(f"{plane.attrs['system']}: {plane.attractor.size} points in {store}")
    for code, number in sorted(zip(codes, counts, strict=True), key=lambda pair: -pair[1]):
        click.echo(f"{number:9d}  {names[code].replace('_', ' ')}")


def known_system(name: str, weights: str | None) -> tuple[Any, Callable[..., Any]]:
    """A known system, or network with a matrix from a file; and what builds it of parameters."""
    names = library if weights is None else networks
    if name not in names:
        hint = ""
        if weights is None and name in networks:
            hint = "; a network needs --weights"
        raise ValueError(f"NAME must be one of {', '.join(names)}, got {name!r}{hint}")
    known: Any = names[name]
    if weights is None:
        return known, known.system
    matrix, note = read_weights(Path(weights), None)
    if note:
        complain(note)
    return known, partial(known.system, matrix)


def read_param(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    try:
        parts = [float(part) for part in value.split(":")]
        if equals and len(parts) == 1:
            return name, parts[0]
        if equals and len(parts) == 3 and parts[2] == round(parts[2]):
            return name, np.linspace(parts[0], parts[1], round(parts[2]))
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"--param must be name=value or name=first:last:count, got {text!r}")


@commands.command()
@click.option("--n", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--quiet", is_flag=True)
def demo(n: int, seed: int, quiet: bool) -> None:
    """A chaotic random network: table, picture lyapax-demo.png."""
    expect_matplotlib()
    rng = np.random.default_rng(seed)
    network = RateNetwork(rng.standard_normal((n, n)) * 3.0 / np.sqrt(n))
    result = lyapunov_spectrum(
        network, duration=500.0, dt=0.1, transient=50.0, k=min(n, 40), rng=seed, progress=not quiet
    )
    click.echo(repr(result))
    save_picture(result, Path("lyapax-demo.png"))
    click.echo("picture       lyapax-demo.png")


@commands.command()
def info() -> None:
    """CPU, threads, BLAS, GPU and cache."""
    import platform

    import numba
    from threadpoolctl import threadpool_info

    from ._device import described
    from .kernels.generated import folder

    blas = [
        f"{p['internal_api']} {p['version']}"
        for p in threadpool_info()
        if "blas" in str(p["user_api"])
    ]
    rows = {
        "lyapax": __version__,
        "python": platform.python_version(),
        "numba": numba.__version__,
        "cpu": f"{os.cpu_count()} cores, {platform.machine()}",
        "threads": numba.get_num_threads(),
        "blas": ", ".join(dict.fromkeys(blas)) or "unknown",
        "gpu": described(),
        "cache": folder(),
    }
    for name, value in rows.items():
        click.echo(f"{name:8} {value}")


def main() -> None:
    """Errors and warnings are one line on stderr; exit codes as in the documents."""
    warnings.showwarning = lambda message, *_: complain(message)
    try:
        commands(standalone_mode=False)
    except click.ClickException as error:
        complain(error.format_message())
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except (ValueError, TypeError, OSError, ImportError, OverflowError, MemoryError) as error:
        complain(error)
        sys.exit(2)
    except RuntimeError as error:
        complain(error)
        sys.exit(1)


def complain(message: Any) -> None:
    click.echo(f"lyapax: {' '.join(str(message).split())}", err=True)
