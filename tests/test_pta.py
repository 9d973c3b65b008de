"""The oscillation region of two-unit blocks: its borders, its samples, what runs in it."""

import copy
import pickle

import numpy as np
import pytest
from scipy.optimize import root

from lyapax import pta
from lyapax.pta import _drawing, _region

# theta = LL(alpha), computed with an independent program.
SADDLE_NODE = {
    1.05: 0.01734,
    1.1: 0.03404,
    1.25: 0.08056,
    1.5: 0.14782,
    2.0: 0.25246,
    3.0: 0.38512,
    5.0: 0.51361,
    8.0: 0.59706,
    10.0: 0.62757,
}
# Offset of a GRU's map: first and last theta of its two intervals.
GRU_BORDERS = {
    0.01: (0.0018, 2.0338, 2.0354, 3.1410),
    0.25: (0.0423, 2.0179, 2.0577, 3.1271),
    1.0: (0.1492, 1.9713, 2.1196, 3.0865),
    2.0: (0.2553, 1.9154, 2.1878, 3.0380),
    4.0: (0.3888, 1.8221, 2.2900, 2.9568),
}
CELLS = [(cell, time) for cell in ("tanh", "gru") for time in ("discrete", "continuous")]


def test_saddle_node_curve():
    alpha = np.array(list(SADDLE_NODE))
    np.testing.assert_allclose(pta.saddle_node(alpha), list(SADDLE_NODE.values()), atol=1e-5)
    assert pta.saddle_node([0.3, 1.0]).tolist() == [0.0, 0.0]
    assert abs(pta.saddle_node(1e9) - pta.saddle_node(100.0)) == 0.0


def cycle_exists(alpha, theta, turn, gru):
    """Is there a point, off the origin, that one step multiplies by the complex number `turn`?"""
    weights = pta.blocks(alpha, theta)
    rotation = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    step = (
        (lambda h: 0.5 * h + 0.5 * np.tanh(weights @ h / 2))
        if gru
        else (lambda h: np.tanh(weights @ h))
    )
    for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False):
        for size in (0.3, 0.6, 0.9, 1.2):
            start = size * np.array([np.cos(angle), np.sin(angle)])
            found = root(lambda h: step(h) - rotation @ h, start, tol=1e-13)
            if np.abs(found.fun).max() < 1e-11 and np.abs(found.x).max() > 1e-3:
                return True
    return False


@pytest.mark.parametrize(
    ("turn", "gru"), [(1, False), (1j, False), (-1, False), (1j, True), (-1, True), (1, True)]
)
def test_a_border_is_where_a_cycle_appears(turn, gru):
    """All borders by the one curve: the cycle is there on one side and not on the other."""
    unit = {1: 2, 1j: 2 * abs(_region.FOUR_CYCLE), -1: 6}[turn] if gru else 1.0
    centre = np.angle(_region.FOUR_CYCLE) if gru and turn == 1j else np.angle(turn)
    alpha = 1.7 * unit
    for side in (-1, 1):
        border = pta.saddle_node(alpha / unit)
        assert cycle_exists(alpha, centre + side * (border - 0.01), complex(turn), gru)
        assert not cycle_exists(alpha, centre + side * (border + 0.01), complex(turn), gru)


def test_gru_borders_against_the_table():
    where = pta.Region("gru")
    for offset, edges in GRU_BORDERS.items():
        for i, edge in enumerate(edges):
            inner, outer = edge + (-1) ** i * 1e-3, edge - (-1) ** i * 1e-3
            level = offset + (1e-12 if offset == 0.01 else -1e-12)
            assert where.contains(level + pta.gru_offset(inner), inner)
            assert not where.contains(level + pta.gru_offset(outer), outer)


def test_onset_is_where_the_origin_loses_stability():
    theta = np.linspace(0, np.pi, 50)
    alpha = pta.gru_offset(theta)
    modulus = np.abs(0.5 + alpha * np.exp(1j * theta) / 4)
    np.testing.assert_allclose(modulus, 1.0, rtol=1e-14)


@pytest.mark.parametrize(("cell", "time"), CELLS)
def test_regions_are_symmetric_in_theta(cell, time):
    rng = np.random.default_rng(0)
    alpha, theta = rng.uniform(1, 10, 2000), rng.uniform(0, np.pi, 2000)
    inside = pta.Region(cell, time).contains(alpha, theta)
    assert 0 < inside.mean() < 1
    for same in (-theta, theta + 2 * np.pi):
        np.testing.assert_array_equal(inside, pta.Region(cell, time).contains(alpha, same))
    if (cell, time) == ("tanh", "discrete"):
        np.testing.assert_array_equal(inside, pta.Region().contains(alpha, theta + np.pi / 2))


@pytest.mark.parametrize(("cell", "time"), CELLS)
def test_samples_are_uniform_in_the_region(cell, time):
    where = pta.Region(cell, time)
    alpha, theta = where.sample(20_000, rng=1)
    assert where.contains(alpha, theta).all()
    assert abs((theta > 0).mean() - 0.5) < 0.02
    # Uniform in area: the share of a part is its share of a grid of points.
    low, high = where.alpha or (0.0, float(pta.gru_offset(np.pi)) + where.offset[1])
    grid_alpha, grid_theta = np.meshgrid(np.linspace(low, high, 801), np.linspace(0, np.pi, 801))
    inside = where.contains(grid_alpha, grid_theta)
    middle = 0.5 * (low + high)
    expected = (inside & (grid_alpha > middle)).sum() / inside.sum()
    assert abs((alpha > middle).mean() - expected) < 0.02
    assert len(where.sample(0)[0]) == 0


def test_fixed_values_stay():
    alpha = np.linspace(1.1, 1.4, 30)
    found = pta.draw(30, pta.region(), 0, alpha=alpha)
    np.testing.assert_array_equal(found[0], alpha)
    found = pta.draw(30, pta.region(cell="gru"), 0, offset=0.5)
    np.testing.assert_allclose(found[0] - pta.gru_offset(found[1]), 0.5, rtol=1e-12)
    found = pta.draw(4, pta.region(), 0, theta=0.9)
    assert (found[1] == 0.9).all()


@pytest.mark.parametrize("cell", ["tanh", "gru"])
def test_every_null_block_has_a_zero_exponent(cell):
    alpha, theta = pta.draw(2000, pta.region("null", cell), rng=2)
    leading = pta.leading_exponents(alpha, theta, cell, transient=2000, steps=10_000, rng=3)
    assert np.abs(leading).max() < 2e-3


@pytest.mark.parametrize("cell", ["tanh", "gru"])
def test_a_flow_needs_no_check(cell):
    alpha, theta = pta.draw(500, pta.region("null", cell, "continuous"), rng=2)
    leading = pta.leading_exponents(alpha, theta, cell, "continuous", steps=20_000, rng=3)
    assert (np.abs(leading) < 2e-3).mean() >= 0.99


def test_a_third_of_the_papers_tanh_blocks_are_locked():
    alpha, theta = pta.draw(2000, pta.region("paper"), rng=4, check=False)
    leading = pta.leading_exponents(alpha, theta, rng=5)
    assert 0.60 < (np.abs(leading) < 2e-3).mean() < 0.70


def test_a_block_that_rests_or_dies_has_none():
    """Inside of the saddle-node curve, and below the onset."""
    leading = pta.leading_exponents([2.0, 0.9], [0.2, 1.0], rng=0)
    assert (leading < -0.05).all()


def test_bank():
    w = pta.bank([2.0, 3.0], [0.3, -1.0], 5)
    np.testing.assert_array_equal(w[:2, :2], pta.blocks(2.0, 0.3))
    np.testing.assert_array_equal(w[2:4, 2:4], pta.blocks(3.0, -1.0))
    assert np.count_nonzero(w) == 8
    with pytest.raises(ValueError, match="n must be 4 or 5, got 7"):
        pta.bank([2.0, 3.0], [0.3, -1.0], 7)


def test_angles_are_angles():
    """A turn more changes nothing: at 2 pi a block rests, as it does at 0."""
    turn = 2 * np.pi
    for theta in (0.9, -0.9):
        found = pta.Region().sample(3, 0, alpha=1.3, theta=theta + turn)
        np.testing.assert_array_equal(found[1], theta + turn)
    for theta in (turn, -turn, turn + 0.05):
        with pytest.raises(ValueError, match="outside of the region"):
            pta.Region().sample(3, 0, alpha=1.3, theta=theta)


def test_rounded_blocks_are_checked_as_they_are_kept():
    """With entries in steps of 1/8 some blocks of the same draw lock."""
    where = pta.region()

    def rounded(entries):
        return np.round(entries * 8) / 8

    alpha, theta = pta.draw(200, where, 1)
    plain = _drawing._kept(alpha, theta, rounded)
    assert (np.abs(pta.leading_exponents(*plain, rng=3)) > 2e-3).sum() >= 5
    alpha, theta = pta.draw(200, where, 1, rounded=rounded)
    bank = pta.bank(alpha, theta)
    np.testing.assert_allclose(bank, rounded(bank), atol=1e-14)
    assert np.abs(pta.leading_exponents(alpha, theta, rng=3)).max() < 2e-3


def test_long_checks_are_cut_into_calls(monkeypatch):
    options = {"alpha": [1.2, 1.3], "theta": [0.7, 0.9], "transient": 500, "steps": 1000, "rng": 0}
    whole = pta.leading_exponents(**options)
    monkeypatch.setattr(_drawing, "CALL_STEPS", 300)
    np.testing.assert_array_equal(pta.leading_exponents(**options), whole)


def test_regions_pickle():
    where = pta.Region("gru", offset=(0.1, 1.0))
    assert pickle.loads(pickle.dumps(where)) == copy.deepcopy(where) == where


def test_borders_bound_the_region():
    for cell, time in CELLS:
        where = pta.Region(cell, time)
        for name, theta, alpha in where.borders(50):
            assert np.isfinite(theta).all(), name
            assert np.isfinite(alpha).all(), name
            assert len(theta) == len(alpha)


def test_bad_input():
    with pytest.raises(ValueError, match="cell must be one of tanh, gru, got 'lstm'"):
        pta.Region("lstm")
    with pytest.raises(ValueError, match="offset is for the GRU in discrete time"):
        pta.Region("tanh", offset=(0.1, 1.0))
    with pytest.raises(ValueError, match="alpha or offset, not both"):
        pta.Region("gru", alpha=(2.0, 3.0), offset=(0.1, 1.0))
    with pytest.raises(ValueError, match=r"alpha must be \(low, high\) with 0 < low < high"):
        pta.Region(alpha=(3.0, 2.0))
    with pytest.raises(ValueError, match="region must be one of null, paper"):
        pta.region("all")
    with pytest.raises(ValueError, match="lies outside of the region"):
        pta.Region().sample(3, 0, alpha=0.5)
    with pytest.raises(ValueError, match="alpha must be finite"):
        pta.Region().contains(np.nan, 0.1)
    with pytest.raises(TypeError, match="size must be an integer"):
        pta.Region().sample(2.5)
    with pytest.raises(ValueError, match="alpha and theta must be of one block at least"):
        pta.block_system(np.empty(0), 0.1, "tanh", "discrete")
    with pytest.raises(TypeError, match=r"^rounded must take an array .* raised: .*argument"):
        pta.draw(3, pta.region(), rounded=lambda: 1.0)
    with pytest.raises(ValueError, match=r"rounded must return an array of shape \(2, 3\)"):
        pta.draw(3, pta.region(), rounded=lambda entries: 1.0)


BAD = ["a", None, np.nan, np.inf, 1j, object()]
CALLS = {
    "alpha": [
        lambda v: pta.blocks(v, 0.1),
        lambda v: pta.bank(v, 0.1),
        pta.saddle_node,
        lambda v: pta.Region().contains(v, 0.1),
        lambda v: pta.leading_exponents(v, 0.1),
        lambda v: pta.block_system(v, 0.1, "tanh", "discrete"),
    ],
    "theta": [
        lambda v: pta.blocks(1.2, v),
        pta.gru_offset,
        lambda v: pta.Region().contains(1.2, v),
        lambda v: pta.leading_exponents(1.2, v),
    ],
    "size": [lambda v: pta.Region().sample(v), lambda v: pta.draw(v, pta.region())],
    "n": [lambda v: pta.bank([2.0], [0.3], v)],
    "cell": [
        pta.Region,
        lambda v: pta.region(cell=v),
        lambda v: pta.leading_exponents(1.2, 0.9, v),
    ],
    "time": [lambda v: pta.Region(time=v), lambda v: pta.leading_exponents(1.2, 0.9, time=v)],
    "name": [pta.region],
    "rng": [lambda v: pta.Region().sample(3, v)],
    "points": [lambda v: pta.Region().borders(v)],
    "where": [lambda v: pta.draw(3, v)],
    "check": [lambda v: pta.draw(3, pta.region(), check=v)],
    "rounded": [lambda v: pta.draw(3, pta.region(), rounded=v)],
    "ax": [lambda v: pta.Region().plot(v)],
    "steps": [lambda v: pta.leading_exponents(1.2, 0.9, steps=v)],
    "transient": [lambda v: pta.leading_exponents(1.2, 0.9, transient=v)],
    "dt": [lambda v: pta.leading_exponents(1.2, 0.9, time="continuous", dt=v)],
}
OPTIONAL = {"n", "rng", "rounded", "ax"}
COUNTS = {"size", "n", "points", "steps", "transient"}


@pytest.mark.parametrize("name", CALLS)
def test_wrong_values_are_named(name):
    bad = [value for value in BAD if value is not None or name not in OPTIONAL]
    bad += [-1, 10**18, 1.5, np.int64(-3)] if name in COUNTS else []
    for call in CALLS[name]:
        for value in bad:
            with pytest.raises((TypeError, ValueError), match=f"(?s)^[^\n]*{name}[^\n]*$"):
                call(value)


def test_what_does_not_go_together():
    with pytest.raises(ValueError, match=r"alpha and theta must .*\(3,\) and \(2,\)"):
        pta.blocks([1.1] * 3, [0.3] * 2)
    with pytest.raises(ValueError, match="alpha and theta must be numbers or"):
        pta.leading_exponents(np.ones((2, 2)), 0.3)
    with pytest.raises(ValueError, match="alpha must be a number or 3 numbers"):
        pta.Region().sample(3, alpha=[1.1, 1.2])
    with pytest.raises(ValueError, match="offset is for the GRU"):
        pta.Region().sample(3, offset=1.0)
    with pytest.raises(ValueError, match="locks wherever"):
        pta.draw(3, pta.Region(), 0, theta=0.2, rounded=lambda entries: 1.2 * np.round(entries))
    free = pta.draw(3, pta.region(), 0, alpha=1.3, theta=None)  # None is not a value
    assert np.abs(pta.leading_exponents(*free)).max() < 2e-3
