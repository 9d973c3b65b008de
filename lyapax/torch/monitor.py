"""Leading exponents along training."""

import math
from typing import Any

from torch import nn

from .. import _check
from .._check import Array
from .read import is_recurrent
from .spectra import spectrum


class LyapunovMonitor:
    r"""Leading exponents of a module's recurrent layers, every so many steps of training.

    How far learning signals travel is the gradient horizon :math:`1 / |\lambda_1|`, in steps. It is
    a lower bound, :math:`1 / \max(|\lambda_1|, \mathrm{error})`, when the exponent counts as zero.
    Training is not touched: its curve is the same, to the bit, with and without a monitor.

    Parameters
    ----------
    module : torch.nn.Module
        Every `nn.RNN`, `nn.GRU`, `nn.LSTM` and cell in it is looked at, by itself.
    inputs : tensor, optional
        A batch of sequences that drives the layer, as in `lyapax.torch.spectrum`; the module must
        then have a single recurrent part, and these must be what that part sees. Without it, layers
        run by themselves.
    every : int
        Training steps from one look to the next. At the default a look costs less than 5 % of
        training (bench/results/monitor.md); the first one compiles or loads kernels, 1 to 20 s.
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
    [2, 4]
    """

    def __init__(
        self, module: nn.Module, inputs: Any = None, *, every: int = 200, k: int = 8,
        steps: int = 400, near: float = 0.01,
    ):  # fmt: skip
        if not isinstance(module, nn.Module):
            raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
        parts = {name: part for name, part in module.named_modules() if is_recurrent(part)}
        if not parts:
            raise TypeError(
                "module must have an nn.RNN, nn.GRU, nn.LSTM or one of their cells in it, "
                f"{type(module).__name__} has none"
            )
        if inputs is not None and len(parts) > 1:
            raise ValueError(
                f"inputs must be left out: they would drive one layer, and {len(parts)} were found "
                f"({', '.join(parts)}); monitor one of them"
            )
        self.inputs, self.near = inputs, _check.positive(near, "near")
        self.every, self.k = _check.count(every, "every"), _check.count(k, "k")
        self.steps = _check.count(steps, "steps", low=2)
        self.taken = 0
        #: (training step, what `log` returned then), one for each look
        self.history: list[tuple[int, dict[str, float]]] = []
        single = len(parts) == 1
        self._parts = {"" if single else f"{name}/": part for name, part in parts.items()}

    def step(self) -> None:
        """After each training step."""
        self.taken += 1
        if self.taken % self.every == 0:
            self.look()

    def look(self) -> dict[str, float]:
        """Now, whatever the step."""
        found: dict[str, float] = {}
        for name, part in self._parts.items():
            for key, value in self._look(part).items():
                found[f"lyapunov/{name}{key}"] = value
        self.history.append((self.taken, found))
        return found

    def log(self) -> dict[str, float]:
        """The latest look; empty before the first."""
        return dict(self.history[-1][1]) if self.history else {}

    def _look(self, part: Any) -> dict[str, float]:
        run: dict[str, Any] = {}
        if self.inputs is None:
            half = math.ceil(self.steps / 2)
            run = {"duration": self.steps, "transient": half, "alignment": half}
        spec = spectrum(
            part, self.inputs, k=min(self.k, states(part)), rng=0, progress=False, **run
        )
        exponents, stderr, zero = spec.exponents, spec.stderr, spec.sign == 0
        if self.inputs is not None and exponents.ndim > 1 + direction_axes(part):
            exponents, stderr = spec.pooled()
            zero = abs(exponents) <= 3 * stderr
        if not direction_axes(part):
            return self._summary(exponents, stderr, zero)
        return {
            f"{direction}/{key}": value
            for direction, *own in zip(("forward", "reverse"), exponents, stderr, zero, strict=True)
            for key, value in self._summary(*own).items()
        }

    def _summary(self, exponents: Array, stderr: Array, zero: Any) -> dict[str, float]:
        first, error = float(exponents[0]), float(stderr[0])
        reach = max(abs(first), error if math.isfinite(error) else 0.0)
        return {
            "lambda_1": first,
            "near_zero": int((abs(exponents) < self.near).sum()),
            "horizon": 1.0 / reach if reach > 0 else math.inf,
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


def direction_axes(part: Any) -> int:
    """Axes that the directions of a bidirectional module take."""
    return int(getattr(part, "bidirectional", False))


def states(part: Any) -> int:
    each = 2 if isinstance(part, nn.LSTM | nn.LSTMCell) else 1
    return int(each * getattr(part, "num_layers", 1) * part.hidden_size)


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
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *batch: Any) -> None:
            looks = len(monitor.history)
            monitor.step()
            if len(monitor.history) > looks:
                values = {key: float(value) for key, value in monitor.log().items()}
                pl_module.log_dict(values)

    return LyapunovCallback()
