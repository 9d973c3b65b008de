"""Networks of the literature: a node and a coupling with their reference; the matrix is yours."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .matrices import Matrix
from .network import Network
from .trace import Parameters
from .traced import Function, Traceable


@dataclass(frozen=True)
class KnownNetwork:
    """A node and a coupling of the literature; ``known.system(W, K=2.0)`` builds a network.

    Attributes
    ----------
    name, reference : str
        The second says where it comes from.
    node, coupling : callable
        As `Network` takes them.
    params : dict
        Default values.
    kind : str
        "flow" or "map".
    dt : float or None
        A step that is fine enough for weights whose rows add up to about 1; None of a map.
    duration : float
        That shows what the network does.
    initial : tuple of float, optional
        Where each node starts by default, but for noise.

    Examples
    --------
    >>> import numpy as np
    >>> import lyapax as lx
    >>> kuramoto = lx.systems.networks["kuramoto"]
    >>> kuramoto.system(np.ones((5, 5)) / 5, omega=np.linspace(-1, 1, 5), K=3.0)
    Network(n=5, variables=1, separable in 2 products, dense, flow)
    """

    name: str
    node: Function
    coupling: Function
    params: Mapping[str, ArrayLike]
    reference: str
    kind: str = "flow"
    dt: float | None = 0.02
    duration: float = 200.0
    initial: tuple[float, ...] | None = None

    def system(
        self, W: Matrix, *, shapes: Mapping[str, tuple[int, ...]] | None = None, **params: object
    ) -> Network:
        """Build it.

        Parameters
        ----------
        W : array (..., n, n) or scipy.sparse (n, n)
            Weights; row i holds the inputs of node i.
        shapes : mapping, optional
            As of `Network`: ``{"K": ()}`` where as many values as nodes are a batch.
        **params
            In place of default values: numbers, values for each node (..., n), or batches.

        Raises
        ------
        ValueError, TypeError
            Bad input, naming the argument.
        """
        unknown = set(params) - set(self.params)
        if unknown:
            raise ValueError(
                f"params names {', '.join(sorted(unknown))}; {self.name} has "
                f"{', '.join(self.params)}"
            )
        given = {**self.params, **params}
        return Network(
            self.node, self.coupling, W, given, kind=self.kind, shapes=shapes, initial=self.initial
        )


def sine(x: Traceable, y: Traceable, p: Parameters) -> Traceable:
    return [np.sin(y[0] - x[0])]


def difference(x: Traceable, y: Traceable, p: Parameters) -> Traceable:
    return [y[0] - x[0]]


def sent(x: Traceable, y: Traceable, p: Parameters) -> Traceable:
    return [y[0]]


def sigmoid(u: Traceable) -> Traceable:
    return 0.5 + 0.5 * np.tanh(0.5 * u)


def kuramoto(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    return [p.omega + p.K * s[0]]


def swing(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    """Kuramoto with inertia: phases and frequencies of the machines of a power grid."""
    return [x[1], (p.power - p.damping * x[1] + p.K * s[0]) / p.inertia]


def stuart_landau(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    r2 = x[0] ** 2 + x[1] ** 2
    return [
        x[0] - p.omega * x[1] - r2 * (x[0] - p.shear * x[1]) + p.K * s[0],
        p.omega * x[0] + x[1] - r2 * (p.shear * x[0] + x[1]) + p.K * s[1],
    ]


def both_differences(x: Traceable, y: Traceable, p: Parameters) -> Traceable:
    return [y[0] - x[0], y[1] - x[1]]


def fitzhugh_nagumo(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    return [x[0] - x[0] ** 3 / 3 - x[1] + p.current + p.K * s[0], (x[0] + p.a - p.b * x[1]) / p.tau]


def wilson_cowan(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    """Excitation and inhibition of brain regions; W connects excitation."""
    excited = sigmoid(1.3 * (p.c1 * x[0] - p.c2 * x[1] + p.drive + p.K * s[0] - 4.0))
    inhibited = sigmoid(2.0 * (p.c3 * x[0] - p.c4 * x[1] - 3.7))
    return [-x[0] + (1 - x[0]) * excited, -x[1] + (1 - x[1]) * inhibited]


def hindmarsh_rose(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    return [
        x[1] - x[0] ** 3 + 3 * x[0] ** 2 - x[2] + p.current - p.K * (x[0] - p.reversal) * s[0],
        1 - 5 * x[0] ** 2 - x[1],
        p.r * (4 * (x[0] + 1.6) - x[2]),
    ]


def fast_synapse(x: Traceable, y: Traceable, p: Parameters) -> Traceable:
    """Fast threshold modulation: open while the sender spikes."""
    return [sigmoid(10.0 * (y[0] + 0.25))]


def hodgkin_huxley(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    """Potential in mV and gates m, h, n of the squid axon; synapses as of `voltage_synapse`."""
    v, m, h, n = x

    def linear(u: Traceable) -> Traceable:
        """u / (1 - exp(-u)), through its gap at 0."""
        near = np.abs(u) < 1e-6
        safe = np.where(near, 1.0, u)
        return np.where(near, 1 + u / 2, safe / (1 - np.exp(-safe)))

    ionic = 120 * m**3 * h * (v - 50) + 36 * n**4 * (v + 77) + 0.3 * (v + 54.387)
    return [
        p.current - ionic - p.K * (v - p.reversal) * s[0],
        linear((v + 40) / 10) * (1 - m) - 4 * np.exp(-(v + 65) / 18) * m,
        0.07 * np.exp(-(v + 65) / 20) * (1 - h) - h / (1 + np.exp(-(v + 35) / 10)),
        0.1 * linear((v + 55) / 10) * (1 - n) - 0.125 * np.exp(-(v + 65) / 80) * n,
    ]


def voltage_synapse(x: Traceable, y: Traceable, p: Parameters) -> Traceable:
    return [sigmoid(y[0] / 2)]


def lotka_volterra(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    return [x[0] * (p.r - x[0] - s[0]) + p.immigration]


def hopfield(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    return [-x[0] / p.tau + s[0] + p.bias]


def gained(x: Traceable, y: Traceable, p: Parameters) -> Traceable:
    return [np.tanh(p.gain * y[0])]


def ctrnn(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    return [(s[0] - x[0] + p.drive) / p.tau]


def biased(x: Traceable, y: Traceable, p: Parameters) -> Traceable:
    return [sigmoid(y[0] + p.bias)]


def sis(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    return [p.infection * (1 - x[0]) * s[0] - p.recovery * x[0]]


def logistic(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    return [(1 - p.K) * p.r * x[0] * (1 - x[0]) + p.K * s[0]]


def logistic_sent(x: Traceable, y: Traceable, p: Parameters) -> Traceable:
    return [p.r * y[0] * (1 - y[0])]


def henon(x: Traceable, s: Traceable, p: Parameters) -> Traceable:
    return [(1 - p.K) * (1 - p.a * x[0] ** 2) + x[1] + p.K * s[0], p.b * x[0]]


def henon_sent(x: Traceable, y: Traceable, p: Parameters) -> Traceable:
    return [1 - p.a * y[0] ** 2]


_NETWORKS = (
    KnownNetwork(
        "kuramoto", kuramoto, sine, {"omega": 0.0, "K": 1.0},
        "Kuramoto, Chemical Oscillations, Waves, and Turbulence (1984)", dt=0.05,
    ),
    KnownNetwork(
        "swing", swing, sine, {"power": 0.0, "damping": 0.1, "K": 1.0, "inertia": 1.0},
        "Filatrella, Nielsen & Pedersen, Eur. Phys. J. B 61 (2008)", dt=0.05,
    ),
    KnownNetwork(
        "stuart_landau", stuart_landau, both_differences, {"omega": 1.0, "shear": 0.0, "K": 0.1},
        "Nakagawa & Kuramoto, Prog. Theor. Phys. 89 (1993)", dt=0.05, initial=(1.0, 0.0),
    ),
    KnownNetwork(
        "fitzhugh_nagumo", fitzhugh_nagumo, difference,
        {"a": 0.7, "b": 0.8, "tau": 12.5, "current": 0.5, "K": 0.1},
        "FitzHugh, Biophys. J. 1 (1961)", dt=0.05, duration=500.0, initial=(0.0, 0.0),
    ),
    KnownNetwork(
        "wilson_cowan", wilson_cowan, sent,
        {"c1": 16.0, "c2": 12.0, "c3": 15.0, "c4": 3.0, "drive": 1.25, "K": 1.0},
        "Wilson & Cowan, Biophys. J. 12 (1972)", dt=0.05, initial=(0.2, 0.1),
    ),
    KnownNetwork(
        "hindmarsh_rose", hindmarsh_rose, fast_synapse,
        {"current": 3.25, "r": 0.005, "K": 0.1, "reversal": 2.0},
        "Hindmarsh & Rose, Proc. R. Soc. B 221 (1984); Belykh, de Lange & Hasler, "
        "Phys. Rev. Lett. 94 (2005)", dt=0.01, duration=2000.0, initial=(-1.0, -5.0, 3.0),
    ),
    KnownNetwork(
        "hodgkin_huxley", hodgkin_huxley, voltage_synapse,
        {"current": 10.0, "K": 0.1, "reversal": 0.0},
        "Hodgkin & Huxley, J. Physiol. 117 (1952)", dt=0.01, duration=500.0,
        initial=(-65.0, 0.05, 0.6, 0.32),
    ),
    KnownNetwork(
        "lotka_volterra", lotka_volterra, sent, {"r": 1.0, "immigration": 0.0},
        "Vano, Wildenberg, Anderson, Noel & Sprott, Nonlinearity 19 (2006)", dt=0.05,
        duration=1000.0, initial=(0.3,),
    ),
    KnownNetwork(
        "hopfield", hopfield, gained, {"tau": 1.0, "bias": 0.0, "gain": 1.0},
        "Hopfield, Proc. Natl. Acad. Sci. 81 (1984)", dt=0.05,
    ),
    KnownNetwork(
        "ctrnn", ctrnn, biased, {"tau": 1.0, "bias": 0.0, "drive": 0.0},
        "Beer, Adaptive Behavior 3 (1995)", dt=0.05,
    ),
    KnownNetwork(
        "sis", sis, sent, {"infection": 1.0, "recovery": 0.5},
        "Lajmanovich & Yorke, Math. Biosci. 28 (1976)", dt=0.05, initial=(0.1,),
    ),
    KnownNetwork(
        "logistic", logistic, logistic_sent, {"r": 4.0, "K": 0.1},
        "Kaneko, Physica D 41 (1990)", "map", None, 5000.0, (0.3,),
    ),
    KnownNetwork(
        "henon", henon, henon_sent, {"a": 1.4, "b": 0.3, "K": 0.1},
        "Politi & Torcini, Chaos 2 (1992)", "map", None, 5000.0, (0.1, 0.1),
    ),
)  # fmt: skip

NETWORKS: dict[str, KnownNetwork] = {known.name: known for known in _NETWORKS}
