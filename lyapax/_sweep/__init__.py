"""Planes of parameters: many spectra, labelled, in chunks, kept in a store."""

from .ray_executor import RayExecutor as RayExecutor
from .sweep import sweep as sweep
