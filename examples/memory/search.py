"""Search for hyperparameters by Ray Tune and Optuna, in the ranges of Section S2.3.

The paper's search used scikit-optimize, which Ray Tune has given up.
"""

import csv
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from .files import whole
from .train import train

ROOT = str(Path(__file__).resolve().parents[2])  # from which the processes of Ray import this


def ranges(model):
    """What is searched for: name -> (kind, low, high)."""
    found = {
        "rate": ("log", 1e-5, 1.0),
        "clip": ("log", 1e-2, 1e2),
        "dropout": ("log", 10**-1.5, 0.9),
        "decay": ("log", 1e-1, 1.0),
        "patience": ("integer", 5, 80),
    }
    # Of the cells the paper says only "the ranges of their publications": these are decades around
    # the values that those recommend.
    if model == "coRNN":
        found |= {"dt": ("log", 1e-2, 1e-1), "gamma": ("log", 1.0, 10.0), "eps": ("log", 1.0, 10.0)}
    elif model == "LipschitzRNN":
        found |= {"eps": ("log", 1e-2, 1.0), "std": ("log", 1e-1, 10.0)}
    elif model == "AntisymmetricRNN":
        found |= {"eps": ("log", 1e-2, 1.0), "gamma": ("log", 1e-3, 1e-1)}
    return found


OF_TRAINING = {"rate", "clip", "dropout", "decay", "patience"}  # fields of `Settings`


def held_out(task, seed=0):
    """The task with a validation set from the training set, a tenth of it."""
    size = len(task.train)
    order = np.random.Generator(np.random.Philox(seed)).permutation(size)
    rest, chosen = np.sort(order[size // 10 :]), np.sort(order[: size // 10])
    return replace(task, train=task.train.some(rest), validation=task.train.some(chosen))


def slug(row, model):
    """A name for files of one model on the task of one row."""
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{row.paper} {model}")


def hyperparameters(found):
    """A trial's numbers as fields of `Settings`."""
    own = {name: value for name, value in found.items() if name in OF_TRAINING}
    more = tuple((name, value) for name, value in found.items() if name not in OF_TRAINING)
    return own | {"more": more}


def search(budget, row, model, folder, device="cpu", workers=None, trials=None, early=False):
    """Try so many configurations of one model on the task of one row, and write all of them.

    trials: by default those of the row. What an interrupted search has tried is not tried again.
    early: stop bad trials early by ASHA, where the paper trained all to their end.
    """
    import ray
    from ray import tune

    trials = trials or row.trials
    if not trials:
        raise ValueError("this budget searches for nothing: say how many trials there shall be")
    path = trials_folder(folder, row, model) / f"{trials}{'-early' * early}.csv"
    name, place = f"{slug(row, model)}-{path.stem}", Path(folder).resolve() / "tune"
    if path.exists():
        return path
    task, worst = held_out(budget.task(row)), 10.0

    def objective(config):
        settings = budget.given(row, model, hyperparameters(config))

        def after(run):
            # Optuna takes no infinity, which is the loss of what diverged at once.
            tune.report({"loss": min(run.best_loss[0], worst), "epochs": run.epoch})

        train(task, settings, [0], device, progress=False, after=after)

    started = not ray.is_initialized()
    if started:
        known = {"PYTHONPATH": os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])}
        ray.init(
            include_dashboard=False,
            log_to_driver=False,
            logging_level="error",
            runtime_env={"env_vars": known},
        )
    try:
        cores = int(ray.cluster_resources()["CPU"])
        workers = min(workers or (cores if device == "cpu" else 1), cores)
        share = {"cpu": cores // workers, "gpu": 0 if device == "cpu" else 1 / workers}
        trainable = tune.with_resources(objective, share)
        if tune.Tuner.can_restore(str(place / name)):
            tuner = tune.Tuner.restore(str(place / name), trainable, restart_errored=True)
        else:
            tuner = tune.Tuner(trainable, **_options(row, model, trials, early, name, place))
        found = tuner.fit()
    finally:
        if started:
            ray.shutdown()
    if found.errors:
        raise RuntimeError(f"a trial of {name} failed: {str(found.errors[0]).strip()[-200:]}")
    if found.num_terminated < trials:
        raise KeyboardInterrupt  # Ray Tune returns as if all were well
    columns = ["row", "model", *ranges(model), "loss", "epochs"]
    rows = [
        {"row": row.paper, "model": model, **one.config}
        | {name: one.metrics[name] for name in ("loss", "epochs")}
        for one in found
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as part, part.open("w", newline="") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(sorted(rows, key=lambda trial: trial["loss"]))
    return path


def _options(row, model, trials, early, name, place):
    """Of Ray Tune's `Tuner`."""
    import optuna
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler, FIFOScheduler
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {
        name: tune.randint(low, high + 1) if kind == "integer" else tune.loguniform(low, high)
        for name, (kind, low, high) in ranges(model).items()
    }
    # Copy memory begins with a plateau of some epochs, on which nothing is to be judged.
    patient = ASHAScheduler(max_t=row.epochs, grace_period=max(1, min(10, row.epochs // 4)))
    scheduler = patient if early else FIFOScheduler()
    config = tune.TuneConfig(
        metric="loss",
        mode="min",
        num_samples=trials,
        search_alg=OptunaSearch(seed=0),
        scheduler=scheduler,
    )
    run = tune.RunConfig(name=name, storage_path=str(place), verbose=0)
    return {"param_space": space, "tune_config": config, "run_config": run}


def trials_folder(folder, row, model):
    """Where searches write what they tried, each a table with the best first."""
    return Path(folder) / "trials" / slug(row, model)


def searched(folder, row, model):
    """The best hyperparameters of all searches in this folder; none if there was no search."""
    tried = []
    for path in sorted(trials_folder(folder, row, model).glob("*.csv")):
        with path.open(newline="") as file:
            tried += csv.DictReader(file)
    if not tried:
        return {}
    best = min(tried, key=lambda trial: float(trial["loss"]))
    kinds = {
        name: int if kind == "integer" else float for name, (kind, *_) in ranges(model).items()
    }
    return hyperparameters({name: of(best[name]) for name, of in kinds.items()})
