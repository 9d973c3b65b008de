"""What a LyapunovMonitor costs a training run: ``python -m bench.monitor`` (needs torch)."""

import time

import torch
from torch import nn

from lyapax.torch import LyapunovMonitor

EVERY = 200  # the monitor's default


def training_step(cell, units, length, batch):
    torch.manual_seed(0)
    layer, head = cell(32, units, batch_first=True), nn.Linear(units, 10)
    optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()], 1e-3)
    data, labels = torch.randn(batch, length, 32), torch.randint(10, (batch, length))

    def step():
        optimizer.zero_grad()
        logits = head(layer(data)[0])
        nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()).backward()
        optimizer.step()

    return layer, data, step


def seconds(function, repeats):
    function()
    started = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - started) / repeats


def main():
    print(
        "| layer | units | steps x batch | training step | look, by itself | look, driven | cost |"
    )
    print("|---|---|---|---|---|---|---|")
    for cell in (nn.RNN, nn.GRU, nn.LSTM):
        for units, length, batch in ((128, 50, 64), (256, 50, 64), (512, 100, 32)):
            layer, data, step = training_step(cell, units, length, batch)
            training = seconds(step, 5)
            looks = [seconds(LyapunovMonitor(layer, x).look, 3) for x in (None, data)]
            cost = max(looks) / (EVERY * training)
            print(
                f"| {cell.__name__} | {units} | {length} x {batch} | {1e3 * training:.0f} ms | "
                f"{1e3 * looks[0]:.0f} ms | {1e3 * looks[1]:.0f} ms | {100 * cost:.1f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main()
