"""How far a learning signal travels."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _check
from ._check import Array
from ._result import Count, LyapunovSpectrum
from ._spectrum import lyapunov_spectrum
from .systems.base import System

LOW, HIGH = 1.1754944e-38, 3.4028235e38  # normal numbers of float32


@dataclass(frozen=True)
class GradientHorizon:
    """What `gradient_horizon` returns.

    Attributes
    ----------
    time : array (..., k)
        When a signal of norm 1 in each direction leaves the range, going by its exponent; infinite
        where the exponent is exactly zero.
    earliest, latest : array (..., k)
        The same two standard errors away; `latest` is infinite where these include zero.
    exploding, vanishing, persistent, undetermined : int or array (...)
        How many directions grow, decay, do neither, or cannot be told.

    Examples
    --------
    >>> import lyapax as lx
    >>> net = lx.RateNetwork([[0.0]], kind="map", tau=2.0)    # halves at each step
    >>> print(lx.gradient_horizon(net, duration=64, rng=0, progress=False).vanishing)
    1
    """

    time: Array
    earliest: Array
    latest: Array
    exploding: Count
    vanishing: Count
    persistent: Count
    undetermined: Count


def gradient_horizon(
    result_or_system: LyapunovSpectrum | System,
    *,
    low: float = LOW,
    high: float = HIGH,
    **options: Any,
) -> GradientHorizon:
    r"""Times at which signals leave [low, high]: :math:`\ln(h)/\lambda` or :math:`\ln(l)/\lambda`.

    A signal that is carried back along an orbit grows and shrinks as one that is carried forwards,
    by :math:`e^{\lambda_j t}` in the direction of each exponent (see `adjoint`).

    Parameters
    ----------
    result_or_system : LyapunovSpectrum or a system
        A system is measured first.
    low, high : float
        Useful range of a signal that starts with norm 1; default the normal numbers of float32.
    **options
        Of `lyapunov_spectrum`, for a system.

    Returns
    -------
    GradientHorizon

    Raises
    ------
    ValueError, TypeError
        Bad input, naming the argument.

    References
    ----------
    Park, Sagodi and Sokol (2023), section 2.2.

    Examples
    --------
    >>> import lyapax as lx
    >>> net = lx.RateNetwork([[0.0, 0.0], [0.0, 0.0]], tau=[1.0, 0.1])
    >>> horizon = lx.gradient_horizon(net, duration=20, dt=0.01, rng=0, progress=False)
    >>> print(horizon.time.round(1), horizon.vanishing)
    [87.3  8.7] 2
    """
    low, high = _check.positive(low, "low"), _check.positive(high, "high")
    if not low < 1.0 < high:
        raise ValueError(f"low and high must lie on either side of 1, got {low:g} and {high:g}")
    spec = result_or_system
    if not isinstance(spec, LyapunovSpectrum):
        _check.options(options, lyapunov_spectrum)
        spec = lyapunov_spectrum(_check.system(spec, "result_or_system"), **options)
    elif options:
        raise TypeError(f"options {', '.join(options)} are for a system, a result is measured")
    value, error = spec.exponents, 2 * spec.stderr

    def leaves(exponent: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(exponent > 0, math.log(high), -math.log(low))
            return np.asarray(reach / np.abs(exponent))

    with np.errstate(invalid="ignore"):
        ends = [np.where(np.isinf(value), value, value + sign * error) for sign in (-1, 1)]
        both = [leaves(end) for end in ends]
        latest = np.where(np.sign(ends[0]) == np.sign(ends[1]), np.maximum(*both), np.inf)
    counts = [(spec.sign == sign).sum(axis=-1) for sign in (1, -1, 0, 2)]
    return GradientHorizon(leaves(value), np.minimum(*both), latest, *counts)
