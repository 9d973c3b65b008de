"""Functions written with jax.numpy: what JAX traces of them, step by step on symbols."""

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from .elementary import ELEMENTARY, UntraceableError
from .traced import Traceable, Traced, objects

# JAX's primitives and NumPy's functions of other names.
SAME = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative",
    "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos",
    "atan": "arctan", "atan2": "arctan2", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "exp": "exp", "exp2": "exp2",
    "log": "log", "log1p": "log1p", "expm1": "expm1", "sqrt": "sqrt", "cbrt": "cbrt",
    "abs": "absolute", "sign": "sign", "floor": "floor", "ceil": "ceil", "pow": "power",
    "max": "maximum", "min": "minimum", "rem": "fmod", "square": "square", "gt": "greater",
    "ge": "greater_equal", "lt": "less", "le": "less_equal", "eq": "equal", "ne": "not_equal",
    "and": "logical_and", "or": "logical_or", "not": "logical_not", "erf": "erf",
    "logistic": "expit",
}  # fmt: skip
REDUCED: dict[str, Callable[..., Any]] = {
    "reduce_sum": np.sum, "reduce_prod": np.prod, "reduce_max": np.max, "reduce_min": np.min,
    "reduce_and": np.all, "reduce_or": np.any,
}  # fmt: skip
INNER = "jaxpr", "call_jaxpr", "fun_jaxpr"  # where a primitive that calls a function has it


def as_function(f: Callable[..., Any], dim: int, shape: str, names: dict[str, Any]) -> Any:
    """`f` as a function of (x, p, t) on symbols; shape: "x", "xp", "xpt", "ty" or "yt"."""
    jax: Any = importlib.import_module("jax")

    def flat(x: Any, t: Any, *values: Any) -> Any:
        p = SimpleNamespace(**dict(zip(names, values, strict=True)))
        arguments = {"x": (x,), "xp": (x, p), "xpt": (x, p, t), "ty": (t, x), "yt": (x, t)}
        return f(*arguments[shape])

    owner = jax if hasattr(jax, "enable_x64") else jax.experimental  # by version
    with owner.enable_x64(True):
        shapes = [np.zeros(core) for core in names.values()]
        closed = jax.make_jaxpr(flat)(np.zeros(dim), 0.0, *shapes)

    def on_symbols(x: Any, p: Any, t: Any) -> Any:
        found = run(closed.jaxpr, closed.consts, [x, t, *(getattr(p, name) for name in names)])
        return [value for part in found for value in np.ravel(objects(part))]

    on_symbols.__name__ = str(getattr(f, "__name__", "of_jax"))
    return on_symbols


def run(jaxpr: Any, constants: Any, arguments: Any) -> list[Any]:
    """The outputs of JAX's program, by primitives that have an expression."""
    values: dict[Any, Any] = {}

    def of(atom: Any) -> Any:
        return np.asarray(atom.val) if hasattr(atom, "val") else values[atom]

    values.update(zip(jaxpr.constvars, map(np.asarray, constants), strict=True))
    values.update(zip(jaxpr.invars, arguments, strict=True))
    for line in jaxpr.eqns:
        found = evaluated(line.primitive.name, [of(atom) for atom in line.invars], line)
        results = found if line.primitive.multiple_results else [found]
        values.update(zip(line.outvars, results, strict=True))
    return [of(atom) for atom in jaxpr.outvars]


def evaluated(name: str, given: list[Any], line: Any) -> Any:
    params = line.params
    for key in INNER:
        if key in params:
            inner = params[key]
            consts = getattr(inner, "consts", [])
            found = run(getattr(inner, "jaxpr", inner), consts, given)
            return found if line.primitive.multiple_results else found[0]
    if name in SAME:
        return elementwise(SAME[name], given)
    if name in REDUCED:
        return REDUCED[name](traced(given[0]), axis=tuple(params["axes"]))
    if name in RULES:
        return RULES[name](given, params)
    raise UntraceableError(f"JAX's {name} has no expression here; write the function with NumPy")


def traced(value: Any) -> Traceable:
    return value if isinstance(value, Traced) else Traced(objects(value))


def elementwise(name: str, given: list[Any]) -> Traced:
    operation = np.frompyfunc(ELEMENTARY[name], len(given), 1)
    return Traced(operation(*(objects(value) for value in given)))


def broadcast(given: list[Any], params: Any) -> Traced:
    cells = objects(given[0])
    shape = [1] * len(params["shape"])
    for axis, place in enumerate(params["broadcast_dimensions"]):
        shape[place] = cells.shape[axis]
    return Traced(np.broadcast_to(cells.reshape(shape), params["shape"]).copy())


def contracted(given: list[Any], params: Any) -> Traceable:
    (axes, batch) = params["dimension_numbers"]
    if batch[0] or batch[1]:
        raise UntraceableError("a batch of products has no expression here; write @ for each")
    first, second = traced(given[0]), traced(given[1])
    product: Any = np.tensordot
    return traced(product(first, second, axes=[list(axes[0]), list(axes[1])]))


def sliced(given: list[Any], params: Any) -> Traced:
    steps = params["strides"] or [1] * len(params["start_indices"])
    bounds = zip(params["start_indices"], params["limit_indices"], steps, strict=True)
    return Traced(objects(given[0])[tuple(slice(*bound) for bound in bounds)])


def whole_number(value: Any) -> int:
    cell: Any = objects(value)[()]
    if not cell.is_number:
        raise UntraceableError("an index that depends on x, p or t has no expression")
    return int(cell)


def dynamic_slice(given: list[Any], params: Any) -> Traced:
    cells, *starts = given
    found = objects(cells)
    places = []
    for start, size, length in zip(starts, params["slice_sizes"], found.shape, strict=True):
        first = min(max(whole_number(start), 0), length - size)
        places.append(slice(first, first + size))
    return Traced(found[tuple(places)])


def selected(given: list[Any], params: Any) -> Traceable:
    del params
    which, no, yes = given
    return traced(np.where(traced(which), traced(yes), traced(no)))


RULES: dict[str, Callable[[list[Any], Any], Any]] = {
    "integer_pow": lambda v, p: elementwise("power", [v[0], p["y"]]),
    "rsqrt": lambda v, p: 1 / np.sqrt(traced(v[0])),
    "broadcast_in_dim": broadcast,
    "dot_general": contracted,
    "reshape": lambda v, p: Traced(objects(v[0]).reshape(p["new_sizes"])),
    "squeeze": lambda v, p: Traced(objects(v[0]).squeeze(tuple(p["dimensions"]))),
    "expand_dims": lambda v, p: Traced(np.expand_dims(objects(v[0]), tuple(p["dimensions"]))),
    "transpose": lambda v, p: Traced(objects(v[0]).transpose(p["permutation"])),
    "concatenate": lambda v, p: Traced(np.concatenate([objects(a) for a in v], p["dimension"])),
    "rev": lambda v, p: Traced(np.flip(objects(v[0]), tuple(p["dimensions"]))),
    "slice": sliced,
    "dynamic_slice": dynamic_slice,
    "select_n": selected,
    "clamp": lambda v, p: np.clip(traced(v[1]), v[0], v[2]),
    "cumsum": lambda v, p: np.cumsum(traced(v[0]), axis=p["axis"]),
    "convert_element_type": lambda v, p: v[0],
    "copy": lambda v, p: v[0],
    "stop_gradient": lambda v, p: v[0],
    "iota": lambda v, p: np.broadcast_to(
        np.arange(p["shape"][p["dimension"]]).reshape(
            [-1 if axis == p["dimension"] else 1 for axis in range(len(p["shape"]))]
        ),
        p["shape"],
    ),
}
