"""What is analysed: rate and recurrent networks, a user's function, a library of known systems."""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from .function import Flow as Flow
    from .function import Map as Map
    from .known_delays import DELAYED as delayed
    from .known_networks import NETWORKS as networks
    from .known_networks import KnownNetwork as KnownNetwork
    from .known_systems import SYSTEMS as library
    from .known_systems import KnownSystem as KnownSystem
    from .known_systems import kuramoto_sivashinsky_of as kuramoto_sivashinsky_of
    from .known_systems import lorenz96_of as lorenz96_of
    from .network import Network as Network
    from .of_complex import complex_flow as complex_flow
    from .of_complex import complex_map as complex_map
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
    "complex_flow",
    "complex_map",
    "delayed",
    "kuramoto_sivashinsky_of",
    "library",
    "lorenz96_of",
    "networks",
]

# Where each of them is: loaded at its first use, since SymPy takes half a second.
_HOME = {
    "Flow": ("function", "Flow"),
    "GRU": ("recurrent", "GRU"),
    "KnownNetwork": ("known_networks", "KnownNetwork"),
    "KnownSystem": ("known_systems", "KnownSystem"),
    "LSTM": ("recurrent", "LSTM"),
    "Map": ("function", "Map"),
    "Network": ("network", "Network"),
    "RNN": ("recurrent", "RNN"),
    "RateNetwork": ("rate", "RateNetwork"),
    "complex_flow": ("of_complex", "complex_flow"),
    "complex_map": ("of_complex", "complex_map"),
    "delayed": ("known_delays", "DELAYED"),
    "kuramoto_sivashinsky_of": ("known_systems", "kuramoto_sivashinsky_of"),
    "library": ("known_systems", "SYSTEMS"),
    "lorenz96_of": ("known_systems", "lorenz96_of"),
    "networks": ("known_networks", "NETWORKS"),
}


def __getattr__(name: str) -> _Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, original = _HOME[name]
    return getattr(_importlib.import_module(f".{module}", __name__), original)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
