"""Runs compared by what they logged: scripts/plot_history.py and what it is made of."""

from __future__ import annotations

import csv
import json
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from hf_rnn import LstmConfig, LstmForSequenceClassification
from hf_rnn.checksums import DamagedFileError
from hf_rnn.runs.history import RunHistory, common_metric, last_and_best, read_histories, run_curves
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.trainer import RecurrentTrainer

from ..tasks.small_runs import run, write_reviews


def log(*accuracies: float, metric: str = "accuracy") -> list[dict[str, Any]]:
    """What a Trainer logs in an epoch for each of the figures."""
    rows: list[dict[str, Any]] = []
    for epoch, value in enumerate(accuracies, start=1):
        at = {"epoch": float(epoch), "step": 10 * epoch, "minutes": epoch / 2}
        rows.append({"loss": 1 / epoch, **at})
        rows.append({"eval_loss": 2 / epoch, f"eval_{metric}": value, "eval_auc": 0.5, "eval_runtime": 3.0, **at})
    return rows


def write_state(folder: Path, rows: list[dict[str, Any]], best: int = 0, metric: str = "accuracy") -> Path:
    """A `trainer_state.json` as the Trainer writes it, the `best`-th epoch chosen by `metric`."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [row for row in rows if f"eval_{metric}" in row][best]
    state = {"log_history": rows, "best_global_step": chosen["step"], "best_metric": chosen[f"eval_{metric}"]}
    (folder / "trainer_state.json").write_text(json.dumps(state, sort_keys=True))
    return folder


Plot = Callable[..., str]


@pytest.fixture
def plot(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Plot:
    """What scripts/plot_history.py prints, writing `history.png` and `history.csv` into `tmp_path`."""

    def run_script(*flags: str | Path) -> str:
        output = ["--output", str(tmp_path / "history.png"), "--csv", str(tmp_path / "history.csv")]
        monkeypatch.setattr(sys, "argv", ["plot_history.py", *map(str, flags), *output])
        capsys.readouterr()
        runpy.run_path(str(project / "scripts" / "plot_history.py"), run_name="__main__")
        return capsys.readouterr().out

    return run_script


def test_runs_are_drawn_over_each_other(plot: Plot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    drawn: list[Figure] = []
    savefig = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), savefig(self, *a, **k))[1])
    first = write_state(tmp_path / "lstm", log(0.5, 0.9, 0.8), best=1)
    second = write_state(tmp_path / "gru", log(0.6, 0.7))
    printed = plot(first, second, "--axis", "steps")
    assert "lstm: validation accuracy last 0.8000, best 0.9000\n" in printed
    loss, metric = drawn[0].axes
    lines = [(list(line.get_xdata()), list(line.get_ydata())) for line in metric.lines if len(line.get_xdata())]
    assert lines == [([10, 20, 30], [0.5, 0.9, 0.8]), ([10, 20], [0.6, 0.7])]
    assert [text.get_text() for text in metric.get_legend().get_texts()] == ["lstm", "gru"]
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["train", "validation"]
    assert len([line for line in loss.lines if len(line.get_xdata())]) == 4
    assert (loss.get_xlabel(), metric.get_ylabel()) == ("steps", "accuracy")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"run": "lstm", "curve": "train_loss", "steps": "10.0", "value": "1.0"}
    points = [(row["run"], row["value"]) for row in rows if row["curve"] == "validation_accuracy"]
    assert points == [("lstm", "0.5"), ("lstm", "0.9"), ("lstm", "0.8"), ("gru", "0.6"), ("gru", "0.7")]


def test_the_metric_is_that_which_chose_the_checkpoint(tmp_path: Path) -> None:
    # In the file metrics are sorted by name, and `auc` comes before.
    (run_of_f1,) = read_histories([write_state(tmp_path / "a", log(0.4, 0.6, metric="f1"), 1, "f1")])
    assert run_of_f1.metrics[0] == "f1"
    assert common_metric([run_of_f1]) == "f1"
    assert common_metric([run_of_f1], "eval_auc") == "auc"


def test_runs_of_other_metrics_are_refused_by_name(plot: Plot, tmp_path: Path) -> None:
    first = write_state(tmp_path / "a", [row for row in log(0.5) if row.pop("eval_auc", 1)])
    other = [row for row in log(0.4, metric="f1") if row.pop("eval_auc", 1)]
    second = write_state(
        tmp_path / "b", [{k: v for k, v in row.items() if k != "eval_loss"} for row in other], 0, "f1"
    )
    with pytest.raises(SystemExit, match="no metric in common.* a: accuracy, loss; b: f1"):
        plot(first, second)
    with pytest.raises(SystemExit, match="`metric`='accuracy' was not logged by b. .* b: f1"):
        plot(first, second, "--metric", "accuracy")


def test_a_run_without_minutes_has_no_curve_by_minutes(plot: Plot, tmp_path: Path) -> None:
    rows = [{name: value for name, value in row.items() if name != "minutes"} for row in log(0.5)]
    with pytest.raises(SystemExit, match="`axis`='minutes': the run 'stock' has logged no"):
        plot(write_state(tmp_path / "stock", rows), "--axis", "minutes")
    (history,) = read_histories([tmp_path / "stock"])
    with pytest.raises(ValueError, match="`axis`='hours' must be one of epoch, minutes, steps"):
        run_curves([history], "accuracy", "hours")


def test_a_run_under_way_has_what_its_newest_checkpoint_has(tmp_path: Path) -> None:
    write_state(tmp_path / "run" / "checkpoint-9", log(0.1))
    write_state(tmp_path / "run" / "checkpoint-20", log(0.1, 0.2))
    (tmp_path / "run" / "checkpoint-100").mkdir()
    (history,) = read_histories([tmp_path / "run"])
    assert [row["eval_accuracy"] for row in history.log if "eval_accuracy" in row] == [0.1, 0.2]
    # That which is just being written is not whole.
    (tmp_path / "run" / "checkpoint-100" / "trainer_state.json").write_text('{"log_history": [')
    assert read_histories([tmp_path / "run"]) == [history]
    # One that has ended has its own.
    write_state(tmp_path / "run", log(0.1, 0.2, 0.3))
    assert len(read_histories([tmp_path / "run"])[0].log) == 6


def test_folders_without_a_history_are_named(plot: Plot, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="There is no folder .*nowhere"):
        plot(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="empty' holds no trainer_state.json, nor a checkpoint"):
        plot(tmp_path / "empty")
    (tmp_path / "empty" / "trainer_state.json").write_text("{")
    with pytest.raises(DamagedFileError, match="trainer_state.json' is damaged"):
        read_histories([tmp_path / "empty"])


@pytest.mark.parametrize(("metric", "best"), [("accuracy", 0.75), ("perplexity", 0.5)])
def test_the_best_value_is_the_lowest_where_less_is_better(metric: str, best: float) -> None:
    log = [{f"eval_{metric}": value} for value in (0.6, 0.5, 0.75, 0.7)]
    assert last_and_best(RunHistory("mine", log, [metric]), metric) == (0.7, best)


def test_runs_of_the_same_name_go_by_their_paths(tmp_path: Path) -> None:
    folders = [write_state(tmp_path / seed / "gru", log(0.5)) for seed in ("1", "2")]
    assert [history.name for history in read_histories(folders)] == list(map(str, folders))
    with pytest.raises(ValueError, match="twice"):
        read_histories([folders[0], folders[0]])


def test_a_finished_run_keeps_its_history_without_its_checkpoints(plot: Plot, tmp_path: Path) -> None:
    output = tmp_path / "run"
    run(output, **write_reviews(tmp_path), do_predict=False)
    for checkpoint in output.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    assert "run: validation accuracy last " in plot(output, "--axis", "minutes")
    with (tmp_path / "history.csv").open(newline="") as file:
        curves = [row["curve"] for row in csv.DictReader(file)]
    assert (curves.count("train_loss"), curves.count("validation_loss")) == (16, 2)
    assert (curves.count("train_accuracy"), curves.count("validation_accuracy")) == (2, 2)


def test_the_folder_of_a_run_is_no_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    # Beside its model it has a `trainer_state.json` now, with which the stock Trainer begins with a new optimizer.
    model = LstmForSequenceClassification(LstmConfig(vocab_size=5, embedding_size=2, hidden_size=2))
    write_state(tmp_path / "run", log(0.5))
    model.save_pretrained(tmp_path / "run")
    rows = Dataset.from_dict({"input_ids": [[1, 2]], "labels": [0]})
    settings = RecurrentTrainingArguments(
        str(tmp_path / "other"), eval_strategy="no", save_strategy="no", use_cpu=True
    )
    settings.load_best_model_at_end = False
    with pytest.raises(DamagedFileError, match="optimizer.pt' is missing"):
        RecurrentTrainer(model, settings, train_dataset=rows).train(resume_from_checkpoint=str(tmp_path / "run"))
