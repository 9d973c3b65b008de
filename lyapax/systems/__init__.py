"""What is analysed: rate networks, a user's function, a library of known systems."""

from .function import Flow as Flow
from .function import Map as Map
from .library import SYSTEMS as library
from .library import KnownSystem as KnownSystem
from .library import lorenz96_of as lorenz96_of
from .rate import RateNetwork as RateNetwork

__all__ = ["Flow", "KnownSystem", "Map", "RateNetwork", "library", "lorenz96_of"]
