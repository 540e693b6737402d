"""Weights of the classes in a Trainer: torch's cross-entropy with them, whatever the micro-batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import BertForSequenceClassification, PreTrainedModel

from hf_rnn import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    BiLstmForTokenClassification,
    GruConfig,
    GruForCausalLM,
    RecurrentTrainer,
    RecurrentTrainingArguments,
)
from hf_rnn.training.techniques.class_weights import class_weights_of
from tests.training.accumulation_cases import CASES, NAMES, SIZES
from tests.training.test_accumulation import difference


WEIGHTS = [0.5, 2.0, 3.0]


def weighted(weights: list[float], smoothing: float = 0.0) -> Any:
    """torch's loss of one whole batch."""

    def loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        weight = torch.tensor(weights, dtype=logits.dtype)
        labels = batch["labels"].flatten()
        return functional.cross_entropy(
            logits.flatten(0, -2), labels, weight=weight, label_smoothing=smoothing, ignore_index=-100
        )

    return loss


@pytest.mark.parametrize("name", ["classes", "tags", "BERT, classes", "BERT, tags"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_accumulated_steps_are_those_of_torch_on_the_large_batch(name: str, smoothing: float, tmp_path: Path) -> None:
    options = {"class_weights": WEIGHTS, "label_smoothing_factor": smoothing}
    apart, moved = difference(replace(CASES[name], arguments=options, loss=weighted(WEIGHTS, smoothing)), tmp_path)
    assert moved > 1e-3
    assert apart < 1e-6
    # Without the weights it is another loss: the comparison above can tell.
    other, _ = difference(replace(CASES[name], arguments=options, loss=weighted([1.0, 1.0, 1.0], smoothing)), tmp_path)
    assert other > 1e-4


def test_balanced_counts_the_training_rows(tmp_path: Path) -> None:
    case = CASES["classes"]
    args = RecurrentTrainingArguments(str(tmp_path), use_cpu=True, class_weights="balanced")
    made = RecurrentTrainer(case.model(), args, case.collator, list(case.rows))
    labels = [row["labels"] for row in case.rows if row["labels"] >= 0]
    expected = [len(labels) / (3 * labels.count(label)) for label in range(3)]
    torch.testing.assert_close(made._class_weights, torch.tensor(expected))
    # The constructor's come before those of the arguments.
    made = RecurrentTrainer(case.model(), args, case.collator, list(case.rows), class_weights=WEIGHTS)
    torch.testing.assert_close(made._class_weights, torch.tensor(WEIGHTS))
    assert args.class_weights == "balanced"


def test_evaluations_are_not_weighed(tmp_path: Path) -> None:
    case = CASES["classes"]
    model = case.model()
    rows = [row for row in case.rows if row["labels"] >= 0]
    args = RecurrentTrainingArguments(str(tmp_path), use_cpu=True, eval_strategy="no", load_best_model_at_end=False)
    losses = [
        RecurrentTrainer(model, args, case.collator, rows, rows, class_weights=weights).evaluate()["eval_loss"]
        for weights in (None, WEIGHTS)
    ]
    assert losses[0] == losses[1]


MODELS = {
    "a CRF": lambda: BiLstmForTokenClassification(BiLstmConfig(crf=True, **NAMES, **SIZES)),
    "a language model": lambda: GruForCausalLM(GruConfig(**SIZES)),
    "regression": lambda: BiLstmForSequenceClassification(BiLstmConfig(num_labels=1, **SIZES)),
    "several labels": lambda: BiLstmForSequenceClassification(
        BiLstmConfig(problem_type="multi_label_classification", num_labels=3, **SIZES)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_losses_that_are_of_no_classes_take_no_weights(name: str) -> None:
    model: PreTrainedModel = MODELS[name]()
    with pytest.raises(ValueError, match=r"`class_weights`=\[0.5, 2.0, 3.0\] weigh the classes.*give no weights"):
        class_weights_of(model, WEIGHTS, None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("rare", "`class_weights`='rare' must be 'balanced' or a number for each class"),
        ([1.0, -1.0, 1.0], "must be finite numbers of at least 0"),
        ("0,0,0", "not all of them 0"),
        ("1,2", r"`class_weights`=\[1.0, 2.0\] are 2; they must be 3, one for each of 'LABEL_0'"),
    ],
)
def test_weights_that_do_not_fit(given: Any, message: str, tmp_path: Path) -> None:
    case = CASES["classes"]
    with pytest.raises(ValueError, match=message):
        RecurrentTrainer(case.model(), None, case.collator, list(case.rows), class_weights=given)


def test_a_stock_model_with_a_loss_function_of_ones_own(tmp_path: Path) -> None:
    """It is given the labels of the whole step, and so is not divided by them again."""
    case = CASES["BERT, classes"]

    def of_the_sum(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        total = functional.cross_entropy(outputs.logits, labels, reduction="sum", ignore_index=-100)
        return total / num_items_in_batch

    assert issubclass(type(case.model()), BertForSequenceClassification)
    apart, _ = difference(replace(case, options={"compute_loss_func": of_the_sum}), tmp_path)
    assert apart < 1e-6
