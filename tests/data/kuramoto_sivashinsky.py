"""Exponents of the Kuramoto-Sivashinsky equation, by none of the project's code.

Plain NumPy: complex FFTs of 64 points, more for longer domains, of which the lower two thirds of
the modes are kept, ETDRK4 with the contour integrals of Kassam and Trefethen (2005) for a state,
the same step's derivative for tangents, LAPACK's QR in real coordinates, 64 members. Prints mean
and standard error over the members. ``python kuramoto_sivashinsky.py 22 12`` for the first 12
exponents at length 22.
"""

import sys

import numpy as np

MEMBERS, DT, STEPS, DISCARDED, EVERY = 64, 0.1, 20_000, 4000, 5


def weights(linear, dt, points=64):
    circle = np.exp(1j * np.pi * (np.arange(points) + 0.5) / points)
    z = dt * linear[:, None] + circle
    e = np.exp(z)

    def mean(values):
        return dt * np.mean(values, axis=1).real

    return (
        np.exp(dt * linear),
        np.exp(dt * linear / 2),
        mean((np.exp(z / 2) - 1) / z),
        mean((-4 - z + e * (4 - 3 * z + z**2)) / z**3),
        2 * mean((2 + z + e * (z - 2)) / z**3),
        mean((-4 - 3 * z - z**2 + e * (4 - z)) / z**3),
    )


def exponents(length, k):
    grid = 64
    while 2 * np.pi / length * (grid // 3) < 4.5:
        grid += 32
    wave = 2 * np.pi / length * np.arange(grid // 2 + 1)
    kept = np.arange(grid // 2 + 1) <= grid // 3
    kept[0] = False
    modes = np.flatnonzero(kept)
    e, half, q, f1, f2, f3 = weights(wave**2 - wave**4, DT)
    slope = -0.5j * wave * kept

    def rest(values, other):
        """-(u v)_x of the state with itself (halved) or with tangents."""
        return np.fft.rfft(values * other) * slope

    def step(x, v):
        """x (M, 1, modes), v (M, k, modes)."""
        stages, points, tangents = [], x, v
        for s in range(4):
            u, w = np.fft.irfft(points, grid), np.fft.irfft(tangents, grid)
            stages.append((rest(u, u), 2 * rest(u, w)))
            if s == 3:
                break
            if s < 2:
                points, tangents = half * x + q * stages[s][0], half * v + q * stages[s][1]
                if s == 0:
                    second = points, tangents
            else:
                points, tangents = (
                    half * second[i] + q * (2 * stages[2][i] - stages[0][i]) for i in (0, 1)
                )
        return [
            e * y + f1 * stages[0][i] + f2 * (stages[1][i] + stages[2][i]) + f3 * stages[3][i]
            for i, y in enumerate((x, v))
        ]

    rng = np.random.default_rng(0)
    x = np.fft.rfft(rng.standard_normal((MEMBERS, 1, grid))) * kept
    v = np.fft.rfft(rng.standard_normal((MEMBERS, k, grid))) * kept
    total = np.zeros((MEMBERS, k))
    for i in range(DISCARDED + STEPS):
        x, v = step(x, v)
        if i % EVERY == EVERY - 1:
            real = np.concatenate([v[..., modes].real, v[..., modes].imag], axis=-1)
            basis, r = np.linalg.qr(real.swapaxes(1, 2))
            basis = basis.swapaxes(1, 2)
            v[..., modes] = basis[..., : len(modes)] + 1j * basis[..., len(modes) :]
            if i >= DISCARDED:
                total += np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)))
    found = total / (STEPS * DT)
    return found.mean(axis=0), found.std(axis=0) / np.sqrt(MEMBERS)


if __name__ == "__main__":
    length, k = float(sys.argv[1]), int(sys.argv[2])
    mean, error = exponents(length, k)
    print(length, *(f"({m:.5f}, {e:.5f})" for m, e in zip(mean, error, strict=True)), flush=True)
