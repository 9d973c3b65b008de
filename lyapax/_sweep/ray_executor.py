"""Tasks on a Ray cluster, behind the interface of `concurrent.futures`."""

import os
import socket
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from .. import _check
from .._distribution import hint
from .lost import Lost

# What a task ends with whose worker or node died, as often as it was tried.
DEATHS = ("WorkerCrashedError", "OutOfMemoryError", "NodeDiedError", "LocalRayletDiedError",
          "ObjectLostError", "OwnerDiedError")  # fmt: skip
RETRIES = 3  # of a task whose worker or node died
ANSWERS = 20.0  # seconds that a cluster's address has to answer
# Results are small; by default Ray takes 30 % of the memory for objects.
OBJECTS = 256 << 20


class RayExecutor(Executor):
    """Tasks on the nodes of a Ray cluster, or on a Ray of this machine's own.

    A task whose worker or whose node dies is tried again elsewhere, three times; then a sweep
    marks its chunk as failed and goes on. Each worker gets as many of Numba's threads as its task
    has CPUs.

    Parameters
    ----------
    address : str, optional
        Of a running cluster, as ``ray.init`` takes it: "host:6379", "ray://host:10001" or "auto".
        By default the Ray that this process is connected to, else one of its own is started.
    cpus_per_task : int
        Cores, and threads, of a task.
    gpus_per_task : int
        1 where tasks run on GPUs, of which each gets one for itself.

    Raises
    ------
    ImportError
        Where Ray is not installed.
    ConnectionError
        Where nobody answers at the address.

    Examples
    --------
    >>> import numpy as np
    >>> import lyapax as lx
    >>> henon = lx.systems.library["henon"].system()
    >>> with lx.RayExecutor() as cluster:  # doctest: +SKIP
    ...     plane = lx.sweep(henon, {"a": np.linspace(1, 1.4, 5)}, duration=2000, executor=cluster)
    """

    def __init__(
        self, address: str | None = None, *, cpus_per_task: int = 1, gpus_per_task: int = 0
    ):
        # Read when Ray is imported. By itself it tries a task that has no memory again for ever.
        os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))
        try:
            import ray
        except ImportError as error:
            raise ImportError(f"RayExecutor needs ray: {hint('sweep')}") from error
        if address is not None and not isinstance(address, str):
            raise TypeError(f"address must be a string, got {_check.kind_of(address)}")
        self._cpus = _check.count(cpus_per_task, "cpus_per_task")
        self._gpus = _check.count(gpus_per_task, "gpus_per_task", low=0)
        self._ray: Any = ray
        self._own = address is not None or not ray.is_initialized()
        if self._own:
            _connect(ray, address)
        if not self._max_workers:
            have = self._ray.cluster_resources()
            self.shutdown()
            raise ValueError(
                f"a task must fit the cluster, which has {have.get('CPU', 0):g} CPUs and "
                f"{have.get('GPU', 0):g} GPUs; a task takes {self._cpus} and {self._gpus}"
            )
        threads = str(self._cpus)
        self._task = ray.remote(_call).options(
            num_cpus=self._cpus,
            num_gpus=self._gpus,
            max_retries=RETRIES,
            # Ray itself sets OMP_NUM_THREADS only; Numba would start all cores in every worker.
            runtime_env={"env_vars": {"NUMBA_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}},
        )
        self._sent: tuple[Any, Any] = (None, None)

    @property
    def _max_workers(self) -> int:
        """Tasks that run at one time, on the nodes that are there now."""
        have = self._ray.cluster_resources()
        fit = have.get("CPU", 0.0) // self._cpus
        if self._gpus:
            fit = min(fit, have.get("GPU", 0.0) // self._gpus)
        return int(fit)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future of fn(*args, **kwargs), which runs on some node."""
        function, reference = self._sent
        if function is not fn:  # its arrays travel once, not with every task
            reference = self._ray.put(fn)
            self._sent = fn, reference
        return _Task(self._ray, self._task.remote(reference, args, kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; a Ray that this executor started ends."""
        self._sent = (None, None)
        if self._own and self._ray.is_initialized():
            self._ray.shutdown()


class _Task(Future[Any]):
    def __init__(self, ray: Any, reference: Any):
        super().__init__()
        self._ray, self._reference = ray, reference
        reference.future().add_done_callback(self._take)

    def cancel(self) -> bool:
        """Cancels it also where it runs already."""
        if not self.done():
            self._ray.cancel(self._reference, force=True)
        return super().cancel()

    def _take(self, told: Future[Any]) -> None:
        if not self.set_running_or_notify_cancel():
            return
        error, errors = told.exception(), self._ray.exceptions
        if error is None:
            self.set_result(told.result())
        elif isinstance(error, errors.RayTaskError):
            self.set_exception(error.cause or error)
        elif isinstance(error, tuple(getattr(errors, n) for n in DEATHS if hasattr(errors, n))):
            reason = str(error).strip().split("\n")[0]
            self.set_exception(Lost(f"{type(error).__name__}: {reason}"))
        else:
            self.set_exception(error)


def _call(fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return fn(*args, **kwargs)


def _connect(ray: Any, address: str | None) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address is None:
        # "local": whatever RAY_ADDRESS says, a Ray of one's own.
        ray.init("local", include_dashboard=False, object_store_memory=OBJECTS, **options)
        return
    where = address.rpartition("://")[2]
    host, colon, port = where.rpartition(":")
    if colon and port.isdigit():
        try:  # Ray itself waits for a minute and more, and writes pages
            socket.create_connection((host.strip("[]"), int(port)), ANSWERS).close()
        except OSError as error:
            raise ConnectionError(f"no Ray cluster answers at {address}: {error}") from None
    try:
        ray.init(address, **options)
    except ConnectionError as error:
        reason = str(error).strip().split("\n")[0]
        raise ConnectionError(f"no Ray cluster answers at {address}: {reason}") from None
