"""torch as a user would write it: a step of the batch, torch.func.jvp under vmap, linalg.qr."""

import torch
from torch_package import runner


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

    def all_columns(x, q, t):
        u = inputs[t % len(inputs)]
        column = lambda p: torch.func.jvp(lambda y: step(y, u), (x,), (p,))  # noqa: E731
        return torch.func.vmap(column, in_dims=2, out_dims=(None, 2))(q)

    return runner(work, data, all_columns)
