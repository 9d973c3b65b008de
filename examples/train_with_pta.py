"""Train with oscillators
======================

Train a recurrent network on copy memory, from different initial weights. Ten symbols are shown, and
must be recalled after a pause of k steps: the error has to find its way back through all of them.
`pta_init_` is one line of this script, the rest is as in any other. Half a minute a run:
``python examples/train_with_pta.py --init pta``; three initial weights, three seeds and a picture:
``python examples/train_with_pta.py --all``

What one sees: from a bank of oscillators the network learns to recall; from PyTorch's own and from
orthogonal weights the loss stays at that of a network without memory, 2.08.

.. image:: /train_with_pta.png
   :alt: loss of recall against training steps, and exponents before and after, for three inits
   :width: 100%
"""

# sphinx_gallery_thumbnail_path = "train_with_pta.png"

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from lyapax.torch import pta_init_, spectrum

SYMBOLS, SHOWN, PAUSE = 8, 10, 30  # without memory the loss of recall is ln 8 = 2.08
BLANK, START = SYMBOLS, SYMBOLS + 1
UNITS, BATCH, STEPS = 128, 64, 1200


def copy_memory(generator):
    """Inputs (time, batch, one-hot) and targets (time, batch): blanks, then the symbols again."""
    symbols = torch.randint(SYMBOLS, (SHOWN, BATCH), generator=generator)
    tokens = torch.full((PAUSE + 2 * SHOWN, BATCH), BLANK)
    targets = tokens.clone()
    tokens[:SHOWN], tokens[SHOWN + PAUSE], targets[-SHOWN:] = symbols, START, symbols
    return nn.functional.one_hot(tokens, SYMBOLS + 2).float(), targets


class Copy(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.rnn = {"rnn": nn.RNN, "gru": nn.GRU}[cell](SYMBOLS + 2, UNITS)
        self.readout = nn.Linear(UNITS, SYMBOLS + 1)

    def forward(self, inputs):
        return self.readout(self.rnn(inputs)[0])


def initialize(rnn, init):
    if init == "pta":
        pta_init_(rnn)
    elif init == "orthogonal":
        for block in rnn.weight_hh_l0.data.split(UNITS):
            nn.init.orthogonal_(block)
    elif init == "identity":
        for block in rnn.weight_hh_l0.data.split(UNITS):
            nn.init.eye_(block)


def exponents(rnn):
    """All of the recurrent layer's, without input."""
    run = {"duration": 1000, "transient": 500, "rng": 0, "progress": False}
    return spectrum(rnn, qr_every=1, **run).exponents


def train(cell, init, seed, steps=STEPS, progress=True):
    """Losses of recall, and the spectra before and after."""
    torch.manual_seed(seed)
    model = Copy(cell)
    initialize(model.rnn, init)
    before = exponents(model.rnn)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(seed)
    losses = np.empty(steps)
    bar = tqdm(range(steps), desc=f"{cell} {init} {seed}", disable=not progress, leave=False)
    for step in bar:
        inputs, targets = copy_memory(generator)
        each = nn.functional.cross_entropy(model(inputs).movedim(-1, 1), targets, reduction="none")
        optimizer.zero_grad()
        each.mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses[step] = each[-SHOWN:].mean().item()
        bar.set_postfix(recall=f"{losses[step]:.3f}")
    return losses, before, exponents(model.rnn)


def draw(runs, path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    colours = dict(zip(dict.fromkeys(init for init, _ in runs), plt.cm.tab10.colors, strict=False))
    for (init, seed), (losses, before, after) in runs.items():
        smooth = np.convolve(losses, np.ones(20) / 20, "valid")
        label = init if seed == min(s for i, s in runs if i == init) else None
        axes[0].plot(smooth, color=colours[init], label=label)
        for ax, values in ((axes[1], before), (axes[2], after)):
            ax.plot(np.maximum(values, -3.0), color=colours[init], label=label)
    axes[0].axhline(np.log(SYMBOLS), color="k", ls=":", lw=1)
    axes[0].set(xlabel="training step", ylabel="loss of recall", ylim=(0, None))
    for ax, title in ((axes[1], "before training"), (axes[2], "after training")):
        ax.axhline(0, color="k", ls=":", lw=1)
        ax.set(xlabel="exponent number", ylabel="per step", title=title, ylim=(-1.5, 0.3))
    axes[0].legend()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--init", default="pta", choices=("default", "orthogonal", "identity", "pta")
    )
    parser.add_argument("--cell", default="rnn", choices=("rnn", "gru"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all", action="store_true", help="three inits, seeds 0, 1 and 2")
    parser.add_argument("--picture", type=Path, default=Path("train_with_pta.png"))
    options = parser.parse_args()
    chosen = [(options.init, options.seed)]
    if options.all:
        chosen = [(init, seed) for init in ("default", "orthogonal", "pta") for seed in range(3)]
    runs = {}
    for init, seed in chosen:
        runs[init, seed] = train(options.cell, init, seed)
        losses, before, after = runs[init, seed]
        zeros = [np.sum(np.abs(values) < 2e-3) for values in (before, after)]
        tqdm.write(
            f"{options.cell} {init} seed {seed}: recall {losses[-50:].mean():.3f}, "
            f"zero exponents {zeros[0]} before, {zeros[1]} after"
        )
    draw(runs, options.picture)
    tqdm.write(f"picture: {options.picture}")


if __name__ == "__main__":
    main()
