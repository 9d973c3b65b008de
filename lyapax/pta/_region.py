"""The region of size and angle in which two-unit blocks oscillate: its borders and its samples."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import bisect

from .. import _check
from .._check import Array, Booleans, Seed
from ._blocks import UNIT, numbers, together

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOUR_CYCLE = -1.0 + 2.0j  # B of the GRU's cycle of four steps: i h = h/2 + tanh(u)/2
# Borders are folds of points that a step multiplies by one of these; alpha counts in UNIT.
TURNS: dict[tuple[str, str], dict[str, complex]] = {
    ("tanh", "discrete"): {"saddle-node": 1.0, "cycle of four": 1.0j, "cycle of two": -1.0},
    ("gru", "discrete"): {"saddle-node": 1.0, "cycle of four": FOUR_CYCLE, "cycle of two": -3.0},
    ("tanh", "continuous"): {"saddle-node": 1.0},
    ("gru", "continuous"): {"saddle-node": 1.0},
}
LIMIT = 100.0  # of alpha, for the curve; a saturated unit knows no difference

TRIES = 1000  # of a block to be drawn, until none is thought to oscillate
LARGEST = 10_000_000  # of a number of blocks or points, far beyond any use


@cache
def _curve() -> tuple[CubicSpline, float, float]:
    """LL/(alpha - 1) over log(alpha - 1), and the ends of that axis."""

    def condition(small: float, large: float) -> float:
        u = np.array([small, large])
        x, d = np.tanh(u), np.cosh(u) ** -2
        return float(1 - (u @ x) / (x @ x) * d.sum() + (u @ u) / (x @ x) * d.prod())

    # From 1e-2 on: the condition is of fourth order in u, and below is lost in rounding.
    large = np.geomspace(1e-2, 75.0, 600)
    small = np.array([bisect(condition, 1e-9, 0.8 * u, args=(u,), xtol=1e-14) for u in large])
    stretch = (small + 1j * large) / (np.tanh(small) + 1j * np.tanh(large))
    excess = np.log(np.abs(stretch) - 1)
    return CubicSpline(excess, np.angle(stretch) / np.exp(excess)), excess[0], excess[-1]


def saddle_node(alpha: ArrayLike) -> Array:
    r"""The angle :math:`LL(\alpha)` up to which a block rests at a fixed point.

    Zero up to alpha = 1, :math:`\pi/4` for large alpha; within 1e-7 rad up to alpha = 100, beyond
    which its value at 100 is returned.

    Parameters
    ----------
    alpha : array_like

    Returns
    -------
    ndarray
        Angles in radian, of the shape of alpha.

    Raises
    ------
    ValueError, TypeError
        Where alpha is not an array of finite numbers.

    Examples
    --------
    >>> from lyapax.pta import saddle_node
    >>> round(float(saddle_node(2.0)), 5)
    0.25246
    """
    return _reach(numbers(alpha, "alpha"))


def _reach(alpha: Array) -> Array:
    spline, low, high = _curve()
    excess = np.minimum(alpha, LIMIT) - 1
    at = np.log(np.maximum(excess, 1e-300))
    return np.asarray(np.where(excess > 0, spline(np.clip(at, low, high)) * excess, 0.0))


def gru_offset(theta: ArrayLike) -> Array:
    r"""Alpha at which the origin of a GRU block, a map with r = z = 1/2, loses stability.

    A Neimark-Sacker bifurcation, at
    :math:`-2\cos\theta + \sqrt{4\cos^2\theta + 12}`: 2 at 0, 6 at :math:`\pi`.

    Parameters
    ----------
    theta : array_like
        Angles in radian.

    Returns
    -------
    ndarray
        Of the shape of theta.

    Raises
    ------
    ValueError, TypeError
        Where theta is not an array of finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from lyapax.pta import gru_offset
    >>> gru_offset([0.0, np.pi]).tolist()
    [2.0, 6.0]
    """
    cosine = np.cos(numbers(theta, "theta"))
    return np.asarray(-2 * cosine + np.sqrt(4 * cosine**2 + 12))


@dataclass(frozen=True)
class Region:
    r"""Blocks that oscillate: a set of :math:`(\alpha, \theta)`, symmetric in the sign of theta.

    Parameters
    ----------
    cell : {"tanh", "gru"}
        :math:`\tanh(\alpha R x)`, or a GRU's candidate with :math:`r = z = 1/2`.
    time : {"discrete", "continuous"}
        The map, or the flow :math:`-x + \tanh(\alpha R x)`; the GRU's flow is
        :math:`(\tanh(\alpha R h/2) - h)/2`.
    alpha : (low, high), optional
        Range of alpha.
    offset : (low, high), optional
        Range of alpha - `gru_offset` (theta), for the GRU's map.

    Without either, the range that the paper samples: alpha of 1.001 to 10, offset of 0.01 to 4,
    twice 1.001 to 10 for the GRU's flow. `region` gives the ranges that train best.

    Raises
    ------
    ValueError, TypeError
        Where a range is none, or both are given.

    Examples
    --------
    >>> from lyapax.pta import Region
    >>> Region().contains(2.0, [0.1, 0.8]).tolist()   # below the saddle-node border, and above
    [False, True]
    """

    cell: str = "tanh"
    time: str = "discrete"
    alpha: tuple[float, float] | None = None
    offset: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        _check.choice(self.cell, "cell", ("tanh", "gru"))
        _check.choice(self.time, "time", ("discrete", "continuous"))
        if self.offset is not None and (self.cell, self.time) != ("gru", "discrete"):
            raise ValueError("offset is for the GRU in discrete time, use alpha")
        if self.offset is not None and self.alpha is not None:
            raise ValueError("give alpha or offset, not both")
        for name in ("alpha", "offset"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _interval(getattr(self, name), name))
        if self.alpha is None and self.offset is None:
            if (self.cell, self.time) == ("gru", "discrete"):
                object.__setattr__(self, "offset", (0.01, 4.0))
            else:
                unit = UNIT[self.cell]
                object.__setattr__(self, "alpha", (1.001 * unit, 10.0 * unit))

    def contains(self, alpha: ArrayLike, theta: ArrayLike) -> NDArray[np.bool_]:
        """Whether blocks lie in the region.

        Parameters
        ----------
        alpha, theta : array_like
            Sizes and angles (radian), broadcast together.

        Returns
        -------
        bool array
        """
        alpha, theta = together(alpha=alpha, theta=theta)
        angle = np.abs(_wrapped(theta))
        value, (low, high) = alpha, self.alpha or (0.0, 0.0)
        if self.offset is not None:
            value, (low, high) = alpha - gru_offset(angle), self.offset
        return np.asarray((value >= low) & (value <= high) & self._oscillates(alpha, angle))

    def _onset(self, angle: Array) -> Array:
        """Alpha at which the origin loses stability; infinite where it never does."""
        if self.time == "continuous":
            cosine = np.cos(angle)
            return np.where(cosine > 0, UNIT[self.cell] / np.maximum(cosine, 1e-300), np.inf)
        return gru_offset(angle) if self.cell == "gru" else np.ones_like(angle)

    def _folds(self, alpha: Array) -> Iterator[tuple[str, float, Array]]:
        """(name, angle, angle to either side) of the cycles that a block falls into."""
        for name, turn in TURNS[self.cell, self.time].items():
            stretch = UNIT[self.cell] * abs(turn)
            yield name, float(np.angle(turn)), _reach(alpha / stretch)

    def _oscillates(self, alpha: Array, angle: Array) -> Booleans:
        inside = alpha > self._onset(angle)
        for _, centre, reach in self._folds(alpha):
            inside = inside & (np.abs(angle - centre) > reach)
        return inside

    def sample(
        self,
        size: int,
        rng: Seed | None = None,
        *,
        alpha: ArrayLike | None = None,
        theta: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> tuple[Array, Array]:
        """`size` blocks, uniform in area, theta of either sign.

        Parameters
        ----------
        size : int
        rng : int or numpy.random.Generator, optional
        alpha, theta, offset : array_like, optional
            Fixed values, (size,) or one for all, in place of the region's ranges; what is not
            fixed is uniform over what still oscillates.

        Returns
        -------
        alpha, theta : ndarray, shape (size,)

        Examples
        --------
        >>> from lyapax.pta import Region
        >>> alpha, theta = Region("gru").sample(100, rng=0)
        >>> bool(Region("gru").contains(alpha, theta).all())
        True
        """
        size, random = _check.count(size, "size", low=0, high=LARGEST), _check.generator(rng, "rng")
        if alpha is not None and offset is not None:
            raise ValueError("give alpha or offset, not both")
        if offset is not None and (self.cell, self.time) != ("gru", "discrete"):
            raise ValueError("offset is for the GRU in discrete time, use alpha")
        fixed = fixed_values(size, alpha=alpha, theta=theta, offset=offset)
        low, high = self.alpha or self.offset or (0.0, 0.0)
        out = np.empty((2, size))
        missing = np.arange(size)
        for _ in range(TRIES if len(fixed) < 2 else 1):
            angle = random.uniform(0, np.pi, len(missing)) * random.choice((-1, 1), len(missing))
            level = random.uniform(low, high, len(missing))
            if "theta" in fixed:
                angle = fixed["theta"][missing]
            for name in ("alpha", "offset"):
                level = fixed[name][missing] if name in fixed else level
            # The shear by the offset leaves areas as they are.
            if "offset" in fixed or (self.offset is not None and "alpha" not in fixed):
                level = level + gru_offset(angle)
            inside = self._oscillates(level, np.abs(_wrapped(angle)))
            out[:, missing[inside]] = level[inside], angle[inside]
            missing = missing[~inside]
            if not len(missing):
                return out[0], out[1]
        given = " and ".join(fixed) or "alpha"
        raise ValueError(
            f"{given} must let blocks oscillate: none of alpha {level[0]:g} and theta "
            f"{angle[0]:g} does, what is given for block {missing[0]} lies outside of the region"
        )

    def borders(self, points: int = 400) -> list[tuple[str, Array, Array]]:
        """Curves that bound the region, for theta between 0 and pi.

        Parameters
        ----------
        points : int
            Of each curve.

        Returns
        -------
        list of (name, theta, alpha)
            The bifurcation, and arrays (points,) at most.
        """
        theta = np.linspace(0, np.pi, _check.count(points, "points", low=2, high=LARGEST))
        if self.alpha is not None:
            top = self.alpha[1]
        else:
            assert self.offset is not None
            top = float(gru_offset(np.pi)) + self.offset[1]
        onset = self._onset(theta)
        below = onset < top
        name = "Hopf" if self.time == "continuous" else "Neimark-Sacker"
        curves = [(name, theta[below], onset[below])]
        alpha = np.linspace(UNIT[self.cell], top, points)
        for name, centre, reach in self._folds(alpha):
            for side in (-1, 1):
                angle = centre + side * reach
                seen = (reach > 0) & (angle >= 0) & (angle <= np.pi)
                if seen.any():
                    curves.append((name, angle[seen], alpha[seen]))
        return curves

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the borders, theta across and alpha up.

        Parameters
        ----------
        ax : matplotlib axis, optional

        Returns
        -------
        The axis.
        """
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots()[1]
        if not (hasattr(ax, "plot") and hasattr(ax, "set_xlabel")):
            raise TypeError(f"ax must be a matplotlib axis, got {type(ax).__name__}")
        styles = {"saddle-node": "-", "Hopf": "--", "Neimark-Sacker": "--"}
        for name, theta, alpha in self.borders():
            ax.plot(theta, alpha, styles.get(name, ":"), color="k", lw=1, label=name)
        ax.set(xlabel="theta (radian)", ylabel="alpha", xlim=(0, np.pi))
        return ax


def region(name: str = "null", cell: str = "tanh", time: str = "discrete") -> Region:
    """The region that `pta_init_` draws from.

    Parameters
    ----------
    name : {"null", "paper"}
        ``"null"``: for the tanh map alpha of 1.05 to 1.5, where least blocks are locked and
        training is best. ``"paper"``: the ranges of the paper, in which a third of the tanh map's
        blocks are locked and have no zero exponent. All else is the same in both.
    cell, time : str
        As of `Region`.

    Returns
    -------
    Region

    Raises
    ------
    ValueError
        Where a name is not one of these.

    Examples
    --------
    >>> from lyapax.pta import region
    >>> region().alpha, region("paper").alpha
    ((1.05, 1.5), (1.001, 10.0))
    """
    _check.choice(name, "name of the region", ("null", "paper"))
    whole = Region(cell, time)
    if name == "null" and (cell, time) == ("tanh", "discrete"):
        return Region(cell, time, alpha=(1.05, 1.5))
    return whole


def _wrapped(theta: Array) -> Array:
    """Angles in [-pi, pi)."""
    return (theta + np.pi) % (2 * np.pi) - np.pi


def fixed_values(size: int, **values: ArrayLike | None) -> dict[str, Array]:
    """The given values, one number for each block."""
    found = {}
    for name, value in values.items():
        if value is None:
            continue
        array = numbers(value, name)
        if array.shape not in ((), (1,), (size,)):
            raise ValueError(
                f"{name} must be a number or {size} numbers, one for each block, got shape "
                f"{array.shape}"
            )
        found[name] = np.broadcast_to(array, size)
    return found


def _interval(value: ArrayLike, name: str) -> tuple[float, float]:
    ends = _check.real_array(value, name)
    if ends.shape != (2,) or not 0 < ends[0] < ends[1]:
        raise ValueError(
            f"{name} must be (low, high) with 0 < low < high, got {_check.quoted(value)}"
        )
    return float(ends[0]), float(ends[1])
