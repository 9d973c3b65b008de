"""Lyapunov spectra of networks: batched, with an error bar on every exponent."""

from . import distribution as distribution
from . import systems as systems
from .covariant import CovariantVectors as CovariantVectors
from .covariant import covariant_vectors as covariant_vectors
from .ensemble_result import EnsembleSpectrum as EnsembleSpectrum
from .floquet import Floquet as Floquet
from .floquet import floquet as floquet
from .horizon import GradientHorizon as GradientHorizon
from .horizon import gradient_horizon as gradient_horizon
from .interrupted import Interrupted as Interrupted
from .local import local_exponents as local_exponents
from .result import LyapunovSpectrum as LyapunovSpectrum
from .robustness import perturb as perturb
from .robustness import robustness as robustness
from .spectrum import lyapunov_spectrum as lyapunov_spectrum
from .status import Status as Status
from .systems import GRU as GRU
from .systems import LSTM as LSTM
from .systems import RNN as RNN
from .systems import Flow as Flow
from .systems import Map as Map
from .systems import RateNetwork as RateNetwork
from .tangent import Tangents as Tangents
from .tangent import adjoint as adjoint
from .tangent import sensitivity as sensitivity
from .trajectory import Trajectory as Trajectory
from .trajectory import trajectory as trajectory

__version__ = "0.1.0"
