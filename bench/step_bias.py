"""What dt does to exponents, beside what `step_bias` says of it, and the runs of dt="auto".

    python -m bench.step_bias            # writes bench/results/step.md, an hour
    python -m bench.step_bias lorenz     # prints one system

The converged exponents and the true bias are those of many members at each dt; a limit cycle has
no chance in it, and one member for a long time does.
"""

import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import lyapax as lx

RUNS = 100


def hindmarsh_rose(x, p):
    return [
        x[1] - x[0] ** 3 + 3 * x[0] ** 2 - x[2] + p.current,
        1 - 5 * x[0] ** 2 - x[1],
        0.006 * (4 * (x[0] + 1.6) - x[2]),
    ]


def chua(x, p):
    f = p.b * x[0] + 0.5 * (p.a - p.b) * (np.abs(x[0] + 1) - np.abs(x[0] - 1))
    return [p.alpha * (x[1] - x[0] - f), x[0] - x[1] + x[2], -p.beta * x[1]]


@dataclass(frozen=True)
class Case:
    system: object
    duration: float
    steps: tuple[float, ...]
    finest: float
    members: int = 64
    longer: float = 1.0  # of the converged runs


LIBRARY = lx.systems.library


def tanh_network(seed, g):
    return lx.RateNetwork(np.random.default_rng(seed).standard_normal((20, 20)) * g / np.sqrt(20))


CASES = {
    "roessler": Case(LIBRARY["roessler"].system(), 2000, (0.2, 0.1, 0.05), 0.0125, longer=4),
    "lorenz": Case(LIBRARY["lorenz63"].system(), 1000, (0.04, 0.02, 0.01), 0.0025, 128, 8),
    "van der Pol, mu = 10": Case(
        LIBRARY["van_der_pol"].system(mu=10.0), 1000, (0.04, 0.02), 0.0025, 4, 40
    ),
    "hindmarsh-rose": Case(
        lx.Flow(hindmarsh_rose, 3, {"current": 3.25}, initial=[0.0, 0.0, 3.0]),
        5000,
        (0.1, 0.05, 0.025),
        0.0125,
        longer=2,
    ),
    "chua": Case(
        lx.Flow(
            chua,
            3,
            {"alpha": 9.0, "beta": 100 / 7, "a": -8 / 7, "b": -5 / 7},
            initial=[0.7, 0.0, 0.0],
        ),
        1000,
        (0.1, 0.05, 0.02),
        0.005,
        longer=4,
    ),
    "tanh network, n = 20": Case(tanh_network(248, 4), 1000, (0.8, 0.4, 0.2), 0.05, 32),
    "another, a cycle that turns chaotic from dt = 0.2 on": Case(
        tanh_network(120, 5), 1000, (0.8, 0.4, 0.2), 0.05, 32
    ),
    "PTA flow": Case(LIBRARY["pta_flow"].system(), 1000, (0.8, 0.4, 0.2), 0.05, 4, 1000),
}


def long_run(case, dt):
    """Means over members and their errors."""
    spec = lx.lyapunov_spectrum(
        case.system,
        duration=case.longer * case.duration,
        transient=case.duration / 2,
        dt=dt,
        members=case.members,
        rng=1,
        progress=False,
    )
    good = spec.exponents[np.isfinite(spec.exponents).all(axis=-1)]
    # Members of a limit cycle differ by where on it a run ends.
    ends = 2 / (case.longer * case.duration) if spec.attractor[0] == "limit cycle" else 0.0
    return good.mean(axis=0), good.std(axis=0, ddof=1) / np.sqrt(len(good)) + ends


def estimates(case, converged):
    """Rows of a table: the true bias beside the estimated one, at the exponent that it moves."""
    rows = []
    for dt in case.steps:
        mean, error = long_run(case, dt)
        truth, doubt = mean - converged[0], np.hypot(error, converged[1])
        started = time.perf_counter()
        spec = lx.lyapunov_spectrum(
            case.system,
            duration=case.duration,
            transient=case.duration / 10,
            dt=dt,
            rng=0,
            progress=False,
        )
        seconds = time.perf_counter() - started
        off = np.abs(spec.step_bias - truth) / np.hypot(spec.step_bias_stderr, doubt)
        j = int(np.abs(truth).argmax())
        rows.append(
            f"{dt:g} | {j + 1} | {truth[j]:.2g} +- {doubt[j]:.1g} | {spec.step_bias[j]:.2g} +- "
            f"{spec.step_bias_stderr[j]:.1g} | {off.max():.1f} | {spec.stderr[j]:.2g} | "
            f"{seconds:.2f}"
        )
    return rows


def automatic(case, converged):
    """One row: steps taken, and in how many exponents two errors cover the converged value."""
    steps, covered, seconds = [], [], 0.0
    for run in range(RUNS):
        started = time.perf_counter()
        spec = lx.lyapunov_spectrum(
            case.system,
            duration=case.duration,
            transient=case.duration / 10,
            rng=run,
            progress=False,
        )
        seconds += time.perf_counter() - started
        steps.append(spec.dt)
        covered.append(
            np.abs(spec.exponents - converged[0]) < 2 * np.hypot(spec.stderr, converged[1])
        )
    fixed = time.perf_counter()
    lx.lyapunov_spectrum(
        case.system,
        duration=case.duration,
        transient=case.duration / 10,
        dt=steps[-1],
        progress=False,
    )
    fixed = time.perf_counter() - fixed
    taken = ", ".join(f"{s:g} ({steps.count(s)})" for s in sorted(set(steps)))
    share = 100 * np.mean(covered, axis=0)
    each = " ".join(f"{s:.0f}" for s in (share if len(share) < 5 else [share[0], share[-1]]))
    return f"{taken} | {share.mean():.1f} | {each} | {seconds / RUNS:.2f} | {fixed:.2f}"


def measured(name):
    case = CASES[name]
    warnings.simplefilter("ignore")  # of steps that are too large
    long_case = long_run(case, case.finest)
    first = [f"| {name} | {row} |" for row in estimates(case, long_case)]
    for row in first:
        print(row, flush=True)
    second = f"| {name} | {automatic(case, long_case)} |"
    print(second, flush=True)
    return first, second


HEAD = """# The step: `step_bias` and `dt="auto"`

`python -m bench.step_bias`, on two cores of an AMD EPYC that others used as well.

One run at each dt, beside the difference of long runs of many members at dt and at a finer one.
"off": the largest distance of any exponent, in joint errors; of the last network, where at dt = 0.2
there is another attractor than at 0.1, no pair of short runs sees it, but the last exponents give
the step away.

| system | dt | exponent | true bias | `step_bias` | off | error of the run | s |
|---|---|---|---|---|---|---|---|
"""
SECOND = f"""
{RUNS} runs without dt each: the steps they took, and in how many per cent of all exponents two
standard errors cover the converged value; then by exponent (of the network the first and the last).
Seconds of such a run, and of one that is given the step.

| system | steps (runs) | covered | by exponent | s | s, dt given |
|---|---|---|---|---|---|
"""

if __name__ == "__main__":
    if sys.argv[1:]:
        measured(sys.argv[1])
    else:
        found = []
        for name in CASES:
            found.append(measured(name))
            text = HEAD + "".join(f"{row}\n" for first, _ in found for row in first)
            text += SECOND + "".join(f"{second}\n" for _, second in found)
            (Path(__file__).parent / "results" / "step.md").write_text(text)
