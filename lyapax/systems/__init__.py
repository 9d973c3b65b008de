"""What is analysed: rate and recurrent networks, a user's function, a library of known systems."""

from .function import Flow as Flow
from .function import Map as Map
from .library import SYSTEMS as library
from .library import KnownSystem as KnownSystem
from .library import kuramoto_sivashinsky_of as kuramoto_sivashinsky_of
from .library import lorenz96_of as lorenz96_of
from .network import Network as Network
from .network_library import NETWORKS as networks
from .network_library import KnownNetwork as KnownNetwork
from .rate import RateNetwork as RateNetwork
from .recurrent import GRU as GRU
from .recurrent import LSTM as LSTM
from .recurrent import RNN as RNN

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Flow",
    "KnownNetwork",
    "KnownSystem",
    "Map",
    "Network",
    "RateNetwork",
    "kuramoto_sivashinsky_of",
    "library",
    "lorenz96_of",
    "networks",
]
