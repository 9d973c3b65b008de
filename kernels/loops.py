"""A large function as a few loops: operations of one form, over arrays of places.

Straight-line code of 10,000 operations compiles for 20 s. A lattice is one site's code over an
array of neighbours, and coupled oscillators are one pair's over an array of pairs: what is compiled
then does not grow with their number.

All values of an evaluation lie in one row: numbers, what the table of parameters has, the state,
the time, and after them the results of the loops, in an order in which each needs earlier ones.
"""

import base64
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from sympy.core.relational import Relational

from .codegen import ARRAYS, NUMPY, PYTHON, Graph, printed
from .expressions import Choice

AT_ONCE = 2**22  # values of all points that are evaluated at once: 32 MB
LARGEST = 8  # operands of one loop's expression; of longer sums and products a loop takes parts
IN_PLACE = (-2, -1, 1, 2)  # numbers that are written into expressions, and do not vary over a loop
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Loop:
    """values[first + i] = expression of values[operands[i]], i < len(operands)."""

    first: int
    operands: Array  # (count, operands of the expression)
    python: str  # of a0, a1, ...
    numpy: str

    def run(self, values: Array) -> None:
        """On the rows of an array."""
        names = {f"a{i}": values[places] for i, places in enumerate(self.operands.T)}
        values[self.first : self.first + len(self.operands)] = eval(self.numpy, {**ARRAYS, **names})


@dataclass(frozen=True)
class Loops:
    """A function's outputs and nonzero Jacobian entries. As `Statements`, but for loops."""

    state: tuple[str, ...]
    numbers: Array
    fixed: tuple[Loop, ...]  # of parameters alone: values are numbers, then parameters
    table: Array  # which of those values the table of parameters has
    loops: tuple[Loop, ...]
    size: int  # of a row of values
    outputs: Array  # places
    entries: tuple[tuple[int, int], ...]  # of the Jacobian, in row order
    slopes: Array  # their places

    def table_of(self, params: Any) -> Any:
        """(members, parameters) as the (members, columns) that the function takes."""
        given = np.asarray(params, float).T
        rows = sum(len(loop.operands) for loop in self.fixed)
        values = np.empty((len(self.numbers) + len(given) + rows, given.shape[1]))
        values[: len(self.numbers)] = self.numbers[:, None]
        values[len(self.numbers) : len(self.numbers) + len(given)] = given
        with np.errstate(all="ignore"):  # what is not finite ends as a status
            for loop in self.fixed:
                loop.run(values)
        return np.ascontiguousarray(values[self.table].T)

    def evaluated(self, t: Any, x: Any, p: Any) -> Array:
        """All values of states (n, ...), a table (columns, ...) and times, which broadcast."""
        shape = np.shape(x)[1:]
        values, place = np.empty((self.size, *shape)), 0
        for part in (self.numbers, np.asarray(p), np.asarray(x), np.asarray(t)[None]):
            values[place : place + len(part)] = _spread(part, shape)
            place += len(part)
        with np.errstate(all="ignore"):
            for loop in self.loops:
                loop.run(values)
        return values

    def outputs_at(self, t: Any, x: Any, p: Any) -> Array:
        """The outputs of states (n, ...) and parameters (parameters, points) of the function."""
        p, shape = self.table_of(p.T).T, np.shape(x)[1:]
        points = math.prod(shape)
        each = max(1, AT_ONCE // max(self.size, 1))
        if points <= each:
            return np.asarray(self.evaluated(t, x, p)[self.outputs])
        t, x, p = (_flat(a, shape) for a in (np.asarray(t)[None], x, p))
        found = np.empty((len(self.outputs), points))
        for i in range(0, points, each):
            some = slice(i, i + each)
            found[:, some] = self.evaluated(t[0, some], x[:, some], p[:, some])[self.outputs]
        return found.reshape(-1, *shape)

    def jacobian(self, t: Any, x: Any, p: Any) -> dict[tuple[int, int], Any]:
        """The nonzero entries at a state."""
        values = self.evaluated(t, np.asarray(x, float), np.asarray(p, float))
        return dict(zip(self.entries, values[self.slopes], strict=True))

    def packed(self) -> list[Any]:
        """As JSON can hold it."""

        def loops(some: tuple[Loop, ...]) -> list[Any]:
            return [[one.first, _text(one.operands), one.python, one.numpy] for one in some]

        numbers = base64.b85encode(self.numbers.tobytes()).decode()
        arrays = [_text(a) for a in (self.table, self.outputs, np.array(self.entries), self.slopes)]
        return [self.state, numbers, loops(self.fixed), loops(self.loops), self.size, *arrays]

    @staticmethod
    def unpacked(packed: list[Any]) -> "Loops":
        state, numbers, fixed, loops, size, *arrays = packed
        table, outputs, entries, slopes = map(_array, arrays)

        def made(some: list[Any]) -> tuple[Loop, ...]:
            return tuple(Loop(first, _array(text), *code) for first, text, *code in some)

        return Loops(
            tuple(state),
            np.frombuffer(base64.b85decode(numbers)),
            made(fixed),
            table,
            made(loops),
            size,
            outputs,
            tuple((int(i), int(j)) for i, j in entries),
            slopes,
        )


def _spread(part: Array, shape: tuple[int, ...]) -> Array:
    """Values (n, ...) whose last axes are the last of `shape`, with the others of length 1."""
    missing = (1,) * (len(shape) + 1 - part.ndim)
    return part.reshape(len(part), *missing, *part.shape[1:])


def _flat(part: Array, shape: tuple[int, ...]) -> Array:
    whole = np.broadcast_to(_spread(part, shape), (len(part), *shape))
    return whole.reshape(len(part), math.prod(shape))


def _text(places: Array) -> list[Any]:
    return [list(places.shape), base64.b85encode(places.astype(np.int32).tobytes()).decode()]


def _array(text: list[Any]) -> Array:
    shape, data = text
    return np.frombuffer(base64.b85decode(data), np.int32).reshape(shape)


def loops_of(graph: Graph) -> Loops:
    """The loops of a graph."""
    return _Maker(graph).made()


class _Part:
    """An expression that has a place of its own."""

    def __init__(self, template: str, numpy: str, operands: list["_Part"], fixed: bool):
        self.python, self.numpy, self.operands, self.fixed = template, numpy, operands, fixed
        self.level: int = 1 + max((o.level for o in operands if o.fixed == fixed), default=-1)
        self.place = -1


class _Maker:
    def __init__(self, graph: Graph):
        self.graph = graph
        self.entries = graph.jacobian()
        self.roots = [*graph.outputs, *self.entries.values()]
        self.varying = {*graph.state, graph.time}
        self.uses = Counter(self.roots)
        self.known: dict[sympy.Basic, _Part] = {}
        self.is_fixed: dict[sympy.Basic, bool] = {}
        self.texts: dict[sympy.Basic, tuple[str, str]] = {}
        seen: set[sympy.Basic] = set()
        waiting = list(self.roots)
        while waiting:
            e = waiting.pop()
            if e not in seen:
                seen.add(e)
                self.uses.update(e.args)
                waiting += e.args

    def fixed(self, e: sympy.Basic) -> bool:
        """Whether an expression depends on parameters alone."""
        if e not in self.is_fixed:
            own = not e.args and e not in self.varying
            self.is_fixed[e] = own if not e.args else all([self.fixed(a) for a in e.args])
        return self.is_fixed[e]

    def part(self, e: sympy.Basic) -> _Part:
        """The part that is the value of an expression."""
        if e not in self.known:
            operands: list[_Part] = []
            if not e.args:
                self.known[e] = _Part("", "", [], self.fixed(e))
            else:
                template = self.spelled(e, operands, self.fixed(e), whole=True)
                self.known[e] = _Part(*self.text(template), operands, self.fixed(e))
        return self.known[e]

    def spelled(
        self, e: sympy.Basic, operands: list[_Part], fixed: bool, whole: bool = False
    ) -> sympy.Basic:
        """The expression in symbols a0, a1, ... of `operands`, to which it adds its own."""
        if isinstance(e, sympy.Number) and (e in IN_PLACE):
            return e
        if isinstance(e, Relational | sympy.And | sympy.Or | sympy.Not):
            # A truth is no number that could lie in a row.
            return e.func(*(self.spelled(a, operands, fixed) for a in e.args), evaluate=False)
        if e in (sympy.true, sympy.false):
            return e
        own = self.uses[e] == 1 and self.fixed(e) == fixed and len(operands) < LARGEST
        if not whole and (not e.args or not own):
            operands.append(self.part(e))
            return _symbol(len(operands) - 1)
        if e.is_Add or e.is_Mul:
            return self.of_many(e, operands, fixed)
        if e.is_Pow:
            base = self.spelled(e.base, operands, fixed)
            exponent = e.exp if e.exp.is_Number else self.spelled(e.exp, operands, fixed)
            return sympy.Pow(base, exponent, evaluate=False)
        if isinstance(e, Choice):
            return Choice(*(self.spelled(a, operands, fixed) for a in e.args))
        return e.func(*(self.spelled(a, operands, fixed) for a in e.args), evaluate=False)

    def of_many(self, e: sympy.Expr, operands: list[_Part], fixed: bool) -> sympy.Expr:
        """A sum or a product, its fixed part as one operand and long ones in parts."""
        alike = [a for a in e.args if self.fixed(a) == fixed]
        other = [a for a in e.args if self.fixed(a) != fixed and a not in IN_PLACE]
        small = [a for a in e.args if a in IN_PLACE and a not in alike]
        found: list[sympy.Expr] = list(small)
        if len(other) > 1:
            other = [e.func(*other, evaluate=False)]
        for a in other:
            operands.append(self.part(a))
            found.append(_symbol(len(operands) - 1))
        if len(alike) <= LARGEST:
            found += [self.spelled(a, operands, fixed) for a in alike]
        else:
            for part in self.shortened(e.func, [self.part(a) for a in alike], fixed):
                operands.append(part)
                found.append(_symbol(len(operands) - 1))
        return e.func(*found, evaluate=False) if len(found) > 1 else found[0]

    def shortened(self, kind: Any, parts: list[_Part], fixed: bool) -> list[_Part]:
        """Few parts with the same sum or product as many: terms of long ones vary, rows do not."""
        while len(parts) > LARGEST:
            groups = [parts[i : i + LARGEST] for i in range(0, len(parts), LARGEST)]
            parts = [g[0] if len(g) == 1 else self.new(kind, g, fixed) for g in groups]
        return parts

    def new(self, kind: Any, parts: list[_Part], fixed: bool) -> _Part:
        template = kind(*map(_symbol, range(len(parts))), evaluate=False)
        return _Part(*self.text(template), parts, fixed)

    def text(self, template: sympy.Basic) -> tuple[str, str]:
        if template not in self.texts:
            self.texts[template] = printed(template, PYTHON), printed(template, NUMPY)
        return self.texts[template]

    def made(self) -> Loops:
        roots = [self.part(e) for e in self.roots]
        graph = self.graph
        parts: dict[int, _Part] = {}
        waiting = list(roots)
        while waiting:
            part = waiting.pop()
            if id(part) not in parts:
                parts[id(part)] = part
                waiting += part.operands
        found = list(parts.values())[::-1]
        numbers = {e: part for e, part in self.known.items() if not e.args and not e.free_symbols}
        fixed_given = [self.part(p) for p in graph.params]
        # Of parameters alone: numbers, parameters, loops.
        place = 0
        for part in [*numbers.values(), *fixed_given]:
            part.place, place = place, place + 1
        fixed = [part for part in found if part.fixed and part.operands]
        fixed_loops, _ = _looped(fixed, place)
        used = {id(o): o for part in found if not part.fixed for o in part.operands if o.fixed}
        used |= {id(part): part for part in roots if part.fixed}
        is_number = {id(part) for part in numbers.values()}
        table = [part for key, part in used.items() if key not in is_number]
        chosen = np.array([part.place for part in table], np.int32)
        # Of the state: numbers, the table, the state, the time, loops.
        place = len(numbers)
        for part in [*table, *(self.part(x) for x in graph.state), self.part(graph.time)]:
            part.place, place = place, place + 1
        varying = [part for part in found if not part.fixed and part.operands]
        loops, size = _looped(varying, place)
        places = np.array([part.place for part in roots], np.int32)
        n = len(graph.outputs)
        values = np.array([float(e) for e in numbers])
        return Loops(
            tuple(s.name for s in graph.state),
            values,
            fixed_loops,
            chosen,
            loops,
            size,
            places[:n],
            tuple(self.entries),
            places[n:],
        )


def _looped(parts: list[_Part], place: int) -> tuple[tuple[Loop, ...], int]:
    """Loops of parts, whose places begin at `place`; and where they end."""
    groups: dict[tuple[int, str], list[_Part]] = {}
    for part in sorted(parts, key=lambda part: part.level):
        groups.setdefault((part.level, part.python), []).append(part)
    found = []
    for some in groups.values():
        first = place
        for part in some:
            part.place, place = place, place + 1
        operands = np.array([[o.place for o in part.operands] for part in some], np.int32)
        found.append(Loop(first, operands, some[0].python, some[0].numpy))
    return tuple(found), place


def _symbol(number: int) -> sympy.Symbol:
    return sympy.Symbol(f"a{number}", real=True)
