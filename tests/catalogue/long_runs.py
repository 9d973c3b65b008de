"""Classes that no theory gives, from long runs of a program that knows nothing of the package.

``python -m tests.catalogue.long_runs [NAME ...]`` writes long_runs.json. The state and a few
displaced copies of it run on with fourth-order Runge-Kutta steps (or the map); the displacements
are kept 1e-7 long and orthogonal by Gram and Schmidt, and their growth is added up: no Jacobian,
no tangent step. A case has a class where the run is clear in that it is
  chaotic: the leading exponent is above 8 of its errors, and was of that size from the start;
  periodic: a flow's leading sum stays bounded and the next falls; a map returns;
and none otherwise, in which case the catalogue leaves it out.
"""

import ast
import inspect
import json
import sys
import textwrap
from collections import namedtuple
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

STORED = Path(__file__).with_name("long_runs.json")
LENGTH = 1e-7
PARTS = 40  # of a long run, for its error
LONGER = 4.0  # than the run that the catalogue judges
LONGER_PRESERVING = 60.0


def stored() -> dict[str, list[dict[str, Any]]]:
    return json.loads(STORED.read_text()) if STORED.exists() else {}


@cache
def stepper(f: Any, dim: int, is_flow: bool) -> Any:
    """step(x, p, t, h, out, work) of a flow by Runge and Kutta's rule, or of a map."""
    if not is_flow:

        @numba.njit
        def once(x, p, t, h, out, work):
            f(x, p, t, out)

        return once

    @numba.njit
    def rk4(x, p, t, h, out, work):
        there, a, b, c, d = work[0], work[1], work[2], work[3], work[4]
        f(x, p, t, a)
        for i in range(dim):
            there[i] = x[i] + 0.5 * h * a[i]
        f(there, p, t + 0.5 * h, b)
        for i in range(dim):
            there[i] = x[i] + 0.5 * h * b[i]
        f(there, p, t + 0.5 * h, c)
        for i in range(dim):
            there[i] = x[i] + h * c[i]
        f(there, p, t + h, d)
        for i in range(dim):
            out[i] = x[i] + h / 6.0 * (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i])

    return rk4


class _Tuples(ast.NodeTransformer):
    """Returned lists become tuples, which Numba does not put on the heap at every call."""

    def visit_Return(self, node: ast.Return) -> ast.Return:
        if isinstance(node.value, ast.List):
            node.value = ast.Tuple(node.value.elts, ast.Load())
        return node


@cache
def compiled(f: Any, dim: int) -> Any:
    """f(x, p, t, out) of a plain function f(x, p) or f(x, p, t)."""
    if isinstance(f, numba.core.dispatcher.Dispatcher):
        return f
    tree = _Tuples().visit(ast.parse(textwrap.dedent(inspect.getsource(f))))
    names = dict(f.__globals__)
    exec(compile(ast.fix_missing_locations(tree), f.__name__, "exec"), names)
    plain = numba.njit(names[f.__name__])
    if f.__code__.co_argcount == 3:

        @numba.njit
        def with_time(x, p, t, out):
            value = plain(x, p, t)
            for i in range(dim):
                out[i] = value[i]

        return with_time

    @numba.njit
    def without(x, p, t, out):
        value = plain(x, p)
        for i in range(dim):
            out[i] = value[i]

    return without


Polynomial = namedtuple("Polynomial", ["c", "rows", "columns", "factors", "sizes"])


@numba.njit
def polynomial(x, p, t, out):
    """Sums of coefficients times products of variables, of the terms that are there."""
    out[:] = 0.0
    for term in range(len(p.rows)):
        v = p.c[p.rows[term], p.columns[term]]
        for i in range(p.sizes[term]):
            v *= x[p.factors[term, i]]
        out[p.rows[term]] += v


def terms(c: Any, order: tuple[tuple[int, ...], ...]) -> Polynomial:
    """Coefficients (dim, monomials) for `polynomial`; `order` has the monomials' exponents."""
    rows, columns = np.nonzero(c)
    factors = np.zeros((len(rows), max(sum(e) for e in order)), int)
    sizes = np.array([sum(order[j]) for j in columns])
    for term, j in enumerate(columns):
        listed = [i for i, e in enumerate(order[j]) for _ in range(e)]
        factors[term, : len(listed)] = listed
    return Polynomial(c, rows, columns, factors, sizes)


@cache
def measurer(step: Any, dim: int, k: int) -> Any:
    @numba.njit
    def measure(x, p, v, h, before, parts, steps, every):
        """Sums (parts, k) of the displacements' logarithms; moves x and v."""
        work, there, moved = np.zeros((5, dim)), np.zeros(dim), np.zeros(dim)
        sums = np.zeros((parts, k))
        new = np.zeros((k, dim))
        count = 0
        for part in range(-1, parts):
            for _ in range((before if part < 0 else steps) // every):
                for j in range(k):
                    for i in range(dim):
                        new[j, i] = x[i] + LENGTH * v[j, i]
                for _ in range(every):
                    for j in range(k):
                        step(new[j], p, count * h, h, moved, work)
                        new[j, :] = moved
                    step(x, p, count * h, h, there, work)
                    x[:] = there
                    count += 1
                for j in range(k):
                    for i in range(dim):
                        v[j, i] = (new[j, i] - x[i]) / LENGTH
                    for m in range(j):
                        dot = 0.0
                        for i in range(dim):
                            dot += v[m, i] * v[j, i]
                        for i in range(dim):
                            v[j, i] -= dot * v[m, i]
                    size = 0.0
                    for i in range(dim):
                        size += v[j, i] ** 2
                    size = max(np.sqrt(size), 1e-30)
                    if part >= 0:
                        sums[part, j] += np.log(size)
                    for i in range(dim):
                        v[j, i] /= size
        return sums

    return measure


def period(step: Any, x: np.ndarray, p: Any, longest: int = 4096) -> int:
    """Steps until a map is back within 1e-9, or 0."""
    now, out, work = x.copy(), x.copy(), np.zeros((5, len(x)))
    for m in range(1, longest + 1):
        step(now, p, 0.0, 1.0, out, work)
        now[:] = out
        if np.abs(now - x).max() < 1e-9 * max(1.0, np.abs(x).max()):
            return m
    return 0


def judged(batch: Any) -> list[dict[str, Any]]:
    """What each member is, one dict a member: `class` is None where the run is not clear."""
    initial = np.atleast_2d(batch.initial)
    dim = initial.shape[1]
    k = min(dim, batch.search or 2)
    h = batch.dt or 1.0
    step = stepper(compiled(batch.f, dim), dim, batch.dt is not None)
    measure = measurer(step, dim, k)
    kind = namedtuple("p", list(batch.params))
    # A displacement must neither grow nor turn far between two orthogonalisations.
    every = 1 if batch.dt is None else max(1, round(0.05 * batch.unit / h))
    longer = LONGER_PRESERVING if batch.preserving else LONGER
    steps = int(batch.times * batch.unit * longer / h / PARTS) // every * every
    found = []
    for b in range(len(batch)):
        values = [np.asarray(v)[b] for v in batch.params.values()]
        p = terms(values[0], batch.order) if batch.order else kind(*map(float, values))
        x = initial[b % len(initial)].copy()
        v = np.linalg.qr(np.random.default_rng(7).standard_normal((dim, k)))[0].T.copy()
        # As long as the package's transient and alignment.
        sums = measure(x, p, v, h, int(0.2 * batch.times * batch.unit / h), PARTS, steps, every)
        found.append(_class(batch, sums, steps * h, step, x, p))
    return found


def _steady(rates: Any) -> bool:
    """Whether quarters of the run agree."""
    quarters = rates.reshape(4, -1).mean(axis=1)
    return bool(np.abs(quarters - quarters.mean()).max() < 0.3 * abs(quarters.mean()))


def _class(batch: Any, sums: Any, part: float, step: Any, x: Any, p: Any) -> dict[str, Any]:
    if not np.isfinite(sums).all() or not np.isfinite(x).all():
        return {"class": None}
    rates = sums / part
    mean = rates.mean(axis=0)
    error = rates.std(axis=0, ddof=1) / np.sqrt(len(rates))
    early = rates[: max(2, round(PARTS / LONGER))].mean(axis=0)
    total = np.abs(sums.sum(axis=0))
    fact = {"exponents": [float(f"{m:.6g}") for m in mean], "error": float(f"{error[0]:.2g}")}
    is_map = batch.dt is None
    if batch.preserving:
        return {**fact, **_preserving(batch, sums[:, 0], mean[0])}
    # Chaos that has ended, or begins late, is left out.
    lasting = abs(early[0] - mean[0]) < 0.35 * mean[0] + 4 * error[0]
    last = abs(rates[-4:, 0].mean() - mean[0]) < 0.5 * abs(mean[0])
    if mean[0] > 8 * error[0] and total[0] > 40 and lasting and last:
        several = len(mean) > 1 and total[1] > 40
        if several and mean[1] > 8 * error[1]:
            return {**fact, "class": "hyperchaotic"}
        doubtful = several and mean[1] > 3 * error[1]
        return {**fact, "class": "chaotic | hyperchaotic" if doubtful else "chaotic"}
    driven = batch.driven
    if is_map and not driven:
        p_found = period(step, x, p)
        if p_found and mean[0] * part * PARTS < -40 and early[0] * part < -2:
            name = "fixed point" if p_found == 1 else f"periodic orbit ({p_found})"
            return {**fact, "class": name}
        if not p_found and total[0] < 6 and len(mean) > 1 and total[1] > 40:
            return {**fact, "class": "closed curve"}
        return {**fact, "class": None}
    if total[0] < 6 and len(mean) > 1 and total[1] > 100 and mean[1] < 0:
        return {**fact, "class": "limit cycle" if _steady(rates[:, 1]) else None}
    if total[0] > 100 and mean[0] < 0 and _steady(rates[:, 0]):
        return {**fact, "class": "stable response" if driven else "fixed point"}
    return {**fact, "class": None}


def _preserving(batch: Any, sums: Any, rate: float) -> dict[str, Any]:
    """Sums of regular orbits grow like the logarithm of time, of chaotic ones steadily.

    Rounding of displaced copies adds some 3e-5 a step to a sheared regular orbit's rate.
    """
    # A chaotic orbit that sticks to islands first looks regular in a run 100 times shorter.
    early = sums[0] * PARTS / LONGER_PRESERVING
    if sums.sum() > 150 and rate > 1e-3:
        return {"class": "chaotic", "hard": bool(early < 25)}
    if rate < 2e-4:
        return {"class": f"quasi-periodic (torus of dimension {batch.preserving})"}
    return {"class": None}


def main() -> None:
    from .everything import searched  # the families import this file

    known = stored()
    for batch in sorted(searched(), key=len):
        if batch.name in sys.argv[1:] or (len(sys.argv) == 1 and batch.name not in known):
            told = judged(batch)
            print(batch.name, [fact["class"] for fact in told], flush=True)
            known = {**stored(), batch.name: told}  # another process may have written
            STORED.write_text(json.dumps(known, indent=0) + "\n")


if __name__ == "__main__":
    main()
