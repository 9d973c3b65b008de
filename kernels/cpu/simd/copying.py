"""Copies as loops: ``a[:] = b`` drags in the text of its shape error, 1.3 s to compile each."""

from ...jit import inlined, kernel
from .vectors import load, outlined, store


@inlined
def copy_vector(source, target):
    for i in range(source.size):
        target[i] = source[i]


@inlined
def copy_matrix(source, target):
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@kernel
def copy_strip(size, lanes, source, target):
    """Of `size` elements, from address to address, register by register."""
    outlined()
    for o in range(0, size, lanes):
        store(target, o, load(source, o))
