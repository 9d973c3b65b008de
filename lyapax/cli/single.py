"""Commands that measure one system, or one batch of them in memory."""

import json
import math
import os
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from click.core import ParameterSource

from .. import __version__
from .._interrupted import Interrupted
from .._result import LyapunovSpectrum
from .._spectrum import lyapunov_spectrum
from .._weights.scaling import scale_of
from ..systems import RateNetwork
from ..systems.base import System
from .options import (
    complain,
    expect_matplotlib,
    function_options,
    known_options,
    param_option,
    save_figure,
    single_run_options,
)
from .targets import (
    built,
    function_of,
    is_function,
    known_system,
    network_of,
    read_params,
    right_hand_side,
)

STEPS, TIME = 5000.0, 500.0  # of a map, and of a flow whose units are not known


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
    import matplotlib

    matplotlib.use("agg")
    save_figure(result.plot().figure, path)


def measure(system: System, duration: float, run: dict[str, Any]) -> LyapunovSpectrum:
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


# Options that say what a network of the weights is.
OF_WEIGHTS = (
    "tau", "phi", "form", "delay", "noise", "transpose", "gain", "normalise", "bias",
)  # fmt: skip


def options_given(names: tuple[str, ...]) -> list[str]:
    """Those of the options that stand on the command line."""
    source = click.get_current_context().get_parameter_source
    return [f"--{name}" for name in names if source(name) == ParameterSource.COMMANDLINE]


@click.command()
@click.argument("weights", metavar="WEIGHTS|FILE.py:FUNCTION")
@click.option("--tau", type=float, default=1.0, show_default=True)
@click.option("--phi", default="tanh", show_default=True)
@click.option("--form", default="current", show_default=True, help="current or rate.")
@click.option("--delay", type=float, help="Of all connections; needs -k.")
@click.option("--noise", type=float, help="Amplitude of white noise in each unit; needs --dt.")
@function_options
@param_option
@click.option("--labels/--no-labels", default=None, help="Of a table: names of the units.")
@click.option("--transpose", is_flag=True, help="Column i has the inputs of unit i, not row i.")
@click.option("--gain", type=float, default=1.0, show_default=True, help="Times all weights.")
@click.option("--normalise", metavar="radius:R", help="Scale to this spectral radius.")
@click.option("--bias", type=float, help="Of all units.")
@single_run_options
def spectrum(
    weights: str,
    tau: float,
    phi: str,
    form: str,
    delay: float | None,
    noise: float | None,
    is_map: bool,
    dim: int | None,
    param: tuple[str, ...],
    labels: bool | None,
    transpose: bool,
    gain: float,
    normalise: str | None,
    bias: float | None,
    plot: str | None,
    out: str | None,
    as_json: bool,
    **run: Any,
) -> None:
    """Spectrum of the rate network with a weight matrix from a file, or of one's own system.

    WEIGHTS is .npy, .npz, .mat, .h5, .mtx, a table (.csv, .tsv, .txt, .xlsx), a graph (.graphml,
    .gml, .edgelist), or .pt or .safetensors with a matrix or a recurrent module; one of several
    matrices is FILE:NAME. FILE.py:FUNCTION names a function that returns a system, or with --dim a
    right-hand side, which gets the state and the parameters.
    """
    asked = options_given(OF_WEIGHTS)
    if is_function(weights):
        if asked:
            raise ValueError(f"{', '.join(asked)} must be left out: for a file with weights")
        params = read_params(param)
        function = function_of(weights)
        if dim is None:
            found = built(function, params)
        else:
            found = right_hand_side(function, dim, is_map, params)
        report(measure(found, TIME if found.is_flow else STEPS, run), plot, out, as_json)
        return
    if param or dim is not None:
        raise ValueError("--param and --dim are for FILE.py:FUNCTION")
    options: dict[str, Any] = {"tau": tau, "phi": phi, "form": form, "delay": delay, "noise": noise}
    options |= {"kind": "map" if is_map else "flow", "bias": bias}
    scale = scale_of(gain, normalise)
    network = network_of(weights, labels, transpose, scale, options, asked, run["quiet"])
    length = TIME * tau if network.is_flow else STEPS
    report(measure(network, length, run), plot, out, as_json)


@click.command()
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
    params = read_params(param)
    sweep = [key for key, value in params.items() if np.ndim(value)]
    for axis, key in enumerate(sweep):
        params[key] = params[key].reshape(-1, *[1] * (len(sweep) - 1 - axis))
    if run["dt"] is None:
        run["dt"] = known.dt
    if run["k"] is None and weights is None:
        run["k"] = known.k
    # As many values as there are nodes are members of a batch, too.
    shapes = {} if weights is None else {"shapes": dict.fromkeys(sweep, ())}
    report(measure(build(**shapes, **params), known.duration, run), plot, out, as_json)


@click.command()
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


@click.command()
@click.option(
    "--compile", "ahead", is_flag=True, help="Compile kernels now, on all cores: for images."
)
def info(ahead: bool) -> None:
    """CPU, threads, BLAS, GPU and cache."""
    if ahead:
        compile_ahead()
    import platform

    import numba
    from threadpoolctl import threadpool_info

    from .._device import described
    from ..kernels.cpu.returning import returns
    from ..kernels.generated import folder

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
        "kernels": returns.stats.cache_path,  # Numba's own, of what is not generated
        "cache": folder(),
    }
    for name, value in rows.items():
        click.echo(f"{name:8} {value}")


def compile_ahead() -> None:
    """A bar on a terminal; then a line with the time that it took, since images are timed."""
    from .._compiling import RUNS, compiled
    from .._progress import plain_bar
    from ..kernels.cpu.team.interruptible import cores

    start = time.monotonic()
    with plain_bar(len(RUNS), "kind", progress=True) as shown:
        for name in compiled(min(cores(), len(RUNS))):
            shown.set_postfix_str(name)
            shown.update()
    click.echo(f"compiled in {time.monotonic() - start:.0f} s")
