"""Lyapunov spectra of networks: batched, with an error bar on every exponent."""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from . import _distribution as _distribution
from . import systems as systems
from ._covariant import CovariantVectors as CovariantVectors
from ._covariant import covariant_vectors as covariant_vectors
from ._ensemble_result import EnsembleSpectrum as EnsembleSpectrum
from ._floquet import Floquet as Floquet
from ._floquet import floquet as floquet
from ._horizon import GradientHorizon as GradientHorizon
from ._horizon import gradient_horizon as gradient_horizon
from ._interrupted import Interrupted as Interrupted
from ._local import local_exponents as local_exponents
from ._result import LyapunovSpectrum as LyapunovSpectrum
from ._robustness import perturb as perturb
from ._robustness import robustness as robustness
from ._spectrum import lyapunov_spectrum as lyapunov_spectrum
from ._status import Status as Status
from ._tangent import Tangents as Tangents
from ._tangent import adjoint as adjoint
from ._tangent import sensitivity as sensitivity
from ._trajectory import Trajectory as Trajectory
from ._trajectory import trajectory as trajectory
from ._weights import read_weights as read_weights

if _TYPE_CHECKING:
    from . import pta as pta
    from . import torch as torch
    from ._sweep import RayExecutor as RayExecutor
    from ._sweep import sweep as sweep
    from .systems import GRU as GRU
    from .systems import LSTM as LSTM
    from .systems import RNN as RNN
    from .systems import Flow as Flow
    from .systems import Map as Map
    from .systems import Network as Network
    from .systems import RateNetwork as RateNetwork
    from .systems import complex_flow as complex_flow
    from .systems import complex_map as complex_map

__version__ = "0.1.0"


_SYSTEMS = (
    "GRU", "LSTM", "RNN", "Flow", "Map", "Network", "RateNetwork", "complex_flow", "complex_map",
)  # fmt: skip


def __getattr__(name: str) -> _Any:
    """Import what is heavy at its first use: PyTorch takes seconds, SymPy half of one."""
    if name in ("pta", "torch"):
        return _importlib.import_module(f".{name}", __name__)
    if name in _SYSTEMS:
        return getattr(systems, name)
    if name in ("RayExecutor", "sweep"):
        return getattr(_importlib.import_module("._sweep", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SYSTEMS, "pta", "sweep", "torch"})
