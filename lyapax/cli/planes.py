"""Commands for planes of spectra: measure one in a store, and look at it."""

from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from .._files import write_whole
from .._interrupted import Interrupted
from ..systems import KnownSystem, RateNetwork
from .options import (
    FILE,
    complain,
    function_options,
    known_options,
    options,
    run_options,
    save_figure,
    writable,
)
from .targets import (
    function_of,
    is_function,
    known_system,
    matrix_of,
    names_a_file,
    read_params,
    right_hand_side,
)

store_options = options(
    click.option("--store", type=click.Path(file_okay=False), help="A Zarr folder."),
    click.option("--chunk", type=int, help="Points that are committed together."),
    click.option(
        "--refine", help="boundaries, or a tolerance on exponents: measure only what is needed."
    ),
    click.option(
        "--ray",
        is_flag=False,
        flag_value="",
        metavar="[ADDRESS]",
        help="Measure on Ray: on this machine, or on the cluster at an address.",
    ),
    click.option("--explain", is_flag=True, help="Say what it would take, and measure nothing."),
)


@click.command()
@known_options
@function_options
@store_options
@run_options
def sweep(
    name: str,
    param: tuple[str, ...],
    weights: str | None,
    dim: int | None,
    is_map: bool,
    store: str | None,
    chunk: int | None,
    refine: str | None,
    ray: str | None,
    explain: bool,
    seed: int,
    quiet: bool,
    **run: Any,
) -> None:
    """A plane of spectra in a store; after Ctrl-C or a kill the same command goes on.

    NAME is a known system, a known network with --weights, a file with a weight matrix, or
    FILE.py:FUNCTION: a function of the parameters that returns a system, or with --dim a
    right-hand side, which gets the state and the parameters.
    """
    from .._sweep import RayExecutor
    from .._sweep import sweep as swept
    from .._sweep.explain import estimate
    from .._sweep.summary import summary
    from .._sweep.sweep import planned_sweep

    if store is None and not explain:
        raise click.UsageError("--store is needed: a folder for the plane")
    params = read_params(param)
    axes = {key: value for key, value in params.items() if np.ndim(value)}
    if not axes:
        raise ValueError("--param must give an axis at least, such as rho=0:200:512")
    fixed = {key: value for key, value in params.items() if key not in axes}
    given, asked = _target(name, weights, dim, is_map, fixed, axes)
    asked |= {key: value for key, value in run.items() if value is not None}
    if explain:
        click.echo(str(estimate(planned_sweep(given, axes, chunk, seed, asked, {}))))
        if refine is not None:
            click.echo("refine  that is the whole plane; how much less it takes depends on it")
        return
    executor = None if ray is None else RayExecutor(ray or None)
    try:
        plane = swept(
            given,
            axes,
            store=store,
            executor=executor,
            chunk=chunk,
            refine=_refine(refine),
            rng=seed,
            progress=not quiet,
            **asked,
        )
    except Interrupted as stop:
        where = "" if stop.result is None else f" are in {store}; the same command goes on"
        complain(f"interrupted: {stop.args[0]}{where}")
        raise click.Abort from None
    finally:
        if executor is not None:
            executor.shutdown()
    click.echo(summary(plane))


@click.command()
@click.argument("store", type=click.Path(file_okay=False))
@click.option("--plot", type=FILE, callback=writable, help="Write a picture here.")
@click.option("--html", type=FILE, callback=writable, help="Write a page to click through here.")
def show(store: str, plot: str | None, html: str | None) -> None:
    """What the store of a sweep holds: classes and their numbers of points, a picture, a page."""
    from .._sweep.page import page
    from .._sweep.store import read, settings_of
    from .._sweep.summary import draw, summary

    path = Path(store)
    if not settings_of(path):
        raise ValueError(f"store {path} is not there")
    plane = read(path)
    click.echo(summary(plane))
    if plot:
        save_figure(draw(plane), Path(plot))
    if html:
        write_whole(Path(html), page(plane).encode())


def _target(
    name: str,
    weights: str | None,
    dim: int | None,
    is_map: bool,
    fixed: dict[str, float],
    axes: dict[str, Any],
) -> tuple[Any, dict[str, Any]]:
    """The system or the function that is swept, and options that it brings."""
    if weights is not None and (is_function(name) or names_a_file(name)):
        raise ValueError("--weights is for NAME of a known network")
    if is_function(name):
        function = function_of(name)
        if dim is None:
            return (partial(function, **fixed) if fixed else function), {}
        first = {key: float(values[0]) for key, values in axes.items()}
        return right_hand_side(function, dim, is_map, {**first, **fixed}), {}
    if dim is not None or is_map:
        raise ValueError("--dim and --map are for FILE.py:FUNCTION")
    if names_a_file(name):
        values: dict[str, Any] = dict(fixed)
        return RateNetwork(matrix_of(name), **values), {}
    known, build = known_system(name, weights)
    brought = {"duration": known.duration, "dt": known.dt}
    if isinstance(known, KnownSystem) and known.k is not None:
        brought["k"] = known.k
    return build(**fixed), brought


def _refine(text: str | None) -> str | float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
