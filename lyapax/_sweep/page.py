"""A plane as one static page, which needs no network: Plotly lies in it."""

import base64
import json
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from .._check import Array
from .._distribution import hint
from .axes import LABELS, STARTS
from .points import key
from .summary import axes_of

if TYPE_CHECKING:
    import xarray

RUN = ("duration", "dt", "transient", "alignment", "qr_every", "k", "dtype")


def page(plane: "xarray.Dataset") -> str:
    """HTML with the plane as an image, and the spectrum of the point that is clicked."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ImportError(f"a page needs plotly: {hint('sweep')}") from error
    dims = axes_of(plane)
    if len(dims) != 2:
        raise ValueError(f"a page needs two axes, got {', '.join(dims)}")
    codes, classes = np.unique(plane.attractor.values, return_inverse=True)
    names = plane.attractor.attrs["flag_meanings"].split()
    exponents = plane.exponents.values
    views = {f"exponent {j + 1}": exponents[..., j] for j in range(exponents.shape[-1])}
    views["class"] = classes.reshape(exponents.shape[:2])
    for name in ("n_positive", "n_zero", "kaplan_yorke", "entropy"):
        views[name] = plane[name].values
    data = {
        "title": str(plane.attrs["system"]),
        "axes": [{"name": name, "values": plane[name].values.tolist()} for name in dims],
        "views": {name: _packed(array) for name, array in views.items()},
        "exponents": _packed(exponents),
        "stderr": _packed(plane.stderr.values),
        "k": exponents.shape[-1],
        "classes": ["not measured" if c < 0 else names[c].replace("_", " ") for c in codes],
        "measured": _packed(plane.measured.values),
        "line": _line(plane, dims),
    }
    # A closing tag in a name would end the script.
    text = json.dumps(data, allow_nan=False).replace("</", "<\\/")
    template = (files(__package__) / "page.html").read_text("utf-8")
    return template.replace("/*plotly*/", get_plotlyjs()).replace("/*data*/", text)


def _packed(array: Array) -> str:
    """float32 in base64: a tenth of the digits' size; the file keeps float64."""
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()


def _line(plane: "xarray.Dataset", dims: list[str]) -> str:
    """Python that runs one point again; {0}, {1} are its coordinates and {number} its number."""
    named = [(i, name) for i, name in enumerate(dims) if name not in (STARTS, *LABELS)]
    params = ", ".join(f"{name}={{{i}}}" for i, name in named)
    of_function = plane.attrs.get("of_function", 0)
    system = f"function({params})" if of_function else f"system.with_params({params})"
    options = {n: plane.attrs[n] for n in RUN if n in plane.attrs}
    seed = int(plane.attrs["seed"])
    start = (
        f"initial={system}.start((), np.random.Generator(np.random.Philox("
        f"key=np.array([{key(seed)}, {{number}}], np.uint64))))"
    )
    if STARTS in dims:
        start = f"initial=plane.initial_state[{{{dims.index(STARTS)}}}]"
    rest = ", ".join(f"{name}={value!r}" for name, value in options.items())
    return f"lx.lyapunov_spectrum({system}, {start}, rng={seed}, {rest})"
