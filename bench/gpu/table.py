"""Measurements as Markdown."""

import datetime
import importlib.metadata
import platform
from typing import Any

import lyapax as lx

from .floors import Chip, floor
from .workloads import EXACT, Workload

PACKAGES = ("numpy", "numba", "scipy", "torch", "jax", "jaxlib", "cupy-cuda12x", "cupy-cuda13x")
OWN = "kernels", "propagate", "driver"
Told = dict[tuple[Workload, str], dict[str, Any]]


def number(told: dict[str, Any], name: str = "rate") -> str:
    return f"{told[name]:.3g}" if name in told else "not measured"


def versions() -> str:
    found = [f"Python {platform.python_version()}", f"lyapax {lx.__version__}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def heading(chip: Chip) -> list[str]:
    cuda = ", ".join(f"{name} {value}" for name, value in chip.versions.items())
    return [
        f"# lyapax on {chip.name}",
        "",
        "`python -m bench.gpu`",
        "",
        f"{datetime.date.today()}, {chip.name}, {cuda}; {versions()}.",
        "",
        f"Issue rate {chip.issue:.3g} instructions/s in float32, {chip.issue * chip.double:.3g} in",
        f"float64 (SMs x 4 x 32 lanes x clock); DGEMM of n = 4096 {chip.gemm / 1e12:.1f} TF/s and",
        f"copies {chip.bandwidth / 1e12:.2f} TB/s, both measured in this run with CuPy.",
        "",
    ]


def own_row(work: Workload, told: Told, chip: Chip) -> str:
    of = {name: told.get((work, name), {}) for name in OWN}
    bound = floor(work, chip)
    share = f"{100 * of['kernels']['rate'] / bound:.0f} %" if "rate" in of["kernels"] else "-"
    required = f"{work.required:.3g}" if work.required else "-"
    required = f"{100 * work.share:.0f} % of the floor" if work.share else required
    gaps = [t["deviation"] for t in of.values() if "deviation" in t]
    gap = f"{max(gaps):.1e}" if gaps else "not measured"
    rates = [number(of[name]) for name in OWN]
    if work.kind == "qr":
        rates[1:] = "-", "-"
    cells = [work.name, work.dtype, *rates, f"{bound:.3g}", share, required, gap]
    return f"| {' | '.join(cells)} |"


def rival_row(work: Workload, rival: Any, told: Told) -> str:
    own, other = told.get((work, "kernels"), {}), told.get((work, rival.name), {})
    gap = f"{other['deviation']:.1e}" if "deviation" in other else "-"
    ratio = f"{own['rate'] / other['rate']:.3g}" if "rate" in own and "rate" in other else "-"
    members = f"{other['members']:,}" if "members" in other else "-"
    rate = number(other)
    if "rate" not in other:
        rate += f": {other.get('failed', 'not asked').replace('|', '/')}"
    required = f"{rival.required:g}" if rival.required else "-"
    cells = [work.name, work.dtype, rival.name, members, rate, ratio, required, gap]
    return f"| {' | '.join(cells)} |"


def table(works: list[Workload], rivals: Any, told: Told, chip: Chip) -> str:
    failed = [
        f"- {work.name}, {work.dtype}, {name}: {told[work, name]['failed']}"
        for work in works
        for name in OWN
        if "failed" in told.get((work, name), {})
    ]
    return "\n".join([
        *heading(chip), "## lyapax", "",
        "Member-steps a second: medians of synchronised runs after a warm-up. Kernels: on arrays",
        "of the device, timed by events; propagate: members go up and come back in each call;",
        "driver: a whole `lyapunov_spectrum` of at least 0.2 s, of at most 2^20 members, from the",
        "system to error bars.",
        "Floor: as bench/gpu/floors.py counts it; its fraction is that of the kernels. Required:",
        "of the kernels on an H200. Deviation: the largest of all exponents of some members (from",
        f"{EXACT + 1} variables on, of the leading 16) after the same few steps from the same",
        "start, against NumPy in float64; of the three timings the worst.", "",
        "| workload | type | kernels | propagate | driver | floor | fraction | required "
        "| deviation |", "|---" * 9 + "|",
        *(own_row(work, told, chip) for work in works), "",
        *failed, *([""] if failed else []),
        "## Beside others", "",
        "Where members are fewer than in the workload, memory or time would not do for all: the",
        "rate is that of the smaller batch, by member-step. Arrays are on the device beforehand;",
        "lyapax is timed by its kernels.", "",
        "| workload | type | package | members | member-steps/s | lyapax is faster by "
        "| required | deviation |", "|---" * 8 + "|",
        *(rival_row(work, rival, told) for work in works for rival in rivals
          if work.kind in rival.kinds), "",
        "## Memory and races", "",
        "    compute-sanitizer --tool memcheck python -m pytest -m gpu tests/test_contract.py",
        "    compute-sanitizer --tool racecheck python -m pytest -m gpu tests/test_contract.py", "",
    ])  # fmt: skip
