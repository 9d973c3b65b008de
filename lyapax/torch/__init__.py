"""For training scripts in PyTorch; needs the extra ``torch``."""

from .._distribution import hint as _hint

try:
    import torch as _torch  # noqa: F401
except ImportError as error:  # pragma: no cover - tested in a process without torch
    raise ImportError(f"lyapax.torch needs PyTorch: {_hint('torch')} (or torch itself)") from error

from .differentiable import lyapunov_exponents as lyapunov_exponents
from .initialize import pta_init_ as pta_init_
from .monitor import LyapunovMonitor as LyapunovMonitor
from .report import pta_report as pta_report
from .spectra import spectrum as spectrum

__all__ = ["LyapunovMonitor", "lyapunov_exponents", "pta_init_", "pta_report", "spectrum"]
