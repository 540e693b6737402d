"""What results.json says of a model, its arguments and its figures."""

from __future__ import annotations

import json
import os
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from transformers import BertConfig, BertForSequenceClassification, TrainingArguments

from hf_rnn.runs.describe import (
    changed_arguments,
    checkpoint_size,
    describe_model,
    non_default_arguments,
    split_metrics,
)
from hf_rnn.training.arguments import RecurrentTrainingArguments


@dataclass
class Arguments:
    train_file: str | None = None
    text_column_names: list[str] = field(default_factory=lambda: ["text"])
    max_length: int = 400


def test_describe_model_counts_parameters_and_bytes(tmp_path: Path) -> None:
    config = BertConfig(
        vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=3
    )
    model = BertForSequenceClassification(config)
    model.save_pretrained(tmp_path)
    described = describe_model(model, tmp_path, base_model="some/base")
    assert described["class"] == "BertForSequenceClassification"
    assert (described["model_type"], described["base_model"]) == ("bert", "some/base")
    assert described["parameters"] == sum(p.numel() for p in model.parameters())
    assert described["size_bytes"] == sum(
        (tmp_path / name).stat().st_size for name in ("model.safetensors", "config.json")
    )
    assert described["dtype"] == "float32"
    assert described["config"]["hidden_size"] == 8
    assert "hidden_act" not in described["config"], "a default is not a choice"
    assert "id2label" not in described["config"]
    assert json.dumps(described)


def test_size_is_that_of_the_checkpoint_only(tmp_path: Path) -> None:
    for name, size in {"model.safetensors": 100, "config.json": 10, "tokenizer.json": 1}.items():
        (tmp_path / name).write_bytes(b"x" * size)
    for name in ("optimizer.pt", "training_args.bin", "learning_curves.png", "results.json"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    assert checkpoint_size(tmp_path) == 111


def test_a_folder_without_weights_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="`folder` must hold safetensors weights"):
        checkpoint_size(tmp_path)


def test_split_metrics_keeps_the_figures() -> None:
    reported = {
        "eval_accuracy": 0.9,
        "eval_loss": 0.3,
        "eval_runtime": 12.0,
        "eval_samples_per_second": 9.0,
        "epoch": 2.0,
    }
    assert split_metrics(reported, "eval") == {"accuracy": 0.9, "loss": 0.3}


def test_default_arguments_are_not_recorded() -> None:
    assert non_default_arguments(TrainingArguments(output_dir="somewhere", hub_token="secret"), Arguments()) == {}


def test_changed_arguments_are_recorded_as_json() -> None:
    training = TrainingArguments(output_dir="x", learning_rate=0.01, lr_scheduler_type="cosine", eval_strategy="epoch")
    recorded = non_default_arguments(training, Arguments(text_column_names=["a", "b"]))
    expected = {"learning_rate": 0.01, "lr_scheduler_type": "cosine", "eval_strategy": "epoch"}
    assert recorded == expected | {"text_column_names": ["a", "b"]}
    assert type(recorded["lr_scheduler_type"]) is str


def test_paths_are_recorded_without_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_RNN_CORPORA", str(tmp_path / "corpora"))
    monkeypatch.chdir(tmp_path)

    def recorded(path: str) -> str:
        return non_default_arguments(Arguments(train_file=path))["train_file"]

    assert recorded(f"{tmp_path}/corpora/imdb/train.parquet") == "${HF_RNN_CORPORA}/imdb/train.parquet"
    assert recorded(f"{tmp_path}/data/train.csv") == "./data/train.csv"
    assert recorded(f"{sysconfig.get_path('purelib')}/vectors.npy") == "<site-packages>/vectors.npy"
    # Behind a name, and in a list.
    assert recorded(f"minilm={sysconfig.get_path('purelib')}/model") == "minilm=<site-packages>/model"
    here = f"{os.getcwd()}/a.csv"
    assert recorded(f"{here}, {here},x:{here}") == "./a.csv, ./a.csv,x:./a.csv"
    assert recorded(f"elsewhere{here}") == f"elsewhere{here}"
    assert recorded("/elsewhere/train.csv") == "/elsewhere/train.csv"
    assert recorded("corpora") == "corpora"


def test_whatever_of_a_tokenizer_is_published_is_counted(tmp_path: Path) -> None:
    for name in ("model.safetensors", "config.json", "added_tokens.json", "spiece.model"):
        (tmp_path / name).write_bytes(b"1234")
    (tmp_path / "optimizer.pt").write_bytes(b"1234")
    assert checkpoint_size(tmp_path) == 16


def test_objects_of_arguments_are_written_as_what_they_hold() -> None:
    training = TrainingArguments(output_dir="somewhere", accelerator_config={"split_batches": True})
    assert non_default_arguments(training)["accelerator_config"]["split_batches"] is True


def test_what_json_cannot_hold_is_named() -> None:
    training = TrainingArguments(output_dir="somewhere", lr_scheduler_kwargs={"curve": object()})
    with pytest.raises(ValueError, match="`lr_scheduler_kwargs`=.* could not be written into results.json"):
        non_default_arguments(training)


def test_defaults_leave_the_devices_of_the_process_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments that are made with other devices would end the group of several processes."""
    chosen = []
    original = RecurrentTrainingArguments.__post_init__

    def noted(self: RecurrentTrainingArguments) -> None:
        chosen.append(self.use_cpu)
        original(self)

    arguments = RecurrentTrainingArguments(str(tmp_path), use_cpu=True, seed=7)
    monkeypatch.setattr(RecurrentTrainingArguments, "__post_init__", noted)
    changed = changed_arguments(arguments)
    assert chosen == [True]
    assert (changed["use_cpu"], changed["seed"]) == (True, 7)
