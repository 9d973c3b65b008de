"""Normal numbers of keys and counters: known answers, the same bits everywhere, and their law."""

import types

import numpy as np
import pytest
import scipy.special
import scipy.stats
from numba import njit

from lyapax.kernels.cpu.simd.elementwise import as_bits, from_bits
from lyapax.kernels.cpu.simd.normal_numbers import (
    box_muller,
    cosine_and_sine,
    minus_two_log,
    normal_pair,
    threefry,
)
from lyapax.kernels.cpu.simd.straight_line import straight_line
from lyapax.kernels.cpu.simd.vectors import address, keep

from . import reference

EPS = np.finfo(float).eps
LANES = 0  # of a function on registers; `on_lanes` gives another number
ROWS = 7
ONES = 2**64 - 1

# (key, counter, answer) of Random123's own tests.
ANSWERS = [
    ((0, 0), (0, 0), (0xF167B032C3B480BD, 0xE91F9FEE4B7A6FB5)),
    ((ONES, ONES), (ONES, ONES), (0xCCDEC5C917A874B1, 0x4DF53ABCA26CEB01)),
    (
        (0xA4093822299F31D0, 0x082EFA98EC4E6C89),
        (0x243F6A8885A308D3, 0x13198A2E03707344),
        (0xC3AAC71561042993, 0x3FE7AE8801AFF316),
    ),
]


def signed(words):
    return np.array(words, np.uint64).view(np.int64)


def rows(w, key0, counter0, counter1):
    for l in range(LANES):
        key1 = as_bits(w[l])
        word0, word1 = threefry(key0, key1, counter0, counter1)
        w[1 * LANES + l] = from_bits(word0)
        w[2 * LANES + l] = from_bits(word1)
        first, second = normal_pair(key0, key1, counter0, counter1)
        w[3 * LANES + l] = first
        w[4 * LANES + l] = second
        alike0, alike1 = normal_pair(key0, counter1, counter0, 3)
        w[5 * LANES + l] = alike0
        w[6 * LANES + l] = alike1


def on_lanes(lanes):
    """`rows` for as many members, their second halves of the key as doubles in the first row."""
    names = {**globals(), "LANES": lanes}
    emitted = straight_line(types.FunctionType(rows.__code__, names, f"rows_{lanes}"))

    @njit(error_model="numpy")
    def run(w, key0, counter0, counter1):
        emitted((address(w), key0, counter0, counter1))
        keep(w)

    return run


@njit(error_model="numpy")
def one_by_one(w, key0, counter0, counter1):
    for l in range(w.shape[1]):
        key1 = as_bits(w[0, l])
        word0, word1 = threefry(key0, key1, counter0, counter1)
        w[1, l], w[2, l] = from_bits(word0), from_bits(word1)
        w[3, l], w[4, l] = normal_pair(key0, key1, counter0, counter1)
        w[5, l], w[6, l] = normal_pair(key0, counter1, counter0, 3)


def filled(run, lanes, key1, *words):
    w = np.zeros((ROWS, lanes))
    w[0] = np.resize(key1, lanes).view(float)
    run(w if run is one_by_one else w.ravel(), *words)
    return w.view(np.int64)


@pytest.fixture(scope="module")
def programs():
    return {lanes: on_lanes(lanes) for lanes in (1, 4, 8, 32)}


def test_known_answers(programs):
    for key, counter, answer in ANSWERS:
        (key0, key1), words, expected = signed(key), signed(counter), signed(answer)
        found = [filled(run, lanes, key1, key0, *words) for lanes, run in programs.items()]
        found.append(filled(one_by_one, 3, key1, key0, *words))
        for w in found:
            assert (w[1:3] == expected[:, None]).all()
        twin = reference.threefry(*(np.array([word], np.uint64) for word in key + counter))
        assert [int(word[0]) for word in twin] == list(answer)


def test_bits_do_not_depend_on_the_number_of_lanes(programs):
    rng = np.random.default_rng(0)
    for _ in range(50):
        key1, (key0, *words) = (rng.integers(-(2**63), 2**63, size) for size in (32, 3))
        expected = filled(one_by_one, 32, key1, key0, *words)
        for lanes, run in programs.items():
            for first in range(0, 32, lanes):
                members = slice(first, first + lanes)
                found = filled(run, lanes, key1[members], key0, *words)
                np.testing.assert_array_equal(found, expected[:, members])


@njit(error_model="numpy")
def pairs(key0, key1, counter0, counter1):
    out = np.empty((len(key1), 2))
    for i in range(len(key1)):
        out[i] = normal_pair(key0, key1[i], counter0[i], counter1[i])
    return out


def test_plain_numpy_twin():
    rng = np.random.default_rng(1)
    members, steps = rng.integers(-(2**63), 2**63, 200), rng.integers(0, 2**40, 200)
    for units in (1, 2, 5):
        twin = reference.normals(-7, members, steps, units)
        for unit in range(units):
            found = pairs(-7, members, steps, np.full(200, unit // 2))[:, unit % 2]
            np.testing.assert_allclose(found, twin[:, unit], rtol=1e-14)


@njit(error_model="numpy")
def of_words(word0, word1):
    out = np.empty((len(word0), 2))
    for i in range(len(word0)):
        out[i] = box_muller(word0[i], word1[i])
    return out


def edges():
    """Words at the ends of their ranges and of the four parts of the circle."""
    radii = [
        0,
        1 << 12,
        1 << 51,
        1 << 63,
        (1 << 63) - 1,
        ONES,
        ONES - (1 << 12),
        0x4AFB0CCC06219B7C,
    ]
    angles = [0, 1 << 12, 1 << 62, 1 << 63, (1 << 63) - 4, (1 << 63) + (1 << 12), ONES - 3]
    return np.array([(a, b + turn) for a in radii for b in angles for turn in range(4)], np.uint64)


def test_accuracy():
    """Against NumPy in 80 bits, where the machine has them."""
    words = np.random.default_rng(2).integers(0, 2**64, (200_000, 2), np.uint64)
    words = np.concatenate([words, edges()])
    found = of_words(*np.ascontiguousarray(words.T).view(np.int64))
    expected = np.stack(reference.box_muller(*words.T), axis=-1)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, expected.astype(float), rtol=4 * EPS)


@njit(error_model="numpy")
def parts(u, g):
    out = np.empty((len(u), 3))
    for i in range(len(u)):
        cosine, sine = cosine_and_sine(g[i])
        out[i] = minus_two_log(u[i]), cosine, sine
    return out


def test_accuracy_of_the_parts():
    rng, wide = np.random.default_rng(3), np.longdouble
    near = np.arange(1, 1000) * 2.0**-52
    u = np.concatenate([rng.random(100_000), 1 - near, near, np.sqrt(0.5) + near - 2.0**-43])
    u = np.concatenate([u, 2.0 ** -np.arange(53), rng.random(1000) * 2.0**-40 + 2.0**-52])
    g = rng.random(len(u)) - 0.5
    g[:6] = -0.5, 0.0, 0.5 - 2.0**-52, 2.0**-52, -(2.0**-52), 0.25
    angle = g.astype(wide) * np.arccos(wide(0))
    expected = np.stack([-2 * np.log(u.astype(wide)), np.cos(angle), np.sin(angle)], axis=-1)
    np.testing.assert_allclose(parts(u, g), expected.astype(float), rtol=3 * EPS)


def test_law():
    """A million numbers of neighbouring members, steps and units."""
    members, steps, units = (i.ravel() for i in np.indices((100, 1000, 5)))
    z = pairs(42, members, steps, units)
    n, flat = z.size, z.ravel()
    for power, mean, square in ((1, 0, 1), (2, 1, 3), (3, 0, 15), (4, 3, 105), (6, 15, 10395)):
        bound = 4 * np.sqrt((square - mean**2) / n)
        assert abs(np.mean(flat**power) - mean) < bound
    distance = np.sqrt(n) * scipy.stats.kstest(flat, "norm").statistic
    assert scipy.special.kolmogi(0.999) < distance < scipy.special.kolmogi(0.001)
    grid = z.reshape(100, 1000, 5, 2)
    for values in (grid, grid**2, np.abs(grid) > 2):
        for axis in range(4):
            ends = [
                np.take(values, i, axis).ravel()
                for i in (range(1, values.shape[axis]), range(values.shape[axis] - 1))
            ]
            correlation = np.corrcoef(*ends)[0, 1]
            assert abs(correlation) < 4 / np.sqrt(ends[0].size)
