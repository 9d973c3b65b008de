"""Where a right-hand side jumps: there tangents jump too, and a time step knows nothing of it.

Kinks such as those of `abs` and `maximum` are harmless, and whether `where` has a kink or a jump
is a question of values. So it is answered by numbers: points on the surfaces where something
switches are found along random lines, and the outputs are compared on both sides of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.core.relational import Relational

from .._check import Array
from ..kernels.codegen import Graph, on_arrays
from ..kernels.expressions import Choice, Floor, Magnitude, Sign, Wrap, parts_of, symbols_of

Points = tuple[Array, Array, Array]  # t, x, p
LINES = 64  # a surface; fewer of each where there are many surfaces
MOST_LINES = 512  # of all surfaces together, which keeps a system of many surfaces quick to make
STEPS = np.concatenate([-np.logspace(3, -9, 13), [0.0], np.logspace(-9, 3, 13)])
HALVINGS = 60  # of a line of length 1: 2^-60 is below rounding
# Distances from a surface, relative to the state: a jump is as large at one as at the other, a
# slope leaves a hundredth, a square root a tenth, a pole the hundredfold.
FAR, NEAR = 1e-8, 1e-10
RATIO = 0.7, 1.5  # of the two differences, for which they count as equal: far from 0.1 and 10
SMALLEST = 1e-7  # jump, relative to the outputs beside it
NUMPY_NAMES = {
    "Magnitude": "abs",
    "Sign": "sign",
    "Floor": "floor",
    "Wrap": "mod",
    "Choice": "where",
    "Tanh": "tanh",
    "Power": "power",
}


@dataclass(frozen=True)
class Surface:
    """A surface u = 0, or u = any integer, where the function `name` of NumPy switches."""

    u: sympy.Expr
    name: str
    integers: bool = False

    def described(self, names: Mapping[str, str]) -> str:
        shown = self.u.xreplace(
            {
                **{f: sympy.Float(f"{float(f):.6g}") for f in self.u.atoms(sympy.Float)},
                **{s: sympy.Symbol(names[s.name]) for s in self.u.free_symbols if s.name in names},
            }
        )
        text = sympy.sstr(shown, full_prec=False)
        for ours, known in NUMPY_NAMES.items():
            text = text.replace(f"{ours}(", f"{known}(")
        text = text if len(text) <= 80 else f"{text[:77]}..."
        return f"{text} {'is an integer' if self.integers else '= 0'} ({self.name})"


@dataclass
class Lines:
    """Points c + s d in state space, each line with parameters and a time of its own."""

    c: Array  # (dim, lines)
    d: Array
    p: Array  # (parameters, lines)
    t: Array  # (lines,)

    def at(self, s: Array) -> Points:
        """(t, x, p) at s (lines,), or at s (lines, points)."""
        extra = (slice(None),) + (None,) * (np.ndim(s) - 1)
        x = self.c[(slice(None), *extra)] + s * self.d[(slice(None), *extra)]
        return self.t[extra], x, self.p[(slice(None), *extra)]

    def chosen(self, which: NDArray[Any]) -> "Lines":
        return Lines(self.c[:, which], self.d[:, which], self.p[:, which], self.t[which])


def jumps(graph: Graph, table: Array, names: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Sentences, one for each output and surface at which it jumps.

    table: parameters (members, parameters), of which a few are tried; names: what the symbols of
    the graph are called in the sentences.
    """
    surfaces = list(dict.fromkeys(_surfaces(graph)))
    if not surfaces:
        return ()
    rng = np.random.default_rng(0)
    count = max(6, min(LINES, MOST_LINES // len(surfaces)))
    found: list[tuple[Surface, Lines, Array]] = []
    with np.errstate(all="ignore"):
        centres = _centres(graph, table, count, rng)
        for surface in surfaces:
            lines = _lines(graph, table, count, rng, centres)
            found.append((surface, *_roots(graph, surface, lines)))
        sentences = [
            f"output {i} jumps by {size:.3g} where {surface.described(names or {})}"
            for surface, sizes in _sizes(graph, found)
            for i, size in sizes
        ]
    return tuple(sentences)


SWITCHES = Relational, Sign, Floor, Wrap, sympy.atan2


def _surfaces(graph: Graph) -> Iterator[Surface]:
    """Surfaces where outputs switch, but not with time or parameters alone."""
    state = set(graph.state)
    for part in _parts(graph.outputs):
        if not isinstance(part, SWITCHES) or not symbols_of(part) & state:
            continue
        if isinstance(part, Relational):
            yield Surface(part.lhs - part.rhs, "where")
        elif isinstance(part, Sign):
            yield Surface(part.args[0], "sign")
        elif isinstance(part, Floor):
            yield Surface(part.args[0], "floor", integers=True)
        elif isinstance(part, Wrap):
            yield Surface(part.args[0] / part.args[1], "mod", integers=True)
        elif isinstance(part, sympy.atan2):
            yield Surface(part.args[0], "arctan2")


def _parts(outputs: tuple[sympy.Expr, ...]) -> Iterator[sympy.Basic]:
    """Every part of the expressions once, if anything in them can switch."""
    seen: set[sympy.Basic] = set()
    switching = (Sign, Floor, Wrap, Choice, sympy.atan2)
    waiting = [o for o in outputs if any(isinstance(p, switching) for p in parts_of(o))][::-1]
    while waiting:
        part = waiting.pop()
        if part not in seen:
            seen.add(part)
            yield part
            waiting += part.args


def _lines(
    graph: Graph, table: Array, count: int, rng: np.random.Generator, centres: Array | None
) -> Lines:
    """Lines through points of all sizes, some coordinates exactly 0, or through `centres`."""
    n = len(graph.state)
    size = 10.0 ** rng.uniform(-2, 2, count)
    c, d = size * rng.standard_normal((2, n, count))
    c[(rng.random((n, count)) < 0.5) & (rng.random(count) < 0.3)] = 0.0
    if centres is not None and centres.shape[1]:
        some = rng.random(count) < 0.3
        c[:, some] = centres[:, rng.integers(centres.shape[1], size=some.sum())]
    few = np.unique(np.linspace(0, len(table) - 1, 4).astype(int))
    p = table[few[np.arange(count) % len(few)]].T
    return Lines(c, d, p, size * rng.random(count))


def _centres(graph: Graph, table: Array, count: int, rng: np.random.Generator) -> Array:
    """Points where arguments of `abs` vanish: |v| < 1e-4 switches only there."""
    state = set(graph.state)
    found = [np.empty((len(state), 0))]
    for part in _parts(graph.outputs):
        if isinstance(part, Magnitude) and symbols_of(part) & state:
            surface = Surface(part.args[0], "abs")
            lines, s = _roots(graph, surface, _lines(graph, table, min(count, 16), rng, None))
            found.append(lines.at(s)[1])
    return np.concatenate(found, axis=1)


def _roots(graph: Graph, surface: Surface, lines: Lines) -> tuple[Lines, Array]:
    """The lines that cross the surface, and where, by bisection."""
    values = _values(graph, [surface.u])
    (u,) = values(lines.at(np.broadcast_to(STEPS, (len(lines.t), STEPS.size))))
    level = np.zeros(u.shape[:1])
    if surface.integers:
        # An integer between the least and the greatest value near the middle of the line.
        near = u[:, 4:-4]
        level = np.ceil(np.nanmin(np.where(np.isfinite(near), near, np.inf), axis=1))
        level = np.where(np.isfinite(level), level, 0.0)
    above = np.where(np.isfinite(u), u - level[:, None] >= 0, np.nan)
    crossing = np.abs(np.diff(above, axis=1)) == 1
    # The shortest of the intervals that cross: u may have many more roots in a long one.
    place = np.argmin(np.where(crossing, np.diff(STEPS), np.inf), axis=1)
    have = crossing.any(axis=1)
    lines, place, level = lines.chosen(have), place[have], level[have]
    low, high = STEPS[place], STEPS[place + 1]
    rising = above[have, place + 1] == 1
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        (u,) = values(lines.at(middle))
        after = (u - level >= 0) == rising
        low, high = np.where(after, low, middle), np.where(after, middle, high)
    return lines, (low + high) / 2


def _sizes(
    graph: Graph, found: list[tuple[Surface, Lines, Array]]
) -> Iterator[tuple[Surface, list[tuple[int, float]]]]:
    """The jumps (output, size) at each surface."""
    lines = Lines(
        *(np.concatenate([getattr(one, name) for _, one, _ in found], axis=-1) for name in "cdpt")
    )
    s = np.concatenate([one for _, _, one in found])
    _, x, _ = lines.at(s)
    size = np.abs(x).max(axis=0)
    reach = np.where(size > 0, size, 1.0) / np.abs(lines.d).max(axis=0)
    beside = s[:, None] + reach[:, None] * np.array([-FAR, -NEAR, NEAR, FAR])
    outputs = np.array(_values(graph, graph.outputs)(lines.at(beside)))  # (outputs, points, 4)
    far = np.abs(outputs[..., 3] - outputs[..., 0])
    near = np.abs(outputs[..., 2] - outputs[..., 1])
    largest = np.abs(outputs).max(axis=-1)
    jumping = (near > RATIO[0] * far) & (near < RATIO[1] * far) & (near > SMALLEST * largest)
    begin = 0
    for surface, _, own in found:
        part = slice(begin, begin + len(own))
        begin += len(own)
        yield (
            surface,
            [
                (i, float(np.median(near[i, part][jumping[i, part]])))
                for i in range(len(outputs))
                if jumping[i, part].any()
            ],
        )


def _values(graph: Graph, expressions: Sequence[sympy.Expr]) -> Callable[[Points], list[Array]]:
    function = on_arrays(graph, expressions)

    def values(points: Points) -> list[Array]:
        t, x, p = points
        shape = x.shape[1:]
        return [np.broadcast_to(np.asarray(v, float), shape) for v in function(t, x, p)]

    return values
