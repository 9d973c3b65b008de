"""Traced functions: members as SIMD lanes, or one member with its tangent columns."""
