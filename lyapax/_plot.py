"""Pictures of a spectrum; matplotlib is imported when one is asked for."""

from typing import TYPE_CHECKING

import numpy as np

from . import _check
from ._distribution import hint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._result import LyapunovSpectrum


def plot(result: "LyapunovSpectrum", ax: "Axes | None" = None, kind: str | None = None) -> "Axes":
    """Draw on `ax`, or on a new one, and return it."""
    try:
        import matplotlib.pyplot as plt
        from matplotlib.axes import Axes
    except ImportError as error:
        raise ImportError(f"plots need matplotlib: {hint('plot')}") from error
    if kind is None:
        kind = "plane" if len(result.shape) in (1, 2) else "exponents"
    draw = {"exponents": _exponents, "history": _history, "plane": _plane}
    _check.choice(kind, "kind", tuple(draw))
    if kind == "plane" and len(result.shape) not in (1, 2):
        raise ValueError(
            f"kind must not be plane but for a batch of 1 or 2 axes, got shape {result.shape}"
        )
    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(f"ax must be one Axes of matplotlib, got {_check.quoted(ax)}")
    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    draw[kind](result, ax)
    return ax


def _unit(result: "LyapunovSpectrum") -> str:
    return "per unit time" if result.is_flow else "per step"


def _exponents(result: "LyapunovSpectrum", ax: "Axes") -> None:
    index = np.arange(1, result.k + 1)
    ax.axhline(0.0, color="0.7", lw=1)
    for exponents, stderr in zip(
        result.exponents.reshape(-1, result.k), result.stderr.reshape(-1, result.k), strict=True
    ):
        shown = np.isfinite(exponents)
        error = np.where(np.isfinite(stderr), 2 * stderr, 0.0)
        ax.errorbar(index[shown], exponents[shown], error[shown], fmt="o", ms=3, capsize=2)
    ax.set_xlabel("index")
    ax.set_ylabel(f"Lyapunov exponent ({_unit(result)}), 2 standard errors")


def _history(result: "LyapunovSpectrum", ax: "Axes") -> None:
    times, running = result.history
    ax.axhline(0.0, color="0.7", lw=1)
    ax.plot(times, running.reshape(len(times), -1), lw=1)
    ax.set_xscale("log")
    ax.set_xlabel("measured time" if result.is_flow else "measured steps")
    ax.set_ylabel(f"running exponents ({_unit(result)})")


def _plane(result: "LyapunovSpectrum", ax: "Axes") -> None:
    """All exponents over one batch axis, or the leading one over two."""
    from matplotlib.colors import TwoSlopeNorm

    names, values = zip(*result.axes, strict=True)
    ax.set_xlabel(names[-1])
    if len(result.shape) == 1:
        ax.axhline(0.0, color="0.7", lw=1)
        ax.plot(values[0], result.exponents, lw=1)
        ax.set_ylabel(f"Lyapunov exponents ({_unit(result)})")
        return
    leading = np.ma.masked_invalid(result.exponents[..., 0])
    # Zero is white, and each sign has its own scale, since chaos would vanish beside strong
    # damping; within a factor of ten of each other, so that errors of a zero stay pale.
    finite = leading.compressed()
    low, high = finite.min(initial=-1e-12), finite.max(initial=1e-12)
    low, high = min(low, -high / 10), max(high, -low / 10)
    image = ax.pcolormesh(
        values[1],
        values[0],
        leading,
        shading="nearest",
        cmap="RdBu_r",
        norm=TwoSlopeNorm(0.0, low, high),
    )
    ax.set_ylabel(names[0])
    ax.figure.colorbar(image, ax=ax, label=f"leading exponent ({_unit(result)})")
