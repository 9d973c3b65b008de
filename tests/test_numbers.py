"""What counts as a number, an array or a choice, whatever NumPy or PyTorch wrap it in."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import lyapax as lx
from lyapax import _check
from lyapax.kernels.cuda.pieces import Pieces
from lyapax.kernels.propagator import initial_carry

from .helpers import spectrum
from .numpy_system import in_numpy
from .right_hand_sides import cube


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        np.float64(0.5),
        np.float32(0.5),
        np.array(0.5),
        np.array(0.5, np.float16),
        Fraction(1, 2),
        Decimal("0.5"),
        np.ma.array(0.5),
        np.array(0.5, ">f8"),
    ],
)
def test_numbers(value):
    assert _check.positive(value, "dt") == 0.5


@pytest.mark.parametrize("value", [3, np.int8(3), np.array(3), np.uint64(3)])
def test_counts(value):
    assert _check.count(value, "k") == 3


@pytest.mark.parametrize("value", [True, np.True_, np.array(True), "3", 3.0, None, [3], 3j])
def test_no_counts(value):
    with pytest.raises(TypeError, match="k must be an integer, got"):
        _check.count(value, "k")


def test_steps():
    assert _check.steps(1.0, 0.1, "duration") == 10
    assert _check.steps(0.0, 0.1, "transient") == 0
    assert _check.steps(1e-12, 0.1, "duration") == 1  # something is measured
    for time, dt in ((1e300, 1.0), (1.0, 1e-300), (1e300, 1e-300)):
        with pytest.raises(ValueError, match=r"duration must be at most .* steps, got .* of dt"):
            _check.steps(time, dt, "duration")


def test_a_tiny_duration_is_one_step():
    henon = in_numpy(lx.systems.library["henon"])
    assert spectrum(henon, duration=1e-12, transient=0).duration == 1.0


@pytest.mark.parametrize(
    "value",
    [np.ma.array([1.0, 2.0], mask=[0, 1]), [np.ma.masked, 1.0], [[np.ma.array([1.0], mask=[1])]]],
)
def test_masks_are_refused(value):
    with pytest.raises(TypeError, match="bias must not have masked entries"):
        _check.real_array(value, "bias")


def test_a_mask_of_nothing_is_none():
    found = _check.real_array(np.ma.array([1.0, 2.0], mask=[0, 0]), "bias")
    assert type(found) is np.ndarray
    assert found.tolist() == [1.0, 2.0]


def test_messages_are_short():
    for value in ("x" * 12_000, ["y" * 12_000] * 99, 10**5000, np.zeros((3, 4)), "a\nb", 1 << 999):
        assert len(_check.quoted(value)) < 700
        assert "\n" not in _check.quoted(value)
    assert _check.quoted(np.zeros((3, 4))) == "ndarray of shape (3, 4)"
    assert _check.quoted("henon") == "'henon'"


def test_options_that_do_not_exist():
    henon, network = lx.systems.library["henon"].system(), lx.RateNetwork(np.eye(2))
    with pytest.raises(TypeError, match=r"lyapunov_spectrum, got durations; there are .*duration"):
        lx.robustness(network, [0.1], durations=9)
    with pytest.raises(TypeError, match="got vectors"):
        lx.gradient_horizon(henon, duration=9, vectors=9)


def test_tensors():
    torch = pytest.importorskip("torch")
    layer = torch.nn.GRU(2, 3)
    built = lx.GRU(
        layer.weight_hh_l0,
        layer.weight_ih_l0,
        layer.bias_hh_l0,
        layer.bias_ih_l0,
        inputs=torch.ones(9, 2).bfloat16(),
    )
    np.testing.assert_array_equal(built.weight_hh[0], layer.weight_hh_l0.detach().numpy())
    assert lx.RateNetwork(torch.nn.Parameter(torch.eye(3))).W.tolist() == np.eye(3).tolist()
    half = torch.tensor([0.3, 2.0]).bfloat16()
    assert lx.RateNetwork(np.eye(2), bias=half).bias.tolist() == half.double().tolist()
    assert lx.RateNetwork([half, half]).W.tolist() == [half.double().tolist()] * 2
    assert _check.positive(torch.tensor(0.5, requires_grad=True), "dt") == 0.5
    for wrong in (torch.eye(2).to_sparse(), torch.empty(2, 2, device="meta")):
        with pytest.raises(TypeError, match="W must be a dense tensor that holds numbers, got"):
            lx.RateNetwork(wrong)


def test_each_state_meets_its_own_parameters():
    """Of x' = a x^3 the slope is 3 a x^2: the fast parameter here goes with the small states."""
    flow = lx.Flow(cube, 1, {"a": np.array([[-1.0], [-100.0]])})
    states = np.array([[10.0, 10.0, 10.0], [1.0, 1.0, 1.0]])[..., None]
    assert flow.decay_rate(states) == pytest.approx(300.0)
    assert flow.decay_rate(states[:, :1]) == pytest.approx(300.0)


def test_a_system_of_another_type_says_which_params_it_has():
    with pytest.raises(TypeError, match=r"system must be a RateNetwork, .* got float"):
        spectrum(3.0, duration=9, params={"a": 1.0})
    with pytest.raises(TypeError, match=r"system must be .* got the class RateNetwork"):
        spectrum(lx.RateNetwork, duration=9)
    with pytest.raises(TypeError, match="params must be a dict of names and values, got"):
        spectrum(lx.RateNetwork(np.eye(2)), duration=9, dt=1, params=np.ones(3))


class Full(Pieces):
    """On a device whose memory is used up in the middle of a call."""

    room = 2

    def _prepare(self):
        self.dim = 2

    def run_state(self, state, members, step, steps):
        raise MemoryError

    def run(self, arrays, members, step, intervals, steps):
        raise MemoryError


class Nowhere:
    inside = 0

    def scope(self):
        return self

    def __enter__(self):
        self.inside += 1

    def __exit__(self, *_):
        self.inside -= 1

    upload = staticmethod(np.array)


@pytest.mark.parametrize("verb", ["advance", "propagate"])
def test_a_full_device_is_left_as_it_was(verb):
    full = Full(dt=0.1, k=1, batch=3, dtype=float, device=Nowhere())
    carry = initial_carry(np.zeros((3, 2)), np.zeros((3, 2, 1)))
    counts = {"advance": (1,), "propagate": (1, 1)}[verb]
    with pytest.raises(MemoryError) as kept:  # as a notebook keeps the last traceback
        getattr(full, verb)(carry, *counts)
    assert full.device.inside == 0
    assert kept.value is not None
    assert carry.step == 0
