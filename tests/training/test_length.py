"""The length of a training that was given none: hand-computed cases, what is kept, and runs that are gone on from."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers.trainer_utils import get_last_checkpoint

from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.length import TrainingLength, choose_length, forget_length, training_length
from tests.tasks import small_runs


OPEN = {"num_train_epochs": -1, "per_device_train_batch_size": 8, "learning_rate": 1e-3}


def arguments(**values: Any) -> RecurrentTrainingArguments:
    return RecurrentTrainingArguments("unused", use_cpu=True, metric_for_best_model="accuracy", **values)


@pytest.mark.parametrize(
    ("steps", "epochs", "every"),
    [
        (1, 300, 20),  # the most epochs
        (2, 300, 20),  # 50 rows, of which 5 are held out: 600 updates
        (6, 102, 6),  # 200 rows: 100 epochs are 600 updates; 102 is a multiple of 100 // 15
        (8, 75, 5),
        (29, 21, 1),  # 1,000 rows: 609 updates
        (60, 10, 1),
        (141, 10, 1),  # 5,000 rows
        (844, 10, 1),  # 30,000 rows
    ],
)
def test_the_rule(steps: int, epochs: int, every: int) -> None:
    assert training_length(steps) == TrainingLength(epochs, steps, every)


@pytest.mark.parametrize("steps", range(1, 200))
def test_every_length_ends_with_an_evaluation_and_has_its_updates(steps: int) -> None:
    length = training_length(steps)
    assert length.epochs % length.evaluate_every == 0
    assert length.epochs * steps >= min(600, 300 * steps)
    assert 10 <= length.evaluations <= 30


def test_a_task_may_bound_the_epochs() -> None:
    assert training_length(2, most_epochs=22) == TrainingLength(22, 2, 1)
    assert training_length(100, most_epochs=22) == training_length(100)
    own = arguments()
    assert (own.fewest_epochs, own.most_epochs) == (10, 300)
    own.most_epochs = 22
    assert choose_length(own, 2) and own.num_train_epochs == 22


def test_what_is_open_is_chosen_and_said(caplog: pytest.LogCaptureFixture) -> None:
    given = arguments()
    with caplog.at_level(logging.WARNING):
        assert choose_length(given, 8)
    assert caplog.messages == [
        "Training for 75 epochs of 8 steps (600 updates); it stops after 5 evaluations without a better one; "
        "`--num_train_epochs` sets another number."
    ]
    assert (given.num_train_epochs, given.early_stopping_patience) == (75, 5)
    assert (given.eval_strategy, given.eval_steps) == (given.save_strategy, given.save_steps) == ("steps", 40)


def test_long_epochs_are_evaluated_each() -> None:
    given = arguments()
    assert choose_length(given, 141)
    assert (given.num_train_epochs, given.early_stopping_patience) == (10, 4)
    assert given.eval_strategy == given.save_strategy == "epoch"


@pytest.mark.parametrize("length", [{"num_train_epochs": 3}, {"num_train_epochs": 0}, {"max_steps": 7}])
def test_a_length_that_is_given_is_kept(length: dict[str, int], caplog: pytest.LogCaptureFixture) -> None:
    given, same = arguments(**length), arguments(**length)
    assert not choose_length(given, 8)
    assert given.to_dict() == same.to_dict()
    assert caplog.messages == []


def test_given_strategies_and_patience_are_kept() -> None:
    given = arguments(eval_strategy="epoch", save_strategy="epoch", early_stopping_patience=9)
    assert choose_length(given, 8)
    assert given.eval_strategy == given.save_strategy == "epoch"
    assert (given.num_train_epochs, given.early_stopping_patience) == (75, 9)


@pytest.mark.parametrize(
    ("values", "patience"),
    [
        ({"eval_strategy": "epoch", "save_strategy": "epoch"}, 25),  # a third of 75
        ({"eval_strategy": "epoch"}, 25),  # checkpoints must come with the evaluations
        ({"eval_strategy": "steps", "eval_steps": 20, "save_strategy": "steps", "save_steps": 20}, 10),
        ({"eval_strategy": "steps", "eval_steps": 0.1, "save_strategy": "steps", "save_steps": 0.1}, 4),
        ({"eval_strategy": "steps", "eval_steps": 300, "save_strategy": "steps", "save_steps": 300}, 3),
        ({"save_strategy": "no", "load_best_model_at_end": False}, None),
        ({"eval_strategy": "no", "load_best_model_at_end": False}, None),
    ],
)
def test_the_patience_follows_from_the_evaluations(values: dict[str, Any], patience: int | None) -> None:
    given = arguments(**values)
    choose_length(given, 8)
    assert given.early_stopping_patience == patience
    if given.load_best_model_at_end:
        assert given.eval_strategy == given.save_strategy


def test_without_evaluations_checkpoints_are_as_few() -> None:
    given = arguments(eval_strategy="no", load_best_model_at_end=False)
    choose_length(given, 8)
    assert (given.eval_strategy, given.save_strategy, given.save_steps) == ("no", "steps", 40)


def test_another_training_chooses_anew_and_keeps_what_was_given_since() -> None:
    given = arguments()
    before = given.to_dict()
    choose_length(given, 8)
    forget_length(given)
    assert given.to_dict() == before
    choose_length(given, 8)
    given.num_train_epochs = 4
    forget_length(given)
    assert not choose_length(given, 30)
    assert given.num_train_epochs == 4


@pytest.mark.parametrize("epochs", [-2, float("nan"), float("inf"), -0.5])
def test_numbers_of_epochs_that_are_none(epochs: float) -> None:
    with pytest.raises(ValueError, match=r"`num_train_epochs`=\S+ must be a finite number of at least 0, or absent"):
        arguments(num_train_epochs=epochs)


def test_a_run_that_names_no_length_trains_long_enough(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hf_rnn.training.length.UPDATES", 64)
    files = small_runs.write_reviews(tmp_path / "data")
    with caplog.at_level(logging.WARNING):
        results = small_runs.run(tmp_path / "run", **files, **{**OPEN, "learning_rate": 0.01})
    training = results["training"]
    # 60 rows in batches of 8.
    assert "Training for 10 epochs of 8 steps (80 updates); it stops after 4 evaluations without a better one" in (
        caplog.text
    )
    assert training["arguments"]["num_train_epochs"] == 10
    assert training["arguments"]["early_stopping_patience"] == 4


def test_a_run_that_is_gone_on_from_ends_as_without_the_break(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # 60 rows are 8 steps an epoch: 32 epochs, an evaluation every 2.
    monkeypatch.setattr("hf_rnn.training.length.UPDATES", 256)
    files = small_runs.write_reviews(tmp_path / "data")
    whole = small_runs.run(tmp_path / "whole", **files, **OPEN, save_total_limit=40)
    last = Path(str(get_last_checkpoint(str(tmp_path / "whole"))))
    first = min((tmp_path / "whole").glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))
    assert first.name == "checkpoint-16"
    # The folder as it was when the run was killed.
    shutil.copytree(first, tmp_path / "broken" / first.name)
    resumed = small_runs.run(tmp_path / "broken", **files, **OPEN, save_total_limit=40)
    assert resumed["training"]["arguments"] == whole["training"]["arguments"]
    assert resumed["training"]["arguments"]["eval_steps"] == 16
    for name in ("steps", "best_step"):
        assert resumed["training"][name] == whole["training"][name]
    ours, theirs = (load_file(tmp_path / run / last.name / "model.safetensors") for run in ("broken", "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize(("length", "best"), [({"num_train_epochs": 5}, 8), ({"num_train_epochs": -1}, None)])
def test_of_equal_checkpoints_the_last_is_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: dict[str, int], best: int | None
) -> None:
    monkeypatch.setattr("hf_rnn.training.length.UPDATES", 40)
    files = small_runs.write_reviews(tmp_path / "data")
    # Nothing is learned: all evaluations are the same.
    results = small_runs.run(tmp_path / "run", **files, **{**OPEN, **length, "learning_rate": 1e-12})
    training = results["training"]
    assert training["best_step"] == (best or training["steps"])
    if best is None:
        assert training["epochs"] == 5, "1 and a patience of 4"
