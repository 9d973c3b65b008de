"""lyapax beside the other packages on delay equations: one run, interleaved timings, equal work.

    python bench/versus/delays.py [--only PATTERN] [--repeats 5] [--rival-python PATH]
                                  [--own-python PATH] [--out bench/results/delays.md]

Each package has a process of its own, and the others an environment of their own (.asv/delays, or
that of PATH), as one of them takes the import name of this project. Each prepares a workload, gives
the exponents of the same longer run, and then they are timed in turn.
"""

import argparse
import datetime
import json
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

from delay_workloads import WORKLOADS
from process import HERE, ROOT, Worker, environment, surroundings

sys.path.append(str(ROOT / "bench"))
from machine import processor

OWN = "lyapax"
OTHERS = {
    "lyapax of PyPI (JAX)": "delay_jax_package",
    "jitcdde": "delay_jitcdde",
    "jitcdde, fine": "delay_jitcdde_fine",
}
HEAD = [
    "# Delay equations beside the other packages",
    "",
    "`python bench/versus/delays.py`",
    "",
    "Median of interleaved runs, compiled beforehand; compile: what the first run takes longer",
    "than the second. RK4 with a cubic Hermite history where a step is not adaptive. Exponents:",
    "the first two and the last of the last member, of a longer run from the same history.",
    "",
]


def measured(workers, work, repeats):
    """Rows (package, told, median seconds a member-step), fastest first, and what was refused."""
    told = {name: worker.ask(prepare=work.name) for name, worker in workers.items()}
    able = [name for name in workers if "failed" not in told[name]]
    seconds = {name: [] for name in able}
    for _ in range(repeats):
        for name in able:
            seconds[name].append(workers[name].ask(run=True).get("seconds", float("nan")))
    rows = [
        (name, told[name], statistics.median(seconds[name]) / (work.members * told[name]["steps"]))
        for name in able
    ]
    refused = {name: told[name]["failed"] for name in workers if name not in able}
    return sorted(rows, key=lambda row: row[2]), refused


def section(work, rows, refused):
    own = next((cost for name, _, cost in rows if name == OWN), float("nan"))
    lines = [
        f"### {work.name}",
        "",
        f"k = {work.k}, delay = {work.tau:g}, dt = {work.dt}; exponents of "
        f"{(work.check - work.settle) * work.dt:g} units of time.",
        "",
        "| package | member-steps/s | seconds a unit of time | lyapax is faster by | compile, s "
        "| exponents | unequal work |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, told, cost in rows:
        last = told["exponents"][-1]
        shown = f"{last[0]:.4f}, {last[1]:.4f}, ..., {last[-1]:.4f}"
        lines.append(
            f"| {name} | {1 / cost:.4g} | {cost * work.members / work.dt:.3g} | {cost / own:.3g} "
            f"| {told['compile']:.2g} | {shown} | {told['unequal']} |"
        )
    return [*lines, "", *(f"- {name}: {why}" for name, why in refused.items()), ""]


def machine(pythons):
    """Date, processor, and the versions of what each environment has."""
    versions = []
    for python in pythons:
        command = [str(python), "-m", "pip", "list", "--format=json"]
        told = subprocess.run(
            command, capture_output=True, text=True, check=True, env=surroundings()
        )
        named = {p["name"].lower(): p["version"] for p in json.loads(told.stdout)}
        used = ("lyapunov-spectra", "lyapax", "jax", "jitcdde")
        versions += [f"{name} {named[name]}" for name in used if name in named]
    told = ", ".join(versions)
    return [
        f"{datetime.date.today()}, {processor()}; Python {platform.python_version()}, {told}.",
        "",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="a regular expression on names")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rival-python", type=Path, help="where the other packages are installed")
    parser.add_argument("--own-python", type=Path, help="where this one is installed")
    parser.add_argument("--others-only", action="store_true", help="leave this package out")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "delays.md")
    options = parser.parse_args()
    others = options.rival_python or environment(
        "delays", "-r", str(HERE / "delay_requirements.txt")
    )
    workers, pythons = {}, [others]
    if not options.others_only:
        own = options.own_python or environment("delays-own", "-e", str(ROOT))
        workers[OWN] = Worker(own, "delay_lyapax", "delay_worker.py")
        pythons.insert(0, own)
    for name, module in OTHERS.items():
        workers[name] = Worker(others, module, "delay_worker.py")
    lines = [*HEAD, *machine(pythons)]
    for work in WORKLOADS:
        if re.search(options.only, work.name):
            told = section(work, *measured(workers, work, options.repeats))
            lines += told
            print("\n".join(told), flush=True)
            options.out.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
