"""Training of every model of a budget on every task, each with a result in a file of its own."""

import datetime
import json
import os
import platform
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

import lyapax

from .dynamics import dynamics
from .files import whole
from .processes import Processes
from .search import searched, slug
from .train import Model, train


def compare(budget, folder, device="cpu", workers=None, progress=True):
    """Train what has no result in the folder yet; an interrupted training goes on.

    workers are processes side by side, by default one for each core, and one on a GPU. Returns the
    number of results. A ValueError names a result that was trained with other settings.
    """
    folder = Path(folder)
    (folder / "results").mkdir(parents=True, exist_ok=True)
    (folder / "checkpoints").mkdir(exist_ok=True)
    cores = os.cpu_count() or 1
    workers = workers or (cores if device == "cpu" else 1)
    pairs = [(row, model) for row in budget.rows for model in budget.models]
    left = [pair for pair in pairs if not _is_done(budget, folder, *pair)]
    bar = tqdm(total=len(pairs), initial=len(pairs) - len(left), unit="model", disable=not progress)
    with bar, Processes(workers, max(1, cores // workers)) as processes:
        jobs = ((realize, budget, *pair, folder, device) for pair in left)
        for done in processes.results(jobs):
            bar.set_postfix_str(done)
            bar.update()
    return len(pairs)


def _is_done(budget, folder, row, model):
    path = result_file(folder, row, model)
    if not path.exists():
        return False
    found = json.loads(path.read_text())
    wanted = asdict(budget.given(row, model, searched(folder, row, model)))
    if found["settings"] != json.loads(json.dumps(wanted)) or len(found["loss"]) != budget.seeds:
        raise ValueError(f"{path} was trained with other settings: delete it, or keep both")
    return True


def result_file(folder, row, model):
    """Where the result of one model on the task of one row is written."""
    return Path(folder) / "results" / f"{slug(row, model)}.json"


def realize(budget, row, model, folder, device="cpu", progress=False):
    """Train one model on one task, and write what came of it."""
    path = result_file(folder, row, model)
    checkpoint = Path(folder) / "checkpoints" / f"{path.stem}.pt"
    task, seeds = budget.task(row), range(budget.seeds)
    settings = budget.given(row, model, searched(folder, row, model))
    before = dynamics(Model(settings, task, seeds).cell, budget.seeds)
    found = train(task, settings, seeds, device, checkpoint, progress=progress)
    if "interrupted" in found.status:
        raise KeyboardInterrupt
    after = dynamics(found.model.cpu().cell, budget.seeds)
    content = {
        "row": row.paper,
        "task": task.name,
        "chance": task.chance,
        "recalled": task.recalled,
        "sequences": len(task.train),
        "model": model,
        "settings": asdict(settings),
        "loss": found.loss.tolist(),
        "accuracy": found.accuracy.tolist(),
        "status": found.status,
        "best epoch": found.best_epoch.tolist(),
        "curves": {name: np.array(x).tolist() for name, x in asdict(found.curves).items()},
        "seconds": found.seconds,
        "before": before,
        "after": after,
        "machine": machine(device),
    }
    with whole(path) as part:
        part.write_text(json.dumps(content))
    checkpoint.unlink(missing_ok=True)
    return f"{task.name}, {model}: " + " ".join(f"{x:.3g}" for x in found.loss)


def machine(device):
    """Where and with what a result was found."""
    if torch.device(device).type == "cuda":
        chip = torch.cuda.get_device_name()
    else:
        lines = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
        named = re.search(r"model name\s*: (.*)", lines)
        chip = f"{os.cpu_count()} cores, {named[1] if named else platform.processor()}"
    versions = f"lyapax {lyapax.__version__}, torch {torch.__version__}"
    date = datetime.datetime.now().date().isoformat()
    return f"{date}, {chip}; {versions}, Python {platform.python_version()}"
