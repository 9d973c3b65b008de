"""Right-hand sides that jump are found, and those that only have kinks are not."""

import numpy as np
import pytest

import lyapax as lx
from lyapax._orbit import jumps_described
from lyapax.systems import library


def flow(f, dim, **params):
    return lx.Flow(f, dim, params)


def stick_slip(x, p):
    """A block on a belt: static friction in a thin layer around the belt's speed."""
    v = x[1] - p.belt
    sliding = p.slip * np.sign(v) / (1 + np.abs(v))
    friction = np.where(np.abs(v) < 1e-4, np.clip(x[0], -p.slip, p.slip), sliding)
    return [x[1], -x[0] - friction]


def jerk(x, p):
    return [x[1], x[2], -p.a * x[2] - x[1] - x[0] + np.sign(x[0])]


def relay(x, p):
    return [x[1], -0.2 * x[1] - x[0] + np.where(x[0] - 0.3 > 0, -1.0, 1.0)]


JUMPING = {
    "jerk": (flow(jerk, 3, a=0.6), "output 2 jumps by 2 where x0 = 0 (sign)"),
    "relay": (flow(relay, 2), "output 1 jumps by 2 where x0 - 0.3 = 0 (where)"),
    "stick-slip": (
        flow(stick_slip, 2, belt=0.2, slip=1.0),
        "where abs(-p.belt + x1) - 0.0001 = 0 (where)",
    ),
    "a thin layer": (
        flow(lambda x, p: [np.where(np.abs(x[0] - 0.2) < 1e-6, 3.0, 1.0) - x[0]], 1),
        "jumps by 2",
    ),
    "far away": (flow(lambda x, p: [np.where(x[0] > 1e5, 3.0, 0.0) - x[0]], 1), "x0 - 100000 = 0"),
    "one member of a batch": (
        flow(lambda x, p: [p.c * np.sign(x[0] - p.a) - x[0]], 1, a=-40.5, c=[0.0, 0.0, 1.0]),
        "-p.a + x0 = 0 (sign)",
    ),
    "compound": (
        flow(lambda x, p: [np.where((x[0] > 1) & (x[1] < 0.5), 1.0, 0.0), -x[1]], 2),
        "x1 - 0.5 = 0 (where)",
    ),
    "steps": (flow(lambda x, p: [np.floor(3 * x[0]) - x[0]], 1), "3*x0 is an integer (floor)"),
    "sawtooth": (flow(lambda x, p: [-np.mod(x[0], 2.0)], 1), "jumps by 2 where x0/2 is an integer"),
    "moving": (flow(lambda x, p, t: [np.sign(x[0] - np.sin(t))], 1), "x0 - sin(t) = 0 (sign)"),
    "weak": (flow(lambda x, p: [1e-4 * np.sign(x[0]) - x[0] - 1], 1), "jumps by 0.0002"),
    "in small units": (flow(lambda x, p: [1e-12 * np.sign(x[0]) - 1e-12], 1), "jumps by 2e-12"),
    "angle": (flow(lambda x, p: [np.arctan2(x[1], x[0]), -x[1]], 2), "jumps by 6.28"),
}
CONTINUOUS = {
    "absolute value": flow(lambda x, p: [np.abs(x[0]) - 1], 1),
    "sign times itself": flow(lambda x, p: [np.sign(x[0]) * x[0] - 1], 1),
    "relu": flow(lambda x, p: [np.maximum(x[0], 0.2) - np.where(x[0] > 1, x[0] - 1, 0)], 1),
    "clipped": flow(lambda x, p: [np.clip(np.minimum(x[0], -x[1]), -1, 1), x[0]], 2),
    "angle in a sine": flow(lambda x, p: [x[1], -np.sin(np.mod(x[0], 2 * np.pi))], 2),
    "steps times zero": flow(lambda x, p: [np.floor(x[0]) * np.sin(np.pi * x[0])], 1),
    "root": flow(lambda x, p: [np.sqrt(np.abs(x[0])) * np.sign(x[0])], 1),
    "pole": flow(lambda x, p: [np.sign(x[0]) / np.abs(x[0])], 1),
    "safe division": flow(
        lambda x, p: [np.where(abs(x[0]) < 1e-6, 1, np.sin(x[0]) / np.where(x[0] == 0, 1, x[0]))], 1
    ),
    "switched by time": flow(lambda x, p, t: [np.sign(np.sin(t)) - x[0]], 1),
    "switched by a parameter": flow(lambda x, p: [np.sign(p.a) - x[0]], 1, a=[-1.0, 1.0]),
}


@pytest.mark.parametrize("name", JUMPING)
def test_jumps_are_named(name):
    system, words = JUMPING[name]
    assert any(words in sentence for sentence in system.jumps), system.jumps


@pytest.mark.parametrize("name", CONTINUOUS)
def test_kinks_are_no_jumps(name):
    assert CONTINUOUS[name].jumps == ()


def test_known_systems_do_not_jump():
    assert [name for name, known in library.items() if known.system().jumps] == []


def test_maps_and_other_parameters():
    assert lx.Map(jerk, 3, {"a": 0.6}).jumps == ()
    relays = flow(lambda x, p: [np.where(x[0] > p.at, -p.c, p.c)], 1, at=0.5, c=0.0)
    assert relays.jumps == ()
    assert relays.with_params(c=2.0).jumps == ("output 0 jumps by 4 where -p.at + x0 = 0 (where)",)
    assert relays.jumps == ()


def test_the_message_says_what_is_wrong_and_what_to_do():
    text = jumps_described(JUMPING["jerk"][0].jumps)
    assert "output 2 jumps by 2 where x0 = 0 (sign)" in text
    assert "saltation" in text
    assert "np.tanh(u / 1e-3)" in text
    assert "and 2 more" in jumps_described(("a", "b", "c", "d", "e"))
