"""The points of a sweep: an outer product of axes, or scattered ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._check import Array, Integers, quoted, real_array
from .variables import VARIABLES

STARTS = "initial"  # an axis of states
# Names of variables and dimensions of the results.
TAKEN = {
    *(v.name for v in VARIABLES),
    *("committed", "chunk", "exponent", "variable", "initial_state", "point", "numbers"),
}
LABELS = ("member", "seed")  # axes of points that differ by their start alone


@dataclass(frozen=True)
class Axes:
    """names and values of coordinates; of scattered points all have one length."""

    names: tuple[str, ...]
    values: tuple[Array, ...]  # (m,) each; of `initial` (m, dim)
    scattered: bool
    numbers: Array | None = None  # of points that are some of a larger plane's, theirs in it

    def some(self, points: Integers) -> "Axes":
        """These points of a plane as scattered ones, which keep their numbers."""
        at = self.at(points)
        return Axes(self.names, tuple(at[name] for name in self.names), True, np.asarray(points))

    def number(self, point: int) -> int:
        """What decides, with the seed, about a point's random start."""
        return int(point if self.numbers is None else self.numbers[point])

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the grid of points, or (points,)."""
        sizes = tuple(len(values) for values in self.values)
        return sizes[:1] if self.scattered else sizes

    @property
    def dims(self) -> tuple[str, ...]:
        return ("point",) if self.scattered else self.names

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))

    def coordinates(self) -> dict[str, tuple[tuple[str, ...], Array]]:
        """Dimensions and values of the coordinates of a labelled array."""
        found: dict[str, tuple[tuple[str, ...], Array]] = {}
        for name, values in zip(self.names, self.values, strict=True):
            dims = self.dims if self.scattered else (name,)
            if name == STARTS:  # states have no order: they are numbered
                found["initial_state"] = (*dims, "variable"), values
                values = np.arange(float(len(values)))
                if self.scattered:
                    continue
            found[name] = dims, values
        return found

    def at(self, points: ArrayLike) -> dict[str, Array]:
        """The values of each coordinate at points, which are numbers in C order."""
        points = np.asarray(points)
        if self.scattered:
            places = [points] * len(self.names)
        else:
            places = list(np.unravel_index(points, self.shape))
        return {
            name: values[place]
            for name, values, place in zip(self.names, self.values, places, strict=True)
        }


def checked(axes: Any, dim: int | None) -> Axes:
    """axes as people give them: a mapping of arrays, or an xarray.Dataset of scattered points."""
    scattered = hasattr(axes, "data_vars")
    if scattered:
        axes = {name: axes[name].values for name in axes.data_vars}
    if not isinstance(axes, Mapping) or not axes:
        raise TypeError(
            f"axes must be a mapping of names to values, such as dict(rho=[24, 28]), got "
            f"{quoted(axes)}"
        )
    names, values = [], []
    for name, given in axes.items():
        if not isinstance(name, str):
            raise TypeError(f"axes must have names for keys, got {quoted(name)}")
        if name in TAKEN:
            raise ValueError(
                f"axes[{name!r}] must have another name, which is that of a result; a function "
                "of the system's parameters can rename it"
            )
        array = real_array(given, f"axes[{name!r}]", ndim_min=1)
        wanted = 2 if name == STARTS else 1
        if array.ndim != wanted:
            what = "(states, dim)" if name == STARTS else "(m,)"
            raise ValueError(f"axes[{name!r}] must have shape {what}, got {array.shape}")
        if not len(array):
            raise ValueError(f"axes[{name!r}] must not be empty")
        if name == STARTS and dim is not None and array.shape[1] != dim:
            raise ValueError(f"axes[{name!r}] must have shape (states, {dim}), got {array.shape}")
        if not scattered and wanted == 1 and len(np.unique(array)) < len(array):
            raise ValueError(f"axes[{name!r}] must not have a value twice")
        names.append(name)
        values.append(array)
    if scattered and len({len(v) for v in values}) > 1:
        raise ValueError("axes must have one length where points are scattered")
    return Axes(tuple(names), tuple(values), scattered)
