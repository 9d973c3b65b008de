"""No two threads of a block race: every block kernel under ThreadSanitizer, in its own process."""

import numpy as np
import pytest

from .cuda_emulator.race import can_check, races_in
from .cuda_emulator.recording import recorded
from .test_contract import ROWS, started

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not can_check()[0], reason=can_check()[1])]

# One for each way through kernels that share memory: blocks of networks and gated units, weights
# that stay or stream, flows and maps; two lanes of a thread kernel; the QR by itself.
CASES = {
    "dense current flow of 13": (12, "float64"),
    "dense rate map of 37": (20, "float32"),
    "gru map": (5, "float64"),
    "gru flow": (5, "float32"),
    "lstm map of 2 layers": (9, "float64"),
    "lanes flow": (3, "float64"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("order", ["forward", "reverse"])
def test_no_races(name, order):
    k, dtype = CASES[name]
    system, *_, dt = ROWS[name]()
    propagator, carry = started(system, 2, k, dt, dtype, "emulated")
    with recorded() as launches:
        propagator.propagate(carry, 2, 1)
        propagator.advance(carry, 1)
    assert launches
    assert races_in(launches, order) == ""


def test_a_missing_barrier_is_found(monkeypatch):
    """The check is not idle: without the barrier after the QR, tangents overwrite reflectors."""
    from lyapax.kernels.cuda import device
    from lyapax.kernels.cuda.sources import source

    barrier = "__syncthreads(); // tangents take the place of reflectors"
    assert barrier in source("blocks.cu")
    monkeypatch.setattr(device, "source", lambda *args: source(*args).replace(barrier, ""))
    from .cuda_device import emulated

    system, *_, dt = ROWS["dense current flow of 37"]()
    propagator = system.propagator((1,), dt, 30, np.dtype(float), [emulated()])
    _, carry = started(system, 1, 30, dt)
    with recorded() as launches:
        propagator.propagate(carry, 2, 1)
    report = races_in(launches)
    assert "tile.cuh" in report
    assert "block_householder.cuh" in report or "tile.cuh" in report
