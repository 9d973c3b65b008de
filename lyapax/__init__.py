"""Lyapunov spectra of networks: batched, with an error bar on every exponent."""

from . import systems as systems
from .result import LyapunovSpectrum as LyapunovSpectrum
from .result import Status as Status
from .spectrum import lyapunov_spectrum as lyapunov_spectrum
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
