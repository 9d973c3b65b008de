"""The comparison of examples/memory: what it keeps, what its tables say, how its searches go on."""

import contextlib
import csv
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")
pytest.importorskip("examples.memory.train")
from examples.memory import budgets, compare, gradients, report, search  # noqa: E402
from examples.memory.__main__ import commands  # noqa: E402
from examples.memory.processes import Processes  # noqa: E402
from examples.memory.tasks import copy_memory  # noqa: E402
from examples.memory.train import Settings  # noqa: E402

ROW = budgets.Row("copy memory, k = 100", partial(copy_memory, 3), epochs=2, trials=2)
TINY = budgets.Budget(
    (ROW,), ("tanh", "tanh PTA"), Settings(units=12, batch=20), (60, 20, 20), seeds=2
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Both models of the tiny budget, trained by two processes."""
    place = tmp_path_factory.mktemp("comparison")
    compare.compare(TINY, place, workers=2, progress=False)
    return place


def test_results_are_those_of_a_training_alone(folder):
    found = report.results(folder)["copy memory, k = 100", "tanh PTA"]
    settings = TINY.given(ROW, "tanh PTA", {})
    alone = compare.train(TINY.task(ROW), settings, range(2), progress=False)
    np.testing.assert_array_equal(found["loss"], alone.loss)
    np.testing.assert_array_equal(found["curves"]["train"], alone.curves.train)


def test_oscillations_are_counted_before_training(folder):
    found = report.results(folder)
    assert found["copy memory, k = 100", "tanh PTA"]["before"]["zero"] == [6, 6]
    assert found["copy memory, k = 100", "tanh"]["before"]["zero"] == [0, 0]
    horizons = [found["copy memory, k = 100", m]["before"]["horizon"] for m in TINY.models]
    assert max(horizons[0]) < 20 < min(horizons[1])


def test_what_has_a_result_is_not_trained_again(folder):
    files = sorted((folder / "results").iterdir())
    before = [file.stat().st_mtime_ns for file in files]
    compare.compare(TINY, folder, workers=1, progress=False)
    assert [file.stat().st_mtime_ns for file in files] == before
    assert not list((folder / "checkpoints").iterdir())


def test_an_interrupted_training_leaves_its_checkpoint_and_no_result(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    (tmp_path / "checkpoints").mkdir()

    def interrupted(*given, **more):
        def after(run):
            raise KeyboardInterrupt

        return train(*given, **more, after=after)

    train = compare.train
    monkeypatch.setattr(compare, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare.realize(TINY, ROW, "tanh", tmp_path)
    assert not list((tmp_path / "results").iterdir())
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    assert torch.load(checkpoint, weights_only=False)["numbers"][3] == 1
    monkeypatch.undo()
    compare.realize(TINY, ROW, "tanh", tmp_path)
    alone = train(TINY.task(ROW), TINY.given(ROW, "tanh", {}), range(2), progress=False)
    found = report.results(tmp_path)["copy memory, k = 100", "tanh"]
    np.testing.assert_array_equal(found["curves"]["validation"], alone.curves.validation)


def test_the_table_stands_beside_the_papers(folder):
    """What was not run is said to be so, and never the paper's value."""
    written = report.report(folder)
    with written.open(newline="", encoding="utf-8") as file:
        head, *lines = csv.reader(file)
    assert head == ["task", *report.MODELS]
    here = dict(zip(head, lines[2], strict=True))
    paper = dict(zip(head, lines[3], strict=True))
    assert here["task"] == "copy memory, k = 3 (chance 2.08)"
    loss = report.results(folder)["copy memory, k = 100", "tanh PTA"]["loss"]
    assert here["tanh PTA"] == f"{np.mean(loss):.3g} ± {np.std(loss, ddof=1) / 2**0.5:.1g}"
    assert here["GRU"] == here["LSTM"] == report.NOT_RUN
    assert (paper["GRU"], paper["tanh PTA"]) == ("0.29", "1.58e-4")
    assert set(lines[0][1:]) == {report.NOT_RUN}
    assert (folder / "curves.png").stat().st_size > 10_000
    with (folder / "runs.csv").open(newline="", encoding="utf-8") as file:
        runs = list(csv.DictReader(file))
    assert [one["model"] for one in runs] == ["tanh", "tanh PTA"]
    assert runs[1]["zero exponents before"] == "6 6"


def test_networks_that_diverged_do_not_count():
    settings = TINY.given(ROW, "tanh", {"rate": 1e37})
    found = compare.train(TINY.task(ROW), settings, range(2), progress=False)
    one = {"row": "temporal order", "status": found.status, "loss": found.loss}
    assert found.status == ("diverged", "diverged")
    assert report.score(one) == "diverged"
    assert report.score(one | {"loss": [0.5, found.loss[0], 0.7]}) == "0.6 ± 0.1 (1 diverged)"
    images = one | {"row": "permuted pixels", "accuracy": [0.9, 0.92, 0.94]}
    assert report.score(images) == "92 ± 1"


def test_a_goal_that_is_reached_is_all_that_is_said():
    settings = replace(TINY.given(ROW, "tanh", {}), goal=10.0)
    found = compare.train(TINY.task(ROW), settings, range(2), progress=False)
    assert found.status == ("learnt", "learnt")
    assert len(found.curves.train) == 1
    one = {"row": ROW.paper, "status": found.status, "settings": {"goal": settings.goal}}
    assert report.score(one) == "< 10"


def test_results_of_other_settings_are_refused(folder):
    other = replace(TINY, seeds=3)
    with pytest.raises(ValueError, match="trained with other settings: delete it"):
        compare.compare(other, folder, progress=False)
    longer = replace(TINY, rows=(replace(ROW, epochs=3),))
    with pytest.raises(ValueError, match="trained with other settings: delete it"):
        compare.compare(longer, folder, progress=False)


def test_models_beside_those_of_the_paper_are_in_the_table(tmp_path):
    only = replace(TINY, models=("tanh identity",))
    compare.compare(only, tmp_path, workers=1, progress=False)
    with report.report(tmp_path).open(newline="", encoding="utf-8") as file:
        head, *lines = csv.reader(file)
    assert head[-1] == "tanh identity"
    assert "±" in lines[2][-1]
    assert lines[3][-1] == "-"


def waits(folder, name):
    """Begin, and never end by itself."""
    (folder / name).touch()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        (folder / f"{name} interrupted").touch()
        raise


def test_an_interruption_ends_calls_and_begins_no_other(tmp_path):
    calls = [(os.getpid,), (waits, tmp_path, "second"), (waits, tmp_path, "third")]

    def interrupted():
        with Processes(2, 1) as processes:
            for _ in processes.results(calls):
                while not (tmp_path / "second").exists():
                    time.sleep(0.01)
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["second", "second interrupted"]


PARENT = """
import os, signal
from examples.memory.processes import Processes
if __name__ == "__main__":
    with Processes(1, 1) as processes:
        for number in processes.results([(os.getpid,), (signal.pause,)]):
            print(number, flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux what runs")
def test_processes_end_with_a_parent_that_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    given = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, env=given) as parent:
        number = int(parent.stdout.readline())
        parent.kill()
        state = Path(f"/proc/{number}/stat")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            while state.read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.01)


def test_the_validation_set_of_a_search_comes_from_the_training_set():
    task = TINY.task(ROW)
    held = search.held_out(task)
    assert (len(held.train), len(held.validation)) == (54, 6)
    joined = np.concatenate([held.train.inputs, held.validation.inputs])
    assert sorted(map(bytes, joined)) == sorted(map(bytes, task.train.inputs))


@pytest.fixture
def cluster():
    """Ray with one processor, started once."""
    pytest.importorskip("optuna")
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_a_search_keeps_its_trials_and_the_comparison_takes_the_best(
    cluster, tmp_path, monkeypatch
):
    path = search.search(TINY, ROW, "coRNN", tmp_path, workers=1)
    assert path.name == "2.csv"
    with path.open(newline="") as file:
        trials = list(csv.DictReader(file))
    losses = [float(trial["loss"]) for trial in trials]
    assert len(trials) == 2
    assert losses == sorted(losses)
    for trial in trials:
        for name, (_, low, high) in search.ranges("coRNN").items():
            assert low <= float(trial[name]) <= high
    settings = TINY.given(ROW, "coRNN", search.searched(tmp_path, ROW, "coRNN"))
    assert settings.rate == float(trials[0]["rate"])
    assert dict(settings.more)["eps"] == float(trials[0]["eps"])
    # Its file lost, the search goes on from what Ray Tune kept: the same trials, none trained.
    kept = path.read_bytes()
    path.unlink()
    monkeypatch.setattr(search, "train", None)
    assert search.search(TINY, ROW, "coRNN", tmp_path, workers=1).read_bytes() == kept


def test_a_budget_without_trials_is_not_searched_for(tmp_path):
    none = replace(ROW, trials=0)
    with pytest.raises(ValueError, match="say how many trials"):
        search.search(TINY, none, "tanh", tmp_path)
    assert search.searched(tmp_path, none, "tanh") == {}


@pytest.mark.parametrize("name", budgets.BUDGETS)
def test_budgets_name_rows_and_models_of_the_paper(name):
    budget = budgets.BUDGETS[name]
    assert {row.paper for row in budget.rows} <= set(report.TABLE_S1)
    assert set(budget.models) <= set(budgets.CELLS)
    small = replace(budget, sizes=(10, 5, 5))
    for row in budget.rows:
        if not row.images:
            assert small.task(row).chance > 1
        for model in budget.models:
            assert small.given(row, model, {}).epochs == row.epochs


def test_the_commands(folder, tmp_path):
    run = CliRunner().invoke
    shown = run(commands, ["report", str(folder)])
    assert shown.exit_code == 0
    assert "not run" in shown.output
    empty = run(commands, ["report", str(tmp_path)])
    assert empty.exit_code == 1
    assert empty.output.strip().endswith("has no results")
    wrong = run(commands, ["compare", str(tmp_path), "--row", "adding"])
    assert wrong.exit_code == 2
    assert "'adding' is none of" in wrong.output


def test_a_result_is_json_without_anything_of_python(folder):
    for file in (folder / "results").iterdir():
        assert json.loads(file.read_text())["machine"].count("lyapax") == 1


def test_gradients_reach_back_through_oscillators_and_nowhere_else(tmp_path):
    """In a network of oscillators the norm of 200 steps ago is of the size of the last one's."""
    first = {}
    for model in ("tanh", "tanh PTA"):
        norms = gradients.norms(model, 200, units=32, sequences=4)
        first[model] = norms[0] / norms[209]
    assert 0.01 < first["tanh PTA"] < 100
    assert first["tanh"] < 1e-20
    given = ["gradients", str(tmp_path / "g.png"), "--pause", "20", "--units", "8"]
    run = CliRunner().invoke(commands, [*given, "--model", "tanh"])
    assert run.exit_code == 0, run.output
    assert "tanh" in run.output
    assert (tmp_path / "g.png").exists()
