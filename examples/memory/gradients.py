"""How far back the gradient of copy memory reaches before any training: to symbols k steps ago."""

from pathlib import Path

import numpy as np
import torch

from .report import COLOURS
from .tasks import copy_memory
from .train import Model, Settings, losses


def norms(model, pause, units=250, sequences=10, seed=0):
    """Norm of the gradient of the recall's loss with respect to the input of each step, (T,).

    Of each sequence, averaged; in float64, which takes what float32 would call zero.
    """
    task = copy_memory(pause, seed, sizes=(sequences, 1, 1))
    network = Model(Settings(model, units=units), task, [seed]).double()
    inputs, targets, lengths = task.batch(task.train, np.arange(sequences)[None])
    inputs = inputs.double().requires_grad_()
    loss, _ = losses(task, network(inputs), targets, lengths, reported=True)
    (gradient,) = torch.autograd.grad(loss.sum(), inputs)
    return (sequences * gradient[0]).norm(dim=-1).mean(0).numpy()


def reach(norms, pause):
    """The gradient with respect to the symbols that are shown, over that `pause` steps later.

    Infinite where later inputs leave no gradient at all, as in units that are saturated.
    """
    with np.errstate(all="ignore"):
        return norms[:10].mean() / norms[pause : pause + 10].mean()


def picture(found, path):
    """Norms of models by name against the number of steps that they have come back."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    for model, values in found.items():
        back = np.arange(len(values))[::-1]
        shown = np.where((values > 0) & np.isfinite(values), values, np.nan)
        width = 2.5 if "PTA" in model else 1.2
        axis.plot(back, shown, label=model, lw=width, color=COLOURS.get(model, "#e377c2"))
    tiny = float(np.finfo(np.float32).tiny)
    axis.axhline(tiny, color="0.6", ls=":", lw=1, label="smallest normal float32")
    axis.set(yscale="log", ylim=(1e-60, 1e30), xlabel="steps back from the end of the sequence")
    axis.set_ylabel("gradient with respect to the input")
    axis.legend(fontsize="x-small")
    figure.savefig(Path(path), dpi=110)
    plt.close(figure)
