"""Kernels that Ctrl-C can stop, however long one call takes.

Python looks at signals between its own instructions only, so a compiled call on the main thread
would have to end first: minutes, for one interval of a network of a few thousand units. Kernels
therefore run on helper threads, and read a flag before each step.
"""

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import boolean, config, typeof, types
from numba.extending import intrinsic
from threadpoolctl import ThreadpoolController

TEAM = 24  # elements


class Turn:
    """Threads that wait for one another must all run; of two calls each might have half of them."""

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):
            # A child has the lock as it was at the fork, and not the thread that would release it.
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        self.lock = threading.Lock()


TURN = Turn()


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


def call(kernel: Any, threads: int, *args: Any) -> None:
    """``kernel(stop, team, thread, threads, *args)`` on each thread; BLAS gets one thread each.

    KeyboardInterrupt sets ``stop[0]``; what an interrupted kernel leaves in its arrays is of no
    use. team: what the threads have in common, see `sharing`.
    """
    stop, team = np.zeros(1, np.uint8), np.zeros(TEAM, np.int64)
    # Compiled here, not on a helper: compilation is Python code, which Ctrl-C ends by itself.
    compile_for(kernel, tuple(typeof(a) for a in (stop, team, 0, threads, *args)))
    running: list[Future[Any]] = []
    with TURN.lock, libraries().limit(limits=1, user_api="blas"):
        try:
            for thread in range(threads):
                helper = helpers(os.getpid())
                running.append(helper.submit(kernel, stop, team, thread, threads, *args))
            for done in running:
                done.result()
        except BaseException:
            stop[0] = 1
            wait(running)
            raise


def compile_for(kernel: Any, signature: tuple[Any, ...]) -> None:
    """Compile; Ctrl-C comes out as KeyboardInterrupt.

    Where it falls into a call back from LLVM, ctypes swallows it, and Numba then misses an object.
    """
    try:
        kernel.compile(signature)
    except RuntimeError as error:
        if "no compiled object yet" not in str(error):
            raise
        raise KeyboardInterrupt from error


@cache
def helpers(process: int) -> ThreadPoolExecutor:
    """Threads for the life of the process: to start one takes longer than a small kernel.

    Keyed by process because a fork takes no threads along.
    """
    return ThreadPoolExecutor(config.NUMBA_NUM_THREADS, "lyapax")


@cache
def libraries() -> ThreadpoolController:
    """Looked up once, when SciPy's BLAS is loaded: the search takes a millisecond."""
    return ThreadpoolController()
