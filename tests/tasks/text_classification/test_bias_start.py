"""The bias that a model of numbers starts with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

from hf_rnn import GruConfig, GruForSequenceClassification
from hf_rnn.tasks.text_classification.bias_start import start_bias
from tests.tasks.small_runs import SMALL, run, write_rows


NUMBERS = [4.0, 5.0, 3.0, 5.0]
REGRESSION = "regression"


def new_model(labels: int = 1) -> GruForSequenceClassification:
    torch.manual_seed(0)
    return GruForSequenceClassification(GruConfig(vocab_size=9, embedding_size=4, hidden_size=3, num_labels=labels))


def rows(labels: list) -> dict[str, Dataset]:
    return {"train": Dataset.from_dict({"input_ids": [[2, 3]] * len(labels), "labels": labels})}


def test_the_bias_is_the_mean_of_the_training_numbers() -> None:
    model, several = new_model(), new_model(2)
    start_bias(model, rows(NUMBERS), REGRESSION)
    assert model.classifier.output.bias.tolist() == [4.25]
    start_bias(several, rows([[1.0, -2.0], [3.0, 4.0]]), REGRESSION)
    assert several.classifier.output.bias.tolist() == [2.0, 1.0]


def test_what_was_learnt_and_what_has_no_mean_stays() -> None:
    model = new_model()
    with torch.no_grad():
        model.classifier.output.bias.fill_(0.5)
    start_bias(model, rows(NUMBERS), REGRESSION)
    assert model.classifier.output.bias.tolist() == [0.5]
    classes = new_model(3)
    start_bias(classes, rows([0, 1, 2, 2]), "single_label_classification")
    start_bias(classes, {}, REGRESSION)
    start_bias(classes, rows([]), REGRESSION)
    assert not classes.classifier.output.bias.any()
    sizes = {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 4}
    stock = BertForSequenceClassification(BertConfig(vocab_size=9, num_labels=1, **sizes))
    start_bias(stock, rows(NUMBERS), REGRESSION)
    assert not stock.classifier.bias.any()


@pytest.mark.parametrize("wide", [True, False])
def test_a_run_starts_there(tmp_path: Path, wide: bool) -> None:
    texts = [(f"film number {index}", 100 + index % 3) for index in range(30)]
    files = {
        "train_file": str(write_rows(tmp_path / "train.csv", texts[:20])),
        "validation_file": str(write_rows(tmp_path / "validation.csv", texts[20:])),
    }
    overrides = SMALL if wide else {**SMALL, "wide_buckets": None}
    options = {"config_overrides": overrides, "num_train_epochs": 1, "learning_rate": 1e-9, "do_predict": False}
    run(tmp_path / "out", problem_type=REGRESSION, **options, **files)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    mean = sum(label for _, label in texts[:20]) / 20
    assert model.classifier.output.bias.item() == pytest.approx(mean, rel=1e-6)
