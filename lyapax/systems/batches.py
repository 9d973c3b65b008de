"""Batch axes of parameters."""

from collections.abc import Mapping

from .._check import Array


def named_axes(
    batch_shape: tuple[int, ...], leads: Mapping[str, tuple[int, ...]], params: Mapping[str, Array]
) -> dict[int, tuple[str, Array]]:
    """Name and values of the batch axes along which one parameter varies, keyed from -1."""
    named = {}
    for axis in range(-len(batch_shape), 0):
        varying = [name for name, lead in leads.items() if len(lead) >= -axis and lead[axis] > 1]
        if len(varying) == 1:
            values = params[varying[0]]
            if values.size == batch_shape[axis]:
                named[axis] = varying[0], values.ravel()
    return named
