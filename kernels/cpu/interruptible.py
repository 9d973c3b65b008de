"""Kernels that Ctrl-C can stop, however long one call takes.

Python looks at signals between its own instructions only, so a compiled call on the main thread
would have to end first: minutes, for one interval of a network of a few thousand units. The
kernel therefore runs on a helper thread, and reads a flag before each step.
"""

import os
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import boolean, get_num_threads, set_num_threads, typeof
from numba.extending import intrinsic
from threadpoolctl import ThreadpoolController


@intrinsic
def raised(typingctx, stop):
    """stop[0] != 0, read anew each time: an ordinary read is moved out of the loop."""

    def codegen(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        flag = builder.load_atomic(array.data, "monotonic", 1)
        return builder.icmp_unsigned("!=", flag, ir.Constant(flag.type, 0))

    return boolean(stop), codegen


def call(kernel: Any, *args: Any) -> None:
    """``kernel(stop, *args)`` with single-threaded BLAS; KeyboardInterrupt sets ``stop[0]``.

    What an interrupted kernel leaves in its arrays is of no use.
    """
    stop = np.zeros(1, np.uint8)
    # Compiled here, not on the helper: compilation is Python code, which Ctrl-C ends by itself.
    compile_for(kernel, tuple(typeof(a) for a in (stop, *args)))
    threads = get_num_threads()

    def run() -> None:
        set_num_threads(threads)  # Numba's count belongs to a thread
        kernel(stop, *args)

    with libraries().limit(limits=1, user_api="blas"):
        done = helper(os.getpid()).submit(run)
        try:
            done.result()
        except KeyboardInterrupt:
            stop[0] = 1
            wait([done])
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
def helper(process: int) -> ThreadPoolExecutor:
    """One thread for the life of the process: its team of OpenMP threads takes 6 ms to build.

    It also keeps calls from several Python threads apart, which not every threading layer of
    Numba survives. Keyed by process because a fork takes no threads along.
    """
    return ThreadPoolExecutor(1, "lyapax")


@cache
def libraries() -> ThreadpoolController:
    """Looked up once, when SciPy's BLAS is loaded: the search takes a millisecond."""
    return ThreadpoolController()
