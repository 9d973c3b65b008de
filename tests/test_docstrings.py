"""Public docstrings are complete: parameters, returns, errors, examples, attributes of results."""

import doctest
import inspect
from itertools import pairwise

import pytest

from lyapax.systems.base import System

from .test_boundary import RESULTS, public

OF_SYSTEMS = set(vars(System)) | {"propagator"}  # said once, where the protocol is
# Methods are looked at with their class.
PUBLIC = {name: value for name, value in public().items() if "." not in name}


def sections(value):
    lines = (inspect.getdoc(value) or "").splitlines()
    return {head for head, line in pairwise(lines) if line and set(line) == {"-"}}


def test_all_that_is_public_is_seen():
    assert {"lyapunov_spectrum", "RateNetwork", "Region", "lorenz96_of", "Status"} <= set(PUBLIC)
    assert set(PUBLIC) >= RESULTS


@pytest.mark.parametrize("name", PUBLIC)
def test_sections(name):
    value = PUBLIC[name]
    if name in RESULTS:
        needed = {"Attributes", "Examples"}
    elif inspect.isclass(value):
        needed = {"Parameters", "Raises", "Examples"}
    else:
        needed = {"Parameters", "Returns", "Raises", "Examples"}
        if inspect.signature(value).return_annotation in (None, "None"):
            needed -= {"Returns"}
    assert needed <= sections(value), needed - sections(value)


@pytest.mark.parametrize("name", PUBLIC)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    runner = doctest.DocTestRunner(verbose=False)
    for test in doctest.DocTestFinder().find(PUBLIC[name], name, globs={}):
        runner.run(test)
    found = runner.summarize(verbose=False)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("name", [n for n, v in PUBLIC.items() if inspect.isclass(v)])
def test_methods_and_properties(name):
    kind, silent = PUBLIC[name], []
    for key in dir(kind):
        of = next((k for k in kind.__mro__ if key in vars(k)), object)
        if key.startswith("_") or not of.__module__.startswith("lyapax") or key in OF_SYSTEMS:
            continue
        value = vars(of)[key]
        value = getattr(value, "func", getattr(value, "__func__", value))
        speaks = isinstance(value, property) or inspect.isfunction(value)
        if speaks and not (value.__doc__ or "").strip():
            silent.append(key)
    assert not silent


@pytest.mark.parametrize("name", sorted(n for n in RESULTS if n not in ("Status", "Interrupted")))
def test_attributes_of_results_are_named(name):
    text = inspect.getdoc(PUBLIC[name]) or ""
    for key in inspect.get_annotations(PUBLIC[name]):
        assert key.startswith("_") or key in text, key
