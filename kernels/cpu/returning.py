"""Whether orbits come back to where they were, from points along them."""

import numpy as np

from ..jit import kernel


@kernel
def returns(points, near, shrunk, found):
    """found (B,) of points (m, B, r).

    An orbit returns if some point is nearer to an earlier one than `near` times the furthest that
    the orbit was from that one in between, and if the extent of the second half of its points is
    more than `shrunk` times that of the first, in some coordinate.
    """
    m, members, r = points.shape
    own = np.empty((m, r))
    for b in range(members):
        for i in range(m):
            for c in range(r):
                own[i, c] = points[i, b, c]
        found[b] = comes_back(own, near * near) and not dies(own, shrunk)


@kernel
def comes_back(own, near):
    """`near` is a squared ratio."""
    m, r = own.shape
    for i in range(m - 2):
        furthest = 0.0
        for j in range(i + 1, m):
            distance = 0.0
            for c in range(r):
                apart = own[j, c] - own[i, c]
                distance += apart * apart
            if distance < near * furthest:
                return True
            if distance > furthest:
                furthest = distance
    return False


@kernel
def dies(own, shrunk):
    """Whether all coordinates shrink: the pulses of a relaxation oscillator are met by chance."""
    m, r = own.shape
    for c in range(r):
        extent = np.zeros(2)
        for part in range(2):
            low, high = np.inf, -np.inf
            for i in range(part * (m // 2), m if part else m // 2):
                low, high = min(low, own[i, c]), max(high, own[i, c])
            extent[part] = high - low
        if extent[1] > shrunk * extent[0]:
            return False
    return True


@kernel
def are_back(state, origin, turns, scale, reach, apart, least, furthest, back):
    """Whether any member (B, n) is where it was: `back` (B,) says which, and `furthest` is updated.

    A member is back if its distance from its origin, the largest of its coordinates', is at most
    reach * scale or `least`, and it has been further than apart * scale before; of an angle, whose
    turn is not 0, whole turns do not count.
    """
    members, n = state.shape
    found = False
    for b in range(members):
        distance = 0.0
        for c in range(n):
            d = state[b, c] - origin[b, c]
            if turns[c] > 0:
                d -= turns[c] * np.rint(d / turns[c])
            d = abs(d)
            if not d <= distance:
                distance = d
                if np.isnan(d):
                    break
        near = distance <= reach * scale[b] or distance <= least
        back[b] = near and furthest[b] > apart * scale[b]
        found = found or back[b]
        if not distance <= furthest[b]:
            furthest[b] = distance
    return found
