"""Work that Ctrl-C does not wait for: compilation, and whatever else stays long in one C call.

Python looks at signals between its own instructions, and LLVM may take half a minute over one
function. On a thread of its own it goes on after the interrupt, and a second call finds it done.
"""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from numba import get_num_threads, set_num_threads


def in_background(function: Callable[..., Any], *args: Any) -> Any:
    """``function(*args)``; KeyboardInterrupt comes at once and leaves it to itself."""
    return begin(function, *args).result()


def begin(function: Callable[..., Any], *args: Any) -> "Future[Any]":
    """Start ``function(*args)`` on a thread that a process at its end does not wait for."""
    found: Future[Any] = Future()
    context, threads = contextvars.copy_context(), get_num_threads()

    def work() -> None:
        try:
            set_num_threads(threads)  # Numba's number is a thread's own
            found.set_result(context.run(function, *args))
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=work, name="lyapax compiles", daemon=True).start()
    return found
