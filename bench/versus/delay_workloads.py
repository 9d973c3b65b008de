"""What is measured of delay equations: systems as plain data, so that every package gets the same.

"mackey-glass" is dx/dt = beta x(t - 17) / (1 + x(t - 17)^10) - 0.1 x and "network" is
dx/dt = -x + W tanh(x(t - 2)); before the start x stays as it is there.
"""

from dataclasses import dataclass, replace

import numpy as np

DT = {"mackey-glass": 0.1, "network": 0.05}
TAU = {"mackey-glass": 17.0, "network": 2.0}


@dataclass(frozen=True)
class Workload:
    """`members` systems of n variables with k tangent vectors.

    `interval` is the steps between two QRs of packages that must be told, the longest that still
    makes them faster; their exponents stay as they are to 1e-15 from 10 steps to ten delays.
    `check` is the steps, `settle` of them not counted, of the exponents in the table.
    """

    name: str
    kind: str
    n: int
    k: int
    members: int
    interval: int
    check: int
    settle: int

    @property
    def dt(self) -> float:
        return DT[self.kind]

    @property
    def tau(self) -> float:
        return TAU[self.kind]

    def data(self) -> dict[str, np.ndarray]:
        """x (n,); beta (members,) of Mackey-Glass, w (n, n) of a network."""
        if self.kind == "mackey-glass":
            span = (0.15, 0.25) if self.members > 1 else (0.2, 0.2)
            return {"x": np.array([1.2]), "beta": np.linspace(*span, self.members)}
        rng = np.random.default_rng(0)
        w = rng.standard_normal((self.n, self.n)) * 1.5 / np.sqrt(self.n)
        return {"x": 0.5 * rng.standard_normal(self.n), "w": w}

    def fewer(self) -> "Workload":
        """With few members of the same span, to compare exponents."""
        return replace(self, members=min(self.members, 4))


WORKLOADS = [
    Workload("Mackey-Glass, 1 member", "mackey-glass", 1, 5, 1, 170, 170_000, 17_000),
    Workload("Mackey-Glass, 4096 members", "mackey-glass", 1, 5, 4096, 170, 170_000, 17_000),
    Workload("delayed tanh network n = 100", "network", 100, 20, 1, 400, 8000, 2000),
    Workload("delayed tanh network n = 1000", "network", 1000, 20, 1, 160, 1920, 960),
]
BY_NAME = {w.name: w for w in WORKLOADS}
