"""The figure that is counted while training, against the answers of the model to the same rows by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from transformers import set_seed

from hf_rnn import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    BiLstmForTokenClassification,
    GruConfig,
    GruForCausalLM,
    LanguageModelTrainer,
    LanguageTrainingArguments,
    RecurrentTrainer,
    RecurrentTrainingArguments,
)
from hf_rnn.data.batches.collator import PaddingCollator
from hf_rnn.data.batches.streams import TokenizedText, TokenStreams
from tests.training.test_ready_trainer import TOKENIZER


SIZES = {"vocab_size": len(TOKENIZER), "embedding_size": 5, "hidden_size": 4, "pad_token_id": TOKENIZER.pad_token_id}
# So low that the weights of all steps are the same.
STILL = {"learning_rate": 1e-12, "max_grad_norm": 1.0, "num_train_epochs": 2, "use_cpu": True, "disable_tqdm": True}


def rows(labels: Any) -> datasets.Dataset:
    """Twenty texts of one to nine tokens."""
    draw = np.random.default_rng(3)
    ids = [draw.integers(1, len(TOKENIZER), length).tolist() for length in draw.integers(1, 10, 20)]
    return datasets.Dataset.from_dict({"input_ids": ids, "labels": [labels(draw, len(each)) for each in ids]})


def counted(model: Any, data: datasets.Dataset, folder: Path, name: str, **options: Any) -> list[float]:
    """What the log says of each epoch."""
    arguments = RecurrentTrainingArguments(
        str(folder), **{**STILL, "per_device_train_batch_size": 3, "torch_threads": 1, **options}
    )
    collator = PaddingCollator(TOKENIZER, label_padding=-100 if isinstance(data[0]["labels"], list) else None)
    if model.config.problem_type == "multi_label_classification":
        collator = PaddingCollator(TOKENIZER)
    trainer = RecurrentTrainer(model, arguments, collator, data, eval_dataset=data)
    trainer.train()
    return [entry[name] for entry in trainer.state.log_history if name in entry]


def answers(model: Any, data: datasets.Dataset) -> list[np.ndarray]:
    """The logits of each text by itself."""
    model.eval()
    with torch.no_grad():
        return [model(input_ids=torch.tensor([ids])).logits[0].numpy() for ids in data["input_ids"]]


@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 2}, {"class_weights": [1.0, 2.0, 0.5]}])
def test_accuracy_of_classes(tmp_path: Path, options: dict[str, Any]) -> None:
    set_seed(1)
    model = BiLstmForSequenceClassification(BiLstmConfig(**SIZES, num_labels=3))
    data = rows(lambda draw, _: int(draw.integers(3)))
    right = [int(logits.argmax()) == label for logits, label in zip(answers(model, data), data["labels"], strict=True)]
    assert 0 < sum(right) < len(right)
    assert counted(model, data, tmp_path, "accuracy", **options) == [pytest.approx(np.mean(right))] * 2


def test_a_perturbed_batch_does_not_count_twice(tmp_path: Path) -> None:
    set_seed(1)
    model = BiLstmForSequenceClassification(BiLstmConfig(**SIZES, num_labels=2))
    data = rows(lambda draw, _: int(draw.integers(2)))
    right = [int(logits.argmax()) == label for logits, label in zip(answers(model, data), data["labels"], strict=True)]
    found = counted(model, data, tmp_path, "accuracy", adversarial_epsilon=50.0)
    assert found == [pytest.approx(np.mean(right))] * 2


def test_f1_of_several_labels(tmp_path: Path) -> None:
    set_seed(1)
    model = BiLstmForSequenceClassification(
        BiLstmConfig(**SIZES, num_labels=3, problem_type="multi_label_classification", label_threshold=0.45)
    )
    data = rows(lambda draw, _: draw.integers(0, 2, 3).astype(float).tolist())
    chosen = [1 / (1 + np.exp(-logits)) >= 0.45 for logits in answers(model, data)]
    expected = f1_score(np.array(data["labels"]) > 0, np.array(chosen), average="micro")
    assert 0 < expected < 1
    assert counted(model, data, tmp_path, "f1_micro") == [pytest.approx(expected)] * 2


@pytest.mark.parametrize("crf", [False, True])
def test_accuracy_of_tags(tmp_path: Path, crf: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_rnn.training.train_figure.BATCHES_PER_PATH", 1)
    set_seed(1)
    model = BiLstmForTokenClassification(BiLstmConfig(**SIZES, num_labels=3, crf=crf))
    if crf:
        # So that the best path is another than the best labels by themselves.
        torch.nn.init.normal_(model.head.crf.transition, std=2)
    # The third label of each text is none.
    data = rows(lambda draw, length: [-100 if i == 2 else int(draw.integers(3)) for i in range(length)])
    right = [
        found == label
        for logits, labels in zip(answers(model, data), data["labels"], strict=True)
        for found, label in zip(logits.argmax(1).tolist(), labels, strict=True)
        if label != -100
    ]
    assert counted(model, data, tmp_path, "accuracy") == [pytest.approx(np.mean(right))] * 2


def test_a_crf_is_asked_for_every_fourth_batch(tmp_path: Path) -> None:
    model = BiLstmForTokenClassification(BiLstmConfig(**SIZES, num_labels=3, crf=True))
    data = rows(lambda draw, length: [int(draw.integers(3)) for _ in range(length)])
    asked: list[int] = []
    best = model.head.crf.max_marginals
    model.head.crf.max_marginals = lambda *given: asked.append(len(given[0])) or best(*given)
    counted(model, data, tmp_path, "accuracy", eval_strategy="no", save_strategy="no", load_best_model_at_end=False)
    # Seven batches an epoch: the first and the fifth.
    assert len(asked) == 4


def test_numbers_have_no_figure_but_their_loss(tmp_path: Path) -> None:
    model = BiLstmForSequenceClassification(BiLstmConfig(**SIZES, num_labels=1))
    data = rows(lambda draw, _: float(draw.normal()))
    for name in ("accuracy", "mse"):
        assert counted(model, data, tmp_path / name, name) == []


def test_without_evaluations_there_is_a_figure_of_each_epoch(tmp_path: Path) -> None:
    model = BiLstmForSequenceClassification(BiLstmConfig(**SIZES, num_labels=2))
    data = rows(lambda draw, _: int(draw.integers(2)))
    still = {"eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}
    assert len(counted(model, data, tmp_path, "accuracy", **still)) == 2


def test_the_loss_of_a_step_that_is_evaluated_is_logged_too(tmp_path: Path) -> None:
    model = BiLstmForSequenceClassification(BiLstmConfig(**SIZES, num_labels=2))
    data = rows(lambda draw, _: int(draw.integers(2)))
    steps = {"logging_strategy": "steps", "logging_steps": 1, "eval_strategy": "steps", "eval_steps": 3}
    others = {"save_strategy": "no", "load_best_model_at_end": False, "max_steps": 6}
    assert len(counted(model, data, tmp_path, "loss", **steps, **others)) == 6


def test_evaluations_inside_an_epoch_have_the_batches_before_them(tmp_path: Path) -> None:
    set_seed(1)
    model = BiLstmForSequenceClassification(BiLstmConfig(**SIZES, num_labels=2))
    data = rows(lambda draw, _: 0).select([0] * 6)
    # Three steps of one text each, of which the model gets all right or all wrong.
    options = {"eval_strategy": "steps", "eval_steps": 3, "save_strategy": "no", "load_best_model_at_end": False}
    right = float(answers(model, data)[0].argmax() == 0)
    found = counted(model, data, tmp_path, "accuracy", per_device_train_batch_size=1, **options)
    assert found == [right] * 4


def test_a_resumed_epoch_goes_on_with_its_sums(tmp_path: Path) -> None:
    def trainer(folder: str, **options: Any) -> RecurrentTrainer:
        set_seed(1)
        model = BiLstmForSequenceClassification(BiLstmConfig(**SIZES, num_labels=2, dropout=0.3))
        values = {**STILL, "learning_rate": 0.05, "num_train_epochs": 1, "save_strategy": "steps", "save_steps": 2}
        values |= {
            "eval_strategy": "no",
            "load_best_model_at_end": False,
            "per_device_train_batch_size": 3,
            "save_total_limit": 9,
        }
        arguments = RecurrentTrainingArguments(str(tmp_path / folder), **values, **options)
        data = rows(lambda draw, _: int(draw.integers(2)))
        return RecurrentTrainer(model, arguments, PaddingCollator(TOKENIZER), data)

    whole = trainer("whole")
    whole.train()
    resumed = trainer("resumed")
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-4"))
    (one,), (other,) = (
        [entry["accuracy"] for entry in made.state.log_history if "accuracy" in entry] for made in (whole, resumed)
    )
    assert one == other


def test_perplexity_of_a_language_model(tmp_path: Path) -> None:
    set_seed(1)
    model = GruForCausalLM(GruConfig(vocab_size=9, embedding_size=5, hidden_size=4, dropout=0.0))
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, 9, 81))
    text = TokenizedText([ids.int()], characters=81)
    arguments = LanguageTrainingArguments(
        str(tmp_path), **{**STILL, "per_device_train_batch_size": 1, "block_size": 7, "lr_scheduler_type": "constant"}
    )
    streams = TokenStreams(text, 1)
    trainer = LanguageModelTrainer(model, arguments, train_dataset=streams, eval_dataset=streams)
    trainer.train()
    model.eval()
    with torch.no_grad():
        log_probabilities = model(input_ids=ids[None]).logits[0, :-1].log_softmax(1)
    nats = -log_probabilities[torch.arange(80), ids[1:]].mean()
    found = [entry["perplexity"] for entry in trainer.state.log_history if "perplexity" in entry]
    assert found == [pytest.approx(float(nats.exp()), rel=1e-4)] * 2


@pytest.mark.parametrize("values", [{"activation_penalty": 1.0}, {"sampled_softmax": 3}])
def test_another_loss_than_that_of_the_tokens_is_no_perplexity(tmp_path: Path, values: dict[str, Any]) -> None:
    model = GruForCausalLM(GruConfig(vocab_size=9, embedding_size=5, hidden_size=4, **values))
    text = TokenizedText([torch.arange(81, dtype=torch.int32) % 9], characters=81)
    arguments = LanguageTrainingArguments(
        str(tmp_path), **{**STILL, "per_device_train_batch_size": 1, "eval_strategy": "no", "save_strategy": "no"}
    )
    trainer = LanguageModelTrainer(model, arguments, train_dataset=TokenStreams(text, 1))
    trainer.train()
    assert not any("perplexity" in entry for entry in trainer.state.log_history)
