"""What a number of a result is worth."""

from enum import IntEnum


class Status(IntEnum):
    """Of one exponent."""

    OK = 0
    DIVERGED = 1  # the state or its tangents left the floating-point numbers: NaN
    RANK_LOST = 2  # the direction dies within a step: -inf
    UNRESOLVED = 3  # rounding may reach it: see `LyapunovSpectrum.growth`
    UNMEASURED = 4  # interrupted before the measurement began: NaN
