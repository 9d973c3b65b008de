"""Planes of parameters: many spectra, labelled, in chunks, kept in a store."""

from .sweep import sweep as sweep
