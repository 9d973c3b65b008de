"""Level 1: two phases that are turned by velocity, Eqs. 22 to 26, without any error.

Phases are in periods (the paper's divided by tau), between 0 and 1; headings in degrees.
"""

import numpy as np

PERIOD = 0.01  # s: tau


def phases(turning, t, period=PERIOD):
    r"""Phases (2, times) at times t (s): t / tau + the integral of +-V_+- / (2 pi), mod 1."""
    begin = np.array([turning.start, 0.0]).reshape(2, *np.ones(np.ndim(t), int))
    return (np.asarray(t) / period + (begin + turning.sides(t)) / 360) % 1


def heading(pair):
    """The heading that two phases (2, ...) hold, Eq. 26: degrees between 0 and 360."""
    return 360 * ((pair[0] - pair[1]) % 1)


def apart(a, b):
    """By how many degrees `a` is ahead of `b`, between -180 and 180."""
    return (np.asarray(a) - b + 180) % 360 - 180
