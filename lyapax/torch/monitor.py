"""Leading exponents along training."""

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import _check
from .._check import Array
from .leading import leading
from .read import recurrent_parts, to_array, up_to_date, weight_names


class LyapunovMonitor:
    r"""Leading exponents of a module's recurrent layers, every so many steps of training.

    How far learning signals travel is the gradient horizon :math:`1 / |\lambda_1|`, in steps. It is
    a lower bound, :math:`1 / \max(|\lambda_1|, \mathrm{error})`, when the exponent counts as zero.
    Training is not touched: its curve is the same, to the bit, with and without a monitor. A model
    whose weights are no longer finite, or whose orbit diverges, is seen as NaN.

    Parameters
    ----------
    module : torch.nn.Module
        Every `nn.RNN`, `nn.GRU`, `nn.LSTM` and cell in it is looked at, by itself; of a subclass
        with a forward of its own nothing is known. What `torch.compile`, DataParallel or
        DistributedDataParallel wrapped is taken out.
    inputs : tensor, optional
        A batch of sequences that drives the layer, as in `lyapax.torch.spectrum`, kept as it is
        now; the module must then have a single recurrent part, and these must be what that part
        sees. Without it, layers
        run by themselves, on zeros: the exponents of a driven network differ.
    every : int
        Training steps from one look to the next. At the default a look costs less than 5 % of
        training (bench/results/monitor.md). The first look is taken at once, and compiles or loads
        kernels: 1 to 20 s.
    k : int
        How many exponents.
    steps : int
        Measured steps of an autonomous run, after as many again for transient and alignment.
    near : float
        Exponents below it in size count as near zero.

    Raises
    ------
    TypeError, ValueError
        If there is no recurrent layer, or one that has no spectrum; if an argument is wrong.

    Examples
    --------
    >>> import torch
    >>> from lyapax.torch import LyapunovMonitor
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.GRU(2, 16)
    >>> monitor = LyapunovMonitor(model, every=2, k=2)
    >>> for step in range(4):  # of training; the optimizer's work would come first
    ...     monitor.step()
    >>> sorted(monitor.log())
    ['lyapunov/horizon', 'lyapunov/horizon_is_bound', 'lyapunov/lambda_1', 'lyapunov/near_zero']
    >>> [step for step, _ in monitor.history]
    [0, 2, 4]
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: Any = None,
        *,
        every: int = 200,
        k: int = 8,
        steps: int = 400,
        near: float = 0.01,
    ):
        parts = recurrent_parts(module, inputs)
        self.near = _check.positive(near, "near")
        self.every, self.k = _check.count(every, "every"), _check.count(k, "k")
        self.steps = _check.count(steps, "steps", low=2)
        self.inputs = inputs
        if inputs is not None:
            self.inputs = (
                inputs.detach().clone()
                if torch.is_tensor(inputs)
                else _check.real_array(to_array(inputs, "inputs"), "inputs")
            )
        self.taken = 0
        #: (training step, what `log` returned then), one for each look
        self.history: list[tuple[int, dict[str, float]]] = []
        single = len(parts) == 1
        self._parts = {"" if single else f"{name}/": part for name, part in parts.items()}
        self.look()

    def step(self) -> None:
        """Take note of a training step; call it after each."""
        self.taken += 1
        if self.taken % self.every == 0:
            self.look()

    def look(self) -> dict[str, float]:
        """Now, whatever the step. Ctrl-C goes through to the training script; no look is kept."""
        found: dict[str, float] = {}
        for name, part in self._parts.items():
            for key, value in self._look(part).items():
                found[f"lyapunov/{name}{key}"] = value
        self.history.append((self.taken, found))
        return found

    def log(self) -> dict[str, float]:
        """The latest look.

        Keys, after ``lyapunov/`` and, where there are several, the layer and the direction:
        lambda_1; near_zero, of the k exponents; horizon, in steps, and whether it is a lower bound.
        """
        return dict(self.history[-1][1])

    def _look(self, part: Any) -> dict[str, float]:
        with torch.no_grad():
            part = up_to_date(part)
            weights = [getattr(part, name) for name in weight_names(part)]
        if not all(np.isfinite(to_array(weight, "module")).all() for weight in weights):
            return self._summary(np.full(1, np.nan), np.full(1, np.nan), np.zeros(1, bool))
        run: dict[str, Any] = {}
        if self.inputs is None:
            half = math.ceil(self.steps / 2)
            run = {"duration": self.steps, "transient": half, "alignment": half}
        found = leading(part, self.inputs, self.k, progress=False, **run)
        return {
            f"{own.direction}/{key}".lstrip("/"): value
            for own in found
            for key, value in self._summary(*own[1:]).items()
        }

    def _summary(self, exponents: Array, stderr: Array, zero: Array) -> dict[str, float]:
        first, error = float(exponents[0]), float(stderr[0])
        reach = max(abs(first), error if math.isfinite(error) else 0.0)
        horizon = math.nan if math.isnan(first) else 1.0 / reach if reach > 0 else math.inf
        return {
            "lambda_1": first,
            "near_zero": int((abs(exponents) < self.near).sum()),
            "horizon": horizon,
            "horizon_is_bound": bool(zero[0]),
        }

    def callback(self) -> Any:
        """A callback for Lightning's Trainer: looks after training batches, and logs.

        Raises
        ------
        ImportError
            If neither `lightning` nor `pytorch_lightning` is installed.
        """
        return lightning_callback(self)


def lightning_callback(monitor: LyapunovMonitor) -> Any:
    try:
        from lightning.pytorch import Callback
    except ImportError:
        try:
            from pytorch_lightning import Callback
        except ImportError as error:
            raise ImportError(
                "callback needs Lightning: pip install lightning; without it call monitor.step() "
                "after each training step"
            ) from error

    class LyapunovCallback(Callback):  # type: ignore[misc]
        def __reduce__(self) -> Any:  # its class has no name to be found by
            return lightning_callback, (monitor,)

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *batch: Any) -> None:
            looks = len(monitor.history)
            monitor.step()
            if len(monitor.history) > looks:
                values = {key: float(value) for key, value in monitor.log().items()}
                pl_module.log_dict(values)

    return LyapunovCallback()
