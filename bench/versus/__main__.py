"""lyapax beside the other packages: one command, one run, interleaved timings, equal work.

    python bench/versus [--only PATTERN] [--packages PATTERN] [--repeats 5] [--isa avx2]

Installs the packages and this checkout into an environment of their own (.asv/versus), and keeps
one process per package. Each workload is prepared by all of them, their log sums after the same
few steps from the same start are compared with plain NumPy, and then they are timed in turn. With
`--isa avx2` a processor with AVX-512 works as one without, for all of them and for DGEMM.
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

from process import HERE, MASKS, ROOT, Worker, environment, surroundings

sys.path.append(str(ROOT / "bench"))
from machine import processor

PACKAGES = {
    "lyapax": "lyapax_package",
    "jax by hand": "jax_by_hand",
    "jax natural": "jax_natural",
    "numpy": "reference",
    "torch": "torch_package",
    "torch jvp": "torch_jvp_package",
    "pynamicalsys": "pynamicalsys_package",
    "dynlib": "dynlib_package",
    "jitcode": "jitcode_package",
    "heyoka": "heyoka_package",
}
VERSIONED = ("lyapax", "jax", "numpy", "torch", "pynamicalsys", "dynlib", "jitcode", "heyoka")


def measured(workers, work, expected, repeats):
    """Rows (package, told, median seconds a member-step), fastest first, and what was refused."""
    told = {name: w.ask(prepare=work.name, expected=expected) for name, w in workers.items()}
    able = [name for name in workers if "failed" not in told[name]]
    seconds = {name: [] for name in able}
    for _ in range(repeats):
        for name in able:
            seconds[name].append(workers[name].ask(run=True).get("seconds", float("nan")))
    rows = []
    for name in able:
        done = told[name]["members"] * told[name]["steps"]
        rows.append((name, told[name], statistics.median(seconds[name]) / done))
    refused = {name: told[name]["failed"] for name in workers if name not in able}
    return sorted(rows, key=lambda row: row[2]), refused


def section(work, rows, refused):
    own = next((cost for name, _, cost in rows if name == "lyapax"), float("nan"))
    lines = [
        f"### {work.name}",
        "",
        f"k = {work.k}, dt = {work.dt or 'map'}, QR every {work.interval} steps.",
        "",
        "| package | member-steps/s | lyapax is faster by | deviation | unequal work |",
        "|---|---|---|---|---|",
    ]
    for name, told, cost in rows:
        gap = f"{told['sum_gap']:.1e} (sum)" if told["unequal"] else f"{told['gap']:.1e}"
        lines.append(f"| {name} | {1 / cost:.4g} | {cost / own:.3g} | {gap} | {told['unequal']} |")
    lines += ["", *(f"- {name}: {why}" for name, why in refused.items()), ""]
    return lines


def peak(python, isa):
    # Long enough: a system may keep both threads on one core for the first 20 ms.
    code = (
        "import numpy as np, time\na = np.random.rand(1024, 1024)\n"
        "for _ in range(20): a @ a\n"
        "t = time.perf_counter()\nfor _ in range(80): a @ a\n"
        "print(160 * 1024**3 / (time.perf_counter() - t) / 1e9)"
    )
    told = subprocess.run(
        [str(python), "-c", code], env=surroundings(isa), capture_output=True, text=True, check=True
    )
    return float(told.stdout)


def machine(python, isa):
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=json"],
        capture_output=True,
        text=True,
        check=True,
    )
    versions = {p["name"].lower(): p["version"] for p in json.loads(listed.stdout)}
    versions["lyapax"] = versions.get("lyapunov-spectra", "?")
    used = ", ".join(f"{name} {versions.get(name, '?')}" for name in VERSIONED)
    return [
        f"{datetime.date.today()}, {processor()}; Python {platform.python_version()}, {used}.",
        f"DGEMM of n = 1024 on all cores, NumPy: {peak(python, isa):.0f} GF/s.",
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="a regular expression on names")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--packages", default="", help="a regular expression on their names")
    parser.add_argument("--isa", choices=MASKS, default="native")
    parser.add_argument("--out", type=Path, help="by default bench/results/versus[-avx2].md")
    options = parser.parse_args()
    isa = options.isa
    suffix = "" if isa == "native" else f"-{isa}"
    out = options.out or ROOT / "bench" / "results" / f"versus{suffix}.md"
    python = environment("versus", "-r", str(HERE / "requirements.txt"), "-e", str(ROOT))
    sys.path.insert(0, str(HERE))
    import reference
    from workloads import WORKLOADS

    lines = [
        "# lyapax beside the other packages",
        "",
        "`python bench/versus" + (f" --isa {isa}`" if suffix else "`"),
        "",
        *machine(python, isa),
        "",
        "Median of interleaved runs, compiled beforehand. Deviation: of the exponents after",
        "the same steps from the same start, against plain NumPy; of their sum where a",
        "package brings its own basis.",
        "",
    ]
    workers = {
        name: Worker(python, module, isa=isa)
        for name, module in PACKAGES.items()
        if re.search(options.packages, name)
    }
    for work in WORKLOADS:
        if re.search(options.only, work.name):
            few = reference.make(_fewer(work))(work.check)
            rows, refused = measured(workers, work, few.tolist(), options.repeats)
            lines += section(work, rows, refused)
            print("\n".join(section(work, rows, refused)), flush=True)
            out.write_text("\n".join(lines))


def _fewer(work):
    """The first members are enough to compare with."""
    from dataclasses import replace

    class First(type(work)):
        def data(self):
            found = work.data()
            found["x"] = found["x"][: self.members]
            if found["inputs"] is not None:
                found["inputs"] = found["inputs"][:, : self.members]
            return found

    return First(**{**vars(replace(work, members=min(work.members, 4)))})


if __name__ == "__main__":
    main()
