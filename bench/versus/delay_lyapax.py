"""This package: the function that a user calls, whose driver and statistics are timed with it."""

import lyapax as lx


def mackey_glass(x, p, past):
    delayed = past(p.tau)[0]
    return [p.beta * delayed / (1 + delayed**10) - p.gamma * x[0]]


# QRs of Mackey-Glass after four delays, as the automatic cadence has them in a long run: rho is 150
# there, and rounding is noticed from 1e7 on.
DELAYS = {"mackey-glass": 4, "network": 1}


def make(work):
    data, varied = work.data(), None
    if work.kind == "mackey-glass":
        params = {"beta": data["beta"][0], "gamma": 0.1, "tau": work.tau}
        system = lx.Flow(mackey_glass, dim=1, params=params, initial=data["x"])
        if work.members > 1:
            varied = {"beta": data["beta"]}
    else:
        system = lx.RateNetwork(data["w"], delay=work.tau)

    def run(steps, settle=0):
        # As in the other packages the tangents are there from the first step on.
        interval = DELAYS[work.kind] * work.interval
        settle = max(settle, interval)
        found = lx.lyapunov_spectrum(
            system,
            duration=max(steps - settle, interval) * work.dt,
            dt=work.dt,
            transient=0.0,
            alignment=settle * work.dt,
            k=work.k,
            params=varied,
            initial=data["x"],
            qr_every=interval,
            rng=0,
            progress=False,
        )
        return found.exponents.reshape(-1, work.k)

    return run
