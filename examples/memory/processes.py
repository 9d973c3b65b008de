"""Calls in processes side by side, which stop when the process that wants them does."""

import concurrent.futures
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading

_busy = False  # whether this process has a call to do
THREADS = "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"  # read when a process starts


class Processes:
    """So many processes of so many threads each.

    Where the block ends by an exception, such as Ctrl-C, the calls that run are interrupted and no
    other one begins.
    """

    def __init__(self, workers, threads):
        self._workers, self._threads = workers, str(threads)
        spawn = multiprocessing.get_context("spawn")
        self._pool = concurrent.futures.ProcessPoolExecutor(workers, spawn, _begin)

    def __enter__(self):
        self._before = {name: os.environ.get(name) for name in THREADS}
        os.environ.update(dict.fromkeys(THREADS, self._threads))
        return self

    def results(self, calls):
        """What calls (function, *arguments) return, in the order in which they end."""
        calls, running = iter(calls), set()
        while True:
            # No more than there are workers: what waits in the pool cannot be taken back.
            for function, *given in itertools.islice(calls, self._workers - len(running)):
                running.add(self._pool.submit(_call, function, *given))
            if not running:
                return
            done, running = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
            for one in done:
                yield one.result()

    def __exit__(self, kind, error, trace):
        for name, value in self._before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        if kind is not None:
            for process in list((self._pool._processes or {}).values()):
                process.terminate()
        self._pool.shutdown(cancel_futures=True)


def _begin():
    """In a new process: SIGTERM interrupts once, Ctrl-C is left to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _call(function, *given):
    global _busy
    _busy = True
    try:
        return function(*given)
    finally:
        _busy = False


def _interrupt(number, frame):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if _busy:  # an idle one holds the lock of the queue, and is told by it to end
        raise KeyboardInterrupt


def _end_with_parent():
    """A parent that is killed says nothing; what was trained is in the checkpoints."""
    parent = multiprocessing.parent_process()
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
