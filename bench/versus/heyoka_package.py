"""heyoka: Taylor series of the variational equations at machine precision, LLVM-compiled."""

import heyoka as hy
import numpy as np
from symbolic import equations

UNEQUAL = "adaptive step, 1e-16"


def make(work):
    if work.kind in ("rnn", "gru") or work.n > 8 or (work.kind == "tanh" and work.members > 1):
        raise NotImplementedError("symbolic: large systems take minutes to compile; one orbit")
    data, n = work.data(), work.n
    names = hy.make_vars(*(f"x{i}" for i in range(n)))
    names = names if isinstance(names, list | tuple) else [names]
    right = equations(work, data["w"], lambda i: names[i], hy.tanh)
    variational = hy.var_ode_sys(list(zip(names, right, strict=True)), hy.var_args.vars, order=1)
    integrator = hy.taylor_adaptive(variational, np.zeros(n), compact_mode=True)

    def run(steps):
        integrator.time = 0.0
        q, total = data["q"], np.zeros(work.k)
        integrator.state[:n] = data["x"][0]
        for _ in range(steps // work.interval):
            integrator.state[n:] = np.eye(n).ravel()
            integrator.propagate_for(work.interval * work.dt)
            q, r = np.linalg.qr(integrator.state[n:].reshape(n, n) @ q)
            total += np.log(np.abs(np.diag(r)))
        return total[None]

    run.members = 1
    return run
