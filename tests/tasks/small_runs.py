"""Small text classification runs: synthetic reviews in files, and the arguments of a run that takes a second."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    HfArgumentParser,
    PreTrainedModel,
    TrainerCallback,
)

from hf_rnn.data.readers.texts import DataArguments
from hf_rnn.data.synthetic.reviews import LABEL_NAMES, generate_reviews
from hf_rnn.tasks.arguments import ModelArguments, ReportArguments, TokenizerArguments
from hf_rnn.tasks.text_classification.task import run_text_classification
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.ready_trainer import ReadyTrainer
from hf_rnn.training.trainer import RecurrentTrainer


GROUPS = (ModelArguments, DataArguments, TokenizerArguments, ReportArguments, RecurrentTrainingArguments)
SMALL = {"embedding_size": 8, "hidden_size": 6}


def write_rows(path: Path, rows: Iterable[Sequence[Any]]) -> Path:
    """A csv file of texts and labels."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def write_reviews(folder: Path, *, train: int = 60, validation: int = 20, test: int = 20) -> dict[str, str]:
    """Reviews in a csv file for each split, named by the flags that read them."""
    folder.mkdir(parents=True, exist_ok=True)
    reviews = iter(generate_reviews(train + validation + test, seed=5))
    flags = {}
    for split, size in {"train": train, "validation": validation, "test": test}.items():
        rows = [
            (review["text"], LABEL_NAMES[review["label"]]) for _, review in zip(range(size), reviews, strict=False)
        ]
        if rows:
            flags[f"{split}_file"] = str(write_rows(folder / f"{split}.csv", rows))
    return flags


def texts_and_labels(path: str | Path) -> list[tuple[str, str]]:
    """The rows of a csv file."""
    with open(path, encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def flags(output: Path, **changes: Any) -> dict[str, Any]:
    """Arguments of a small run; `config_overrides` may be a dictionary."""
    values: dict[str, Any] = {
        "output_dir": str(output),
        "config_overrides": SMALL,
        "min_frequency": 1,
        "per_device_train_batch_size": 8,
        "num_train_epochs": 2,
        "logging_steps": 1,
        "learning_rate": 0.01,
        "do_train": True,
        "do_predict": True,
        "use_cpu": True,
        "disable_tqdm": True,
        "seed": 1,
        **changes,
    }
    if "model_name_or_path" in changes and "config_overrides" not in changes:
        del values["config_overrides"]
    if isinstance(values.get("config_overrides"), dict):
        values["config_overrides"] = json.dumps(values["config_overrides"])
    return values


def run(output: Path, **changes: Any) -> dict[str, Any]:
    """Run with the arguments of `flags`; the results document."""
    return run_text_classification(*HfArgumentParser(GROUPS).parse_dict(flags(output, **changes)))


def save_tiny_bert(
    folder: Path,
    texts: Iterable[str],
    *,
    head: type[PreTrainedModel] = BertForSequenceClassification,
    limit: int = 24,
    **config: Any,
) -> Path:
    """A stock BERT of at most `limit` pieces that starts at random, with a WordPiece tokenizer trained on `texts`."""
    trained = tokenizers.BertWordPieceTokenizer()
    trained.train_from_iterator(texts, vocab_size=300, min_frequency=1, show_progress=False)
    tokenizer = BertTokenizer(vocab=trained.get_vocab(), model_max_length=limit)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    head(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=limit, **{**sizes, **config})).save_pretrained(
        folder
    )
    tokenizer.save_pretrained(folder)
    return folder


class Steps(TrainerCallback):
    """Notes the steps that are trained, and takes the machine down after one of them."""

    def __init__(self, last: int | None = None) -> None:
        self.last = last
        self.seen: list[int] = []

    def on_step_end(self, args, state, control, **kwargs) -> None:
        self.seen.append(state.global_step)
        if state.global_step == self.last:
            raise RuntimeError("the machine went down")


def refuse(*args: Any, **kwargs: Any) -> None:
    """Stand in for the training of a tokenizer, and fail."""
    raise AssertionError("a resumed run must read the tokenizer of its checkpoint, not train another")


def watch(monkeypatch: pytest.MonkeyPatch, callback: TrainerCallback) -> None:
    """Have `callback` called in the runs that follow."""

    def watched(self: RecurrentTrainer, *args: Any, **kwargs: Any) -> None:
        ReadyTrainer.__init__(self, *args, **kwargs)
        self.add_callback(callback)

    # Of its kinds, too: a task may have one of its own.
    monkeypatch.setattr(RecurrentTrainer, "__init__", watched)
