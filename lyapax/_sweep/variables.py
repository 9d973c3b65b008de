"""What is kept of each point."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _attractor as attractor
from .._check import Array
from .._result import LyapunovSpectrum
from .._status import Status

KINDS = (
    attractor.UNDETERMINED, "unbounded", "chaotic", "hyperchaotic", "stable response",
    "limit cycle", "closed curve", "continuum of fixed points",
    *(
        f"{prefix}{what}"
        for what in ("fixed point", "periodic orbit")
        for prefix in ("", "unstable ", "critical ", "elliptic ")
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Variable:
    """An array of all points, with an axis of exponents or without."""

    name: str
    dtype: str
    fill: float  # of points that are not measured
    each: bool  # whether each exponent has one
    words: str
    of: Callable[[LyapunovSpectrum], ArrayLike]

    def attributes(self, k: int, dim: int) -> dict[str, object]:
        """What it is; by the CF conventions, where its values stand for words."""
        found: dict[str, object] = {"long_name": self.words}
        if self.name == "attractor":
            meanings = kinds(k, dim)
            found["flag_values"] = list(range(len(meanings)))
            found["flag_meanings"] = " ".join(meaning.replace(" ", "_") for meaning in meanings)
        return found


def kinds(k: int, dim: int) -> list[str]:
    """Classes of attractors; their places are the values of the variable."""
    tori = [attractor.torus(d) for d in range(1, k + 1)]
    quasiperiodic = attractor.quasiperiodic((dim + 1) // 2)
    return [*KINDS, *tori, quasiperiodic, *attractor.RANDOM]


def _codes(spec: LyapunovSpectrum) -> NDArray[np.int16]:
    known = {name: code for code, name in enumerate(kinds(spec.k, spec.dim))}
    found = np.asarray(spec.attractor, object).ravel()
    # The period of an orbit is a variable of its own.
    codes = [known[name.split(" (")[0] if "orbit (" in name else name] for name in found]
    return np.array(codes, np.int16).reshape(spec.shape)


VARIABLES = (
    Variable("exponents", "f8", np.nan, True, "Lyapunov exponents, descending",
             lambda s: s.exponents),
    Variable("stderr", "f8", np.nan, True, "their standard errors", lambda s: s.stderr),
    Variable("sign", "i1", 2, True, "1, 0, -1; 2 where it is open", lambda s: s.sign),
    Variable("status", "i1", int(Status.UNMEASURED), True, "as lyapax.Status", lambda s: s.status),
    Variable("n_positive", "i4", -1, False, "positive exponents", lambda s: s.n_positive),
    Variable("n_zero", "i4", -1, False, "zero exponents", lambda s: s.n_zero),
    Variable("attractor", "i2", -1, False, "class of the attractor", _codes),
    Variable("period", "i4", -1, False, "of a periodic orbit of a map, else 0",
             lambda s: s.period),
    Variable("kaplan_yorke", "f8", np.nan, False, "dimension", lambda s: s.kaplan_yorke),
    Variable("kaplan_yorke_stderr", "f8", np.nan, False, "its standard error",
             lambda s: s.kaplan_yorke_stderr),
    Variable("entropy", "f8", np.nan, False, "sum of positive exponents", lambda s: s.entropy),
    Variable("entropy_stderr", "f8", np.nan, False, "its standard error",
             lambda s: s.entropy_stderr),
    Variable("measured", "?", False, False, "whether it was measured, and not interpolated",
             lambda s: np.ones(s.shape, bool)),
)  # fmt: skip


def values(spec: LyapunovSpectrum) -> dict[str, Array]:
    """The variables of a result, points along the first axis."""
    return {v.name: np.asarray(v.of(spec), v.dtype) for v in VARIABLES}


def unmeasured(shape: tuple[int, ...], k: int) -> dict[str, Array]:
    """The variables of points that are not measured."""
    return {v.name: np.full((*shape, k) if v.each else shape, v.fill, v.dtype) for v in VARIABLES}
