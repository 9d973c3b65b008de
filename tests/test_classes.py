"""A tenth of the catalogue of known classes, and a share of the networks at rest."""

from dataclasses import replace

import numpy as np
import pytest

from .catalogue import fixed_point_coverage, judge, maps
from .catalogue.everything import catalogue, written
from .catalogue.long_runs import judged, polynomial, stored
from .catalogue.polynomial import monomials

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


@pytest.mark.slow
def test_long_runs_know_exact_exponents():
    """The program that tells classes: ln s of the tent map, 0 and -2 g of the Hopf normal form."""
    every = {b.name: b for b in written()}
    tent = replace(every["tent map"].take([5, 20]), f=maps.tent, search=1, times=512)
    for slope, fact in zip(tent.params["s"], judged(tent), strict=True):
        assert fact["class"] == "chaotic"
        np.testing.assert_allclose(fact["exponents"], np.log(slope), atol=1e-5)
    hopf = every["Hopf normal form"].take([13])
    order = monomials(2, 3)
    hopf = replace(hopf, f=polynomial, order=order, search=2, times=256, initial=hopf.initial[0])
    (fact,) = judged(hopf)
    growth = hopf.params["c"][0, 0, order.index((1, 0))]
    assert fact["class"] == "limit cycle"
    np.testing.assert_allclose(fact["exponents"], [0, -2 * growth], atol=2e-3)
