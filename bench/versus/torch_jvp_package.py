"""torch as a user would write it: a step of the batch, torch.func.jvp under vmap, linalg.qr."""

import torch

torch.set_default_dtype(torch.float64)


def make(work):
    if work.kind not in ("rnn", "gru"):
        raise NotImplementedError("only the recurrent networks, where it is what one would write")
    data = work.data()
    w, inputs = torch.from_numpy(data["w"]), torch.from_numpy(data["inputs"])

    def step(x, u):
        if work.kind == "rnn":
            return torch.tanh(x @ w.T + u)
        (g_r, g_z, g_m), (s_r, s_z, s_m) = (x @ w.T).chunk(3, 1), (u @ v.T).chunk(3, 1)
        r, z = torch.sigmoid(g_r + s_r), torch.sigmoid(g_z + s_z)
        m = torch.tanh(s_m + r * g_m)
        return (1 - z) * m + z * x

    v = torch.from_numpy(data["v"]) if work.kind == "gru" else None

    @torch.no_grad()
    def run(steps):
        x = torch.from_numpy(data["x"])
        q = torch.from_numpy(data["q"]).expand(work.members, -1, -1)
        total = torch.zeros(work.members, work.k)
        for t in range(steps):
            u = inputs[t % len(inputs)]
            push = lambda p: torch.func.jvp(lambda y: step(y, u), (x,), (p,))  # noqa: B023, E731
            after, q = torch.func.vmap(push, in_dims=2, out_dims=(None, 2))(q)
            x = after
            if (t + 1) % work.interval == 0:
                q, r = torch.linalg.qr(q)
                total += torch.diagonal(r, dim1=1, dim2=2).abs().log()
        return total.numpy()

    return run
