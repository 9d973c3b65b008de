"""Known systems, with references and expected exponents as data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._check import number, positive, room
from .function import Flow, Map, variables
from .trace import Parameters
from .traced import Function, Traceable


@dataclass(frozen=True)
class KnownSystem:
    """A system of the literature; ``known.system(rho=20)`` builds it.

    Attributes
    ----------
    name, reference : str
        The second says where it comes from.
    f : callable
        The right-hand side, or the map.
    dim : int
    params : dict
        Default values.
    initial : tuple of float
        Where runs start.
    exponents : tuple of (value, uncertainty)
        At the default parameters, of all exponents or the first of them; an uncertainty of 0 marks
        an exact value. Per unit time or step, natural logarithm.
    dt : float or None
        A step that is fine enough; None of a map.
    duration : float
        After which a run has two digits.
    attractor : str
        Its class at the default parameters.
    shapes, semilinear : dict
        Of array-valued parameters, and the linear part of a stiff flow.
    k : int or None
        How many exponents to ask for, of a flow with delays; None: all.

    Examples
    --------
    >>> import lyapax as lx
    >>> henon = lx.systems.library["henon"]
    >>> henon.exponents[0], henon.attractor
    ((0.4192, 0.0003), 'chaotic')
    >>> henon.system(a=1.2)
    Map(henon, dim=2)
    """

    name: str
    f: Function
    dim: int
    params: Mapping[str, float]
    reference: str
    initial: tuple[float, ...]
    exponents: tuple[tuple[float, float], ...] = ()
    dt: float | None = None  # None: a map
    duration: float = 1000.0
    attractor: str = ""
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    semilinear: Mapping[str, Any] = field(default_factory=dict)  # `linear` and `grid` of a Flow
    k: int | None = None

    def system(self, **params: object) -> Flow | Map:
        """Build it.

        Parameters
        ----------
        **params
            In place of default values; arrays are batches.
        """
        kind = Map if self.dt is None else Flow
        # Those that have no shape are numbers: as many values as variables are a batch.
        shapes = {name: tuple(self.shapes.get(name, ())) for name in self.params}
        built = kind(
            self.f, self.dim, self.params, shapes=shapes, initial=self.initial, **self.semilinear
        )
        return built.with_params(**params) if params else built


def lorenz63(x: Traceable, p: Parameters) -> Traceable:
    return [p.sigma * (x[1] - x[0]), x[0] * (p.rho - x[2]) - x[1], x[0] * x[1] - p.beta * x[2]]


def roessler(x: Traceable, p: Parameters) -> Traceable:
    return [-x[1] - x[2], x[0] + p.a * x[1], p.b + x[2] * (x[0] - p.c)]


def hyperroessler(x: Traceable, p: Parameters) -> Traceable:
    return [-x[1] - x[2], x[0] + p.a * x[1] + x[3], p.b + x[0] * x[2], p.c * x[3] - p.d * x[2]]


def lorenz96(x: Traceable, p: Parameters) -> Traceable:
    return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + p.forcing


def van_der_pol(x: Traceable, p: Parameters) -> Traceable:
    return [x[1], p.mu * (1 - x[0] ** 2) * x[1] - x[0]]


def stuart_landau(x: Traceable, p: Parameters) -> Traceable:
    r2 = x[0] ** 2 + x[1] ** 2
    return [x[0] - p.omega * x[1] - r2 * x[0], p.omega * x[0] + x[1] - r2 * x[1]]


def fitzhugh_nagumo(x: Traceable, p: Parameters) -> Traceable:
    return [x[0] - x[0] ** 3 / 3 - x[1] + p.current, (x[0] + p.a - p.b * x[1]) / p.tau]


def wilson_cowan(x: Traceable, p: Parameters) -> Traceable:
    def rate(u: Traceable, slope: float, threshold: float) -> Traceable:
        return 1 / (1 + np.exp(-slope * (u - threshold))) - 1 / (1 + np.exp(slope * threshold))

    return [
        -x[0] + (1 - x[0]) * rate(p.c1 * x[0] - p.c2 * x[1] + p.drive, 1.3, 4.0),
        -x[1] + (1 - x[1]) * rate(p.c3 * x[0] - p.c4 * x[1], 2.0, 3.7),
    ]


def henon(x: Traceable, p: Parameters) -> Traceable:
    return [1 - p.a * x[0] ** 2 + x[1], p.b * x[0]]


def logistic(x: Traceable, p: Parameters) -> Traceable:
    return [p.r * x[0] * (1 - x[0])]


def standard_map(x: Traceable, p: Parameters) -> Traceable:
    momentum = x[1] + p.kick * np.sin(x[0])
    return [np.mod(x[0] + momentum, 2 * np.pi), np.mod(momentum, 2 * np.pi)]


def cat_map(x: Traceable, p: Parameters) -> Traceable:
    return [np.mod(2 * x[0] + x[1], 1.0), np.mod(x[0] + x[1], 1.0)]


def folded_towel(x: Traceable, p: Parameters) -> Traceable:
    return [
        3.8 * x[0] * (1 - x[0]) - 0.05 * (x[1] + 0.35) * (1 - 2 * x[2]),
        0.1 * ((x[1] + 0.35) * (1 - 2 * x[2]) - 1) * (1 - 1.9 * x[0]),
        3.78 * x[2] * (1 - x[2]) + 0.2 * x[1],
    ]


def _rotated(x: Traceable, p: Parameters) -> Traceable:
    c, s = p.alpha * np.cos(p.theta), p.alpha * np.sin(p.theta)
    return np.tanh(c * x[0] - s * x[1]), np.tanh(s * x[0] + c * x[1])


def pta_flow(x: Traceable, p: Parameters) -> Traceable:
    u, v = _rotated(x, p)
    return [u - x[0], v - x[1]]


def pta_map(x: Traceable, p: Parameters) -> Traceable:
    return list(_rotated(x, p))


# Of n = 8, forcing 8: like all values here without a source in the literature, from the plain
# NumPy program tests/data/library_exponents.py.
LORENZ96_8 = (
    (1.6014, 0.0058),
    (0.3859, 0.0059),
    (0.0, 0.0),
    (-0.4417, 0.0037),
    (-0.9601, 0.0044),
    (-1.5104, 0.0055),
    (-2.4604, 0.0099),
    (-4.6150, 0.0106),
)


def lorenz96_of(n: int, forcing: float = 8.0) -> KnownSystem:
    r"""Lorenz-96 of any n, :math:`\dot x_i = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F`.

    The trace of its Jacobian is -n, so that all exponents sum to -n.

    Parameters
    ----------
    n : int
        Number of variables.
    forcing : float
        F.

    Returns
    -------
    KnownSystem

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.

    Examples
    --------
    >>> import lyapax as lx
    >>> lx.systems.lorenz96_of(12).system()
    Flow(lorenz96, dim=12)
    """
    n, forcing = variables(n, "n"), number(forcing, "forcing")
    if not math.isfinite(forcing):
        raise ValueError(f"forcing must be finite, got {forcing}")
    start = tuple(forcing + 0.01 * (i == 0) for i in range(n))
    expected = LORENZ96_8 if (n, forcing) == (8, 8.0) else ()
    return KnownSystem(
        "lorenz96",
        lorenz96,
        n,
        {"forcing": forcing},
        "Lorenz, Proc. ECMWF Seminar on Predictability 1 (1996)",
        start,
        expected,
        0.01,
        500.0,
        "hyperchaotic" if expected else "",
    )


# Of length 22, the first 12 of 30, by tests/data/kuramoto_sivashinsky.py. Second and third
# are 0 (time and translation), but the fourth is so near that within its times of 2000 the second
# is 0.0016.
KURAMOTO_SIVASHINSKY_22 = (
    (0.0476, 0.0006),
    (0.0, 0.0016),
    (0.0, 0.0002),
    (-0.0039, 0.0006),
    (-0.1883, 0.0009),
    (-0.2561, 0.0008),
    (-0.2908, 0.0006),
    (-0.3093, 0.0006),
    (-1.9634, 0.0004),
    (-1.9672, 0.0003),
    (-5.6054, 0.0002),
    (-5.6054, 0.0002),
)


def kuramoto_sivashinsky(u: Traceable, p: Parameters) -> Traceable:
    """-u^2/2 on the grid, of which the right-hand side takes the derivative."""
    return -u * u / 2


def kuramoto_sivashinsky_of(length: float = 22.0, modes: int | None = None) -> KnownSystem:
    r"""The Kuramoto-Sivashinsky equation on a periodic domain, by its Fourier amplitudes.

    :math:`u_t = -u u_x - u_{xx} - u_{xxxx}` with :math:`u = \sum_{j=1}^{m} a_j \cos q_j x +
    b_j \sin q_j x`, :math:`q_j = 2 \pi j / \ell`. The state is
    :math:`(a_1, \ldots, a_m, b_1, \ldots, b_m)`; the mean of u, which does not change, is 0.
    Products are taken on 3 m + 1 points, so that nothing is aliased (the 2/3 rule).

    Parameters
    ----------
    length : float
        :math:`\ell`.
    modes : int, optional
        m; default so many that :math:`q_m \geq 4.2`, where amplitudes of 1e-5 are left.

    Returns
    -------
    KnownSystem

    Raises
    ------
    ValueError, TypeError
        Bad input, naming the argument.

    References
    ----------
    Edson, Bunder, Mattner & Roberts, ANZIAM J. 61 (2019).

    Examples
    --------
    >>> import lyapax as lx
    >>> known = lx.systems.kuramoto_sivashinsky_of(22)
    >>> known.system()
    Flow(kuramoto_sivashinsky, dim=30, ETDRK4)
    """
    length = positive(length, "length")
    if modes is None:
        modes = math.ceil(4.2 * length / (2 * math.pi))
        variables(2 * modes, "length / 1.5")
    modes = variables(modes, "modes")
    q = 2 * np.pi / length * np.arange(1, modes + 1)
    if not modes * q[-1] < 1e50:
        raise ValueError(f"length must be one whose decay rates are float64, got {length:g}")
    points = 3 * modes + 1
    room(64 * points * modes, f"length {length:g}: matrices of {modes} modes", "give fewer modes")
    angle = 2 * np.pi / points * np.outer(np.arange(points), np.arange(1, modes + 1))
    cosine, sine = np.cos(angle), np.sin(angle)
    # The derivative of the amplitudes of cos and sin, which are 2 / points times the sums.
    slope = 2 / points * q[:, None]
    grid = np.hstack([cosine, sine]), np.vstack([slope * sine.T, -slope * cosine.T])
    start = np.zeros(2 * modes)
    start[: min(modes, 4)] = 0.6
    reference = "Edson, Bunder, Mattner & Roberts, ANZIAM J. 61 (2019)"
    expected = KURAMOTO_SIVASHINSKY_22 if (length, modes) == (22.0, 15) else ()
    return KnownSystem(
        "kuramoto_sivashinsky",
        kuramoto_sivashinsky,
        2 * modes,
        {},
        reference,
        tuple(start),
        expected,
        0.1,
        2000.0,
        semilinear={"linear": np.tile(q**2 - q**4, 2), "grid": grid},
    )


_SYSTEMS = (
    KnownSystem(
        "lorenz63", lorenz63, 3, {"sigma": 10.0, "rho": 28.0, "beta": 8 / 3},
        "Lorenz, J. Atmos. Sci. 20 (1963)", (1.0, 1.0, 20.0),
        ((0.9056, 0.0015), (0.0, 0.0), (-14.572, 0.0015)), 0.01, 2000.0, "chaotic",
    ),
    KnownSystem(
        "roessler", roessler, 3, {"a": 0.2, "b": 0.2, "c": 5.7},
        "Roessler, Phys. Lett. A 57 (1976)", (1.0, 1.0, 0.0),
        ((0.0715, 0.0011), (0.0, 0.0), (-5.395, 0.01)), 0.01, 4000.0, "chaotic",
    ),
    KnownSystem(
        "hyperroessler", hyperroessler, 4, {"a": 0.25, "b": 3.0, "c": 0.05, "d": 0.5},
        "Roessler, Phys. Lett. A 71 (1979)", (-10.0, -6.0, 0.0, 10.0),
        ((0.1131, 0.0018), (0.0188, 0.0008), (0.0, 0.0), (-24.42, 0.25)), 0.01, 4000.0,
        "hyperchaotic",
    ),
    lorenz96_of(8),
    kuramoto_sivashinsky_of(22.0),
    KnownSystem(
        "van_der_pol", van_der_pol, 2, {"mu": 1.0}, "van der Pol, Phil. Mag. 2 (1926)",
        (1.0, 0.0), ((0.0, 0.0), (-1.059377, 1e-5)), 0.01, 1000.0, "limit cycle",
    ),
    KnownSystem(
        "stuart_landau", stuart_landau, 2, {"omega": 1.0},
        "Kuramoto, Chemical Oscillations, Waves, and Turbulence (1984)", (1.0, 0.2),
        ((0.0, 0.0), (-2.0, 0.0)), 0.01, 500.0, "limit cycle",
    ),
    KnownSystem(
        "fitzhugh_nagumo", fitzhugh_nagumo, 2,
        {"a": 0.7, "b": 0.8, "tau": 12.5, "current": 0.5}, "FitzHugh, Biophys. J. 1 (1961)",
        (0.0, 0.0), ((0.0, 0.0), (-0.9730, 0.0005)), 0.02, 4000.0, "limit cycle",
    ),
    KnownSystem(
        "wilson_cowan", wilson_cowan, 2,
        {"c1": 16.0, "c2": 12.0, "c3": 15.0, "c4": 3.0, "drive": 1.25},
        "Wilson & Cowan, Biophys. J. 12 (1972)", (0.2, 0.1), ((0.0, 0.0), (-0.2139, 0.0002)), 0.02,
        1000.0, "limit cycle",
    ),
    KnownSystem(
        "henon", henon, 2, {"a": 1.4, "b": 0.3}, "Henon, Commun. Math. Phys. 50 (1976)",
        (0.1, 0.1), ((0.4192, 0.0003), (-1.6232, 0.0003)), None, 20000.0, "chaotic",
    ),
    KnownSystem(
        "logistic", logistic, 1, {"r": 4.0}, "May, Nature 261 (1976)", (0.4,),
        ((float(np.log(2)), 0.0),), None, 20000.0, "chaotic",
    ),
    KnownSystem(
        "standard_map", standard_map, 2, {"kick": 5.0}, "Chirikov, Phys. Rep. 52 (1979)",
        (0.5, 0.5), ((0.9757, 0.0012), (-0.9757, 0.0012)), None, 20000.0, "chaotic",
    ),
    KnownSystem(
        "cat_map", cat_map, 2, {}, "Arnold & Avez, Ergodic Problems (1968)",
        (0.1, 0.234), ((0.9624236501, 1e-9), (-0.9624236501, 1e-9)), None, 5000.0, "chaotic",
    ),
    KnownSystem(
        "folded_towel", folded_towel, 3, {}, "Roessler, Phys. Lett. A 71 (1979)",
        (0.085, -0.121, 0.075), ((0.4301, 0.0002), (0.3775, 0.0002), (-3.3008, 0.0004)), None,
        20000.0, "hyperchaotic",
    ),
    KnownSystem(
        "pta_flow", pta_flow, 2, {"alpha": 2.0, "theta": 0.6},
        "Park, Sagodi & Sokol, persistent learning signals (2023), 2-unit block", (0.3, 0.1),
        ((0.0, 0.0), (-0.6451, 0.0005)), 0.02, 1000.0, "limit cycle",
    ),
    KnownSystem(
        "pta_map", pta_map, 2, {"alpha": 1.3, "theta": 0.6},
        "Park, Sagodi & Sokol, persistent learning signals (2023), 2-unit block", (0.3, 0.1),
        ((0.0, 0.0), (-0.5807, 0.0001)), None, 20000.0, "closed curve",
    ),
)  # fmt: skip

SYSTEMS: dict[str, KnownSystem] = {known.name: known for known in _SYSTEMS}
