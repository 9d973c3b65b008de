"""Our side: kernels on arrays of the device, the propagator, and the public driver."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import lyapax as lx
from lyapax.kernels.cuda.device import gpu
from lyapax.kernels.cuda.orthonormal import orthonormalise
from lyapax.kernels.cuda.pieces import WHOLE
from lyapax.kernels.propagator import initial_carry
from lyapax.systems import library, networks

from .floors import event_seconds
from .workloads import SMALL, Workload

MOST_DRIVEN = 1 << 20  # members of a run of the driver, which keeps up to 128 blocks of log sums
DRIVEN_INTERVALS = 1024


def plane(x: Any, p: Any) -> Any:
    c, s = p.alpha * np.cos(p.theta), p.alpha * np.sin(p.theta)
    u, v = np.tanh(x[0]), np.tanh(x[1])
    return [c * u - s * v - x[0], s * u + c * v - x[1]]


def system_of(work: Workload, data: dict[str, np.ndarray]) -> Any:
    if work.kind == "block":
        return lx.Flow(plane, 2, {"alpha": data["alpha"], "theta": data["theta"]})
    if work.kind == "lorenz":
        return library["lorenz63"].system()
    if work.kind == "qr":
        return lx.Map(lambda x, p: list(x), work.n)  # nothing moves but the basis
    if work.kind == "kuramoto":
        return networks["kuramoto"].system(data["w"])
    return lx.GRU(data["w"]) if work.kind == "gru" else lx.RateNetwork(data["w"])


def device_of(place: Any) -> Any:
    return gpu(0) if place == "cuda" else place


def prepared(work: Workload, device: Any) -> tuple[Any, Any]:
    data = work.data(work.members)
    n, kind = work.n, np.dtype(work.dtype)
    propagator = None
    if work.kind != "qr" or n <= SMALL:
        system = system_of(work, data)
        propagator = system.propagator((work.members,), work.dt or 1.0, n, kind, [device])
    basis = np.empty((work.members, n, n), kind)
    basis[:] = data["q"]
    return propagator, initial_carry(data["x"], basis)


def kernels(work: Workload, place: Any) -> Callable[[int], np.ndarray]:
    """The carry stays on the device; each run goes on where the last one ended."""
    device = device_of(place)
    propagator, carry = prepared(work, device)
    with device.scope():
        arrays = {name: device.upload(getattr(carry, name)) for name in WHOLE}
    sums = tuple(arrays[name] for name in WHOLE[2:])
    everybody = slice(0, work.members)
    unit = np.float64(8 * work.n * np.finfo(work.dtype).eps)

    def go(steps: int) -> None:
        if propagator is None:
            for _ in range(steps):
                arrays["basis"] = orthonormalise(device, arrays["basis"], sums, unit)
        elif work.kind == "qr":  # a launch each, so that bases pass through memory
            for _ in range(steps):
                propagator.run(arrays, everybody, 0, 1, 1)
        else:
            propagator.run(arrays, everybody, 0, steps // work.interval, work.interval)

    def run(steps: int) -> np.ndarray:
        with device.scope():
            go(steps)
            total = arrays["log_sum"] + arrays["compensation"]
            return device.download(total)[work.compared, : work.leading]

    def seconds(steps: int) -> float:
        with device.scope():
            if hasattr(device.arrays, "cuda"):
                return event_seconds(device.arrays, lambda: go(steps))
            started = time.perf_counter()
            go(steps)
            return time.perf_counter() - started

    run.seconds = seconds
    return run


def propagate(work: Workload, place: Any) -> Callable[[int], np.ndarray]:
    """As the driver calls it: the carry goes up and comes back."""
    propagator, carry = prepared(work, device_of(place))

    def run(steps: int) -> np.ndarray:
        propagator.propagate(carry, steps // work.interval, work.interval)
        return (carry.log_sum + carry.compensation)[work.compared, : work.leading]

    return run


def driver(work: Workload, place: Any) -> Callable[[int], np.ndarray]:
    """A whole `lyapunov_spectrum`, from the system to the errors of the exponents."""
    device, members = device_of(place), min(work.members, MOST_DRIVEN)
    data = work.data(members)
    system = system_of(work, data)
    flow = {"dt": work.dt} if work.dt else {}

    def run(steps: int) -> np.ndarray:
        spectrum = lx.lyapunov_spectrum(
            system,
            duration=steps * (work.dt or 1.0),
            transient=0.0,
            alignment=0.0,
            qr_every=work.interval,
            dtype=work.dtype,
            initial=data["x"],
            initial_basis=data["q"],
            rng=0,
            progress=False,
            device=device,
            **flow,
        )
        # Exponents are sorted; what is compared are columns.
        return spectrum._continuation.run.now.totals()[work.compared, : work.leading]

    run.members = members
    if work.n <= SMALL:  # whose runs are long: else all that is measured is their end
        run.quantum = DRIVEN_INTERVALS * work.interval
    return run
