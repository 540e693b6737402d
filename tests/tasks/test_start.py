"""What every task has in common: it does what it is asked to, says so where that is nothing, and ends quietly."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers.utils import logging as transformers_logging

from hf_rnn.runs.results import read_results
from hf_rnn.tasks.registry import TASK_NAMES
from hf_rnn.tasks.start import NothingToDoError, check_start
from hf_rnn.training.arguments import RecurrentTrainingArguments
from tests.missing import pretend
from tests.tasks import (
    small_language_runs,
    small_runs,
    small_sequence_runs,
    small_series_runs,
    small_similarity_runs,
    small_tagging_runs,
)
from tests.tasks.one_shot import test_task as test_one_shot_training


NOTHING = {"do_train": False, "do_eval": False, "do_predict": False}


def _language_files(folder: Path) -> dict[str, Any]:
    return {"train_file": small_language_runs.write_text(folder), "validation_split_percentage": 20}


# Task → its small run, and what writes the data of it.
RUNS: dict[str, tuple[Callable[..., dict[str, Any]], Callable[[Path], dict[str, Any]]]] = {
    "text-classification": (small_runs.run, small_runs.write_reviews),
    "token-classification": (small_tagging_runs.run, small_tagging_runs.write_news),
    "sentence-similarity": (small_similarity_runs.run, small_similarity_runs.write_questions),
    "text-generation": (small_language_runs.run, _language_files),
    "sequence-to-sequence": (small_sequence_runs.run, small_sequence_runs.write_numbers),
    "image-feature-extraction": (test_one_shot_training.run, lambda folder: {}),
    "time-series-forecasting": (small_series_runs.run, small_series_runs.write_sines),
}


def test_every_task_has_a_small_run() -> None:
    assert RUNS.keys() == {*TASK_NAMES}


@pytest.mark.parametrize("task", RUNS)
def test_a_run_with_nothing_to_do_is_refused_before_it_reads_or_writes(tmp_path: Path, task: str) -> None:
    run, _ = RUNS[task]
    files = {} if task == "image-feature-extraction" else {"train_file": str(tmp_path / "not_there.csv")}
    with pytest.raises(NothingToDoError, match="Give at least one: --do_train .*, --do_eval .*, --do_predict"):
        run(tmp_path / "out", **files, **NOTHING)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("task", RUNS)
def test_a_run_without_its_packages_is_refused_before_it_reads_or_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    pretend(monkeypatch, seqeval=None)
    run, _ = RUNS[task]
    files = {} if task == "image-feature-extraction" else {"train_file": str(tmp_path / "not_there.csv")}
    with pytest.raises(ImportError, match=r'A training script needs seqeval.*pip install "hf_rnn\[train\]"'):
        run(tmp_path / "out", **files)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [{"do_train": True}, {"do_eval": True}, {"do_predict": True}])
def test_one_of_the_three_is_enough(given: dict[str, bool]) -> None:
    check_start(RecurrentTrainingArguments(use_cpu=True, **given))


@pytest.mark.parametrize("strategy", ["epoch", "no"])
def test_an_evaluation_strategy_is_nothing_to_do(strategy: str) -> None:
    arguments = RecurrentTrainingArguments(
        use_cpu=True, eval_strategy=strategy, save_strategy=strategy, load_best_model_at_end=False
    )
    with pytest.raises(NothingToDoError):
        check_start(arguments)
    # As a search does.
    arguments.do_train = True
    check_start(arguments)


@pytest.mark.parametrize("task", RUNS)
def test_early_stopping_says_nothing_of_the_last_evaluations(
    tmp_path: Path, task: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run, write = RUNS[task]
    monkeypatch.setattr(transformers_logging.get_logger("transformers"), "propagate", True)
    with caplog.at_level(logging.WARNING):
        results = run(
            tmp_path / "out",
            **write(tmp_path / "data"),
            do_eval=True,
            do_predict=task != "text-generation",
            num_train_epochs=3,
            learning_rate=1e-12,
            early_stopping_patience=1,
        )
    assert "validation" in results["metrics"]
    assert results["training"]["epochs"] == 2, "it stopped early"
    assert "early stopping" not in caplog.text


@pytest.mark.parametrize("changes", [{"do_train": False, "do_eval": True}, {"num_train_epochs": 0}])
def test_a_model_of_random_weights_is_not_pushed(tmp_path: Path, changes: dict[str, Any]) -> None:
    files = small_runs.write_reviews(tmp_path / "data")
    with pytest.raises(ValueError, match="`push_to_hub` would publish a model of random weights: give `do_train`"):
        small_runs.run(tmp_path / "out", **files, push_to_hub=True, **changes)
    assert not (tmp_path / "out").exists()


def test_a_run_of_no_epochs_tells_of_no_steps(tmp_path: Path) -> None:
    small_runs.run(tmp_path / "out", **small_runs.write_reviews(tmp_path / "data"), num_train_epochs=0)
    assert read_results(tmp_path / "out" / "results.json")["training"]["steps"] == 0
