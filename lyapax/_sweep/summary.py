"""What a plane holds, in some lines of text and as a picture."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray

LEADING = 4  # exponents that are drawn over one axis


def summary(plane: "xarray.Dataset") -> str:
    """The system, the axes, how many points are of which class, and what failed."""
    names = plane.attractor.attrs["flag_meanings"].split()
    codes, counts = np.unique(plane.attractor.values, return_counts=True)
    lines = [f"{plane.attrs['system']}: {plane.attractor.size} points"]
    for name in plane.attractor.dims:
        values = plane[name].values if name in plane.coords else np.arange(plane.sizes[name])
        lines.append(f"{name}: {len(values)} values from {values[0]:g} to {values[-1]:g}")
    for code, number in sorted(zip(codes, counts, strict=True), key=lambda pair: -pair[1]):
        name = "not measured" if code < 0 else names[code].replace("_", " ")
        lines.append(f"{number:9d}  {name}")
    measured = int(plane.measured.values.sum())
    if "refine" in plane.attrs:
        lines.append(f"{measured:9d}  of them measured, the others interpolated")
    for chunk, reason in plane.attrs.get("failed", {}).items():
        lines.append(f"chunk {chunk} failed: {reason}")
    return "\n".join(lines)


def draw(plane: "xarray.Dataset") -> Any:
    """A figure of the first exponent and the classes over two axes, or of exponents over one."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    from matplotlib.colors import BoundaryNorm

    first, *others = axes_of(plane)
    if not others:
        figure, ax = plt.subplots(layout="constrained")
        for j in range(min(LEADING, plane.sizes["exponent"])):
            value = plane.exponents.values[:, j]
            ax.errorbar(plane[first].values, value, plane.stderr.values[:, j], fmt=".-", ms=3, lw=1)
        ax.axhline(0.0, color="0.7", lw=0.8, zorder=0)
        ax.set(xlabel=first, ylabel="exponents")
        return figure
    x, y = plane[others[0]].values, plane[first].values
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    value = plane.exponents.values[..., 0]
    sizes = np.abs(value[np.isfinite(value)])
    limit = (float(np.quantile(sizes, 0.98)) if sizes.size else 0.0) or 1.0
    image = left.pcolormesh(x, y, value, cmap="RdBu_r", vmin=-limit, vmax=limit, rasterized=True)
    figure.colorbar(image, ax=left, label="first exponent")
    codes, inverse = np.unique(plane.attractor.values, return_inverse=True)
    names = plane.attractor.attrs["flag_meanings"].split()
    colors = plt.get_cmap("tab20", max(2, len(codes)))
    norm = BoundaryNorm(np.arange(len(codes) + 1) - 0.5, colors.N) if len(codes) > 1 else None
    image = right.pcolormesh(
        x, y, inverse.reshape(value.shape), cmap=colors, norm=norm, rasterized=True
    )
    bar = figure.colorbar(image, ax=right, ticks=range(len(codes)))
    bar.ax.set_yticklabels(
        ["not measured" if c < 0 else names[c].replace("_", " ") for c in codes], fontsize=8
    )
    for ax in (left, right):
        ax.set(xlabel=others[0], ylabel=first)
    return figure


def axes_of(plane: "xarray.Dataset") -> list[str]:
    """The one or two axes of a plane that can be drawn."""
    dims = [str(name) for name in plane.attractor.dims]
    if dims == ["point"] or not 1 <= len(dims) <= 2:
        raise ValueError(f"a picture needs one or two axes, got {', '.join(dims)}")
    return dims
