"""All batches of the catalogue."""

from collections.abc import Iterator
from dataclasses import replace

from . import (
    conservative,
    critical,
    driven,
    fixed_points,
    flows,
    maps,
    networks,
    tori,
    unbounded,
)  # fmt: skip
from .batch import Batch
from .long_runs import stored

FILES = (
    fixed_points, networks, flows, maps, tori, driven, conservative, unbounded, critical,
)  # fmt: skip


def written() -> Iterator[Batch]:
    for file in FILES:
        yield from file.batches()


def searched() -> Iterator[Batch]:
    """Batches whose classes a long run tells."""
    return (b for b in written() if b.search)


def catalogue() -> list[Batch]:
    """Every batch with known classes; members that no long run could tell are left out."""
    known, found = stored(), []
    for b in written():
        if b.search:
            classes = [fact["class"] for fact in known.get(b.name, [])]
            told = [i for i, c in enumerate(classes) if c]
            if not told:
                continue
            facts = known[b.name]
            hard = tuple(facts[i].get("hard", False) for i in told)
            b = replace(b.take(told), expected=tuple(classes[i] for i in told), hard=hard)
        found.append(b)
    return found
