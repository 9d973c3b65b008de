"""The import graph: no cycles, and which folder may import which."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A module that matches the first may import nothing that matches one of the others.
FORBIDDEN = {
    "lyapax.kernels": ("lyapax", "click", "tqdm", "matplotlib", "torch"),
    "lyapax.kernels.cpu": ("lyapax.kernels.cuda", "cupy"),
    "lyapax.kernels.cuda": ("lyapax.kernels.cpu", "numba"),
    "lyapax.systems": ("click", "tqdm", "matplotlib", "torch"),
    **{
        f"lyapax.{name}": ("click", "tqdm", "matplotlib", "torch", "lyapax.cli", "lyapax._plot")
        for name in (
            "_attractor",
            "_automatic_step",
            "_estimates",
            "_members",
            "_run",
            "_step",
            "_divergence",
            "_drift",
            "_equilibrium",
            "_judgement",
            "_motion",
            "_recurrence",
            "_snapshots",
            "_statistics",
            "_sums",
        )
    },
}
# Known only where they are used: nothing of them is needed to import lyapax.
LAZY = ("click", "matplotlib", "torch", "xarray", "zarr", "cupy")


def modules():
    for folder, package in (("lyapax", "lyapax"), ("kernels", "lyapax.kernels")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "kernels" in path.relative_to(ROOT / folder).parts[:-1]:
                continue  # the checkout's link to kernels/
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join([package, *(parts[:-1] if is_package else parts)])
            yield name, is_package, ast.parse(path.read_text())


MODULES = {name: (is_package, tree) for name, is_package, tree in modules()}


def statements(tree, nested):
    """Imports of a module when it is imported; `nested`: in functions as well."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        elif nested or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from statements(node, nested)


def imported(name, nested=False):
    """Names of modules that module `name` imports."""
    is_package, tree = MODULES[name]
    package = name if is_package else name.rpartition(".")[0]
    for node in statements(tree, nested):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            continue
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - (node.level - 1)]
            base = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            whole = f"{base}.{alias.name}"
            yield whole if whole in MODULES else base


def within(name, folder):
    return name == folder or name.startswith(folder + ".")


def test_all_modules_are_seen():
    assert {"lyapax", "lyapax.kernels.jit", "lyapax.systems.rate"} <= set(MODULES)
    assert "lyapax.kernels.propagator" in set(imported("lyapax._run"))


def test_no_cycles():
    """A module is understood after those that it imports."""
    graph = {
        name: {m for m in imported(name, nested=True) if m in MODULES and m != name}
        for name in MODULES
    }
    # A package is imported before its modules: what its __init__ takes from them is no cycle.
    for name, (is_package, _) in MODULES.items():
        if is_package:
            graph[name] = {other for other in graph[name] if not within(other, name)}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_folders_keep_to_themselves(folder):
    found = []
    for name in MODULES:
        if not within(name, folder):
            continue
        for other in imported(name, nested=True):
            own = folder == "lyapax.kernels" and within(other, "lyapax.kernels")
            if not own and any(within(other, no) for no in FORBIDDEN[folder]):
                found.append(f"{name} imports {other}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("package", LAZY)
def test_heavy_packages_load_where_they_are_used(package):
    of_its_own = {"torch": "lyapax.torch", "click": "lyapax.cli"}.get(package, "nowhere")
    found = [
        name
        for name in MODULES
        if not within(name, of_its_own) and any(within(m, package) for m in imported(name))
    ]
    assert not found, found


def test_importing_lyapax_loads_no_compiler():
    """Half a second of SymPy and as much of Numba come when a system is made or run."""
    heavy = "numba", "sympy", "torch", "matplotlib"
    code = f"import sys, lyapax; print(*(m for m in {heavy} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
