"""Small networks as traced functions: straight-line code, one for each kind of hardware."""

import numpy as np

from .._check import Array, flat_batch
from ..kernels.hoist import Hoisted, hoisted
from .noise import amplitudes, with_noise
from .past import Past
from .trace import trace
from .traced import Function


def straight_line(
    f: Function,
    dim: int,
    arrays: dict[str, tuple[Array, int]],
    batch_shape: tuple[int, ...],
    shape: tuple[int, ...],
    past: Past | None = None,
) -> tuple[Hoisted, Array]:
    """The function and parameters of f(x, p), or of f(x, p, past).

    arrays: parameters (..., core axes) and how many of their axes f sees.
    """
    shapes = {name: a.shape[a.ndim - core :] for name, (a, core) in arrays.items()}
    graph = trace(f, dim, shapes, timed=False, past=past)
    if "noise" in arrays:
        graph = with_noise(graph, amplitudes(None, dim, shapes))
    function = hoisted(graph)
    table = np.concatenate(
        [
            np.broadcast_to(a, (*batch_shape, *shapes[name])).reshape(*batch_shape, -1)
            for name, (a, _) in arrays.items()
        ],
        axis=-1,
    )
    return function, function.table_of(flat_batch(table, shape, 1))
