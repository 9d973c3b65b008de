"""dynlib: generated Numba code, RK4, QR after every step, members as a one-parameter sweep."""

import numpy as np
from dynlib import setup
from dynlib.analysis import sweep

UNEQUAL = "QR every step, own basis"


def model(work, w, x):
    """The system as dynlib's TOML; `one` is a parameter to sweep over, always 1."""
    names = [f"x{i}" for i in range(work.n)]
    if work.kind == "lorenz":
        right = ["10*(x1-x0)", "x0*(28-x2)-x1", "x0*x1-8.0/3.0*x2"]
        jacobian = [["-10", "10", "0"], ["28-x2", "-1", "-x0"], ["x1", "x0", "-8.0/3.0"]]
    else:
        inside = work.kind == "block"
        number = lambda v: f"({float(v)!r})"  # noqa: E731
        sums = [
            "+".join(f"{number(v)}*{name}" for v, name in zip(row, names, strict=True)) for row in w
        ]
        if inside:
            right = [f"tanh({s})-{name}" for s, name in zip(sums, names, strict=True)]
        else:
            values = [f"tanh({name})" for name in names]
            right = [
                "+".join(f"{number(v)}*{u}" for v, u in zip(row, values, strict=True)) + f"-{name}"
                for row, name in zip(w, names, strict=True)
            ]
        jacobian = [
            [
                f"{number(w[i, j])}*(1-tanh({sums[i] if inside else names[j]})**2)-{int(i == j)}"
                for j in range(work.n)
            ]
            for i in range(work.n)
        ]
    lines = ["inline:", "[model]", 'type = "ode"', 'name = "bench"', "[states]"]
    lines += [f"{name} = {float(v)!r}" for name, v in zip(names, x, strict=True)]
    lines += ["[params]", "one = 1.0", "[equations.rhs]"]
    lines += [f'{name} = "{e}"' for name, e in zip(names, right, strict=True)]
    rows = ",\n".join("[" + ", ".join(f'"{e}"' for e in row) + "]" for row in jacobian)
    return "\n".join([*lines, "[equations.jacobian]", f"expr = [{rows}]", ""])


def make(work):
    if work.kind in ("rnn", "gru") or work.n > 8 or work.k != work.n:
        raise NotImplementedError("equations as text: minutes to compile from n = 10 on")
    data, members = work.data(), min(work.members, 256)
    simulation = setup(model(work, data["w"], data["x"][0]), stepper="rk4", jit=True)

    def run(steps):
        found = sweep.lyapunov_spectrum_sweep(
            simulation,
            param="one",
            values=np.ones(members),
            k=work.k,
            T=steps * work.dt,
            dt=work.dt,
            parallel_mode="threads" if members > 1 else "none",
        )
        return found.outputs["log_r"]

    run.members = members
    return run
