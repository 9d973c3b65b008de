"""Kernels that Ctrl-C can stop, however long one call takes.

Python looks at signals between its own instructions only, so a compiled call on the main thread
would have to end first: minutes, for one interval of a network of a few thousand units. Kernels
therefore run on helper threads, and read a flag every few steps. What holds locks and waits for
kernels is a helper too, since no KeyboardInterrupt ever falls into one.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import boolean, config, typeof, types
from numba.core.ccallback import CFunc
from numba.extending import intrinsic
from threadpoolctl import ThreadpoolController

from ...background import COMPILING, Workers, numba_threads, outcome

TEAM = 24  # elements
MOST = 1024  # threads; there are as many as were needed at a time


class CallLock:
    """Threads that wait for one another must all run; of two calls each might have half of them."""

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):
            # A child has the lock as it was at the fork, and not the thread that would release it.
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        self.lock = threading.Lock()


CALL_LOCK = CallLock()
READY: set[Any] = set()  # kernels with kinds of arguments for which they are compiled


@intrinsic
def raised(typingctx, stop):
    """stop[0] != 0, of an array or by address; an ordinary read is moved out of the loop."""

    def codegen(context, builder, signature, args):
        place = args[0]
        if isinstance(stop, types.Array):
            place = context.make_array(stop)(context, builder, place).data
        flag = builder.load_atomic(place, "monotonic", 1)
        return builder.icmp_unsigned("!=", flag, ir.Constant(flag.type, 0))

    return boolean(stop), codegen


def threads_for(jobs: int) -> int:
    """Threads that so many jobs keep busy."""
    return max(1, min(jobs, threads_allowed()))


def threads_allowed() -> int:
    """LYAPAX_NUM_THREADS, else Numba's number, but no more than the process has cores."""
    asked = os.environ.get("LYAPAX_NUM_THREADS", "")
    if not asked:
        known: Any = config  # whose attributes are made when it is imported
        return min(numba_threads() or known.NUMBA_NUM_THREADS, cores())
    if not asked.isdecimal() or int(asked) == 0:
        raise ValueError(f"LYAPAX_NUM_THREADS must be an integer >= 1, got {asked!r}")
    return min(int(asked), cores())


def cores() -> int:
    """Cores that the operating system lets this process use, now."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def call(kernel: Any, threads: int, *args: Any) -> None:
    """``kernel(stop, team, thread, threads, *args)`` on each thread; BLAS gets one thread each.

    After KeyboardInterrupt, or an error of one thread, ``stop[0]`` is set and what the kernel
    leaves in its arrays is of no use. team: what the threads have in common, see `sharing`.
    """
    stop, team = np.zeros(1, np.uint8), np.zeros(TEAM, np.int64)
    compile_for(kernel, stop, team, 0, threads, *args)

    def run(thread: int) -> None:
        kernel(stop, team, thread, threads, *args)

    supervise(stop, lambda: alone(stop, lambda: together(stop, threads, run)))


def alone(stop: Any, work: Callable[[], None]) -> None:
    """Run `work` alone, with single-threaded BLAS; not at all if stopped before."""
    while not CALL_LOCK.lock.acquire(timeout=0.1):
        if stop[0]:
            return
    try:
        with libraries().limit(limits=1, user_api="blas"):
            work()
    finally:
        CALL_LOCK.lock.release()


def compile_for(kernel: Any, *args: Any) -> None:
    """Compile a kernel, or load it, for such arguments."""
    key = kernel, *map(kind_of, args)
    if key not in READY:
        COMPILING.get()(kernel.compile, tuple(typeof(a) for a in args))
        READY.add(key)


def kind_of(value: Any) -> Any:
    """What decides on Numba's type of a value; its own `typeof` takes 10 us, longer than a step."""
    if type(value) is np.ndarray:
        flags = value.flags
        return value.dtype, value.ndim, flags.c_contiguous, flags.aligned, flags.writeable
    if isinstance(value, tuple):
        return type(value), *map(kind_of, value)
    if isinstance(value, CFunc):
        return CFunc, value._sig  # type: ignore[attr-defined]
    return type(value) if isinstance(value, int | float) else typeof(value)


def supervise(stop: Any, work: Callable[[], None]) -> None:
    """Run `work` on a helper; KeyboardInterrupt sets ``stop[0]``, and is raised when it has ended.

    A second one is raised at once: the helper has the lock and the arrays as long as it needs them.
    """
    running: list[Future[None]] = []
    try:
        running.append(callers(os.getpid()).submit(work))
        outcome(running[0])
    except BaseException:
        stop[0] = 1
        with contextlib.suppress(Exception):  # what it raised, if that is not what brought us here
            for begun in running:
                outcome(begun)
        raise


def together(stop: Any, threads: int, work: Callable[[int], None]) -> None:
    """``work(thread)`` on each of the threads, this one the first; an error stops all of them."""
    if threads == 1:
        return work(0)

    def guarded(thread: int) -> None:
        try:
            work(thread)
        except BaseException:
            stop[0] = 1  # others would wait for this one for ever
            raise

    others: list[Future[None]] = []
    try:
        for thread in range(1, threads):
            others.append(helpers(os.getpid()).submit(guarded, thread))
        guarded(0)
    except BaseException:
        stop[0] = 1
        raise
    finally:
        wait(others)
    for other in others:
        other.result()
    return None


@cache
def helpers(process: int) -> ThreadPoolExecutor:
    """Threads for the life of the process: to start one takes longer than a small kernel.

    Keyed by process because a fork takes no threads along.
    """
    return ThreadPoolExecutor(MOST, "lyapax")


@cache
def callers(process: int) -> Workers:
    """One thread for each call under way, the first of those that run its kernel."""
    return Workers("lyapax calls")


@cache
def libraries() -> ThreadpoolController:
    """Looked up once, when SciPy's BLAS is loaded: the search takes a millisecond."""
    return ThreadpoolController()
