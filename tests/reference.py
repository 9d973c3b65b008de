"""Plain NumPy twins of the propagators: slow, obvious, and independent of the kernels."""

import numpy as np


def rk4(f, jacobian, x, q, dt):
    """One RK4 step of the state and its exact derivative on q."""
    ks, ys = [f(x)], [jacobian(x) @ q]
    for reach in (dt / 2, dt / 2, dt):
        stage = x + reach * ks[-1]
        ys.append(jacobian(stage) @ (q + reach * ys[-1]))
        ks.append(f(stage))
    weights = (1 / 6, 1 / 3, 1 / 3, 1 / 6)
    return (
        x + dt * sum(w * k for w, k in zip(weights, ks, strict=True)),
        q + dt * sum(w * y for w, y in zip(weights, ys, strict=True)),
    )


def positive_qr(a):
    q, r = np.linalg.qr(a)
    sign = np.where(np.diag(r) < 0, -1.0, 1.0)
    return q * sign, np.abs(np.diag(r))


def propagate(f, jacobian, x, q, dt, intervals, steps):
    """(x, q, summed log R_jj); dt = 0 is a map."""
    total = np.zeros(q.shape[1])
    for _ in range(intervals):
        for _ in range(steps):
            if dt:
                x, q = rk4(f, jacobian, x, q, dt)
            else:
                x, q = f(x), jacobian(x) @ q
        q, r = positive_qr(q)
        total += np.log(r)
    return x, q, total


def network(w, bias, tau, form, kind):
    """(f, jacobian) of a tanh rate network."""
    n = len(w)

    def flow(x):
        if form == "current":
            return (-x + w @ np.tanh(x) + bias) / tau
        return (-x + np.tanh(w @ x + bias)) / tau

    def jacobian(x):
        if form == "current":
            return (-np.eye(n) + w / np.cosh(x) ** 2) / tau
        return (-np.eye(n) + w / np.cosh(w @ x + bias)[:, None] ** 2) / tau

    if kind == "flow":
        return flow, jacobian
    return lambda x: x + flow(x), lambda x: np.eye(n) + jacobian(x)
