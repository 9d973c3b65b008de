"""How many threads a single member gets: as many as are faster, whatever else runs."""

import os

import numpy as np
import pytest

import lyapax as lx
from lyapax.kernels.cpu.team import crew as crew_module
from lyapax.kernels.cpu.team import interruptible
from lyapax.kernels.cpu.team.crew import Crew

from .helpers import network, spectrum


class Machine:
    """A clock that a run of so many intervals moves on, by a pace for each number of threads."""

    def __init__(self, monkeypatch, pace):
        self.now, self.pace, self.ran = 0.0, pace, []
        monkeypatch.setattr(crew_module.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(crew_module, "threads_allowed", lambda: 2)

    def run(self, threads, intervals):
        self.now += intervals / self.pace[threads]
        self.ran.append((threads, intervals))

    def seconds(self, crew, calls):
        start = self.now
        for _ in range(calls):
            intervals = max(1, int(0.2 * self.pace[crew.best or 2]))
            crew.share(1, intervals, self.run)
        return self.now - start


def work(machine):
    return sum(intervals for _, intervals in machine.ran)


def test_idle_machines_lose_nothing(monkeypatch):
    machine = Machine(monkeypatch, {1: 100.0, 2: 190.0})
    elapsed = machine.seconds(Crew(), 100)
    assert work(machine) / elapsed > 0.98 * 190.0


@pytest.mark.parametrize("two", [20.0, 50.0, 90.0])
def test_beside_a_busy_process_two_threads_are_not_slower_than_one(monkeypatch, two):
    machine = Machine(monkeypatch, {1: 100.0, 2: two})
    elapsed = machine.seconds(Crew(), 100)
    assert work(machine) / elapsed > 0.9 * 100.0


def test_the_first_call_finds_two_threads_on_one_core(monkeypatch):
    """8 units, a hundredth of the pace of one thread; compiling counts for neither number."""
    machine, crew = Machine(monkeypatch, {1: 1e5, 2: 1e3}), Crew()
    usual, compiled = machine.run, []
    monkeypatch.setattr(crew_module, "READY", set())

    def run(threads, intervals):
        if not compiled:
            machine.now += 3.0
            compiled.append(threads)
            crew_module.READY.add(object())
        usual(threads, intervals)

    crew.share(1, 10_000, run)
    assert crew.best == 1
    assert work(machine) == 10_000
    assert machine.now - 3.0 < 0.3  # 0.1 by one thread, 10 by two
    assert crew.pace == pytest.approx({1: 1e5, 2: 1e3})


def test_a_first_call_of_one_interval_compiles(monkeypatch):
    """n = 512: its second call must not be compared with one that was compiled."""
    machine, crew = Machine(monkeypatch, {1: 1.0, 2: 1.9}), Crew()
    monkeypatch.setattr(crew_module, "READY", set())
    usual = machine.run

    def run(threads, intervals):
        if not crew_module.READY:
            machine.now += 30.0
            crew_module.READY.add("kernel")
        usual(threads, intervals)

    for _ in range(8):
        crew.share(1, 1, run)
    assert crew.best == 2
    assert machine.ran.count((1, 1)) <= 3


@pytest.mark.parametrize("intervals", [1, 2, 3, 5])
def test_short_calls_are_tried_too(monkeypatch, intervals):
    machine, crew = Machine(monkeypatch, {1: 100.0, 2: 50.0}), Crew()
    for _ in range(4):
        crew.share(1, intervals, machine.run)
    assert crew.best == 1
    assert work(machine) == 4 * intervals


def test_long_calls_are_not_tried_by_one_thread(monkeypatch):
    machine, crew = Machine(monkeypatch, {1: 0.4, 2: 0.8}), Crew()
    for _ in range(4):
        crew.share(1, 5, machine.run)
    assert {threads for threads, _ in machine.ran} == {2}
    assert work(machine) == 20


def test_it_follows_what_changes(monkeypatch):
    machine, crew = Machine(monkeypatch, {1: 100.0, 2: 190.0}), Crew()
    machine.seconds(crew, 40)
    assert crew.best == 2
    machine.pace = {1: 100.0, 2: 50.0}
    machine.seconds(crew, 3)
    assert crew.best == 1
    machine.pace = {1: 100.0, 2: 190.0}
    machine.seconds(crew, 40)
    assert crew.best == 2
    assert all(intervals > 0 for _, intervals in machine.ran)


def test_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(interruptible, "cores", lambda: 4)
    monkeypatch.setenv("LYAPAX_NUM_THREADS", "3")
    assert interruptible.threads_allowed() == 3
    assert interruptible.threads_for(2) == 2
    monkeypatch.setenv("LYAPAX_NUM_THREADS", "none")
    with pytest.raises(ValueError, match="LYAPAX_NUM_THREADS must be an integer >= 1, got 'none'"):
        spectrum(network(9), duration=1.0, dt=0.1)
    monkeypatch.setenv("LYAPAX_NUM_THREADS", "5")
    assert interruptible.threads_allowed() == 4
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.undo()
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
        assert interruptible.threads_allowed() == 1


@pytest.mark.parametrize("n", [9, 90])
def test_trials_change_no_bits(monkeypatch, n):
    """One member by one thread and by three, in turn."""
    monkeypatch.setattr(interruptible, "cores", lambda: 3)
    w = np.random.default_rng(0).standard_normal((n, n)) / np.sqrt(n)
    monkeypatch.setenv("LYAPAX_NUM_THREADS", "3")
    monkeypatch.setattr(crew_module, "RAREST", 1)
    options = dict(duration=3, dt=0.05, qr_every=5)
    mixed = spectrum(lx.RateNetwork(w), **options)
    monkeypatch.setenv("LYAPAX_NUM_THREADS", "1")
    alone = spectrum(lx.RateNetwork(w), **options)
    assert np.array_equal(mixed.exponents, alone.exponents)
