"""A tenth of the catalogue of known classes, and a share of the networks at rest."""

import numpy as np
import pytest

from .catalogue import fixed_point_coverage, judge
from .catalogue.everything import catalogue, written
from .catalogue.long_runs import stored

SHARE = 10


def test_the_catalogue_is_whole():
    """Names are unique, long runs are stored for all that need them, no family lacks members."""
    batches = list(written())
    names = [b.name for b in batches]
    assert len(set(names)) == len(names)
    known = stored()
    for b in batches:
        if b.search:
            assert len(known[b.name]) == len(b), b.name
    found = catalogue()
    assert sum(map(len, found)) >= 1500
    assert {b.family for b in found} == {b.family for b in batches}


def test_a_share_has_every_family_and_both_halves():
    found = list(catalogue())
    cases = [(b.family, h) for b, halves in judge.chosen(found, share=SHARE) for h in halves]
    assert {family for family, _ in cases} == {b.family for b in found}
    assert 0.06 < len(cases) / sum(map(len, found)) < 0.14
    assert {h for _, h in cases} == {"tune", "held"}


def test_halves_are_disjoint_and_whole():
    def members(**which):
        return sum(len(b) for b, _ in judge.chosen(catalogue(), **which))

    assert members(half="tune") + members(half="held") == members()


@pytest.mark.slow
def test_classes_of_a_share():
    said = []
    tallies = judge.run(judge.chosen(catalogue(), share=SHARE), say=said.append)
    counted = sum(t.counted for t in tallies.values())
    assert sum(t.wrong for t in tallies.values()) == 0, "\n".join(said)
    assert sum(t.undetermined for t in tallies.values()) <= 0.04 * counted, "\n".join(said)


@pytest.mark.slow
def test_classes_of_all():
    said = []
    tallies = judge.run(judge.chosen(catalogue()), say=said.append)
    counted = sum(t.counted for t in tallies.values())
    assert sum(t.wrong for t in tallies.values()) <= 0.002 * counted, "\n".join(said)
    assert sum(t.undetermined for t in tallies.values()) <= 0.04 * counted, "\n".join(said)
    assert tallies["conservative"].wrong == 0, "\n".join(said)


@pytest.mark.slow
@pytest.mark.parametrize("duration", [200.0, 2000.0])
@pytest.mark.parametrize("kind", fixed_point_coverage.KINDS)
def test_errors_cover_eigenvalues_at_rest(kind, duration):
    found = [fixed_point_coverage.measured(kind, n, duration) for n in (1, 5, 20)]
    deviations = np.concatenate([c.of_step.ravel() for c in found])
    assert (deviations <= 2).mean() >= 0.9
    # Errors that cover because they are huge would say nothing.
    assert np.median(np.concatenate([c.stderr.ravel() for c in found])) < 6 / duration
