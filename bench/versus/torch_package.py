"""torch: batched products with the tangent written out, torch.linalg.qr."""

import fields
import torch

torch.set_default_dtype(torch.float64)


def runner(work, data, step):
    """A function of the number of steps, where ``step(x, q, t)`` moves all members on."""

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


def make(work):
    if work.kind in ("lorenz", "block"):
        raise NotImplementedError("a small system: torch's calls are all that would be measured")
    data = work.data()
    w = torch.from_numpy(data["w"])
    inputs = None if data["inputs"] is None else torch.from_numpy(data["inputs"])
    v = torch.from_numpy(data["v"]) if work.kind == "gru" else None

    def step(x, q, t):
        if inputs is None:
            stage = lambda x, q: fields.network(torch, x, q, w)  # noqa: E731
            return fields.runge_kutta(stage, x, q, work.dt)
        drive = inputs[t % len(inputs)]
        if v is None:
            return fields.rnn(torch, x, q, w, drive)
        return fields.gru(torch, x, q, w, drive @ v.T, torch.sigmoid)

    return runner(work, data, step)
