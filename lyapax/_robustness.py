"""What noise in the weights or in the state does to a spectrum."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _check
from ._check import Array, Seed
from ._orbit import starting_states
from ._result import LyapunovSpectrum
from ._spectrum import lyapunov_spectrum


def perturb(
    system: Any,
    kind: str = "D",
    *,
    scale: float,
    draws: int = 1,
    zeros: bool = False,
    rng: Seed | None = None,
) -> tuple[Any, Array | None]:
    r"""A batch of systems with noise in their weights (D-type), or of starts (S-type).

    Park, Sagodi and Sokol (2023), section 2.6: continuous attractors need fine tuning, so noise in
    the parameters of the dynamics (D) destroys their zero exponents, where noise in the state (S)
    does not; one limit cycle keeps its zero under both. Of m oscillators side by side each keeps
    one under S; under D only as long as the noise is small (with ``zeros``: new connections) or
    frequencies differ enough: coupled ones lock, and share a zero, or become chaotic.

    Parameters
    ----------
    system : RateNetwork, RNN, GRU or LSTM
        A single one; weights must be dense.
    kind : {"D", "S"}
        D: each recurrent weight :math:`w` that is not zero becomes
        :math:`w + s\,\sigma\,\xi` with :math:`\xi` standard normal and :math:`\sigma` the root mean
        square of the nonzero weights. S: initial states :math:`x_0 + s\,\xi`.
    scale : float
        s above; 0 changes nothing.
    draws : int
    zeros : bool
        Noise also in weights that are zero: new connections.
    rng : int or numpy.random.Generator, optional

    Returns
    -------
    system, initial
        A batch of `draws` systems, and None; or the same system, and states (draws, n).

    Raises
    ------
    ValueError, TypeError
        Bad input, naming the argument.

    Examples
    --------
    >>> import lyapax as lx
    >>> line = lx.RateNetwork([[0.0, 1.0], [1.0, 0.0]], phi="relu", form="rate", bias=0.1)
    >>> noisy, _ = lx.perturb(line, scale=0.01, draws=5, rng=0)
    >>> noisy.W.shape
    (5, 2, 2)
    """
    _check.choice(kind, "kind", ("D", "S"))
    scale = _check.positive(scale, "scale", zero=True)
    draws, zeros = _check.count(draws, "draws"), _check.flag(zeros, "zeros")
    generator = _check.generator(rng, "rng")
    _expect_one(system, kind, draws)
    if kind == "S":
        start = system.start((), generator)
        return system, start + scale * generator.standard_normal((draws, system.dim))

    def noisy(weights: Array) -> Array:
        there = weights != 0
        size = np.sqrt(np.mean(weights[there] ** 2)) if there.any() else 0.0
        noise = generator.standard_normal((draws, *weights.shape))
        return np.asarray(weights + scale * size * noise * (there | zeros))

    if _is_rate_network(system):
        return system.with_params(W=noisy(system.W)), None
    return system.with_params(weight_hh=[noisy(w) for w in system.weight_hh]), None


def _expect_one(system: Any, kind: str, draws: int, scales: int = 1) -> None:
    """A single network, and memory for so many of it."""
    if not (_is_rate_network(system) or _is_recurrent(system)):
        raise TypeError(
            f"system must be a RateNetwork, RNN, GRU or LSTM, got {_check.kind_of(system)}"
        )
    if system.batch_shape:
        raise ValueError(f"system must be a single one, got a batch of {system.batch_shape}")
    if kind == "S":
        each = 2 * system.dim
    elif _is_rate_network(system) and system.is_sparse:
        raise ValueError("system must have dense weights: a batch of sparse ones is not possible")
    else:
        weights = [system.W] if _is_rate_network(system) else system.weight_hh
        each = 3 * sum(w.size for w in weights)  # drawn, stacked and in the system
    _check.room(8 * draws * scales * each, f"{draws} draws of {scales} scales", "give fewer draws")


def robustness(
    system: Any,
    scales: ArrayLike,
    kind: str = "D",
    *,
    draws: int = 8,
    zeros: bool = False,
    along: bool = False,
    rng: Seed | None = None,
    **options: Any,
) -> LyapunovSpectrum:
    """Spectra against the scale of noise: a batch of shape (scales, draws).

    Parameters
    ----------
    system : RateNetwork, RNN, GRU or LSTM
    scales : array (S,)
        As in `perturb`.
    kind : {"D", "S"}
        Noise in the weights, or in the state.
    along : bool
        Of noise in the state: whether it is white noise along the run (Stratonovich, as the `noise`
        of a `RateNetwork`, times sqrt(time)), a draw being a path, and not a perturbation of the
        start.
    draws : int
        Networks, or starts, at each scale; ``result.pooled()`` is the mean over them.
    zeros : bool
        As in `perturb`.
    rng : int or numpy.random.Generator, optional
    **options
        Of `lyapunov_spectrum`; for S-type noise ``initial`` (n,) is the state that noise is added
        to, by default a random one, the same at all scales.

    Returns
    -------
    LyapunovSpectrum
        With axes ``scale`` and ``draw``.

    Raises
    ------
    ValueError, TypeError
        Bad input, naming the argument.

    Examples
    --------
    >>> import numpy as np, lyapax as lx
    >>> turn = 1.5 * np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    >>> cycle = lx.RateNetwork(turn, form="rate")
    >>> spec = lx.robustness(cycle, [0.0, 0.05], draws=4, rng=0, duration=300, dt=0.1,
    ...                      progress=False)
    >>> bool((spec.n_zero == 1).all())  # a limit cycle keeps its zero
    True
    """
    if "members" in options:
        raise ValueError("members must be left out: draws are the members")
    _check.options(options, lyapunov_spectrum, "rng", "members")
    sizes = _check.real_array(scales, "scales", ndim_min=1)
    if sizes.ndim != 1:
        raise ValueError(f"scales must have shape (S,), got {sizes.shape}")
    if (sizes < 0).any():
        raise ValueError(f"scales must be >= 0, got {sizes.min()}")
    generator = _check.generator(rng, "rng")
    _check.choice(kind, "kind", ("D", "S"))
    _expect_one(system, kind, _check.count(draws, "draws"), len(sizes))
    if _check.flag(along, "along"):
        if kind != "S" or not _is_rate_network(system):
            raise ValueError("along must be False but for noise in the state of a RateNetwork")
        # A column of scales against a row of draws, each with numbers of its own.
        amplitudes = np.broadcast_to(sizes[:, None, None], (len(sizes), draws, system.dim))
        noisy = system.with_params(noise=amplitudes)
        spec = lyapunov_spectrum(noisy, rng=generator, **options)
    elif kind == "S":
        # All scales share the state that noise is added to: between scales nothing else differs.
        start = options.pop("initial", None)
        start, _ = starting_states(system, start, None, generator)
        if len(start) != 1:
            raise ValueError(f"initial must have shape ({system.dim},), got {len(start)} states")
        noise = generator.standard_normal((len(sizes), draws, system.dim))
        starts = start + sizes[:, None, None] * noise
        spec = lyapunov_spectrum(system, initial=starts, rng=generator, **options)
    else:
        found = [perturb(system, scale=s, draws=draws, zeros=zeros, rng=generator) for s in sizes]
        batch = _stacked([noisy for noisy, _ in found])
        spec = lyapunov_spectrum(batch, rng=generator, **options)
    return spec._labelled([("scale", sizes), ("draw", np.arange(draws))])


def _stacked(systems: list[Any]) -> Any:
    """One system whose weights have one more axis in front."""
    first = systems[0]
    if _is_rate_network(first):
        return first.with_params(W=np.stack([s.W for s in systems]))
    layers = zip(*(s.weight_hh for s in systems), strict=True)
    return first.with_params(weight_hh=[np.stack(layer) for layer in layers])


# Systems load at their first use, since SymPy takes half a second.


def _is_rate_network(system: object) -> bool:
    from .systems.rate import RateNetwork

    return isinstance(system, RateNetwork)


def _is_recurrent(system: object) -> bool:
    from .systems.recurrent import Recurrent

    return isinstance(system, Recurrent)
