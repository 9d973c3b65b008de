"""Table S1 and Fig. 5C of the paper, beside what was trained here."""

import csv
import json
import math
from pathlib import Path

import numpy as np

from .budgets import MODELS

NOT_RUN = "not run"

# Table S1: losses, and of the last row per cent of images. The paper has the tanh network from
# PyTorch's default, PTA and orthogonal weights, and gives no value where there is a dash.
TABLE_S1 = {
    "temporal order": ("-", "-", "0", "0", "1.11", "-", "1.39", "1.22e-5", "0.31"),
    "copy memory, k = 100": (
        "0.30", "0.11", "0.29", "1.33e-4", "1.18", "0.03", "1.86", "1.58e-4", "1.35"
    ),
    "copy memory, k = 2000": (
        "1.91", "1.87", "0.22", "0.35", "1.61", "1.91", "1.99", "0.05", "1.98"
    ),
    "random delay, k = 100 to 120": (
        "0.74", "0.40", "0.72", "1.49e-7", "1.57", "0.02", "1.85", "0.33", "1.55"
    ),
    "permuted pixels": ("95.9", "94.5", "94.8", "97.4", "91.6", "94.9", "88.8", "97.0", "94.7"),
}  # fmt: skip


def results(folder):
    """What has been trained: (row of Table S1, model) -> content of a result's file."""
    found = [
        json.loads(path.read_text()) for path in sorted(Path(folder, "results").glob("*.json"))
    ]
    return {(one["row"], one["model"]): one for one in found}


def report(folder):
    """Write `table.csv`, `runs.csv` and `curves.png` in the folder, of the results that it has."""
    folder, found, rows = Path(folder), results(folder), list(TABLE_S1)
    if not found:
        raise ValueError(f"{folder} has no results")
    others = sorted({model for _, model in found} - set(MODELS))
    models = [*MODELS, *others]
    _write(folder / "table.csv", ["task", *models], table(found, rows, models))
    ordered = [found[row, model] for row in rows for model in models if (row, model) in found]
    _write(folder / "runs.csv", RUNS, [run(one) for one in ordered])
    picture(found, rows, models, folder / "curves.png")
    return folder / "table.csv"


def table(found, rows, models):
    """Rows of the table: each task as it was trained here, and below it the paper's."""
    lines = []
    for row in rows:
        here = [one for (name, _), one in found.items() if name == row]
        if here:
            title = f"{here[0]['task']} (chance {chance(here[0])})"
        else:
            title = row
        ours = [found.get((row, model)) for model in models]
        lines.append([title, *(NOT_RUN if one is None else score(one) for one in ours)])
        paper = dict(zip(MODELS, TABLE_S1[row], strict=True))
        lines.append([f"Table S1: {row}", *(paper.get(model, "-") for model in models)])
    return lines


def is_share(one):
    """Whether a task's score is the share of images that are right; else it is a loss."""
    return one["row"] == "permuted pixels"


def scores(one):
    """Of each network: the reported loss of the test set, or per cent of images."""
    return 100 * np.array(one["accuracy"]) if is_share(one) else np.array(one["loss"])


def chance(one):
    """The score of a network that remembers nothing."""
    return f"{100 * math.exp(-one['chance']):.0f} %" if is_share(one) else f"{one['chance']:.2f}"


def score(one):
    """Mean and standard error over the networks that did not diverge at once.

    Where all stopped because they reached the goal, only that they did: by how much the last epoch
    went beyond it says nothing.
    """
    if all(status == "learnt" for status in one["status"]):
        return f"< {one['settings']['goal']:g}"
    each = scores(one)
    values = each[np.isfinite(each)]
    if not len(values):
        return "diverged"
    mean = f"{values.mean():.3g}"
    if len(values) > 1:
        mean += f" ± {values.std(ddof=1) / math.sqrt(len(values)):.1g}"
    lost = len(each) - len(values)
    return mean + (f" ({lost} diverged)" if lost else "")


RUNS = (
    "task", "model", "loss of each network", "right (%)", "epochs", "best epoch", "status",
    "sequences", "units", "hyperparameters", "zero exponents before", "zero exponents after",
    "largest exponent before", "largest exponent after", "horizon before (steps)",
    "horizon after (steps)", "seconds", "machine",
)  # fmt: skip


def run(one):
    """One training, with all that is needed to do it again."""
    settings = one["settings"]
    names = ("rate", "clip", "dropout", "decay", "patience", "goal", "batch")
    given = [f"{name} {settings[name]:.3g}" for name in names]
    given += [f"{name} {value:.3g}" for name, value in settings["more"]]
    each = lambda values, form: " ".join(format(x, form) for x in values)  # noqa: E731
    return [
        one["task"],
        one["model"],
        each(one["loss"], ".3g"),
        each([100 * x for x in one["accuracy"]], ".1f"),
        len(one["curves"]["train"]),
        each(one["best epoch"], "d"),
        " ".join(one["status"]),
        one["sequences"],
        settings["units"],
        ", ".join(given),
        zeros(one, "before"),
        zeros(one, "after"),
        each(one["before"]["largest"], ".2g"),
        each(one["after"]["largest"], ".2g"),
        each(one["before"]["horizon"], ".0f"),
        each(one["after"]["horizon"], ".0f"),
        f"{one['seconds']:.0f}",
        one["machine"],
    ]


def zeros(one, when):
    """Numbers of zero exponents, with a plus where all that were measured are zero."""
    most = one["settings"]["units"] // 2 + 1
    return " ".join(f"{zero}{'+' * (zero == most)}" for zero in one[when]["zero"])


def _write(path, head, lines):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *lines])


# Oscillators in warm colours.
COLOURS = dict(
    zip(
        MODELS,
        (
            "#1f77b4",
            "#2ca02c",
            "#9467bd",
            "#ff7f0e",
            "#8c564b",
            "#17becf",
            "black",
            "#d62728",
            "0.5",
        ),
        strict=True,
    )
)


def picture(found, rows, models, path):
    """Fig. 5C: validation losses while training, and zero exponents before and after."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    shown = [row for row in rows if any(name == row for name, _ in found)]
    size = 4.0 * len(shown) + 1.8, 6.4
    figure, axes = plt.subplots(2, len(shown), figsize=size, squeeze=False, layout="constrained")
    for row, above, below in zip(shown, *axes, strict=True):
        ours = {model: found[row, model] for model in models if (row, model) in found}
        for model, one in ours.items():
            _curve(above, one, COLOURS.get(model, "0.8"), 3 if "PTA" in model else 1.5)
        any_one = next(iter(ours.values()))
        above.axhline(any_one["chance"], color="0.6", lw=1, ls=":", label="no memory")
        above.set(yscale="log", xlabel="epoch", ylabel="validation loss (nats)")
        above.set_title(any_one["task"], fontsize="medium")
        above.xaxis.set_major_locator(MaxNLocator(integer=True))
        _zeros(below, ours)
    figure.legend(*_handles(axes[0]), fontsize="small", loc="outside right upper")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _curve(axis, one, colour, width):
    losses = np.ma.masked_invalid(one["curves"]["validation"])
    epochs = np.arange(1, len(losses) + 1)
    axis.plot(epochs, losses.mean(1), color=colour, lw=width, label=one["model"])
    axis.fill_between(epochs, losses.min(1), losses.max(1), color=colour, alpha=0.15, lw=0)


def _zeros(axis, ours):
    """A line for each model, from the number of zero exponents before training to that after."""
    for model, one in ours.items():
        ends = np.array([one["before"]["zero"], one["after"]["zero"]])
        axis.plot([0, 1], ends.mean(1), "o-", color=COLOURS.get(model, "0.8"), ms=4)
    axis.set(xticks=[0, 1], xlim=(-0.2, 1.2), ylabel="zero exponents (of n/2 + 1)")
    axis.set_xticklabels(["before training", "after"])


def _handles(axes):
    """Each label once, though some models are only in some panels."""
    found = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)
