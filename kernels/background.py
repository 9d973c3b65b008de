"""Work that Ctrl-C does not wait for: compilation, and whatever else stays long in one C call.

Python looks at signals between its own instructions, and LLVM may take half a minute over one
function. On a thread of its own it goes on after the interrupt, and a second call finds it done.
"""

import atexit
import contextlib
import contextvars
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Any


def in_background(
    function: Callable[..., Any], *args: Any, waiting: Callable[[], object] | None = None
) -> Any:
    """``function(*args)``; KeyboardInterrupt comes at once and leaves it to itself.

    waiting: called every 0.3 s meanwhile.
    """
    return outcome(begin(function, *args), waiting)


# How a kernel is compiled when it is first called, ``wait(function, *args)``: set by who tells
# people what they wait for.
COMPILING: contextvars.ContextVar[Callable[..., Any]] = contextvars.ContextVar(
    "COMPILING", default=in_background
)


def outcome(running: "Future[Any]", waiting: Callable[[], object] | None = None) -> Any:
    """Wait for the result. Waits are short, since a signal just before one does not end it."""
    while not running.done():
        with contextlib.suppress(TimeoutError):
            return running.result(timeout=0.3)
        if waiting:
            waiting()
    return running.result()


def numba_threads() -> int | None:
    """Numba's number of threads of this thread, or None where nobody has set one.

    To ask Numba itself starts its pool of threads. Where that is OpenMP's it sets the number of
    threads of PyTorch, too, which has loaded the same library: with OMP_NUM_THREADS=1 on two cores
    PyTorch had two threads afterwards, and products of small matrices took fifty times as long.
    """
    pool = sys.modules.get("numba.np.ufunc.parallel")
    if not getattr(pool, "_is_initialized", pool is not None):
        return None
    return int(sys.modules["numba"].get_num_threads())


def begin(function: Callable[..., Any], *args: Any) -> "Future[Any]":
    """Start ``function(*args)`` on a thread that a process at its end does not wait for."""
    found: Future[Any] = Future()
    context = contextvars.copy_context()
    threads = numba_threads()  # which are a thread's own number

    def work() -> None:
        try:
            if threads:
                sys.modules["numba"].set_num_threads(threads)
            found.set_result(context.run(function, *args))
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=work, name="lyapax compiles", daemon=True).start()
    return found


class Workers:
    """Threads that live as long as the process, as many as were needed at a time.

    Ctrl-C may fall into `submit`, wherever it is: then what was to be done is done or not, but no
    thread is left for which the end of the process would wait for ever (as it does for a
    ThreadPoolExecutor that is interrupted while it starts one).
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.queue: SimpleQueue[tuple[Future[None], Callable[[], None]]] = SimpleQueue()
        self.idle = threading.Semaphore(0)
        self.running: set[Future[None]] = set()
        atexit.register(self.finish)

    def submit(self, work: Callable[[], None]) -> "Future[None]":
        done: Future[None] = Future()
        self.queue.put((done, work))
        if not self.idle.acquire(blocking=False):
            threading.Thread(target=self.work, name=self.name, daemon=True).start()
        return done

    def work(self) -> None:
        while True:
            done, work = self.queue.get()
            self.running.add(done)
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)
            self.running.discard(done)
            del done, work  # the arrays
            self.idle.release()

    def finish(self) -> None:
        """Before the process takes its arrays away from them."""
        wait(tuple(self.running))
