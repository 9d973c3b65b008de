"""torch: as users write it (vmap of jvp), with batched products, and its QR alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .workloads import Workload, member_step, step


def ready(place: str) -> None:
    if place == "cuda" and not torch.cuda.is_available():
        raise RuntimeError(f"torch {torch.__version__} sees no GPU here")


def arrays(work: Workload, place: str, members: int) -> tuple[Any, Any, Any]:
    ready(place)
    kind = getattr(torch, work.dtype)
    data = work.data(members)
    put = lambda name: torch.as_tensor(data[name], dtype=kind, device=place)  # noqa: E731
    return (
        put("x"),
        put("q").expand(members, -1, -1).contiguous(),
        put("w") if "w" in data else None,
    )


def looped(work: Workload, forward: Any, x: Any, q: Any) -> Callable[[int], np.ndarray]:
    def run(steps: int) -> np.ndarray:
        y, p, total = x, q, 0.0
        with torch.no_grad():
            for t in range(steps):
                y, p = forward(y, p)
                if (t + 1) % work.interval == 0:
                    p, r = torch.linalg.qr(p)
                    total = total + torch.diagonal(r, dim1=1, dim2=2).abs().log().double()
        return total[work.compared, : work.leading].cpu().numpy()

    run.members = len(x)
    return run


def batched(work: Workload, place: str) -> Callable[[int], np.ndarray]:
    x, q, w = arrays(work, place, work.members)
    forward = step(torch, work)
    return looped(work, lambda x, q: forward(x, q, w), x, q)


def natural(work: Workload, place: str) -> Callable[[int], np.ndarray]:
    x, q, w = arrays(work, place, work.few)
    moved = torch.func.vmap(member_step(torch, work))

    def forward(x, q, w):
        push = lambda v: torch.func.jvp(lambda y: moved(y, w), (x,), (v,))  # noqa: E731
        return torch.func.vmap(push, in_dims=2, out_dims=(None, 2))(q)

    return looped(work, lambda x, q: forward(x, q, w), x, q)


def qr(work: Workload, place: str) -> Callable[[int], np.ndarray]:
    _, a, _ = arrays(work, place, work.few)

    def run(steps: int) -> np.ndarray:
        for _ in range(steps):
            _, r = torch.linalg.qr(a)
        logs = torch.diagonal(r, dim1=1, dim2=2).abs().log()
        return logs[work.compared, : work.leading].cpu().numpy()

    run.members = work.few
    return run
