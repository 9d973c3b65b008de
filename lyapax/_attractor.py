"""The class of an attractor, and the sentence that says what it rests on."""

from dataclasses import dataclass

import numpy as np

from ._motion import Motion

UNDETERMINED = "undetermined"
RANDOM = SINK, STRANGE = "random sink", "random strange attractor"
STRAYED = "the state moves and did not come back: measure 4 times longer"
TURNED_FEW = "the orbit turned less than 30 times: measure 4 times longer"


@dataclass(frozen=True)
class Case:
    """What the class of one member depends on.

    Signs as from `statistics.signs`, descending; 3 for one that is zero or negative.
    """

    signs: tuple[int, ...]
    dim: int
    is_flow: bool
    is_driven: bool
    motion: Motion
    period: int
    preserving: bool  # volume
    changed: bool  # an exponent that matters differs before and after some time
    lost: bool
    is_noisy: bool = False
    circles: bool = False  # all variables are angles, so a torus may fill the phase space

    @property
    def positive(self) -> int:
        return self.signs.count(1)

    @property
    def zero(self) -> int:
        return self.signs.count(0)


def classify(case: Case) -> tuple[str, str]:
    """(class, evidence)."""
    for judge in (_unbounded_or_lost, _random, _at_rest, _chaotic, _regular):
        verdict = judge(case)
        if verdict is not None:
            return verdict
    raise AssertionError(case)


def _unbounded_or_lost(case: Case) -> tuple[str, str] | None:
    if case.lost:
        return UNDETERMINED, "the state left the floating-point numbers"
    if case.motion == Motion.GROWS:
        return "unbounded", "the state keeps growing, so there is no attractor"
    if case.motion == Motion.STOPS:
        return UNDETERMINED, (
            "the state stands on a saddle that it could only reach by underflow: heteroclinic, or "
            "a transient"
        )
    return None


def _random(case: Case) -> tuple[str, str] | None:
    """Under noise, which leaves a direction neutral at most; as in random dynamical systems."""
    if not case.is_noisy or case.changed:
        return None
    if case.signs[0] == 1:
        return STRANGE, "noise, and the leading exponent is positive"
    if case.signs[0] == -1:
        return SINK, "noise, and all exponents are negative"
    if case.signs[0] == 0:
        return UNDETERMINED, (
            "the leading exponent is zero: the noise leaves a direction neutral, or is too weak to "
            "show"
        )
    return UNDETERMINED, "the leading exponent is not clearly signed: measure 4 times longer"


def _at_rest(case: Case) -> tuple[str, str] | None:
    resting = (Motion.RESTS, Motion.CENTRE)
    if case.motion not in (*resting, Motion.SETTLES, Motion.SETTLES_SLOWLY):
        return None
    flow_or_one = case.is_flow or case.period <= 1
    name = "fixed point" if flow_or_one else "periodic orbit"
    steps = "" if flow_or_one else f" ({case.period})"
    where = "the state is at rest" if flow_or_one else "the state comes back exactly"
    if case.motion not in resting:
        where = f"the state approaches a {name}"
    if case.positive:
        return f"unstable {name}{steps}", f"{where}, and an exponent is positive"
    if case.motion == Motion.SETTLES_SLOWLY:
        return f"critical {name}{steps}", (
            f"{where} whose leading exponent is zero, by a power of the time"
        )
    if 2 in case.signs or 3 in case.signs:
        return UNDETERMINED, f"{where}, but an exponent is neither zero nor clearly signed"
    turning = case.motion == Motion.CENTRE
    if case.zero and (case.preserving or turning) and case.zero == len(case.signs) == case.dim:
        return f"elliptic {name}{steps}", f"{where}, and all exponents are zero"
    if turning:
        return f"critical {name}{steps}", (
            f"{where}, and what turns around it neither grows nor decays"
        )
    if case.zero and flow_or_one:
        return "continuum of fixed points", f"{where}, and {case.zero} exponents are zero"
    if case.zero:
        return UNDETERMINED, f"{where}, and {case.zero} exponents are zero"
    return f"{name}{steps}", f"{where}, and all exponents are negative"


def _chaotic(case: Case) -> tuple[str, str] | None:
    if case.changed:
        return UNDETERMINED, "the run changed {when}: a longer transient is needed"
    leading = case.signs[: case.positive + case.zero + 1]
    if case.positive > 1 and not _lacks_zero(case):
        return "hyperchaotic", f"{case.positive} exponents are positive"
    # Of a chaotic attractor it does not matter which exponents are zero and which negative.
    open_ = [j for j, s in enumerate(leading, 1) if s == 2 or (s == 3 and not case.positive)]
    if open_:
        return UNDETERMINED, (
            f"exponent {open_[0]} is neither zero nor clearly signed: measure 4 times longer"
        )
    if not case.positive:
        return None
    if _lacks_zero(case):
        return UNDETERMINED, (
            "a bounded flow that moves has a zero exponent, and none was found: halve dt, or "
            "measure longer"
        )
    return "chaotic", "one exponent is positive"


def _lacks_zero(case: Case) -> bool:
    """Whether an autonomous flow moves and has no exponent that may be zero, though it should."""
    if not case.is_flow or case.is_driven:
        return False
    whole = -1 in case.signs or len(case.signs) == case.dim
    return whole and not {0, 2, 3} & set(case.signs)


def _regular(case: Case) -> tuple[str, str]:
    zero = case.zero
    if zero == 0:
        if case.is_driven:
            return "stable response", (
                "all exponents are negative: the state follows its drive, which sets the phase; "
                "the zero that a limit cycle has belongs to a phase of its own"
            )
        if case.is_flow:
            return UNDETERMINED, (
                "the state moves though no exponent is zero: halve dt, or measure longer"
            )
        return UNDETERMINED, "all exponents are negative, but the orbit has not come back exactly"
    whole = zero == len(case.signs) and (zero == case.dim or case.dim == 2)
    if case.preserving and whole:
        if case.motion == Motion.STRAYS:
            return UNDETERMINED, STRAYED
        if case.motion == Motion.TURNS_FEW:
            return UNDETERMINED, TURNED_FEW
        return quasiperiodic((case.dim + 1) // 2), f"all {case.dim} exponents are zero"
    if zero == len(case.signs) < case.dim:
        return UNDETERMINED, f"all {zero} exponents are zero: ask for a larger k"
    if zero == len(case.signs) and not case.circles and case.dim > 1:
        return UNDETERMINED, (
            "all exponents are zero, though volume is not preserved: measure 4 times longer"
        )
    name = torus(zero)
    if not case.is_driven and zero == 1:
        name = "limit cycle" if case.is_flow else "closed curve"
    if case.is_driven or case.motion == Motion.UNKNOWN:
        return name, f"{zero} exponents are zero" if zero > 1 else "one exponent is zero"
    if case.motion == Motion.SPIRALS:
        return UNDETERMINED, (
            "the state turns around a fixed point that attracts it too slowly for this run: "
            "measure 4 times longer"
        )
    if case.motion == Motion.TURNS_FEW:
        return UNDETERMINED, TURNED_FEW
    if case.motion == Motion.STRAYS:
        return UNDETERMINED, STRAYED
    many = f"{zero} exponents are zero" if zero > 1 else "one exponent is zero"
    return name, f"{many}, and the orbit comes back"


def torus(dimension: int) -> str:
    return f"torus of dimension {dimension}"


def quasiperiodic(dimension: int) -> str:
    return f"quasi-periodic (torus of dimension {dimension})"


def verdicts(cases: dict[str, np.ndarray], **common: object) -> tuple[np.ndarray, np.ndarray]:
    """Classes and evidence of a batch: every combination of what they depend on is judged once."""
    signs = cases["signs"]
    table = np.column_stack(
        [signs, *(cases[name] for name in ("motion", "period", "preserving", "changed", "lost"))]
    ).astype(np.int64)
    rows, at = np.unique(table, axis=0, return_inverse=True)
    k = signs.shape[1]
    found = [
        classify(
            Case(
                tuple(int(s) for s in row[:k]),
                motion=Motion(int(row[k])),
                period=int(row[k + 1]),
                preserving=bool(row[k + 2]),
                changed=bool(row[k + 3]),
                lost=bool(row[k + 4]),
                **common,  # type: ignore[arg-type]
            )
        )
        for row in rows
    ]
    names, evidence = (np.array([pair[i] for pair in found], object) for i in range(2))
    return names[at.reshape(-1)], evidence[at.reshape(-1)]
