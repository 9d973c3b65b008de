"""All batches of the catalogue."""

from dataclasses import replace
from functools import cache

from . import conservative, critical, driven, fixed_points, flows, maps, networks, tori, unbounded
from .batch import Batch
from .long_runs import stored

FILES = (
    fixed_points, networks, flows, maps, tori, driven, conservative, unbounded, critical,
)


@cache
def written() -> tuple[Batch, ...]:
    """Every batch, those included whose classes a long run tells."""
    return tuple(b for file in FILES for b in file.batches())


def searched() -> list[Batch]:
    """Batches whose classes a long run tells."""
    return [b for b in written() if b.search]


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
