"""torch: batched products with the tangent written out, torch.linalg.qr."""

import torch

torch.set_default_dtype(torch.float64)


def gru(w, v, x, u, q):
    """Next state and tangents, one product for the three gates."""
    n = x.shape[1]
    g, s, p = x @ w.T, u @ v.T, w @ q
    r, z = torch.sigmoid(g[:, :n] + s[:, :n]), torch.sigmoid((g + s)[:, n : 2 * n])
    inner = g[:, 2 * n :]
    m = torch.tanh(s[:, 2 * n :] + r * inner)
    slope = (1 - z) * (1 - m * m)
    q = (
        z[:, :, None] * q
        + (slope * inner * r * (1 - r))[:, :, None] * p[:, :n]
        + ((x - m) * z * (1 - z))[:, :, None] * p[:, n : 2 * n]
        + (slope * r)[:, :, None] * p[:, 2 * n :]
    )
    return m + z * (x - m), q


def make(work):
    if work.kind in ("lorenz", "block"):
        raise NotImplementedError("a small system: torch's calls are all that would be measured")
    data, dt = work.data(), work.dt
    w = torch.from_numpy(data["w"])
    inputs = None if data["inputs"] is None else torch.from_numpy(data["inputs"])

    v = torch.from_numpy(data["v"]) if work.kind == "gru" else None

    def stage(x, q):
        value = torch.tanh(x)
        return value @ w.T - x, w @ ((1 - value**2)[:, :, None] * q) - q

    def step(x, q, t):
        if v is not None:
            return gru(w, v, x, inputs[t % len(inputs)], q)
        if inputs is not None:
            value = torch.tanh(x @ w.T + inputs[t % len(inputs)])
            return value, (1 - value**2)[:, :, None] * (w @ q)
        k1, y1 = stage(x, q)
        k2, y2 = stage(x + dt / 2 * k1, q + dt / 2 * y1)
        k3, y3 = stage(x + dt / 2 * k2, q + dt / 2 * y2)
        k4, y4 = stage(x + dt * k3, q + dt * y3)
        return x + dt / 6 * (k1 + 2 * (k2 + k3) + k4), q + dt / 6 * (y1 + 2 * (y2 + y3) + y4)

    @torch.no_grad()
    def run(steps):
        x = torch.from_numpy(data["x"])
        q = torch.from_numpy(data["q"]).expand(work.members, -1, -1)
        total = torch.zeros(work.members, work.k)
        for t in range(steps):
            x, q = step(x, q, t)
            if (t + 1) % work.interval == 0:
                q, r = torch.linalg.qr(q)
                total += torch.diagonal(r, dim1=1, dim2=2).abs().log()
        return total.numpy()

    return run
