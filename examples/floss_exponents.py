"""Gradient flossing
=================

Pull the leading exponents of a recurrent network to zero by gradient descent (Engelken 2023): the
exponents of a window of steps are a term of the loss, here the only one. A quarter of a minute:
``python examples/floss_exponents.py``

What one sees: eight exponents go to zero, and a learning signal then survives its way back through
150 steps in as many directions, where it vanished before.

.. image:: /floss_exponents.png
   :alt: squared exponents against training steps, exponents and learning signals before and after
   :width: 100%
"""

# sphinx_gallery_thumbnail_path = "floss_exponents.png"

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from lyapax.torch import lyapunov_exponents, spectrum

UNITS, FLOSSED, WINDOW = 64, 8, 30
STEPS, RATE, BATCH = 150, 1e-3, 4
BACK = 150  # steps that a learning signal is followed


def floss(rnn, steps=STEPS, progress=True):
    """Mean squares of the flossed exponents, one a training step."""
    optimizer = torch.optim.Adam(rnn.parameters(), RATE)
    generator = torch.Generator().manual_seed(0)
    losses = np.empty(steps)
    for step in tqdm(range(steps), desc="flossing", disable=not progress):
        start = 0.3 * torch.randn(BATCH, UNITS, generator=generator)
        loss = lyapunov_exponents(rnn, start, FLOSSED, WINDOW).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses[step] = loss.item()
    return losses


def signal(rnn):
    """Mean norm of a learning signal on its way back through an autonomous run, from 1."""
    torch.manual_seed(1)
    h = [(0.3 * torch.randn(1, 16, UNITS)).requires_grad_()]
    nothing = torch.zeros(1, 16, rnn.input_size)
    for _ in range(2 * BACK):
        h.append(rnn(nothing, h[-1])[1])
        h[-1].retain_grad()
    sent = torch.randn(h[-1].shape)
    (h[-1] * sent / sent.norm(dim=-1, keepdim=True)).sum().backward()
    return np.array([x.grad.norm(dim=-1).mean().item() for x in h[: BACK - 1 : -1]])


def exponents(rnn):
    return spectrum(
        rnn, duration=2000, transient=1000, initial=np.full(UNITS, 0.1), rng=0, progress=False
    ).exponents


def draw(losses, spectra, signals, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
    axes[0].semilogy(losses, "k")
    axes[0].set(xlabel="step of flossing", ylabel=f"mean square of {FLOSSED} exponents")
    for name, values, back in zip(("before", "after"), spectra, signals, strict=True):
        axes[1].plot(np.arange(1, UNITS + 1), np.maximum(values, -2), ".-", label=name)
        axes[2].semilogy(np.maximum(back, 1e-12), label=name)
    axes[1].axvline(FLOSSED + 0.5, color="k", ls=":", lw=1)
    axes[1].axhline(0, color="k", ls=":", lw=1)
    axes[1].set(xlabel="exponent number", ylabel="per step", xlim=(0, 33))
    axes[2].set(xlabel="steps back", ylabel="norm of the learning signal")
    axes[1].legend()
    figure.savefig(path, dpi=110)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--picture", type=Path, default=Path("floss_exponents.png"))
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    rnn = nn.RNN(2, UNITS)
    before = exponents(rnn), signal(rnn)
    losses = floss(rnn, options.steps)
    after = exponents(rnn), signal(rnn)
    for name, (values, back) in (("before", before), ("after", after)):
        tqdm.write(
            f"{name}: largest of the {FLOSSED} exponents in size "
            f"{np.abs(values[:FLOSSED]).max():.3f}, after {BACK} steps back "
            f"{back[-1]:.1e} of a learning signal is left"
        )
    draw(losses, (before[0], after[0]), (before[1], after[1]), options.picture)
    tqdm.write(f"picture: {options.picture}")


if __name__ == "__main__":
    main()
