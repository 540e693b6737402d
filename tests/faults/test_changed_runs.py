"""A run that was stopped goes on with what it was begun with, or not at all."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from transformers import TrainerCallback

from hf_rnn import BiLstmConfig, BiLstmForSequenceClassification
from hf_rnn.hyperparameter_search.run import run_search
from hf_rnn.hyperparameter_search.storage import StudyError
from hf_rnn.runs.fingerprint import FINGERPRINT_FILE, ChangedRunError
from hf_rnn.tasks.one_shot import task as one_shot_task
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.trainer import RecurrentTrainer
from tests.hyperparameter_search.search_runs import prepare
from tests.tasks import (
    small_language_runs,
    small_runs,
    small_sequence_runs,
    small_series_runs,
    small_similarity_runs,
    small_tagging_runs,
)
from tests.tasks.one_shot import test_task as small_one_shot_runs


STOPPED, SAVED = 5, 3
SAVING = {"save_strategy": "steps", "save_steps": SAVED, "eval_strategy": "steps", "eval_steps": SAVED}
Run = Callable[..., dict[str, Any]]


def language_data(folder: Path) -> dict[str, Any]:
    splits = ("train", "validation")
    return {f"{split}_file": small_language_runs.write_text(folder, f"{split}.txt", 20) for split in splits}


def one_shot(output: Path, **training: Any) -> dict[str, Any]:
    # As `OneShotArguments` of a run, where it is one of them.
    own = {name: training.pop(name) for name in ("train_letters", "loss") if name in training}
    return small_one_shot_runs.run(output, own, **training)


# What is run, what writes its data, its own flags, a flag that is changed, and what is said of it.
TASKS: dict[str, tuple[Run, Callable[[Path], dict[str, Any]], dict[str, Any], dict[str, Any], str]] = {
    "text-classification": (
        small_runs.run,
        small_runs.write_reviews,
        {},
        {"tokenizer_kind": "character"},
        "`tokenizer_kind` was None and is 'character'",
    ),
    "token-classification": (
        small_tagging_runs.run,
        small_tagging_runs.write_news,
        {},
        {"learning_rate": 0.1},
        "`learning_rate` was 0.03 and is 0.1",
    ),
    "sentence-similarity": (
        small_similarity_runs.run,
        small_similarity_runs.write_questions,
        {"loss": "contrastive"},
        {"loss": "cosine_mse"},
        "`loss` was 'contrastive' and is 'cosine_mse'",
    ),
    "text-generation": (small_language_runs.run, language_data, {}, {"seed": 2}, "`seed` was 1 and is 2"),
    "sequence-to-sequence": (
        small_sequence_runs.run,
        small_sequence_runs.write_numbers,
        {},
        {"optim": "sgd"},
        "`optim` was 'adamw_torch",
    ),
    "one-shot": (
        one_shot,
        lambda folder: {},
        {"train_letters": 40},
        {"train_letters": 50},
        "`train_letters` was 40 and is 50",
    ),
    "time-series-forecasting": (
        small_series_runs.run,
        small_series_runs.write_sines,
        {},
        {"context_length": 16},
        "`context_length` was 20 and is 16",
    ),
}


class Stop(TrainerCallback):
    """Ends a training after a few of its steps, once."""

    def __init__(self) -> None:
        self.done = False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == STOPPED and not self.done:
            self.done = True
            raise RuntimeError("the machine went down")


def stop(run: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin a run that ends after a few steps, with a checkpoint."""
    with monkeypatch.context() as patch:
        small_runs.watch(patch, Stop())
        with pytest.raises(RuntimeError, match="the machine went down"):
            run()


@pytest.fixture(autouse=True)
def few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_shot_task, "MEASURED_PAIRS", 40)


@pytest.mark.reliability(
    section="Faults",
    fault="A run that was stopped is started again in its folder with one flag changed, for each task",
    mutation="checkpoints of other arguments gone on from",
)
@pytest.mark.parametrize("name", TASKS)
def test_a_changed_flag_is_refused_by_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, outcome: Any
) -> None:
    run, write, own, changed, said = TASKS[name]
    given = {**write(tmp_path / "data"), "do_predict": False, "max_steps": 8, "per_device_train_batch_size": 8}
    given |= own | SAVING
    if run is small_language_runs.run:
        given["per_device_train_batch_size"] = 4
    output = tmp_path / "run"
    stop(lambda: run(output, **given), monkeypatch)
    with pytest.raises(ChangedRunError) as raised:
        run(output, **given | changed)
    assert said in str(raised.value)
    assert "name another `output_dir`, or start anew in this one with" in str(raised.value)
    assert not (output / "results.json").exists()
    # What was begun goes on, and ends.
    caplog.clear()
    run(output, **given)
    assert f"Going on from {output / f'checkpoint-{SAVED}'}" in caplog.text
    assert (output / "results.json").exists()
    outcome("refused, with the name of the flag, its old and new value, and what to do")


def reorder(rows: list[list[str]]) -> list[list[str]]:
    return rows[::-1]


def flip(rows: list[list[str]]) -> list[list[str]]:
    other = dict(zip(*(sorted({label for _, label in rows})[::way] for way in (1, -1)), strict=True))
    return [[text, other[label]] for text, label in rows]


def rename(rows: list[list[str]]) -> list[list[str]]:
    return [[text, label.upper()] for text, label in rows]


def change(path: str | Path, edit: Callable[[list[list[str]]], list[list[str]]]) -> None:
    """Write the rows of a csv file anew, but for its header."""
    with open(path, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    small_runs.write_rows(Path(path), edit(rows))
    assert header == ["text", "label"]


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The flags of a run of texts in tmp_path/run that was stopped; it holds its validation rows out itself."""
    data = small_runs.write_reviews(tmp_path / "data", validation=0, test=0)
    given = {**data, "validation_split_percentage": 25, "do_predict": False, **SAVING}
    stop(lambda: small_runs.run(tmp_path / "run", **given), monkeypatch)
    yield given


@pytest.mark.reliability(
    section="Faults",
    fault="A run that was stopped is started again with its rows reordered, their labels flipped or renamed",
    mutation="checkpoints of other files gone on from",
)
@pytest.mark.parametrize("edit", [reorder, flip, rename])
def test_changed_rows_are_refused(
    edit: Callable[..., Any], stopped: dict[str, Any], tmp_path: Path, outcome: Any
) -> None:
    change(stopped["train_file"], edit)
    with pytest.raises(ChangedRunError, match="`train_file` has another content"):
        small_runs.run(tmp_path / "run", **stopped)
    outcome("refused, with the name of the file")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"optim": "sgd"}, r"`optim` was 'adamw_\w+' and is 'sgd'"),
        ({"data_seed": 7}, "`data_seed` was 1 and is 7"),
        ({"split_seed": 7}, r"`split_seed` was \w+ and is 7"),
        ({"model_type": "gru"}, r"`model_type` was '?\w+'? and is 'gru'"),
        (
            {"config_overrides": {**small_runs.SMALL, "pooling": "max"}},
            "`config_overrides.pooling` was 'absent' and is 'max'",
        ),
        ({"num_train_epochs": 1}, "to have 12 steps, and is to have 6 now"),
        ({"max_train_samples": 30}, "`max_train_samples` was None and is 30"),
    ],
)
def test_what_a_training_hangs_on_is_refused(
    changed: dict[str, Any], said: str, stopped: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ChangedRunError, match=said):
        small_runs.run(tmp_path / "run", **{**stopped, **changed})


def test_what_no_step_hangs_on_may_change(
    stopped: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    moved = tmp_path / "elsewhere.csv"
    Path(stopped["train_file"]).rename(moved)
    other = {
        "train_file": str(moved),
        "num_train_epochs": 3,
        "logging_steps": 2,
        "eval_steps": 2,
        "save_steps": 2,
        "per_device_eval_batch_size": 3,
        "torch_threads": 1,
        "report_name": "another",
        "save_total_limit": 3,
        "do_eval": True,
    }
    results = small_runs.run(tmp_path / "run", **{**stopped, **other})
    assert results["training"]["steps"] == 18
    assert "The training was to have 12 steps, and has 18 now. From here on the learning rate follows" in caplog.text


def test_a_checkpoint_of_before_goes_on_with_a_warning(
    stopped: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = tmp_path / "run" / f"checkpoint-{SAVED}"
    (checkpoint / FINGERPRINT_FILE).unlink()
    checksums = json.loads((checkpoint / "checksums.json").read_text())
    del checksums[FINGERPRINT_FILE]
    (checkpoint / "checksums.json").write_text(json.dumps(checksums))
    caplog.set_level(logging.WARNING)
    small_runs.run(tmp_path / "run", **stopped)
    said = [record.message for record in caplog.records if "does not say what it was trained on" in record.message]
    assert len(said) == 1


def test_starting_anew_is_the_way_out(stopped: dict[str, Any], tmp_path: Path) -> None:
    small_runs.run(tmp_path / "run", **{**stopped, "seed": 3, "resume_from_checkpoint": "false"})
    fresh = tmp_path / "fresh"
    small_runs.run(fresh, **{**stopped, "seed": 3})
    weights = [(folder / "model.safetensors").read_bytes() for folder in (tmp_path / "run", fresh)]
    assert weights[0] == weights[1]
    assert (tmp_path / "run" / f"earlier-checkpoint-{SAVED}").is_dir()


def trainer(output: Path, rows: list[dict[str, Any]], pooling: str = "mean", **options: Any) -> RecurrentTrainer:
    """A trainer as programs make it, with no command around it."""
    torch.manual_seed(0)
    config = BiLstmConfig(vocab_size=20, embedding_size=4, hidden_size=4, pooling=pooling, pad_token_id=0)
    arguments = RecurrentTrainingArguments(
        str(output),
        max_steps=6,
        save_strategy="steps",
        save_steps=SAVED,
        eval_strategy="no",
        load_best_model_at_end=False,
        use_cpu=True,
        per_device_train_batch_size=2,
    )
    model = BiLstmForSequenceClassification(config)
    return RecurrentTrainer(model, arguments, train_dataset=datasets.Dataset.from_list(rows), **options)


@pytest.mark.reliability(
    section="Faults",
    fault="A trainer of a program is told to go on with other rows, another pooling, another optimizer",
    mutation="the facts of a trainer not compared",
)
@pytest.mark.parametrize("what", ["rows", "order", "pooling", "optimizer"])
def test_a_trainer_of_a_program_refuses_as_well(what: str, tmp_path: Path, outcome: Any) -> None:
    rows = [{"input_ids": [1 + number % 9] * 3, "labels": number % 2} for number in range(12)]
    trainer(tmp_path, rows).train()
    trainer(tmp_path, rows).train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{SAVED}"))
    others, said = {
        "rows": (trainer(tmp_path, rows[:10]), "the split train had 12 rows and has 10"),
        "order": (trainer(tmp_path, rows[::-1]), "the 12 rows of the split train are others, or in another order"),
        "pooling": (trainer(tmp_path, rows, pooling="max"), "`pooling` of the model was 'mean' and is 'max'"),
        "optimizer": (trainer(tmp_path, rows), r"`optimizers` was \[None, None\] and is \['SGD', None\]"),
    }[what]
    if what == "optimizer":
        others.optimizer = torch.optim.SGD(others.model.parameters(), lr=0.1)  # type: ignore[union-attr]
    with pytest.raises(ChangedRunError, match=said):
        others.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{SAVED}"))
    outcome("refused, with what is another")


def test_a_search_goes_on_with_the_same_rows_alone(tmp_path: Path) -> None:
    data = small_runs.write_reviews(tmp_path / "data", test=0)
    options = {"n_trials": 1, "num_train_epochs": 1}
    run_search(prepare(tmp_path / "search", **data, **options))
    change(data["train_file"], flip)
    with pytest.raises(StudyError, match=r"was made for another search: `checksums.train` is"):
        run_search(prepare(tmp_path / "search", **data, **{**options, "n_trials": 2}))
