"""What is derived from a graph is read from the disk, is the same there, and is never another's."""

import json

import numpy as np
import pytest
import sympy

import lyapax as lx
from lyapax.kernels.codegen import Graph, statements
from lyapax.kernels.hoist import Hoisted
from lyapax.kernels.stored import described, stored

X, Y, P, T = sympy.symbols("x0 x1 p0 t", real=True)


def graph(*outputs, entries=None):
    return Graph((X, Y), (P,), T, outputs, entries)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LYAPAX_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_made_once_and_read_afterwards(folder):
    one, made = graph(X + P, sympy.sin(Y)), []

    def make():
        made.append(1)
        return ["text", [1, 2]]

    assert stored("word", one, make) == stored("word", one, make) == ["text", [1, 2]]
    assert len(made) == 1
    stored("other", one, make)
    assert len(made) == 2


def test_a_broken_file_is_made_again(folder):
    one = graph(X + P, sympy.sin(Y))
    stored("word", one, lambda: "right")
    (path,) = folder.glob("word_*.json")
    path.write_text('"ri')
    assert stored("word", one, lambda: "right") == "right"
    assert json.loads(path.read_text()) == "right"


def test_a_disk_that_cannot_be_written_to_is_no_error(folder, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("lyapax.kernels.stored.write", full)
    assert stored("word", graph(X, Y), lambda: "made") == "made"


def test_graphs_that_differ_are_told_apart():
    texts = [
        described(g)
        for g in [
            graph(X, Y),
            graph(Y, X),
            graph(X, X),
            graph(X + 1, Y),
            graph(X + sympy.Float(1.0000000000000002), Y),
            graph(X + sympy.Rational(1, 3), Y),
            graph(X + P, Y),
            graph(X + T, Y),
            graph(X, Y, entries=()),
            graph(X, Y, entries=(((0, 0), sympy.S.One),)),
            graph(X, Y, entries=(((0, 1), sympy.S.One),)),
            Graph((X,), (Y, P), T, (X, Y)),
            Graph((X, Y, P), (), T, (X, Y)),
            graph(sympy.sin(X), Y),
            graph(sympy.cos(X), Y),
            graph(X**Y, Y),
            graph(Y**X, Y),
        ]
    ]
    assert len(set(texts)) == len(texts)
    assert described(graph(X + Y, X)) == described(graph(Y + X, X))


def test_a_shared_part_is_written_once():
    deep = X
    for _ in range(60):  # 2^60 parts, were they written each time
        deep = sympy.sin(deep * sympy.cos(deep), evaluate=False)
    assert described(graph(deep, Y)).count("\n") < 300


def test_what_is_read_is_what_is_made(folder):
    def f(x, p):
        return [np.cos(p.a) * np.sin(x[1]) / p.b + x[0] ** 2, np.where(x[0] > p.a, x[1], -p.b)]

    one = lx.Map(f, 2, {"a": 0.3, "b": 2.0}).graph
    first, second = Hoisted(one), Hoisted(one)
    table = np.array([[0.3, 2.0], [0.1, 0.5]])
    assert first.statements == second.statements == statements(first.graph)
    assert len(first.statements.params) > 0
    np.testing.assert_array_equal(first.table_of(table), second.table_of(table))
    assert "_taken_out" not in vars(second)  # nothing was differentiated
