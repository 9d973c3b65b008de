"""What a number of a result is worth."""

from enum import IntEnum


class Status(IntEnum):
    """What is wrong with an exponent, if anything.

    Attributes
    ----------
    OK
        Nothing.
    DIVERGED
        The state or its tangents left the floating-point numbers; the exponent is NaN.
    RANK_LOST
        The direction dies within a step; the exponent is -inf.
    UNRESOLVED
        Rounding may reach the exponent: see `LyapunovSpectrum.cancellation`.
    UNMEASURED
        The run was interrupted before the measurement began; the exponent is NaN.

    Examples
    --------
    >>> import lyapax as lx
    >>> dead = lx.Map(lambda x, p: [0.5 * x[0], 0.0 * x[1]], 2)
    >>> spec = lx.lyapunov_spectrum(dead, duration=64, rng=0, progress=False)
    >>> [lx.Status(s).name for s in spec.status]
    ['OK', 'RANK_LOST']
    """

    OK = 0
    DIVERGED = 1
    RANK_LOST = 2
    UNRESOLVED = 3
    UNMEASURED = 4
