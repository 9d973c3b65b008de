"""pta_report: what became of the oscillators."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check
from .._check import Array
from .._spectrum import lyapunov_spectrum
from ..systems import RNN
from .leading import leading
from .read import kind_of, recurrent_parts, recurrent_weights


@dataclass(frozen=True)
class LayerReport:
    """Exponents of one recurrent matrix by itself: no input, no biases."""

    name: str
    units: int
    zeros: int  #: exponents that are zero
    undetermined: int  #: that the run cannot tell from zero
    exponents: Array  #: all of them, per step
    stderr: Array


@dataclass(frozen=True)
class DrivenReport:
    """A whole module, driven: means over the sequences."""

    name: str
    exponents: Array  #: leading ones, per step
    stderr: Array


@dataclass(frozen=True)
class PTAReport:
    """The report of `pta_report`, which prints as a table."""

    layers: list[LayerReport]
    driven: list[DrivenReport]

    def __str__(self) -> str:
        lines = ["layer, by itself          units  zeros  largest exponent"]
        for layer in self.layers:
            more = f" (and {layer.undetermined} undetermined)" if layer.undetermined else ""
            lines.append(
                f"{layer.name:25s} {layer.units:5d}  {layer.zeros:5d}  "
                f"{layer.exponents[0]:.2g} +- {layer.stderr[0]:.1g}{more}"
            )
        for part in self.driven:
            pairs = zip(part.exponents[:4], part.stderr, strict=False)
            leading = ", ".join(f"{value:.4f} +- {error:.1g}" for value, error in pairs)
            lines.append(f"{part.name}, driven by the inputs: {leading}, ...")
        return "\n".join(lines)


def pta_report(
    module: Any, inputs: Any = None, *, k: int = 16, steps: int = 4000, progress: bool = False
) -> PTAReport:
    """How many zero exponents each recurrent layer has, and what input makes of them.

    After `pta_init_` a layer of n units has n/2, of the layer by itself: without input, biases and
    the layers below, which would entrain it. Training moves them; driven by data they are small
    negative numbers.

    Parameters
    ----------
    module : torch.nn.Module
        Every `nn.RNN`, `nn.GRU`, `nn.LSTM` and cell in it is looked at, each layer and direction;
        of a subclass with a forward of its own nothing is known. What `torch.compile`, DataParallel
        or DistributedDataParallel wrapped is taken out.
    inputs : tensor, optional
        Sequences as the module takes them; it must then have a single recurrent part, and these are
        what that part sees.
    k : int
        How many exponents of the driven module.
    steps : int
        Measured steps of each layer; zeros are told from others down to 2 / steps.
    progress : bool

    Returns
    -------
    PTAReport

    Raises
    ------
    TypeError, ValueError
        If there is no recurrent layer, or inputs for several.

    Examples
    --------
    >>> import torch
    >>> from lyapax.torch import pta_init_, pta_report
    >>> report = pta_report(pta_init_(torch.nn.RNN(4, 32)))
    >>> report.layers[0].zeros
    16
    """
    steps, k = _check.count(steps, "steps", low=8), _check.count(k, "k")
    parts = recurrent_parts(module, inputs)
    layers = [
        _alone(f"{name}.{weight}".lstrip("."), part, matrix, steps, progress)
        for name, part in parts.items()
        for weight, matrix in recurrent_weights(part).items()
    ]
    driven = []
    if inputs is not None:
        ((name, part),) = parts.items()
        driven = [
            DrivenReport(
                " ".join([name or type(part).__name__, own.direction]).rstrip(),
                own.exponents,
                own.stderr,
            )
            for own in leading(part, inputs, k, progress=progress)
        ]
    return PTAReport(layers, driven)


def _alone(name: str, part: Any, matrix: Array, steps: int, progress: bool) -> LayerReport:
    kind: Any = kind_of(part)
    options = {"nonlinearity": part.nonlinearity} if kind is RNN else {}
    system = kind(matrix, **options)
    spec = lyapunov_spectrum(
        system, duration=steps, transient=steps / 2, alignment=steps / 4, rng=0, progress=progress
    )
    sign = spec.sign
    return LayerReport(
        name,
        part.hidden_size,
        int((sign == 0).sum()),
        int((sign == 2).sum()),
        np.asarray(spec.exponents),
        np.asarray(spec.stderr),
    )
