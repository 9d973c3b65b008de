"""Ctrl-C, wherever it falls: never a wrong number, never a result that cannot be used."""

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import lyapax as lx
from lyapax import _run as run_module
from lyapax.kernels.cpu.team import interruptible
from lyapax.systems import library

from .helpers import SYSTEMS, network, spectrum

GRU = lx.GRU(np.random.default_rng(0).standard_normal((18, 6)) / 2)


def driven_henon():
    """Driven, so that no return to a fixed point is looked for after each of a thousand runs."""
    return lx.Map(
        lambda x, p, t: [1 - 1.4 * x[0] ** 2 + x[1] + 0.01 * np.sin(t), 0.3 * x[0]], 2, {}
    )


WHERE = {**SYSTEMS, "lanes": driven_henon, "gated": lambda: GRU}
ROOT = Path(lx.__file__).parent


def short(system, steps, **options):
    """`steps` measured steps after 3 of transient and 4 of alignment."""
    unit = 0.02 if system.is_flow else 1.0
    times = {"duration": steps * unit, "transient": 3 * unit, "alignment": 4 * unit}
    dt = {"dt": unit} if system.is_flow else {}
    return spectrum(system, **{"qr_every": 2, **times, **dt, **options})


def same(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)
        for name in ("exponents", "stderr", "status", "blocks", "sign", "duration")
    )


class At:
    """KeyboardInterrupt when this thread runs a line of the package for the n-th time.

    Without a place all lines are noted, in the order in which they run.
    """

    def __init__(self, place=None, times=0):
        self.place, self.left, self.places = place, times, []

    def __enter__(self):
        sys.settrace(self.call)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def call(self, frame, event, _):
        file = frame.f_code.co_filename
        wanted = file.startswith(str(ROOT)) if self.place is None else file == self.place[0]
        return self.line if wanted else None

    def line(self, frame, event, _):
        if event == "line":
            if self.place is None:
                self.places.append((frame.f_code.co_filename, frame.f_lineno))
            elif frame.f_lineno == self.place[1]:
                self.left -= 1
                if self.left == 0:
                    raise KeyboardInterrupt
        return self.line


def interrupted_at(place, times, work):
    """What came out; nothing came where the line ran less often: waits are of any length."""
    with At(place, times) as at:
        try:
            work()
        except KeyboardInterrupt as stop:
            return stop
    assert at.left > 0  # or it was swallowed
    return None


def lines(work, every=1):
    """[(place, how often it has run)]: each line the first, second and last time that it runs."""
    with At() as watched:
        work()
    chosen = []
    for place, ran in Counter(watched.places).items():  # in the order of their first time
        chosen += [(place, times) for times in sorted({1, min(2, ran), ran})]
    return chosen[::every]


@pytest.fixture
def many_calls(monkeypatch):
    """Each call is one interval, and blocks are merged soon."""
    monkeypatch.setattr(run_module.Run, "_affordable", lambda self: self.now.interval)
    monkeypatch.setattr(run_module, "BLOCKS", 4)


@pytest.mark.parametrize("name", WHERE)
@pytest.mark.parametrize("qr_every", [2, "auto"])
def test_interrupted_anywhere(name, qr_every, many_calls):
    if qr_every == "auto" and name != "lanes":
        pytest.skip("the cadence is the driver's, whatever the kernels")
    system = WHERE[name]()
    whole = short(system, 20, qr_every=qr_every)
    shorter = {s: short(system, s, qr_every=qr_every) for s in range(2, 21, 2) if qr_every == 2}
    every = 1 if name == "lanes" else 29
    results = []
    for place, times in lines(lambda: short(system, 20, qr_every=qr_every), every):
        stop = interrupted_at(place, times, lambda: short(system, 20, qr_every=qr_every))
        result = getattr(stop, "result", None)
        results.append(result)
        if result is None:
            continue
        steps = round(result.duration / result.dt)
        assert repr(result)
        if steps == 0:
            assert (result.status == lx.Status.UNMEASURED).all(), place
        elif qr_every == 2:
            assert same(result, shorter[steps]), place
        if steps < 20:
            longer = result.extend(whole.duration - result.duration, progress=False)
            assert same(longer, whole), place
    assert sum(r is not None for r in results) > len(results) / 3


def test_extend_interrupted_anywhere(many_calls):
    system = driven_henon()
    begun, whole = short(system, 4), short(system, 20)
    shorter = {s: short(system, s) for s in range(4, 21, 2)}

    results = []
    for place, times in lines(lambda: begun.extend(16, progress=False)):
        stop = interrupted_at(place, times, lambda: begun.extend(16, progress=False))
        assert same(begun, shorter[4]), place
        results.append(getattr(stop, "result", None))
        result = begun if results[-1] is None else results[-1]
        steps = round(result.duration)
        assert same(result, shorter[steps]), place
        if steps < 20:
            assert same(result.extend(20 - steps, progress=False), whole), place
    assert sum(r is not None for r in results) > len(results) / 3


def test_save_interrupted_anywhere(tmp_path):
    result = short(library["henon"].system(), 8)
    path = tmp_path / "a.npz"
    for place, times in lines(lambda: result.save(path)):
        path.unlink(missing_ok=True)
        interrupted_at(place, times, lambda: result.save(path))
        assert [p for p in tmp_path.iterdir() if p != path] == []
        if path.exists():
            assert same(lx.LyapunovSpectrum.load(path), result)


def test_a_transient_that_was_interrupted_is_finished():
    """Not skipped: Henon's basis would count before it is aligned (k = 1), or fail (k = 2)."""
    system = library["henon"].system()
    for k in (1, 2):
        whole = spectrum(system, duration=2000, qr_every=1, k=k)
        with At() as at:
            at.line = lambda frame, event, _: stop_in(frame, "transient")
            with pytest.raises(lx.Interrupted) as stop:
                spectrum(system, duration=2000, qr_every=1, k=k)
        result = stop.value.result
        assert result._continuation.run.now.transient_left > 0
        result = result.extend(2000, progress=False)
        assert same(result, whole)
        assert abs(result.exponents[0] - 0.4192) < 4 * result.stderr[0]


def stop_in(frame, function):
    """A trace function: interrupt the second loop of a method of Run."""
    if frame.f_code.co_name == function and "left" in frame.f_locals:
        raise KeyboardInterrupt
    return lambda *rest: stop_in(rest[0], function)


def test_an_error_of_one_thread_stops_the_others():
    """They wait for it otherwise, at full load, for ever."""
    from lyapax.kernels.cpu.team.sharing import barrier

    stop, team = np.zeros(1, np.uint8), np.zeros(interruptible.TEAM, np.int64)
    barrier.compile((*[interruptible.typeof(a) for a in (stop, team, 3)],))

    def work(thread):
        if thread == 1:
            raise MemoryError("thread 1")
        barrier(stop, team, 3)

    with pytest.raises(MemoryError, match="thread 1"):
        interruptible.together(stop, 3, work)
    assert stop[0] == 1


def test_a_second_interrupt_leaves_the_kernel_its_lock():
    """It still uses its arrays, and no other kernel may run beside it."""
    stop, release, heard = np.zeros(1, np.uint8), threading.Event(), []
    interrupt_main = partial(signal.pthread_kill, threading.main_thread().ident, signal.SIGINT)

    def handler(*_):
        heard.append(True)
        raise KeyboardInterrupt

    def waits():
        """Whether the main thread waits for the kernel: it may still be handing it over."""
        frame = sys._current_frames()[threading.main_thread().ident]
        while frame is not None and frame.f_code.co_name != "outcome":
            frame = frame.f_back
        return frame is not None

    def work():
        while not waits():
            time.sleep(0.001)
        interrupt_main()
        while not (heard and stop[0]):
            time.sleep(0.001)
        interrupt_main()
        release.wait()

    usual = signal.signal(signal.SIGINT, handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            interruptible.supervise(stop, partial(interruptible.alone, stop, work))
        assert len(heard) == 2
        assert interruptible.CALL_LOCK.lock.locked()
    finally:
        signal.signal(signal.SIGINT, usual)
        release.set()  # or all kernels of later tests would wait for ever
    with interruptible.CALL_LOCK.lock:
        pass


SCRIPT = """
import signal, sys, numpy as np, lyapax as lx
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
system = {system}
lx.lyapunov_spectrum(system, duration=.01, dt=.01, transient=.01, qr_every=1, rng=0)
{hook}
try:
    lx.lyapunov_spectrum(system, dt=.01, rng=0, progress=False, **{options})
except lx.Interrupted as stop:
    r = stop.result
    print("none" if r is None else (r.duration, float(r.exponents[0]), int(r.status[0])))
    if r is not None and r.duration:
        print(r.extend(1.0, progress=False).duration)
"""
# The run itself says where it is, and is then interrupted from outside.
IN_A_KERNEL = """
from lyapax.kernels.cpu.team import interruptible
from lyapax.kernels.cpu.traced import lanes
usual = interruptible.supervise
def supervise(stop, work):
    return usual(stop, lambda: (print("ready\\n", end="", flush=True), work()))
for module in (interruptible, lanes):
    module.supervise = supervise
"""
AFTER_A_BLOCK = """
from lyapax._run import Run
usual = Run.measure
def measure(self, steps, tick):
    def told(done):
        tick(done)
        if self.now.measured_steps > 100_000:
            print("ready\\n", end="", flush=True)
    usual(self, steps, told)
Run.measure = measure
"""
IN_SET_UP = """
usual = np.linalg.qr
def qr(*args):
    print("ready\\n", end="", flush=True)
    return usual(*args)
np.linalg.qr = qr
"""


def interrupted(system, hook, **options):
    """Standard output of a run that gets SIGINT when it says that it is ready."""
    code = SCRIPT.format(system=system, hook=hook, options=options)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)  # against a hang, not a bound on speed
    assert process.returncode == 0, err
    return [line for line in out.splitlines() if line != "ready"]


def test_interrupt_returns_what_is_measured():
    system = "lx.systems.library['lorenz63'].system()"
    first, second = interrupted(system, AFTER_A_BLOCK, duration=1e9, transient=1)
    duration, leading, status = map(float, first.strip("()").split(","))
    assert 0.8 < leading < 1.0
    assert 1000 < duration < float(second) < 1e9
    assert status == lx.Status.OK


def test_interrupt_within_one_interval():
    """64 steps of 600 units and as many tangents are seconds without a look at the signal."""
    system = "lx.RateNetwork(np.random.default_rng(0).standard_normal((600, 600)) / 30)"
    said = interrupted(system, IN_A_KERNEL, duration=1e9, transient=0, qr_every=64)
    assert said == [f"(0.0, nan, {int(lx.Status.UNMEASURED)})"]


def test_interrupt_in_set_up():
    """The first basis of 600 columns; nothing can be extended yet."""
    system = "lx.RateNetwork(np.random.default_rng(0).standard_normal((600, 600)) / 30)"
    assert interrupted(system, IN_SET_UP, duration=1e9) == ["none"]


def test_a_long_run_says_how_long(monkeypatch):
    from lyapax import _progress as progress

    monkeypatch.setattr(progress, "DAY", 1e-9)
    monkeypatch.setattr(progress, "LONG_CALL", 0.0)
    with pytest.warns(UserWarning, match="steps a second .* take .* days"):
        spectrum(network(), duration=50, dt=0.01)
