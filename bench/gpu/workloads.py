"""What is measured: systems as plain arrays, so that everybody gets the same, and its reference."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import fields

DT = {"block": 0.05, "lorenz": 0.01, "tanh": 0.05, "kuramoto": 0.05}  # the others are maps
SMALL = 8  # variables up to which a system runs in threads
NAMES = {
    "block": "two-unit plane",
    "lorenz": "Lorenz-63",
    "tanh": "tanh flow",
    "kuramoto": "Kuramoto network",
    "gru": "GRU map",
    "qr": "QR alone",
}
EXACT = 128  # variables up to which all exponents are compared, and not the leading 16


@dataclass(frozen=True)
class Workload:
    """`members` orbits of one system with k = n tangents, a QR after each `interval` steps."""

    kind: str  # a key of NAMES
    n: int
    members: int
    dtype: str
    interval: int = 10
    some: int = 0  # members for those who cannot have all in memory or time; 0: all
    required: float = 0.0  # member-steps/s on an H200
    share: float = 0.0  # of the floor that is required

    @property
    def name(self) -> str:
        size = f"n = {self.n}, {self.members:,} members"
        return f"{NAMES[self.kind]}, {size}" + (
            "" if self.kind == "qr" else f", QR every {self.interval}"
        )

    @property
    def dt(self) -> float:
        return DT.get(self.kind, 0.0)

    @property
    def check(self) -> int:
        """Steps after which log sums are compared."""
        if self.kind == "qr":
            return 1
        return self.interval * (4 if self.n <= EXACT else 2)

    @property
    def span(self) -> float:
        return self.check * (self.dt or 1.0)

    @property
    def few(self) -> int:
        return self.some or self.members

    @property
    def compared(self) -> np.ndarray:
        """Members that are compared, spread over those that everybody has."""
        count = min(64 if self.n <= SMALL else 4, self.few)
        return np.linspace(0, self.few - 1, count).astype(int)

    @property
    def leading(self) -> int:
        """Columns that are compared: the leading ones do not depend on the others."""
        return self.n if self.n <= EXACT else 16

    def data(self, members: int) -> dict[str, np.ndarray]:
        """The first members: x (members, n), basis q and weights w; float64.

        q is (n, n) and orthonormal, for a QR alone (members, n, n) and any; w is (members, 2, 2)
        of the plane, where alpha and theta are given too, (n, n) of a network, (3 n, n) of a GRU.
        """
        n, rng = self.n, np.random.default_rng(0)
        x = 0.5 * rng.standard_normal((members, n))
        if self.kind == "qr":
            return {"x": x, "q": np.random.default_rng(1).standard_normal((members, n, n))}
        v = np.random.default_rng(1).standard_normal(n)
        found = {"x": x, "q": np.eye(n) - 2 * np.outer(v, v) / (v @ v), "w": np.zeros((members, 0))}
        if self.kind == "lorenz":
            x += (1.0, 1.0, 20.0)
        if self.kind == "block":
            side = round(self.members**0.5)
            theta, alpha = divmod(np.arange(members), side)
            alpha, theta = 0.5 + 2.5 * alpha / side, np.pi * theta / side
            c, s = alpha * np.cos(theta), alpha * np.sin(theta)
            w = np.moveaxis(np.array([[c, -s], [s, c]]), 2, 0)
            found |= {"alpha": alpha, "theta": theta, "w": w}
        if self.kind in ("tanh", "kuramoto", "gru"):
            rows, gain = (3 * n, 1.0) if self.kind == "gru" else (n, 2.0)
            w = np.random.default_rng(2).standard_normal((rows, n))
            found["w"] = w * gain / np.sqrt(n)
        return found


def field(xp: Any, kind: str) -> Callable[..., Any]:
    """(x (B, n), q (B, n, k), w) -> (f, J q) of a flow, the next ones of a map; any library."""
    if kind == "lorenz":
        return lambda x, q, w: fields.lorenz(xp, x, q)
    if kind == "kuramoto":
        return lambda x, q, w: fields.kuramoto(xp, x, q, w)
    if kind == "gru":
        return lambda x, q, w: fields.gru(xp, x, q, w)
    return lambda x, q, w: fields.network(xp, x, q, w)


def step(xp: Any, work: Workload) -> Callable[..., Any]:
    """(x, q, w) one step on: of Runge and Kutta, or of the map."""
    stage, dt = field(xp, work.kind), work.dt
    if not dt:
        return stage
    return lambda x, q, w: fields.runge_kutta(lambda y, p: stage(y, p, w), x, q, dt)


def member_step(xp: Any, work: Workload) -> Callable[..., Any]:
    """(x (n,), w) one step on, of one member of a small flow; as a user would write it."""
    dt = work.dt

    def f(x, w):
        if work.kind == "block":
            return w @ xp.tanh(x) - x
        a, b, c = x
        return xp.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c])

    def moved(x, w):
        k1 = f(x, w)
        k2 = f(x + dt / 2 * k1, w)
        k3 = f(x + dt / 2 * k2, w)
        return x + dt / 6 * (k1 + 2 * (k2 + k3) + f(x + dt * k3, w))

    return moved


def expected(work: Workload) -> np.ndarray:
    """Log sums of the compared members and columns after `check` steps, by plain NumPy."""
    few = work.compared
    data = work.data(few[-1] + 1)
    x, k = data["x"][few], work.leading
    q = data["q"][few] if work.kind == "qr" else np.tile(data["q"][:, :k], (len(few), 1, 1))
    total, forward = np.zeros((len(few), k)), None
    if work.kind != "qr":
        w = data["w"][few] if work.kind in ("block", "lorenz") else data["w"]
        forward = step(np, work)
    for t in range(work.check):
        if forward:
            x, q = forward(x, q, w)
        if forward is None or (t + 1) % work.interval == 0:
            q, r = np.linalg.qr(q)
            total += np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)))
    return total


PLANE, ORBITS = 1024 * 1024, 8_388_608
WORKLOADS = [
    Workload("block", 2, PLANE, "float32", some=16384, required=5e10),
    Workload("block", 2, PLANE, "float64", some=16384, required=2e10),
    Workload("lorenz", 3, ORBITS, "float32", some=16384, required=8e10),
    Workload("lorenz", 3, ORBITS, "float64", some=16384),
    Workload("tanh", 64, 4096, "float32", required=8e6),
    Workload("tanh", 64, 4096, "float64"),
    Workload("tanh", 128, 1024, "float32"),
    Workload("kuramoto", 128, 256, "float64"),
    Workload("kuramoto", 1024, 1, "float64", interval=20),
    # Of a GRU exponents lie far apart: ten of its steps would be too many for float32.
    Workload("gru", 64, 4096, "float32", interval=2),
    Workload("tanh", 1024, 1, "float64", interval=20),
    Workload("tanh", 4096, 1, "float64", interval=10, share=0.7),
    Workload("tanh", 4096, 1, "float64", interval=40, share=0.7),
    *(
        Workload("qr", n, members, dtype, 1, some)
        for n, members, some in ((3, 1_000_000, 16384), (64, 4096, 1024), (128, 256, 256))
        for dtype in ("float32", "float64")
    ),
]
