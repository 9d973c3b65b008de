"""Runs batches and counts verdicts: right, undetermined, or wrong with confidence."""

import re
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .batch import Batch


@dataclass(frozen=True)
class Verdict:
    """What was said of one case."""

    batch: Batch
    member: int
    said: str
    exponents: Any
    stderr: Any
    sign: Any
    evidence: str
    half: str

    @property
    def name(self) -> str:
        return f"{self.batch.name} [{self.member}]"

    @property
    def expected(self) -> str:
        return self.batch.expected[self.member]

    @property
    def outcome(self) -> str:
        """right, undetermined, open (undetermined, as it may be), wrong or hard."""
        accepted = self.expected.split(" | ")
        if self.said in accepted:
            return "right"
        if self.said.startswith("undetermined") or "or undetermined" in self.said:
            if "undetermined" in accepted:
                return "right"
            return "open" if self.batch.open[self.member] else "undetermined"
        return "hard" if self.batch.hard[self.member] else "wrong"

    @property
    def miscounted(self) -> bool:
        """Whether more or fewer exponents are called zero or positive than there are."""
        if (self.sign == 2).any() or len(self.sign) < self.batch_dim:
            return False
        zeros, positives = expected_counts(self.batch, self.member)
        wrong = zeros >= 0 and int((self.sign == 0).sum()) != zeros
        return wrong or (positives >= 0 and int((self.sign == 1).sum()) != positives)

    @property
    def batch_dim(self) -> int:
        return len(self.sign)


def expected_counts(batch: Batch, member: int) -> tuple[int, int]:
    """Numbers of zero and positive exponents that a class has, -1 where it says nothing."""
    if batch.zeros[member] >= 0 or batch.positives[member] >= 0:
        return batch.zeros[member], batch.positives[member]
    said = batch.expected[member]
    is_flow = batch.dt is not None
    if batch.preserving and said == "chaotic":
        return 2 * batch.preserving - 2, 1
    if found := re.fullmatch(r"quasi-periodic \(torus of dimension (\d+)\)", said):
        return 2 * int(found[1]), 0
    if found := re.fullmatch(r"torus of dimension (\d+)", said):
        return int(found[1]), 0
    simple = {
        "fixed point": (0, 0), "limit cycle": (1, 0), "closed curve": (1, 0),
        "stable response": (0, 0), "chaotic": (1 if is_flow and not batch.driven else -1, 1),
    }
    if said.startswith("periodic orbit"):
        return 0, 0
    return simple.get(said, (-1, -1))


def chosen(
    batches: Iterable[Batch], *, share: int = 1, family: str | None = None, half: str | None = None
) -> Iterator[tuple[Batch, list[str]]]:
    """Batches with the members of a share, a family or a half, and the half of each member.

    Members of a family are counted through all its batches: even ones are for tuning, odd ones are
    held out. A share of s has about an s-th of each family from few of its batches, since each of
    them compiles.
    """
    batches = list(batches)
    left: dict[str, float] = {}  # members that a family still has to give
    for b in batches:
        left[b.family] = left.get(b.family, 0.0) + len(b) / share
    counts: dict[str, int] = {}
    for b in batches:
        # An odd step, so that both halves are met.
        step = 2 * int(len(b) / max(1.0, left[b.family]) / 2) + 1
        members, halves = [], []
        for i in range(len(b)):
            place = counts.get(b.family, 0)
            counts[b.family] = place + 1
            belongs = "held" if place % 2 else "tune"
            wanted = family in (None, b.family) and half in (None, belongs)
            if wanted and left[b.family] > 0 and place % step == 0:
                members.append(i)
                halves.append(belongs)
        left[b.family] -= len(members) if share > 1 else 0
        if members:
            yield b.take(members), halves


def judged(batch: Batch, halves: list[str]) -> list[Verdict]:
    """Verdicts of all members of a batch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = batch.run()
    said = np.atleast_1d(np.asarray(spec.attractor, object))
    evidence = getattr(spec, "evidence", None)
    why = np.atleast_1d(np.asarray(evidence if evidence is not None else "", object))
    why = np.broadcast_to(why, said.shape)

    def rows(values: Any) -> Any:
        return np.asarray(values).reshape(len(said), -1)

    return [
        Verdict(batch, i, str(said[i]), rows(spec.exponents)[i], rows(spec.stderr)[i],
                rows(spec.sign)[i], str(why[i]), halves[i])
        for i in range(len(said))
    ]


@dataclass
class Tally:
    right: int = 0
    undetermined: int = 0
    open: int = 0
    wrong: int = 0
    hard: int = 0
    seconds: float = 0.0

    @property
    def counted(self) -> int:
        """Cases that the bars are of: not the ones that may be undetermined and are, nor hard."""
        return self.right + self.undetermined + self.wrong

    def add(self, outcome: str) -> None:
        setattr(self, outcome, getattr(self, outcome) + 1)


def told(verdict: Verdict) -> str:
    """A line about a case that is not right."""
    pairs = ", ".join(
        f"{e:.4g}({s:.1g}){'-0+?'[int(g) + 1]}" for e, s, g in
        zip(verdict.exponents[:6], verdict.stderr[:6], verdict.sign[:6], strict=True)
    )
    why = f"; {verdict.evidence}" if verdict.evidence else ""
    return (
        f"{verdict.outcome}: {verdict.batch.family}: {verdict.name} ({verdict.half}): "
        f"{verdict.expected}, said {verdict.said}; {pairs}{why}"
    )


def run(chosen_batches: Iterable[tuple[Batch, list[str]]], say: Any = print) -> dict[str, Tally]:
    """Tallies by family; `say` gets a line about each case that is not right."""
    tallies: dict[str, Tally] = {}
    for batch, halves in chosen_batches:
        begun = time.perf_counter()
        tally = tallies.setdefault(batch.family, Tally())
        try:
            verdicts = judged(batch, halves)
        except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
            say(f"error: {batch.family}: {batch.name}: {type(error).__name__}: {error}")
            tally.undetermined += len(batch)
            continue
        finally:
            seconds = time.perf_counter() - begun
            tally.seconds += seconds
            say(f"# {batch.family}: {batch.name}: {len(batch)} in {seconds:.1f} s")
        for verdict in verdicts:
            tally.add(verdict.outcome)
            if verdict.outcome not in ("right", "open"):
                say(told(verdict))
            if verdict.outcome == "right" and verdict.miscounted:
                say(told(verdict).replace("right:", "counts:", 1))
    return tallies


def table(tallies: dict[str, Tally]) -> str:
    """Markdown, one row a family."""
    total = Tally()
    lines = [
        "| family | cases | right | undetermined | wrong | may be undetermined | hard | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, t in [*tallies.items(), ("all", total)]:
        cases = t.counted + t.open + t.hard
        lines.append(
            f"| {name} | {cases} | {t.right} | {t.undetermined} | {t.wrong} | {t.open} | {t.hard} "
            f"| {t.seconds:.0f} |"
        )
        if t is not total:
            for field in ("right", "undetermined", "open", "wrong", "hard", "seconds"):
                setattr(total, field, getattr(total, field) + getattr(t, field))
    counted = max(total.counted, 1)
    lines.append("")
    lines.append(
        f"Wrong with confidence: {100 * total.wrong / counted:.2f} % of {counted}; undetermined: "
        f"{100 * total.undetermined / counted:.2f} %."
    )
    return "\n".join(lines)
