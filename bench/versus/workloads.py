"""What is measured: systems as plain data, so that every package gets the same."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

DT = {"lorenz": 0.01, "block": 0.05, "tanh": 0.05, "rnn": 0.0, "gru": 0.0}
ENTRIES = 32  # inputs of a GRU


@dataclass(frozen=True)
class Workload:
    """`members` orbits of one system with k tangent vectors, a QR after each `interval` steps."""

    name: str
    # lorenz, block (two tanh units), tanh (flow of n units), rnn (driven tanh map) or gru (driven)
    kind: str
    n: int
    k: int
    members: int
    interval: int = 16
    check: int = 160  # steps after which the log sums of all packages are compared
    arrays: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def dt(self) -> float:
        return DT[self.kind]

    def data(self) -> dict[str, np.ndarray]:
        """x (members, n), q (n, k) orthonormal, w (n, n), inputs (T, members, n).

        A GRU has w (3 n, n) and v (3 n, ENTRIES), gates r, z, n, and as many inputs.
        """
        rng = np.random.default_rng(0)
        x = 0.5 * rng.standard_normal((self.members, self.n))
        if self.kind == "lorenz":
            x += (1.0, 1.0, 20.0)
        q = np.linalg.qr(rng.standard_normal((self.n, self.k)))[0]
        q *= np.sign(np.diag(q[: self.k]))
        gain = 1.5 if self.kind == "rnn" else 2.0
        w = rng.standard_normal((self.n, self.n)) * gain / np.sqrt(self.n)
        if self.kind == "block":
            c, s = 2.0 * np.cos(0.6), 2.0 * np.sin(0.6)
            w = np.array([[c, -s], [s, c]])
        if self.kind == "gru":
            w = rng.standard_normal((3 * self.n, self.n)) / np.sqrt(self.n)
            v = rng.standard_normal((3 * self.n, ENTRIES)) / np.sqrt(ENTRIES)
            drive = rng.standard_normal((256, self.members, ENTRIES))
            return {"x": x, "q": q, "w": w, "v": v, "inputs": drive}
        drive = rng.standard_normal((256, self.members, self.n)) if self.kind == "rnn" else None
        return {"x": x, "q": q, "w": w, "inputs": drive}


WORKLOADS = [
    Workload("two-unit block, 65,536 members", "block", 2, 2, 65536),
    Workload("Lorenz-63, 1 member", "lorenz", 3, 3, 1),
    Workload("Lorenz-63, 4096 members", "lorenz", 3, 3, 4096),
    Workload("Lorenz-63, 65,536 members", "lorenz", 3, 3, 65536),
    *(Workload(f"tanh n = {n}", "tanh", n, n, 1) for n in (8, 16, 32)),
    *(Workload(f"tanh n = {n}, 256 members", "tanh", n, n, 256) for n in (8, 16, 32, 48)),
    *(
        Workload(f"tanh n = {n}, {b} members", "tanh", n, n, b, check=32)
        for n in (64, 128)
        for b in (1, 32)
    ),
    *(Workload(f"tanh n = {n}", "tanh", n, n, 1, check=16) for n in (256, 512, 1024)),
    Workload("tanh n = 1024, k = 32", "tanh", 1024, 32, 1, check=16),
    Workload("driven tanh RNN map n = 256, batch 32", "rnn", 256, 256, 32, interval=1, check=8),
    Workload("driven GRU n = 256, batch 32, k = 32", "gru", 256, 32, 32, interval=1, check=8),
]
BY_NAME = {w.name: w for w in WORKLOADS}
