"""Strips of tangents: layout, products in register tiles, Householder QR, against NumPy."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse
from numba import njit

from lyapax.kernels.cpu.network import weights
from lyapax.kernels.cpu.qr import lanes as small_qr
from lyapax.kernels.cpu.qr import reflections
from lyapax.kernels.cpu.simd.elementwise import exp, tanh_pair
from lyapax.kernels.cpu.simd.strips import (
    SLACK,
    aligned,
    from_strips,
    lanes_of,
    packed,
    strip_edges,
    strip_product,
    to_strips,
)
from lyapax.kernels.cpu.simd.vectors import (
    BYTES,
    REGISTERS,
    address,
    boundary,
    keep,
    on_stack,
    shift,
)

SHAPES = [
    (1, 1),
    (5, 5),
    (8, 8),
    (9, 4),
    (13, 13),
    (24, 24),
    (33, 33),
    (40, 37),
    (70, 64),
    (100, 100),
]
DTYPES = [np.float64, np.float32]


@njit
def multiply(a, y, base, out, n, edges, lanes):
    for s in range(edges.size - 1):
        c, width = edges[s], (edges[s + 1] - edges[s]) // lanes
        strip_product(
            width,
            address(a),
            shift(address(y), c * n),
            n,
            n,
            shift(address(base), c * n),
            shift(address(out), c * n),
        )


@njit
def orthonormalise(
    product, reflected, q, n, k, edges, lanes, work, inner, norm, diagonal, log_sum, status
):
    reflections.orthonormalise_strips(
        product, reflected, address(q), n, lanes, edges, 1e-14, boundary(work), boundary(inner),
        norm, diagonal, log_sum, np.zeros(k), np.zeros(k), status,
    )  # fmt: skip
    keep(work)
    keep(inner)


def qr(a, dtype):
    """(Q, log R_jj, status) of the kernels."""
    n, k = a.shape
    lanes = lanes_of(dtype)
    strips = to_strips(a[None], dtype)
    columns = strips.shape[1] // n
    work = np.zeros(reflections.workspace_size(n, columns, lanes) + SLACK, dtype)
    inner = np.zeros(2 * (3 * lanes) ** 2 + SLACK, dtype)
    log_sum, status = np.zeros(k), np.zeros(k, np.int64)
    norm, diagonal = np.zeros(k), np.zeros(k, dtype)
    orthonormalise(
        *reflections.strip_functions(np.dtype(dtype)),
        strips[0],
        n,
        k,
        strip_edges(k, lanes),
        lanes,
        work,
        inner,
        norm,
        diagonal,
        log_sum,
        status,
    )
    q = np.empty((1, n, k))
    from_strips(strips, q)
    return q[0], log_sum, status


@njit
def weigh(product, w, indptr, indices, n, columns, lanes, x, base, out):
    """out (count, .) = base + W x (count, .)."""
    job = weights.StateJob(
        address(w),
        address(indptr),
        address(indices),
        n,
        columns,
        lanes,
        x.shape[0],
        x.shape[1],
        0,
        0,
        address(x),
        address(base),
        address(out),
    )
    product(on_stack(job))


@pytest.mark.parametrize("n", [n for n, _ in SHAPES] + [32, 50])
@pytest.mark.parametrize(("sparse", "members"), [(False, 0), (True, 0), (False, 8)])
def test_state_products_match_numpy(n, sparse, members):
    rng, lanes = np.random.default_rng(n), lanes_of(np.float64)
    w = rng.standard_normal((n, n)) * (rng.random((n, n)) < (0.5 if sparse else 1.0))
    x, base = rng.standard_normal((2, n, members or 1)), rng.standard_normal((n, members or 1))
    csr = scipy.sparse.csr_array(w)
    given = (csr.indptr.astype(np.int64), csr.indices.astype(np.int64), csr.data)
    given = given if sparse else w[None]
    parts = weights.factor(given, np.float64) if members else weights.row_factor(given)
    columns = members or -(-n // lanes) * lanes
    room = np.zeros((5, max(n * members, columns)))
    room[:2, : base.size], room[2, : base.size] = x.reshape(2, -1), base.ravel()
    product = weights.state_product(sparse, members > 0)
    weigh(product, parts[0][0], *parts[1:], n, columns, lanes, room[:2], room[2], room[3:])
    expected = (base + w @ x).reshape(2, -1)
    np.testing.assert_allclose(room[3:, : base.size], expected, rtol=0, atol=1e-13 * n)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_strips_hold_every_element_once(shape, dtype):
    n, k = shape
    a = np.random.default_rng(0).standard_normal((3, n, k)).astype(dtype)
    strips = to_strips(a, dtype)
    back = np.empty_like(a)
    from_strips(strips, back)
    assert np.array_equal(back, a)
    assert strips.shape[1] == n * strip_edges(k, lanes_of(dtype))[-1]
    assert np.count_nonzero(strips) == a.size
    assert strips.ctypes.data % 64 == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_product(shape, dtype):
    n, k = shape
    rng = np.random.default_rng(1)
    a, y, base = (rng.standard_normal((1, n, m)).astype(dtype) for m in (n, k, k))
    strips, start = to_strips(y, dtype), to_strips(base, dtype)
    out = aligned(strips.shape, dtype)
    edges = strip_edges(k, lanes_of(dtype))
    multiply(packed(a, dtype)[0], strips[0], start[0], out[0], n, edges, lanes_of(dtype))
    found = np.empty((1, n, k))
    from_strips(out, found)
    expected = base[0] + a[0].astype(float) @ y[0]
    np.testing.assert_allclose(found[0], expected, atol=8 * n * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_qr(shape, dtype):
    a = np.random.default_rng(2).standard_normal(shape)
    q, logs, status = qr(a, dtype)
    expected, r = np.linalg.qr(a)
    diagonal = np.diag(r)
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(q.T @ q, np.eye(shape[1]), atol=8 * shape[0] * eps)
    bound = 40 * eps * np.linalg.cond(a)
    np.testing.assert_allclose(q, expected * np.sign(diagonal), atol=bound)
    np.testing.assert_allclose(logs, np.log(np.abs(diagonal)), atol=bound)
    assert not status.any()


@njit
def orthonormalise_members(q, n, k, lanes, work, norm, diagonal, sums, low, largest, status):
    columns = q.shape[1] // n
    for first in range(0, len(q), lanes):
        small_qr.orthonormalise_lanes(
            address(q), first, min(first + lanes, len(q)), n, k, columns, lanes, 1e-14,
            boundary(work), norm, diagonal, sums, low, largest, status,
        )  # fmt: skip
    keep(work)


def qr_in_lanes(matrices, dtype):
    """(Q, log R_jj, status) of several members (B, n, k)."""
    batch, n, k = matrices.shape
    lanes = lanes_of(dtype)
    strips = to_strips(matrices, dtype)
    work = np.zeros(reflections.workspace_size(n, strips.shape[1] // n, lanes) + SLACK, dtype)
    sums, low, largest = (np.zeros((batch, k)) for _ in range(3))
    status = np.zeros((batch, k), np.int64)
    norm, diagonal = np.zeros(k), np.zeros(k, dtype)
    orthonormalise_members(strips, n, k, lanes, work, norm, diagonal, sums, low, largest, status)
    q = np.empty(matrices.shape)
    from_strips(strips, q)
    return q, sums + low, status


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(1, 1), (2, 2), (3, 2), (5, 5), (8, 3), (8, 8), (11, 11), (12, 7)]
)
def test_qr_of_several_members(shape, dtype):
    """Any number of them; the same bits as of each by itself."""
    for batch in (1, 3, 17):
        matrices = np.random.default_rng(batch).standard_normal((batch, *shape))
        q, logs, status = qr_in_lanes(matrices, dtype)
        eps = float(np.finfo(dtype).eps)
        for a, own, log in zip(matrices, q, logs, strict=True):
            expected, r = np.linalg.qr(a)
            diagonal, bound = np.diag(r), 40 * eps * np.linalg.cond(a)
            np.testing.assert_allclose(own.T @ own, np.eye(shape[1]), atol=8 * shape[0] * eps)
            np.testing.assert_allclose(own, expected * np.sign(diagonal), atol=bound)
            np.testing.assert_allclose(log, np.log(np.abs(diagonal)), atol=bound)
        assert not status.any()
        alone = [qr_in_lanes(matrices[b : b + 1], dtype) for b in range(batch)]
        assert np.array_equal(q, np.concatenate([one[0] for one in alone]))
        assert np.array_equal(logs, np.concatenate([one[1] for one in alone]))


def test_in_lanes_axes_are_kept_and_one_member_leaves_the_others_alone():
    order = np.random.default_rng(3).permutation(6)
    good = np.eye(6)[order] * np.linspace(0.3, 3, 6)
    dead, infinite = np.random.default_rng(4).standard_normal((2, 6, 6))
    dead[:, 4] = dead[:, 1]
    infinite[2, 3] = np.inf
    q, logs, status = qr_in_lanes(np.stack([good, infinite, dead]), np.float64)
    assert np.array_equal(q[0], np.eye(6)[order])
    np.testing.assert_allclose(logs[0], np.log(np.linspace(0.3, 3, 6)), atol=1e-15)
    assert np.array_equal(q[1], infinite)
    np.testing.assert_allclose(q[2].T @ q[2], np.eye(6), atol=1e-13)
    assert status.tolist() == [[0] * 6, [1] * 6, [2 * (j == 4) for j in range(6)]]


@pytest.mark.parametrize("n", [6, 30])
def test_axes_are_kept_exactly(n):
    """Directions that nothing couples to must not mix, not even by rounding."""
    order = np.random.default_rng(3).permutation(n)
    q, logs, _ = qr(np.eye(n)[order] * np.linspace(0.3, 3, n), np.float64)
    assert np.array_equal(q, np.eye(n)[order])
    np.testing.assert_allclose(logs, np.log(np.linspace(0.3, 3, n)), atol=1e-15)


@pytest.mark.parametrize("n", [6, 30])
def test_dead_and_infinite_columns_are_statuses(n):
    a = np.random.default_rng(4).standard_normal((n, n))
    a[:, 4] = a[:, 1]
    q, logs, status = qr(a, np.float64)
    assert status.tolist() == [2 * (j == 4) for j in range(n)]
    np.testing.assert_allclose(q.T @ q, np.eye(n), atol=1e-13)
    assert np.isfinite(logs).all()
    a[2, 3] = np.inf
    assert (qr(a, np.float64)[2] == 1).all()


@njit
def elementary(u, value, slope, power):
    for i in range(u.size):
        value[i], slope[i] = tanh_pair(u[i])
        power[i] = exp(u[i])


def test_elementary_functions():
    """Also far out, where 1 - tanh^2 is 0, and for what is not finite."""
    rng = np.random.default_rng(5)
    u = np.r_[
        rng.uniform(-300, 300, 500), rng.uniform(-1, 1, 500), 10.0 ** rng.uniform(-300, 0, 99)
    ]
    u = np.r_[u, 0.0, np.inf, -np.inf, np.nan]
    value, slope, power = (np.empty_like(u) for _ in range(3))
    elementary(u, value, slope, power)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(value, np.tanh(u), rtol=1e-15)
        np.testing.assert_allclose(power, np.exp(u), rtol=1e-15)
        np.testing.assert_allclose(slope, 1 / np.cosh(u) ** 2, rtol=5e-15, atol=1e-300)
    assert np.isnan(slope[-1])


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names features of x86-64")
def test_other_registers():
    """The same on registers of 32 bytes, 16 of them, whatever this machine has."""
    told = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+bmi,+bmi2,+sse4.2"}
    contract = os.path.join(os.path.dirname(__file__), "test_contract.py")
    rows = "(gru and 3 and layers) or (lstm and 2 and layers) or (rate and flow and 37)"
    runs = [(__file__, "product or qr or statuses")]
    if (BYTES, REGISTERS) != (32, 16):  # else the contract's own run was on such registers
        runs.append((contract, f"(reference or tangent_steps) and ({rows})"))
    for file, chosen in runs:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", file, "-k", chosen],
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:]
