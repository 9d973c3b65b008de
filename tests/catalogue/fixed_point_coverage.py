"""Do two standard errors cover the eigenvalues, where networks are at rest?

``python -m tests.catalogue.fixed_point_coverage [--share 8]`` measures 200 random networks and
prints, for each kind and duration, how many of all exponents are within two standard errors of
the real parts of the eigenvalues: of the linearised flow, and of the linearised Runge-Kutta step,
which is what a run at that step converges to. NumPy alone finds the states at rest.
"""

import argparse
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

import lyapax as lx

SIZES = (1, 2, 5, 10, 20, 50, 100, 200)
EACH = 5  # networks of a kind and size
DT = 0.05
LARGEST_K = 24  # exponents measured of large networks
ROUNDING = 1e-10  # eigenvalues of matrices that are far from normal are not better known
KINDS = ("contracting", "symmetric", "saturated", "near-degenerate", "critical")


def weights(kind: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Couplings (EACH, n, n) and biases (EACH, n)."""
    W = rng.standard_normal((EACH, n, n)) / np.sqrt(n)
    bias = np.zeros((EACH, n))
    strength = np.linspace(0.3, 0.95, EACH)[:, None, None]
    if kind == "contracting":
        norm = np.linalg.norm(W, 2, axis=(1, 2))[:, None, None]
        return strength * W / norm, 0.3 * rng.standard_normal((EACH, n))
    symmetric = W + np.swapaxes(W, 1, 2)
    largest = np.abs(np.linalg.eigvalsh(symmetric)).max(axis=1)[:, None, None]
    if kind == "symmetric":
        return strength * symmetric / largest, bias
    if kind == "saturated":  # an energy falls, so all starts come to rest
        return (1.5 + 4 * strength) * symmetric / largest, 0.5 * rng.standard_normal((EACH, n))
    if kind == "near-degenerate":
        q = np.linalg.qr(W)[0]
        gaps = np.array([0.0, 3e-4, 1e-3, 3e-3, 1e-2])[:, None] * np.arange(n)
        values = np.maximum(0.5 - gaps, -1.0)
        return q @ (values[:, :, None] * np.swapaxes(q, 1, 2)), bias
    # Critical: the largest real part is 1, of symmetric couplings and of others.
    W[::2] = symmetric[::2]
    top = np.linalg.eigvals(W).real.max(axis=1)
    W[top < 0.05] *= -1
    top = np.linalg.eigvals(W).real.max(axis=1)
    return W / top[:, None, None], bias


def at_rest(W: np.ndarray, bias: np.ndarray, start: np.ndarray, kind: str) -> np.ndarray:
    """Where x' = -x + W tanh(x) + b from there comes to rest, by its own long run and Newton."""
    if kind == "critical":  # settles like a power of time, at 0
        return np.zeros_like(start)
    x, h = start.copy(), 0.1
    for _ in range(20000):
        a = -x + W @ np.tanh(x) + bias
        b = -(x + h / 2 * a) + W @ np.tanh(x + h / 2 * a) + bias
        x = x + h * b
        if np.abs(a).max() < 1e-9:
            break
    for _ in range(20):
        x = x - np.linalg.solve(jacobian(W, x), -x + W @ np.tanh(x) + bias)
    return x


def jacobian(W: np.ndarray, x: np.ndarray) -> np.ndarray:
    return W / np.cosh(x) ** 2 - np.eye(len(x))


def step_rates(rates: np.ndarray) -> np.ndarray:
    """Growth rates under Runge-Kutta steps of modes that grow at these complex rates."""
    z = rates * DT
    return np.log(np.abs(1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24)) / DT


@dataclass(frozen=True)
class Coverage:
    kind: str
    n: int
    duration: float
    of_flow: np.ndarray  # (networks, k): |exponent - eigenvalue| in standard errors
    of_step: np.ndarray
    stderr: np.ndarray

    def share(self, deviations: np.ndarray) -> float:
        return float((deviations <= 2).mean())


def measured(kind: str, n: int, duration: float, networks: int = EACH) -> Coverage:
    rng = np.random.default_rng(zlib.crc32(f"{kind} {n}".encode()))
    W, bias = (a[:networks] for a in weights(kind, n, rng))
    start = rng.standard_normal((networks, n))
    rest = np.array([at_rest(*three, kind) for three in zip(W, bias, start, strict=True)])
    start = rest + 0.1 * rng.standard_normal((networks, n))
    k = min(n, LARGEST_K)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = lx.lyapunov_spectrum(
            lx.RateNetwork(W, bias=bias), duration=duration, dt=DT, initial=start, k=k, rng=0,
            progress=False,
        )
    rates = np.array([np.linalg.eigvals(jacobian(*pair)) for pair in zip(W, rest, strict=True)])

    def deviations(truth: np.ndarray) -> np.ndarray:
        truth = -np.sort(-truth, axis=1)[:, :k]
        off = np.maximum(np.abs(spec.exponents - truth) - ROUNDING, 0.0)
        return off / np.maximum(spec.stderr, 1e-300)

    return Coverage(
        kind, n, duration, deviations(rates.real), deviations(step_rates(rates)), spec.stderr
    )


def cases(share: int = 1) -> Iterator[tuple[str, int]]:
    every = [(kind, n) for kind in KINDS for n in SIZES]
    # Sizes turn by one from kind to kind, so that a share has small and large ones.
    return (c for i, c in enumerate(every) if (i + i // len(SIZES)) % share == 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=int, default=1, help="one of so many sizes and kinds")
    asked = parser.parse_args()
    print("| kind | T | exponents | covered, step | covered, flow | median stderr | worst (n) |")
    print("|---|---|---|---|---|---|---|")
    for duration in (200.0, 2000.0):
        all_of_it: list[np.ndarray] = []
        for kind in KINDS:
            found = [measured(kind, n, duration) for k, n in cases(asked.share) if k == kind]
            if not found:
                continue
            step = np.concatenate([c.of_step.ravel() for c in found])
            flow = np.concatenate([c.of_flow.ravel() for c in found])
            all_of_it.append(step)
            error = np.median(np.concatenate([c.stderr.ravel() for c in found]))
            worst = min(found, key=lambda c: c.share(c.of_step))
            print(
                f"| {kind} | {duration:g} | {len(step)} | {100 * (step <= 2).mean():.1f} % | "
                f"{100 * (flow <= 2).mean():.1f} % | {error:.1e} | "
                f"{100 * worst.share(worst.of_step):.0f} % ({worst.n}) |",
                flush=True,
            )
        total = np.concatenate(all_of_it)
        print(f"| all | {duration:g} | {len(total)} | {100 * (total <= 2).mean():.1f} % | | | |")


if __name__ == "__main__":
    main()
