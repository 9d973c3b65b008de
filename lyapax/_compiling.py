"""Kernels compiled ahead of the first call, by processes side by side: for images and clusters.

Each run below takes milliseconds once its kernels are compiled; what it leaves is their code on
disk, which later processes load. What is generated from a user's function is compiled at its first
call all the same, in about a second.
"""

import multiprocessing
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import numpy as np
import scipy.sparse

from . import systems
from ._covariant import covariant_vectors
from ._spectrum import lyapunov_spectrum
from ._tangent import adjoint, sensitivity

MANY = 64  # members: jobs for all threads


def flow(system: Any, **options: Any) -> None:
    measured(system, duration=1.0, dt=0.05, **options)


def measured(system: Any, duration: float = 30, **options: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so short a run says nothing of the system
        lyapunov_spectrum(system, duration=duration, transient=10, rng=0, progress=False, **options)


def weights(n: int, *batch: int) -> Any:
    return np.random.default_rng(0).standard_normal((*batch, n, n)) / np.sqrt(n)


def few_members() -> None:
    for n in (8, 100):
        flow(systems.RateNetwork(weights(n)))


def many_members() -> None:
    for n in (8, 100):
        flow(systems.RateNetwork(weights(n, MANY)), k=8)


def single_precision() -> None:
    flow(systems.RateNetwork(weights(100)), dtype="float32")


def rates() -> None:
    flow(systems.RateNetwork(weights(100), form="rate"))
    measured(systems.RateNetwork(weights(100), kind="map"))


def sparse() -> None:
    w = scipy.sparse.random_array((100, 100), density=0.1, rng=np.random.default_rng(0))
    flow(systems.RateNetwork(w.tocsr()), k=8)


def with_delay_and_noise() -> None:
    flow(systems.RateNetwork(weights(100), delay=0.5), k=8)
    flow(systems.RateNetwork(weights(100), noise=0.1), k=8)


def signals() -> None:
    options: dict[str, Any] = {"duration": 1.0, "dt": 0.05, "rng": 0, "progress": False}
    network = systems.RateNetwork(weights(100))
    sensitivity(network, **options)
    adjoint(network, **options)
    covariant_vectors(network, k=8, **options)


def gated() -> None:
    w = np.random.default_rng(0).standard_normal((4 * 64, 64)) / 8.0
    for cell, gates in ((systems.GRU, 3), (systems.LSTM, 4), (systems.RNN, 1)):
        measured(cell(w[: gates * 64]), k=8)


def functions() -> None:
    flow(systems.library["lorenz63"].system())
    flow(systems.lorenz96_of(40).system())


RUNS: tuple[Callable[[], None], ...] = (
    few_members,
    gated,
    signals,
    with_delay_and_noise,
    rates,
    many_members,
    functions,
    single_precision,
    sparse,
)


def compiled(processes: int) -> Iterator[str]:
    """The names of the runs whose kernels lie on disk, one by one as they get there."""
    context = multiprocessing.get_context("spawn")  # a fork would have no threads of the parent's
    with ProcessPoolExecutor(processes, context) as pool:
        running = {pool.submit(run): run.__name__ for run in RUNS}
        for done in as_completed(running):
            done.result()
            yield running[done].replace("_", " ")
